//! A running job, as others see it: its state, its numbers, and the few things that can be asked of it.

use super::description::{JobDescription, Place};
use super::error::copy_of;
use super::exceptions::ExceptionHistory;
use super::query::Question;
use super::savepoint::Asked;
use super::status::TaskStatus;
use crate::checkpoint::CheckpointStats;
use flott_api::JobStatus;
use flott_core::{AttemptId, Configuration, Error, JobId, ProcessingTime, Result};
use flott_state::checkpoint::{JobCheckpoints, RestoreReport};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Semaphore, mpsc, watch};

/// What a job looks like at one moment. Cheap to clone.
#[derive(Clone, Debug)]
pub struct JobView {
    /// The job's state.
    pub status: JobStatus,
    /// When each state was entered last.
    pub timestamps: Arc<BTreeMap<JobStatus, ProcessingTime>>,
    /// The run.
    pub attempt: Option<AttemptId>,
    /// The state of each task.
    pub tasks: Arc<BTreeMap<Place, TaskStatus>>,
    /// How often the job has been restarted.
    pub restarts: u64,
    /// Its checkpoints.
    pub checkpoints: Arc<CheckpointStats>,
    /// What went wrong.
    pub exceptions: Arc<ExceptionHistory>,
    /// The outcome, once everything is tidied up.
    pub(super) outcome: Option<Arc<Result<JobResult>>>,
}

/// How a job ended that did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobResult {
    /// The job.
    pub job: JobId,
    /// FINISHED, CANCELED or SUSPENDED.
    pub status: JobStatus,
    /// From its start to its end (Flink's net runtime).
    pub runtime: Duration,
    /// How often it was restarted.
    pub restarts: u64,
}

/// What the user has asked for; the stronger wish wins, and none is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wish {
    Run,
    Suspend,
    Cancel,
}

/// A job that was started. Cheap to clone. The job goes on when all handles are dropped.
#[derive(Clone)]
pub struct JobHandle {
    pub(super) job: Arc<JobDescription>,
    pub(super) report: Option<Arc<RestoreReport>>,
    pub(super) view: watch::Receiver<JobView>,
    pub(super) wish: Arc<watch::Sender<Wish>>,
    pub(super) savepoints: mpsc::Sender<Asked>,
    pub(super) questions: mpsc::Sender<Question>,
    /// One for each question that may be under way.
    pub(super) queries: Arc<Semaphore>,
    pub(super) checkpoints: JobCheckpoints,
    /// Held by who reads a checkpoint, and by who deletes one.
    pub(super) turn: Arc<Mutex<()>>,
}

impl JobHandle {
    /// Which job.
    pub fn id(&self) -> JobId {
        self.job.id
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.job.name
    }

    /// What the user has set.
    pub fn config(&self) -> &Configuration {
        &self.job.config
    }

    /// What became of each operator of the checkpoint that the job started from, if it started from one.
    pub fn restore_report(&self) -> Option<&RestoreReport> {
        self.report.as_deref()
    }

    /// What the job looks like now.
    pub fn view(&self) -> JobView {
        self.view.borrow().clone()
    }

    /// The job's state now.
    pub fn status(&self) -> JobStatus {
        self.view.borrow().status
    }

    /// What the job looks like, to be waited on.
    pub fn watch(&self) -> watch::Receiver<JobView> {
        self.view.clone()
    }

    /// The job's checkpoints.
    pub fn checkpoint_stats(&self) -> Arc<CheckpointStats> {
        self.view.borrow().checkpoints.clone()
    }

    /// What went wrong.
    pub fn exceptions(&self) -> Arc<ExceptionHistory> {
        self.view.borrow().exceptions.clone()
    }

    /// Stops the job. Returns at once; [`JobHandle::result`] waits for the end.
    pub fn cancel(&self) {
        self.ask(Wish::Cancel);
    }

    /// Stops the job here so that it can go on elsewhere, from its latest checkpoint, which stays in any case.
    pub fn suspend(&self) {
        self.ask(Wish::Suspend);
    }

    /// Waits until the job is over and everything is tidied up.
    ///
    /// # Errors
    /// Why the job failed.
    pub async fn result(&self) -> Result<JobResult> {
        let mut view = self.view.clone();
        let outcome = match view.wait_for(|view| view.outcome.is_some()).await {
            Ok(view) => view.outcome.clone(),
            Err(_) => None,
        };
        match outcome.as_deref() {
            Some(Ok(result)) => Ok(result.clone()),
            Some(Err(error)) => Err(copy_of(error)),
            None => Err(Error::internal(format!("the job master of job `{}` went away", self.name()))),
        }
    }

    fn ask(&self, wish: Wish) {
        self.wish.send_if_modified(|current| {
            let is_stronger = wish > *current;
            *current = wish.max(*current);
            is_stronger
        });
    }
}
