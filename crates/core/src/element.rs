//! What flows on an edge.

use crate::{Batch, CheckpointId, ProcessingTime, Watermark};
use serde::{Deserialize, Serialize};

/// One thing on a channel. Order within a channel is kept; across channels there is none.
#[derive(Clone, Debug)]
pub enum Element {
    /// Records. A batch also says that its channel is active again after [`Element::Idle`].
    Batch(Batch),
    /// The channel's event time has reached this point. Also makes an idle channel active.
    Watermark(Watermark),
    /// The channel has no data for now and must not hold back the others' event time.
    Idle,
    /// Everything before belongs to the checkpoint, everything after does not.
    Barrier(Barrier),
    /// Nothing follows on this channel.
    End,
}

/// The mark of a checkpoint in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Barrier {
    /// The checkpoint it belongs to; ids of one job only grow.
    pub checkpoint: CheckpointId,
    /// What is taken.
    pub kind: BarrierKind,
    /// When the checkpoint was triggered: from then on its timeouts count.
    pub triggered: ProcessingTime,
    /// What becomes of the job.
    pub then: AfterSavepoint,
}

/// What somebody wants who asks for a savepoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavepointRequest {
    /// The folder that is to hold it among others: a path or URL; `execution.checkpointing.savepoint-dir` if not set.
    pub target: Option<String>,
    /// In which form.
    pub format: SavepointFormat,
    /// What becomes of the job.
    pub then: AfterSavepoint,
}

/// Where a savepoint goes, in which form, and what becomes of the job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavepointTarget {
    /// The savepoint's own folder: a path or URL.
    pub folder: String,
    /// The form.
    pub format: SavepointFormat,
    /// What becomes of the job.
    pub then: AfterSavepoint,
}

/// The form of a savepoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SavepointFormat {
    /// Parquet tables, which every state backend restores.
    #[default]
    Canonical,
    /// The files of the state backend, which takes less time.
    Native,
}

/// What becomes of a job when a savepoint has been taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AfterSavepoint {
    /// It goes on.
    #[default]
    GoOn,
    /// It stops: nothing is read behind the barrier, and what was written before it is committed.
    Stop,
    /// As [`AfterSavepoint::Stop`], and before the barrier event time comes to its end: all timers and windows fire.
    Drain,
}

/// What a barrier asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BarrierKind {
    /// A checkpoint: owned by the job, incremental where the backend can.
    Checkpoint,
    /// A savepoint: owned by the user and complete in itself.
    Savepoint,
}
