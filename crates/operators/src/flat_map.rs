//! Any number of records for each record.

use crate::keys::in_turn;
use flott_api::function::Collector;
use flott_api::function::position::Position;
use flott_api::{Operator, OperatorContext, OperatorFactory, Output};
use flott_core::{Batch, Data, Result};
use std::marker::PhantomData;

/// Calls `f(record, out)`, which collects as many results as it likes. They have the record's time.
pub struct FlatMap<T, U, F> {
    f: F,
    rows: PhantomData<fn(T) -> U>,
}

impl<T: Data, U: Data, F: FnMut(T, &mut Collector<U>) + Clone + Send + Sync + 'static> FlatMap<T, U, F> {
    /// The operator of a closure.
    pub fn new(f: F) -> Self {
        FlatMap { f, rows: PhantomData }
    }
}

impl<T, U, F> OperatorFactory for FlatMap<T, U, F>
where
    T: Data,
    U: Data,
    F: FnMut(T, &mut Collector<U>) + Clone + Send + Sync + 'static,
{
    fn create(&self) -> Result<Box<dyn Operator>> {
        let (f, position, collector) = (self.f.clone(), Position::default(), Collector::new());
        Ok(Box::new(FlatMapOperator::<T, U, F> { f, position, collector, rows: PhantomData }))
    }
}

struct FlatMapOperator<T, U, F> {
    f: F,
    position: Position,
    collector: Collector<U>,
    rows: PhantomData<fn(T)>,
}

impl<T: Data, U: Data, F: FnMut(T, &mut Collector<U>) + Send> Operator for FlatMapOperator<T, U, F> {
    fn process(&mut self, _: usize, batch: Batch, _: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        let (rows, times) = batch.into_rows::<T>()?;
        let mut at = self.position.batch(rows.len());
        let mut times = in_turn(times);
        for row in rows {
            at.next();
            self.collector.set_time(times.next());
            (self.f)(row, &mut self.collector);
            self.collector.flush_if_full(out)?;
        }
        drop(at);
        self.collector.flush(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::Harness;

    #[test]
    fn results_have_the_time_of_their_record() {
        let split = |line: String, out: &mut Collector<String>| line.split(' ').for_each(|w| out.collect(w.to_owned()));
        let mut harness = Harness::new(FlatMap::new(split));
        harness.process_timed(vec![("a b".to_owned(), 1), ("c".to_owned(), 2)]).unwrap();
        let expected = [("a", Some(1)), ("b", Some(1)), ("c", Some(2))].map(|(w, t)| (w.to_owned(), t));
        assert_eq!(harness.take_timed::<String>(), expected);
    }

    #[test]
    fn many_results_go_on_in_batches_of_bounded_size() {
        let mut harness =
            Harness::new(FlatMap::new(|n: u64, out: &mut Collector<u64>| (0..n).for_each(|i| out.collect(i))));
        harness.process(vec![3000u64; 10]).unwrap();
        assert_eq!(harness.batches(), 5, "a batch goes on as soon as it has 4096 rows");
        assert_eq!(harness.take::<u64>().len(), 30_000);
    }
}
