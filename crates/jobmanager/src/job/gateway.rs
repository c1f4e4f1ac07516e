//! The way from the job master to the tasks: what a TaskManager implements.

use super::description::Place;
use flott_api::control::{TaskCommand, TaskId};
use flott_core::{AttemptId, CheckpointId, JobId, OperatorId, Result};
use flott_state::checkpoint::{JobCheckpoints, SubtaskRestore};
use std::collections::BTreeMap;

/// Hosts the tasks of one job. No call waits: what takes time goes on behind it, and its outcome comes as a
/// [`flott_api::control::TaskEvent`] of the task.
pub trait TaskGateway: Send + Sync {
    /// Starts every task of an attempt. From now on each of them takes commands, in the order of [`TaskGateway::send`],
    /// and reports `Running`, and in the end `Gone` or `Failed`, exactly once each.
    ///
    /// # Errors
    /// When nothing was started, as when there are too few slots.
    fn deploy(&self, deployment: Deployment) -> Result<()>;

    /// Sends a command to a task, behind those that were sent before. Commands to a task that is gone are dropped.
    ///
    /// # Errors
    /// `Unavailable` when the task has not taken so many commands that there is no room for another: the job then fails.
    fn send(&self, task: TaskId, command: TaskCommand) -> Result<()>;

    /// Stops every task of an attempt, also those that do not take commands.
    fn cancel(&self, attempt: AttemptId);
}

/// Everything that is needed to start the tasks of one run of a job, beside the graph, which its host has.
#[derive(Clone)]
pub struct Deployment {
    /// The job.
    pub job: JobId,
    /// The run: every subtask of every vertex is started under it.
    pub attempt: AttemptId,
    /// The checkpoint that the run starts from, if it starts from one.
    pub restored: Option<CheckpointId>,
    /// What the operators of each subtask take over. Those that are not in it start with empty state.
    pub restore: BTreeMap<Place, BTreeMap<OperatorId, SubtaskRestore>>,
    /// Where the files are that `restore` names; they may be another job's.
    pub restore_files: JobCheckpoints,
    /// Where tasks write their snapshots.
    pub checkpoints: JobCheckpoints,
}
