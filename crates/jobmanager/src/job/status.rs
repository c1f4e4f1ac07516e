//! States of a job and of its tasks: Flink's names.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The state of a job.
///
/// ```text
/// INITIALIZING -> CREATED -> RUNNING -> FINISHED
///                    |  ^        |
///                    |  |        v
///                    |  +-- RESTARTING <- FAILING -> FAILED
///                    v
///                CANCELLING -> CANCELED, SUSPENDED
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum JobStatus {
    /// The checkpoint to start from is being read.
    Initializing,
    /// Tasks are being deployed.
    Created,
    /// All tasks run.
    Running,
    /// A task has failed; the others are being stopped.
    Failing,
    /// It has failed for good.
    Failed,
    /// Tasks are being stopped at the user's wish.
    Cancelling,
    /// The user has stopped it.
    Canceled,
    /// All input has been processed and all output is committed.
    Finished,
    /// It waits to be deployed again.
    Restarting,
    /// It was stopped here so that it can go on elsewhere.
    Suspended,
}

impl JobStatus {
    /// Whether nothing will happen any more.
    pub fn is_terminal(self) -> bool {
        match self {
            JobStatus::Failed | JobStatus::Canceled | JobStatus::Finished | JobStatus::Suspended => true,
            JobStatus::Initializing
            | JobStatus::Created
            | JobStatus::Running
            | JobStatus::Failing
            | JobStatus::Cancelling
            | JobStatus::Restarting => false,
        }
    }

    /// Flink's name.
    pub fn as_str(self) -> &'static str {
        match self {
            JobStatus::Initializing => "INITIALIZING",
            JobStatus::Created => "CREATED",
            JobStatus::Running => "RUNNING",
            JobStatus::Failing => "FAILING",
            JobStatus::Failed => "FAILED",
            JobStatus::Cancelling => "CANCELLING",
            JobStatus::Canceled => "CANCELED",
            JobStatus::Finished => "FINISHED",
            JobStatus::Restarting => "RESTARTING",
            JobStatus::Suspended => "SUSPENDED",
        }
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The state of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TaskStatus {
    /// Not deployed yet.
    Created,
    /// On its way, or restoring its state.
    Deploying,
    /// Records flow.
    Running,
    /// It has emitted everything and stays for the last checkpoint. Flink shows such a task as running.
    Ended,
    /// It has been told to stop.
    Canceling,
    /// It has stopped because it was told to.
    Canceled,
    /// It has done everything.
    Finished,
    /// It has failed.
    Failed,
}

impl TaskStatus {
    /// Whether the task is gone, or was never there.
    pub fn is_gone(self) -> bool {
        match self {
            TaskStatus::Created | TaskStatus::Canceled | TaskStatus::Finished | TaskStatus::Failed => true,
            TaskStatus::Deploying | TaskStatus::Running | TaskStatus::Ended | TaskStatus::Canceling => false,
        }
    }

    /// Flink's name.
    pub fn as_str(self) -> &'static str {
        match self {
            TaskStatus::Created => "CREATED",
            TaskStatus::Deploying => "DEPLOYING",
            TaskStatus::Running | TaskStatus::Ended => "RUNNING",
            TaskStatus::Canceling => "CANCELING",
            TaskStatus::Canceled => "CANCELED",
            TaskStatus::Finished => "FINISHED",
            TaskStatus::Failed => "FAILED",
        }
    }
}

impl fmt::Display for TaskStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
