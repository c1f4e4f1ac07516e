//! Where records come from: a source deals out splits, a reader reads them.
//!
//! The enumerator runs beside the job master and decides which reader gets which split. A reader runs in a source
//! subtask. **A split carries its own position**, so that a snapshot of a reader is "give me your splits", and a
//! split moves between readers without anyone knowing what is in it. (Flink: FLIP-27.)

mod erased;

pub use erased::{AnyEnumerator, AnyReader, AnySource, Assigned, Emitted, SourceAdapter};

use crate::TaskInfo;
use flott_core::{Configuration, Data, EventTime, Result, SubtaskIndex};
use flott_env::Env;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Whether a source ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundedness {
    /// It does.
    Bounded,
    /// It goes on until the job is stopped.
    ContinuousUnbounded,
}

/// A part of a source's data, with the position up to which it has been read.
pub trait Split: Data {
    /// A name, unique within the source.
    fn id(&self) -> String;
}

/// A source: immutable, shared by all subtasks.
pub trait Source: Send + Sync + 'static {
    /// What is read.
    type Item: Data;
    /// A part of it.
    type Split: Split;
    /// What the enumerator remembers.
    type Checkpoint: Data;
    /// Deals out splits.
    type Enumerator: SplitEnumerator<Split = Self::Split, Checkpoint = Self::Checkpoint>;
    /// Reads splits.
    type Reader: SourceReader<Item = Self::Item, Split = Self::Split>;

    /// Whether the source ends by itself.
    fn boundedness(&self) -> Boundedness;

    /// An enumerator, new or as it was at a checkpoint.
    ///
    /// # Errors
    /// Fails the job.
    fn create_enumerator(&self, cx: &EnumeratorContext, restored: Option<Self::Checkpoint>)
    -> Result<Self::Enumerator>;

    /// A reader without splits. Splits of a checkpoint are added like new ones.
    ///
    /// # Errors
    /// Fails the task.
    fn create_reader(&self, cx: &ReaderContext) -> Result<Self::Reader>;
}

/// What an enumerator is given.
#[derive(Clone)]
pub struct EnumeratorContext {
    /// The world.
    pub env: Env,
    /// Number of readers.
    pub parallelism: u32,
    /// What the user has set.
    pub config: Arc<Configuration>,
}

/// What a reader is given.
#[derive(Clone)]
pub struct ReaderContext {
    /// The world.
    pub env: Env,
    /// The subtask.
    pub info: TaskInfo,
    /// What the user has set.
    pub config: Arc<Configuration>,
    /// The source's counters.
    pub metrics: crate::metrics::OperatorMetrics,
}

/// Finds splits and deals them out. Calls come one at a time.
pub trait SplitEnumerator: Send {
    /// What is dealt out.
    type Split: Split;
    /// What must be remembered: everything that was not assigned yet.
    type Checkpoint: Data;

    /// Work that finds splits, if there is some to do: asked for at the start and again after each
    /// [`SplitEnumerator::on_discovered`].
    fn discover(&mut self) -> Option<Discovery<Self::Split>> {
        None
    }

    /// Takes what the work has found.
    ///
    /// # Errors
    /// Fails the job.
    fn on_discovered(&mut self, _splits: Vec<Self::Split>, _assigner: &mut SplitAssigner<Self::Split>) -> Result<()> {
        Ok(())
    }

    /// A reader has nothing to read. It gets a split, or is told that there will be none, or waits until one is
    /// assigned to it later. A reader asks once; it asks again when it has read what it was given.
    ///
    /// # Errors
    /// Fails the job.
    fn on_split_request(&mut self, reader: SubtaskIndex, assigner: &mut SplitAssigner<Self::Split>) -> Result<()>;

    /// What must be remembered.
    ///
    /// # Errors
    /// Fails the checkpoint.
    fn snapshot(&self) -> Result<Self::Checkpoint>;
}

type FindSplits<S> = Box<dyn FnOnce() -> Result<Vec<S>> + Send>;

/// Work that finds splits: run after `delay`, where it may block.
pub struct Discovery<S> {
    /// How long to wait first.
    pub delay: Duration,
    /// The work.
    pub find: FindSplits<S>,
}

/// Collects what an enumerator decides.
pub struct SplitAssigner<S> {
    parallelism: u32,
    pub(crate) assigned: Vec<(SubtaskIndex, S)>,
    pub(crate) no_more: Vec<SubtaskIndex>,
}

impl<S> SplitAssigner<S> {
    /// Nothing decided, for `parallelism` readers.
    pub fn new(parallelism: u32) -> Self {
        SplitAssigner { parallelism, assigned: Vec::new(), no_more: Vec::new() }
    }

    /// Number of readers.
    pub fn parallelism(&self) -> u32 {
        self.parallelism
    }

    /// Gives `split` to `reader`.
    pub fn assign(&mut self, reader: SubtaskIndex, split: S) {
        self.assigned.push((reader, split));
    }

    /// Tells `reader` that no more splits will come.
    pub fn no_more_splits(&mut self, reader: SubtaskIndex) {
        self.no_more.push(reader);
    }

    /// What was decided: splits by reader, and readers that get no more.
    pub fn into_decisions(self) -> (Vec<(SubtaskIndex, S)>, Vec<SubtaskIndex>) {
        (self.assigned, self.no_more)
    }
}

/// What a reader has to give.
pub enum ReaderEvent<T> {
    /// Rows of one split. The split's position is now behind them.
    Rows {
        /// The split's id.
        split: Arc<str>,
        /// The rows.
        rows: Vec<T>,
        /// Their event times as the source knows them, one each, if it does.
        times: Option<Vec<EventTime>>,
    },
    /// A split has been read to its end and is no longer part of snapshots.
    SplitFinished(Arc<str>),
    /// There is nothing to read, and [`SourceReader::no_more_splits`] has not been called. Given once for each time
    /// that the reader runs dry; then `Pending` until splits are added.
    RequestSplit,
    /// Everything has been read and no more splits will come.
    End,
}

/// Reads splits, in one subtask. Polled on the slot's thread: what may block goes through
/// [`flott_env::Env::blocking`] or [`flott_env::Env::spawn`].
pub trait SourceReader: Send {
    /// What is read.
    type Item: Data;
    /// What it is read from.
    type Split: Split;

    /// Takes splits, new ones or those of a checkpoint.
    ///
    /// # Errors
    /// Fails the task.
    fn add_splits(&mut self, splits: Vec<Self::Split>) -> Result<()>;

    /// No more splits will come.
    fn no_more_splits(&mut self);

    /// The next rows, at most `rows_max`, or what else there is to say. `Pending` means that no data can be read
    /// now; the reader then wakes `task` when that may have changed. A split's position moves when rows are
    /// returned and not before, so that nothing is lost however often this is called.
    fn poll_next(&mut self, task: &mut Context<'_>, rows_max: usize) -> Poll<Result<ReaderEvent<Self::Item>>>;

    /// All splits that are not finished, with their positions.
    ///
    /// # Errors
    /// Fails the task.
    fn snapshot(&mut self) -> Result<Vec<Self::Split>>;

    /// A checkpoint that this reader took part in is complete: acknowledge what was read before it to the outside.
    ///
    /// # Errors
    /// Fails the task.
    fn on_checkpoint_complete(&mut self, _checkpoint: flott_core::CheckpointId) -> Result<()> {
        Ok(())
    }

    /// Stops or resumes reading of a split, for watermark alignment. Returns false if the reader cannot.
    fn set_paused(&mut self, _split: &str, _paused: bool) -> bool {
        false
    }
}
