//! One record for each record.

use flott_api::function::position::Position;
use flott_api::{Operator, OperatorContext, OperatorFactory, Output};
use flott_core::{Batch, Data, Error, Result};
use std::marker::PhantomData;

/// Replaces each record by `f(record)`. Times stay.
pub struct Map<T, U, F> {
    f: F,
    rows: PhantomData<fn(T) -> U>,
}

impl<T: Data, U: Data, F: FnMut(T) -> U + Clone + Send + Sync + 'static> Map<T, U, F> {
    /// The operator of a closure.
    pub fn new(f: F) -> Self {
        Map { f, rows: PhantomData }
    }
}

impl<T: Data, U: Data, F: FnMut(T) -> U + Clone + Send + Sync + 'static> OperatorFactory for Map<T, U, F> {
    fn create(&self) -> Result<Box<dyn Operator>> {
        Ok(Box::new(MapOperator { f: self.f.clone(), position: Position::default(), rows: self.rows }))
    }
}

struct MapOperator<T, U, F> {
    f: F,
    position: Position,
    rows: PhantomData<fn(T) -> U>,
}

impl<T: Data, U: Data, F: FnMut(T) -> U + Send> Operator for MapOperator<T, U, F> {
    fn process(&mut self, _: usize, batch: Batch, _: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        let (rows, times) = batch.into_rows::<T>()?;
        let mut at = self.position.batch(rows.len());
        let f = &mut self.f;
        // The rows stay where they are in memory when both types have the same layout.
        let rows = rows.into_iter().map(|row| {
            at.next();
            f(row)
        });
        let rows: Vec<U> = rows.collect();
        out.emit(Batch::timed(rows, times))
    }
}

/// Replaces each record by what `f` makes of it, which may fail.
pub struct TryMap<T, U, E, F> {
    f: F,
    rows: PhantomData<fn(T) -> Result<U, E>>,
}

impl<T, U, E, F> TryMap<T, U, E, F>
where
    T: Data,
    U: Data,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    F: FnMut(T) -> Result<U, E> + Clone + Send + Sync + 'static,
{
    /// The operator of a closure.
    pub fn new(f: F) -> Self {
        TryMap { f, rows: PhantomData }
    }
}

impl<T, U, E, F> OperatorFactory for TryMap<T, U, E, F>
where
    T: Data,
    U: Data,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    F: FnMut(T) -> Result<U, E> + Clone + Send + Sync + 'static,
{
    fn create(&self) -> Result<Box<dyn Operator>> {
        Ok(Box::new(TryMapOperator { f: self.f.clone(), position: Position::default(), rows: self.rows }))
    }
}

struct TryMapOperator<T, U, E, F> {
    f: F,
    position: Position,
    rows: PhantomData<fn(T) -> Result<U, E>>,
}

impl<T, U, E, F> Operator for TryMapOperator<T, U, E, F>
where
    T: Data,
    U: Data,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
    F: FnMut(T) -> Result<U, E> + Send,
{
    fn process(&mut self, _: usize, batch: Batch, _: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        let (rows, times) = batch.into_rows::<T>()?;
        let mut at = self.position.batch(rows.len());
        let f = &mut self.f;
        let rows = rows.into_iter().map(|row| {
            at.next();
            at.check(f(row).map_err(Error::from_user))
        });
        let rows = rows.collect::<Result<Vec<U>>>()?;
        out.emit(Batch::timed(rows, times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::Harness;

    #[test]
    fn each_record_is_replaced_and_keeps_its_time() {
        let mut harness = Harness::new(Map::new(|n: u32| n.to_string()));
        harness.process_timed(vec![(1u32, 10), (2, 5)]).unwrap();
        harness.process(vec![3u32]).unwrap();
        let rows = ["1", "2", "3"].map(str::to_owned);
        assert_eq!(harness.take_timed::<String>(), rows.into_iter().zip([Some(10), Some(5), None]).collect::<Vec<_>>());
    }

    #[test]
    fn a_failure_names_the_record() {
        let mut harness = Harness::new(TryMap::new(|text: String| text.parse::<u64>()));
        harness.process(vec!["1".to_owned(), "2".to_owned()]).unwrap();
        let error = harness.process(vec!["3".to_owned(), "x".to_owned()]).unwrap_err();
        assert_eq!(error.to_string(), "invalid digit found in string (in record 4 of its input)");
        assert_eq!(error.kind(), flott_core::ErrorKind::Data);
    }

    #[test]
    fn a_panic_leaves_the_record_for_the_runtime() {
        let mut harness = Harness::new(Map::new(|n: u32| 10 / n));
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| harness.process(vec![5u32, 2, 0, 1])));
        assert!(caught.is_err());
        assert_eq!(crate::position::take(), Some(crate::position::Place::Record(3)));
    }
}
