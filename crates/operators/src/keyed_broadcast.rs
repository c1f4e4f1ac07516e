//! A keyed stream and a broadcast stream. Input 0 is the keyed one, input 1 the broadcast one.

use crate::co_process::no_such_input;
use crate::fire::{Due, advance_event_time, fire};
use crate::keyed_process::opened;
use crate::keys::{Keys, Selector, in_turn, keyed_rows, keyed_state};
use flott_api::function::position::Position;
use flott_api::function::{
    Collector, KeyedBroadcastContext, KeyedBroadcastProcessFunction, KeyedOpenContext, KeyedReadOnlyContext,
    SideOutputs, TimerIds,
};
use flott_api::operator::Progress;
use flott_api::{KeyedRows, Operator, OperatorContext, OperatorFactory, Output};
use flott_core::{Batch, KeyGroupRange, MaxParallelism, ProcessingTime, Result, Watermark};
use flott_state::{AnyKeyedState, StateAccess};

/// Runs a [`KeyedBroadcastProcessFunction`].
pub struct KeyedBroadcast<F: KeyedBroadcastProcessFunction> {
    selector: Selector<F::In, F::Key>,
    function: F,
}

impl<F: KeyedBroadcastProcessFunction> KeyedBroadcast<F> {
    /// The operator of a function over the keys that `selector` finds on the keyed input.
    pub fn new(selector: Selector<F::In, F::Key>, function: F) -> Self {
        KeyedBroadcast { selector, function }
    }
}

impl<F: KeyedBroadcastProcessFunction> OperatorFactory for KeyedBroadcast<F> {
    fn create(&self) -> Result<Box<dyn Operator>> {
        Ok(Box::new(KeyedBroadcastOperator {
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

    fn keyed_rows(&self, input: usize) -> Option<Box<dyn KeyedRows>> {
        if input == 0 { keyed_rows(&self.selector) } else { None }
    }
}

struct KeyedBroadcastOperator<F: KeyedBroadcastProcessFunction> {
    keys: Keys<F::In, F::Key>,
    function: F,
    timers: Option<TimerIds>,
    position: Position,
    collector: Collector<F::Out>,
    side: SideOutputs,
}

impl<F: KeyedBroadcastProcessFunction> KeyedBroadcastOperator<F> {
    fn process_stream(&mut self, batch: Batch, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        let (rows, times) = batch.into_rows::<F::In>()?;
        let mut at = self.position.batch(rows.len());
        let keys = self.keys.of(&rows, cx)?;
        let mut times = in_turn(times);
        let mut cx = KeyedReadOnlyContext::new(cx, opened(self.timers)?, &mut self.side)?;
        cx.keyed_state().load(keys.keys, keys.slots)?;
        for (n, (row, (key, slot))) in rows.into_iter().zip(keys.iter()).enumerate() {
            at.next();
            keys.fetch_ahead(n, |slots| cx.keyed_state().prefetch(slots));
            let time = times.next();
            cx.base_mut().set_key_at(key, slot);
            cx.base_mut().set_time(time);
            self.collector.set_time(time);
            at.check(self.function.process(row, &mut cx, &mut self.collector))?;
            self.collector.flush_if_full(out)?;
            cx.base_mut().side_outputs().flush_if_full(out)?;
        }
        drop(at);
        self.flush(out)
    }

    fn process_broadcast(&mut self, batch: Batch, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        let (rows, times) = batch.into_rows::<F::Broadcast>()?;
        let mut at = self.position.batch(rows.len());
        let mut times = in_turn(times);
        let mut cx = KeyedBroadcastContext::new(cx, opened(self.timers)?, &mut self.side)?;
        for row in rows {
            at.next();
            let time = times.next();
            cx.set_time(time);
            self.collector.set_time(time);
            at.check(self.function.process_broadcast(row, &mut cx, &mut self.collector))?;
            self.collector.flush_if_full(out)?;
        }
        drop(at);
        self.flush(out)
    }

    fn fire(&mut self, due: Due, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<Progress> {
        let (function, collector) = (&mut self.function, &mut self.collector);
        let mut cx = KeyedReadOnlyContext::new(cx, opened(self.timers)?, &mut self.side)?;
        let progress = fire(&mut cx, KeyedReadOnlyContext::base_mut, due, |timer, at, cx| {
            collector.set_time(cx.timestamp());
            at.check(function.on_timer(timer, cx, collector))?;
            collector.flush_if_full(out)?;
            cx.base_mut().side_outputs().flush_if_full(out)
        })?;
        self.flush(out)?;
        Ok(progress)
    }

    fn flush(&mut self, out: &mut dyn Output) -> Result<()> {
        self.collector.flush(out)?;
        self.side.flush(out)
    }
}

impl<F: KeyedBroadcastProcessFunction> Operator for KeyedBroadcastOperator<F> {
    fn open(&mut self, cx: &mut OperatorContext) -> Result<()> {
        self.timers = Some(TimerIds::register(cx.keyed::<F::Key>()?)?);
        self.function.open(&mut KeyedOpenContext::new(cx)?)
    }

    fn process(&mut self, input: usize, batch: Batch, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        match input {
            0 => self.process_stream(batch, cx, out),
            1 => self.process_broadcast(batch, cx, out),
            _ => Err(no_such_input(input)),
        }
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
}

#[cfg(test)]
mod tests;
