//! The states of a job: Flink's names.

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

#[cfg(test)]
mod tests {
    use super::JobStatus::*;

    #[test]
    fn names_and_ends_are_flinks() {
        let on_the_way = [Initializing, Created, Running, Failing, Cancelling, Restarting];
        let over = [Failed, Canceled, Finished, Suspended];
        let names = on_the_way.iter().chain(&over).map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let expected = "INITIALIZING CREATED RUNNING FAILING CANCELLING RESTARTING FAILED CANCELED FINISHED SUSPENDED";
        assert_eq!(names, expected);
        assert!(
            over.iter().all(|status| status.is_terminal()) && !on_the_way.iter().any(|status| status.is_terminal())
        );
    }
}
