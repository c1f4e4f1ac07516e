//! What a job master and the tasks of a job say to one another.
//!
//! ```text
//! job master -> TaskManager -> task    TaskCommand, in order, per task
//! task -> TaskManager -> job master    TaskEvent
//! ```
//!
//! Plain data: in one process it goes through a bounded channel, between processes through the protocol crate.

use flott_core::{
    AttemptId, Barrier, CheckpointId, Error, OperatorId, Result, SavepointTarget, SubtaskIndex, VertexId, Watermark,
};
use flott_state::SubtaskSnapshot;
use flott_state::keyed::{StateAnswer, StateQuery};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// One subtask of one run of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskId {
    /// The vertex of the job graph.
    pub vertex: VertexId,
    /// Which of its subtasks.
    pub subtask: SubtaskIndex,
    /// Which run of the job; messages of an older one are ignored.
    pub attempt: AttemptId,
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vertex {} subtask {} attempt {}", self.vertex, self.subtask, self.attempt)
    }
}

/// An encoded split, with its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitBytes {
    /// The split's id, unique within its source.
    pub id: String,
    /// The split as its source encodes it.
    pub bytes: Vec<u8>,
}

/// From the job master to a task. Commands to one task arrive in the order in which they were sent: splits assigned
/// before a trigger are part of its checkpoint, splits assigned after it are not.
#[derive(Debug)]
pub enum TaskCommand {
    /// Take part in a checkpoint. Sources inject the barrier; a task whose inputs have all ended takes its snapshot
    /// at once; all others wait for the barrier. With a savepoint comes where it goes.
    Trigger(Barrier, Option<Arc<SavepointTarget>>),
    /// The checkpoint is complete: commit what belongs to it.
    Complete(CheckpointId),
    /// The checkpoint will not be completed: stop aligning for it.
    Abort(CheckpointId),
    /// New splits for the source `operator` of the task's chain.
    AddSplits {
        /// The source.
        operator: OperatorId,
        /// The splits.
        splits: Vec<SplitBytes>,
    },
    /// No more splits will come: the source ends when it has read those it has.
    NoMoreSplits {
        /// The source.
        operator: OperatorId,
    },
    /// Splits may run up to this event time and not further.
    AlignWatermark {
        /// The source.
        operator: OperatorId,
        /// The furthest event time allowed.
        limit: Watermark,
    },
    /// Look at the state of a key, between two batches.
    Query(OperatorQuery),
    /// All tasks have ended and nothing is left to commit: go.
    Release,
    /// Stop at once.
    Cancel,
}

/// What is asked of an operator of a task's chain, and where the answer goes. Who asked may have gone.
#[derive(Debug)]
pub struct OperatorQuery {
    /// The operator.
    pub operator: OperatorId,
    /// What is asked.
    pub query: StateQuery,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Result<StateAnswer>>,
}

/// What a task measured of its part in a checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointTimes {
    /// From the trigger to the first barrier.
    pub start_delay: Duration,
    /// From the first barrier to the last.
    pub alignment: Duration,
    /// The part of the snapshot that held up records.
    pub sync: Duration,
    /// The part that ran beside them.
    pub asynchronous: Duration,
    /// Bytes of what the barriers overtook.
    pub persisted_in_flight_bytes: u64,
    /// Bytes of records that were worked on between the first barrier and the last.
    pub processed_in_flight_bytes: u64,
}

/// From a task to the job master.
#[derive(Debug)]
pub enum TaskEvent {
    /// Operators are open; records flow.
    Running,
    /// The task's part of a checkpoint is durable.
    Acknowledge {
        /// The checkpoint.
        checkpoint: CheckpointId,
        /// Where the state is.
        snapshot: SubtaskSnapshot,
        /// How long it took.
        times: CheckpointTimes,
    },
    /// The task cannot take part in a checkpoint.
    Decline {
        /// The checkpoint.
        checkpoint: CheckpointId,
        /// Why.
        error: Error,
    },
    /// A source reader has nothing left to read.
    RequestSplit {
        /// The source.
        operator: OperatorId,
    },
    /// How far a source's event time has come, for alignment.
    SourceWatermark {
        /// The source.
        operator: OperatorId,
        /// Its watermark, `Watermark::MAX` when idle.
        watermark: Watermark,
    },
    /// All inputs have ended and everything has been emitted. The task stays for the last checkpoint.
    Ended,
    /// The task is gone, as it should be: after `Release` or `Cancel`.
    Gone,
    /// The task is gone because of an error.
    Failed(Error),
}
