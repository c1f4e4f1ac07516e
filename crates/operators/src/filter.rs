//! Some of the records.

use flott_api::function::position::{Guard, Position};
use flott_api::{Operator, OperatorContext, OperatorFactory, Output};
use flott_core::{Batch, Data, EventTime, Result};
use std::marker::PhantomData;

/// Keeps the records for which `f(&record)` is true, with their times.
pub struct Filter<T, F> {
    f: F,
    rows: PhantomData<fn(T)>,
}

impl<T: Data, F: FnMut(&T) -> bool + Clone + Send + Sync + 'static> Filter<T, F> {
    /// The operator of a closure.
    pub fn new(f: F) -> Self {
        Filter { f, rows: PhantomData }
    }
}

impl<T: Data, F: FnMut(&T) -> bool + Clone + Send + Sync + 'static> OperatorFactory for Filter<T, F> {
    fn create(&self) -> Result<Box<dyn Operator>> {
        Ok(Box::new(FilterOperator { f: self.f.clone(), position: Position::default(), rows: PhantomData }))
    }
}

struct FilterOperator<T, F> {
    f: F,
    position: Position,
    rows: PhantomData<fn(T)>,
}

impl<T: Data, F: FnMut(&T) -> bool + Send> Operator for FilterOperator<T, F> {
    fn process(&mut self, _: usize, batch: Batch, _: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        let (mut rows, mut times) = batch.into_rows::<T>()?;
        let mut at = self.position.batch(rows.len());
        match &mut times {
            Some(times) => keep_timed(&mut rows, times, &mut self.f, &mut at),
            None => keep(&mut rows, &mut self.f, &mut at),
        }
        drop(at);
        if rows.is_empty() { Ok(()) } else { out.emit(Batch::timed(rows, times)) }
    }
}

/// Up to this size a row is moved whether it is kept or not: that is cheaper than a branch that is often mispredicted.
const MOVE_ALWAYS_BYTES: usize = 32;

#[inline]
fn keep<T>(rows: &mut Vec<T>, f: &mut impl FnMut(&T) -> bool, at: &mut Guard) {
    if size_of::<T>() > MOVE_ALWAYS_BYTES {
        return rows.retain(|row| {
            at.next();
            f(row)
        });
    }
    let mut kept = 0;
    for n in 0..rows.len() {
        at.next();
        let keep = f(&rows[n]);
        rows.swap(kept, n);
        kept += usize::from(keep);
    }
    rows.truncate(kept);
}

#[inline]
fn keep_timed<T>(rows: &mut Vec<T>, times: &mut Vec<EventTime>, f: &mut impl FnMut(&T) -> bool, at: &mut Guard) {
    let mut kept = 0;
    // Both lengths are the same; saying so spares the checks in the loop.
    let times_slice = &mut times[..rows.len()];
    for n in 0..rows.len() {
        at.next();
        let keep = f(&rows[n]);
        if size_of::<T>() <= MOVE_ALWAYS_BYTES || keep {
            rows.swap(kept, n);
            times_slice[kept] = times_slice[n];
        }
        kept += usize::from(keep);
    }
    rows.truncate(kept);
    times.truncate(kept);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::Harness;

    #[test]
    fn rows_and_times_are_kept_together() {
        let mut harness = Harness::new(Filter::new(|n: &u64| n.is_multiple_of(3)));
        harness.process_timed((0..20u64).map(|n| (n, n as i64 * 10)).collect()).unwrap();
        let expected: Vec<_> = (0..20u64).step_by(3).map(|n| (n, Some(n as i64 * 10))).collect();
        assert_eq!(harness.take_timed::<u64>(), expected);
    }

    #[test]
    fn large_rows_and_rows_without_time() {
        let mut harness = Harness::new(Filter::new(|row: &(String, [u64; 8])| row.0 != "b"));
        let row = |name: &str| (name.to_owned(), [7; 8]);
        harness.process(["a", "b", "c", "b"].map(row).to_vec()).unwrap();
        assert_eq!(harness.take::<(String, [u64; 8])>(), ["a", "c"].map(row));
        harness.process_timed(["b", "a", "b", "c"].map(|n| (row(n), 1)).to_vec()).unwrap();
        assert_eq!(harness.take::<(String, [u64; 8])>(), ["a", "c"].map(row));
    }

    #[test]
    fn nothing_is_emitted_when_nothing_is_kept() {
        let mut harness = Harness::new(Filter::new(|_: &u64| false));
        harness.process(vec![1u64, 2]).unwrap();
        assert_eq!(harness.batches(), 0);
    }
}
