//! Two connected keyed streams: both sides see the same state and timers.

use crate::co_process::no_such_input;
use crate::fire::{Due, advance_event_time, fire_into};
use crate::keyed_process::opened;
use crate::keys::{Keys, Selector, in_turn, keyed_rows, keyed_state};
use flott_api::function::position::Position;
use flott_api::function::{Collector, KeyedCoProcessFunction, KeyedContext, KeyedOpenContext, SideOutputs, TimerIds};
use flott_api::operator::Progress;
use flott_api::{KeyedRows, Operator, OperatorContext, OperatorFactory, Output};
use flott_core::{Batch, Data, Key, KeyGroupRange, MaxParallelism, ProcessingTime, Result, Watermark};
use flott_state::{AnyKeyedState, StateAccess};

/// Runs a [`KeyedCoProcessFunction`].
pub struct KeyedCoProcess<F: KeyedCoProcessFunction> {
    selector1: Selector<F::In1, F::Key>,
    selector2: Selector<F::In2, F::Key>,
    function: F,
}

impl<F: KeyedCoProcessFunction> KeyedCoProcess<F> {
    /// The operator of a function over the keys that the selectors find on the first and the second input.
    pub fn new(selector1: Selector<F::In1, F::Key>, selector2: Selector<F::In2, F::Key>, function: F) -> Self {
        KeyedCoProcess { selector1, selector2, function }
    }
}

impl<F: KeyedCoProcessFunction> OperatorFactory for KeyedCoProcess<F> {
    fn create(&self) -> Result<Box<dyn Operator>> {
        let common = Common {
            function: self.function.clone(),
            timers: None,
            position: Position::default(),
            collector: Collector::new(),
            side: SideOutputs::new(),
        };
        let (keys1, keys2) = (Keys::new(self.selector1.clone()), Keys::new(self.selector2.clone()));
        Ok(Box::new(KeyedCoProcessOperator { keys1, keys2, common }))
    }

    fn keyed_state(&self, max: MaxParallelism, range: KeyGroupRange) -> Option<Box<dyn AnyKeyedState>> {
        keyed_state::<F::Key>(max, range)
    }

    fn keyed_rows(&self, input: usize) -> Option<Box<dyn KeyedRows>> {
        if input == 0 { keyed_rows(&self.selector1) } else { keyed_rows(&self.selector2) }
    }
}

struct KeyedCoProcessOperator<F: KeyedCoProcessFunction> {
    keys1: Keys<F::In1, F::Key>,
    keys2: Keys<F::In2, F::Key>,
    common: Common<F>,
}

/// What both inputs share.
struct Common<F: KeyedCoProcessFunction> {
    function: F,
    timers: Option<TimerIds>,
    position: Position,
    collector: Collector<F::Out>,
    side: SideOutputs,
}

type Call<F, T, K, U> = fn(&mut F, T, &mut KeyedContext<'_, K>, &mut Collector<U>) -> Result<()>;

impl<F: KeyedCoProcessFunction> Common<F> {
    fn each<T: Data>(
        &mut self,
        keys: &mut Keys<T, F::Key>,
        batch: Batch,
        cx: &mut OperatorContext,
        out: &mut dyn Output,
        call: Call<F, T, F::Key, F::Out>,
    ) -> Result<()>
    where
        F::Key: Key,
    {
        let (rows, times) = batch.into_rows::<T>()?;
        let mut at = self.position.batch(rows.len());
        let keys = keys.of(&rows, cx)?;
        let mut times = in_turn(times);
        let mut cx = KeyedContext::new(cx, opened(self.timers)?, &mut self.side)?;
        cx.keyed_state().load(keys.keys, keys.slots)?;
        for (n, (row, (key, slot))) in rows.into_iter().zip(keys.iter()).enumerate() {
            at.next();
            keys.fetch_ahead(n, |slots| cx.keyed_state().prefetch(slots));
            let time = times.next();
            cx.set_key_at(key, slot);
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

    fn fire(&mut self, due: Due, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<Progress> {
        let cx = KeyedContext::new(cx, opened(self.timers)?, &mut self.side)?;
        fire_into(cx, due, &mut self.collector, out, |timer, cx, out| self.function.on_timer(timer, cx, out))
    }
}

impl<F: KeyedCoProcessFunction> Operator for KeyedCoProcessOperator<F> {
    fn open(&mut self, cx: &mut OperatorContext) -> Result<()> {
        self.common.timers = Some(TimerIds::register(cx.keyed::<F::Key>()?)?);
        self.common.function.open(&mut KeyedOpenContext::new(cx)?)
    }

    fn process(&mut self, input: usize, batch: Batch, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        match input {
            0 => self.common.each(&mut self.keys1, batch, cx, out, F::process1),
            1 => self.common.each(&mut self.keys2, batch, cx, out, F::process2),
            _ => Err(no_such_input(input)),
        }
    }

    fn advance_event_time(
        &mut self,
        to: Watermark,
        cx: &mut OperatorContext,
        out: &mut dyn Output,
    ) -> Result<Progress> {
        advance_event_time(to, cx, |due, cx| self.common.fire(due, cx, out))
    }

    fn advance_processing_time(
        &mut self,
        now: ProcessingTime,
        cx: &mut OperatorContext,
        out: &mut dyn Output,
    ) -> Result<Progress> {
        self.common.fire(Due::Processing(now), cx, out)
    }

    fn finish(&mut self, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<Progress> {
        let Common { function, timers, collector, side, .. } = &mut self.common;
        collector.set_time(None);
        let mut cx = KeyedContext::new(cx, opened(*timers)?, side)?;
        cx.clear_key();
        function.finish(&mut cx, collector)?;
        collector.flush(out)?;
        side.flush(out)?;
        Ok(Progress::Done)
    }
}

#[cfg(test)]
mod tests;
