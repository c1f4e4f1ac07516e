//! A process function without a key.

use crate::keys::in_turn;
use flott_api::function::position::Position;
use flott_api::function::{Collector, OpenContext, ProcessContext, ProcessFunction, SideOutputs};
use flott_api::operator::Progress;
use flott_api::{Operator, OperatorContext, OperatorFactory, Output};
use flott_core::{Batch, Result};

/// Runs a [`ProcessFunction`].
pub struct Process<F>(F);

impl<F: ProcessFunction> Process<F> {
    /// The operator of a function.
    pub fn new(function: F) -> Self {
        Process(function)
    }
}

impl<F: ProcessFunction> OperatorFactory for Process<F> {
    fn create(&self) -> Result<Box<dyn Operator>> {
        Ok(Box::new(ProcessOperator {
            function: self.0.clone(),
            position: Position::default(),
            collector: Collector::new(),
            side: SideOutputs::new(),
        }))
    }
}

struct ProcessOperator<F: ProcessFunction> {
    function: F,
    position: Position,
    collector: Collector<F::Out>,
    side: SideOutputs,
}

impl<F: ProcessFunction> Operator for ProcessOperator<F> {
    fn open(&mut self, cx: &mut OperatorContext) -> Result<()> {
        self.function.open(&mut OpenContext::new(cx))
    }

    fn process(&mut self, _: usize, batch: Batch, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        let (rows, times) = batch.into_rows::<F::In>()?;
        let mut at = self.position.batch(rows.len());
        let mut times = in_turn(times);
        let mut cx = ProcessContext::new(cx, &mut self.side);
        for row in rows {
            at.next();
            let time = times.next();
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

    fn finish(&mut self, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<Progress> {
        self.collector.set_time(None);
        self.function.finish(&mut ProcessContext::new(cx, &mut self.side), &mut self.collector)?;
        self.collector.flush(out)?;
        self.side.flush(out)?;
        Ok(Progress::Done)
    }
}

#[cfg(test)]
mod tests;
