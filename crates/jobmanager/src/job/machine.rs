//! A job's life: deployed, running, restarted, cancelled, finished. A pure machine.
//!
//! | state | event | state after | commands |
//! |---|---|---|---|
//! | INITIALIZING | state read and compared | CREATED | deploy |
//! | CREATED | all tasks run | RUNNING | start checkpoints |
//! | RUNNING | all tasks have ended | RUNNING | final checkpoint, or release if there are no checkpoints |
//! | RUNNING | final checkpoint complete | RUNNING | release |
//! | RUNNING | all tasks gone after release | FINISHED | stop checkpoints |
//! | CREATED, RUNNING | a task fails, the job fails | FAILING | stop checkpoints, cancel tasks |
//! | FAILING | all tasks gone, restart allowed, or the state was damaged and older is there | RESTARTING | none |
//! | FAILING | all tasks gone, no restart | FAILED | none |
//! | RESTARTING | delay over | CREATED | deploy the next attempt |
//! | CREATED, RUNNING, FAILING | cancel | CANCELLING | stop checkpoints, cancel tasks |
//! | INITIALIZING, RESTARTING | cancel | CANCELED | none |
//! | CANCELLING | all tasks gone | CANCELED, SUSPENDED | none |
//! | FAILING, CANCELLING | a task does not stop in time | FAILED | none |
//!
//! The whole job restarts at once. Events of an older attempt, and those that come twice, change nothing.
//!
//! A job without checkpoints commits its output when it is released, task by task. Should a task fail from then on,
//! the job is not run again: what was committed would be written twice.

use super::description::{JobDescription, Place};
use super::error::copy_of;
use super::exceptions::{ExceptionEntry, ExceptionHistory};
use super::status::TaskStatus;
use crate::restart::{Decision, RestartStrategy};
use flott_api::JobStatus;
use flott_api::control::TaskId;
use flott_core::{AttemptId, Error, ProcessingTime};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What a task says about itself.
#[derive(Debug)]
pub enum TaskSignal {
    /// Records flow.
    Running,
    /// Everything has been emitted.
    Ended,
    /// It is gone, as it should be.
    Gone,
    /// It is gone because of an error.
    Failed(Error),
}

/// What has happened.
#[derive(Debug)]
pub enum JobEvent {
    /// The state to start from is known.
    Initialized,
    /// Nothing could be deployed.
    DeployFailed(Error),
    /// A task says something.
    Task(TaskId, TaskSignal),
    /// A task could not read the state to start from; the next attempt starts from older state, whatever the restart
    /// strategy says.
    RestoreFailed(TaskId, Error),
    /// The job fails as a whole: too many checkpoints failed, an enumerator failed.
    Failed(Error),
    /// Nobody hosts the tasks any more: all are gone and there will be none.
    TasksLost(Error),
    /// The last checkpoint is complete.
    FinalCheckpointDone,
    /// The savepoint is complete with which the job stops.
    SavepointStops,
    /// The user wants the job to stop.
    CancelRequested,
    /// The job is to stop here so that it can go on elsewhere.
    SuspendRequested,
    /// Time has passed.
    Tick,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobCommand {
    /// Start all tasks, from the latest completed checkpoint if there is one.
    Deploy(AttemptId),
    /// All tasks run: checkpoints may be taken.
    StartCheckpoints(AttemptId),
    /// Tasks are about to stop, or have stopped: no checkpoints.
    StopCheckpoints,
    /// All tasks have ended: take the last checkpoint and answer with [`JobEvent::FinalCheckpointDone`].
    RequestFinalCheckpoint,
    /// Tell all tasks of the attempt to commit what is left and to go.
    Release(AttemptId),
    /// Stop all tasks of the attempt.
    CancelTasks(AttemptId),
}

/// Why tasks are being cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Cancel,
    Suspend,
}

/// The job machine.
pub struct JobMachine {
    job: Arc<JobDescription>,
    restart: RestartStrategy,
    status: JobStatus,
    /// The attempt that runs, or ran last. `None` before the first.
    attempt: Option<AttemptId>,
    tasks: BTreeMap<Place, TaskStatus>,
    stop: Stop,
    /// The first failure of the attempt.
    failure: Option<(Error, ProcessingTime)>,
    /// All tasks have ended and the last checkpoint is under way, or the job is released.
    is_ending: bool,
    is_released: bool,
    /// The state to start from was damaged, and older is there.
    goes_back: bool,
    /// When tasks must have stopped, or when the job restarts.
    deadline: Option<ProcessingTime>,
    restarts: u64,
    exceptions: ExceptionHistory,
    /// When each state was entered last.
    timestamps: BTreeMap<JobStatus, ProcessingTime>,
    error: Option<Error>,
}

impl JobMachine {
    /// A job that has not begun.
    pub fn new(job: Arc<JobDescription>, restart: RestartStrategy, now: ProcessingTime) -> Self {
        JobMachine {
            tasks: job.places().map(|place| (place, TaskStatus::Created)).collect(),
            job,
            restart,
            status: JobStatus::Initializing,
            attempt: None,
            stop: Stop::Cancel,
            failure: None,
            is_ending: false,
            is_released: false,
            goes_back: false,
            deadline: None,
            restarts: 0,
            exceptions: ExceptionHistory::default(),
            timestamps: BTreeMap::from([(JobStatus::Initializing, now)]),
            error: None,
        }
    }

    /// Takes an event and says what is to be done about it, in this order. `chance` is a random number in `[0, 1)`,
    /// for the restart delay.
    pub fn on(&mut self, event: JobEvent, now: ProcessingTime, chance: f64) -> Vec<JobCommand> {
        let mut out = Vec::new();
        if self.status.is_terminal() {
            return out;
        }
        match event {
            JobEvent::Initialized if self.status == JobStatus::Initializing => self.deploy(now, &mut out),
            JobEvent::Initialized => {}
            JobEvent::DeployFailed(error) => {
                self.tasks.values_mut().for_each(|t| *t = TaskStatus::Failed);
                self.fail(error, None, now, &mut out);
            }
            JobEvent::Task(task, signal) => self.task(task, signal, now, &mut out),
            JobEvent::RestoreFailed(task, error) => {
                self.goes_back |= self.is_present(task);
                self.task(task, TaskSignal::Failed(error), now, &mut out);
            }
            JobEvent::Failed(error) => self.fail(error, None, now, &mut out),
            JobEvent::TasksLost(error) => self.lose(error, now),
            JobEvent::FinalCheckpointDone if self.is_ending => self.release(&mut out),
            JobEvent::FinalCheckpointDone => {}
            JobEvent::SavepointStops => self.release(&mut out),
            JobEvent::CancelRequested => self.stop(Stop::Cancel, now, &mut out),
            JobEvent::SuspendRequested => self.stop(Stop::Suspend, now, &mut out),
            JobEvent::Tick => self.tick(now, &mut out),
        }
        self.progress(now, chance, &mut out);
        out
    }

    /// When [`JobEvent::Tick`] is due next.
    pub fn next_wakeup(&self) -> Option<ProcessingTime> {
        self.deadline
    }

    /// The job's state.
    pub fn status(&self) -> JobStatus {
        self.status
    }

    /// When each state was entered last.
    pub fn timestamps(&self) -> &BTreeMap<JobStatus, ProcessingTime> {
        &self.timestamps
    }

    /// The attempt that runs, or ran last.
    pub fn attempt(&self) -> Option<AttemptId> {
        self.attempt
    }

    /// The state of each task.
    pub fn tasks(&self) -> &BTreeMap<Place, TaskStatus> {
        &self.tasks
    }

    /// Whether this task is of the attempt that runs, and is there.
    pub fn is_present(&self, task: TaskId) -> bool {
        let status = self.tasks.get(&(task.vertex, task.subtask));
        Some(task.attempt) == self.attempt && status.is_some_and(|status| !status.is_gone())
    }

    /// How often the job has been restarted.
    pub fn restarts(&self) -> u64 {
        self.restarts
    }

    /// What went wrong.
    pub fn exceptions(&self) -> &ExceptionHistory {
        &self.exceptions
    }

    /// Why the job has failed for good.
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    fn enter(&mut self, status: JobStatus, now: ProcessingTime) {
        self.status = status;
        self.timestamps.insert(status, now);
    }

    fn deploy(&mut self, now: ProcessingTime, out: &mut Vec<JobCommand>) {
        let attempt = self.attempt.map_or(AttemptId(0), |last| AttemptId(last.0 + 1));
        self.attempt = Some(attempt);
        self.failure = None;
        self.is_ending = false;
        self.is_released = false;
        self.goes_back = false;
        self.deadline = None;
        self.tasks.values_mut().for_each(|t| *t = TaskStatus::Deploying);
        self.enter(JobStatus::Created, now);
        out.push(JobCommand::Deploy(attempt));
    }

    fn task(&mut self, task: TaskId, signal: TaskSignal, now: ProcessingTime, out: &mut Vec<JobCommand>) {
        let place = (task.vertex, task.subtask);
        if !self.is_present(task) {
            return;
        }
        let Some(status) = self.tasks.get_mut(&place) else { return };
        match signal {
            TaskSignal::Running if *status == TaskStatus::Deploying => *status = TaskStatus::Running,
            TaskSignal::Running => {}
            TaskSignal::Ended if matches!(*status, TaskStatus::Deploying | TaskStatus::Running) => {
                *status = TaskStatus::Ended;
            }
            TaskSignal::Ended => {}
            TaskSignal::Gone if *status == TaskStatus::Canceling => *status = TaskStatus::Canceled,
            TaskSignal::Gone if self.is_released => *status = TaskStatus::Finished,
            TaskSignal::Gone => {
                *status = TaskStatus::Failed;
                let error = Error::internal("the task went away although nobody had told it to");
                self.fail(error, Some(task), now, out);
            }
            TaskSignal::Failed(error) => {
                *status = TaskStatus::Failed;
                self.fail(error, Some(task), now, out);
            }
        }
    }

    fn fail(&mut self, error: Error, task: Option<TaskId>, now: ProcessingTime, out: &mut Vec<JobCommand>) {
        let named = task.map(|task| (task, self.job.task_name((task.vertex, task.subtask))));
        let entry = ExceptionEntry::new(&error, now, named);
        match self.status {
            JobStatus::Created | JobStatus::Running => {
                self.exceptions.root(entry);
                self.failure = Some((error, now));
                self.cancel_tasks(JobStatus::Failing, now, out);
            }
            // The first failure decides, and this is most often its consequence.
            JobStatus::Failing => self.exceptions.concurrent(entry),
            // The state to start from could not be read.
            JobStatus::Initializing => {
                self.exceptions.root(entry);
                self.end_failed(error, now);
            }
            // Whoever stops a job does not care how its tasks go.
            JobStatus::Cancelling => {}
            JobStatus::Restarting
            | JobStatus::Failed
            | JobStatus::Canceled
            | JobStatus::Finished
            | JobStatus::Suspended => {}
        }
    }

    fn cancel_tasks(&mut self, status: JobStatus, now: ProcessingTime, out: &mut Vec<JobCommand>) {
        self.enter(status, now);
        let timeout = self.job.cancellation_timeout;
        self.deadline = (!timeout.is_zero()).then(|| now.plus(timeout));
        self.tasks.values_mut().filter(|t| !t.is_gone()).for_each(|t| *t = TaskStatus::Canceling);
        out.push(JobCommand::StopCheckpoints);
        out.extend(self.attempt.map(JobCommand::CancelTasks));
    }

    fn lose(&mut self, error: Error, now: ProcessingTime) {
        self.tasks.values_mut().filter(|t| !t.is_gone()).for_each(|t| *t = TaskStatus::Failed);
        if self.status != JobStatus::Cancelling {
            self.exceptions.root(ExceptionEntry::new(&error, now, None));
            self.end_failed(error, now);
        }
    }

    fn stop(&mut self, stop: Stop, now: ProcessingTime, out: &mut Vec<JobCommand>) {
        match self.status {
            JobStatus::Created | JobStatus::Running => {
                self.stop = stop;
                self.cancel_tasks(JobStatus::Cancelling, now, out);
            }
            // Its tasks are being stopped already, and their time runs.
            JobStatus::Failing => {
                self.stop = stop;
                self.enter(JobStatus::Cancelling, now);
            }
            JobStatus::Initializing | JobStatus::Restarting => {
                self.stop = stop;
                self.deadline = None;
                self.enter(JobStatus::Cancelling, now);
            }
            JobStatus::Cancelling
            | JobStatus::Failed
            | JobStatus::Canceled
            | JobStatus::Finished
            | JobStatus::Suspended => {}
        }
    }

    fn release(&mut self, out: &mut Vec<JobCommand>) {
        if !self.is_released && self.status == JobStatus::Running {
            self.is_released = true;
            out.extend(self.attempt.map(JobCommand::Release));
        }
    }

    fn tick(&mut self, now: ProcessingTime, out: &mut Vec<JobCommand>) {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        match self.status {
            JobStatus::Restarting => {
                self.restarts += 1;
                self.deploy(now, out);
            }
            JobStatus::Failing | JobStatus::Cancelling => self.give_up_on_tasks(now),
            JobStatus::Initializing
            | JobStatus::Created
            | JobStatus::Running
            | JobStatus::Failed
            | JobStatus::Canceled
            | JobStatus::Finished
            | JobStatus::Suspended => self.deadline = None,
        }
    }

    /// A task that does not stop may still write: running the job again beside it could write everything twice.
    fn give_up_on_tasks(&mut self, now: ProcessingTime) {
        let stuck: Vec<String> = self
            .tasks
            .iter()
            .filter(|(_, status)| !status.is_gone())
            .map(|(place, _)| self.job.task_name(*place))
            .collect();
        let because = self.failure.as_ref().map_or(String::new(), |(e, _)| format!("; it was stopped because: {e}"));
        let error = Error::internal(format!(
            "{} did not stop within {:?} (`task.cancellation.timeout`){because}; the job cannot go on beside it, so stop this \
             process and look for a call in user code that blocks",
            stuck.join(", "),
            self.job.cancellation_timeout
        ));
        self.exceptions.root(ExceptionEntry::new(&error, now, None));
        self.end_failed(error, now);
    }

    /// Moves on if what all tasks together have reached allows it.
    fn progress(&mut self, now: ProcessingTime, chance: f64, out: &mut Vec<JobCommand>) {
        let are_all =
            |tasks: &BTreeMap<Place, TaskStatus>, test: fn(TaskStatus) -> bool| tasks.values().all(|t| test(*t));
        if self.status == JobStatus::Created && are_all(&self.tasks, |t| t != TaskStatus::Deploying) {
            self.enter(JobStatus::Running, now);
            out.extend(self.attempt.map(JobCommand::StartCheckpoints));
        }
        if self.status == JobStatus::Running && !self.is_ending && are_all(&self.tasks, |t| t == TaskStatus::Ended) {
            self.is_ending = true;
            if self.job.takes_checkpoints() {
                out.push(JobCommand::RequestFinalCheckpoint);
            } else {
                self.release(out);
            }
        }
        if !are_all(&self.tasks, TaskStatus::is_gone) {
            return;
        }
        match self.status {
            JobStatus::Running if self.is_released => {
                self.enter(JobStatus::Finished, now);
                out.push(JobCommand::StopCheckpoints);
            }
            JobStatus::Failing => self.restart_or_fail(now, chance),
            JobStatus::Cancelling => {
                self.deadline = None;
                self.enter(if self.stop == Stop::Cancel { JobStatus::Canceled } else { JobStatus::Suspended }, now);
            }
            JobStatus::Initializing
            | JobStatus::Created
            | JobStatus::Running
            | JobStatus::Restarting
            | JobStatus::Failed
            | JobStatus::Canceled
            | JobStatus::Finished
            | JobStatus::Suspended => {}
        }
    }

    fn restart_or_fail(&mut self, now: ProcessingTime, chance: f64) {
        let Some((error, failed_at)) = self.failure.take() else { return };
        let decision = if self.goes_back {
            Decision::Restart(Duration::ZERO)
        } else if self.is_released && !self.job.takes_checkpoints() {
            Decision::Fail(
                "it was committing its output and takes no checkpoints: part of the output is committed".into(),
            )
        } else {
            self.restart.on_failure(error.kind(), failed_at, chance)
        };
        match decision {
            Decision::Restart(delay) => self.restart_after(delay, now),
            Decision::Fail(why) => self.end_failed(copy_of(&error).in_context(format!("not restarted: {why}")), now),
        }
    }

    fn restart_after(&mut self, delay: Duration, now: ProcessingTime) {
        self.deadline = Some(now.plus(delay));
        self.enter(JobStatus::Restarting, now);
    }

    fn end_failed(&mut self, error: Error, now: ProcessingTime) {
        self.deadline = None;
        self.error = Some(error);
        self.enter(JobStatus::Failed, now);
    }
}

#[cfg(test)]
mod tests;
