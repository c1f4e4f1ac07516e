//! A process function of a keyed stream: state, timers, side outputs.

use crate::fire::{Due, advance_event_time, fire_into};
use crate::keys::{Keys, Selector, in_turn, keyed_rows, keyed_state};
use flott_api::function::position::Position;
use flott_api::function::{Collector, KeyedContext, KeyedOpenContext, KeyedProcessFunction, SideOutputs, TimerIds};
use flott_api::operator::Progress;
use flott_api::{KeyedRows, Operator, OperatorContext, OperatorFactory, Output};
use flott_core::{Batch, Error, KeyGroupRange, MaxParallelism, ProcessingTime, Result, Watermark};
use flott_state::{AnyKeyedState, StateAccess};

/// Runs a [`KeyedProcessFunction`].
pub struct KeyedProcess<F: KeyedProcessFunction> {
    selector: Selector<F::In, F::Key>,
    function: F,
}

impl<F: KeyedProcessFunction> KeyedProcess<F> {
    /// The operator of a function over the keys that `selector` finds.
    pub fn new(selector: Selector<F::In, F::Key>, function: F) -> Self {
        KeyedProcess { selector, function }
    }
}

impl<F: KeyedProcessFunction> OperatorFactory for KeyedProcess<F> {
    fn create(&self) -> Result<Box<dyn Operator>> {
        Ok(Box::new(KeyedProcessOperator {
            keys: Keys::new(self.selector.clone()),
            function: self.function.clone(),
            timers: None,
            position: Position::default(),
            collector: Collector::new(),
            side: SideOutputs::new(),
        }))
    }

    fn keyed_state(&self, max: MaxParallelism, range: KeyGroupRange) -> Option<Box<dyn AnyKeyedState>> {
        keyed_state::<F::Key>(max, range)
    }

    fn keyed_rows(&self, _: usize) -> Option<Box<dyn KeyedRows>> {
        keyed_rows(&self.selector)
    }
}

struct KeyedProcessOperator<F: KeyedProcessFunction> {
    keys: Keys<F::In, F::Key>,
    function: F,
    timers: Option<TimerIds>,
    position: Position,
    collector: Collector<F::Out>,
    side: SideOutputs,
}

impl<F: KeyedProcessFunction> KeyedProcessOperator<F> {
    fn fire(&mut self, due: Due, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<Progress> {
        let cx = KeyedContext::new(cx, opened(self.timers)?, &mut self.side)?;
        fire_into(cx, due, &mut self.collector, out, |timer, cx, out| self.function.on_timer(timer, cx, out))
    }
}

/// The timers of an operator that has been opened.
#[inline]
pub(crate) fn opened(timers: Option<TimerIds>) -> Result<TimerIds> {
    timers.ok_or_else(|| Error::internal("an operator is used before it was opened"))
}

impl<F: KeyedProcessFunction> Operator for KeyedProcessOperator<F> {
    fn open(&mut self, cx: &mut OperatorContext) -> Result<()> {
        self.timers = Some(TimerIds::register(cx.keyed::<F::Key>()?)?);
        self.function.open(&mut KeyedOpenContext::new(cx)?)
    }

    fn process(&mut self, _: usize, batch: Batch, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        let (rows, times) = batch.into_rows::<F::In>()?;
        let mut at = self.position.batch(rows.len());
        let keys = self.keys.of(&rows, cx)?;
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
            at.check(self.function.process(row, &mut cx, &mut self.collector))?;
            self.collector.flush_if_full(out)?;
            cx.side_outputs().flush_if_full(out)?;
        }
        drop(at);
        self.collector.flush(out)?;
        self.side.flush(out)
    }

    fn advance_event_time(
        &mut self,
        to: Watermark,
        cx: &mut OperatorContext,
        out: &mut dyn Output,
    ) -> Result<Progress> {
        advance_event_time(to, cx, |due, cx| self.fire(due, cx, out))
    }

    fn advance_processing_time(
        &mut self,
        now: ProcessingTime,
        cx: &mut OperatorContext,
        out: &mut dyn Output,
    ) -> Result<Progress> {
        self.fire(Due::Processing(now), cx, out)
    }

    fn finish(&mut self, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<Progress> {
        self.collector.set_time(None);
        let mut cx = KeyedContext::new(cx, opened(self.timers)?, &mut self.side)?;
        cx.clear_key();
        self.function.finish(&mut cx, &mut self.collector)?;
        self.collector.flush(out)?;
        self.side.flush(out)?;
        Ok(Progress::Done)
    }
}

#[cfg(test)]
mod tests;
