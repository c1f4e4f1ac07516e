//! States of a task: Flink's names. Those of a job are [`flott_api::JobStatus`].

use serde::{Deserialize, Serialize};
use std::fmt;

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

#[cfg(test)]
mod tests {
    use super::TaskStatus::*;

    #[test]
    fn names_are_flinks() {
        let all = [Created, Deploying, Running, Ended, Canceling, Canceled, Finished, Failed];
        let names = all.map(|status| status.to_string()).join(" ");
        assert_eq!(names, "CREATED DEPLOYING RUNNING RUNNING CANCELING CANCELED FINISHED FAILED");
        let gone: Vec<_> = all.into_iter().filter(|status| status.is_gone()).collect();
        assert_eq!(gone, [Created, Canceled, Finished, Failed]);
    }
}
