//! A stream without key and a broadcast stream. Input 0 is the stream, input 1 the broadcast one.

use crate::co_process::no_such_input;
use crate::keys::in_turn;
use flott_api::function::position::Position;
use flott_api::function::{
    BroadcastContext, BroadcastProcessFunction, Collector, OpenContext, ProcessContext, ReadOnlyContext, SideOutputs,
};
use flott_api::{Operator, OperatorContext, OperatorFactory, Output};
use flott_core::{Batch, Result};

/// Runs a [`BroadcastProcessFunction`].
pub struct Broadcast<F>(F);

impl<F: BroadcastProcessFunction> Broadcast<F> {
    /// The operator of a function.
    pub fn new(function: F) -> Self {
        Broadcast(function)
    }
}

impl<F: BroadcastProcessFunction> OperatorFactory for Broadcast<F> {
    fn create(&self) -> Result<Box<dyn Operator>> {
        Ok(Box::new(BroadcastOperator {
            function: self.0.clone(),
            position: Position::default(),
            collector: Collector::new(),
            side: SideOutputs::new(),
        }))
    }
}

struct BroadcastOperator<F: BroadcastProcessFunction> {
    function: F,
    position: Position,
    collector: Collector<F::Out>,
    side: SideOutputs,
}

impl<F: BroadcastProcessFunction> BroadcastOperator<F> {
    fn process_stream(&mut self, batch: Batch, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        let (rows, times) = batch.into_rows::<F::In>()?;
        let mut at = self.position.batch(rows.len());
        let mut times = in_turn(times);
        let mut cx = ReadOnlyContext::new(ProcessContext::new(cx, &mut self.side));
        for row in rows {
            at.next();
            let time = times.next();
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
        let mut cx = BroadcastContext::new(ProcessContext::new(cx, &mut self.side));
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

    fn flush(&mut self, out: &mut dyn Output) -> Result<()> {
        self.collector.flush(out)?;
        self.side.flush(out)
    }
}

impl<F: BroadcastProcessFunction> Operator for BroadcastOperator<F> {
    fn open(&mut self, cx: &mut OperatorContext) -> Result<()> {
        self.function.open(&mut OpenContext::new(cx))
    }

    fn process(&mut self, input: usize, batch: Batch, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        match input {
            0 => self.process_stream(batch, cx, out),
            1 => self.process_broadcast(batch, cx, out),
            _ => Err(no_such_input(input)),
        }
    }
}

#[cfg(test)]
mod tests;
