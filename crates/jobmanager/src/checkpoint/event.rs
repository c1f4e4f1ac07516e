//! What the checkpoint coordinator takes and gives.

use crate::job::Place;
use flott_api::control::{CheckpointTimes, TaskId};
use flott_core::{
    AttemptId, Barrier, BarrierKind, CheckpointId, Error, OperatorId, ProcessingTime, Result, SavepointTarget,
};
use flott_state::SubtaskSnapshot;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A savepoint that somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SavepointId(pub u64);

/// What has happened.
#[derive(Debug)]
pub enum Event {
    /// All tasks of a run are running; it was restored from this checkpoint.
    Started(AttemptId, Option<CheckpointId>),
    /// The tasks are being stopped.
    Stopped,
    /// Time has passed.
    Tick,
    /// Somebody wants a savepoint.
    SavepointRequested(SavepointId, Arc<SavepointTarget>),
    /// All tasks have ended: take the last checkpoint, which commits the last output.
    FinalRequested,
    /// The enumerators' snapshots, or why there are none.
    SourcesSnapshotted(CheckpointId, Result<BTreeMap<OperatorId, Vec<u8>>>),
    /// A task's part is durable.
    Acknowledged(TaskId, CheckpointId, SubtaskSnapshot, CheckpointTimes),
    /// A task cannot take part.
    Declined(TaskId, CheckpointId, Error),
    /// The metadata is durable, and these are all files of the checkpoint.
    MetadataWritten(CheckpointId, BTreeSet<String>),
    /// The metadata could not be written, or nobody knows whether it was.
    MetadataFailed(CheckpointId, Error),
    /// A checkpoint cannot be read any more: it is none.
    Damaged(CheckpointId),
    /// The job is over; its checkpoints are deleted if this is set.
    Closed {
        /// Whether to delete them.
        delete: bool,
    },
}

/// What is to be done.
#[derive(Debug)]
pub enum Command {
    /// Take the enumerators' snapshots and answer with [`Event::SourcesSnapshotted`], before any further split is
    /// assigned.
    SnapshotSources(CheckpointId),
    /// Send the barrier to all tasks, with where a savepoint goes.
    Trigger(Barrier, Option<Arc<SavepointTarget>>),
    /// Write the metadata and answer with [`Event::MetadataWritten`] or [`Event::MetadataFailed`].
    Store(Collected),
    /// Tell all tasks that the checkpoint is complete.
    NotifyComplete(CheckpointId),
    /// Tell all tasks that the checkpoint is not to be.
    NotifyAborted(CheckpointId),
    /// A checkpoint can be restored from, from now on.
    Completed(CheckpointId),
    /// Delete the metadata of these checkpoints if there is any, then these files.
    Discard {
        /// Whole checkpoints.
        checkpoints: Vec<CheckpointId>,
        /// Files of the job's folder.
        files: Vec<String>,
    },
    /// Too many checkpoints have failed in a row.
    FailJob(Error),
    /// The last checkpoint is complete.
    FinalDone,
    /// A savepoint is complete, or is not to be.
    SavepointDone(SavepointId, Outcome),
    /// Delete what there is of a savepoint that is not to be.
    DiscardSavepoint(Arc<SavepointTarget>),
    /// The job ends with a savepoint that is complete: its tasks go.
    Stop,
}

/// How a savepoint ended.
#[derive(Debug)]
pub enum Outcome {
    /// It is complete, as this checkpoint.
    Completed(CheckpointId),
    /// It failed.
    Failed(Error),
}

/// Everything that belongs to a checkpoint: what its metadata is made from.
#[derive(Clone, Debug)]
pub struct Collected {
    /// Which one.
    pub id: CheckpointId,
    /// Checkpoint or savepoint.
    pub kind: BarrierKind,
    /// Where a savepoint goes.
    pub savepoint: Option<Arc<SavepointTarget>>,
    /// When it was triggered.
    pub triggered: ProcessingTime,
    /// What the enumerators remember.
    pub sources: BTreeMap<OperatorId, Vec<u8>>,
    /// What each task remembers.
    pub tasks: BTreeMap<Place, SubtaskSnapshot>,
}

/// A completed checkpoint that is kept.
#[derive(Clone, Debug)]
pub struct Retained {
    /// Which one.
    pub id: CheckpointId,
    /// Every file that it consists of.
    pub files: BTreeSet<String>,
    /// Whether the job may delete it. One that belongs to another job or to the user stays.
    pub owned: bool,
}
