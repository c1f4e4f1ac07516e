//! Two connected streams without a key: co-map, co-flat-map, co-process.
//!
//! One operator runs a [`CoProcessFunction`]; the closures of the other two are dressed up as one.

use crate::keys::in_turn;
use flott_api::function::position::Position;
use flott_api::function::{CoProcessFunction, Collector, OpenContext, ProcessContext, SideOutputs};
use flott_api::operator::Progress;
use flott_api::{Operator, OperatorContext, OperatorFactory, Output};
use flott_core::{Batch, Data, Error, Result};
use std::marker::PhantomData;

/// Runs a [`CoProcessFunction`].
pub struct CoProcess<F>(F);

impl<F: CoProcessFunction> CoProcess<F> {
    /// The operator of a function.
    pub fn new(function: F) -> Self {
        CoProcess(function)
    }
}

impl<F: CoProcessFunction> OperatorFactory for CoProcess<F> {
    fn create(&self) -> Result<Box<dyn Operator>> {
        Ok(Box::new(CoProcessOperator {
            function: self.0.clone(),
            position: Position::default(),
            collector: Collector::new(),
            side: SideOutputs::new(),
        }))
    }
}

/// Replaces each record of the first input by `f1(record)`, each of the second by `f2(record)`.
pub struct CoMap;

impl CoMap {
    /// The operator of two closures.
    #[expect(clippy::new_ret_no_self, reason = "the closures are turned into a function of two inputs")]
    pub fn new<A, B, U>(
        mut f1: impl FnMut(A) -> U + Clone + Send + Sync + 'static,
        mut f2: impl FnMut(B) -> U + Clone + Send + Sync + 'static,
    ) -> CoProcess<impl CoProcessFunction<In1 = A, In2 = B, Out = U>>
    where
        A: Data,
        B: Data,
        U: Data,
    {
        CoFlatMap::new(
            move |row, out: &mut Collector<U>| out.collect(f1(row)),
            move |row, out: &mut Collector<U>| out.collect(f2(row)),
        )
    }
}

/// Calls `f1(record, out)` and `f2(record, out)` with the records of the first and the second input.
pub struct CoFlatMap;

impl CoFlatMap {
    /// The operator of two closures.
    #[expect(clippy::new_ret_no_self, reason = "the closures are turned into a function of two inputs")]
    pub fn new<A, B, U>(
        f1: impl FnMut(A, &mut Collector<U>) + Clone + Send + Sync + 'static,
        f2: impl FnMut(B, &mut Collector<U>) + Clone + Send + Sync + 'static,
    ) -> CoProcess<impl CoProcessFunction<In1 = A, In2 = B, Out = U>>
    where
        A: Data,
        B: Data,
        U: Data,
    {
        CoProcess::new(Closures { f1, f2, rows: PhantomData::<fn(A, B) -> U> })
    }
}

struct Closures<A, B, U, F1, F2> {
    f1: F1,
    f2: F2,
    rows: PhantomData<fn(A, B) -> U>,
}

impl<A, B, U, F1: Clone, F2: Clone> Clone for Closures<A, B, U, F1, F2> {
    fn clone(&self) -> Self {
        Closures { f1: self.f1.clone(), f2: self.f2.clone(), rows: PhantomData }
    }
}

impl<A, B, U, F1, F2> CoProcessFunction for Closures<A, B, U, F1, F2>
where
    A: Data,
    B: Data,
    U: Data,
    F1: FnMut(A, &mut Collector<U>) + Clone + Send + Sync + 'static,
    F2: FnMut(B, &mut Collector<U>) + Clone + Send + Sync + 'static,
{
    type In1 = A;
    type In2 = B;
    type Out = U;

    fn process1(&mut self, value: A, _: &mut ProcessContext<'_>, out: &mut Collector<U>) -> Result<()> {
        (self.f1)(value, out);
        Ok(())
    }

    fn process2(&mut self, value: B, _: &mut ProcessContext<'_>, out: &mut Collector<U>) -> Result<()> {
        (self.f2)(value, out);
        Ok(())
    }
}

struct CoProcessOperator<F: CoProcessFunction> {
    function: F,
    position: Position,
    collector: Collector<F::Out>,
    side: SideOutputs,
}

impl<F: CoProcessFunction> CoProcessOperator<F> {
    fn each<T: Data>(
        &mut self,
        batch: Batch,
        cx: &mut OperatorContext,
        out: &mut dyn Output,
        call: impl Fn(&mut F, T, &mut ProcessContext<'_>, &mut Collector<F::Out>) -> Result<()>,
    ) -> Result<()> {
        let (rows, times) = batch.into_rows::<T>()?;
        let mut at = self.position.batch(rows.len());
        let mut times = in_turn(times);
        let mut cx = ProcessContext::new(cx, &mut self.side);
        for row in rows {
            at.next();
            let time = times.next();
            cx.set_time(time);
            self.collector.set_time(time);
            at.check(call(&mut self.function, row, &mut cx, &mut self.collector))?;
            self.collector.flush_if_full(out)?;
            cx.side_outputs().flush_if_full(out)?;
        }
        drop(at);
        self.collector.flush(out)?;
        self.side.flush(out)
    }
}

impl<F: CoProcessFunction> Operator for CoProcessOperator<F> {
    fn open(&mut self, cx: &mut OperatorContext) -> Result<()> {
        self.function.open(&mut OpenContext::new(cx))
    }

    fn process(&mut self, input: usize, batch: Batch, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        match input {
            0 => self.each(batch, cx, out, F::process1),
            1 => self.each(batch, cx, out, F::process2),
            _ => Err(no_such_input(input)),
        }
    }

    fn finish(&mut self, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<Progress> {
        self.collector.set_time(None);
        self.function.finish(&mut ProcessContext::new(cx, &mut self.side), &mut self.collector)?;
        self.collector.flush(out)?;
        self.side.flush(out)?;
        Ok(Progress::Done)
    }
}

#[cold]
pub(crate) fn no_such_input(input: usize) -> Error {
    Error::internal(format!("an operator of two inputs is given a batch for input {input}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::Harness;

    #[test]
    fn co_map_has_a_function_per_input() {
        let mut harness = Harness::new(CoMap::new(|n: u32| n.to_string(), |text: String| text.to_uppercase()));
        harness.process_on(0, vec![(1u32, 5)]).unwrap();
        harness.process_on(1, vec![("a".to_owned(), 7)]).unwrap();
        assert_eq!(harness.take_timed::<String>(), [("1".to_owned(), Some(5)), ("A".to_owned(), Some(7))]);
    }

    #[test]
    fn co_flat_map_collects_any_number() {
        let twice = |n: u32, out: &mut Collector<u32>| (0..2).for_each(|_| out.collect(n));
        let mut harness = Harness::new(CoFlatMap::new(twice, |_: String, _: &mut Collector<u32>| {}));
        harness.process_on(0, vec![(1u32, 5)]).unwrap();
        harness.process_on(1, vec![("a".to_owned(), 7)]).unwrap();
        assert_eq!(harness.take::<u32>(), [1, 1]);
        assert!(harness.process_on(2, vec![(1u32, 5)]).is_err());
    }
}
