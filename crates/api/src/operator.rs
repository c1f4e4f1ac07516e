//! An operator: what happens to the records of one step of the job.

use crate::{KeyedRows, OperatorContext};
use flott_core::{Batch, CheckpointId, KeyGroupRange, MaxParallelism, ProcessingTime, Result, Watermark};
use flott_state::AnyKeyedState;
use std::task;

/// Where an operator's results go: the next operator of the chain, or channels to other tasks.
pub trait Output {
    /// Gives a batch to everything that follows. Empty batches are dropped.
    ///
    /// # Errors
    /// What a chained operator reports.
    fn emit(&mut self, batch: Batch) -> Result<()>;

    /// Gives a batch to what follows the side output `tag`; dropped when nothing does.
    ///
    /// # Errors
    /// What a chained operator reports.
    fn emit_side(&mut self, tag: &str, batch: Batch) -> Result<()>;

    /// Says that the operator's event time has reached `watermark`: everything that it caused has been emitted.
    ///
    /// # Errors
    /// What a chained operator reports.
    fn watermark(&mut self, watermark: Watermark) -> Result<()>;

    /// Says that the operator has no data for now and does not hold back event time.
    ///
    /// # Errors
    /// What a chained operator reports.
    fn idle(&mut self) -> Result<()>;
}

/// Whether an operator has more to do before the runtime may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing is left.
    Done,
    /// A slice is done; call again after what was emitted has been sent.
    More,
}

/// Whether an operator takes input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It does.
    Ready,
    /// Not now: it has woken up the task it was polled by when it does again.
    Busy,
}

/// A step of the job, in one subtask. Synchronous: it never blocks and never waits. What it must remember across a
/// barrier lives in the context's state; there is no snapshot method.
///
/// Calls come one at a time, always from the slot's thread, in this order: `open`, then any of the others, then
/// `finish` if the input ends.
pub trait Operator: Send {
    /// Registers state and gets ready. State that a checkpoint holds is there as soon as it is registered.
    ///
    /// # Errors
    /// Fails the task.
    fn open(&mut self, _cx: &mut OperatorContext) -> Result<()> {
        Ok(())
    }

    /// Takes a batch from `input` (0, or 0 and 1 for an operator of two inputs).
    ///
    /// # Errors
    /// Fails the task.
    fn process(&mut self, input: usize, batch: Batch, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<()>;

    /// Fires event-time timers that are due at `to`, a slice at a time. `cx.watermark` is already `to`. The watermark
    /// goes on only after this has returned [`Progress::Done`].
    ///
    /// # Errors
    /// Fails the task.
    fn advance_event_time(
        &mut self,
        _to: Watermark,
        _cx: &mut OperatorContext,
        _out: &mut dyn Output,
    ) -> Result<Progress> {
        Ok(Progress::Done)
    }

    /// Fires what is due by the clock, a slice at a time: processing-time timers, and what
    /// [`OperatorContext::wake_at`] asked for.
    ///
    /// # Errors
    /// Fails the task.
    fn advance_processing_time(
        &mut self,
        _now: ProcessingTime,
        _cx: &mut OperatorContext,
        _out: &mut dyn Output,
    ) -> Result<Progress> {
        Ok(Progress::Done)
    }

    /// The event time of all inputs has reached `watermark` and timers have fired. Passes it on.
    ///
    /// # Errors
    /// Fails the task.
    fn on_watermark(&mut self, watermark: Watermark, _cx: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        out.watermark(watermark)
    }

    /// All inputs are idle. Passes it on.
    ///
    /// # Errors
    /// Fails the task.
    fn on_idle(&mut self, _cx: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        out.idle()
    }

    /// A barrier is about to be passed on: what is emitted now still belongs to the checkpoint.
    ///
    /// # Errors
    /// Fails the task.
    fn before_barrier(&mut self, _cx: &mut OperatorContext, _out: &mut dyn Output) -> Result<()> {
        Ok(())
    }

    /// A checkpoint that this subtask took part in is complete.
    ///
    /// # Errors
    /// Fails the task.
    fn on_checkpoint_complete(&mut self, _checkpoint: CheckpointId, _cx: &mut OperatorContext) -> Result<()> {
        Ok(())
    }

    /// For operators that wait for something outside: called before each input is taken and whenever `task` was
    /// woken. Emits what has become ready.
    ///
    /// # Errors
    /// Fails the task.
    fn poll(
        &mut self,
        _task: &mut task::Context<'_>,
        _cx: &mut OperatorContext,
        _out: &mut dyn Output,
    ) -> Result<Readiness> {
        Ok(Readiness::Ready)
    }

    /// `input` has ended; the other input, if there is one, may go on.
    ///
    /// # Errors
    /// Fails the task.
    fn end_input(&mut self, _input: usize, _cx: &mut OperatorContext, _out: &mut dyn Output) -> Result<()> {
        Ok(())
    }

    /// All inputs have ended, and `Watermark::MAX` has been through. Emits what is left, a slice at a time; after
    /// [`Progress::More`] it is called again when what was emitted has been sent and `poll` says `Ready`.
    ///
    /// # Errors
    /// Fails the task.
    fn finish(&mut self, _cx: &mut OperatorContext, _out: &mut dyn Output) -> Result<Progress> {
        Ok(Progress::Done)
    }
}

/// Makes the operator of each subtask.
pub trait OperatorFactory: Send + Sync {
    /// A new operator.
    ///
    /// # Errors
    /// Fails the task.
    fn create(&self) -> Result<Box<dyn Operator>>;

    /// Empty keyed state, for operators that follow a `key_by`: `Box::new(KeyedState::<K>::new(max, range))`.
    fn keyed_state(&self, _max: MaxParallelism, _range: KeyGroupRange) -> Option<Box<dyn AnyKeyedState>> {
        None
    }

    /// In batch mode: how the rows of `input` are sorted by key, if it follows a `key_by`. The operator then gets
    /// all rows of a key, in order of their times, before those of another one: `process` of some keys with the
    /// watermark at its smallest, then `advance_event_time` to [`Watermark::MAX`] until it is done; then the state of
    /// these keys is dropped, and the next ones come.
    fn keyed_rows(&self, _input: usize) -> Option<Box<dyn KeyedRows>> {
        None
    }
}

impl<F> OperatorFactory for F
where
    F: Fn() -> Result<Box<dyn Operator>> + Send + Sync,
{
    fn create(&self) -> Result<Box<dyn Operator>> {
        self()
    }
}
