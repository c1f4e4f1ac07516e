//! The way from the job master to the tasks: what a TaskManager implements.

use flott_api::control::{TaskCommand, TaskId};
use flott_core::{AttemptId, CheckpointId, JobId, MaxParallelism, OperatorId, Result};
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
    /// `Limit` when the task has not taken so many commands that there is no room for another: the job then fails.
    fn send(&self, task: TaskId, command: TaskCommand) -> Result<()>;

    /// Stops every task of an attempt, also those that do not take commands.
    fn cancel(&self, attempt: AttemptId);
}

/// Everything that is needed to start the tasks of one run of a job.
#[derive(Clone)]
pub struct Deployment {
    /// The job.
    pub job: JobId,
    /// The run.
    pub attempt: AttemptId,
    /// Where tasks write their snapshots.
    pub checkpoints: JobCheckpoints,
    /// Where the files of the checkpoint are that the run starts from, and which one it is. It may be of another job.
    pub restored: Option<(CheckpointId, JobCheckpoints)>,
    /// Every task.
    pub tasks: Vec<TaskDeployment>,
}

/// One task.
#[derive(Clone, Debug)]
pub struct TaskDeployment {
    /// Which one.
    pub id: TaskId,
    /// Number of subtasks of its vertex.
    pub parallelism: u32,
    /// Number of key groups of its vertex.
    pub max_parallelism: MaxParallelism,
    /// What its operators take over. Those that are not in it start with empty state.
    pub restore: BTreeMap<OperatorId, SubtaskRestore>,
}
