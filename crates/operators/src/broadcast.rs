//! A stream without key and a broadcast stream. Input 0 is the stream, input 1 the broadcast one.

use crate::co_process::no_such_input;
use crate::keys::in_turn;
use flott_api::function::position::Position;
use flott_api::function::{
    BroadcastContext, BroadcastProcessFunction, Collector, OpenContext, ProcessContext, ReadOnlyContext, SideOutputs,
};
use flott_api::{Operator, OperatorContext, OperatorFactory, Output, RuntimeMode};
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
            early: Early::default(),
            position: Position::default(),
            collector: Collector::new(),
            side: SideOutputs::new(),
        }))
    }
}

/// In batch mode the broadcast input is consumed first: batches of the stream that come before its end. There are no
/// checkpoints in batch mode, so they need not be state.
#[derive(Default)]
pub(crate) struct Early {
    batches: Vec<Batch>,
    broadcast_ended: bool,
}

impl Early {
    /// The batch, unless it has to wait.
    pub fn admit(&mut self, batch: Batch, mode: RuntimeMode) -> Option<Batch> {
        if mode == RuntimeMode::Batch && !self.broadcast_ended {
            self.batches.push(batch);
            return None;
        }
        Some(batch)
    }

    /// An input has ended: the batches that can go on now.
    pub fn end_input(&mut self, input: usize) -> Vec<Batch> {
        self.broadcast_ended |= input == 1;
        if self.broadcast_ended { std::mem::take(&mut self.batches) } else { Vec::new() }
    }
}

struct BroadcastOperator<F: BroadcastProcessFunction> {
    function: F,
    early: Early,
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
            0 => match self.early.admit(batch, cx.mode) {
                Some(batch) => self.process_stream(batch, cx, out),
                None => Ok(()),
            },
            1 => self.process_broadcast(batch, cx, out),
            _ => Err(no_such_input(input)),
        }
    }

    fn end_input(&mut self, input: usize, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        self.early.end_input(input).into_iter().try_for_each(|batch| self.process_stream(batch, cx, out))
    }
}

#[cfg(test)]
mod tests;
