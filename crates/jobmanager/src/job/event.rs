//! What the job master takes and gives.

use super::gateway::Deployment;
use super::restore::Restored;
use crate::checkpoint::{Collected, Outcome, SavepointId};
use flott_api::Discovery;
use flott_api::control::{SplitBytes, TaskCommand, TaskEvent, TaskId};
use flott_core::{AttemptId, CheckpointId, Error, OperatorId, Result, SavepointTarget};
use flott_state::checkpoint::{CheckpointMetadata, JobCheckpoints};
use std::sync::Arc;

/// What has happened.
#[derive(Debug)]
pub enum MasterEvent {
    /// Go.
    Begin,
    /// A task says something.
    Task(TaskId, TaskEvent),
    /// Nothing of the attempt could be deployed.
    DeployFailed(AttemptId, Error),
    /// A task takes no more commands.
    SendFailed(TaskId, Error),
    /// The work of [`Action::Discover`] is done.
    Discovered(AttemptId, OperatorId, Result<Vec<SplitBytes>>),
    /// The work of [`Action::Store`] is done.
    Stored(CheckpointId, Result<CheckpointMetadata>),
    /// The work of [`Action::Sweep`] is done, or was given up. An error: the job is not this JobManager's any more.
    Swept(Result<()>),
    /// The work of [`Action::FindOlder`] is done.
    FoundOlder(Result<Option<Restored>>),
    /// Nobody hosts the tasks any more.
    TasksLost(Error),
    /// The user wants the job to stop.
    CancelRequested,
    /// The job is to stop here so that it can go on elsewhere.
    SuspendRequested,
    /// Somebody wants a savepoint.
    SavepointRequested(SavepointId, Arc<SavepointTarget>),
    /// Time has passed.
    Tick,
}

/// What is to be done.
pub enum Action {
    /// Start tasks; [`MasterEvent::DeployFailed`] if that is not possible.
    Deploy(Box<Deployment>),
    /// Send a command to a task.
    Send(TaskId, TaskCommand),
    /// Stop every task of an attempt.
    CancelTasks(AttemptId),
    /// Do this work where it may block, after its delay, and answer with [`MasterEvent::Discovered`].
    Discover(AttemptId, OperatorId, Discovery<SplitBytes>),
    /// Write a checkpoint's metadata and answer with [`MasterEvent::Stored`].
    Store(Collected),
    /// Delete the metadata of these checkpoints if there is any, then these files.
    Discard(Vec<CheckpointId>, Vec<String>),
    /// Delete what is of no checkpoint but these, and answer with [`MasterEvent::Swept`]: no task runs.
    Sweep(Vec<Arc<CheckpointMetadata>>),
    /// Find the first of these checkpoints that a run can start from, and answer with [`MasterEvent::FoundOlder`].
    FindOlder(Box<JobCheckpoints>, Vec<Arc<CheckpointMetadata>>),
    /// A savepoint is complete, or is not to be.
    SavepointDone(SavepointId, Outcome),
    /// Delete what there is of a savepoint that is not to be.
    DiscardSavepoint(Arc<SavepointTarget>),
}
