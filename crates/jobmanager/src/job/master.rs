//! The job master: joins the job machine, the checkpoint coordinator and the sources' coordinators. Every event goes
//! in at [`JobMaster::on`]; what is to be done comes out, in order. No I/O, no clock, no chance of its own.
//!
//! ```text
//! task event ─┬─ Running, Ended, Gone, Failed ──> job machine ──────> deploy, cancel, release
//!             ├─ Acknowledge, Decline ──────────> checkpoints ──────> trigger, complete, store, discard
//!             └─ RequestSplit, SourceWatermark ─> sources, alignment ─> splits, limits
//! ```

mod going_back;
mod log;

use super::description::JobDescription;
use super::event::{Action, MasterEvent};
use super::gateway::Deployment;
use super::machine::{JobCommand, JobEvent, JobMachine, TaskSignal};
use super::restore::{Restored, Start};
use crate::alignment::AlignmentGroups;
use crate::checkpoint::{self, CheckpointCoordinator, Retained, Retention};
use crate::restart::RestartStrategy;
use crate::source_coordinator::{SourceCommand, SourceCoordinator, SourceEvent};
use flott_api::JobStatus;
use flott_api::control::{TaskCommand, TaskEvent, TaskId};
use flott_api::source::EnumeratorContext;
use flott_core::{
    AttemptId, BarrierKind, CheckpointId, Error, OperatorId, ProcessingTime, Result, SubtaskIndex, VertexId,
};
use flott_env::Env;
use flott_state::checkpoint::{CheckpointMetadata, JobCheckpoints};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whether the job's checkpoint folder is clean enough to deploy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Folder {
    Clean,
    /// It holds files of tasks that are gone, acknowledged or not. On a full disk they could be what fills it.
    Littered,
    BeingSwept,
}

/// The job master.
pub struct JobMaster {
    job: Arc<JobDescription>,
    env: Env,
    checkpoints: JobCheckpoints,
    machine: JobMachine,
    coordinator: CheckpointCoordinator,
    sources: BTreeMap<OperatorId, SourceCoordinator>,
    alignment: AlignmentGroups,
    /// What the next attempt starts from.
    restorable: Option<Restored>,
    /// What the enumerators remembered at the checkpoint that is being written.
    storing: Option<Arc<BTreeMap<OperatorId, Vec<u8>>>>,
    /// The job's own checkpoints that are kept.
    kept: BTreeMap<CheckpointId, Arc<CheckpointMetadata>>,
    owns_folder: bool,
    folder: Folder,
    /// An attempt that waits for a checkpoint's fate, for the folder to be swept, or for older state.
    held: Option<AttemptId>,
    /// Older state is looked for, because that to start from is damaged.
    is_seeking: bool,
    /// The checkpoint that was found whole after a task had met damage that comes from it or from this machine.
    doubted: Option<CheckpointId>,
    /// Why the next attempt cannot be deployed.
    refusal: Option<Error>,
    is_closed: bool,
}

impl JobMaster {
    /// A job master that has not begun. `env` is only handed on to enumerators.
    ///
    /// # Errors
    /// `Invalid` when the job's restart strategy makes no sense.
    pub(super) fn new(start: Start, env: Env, now: ProcessingTime) -> Result<Self> {
        let job = Arc::new(start.job);
        let restart = RestartStrategy::from_config(&job.config, job.takes_checkpoints())?;
        let mut config = job.checkpoints.clone();
        config.interval = config.interval.filter(|_| job.takes_checkpoints());
        let retained = retained_of(start.restored.as_ref(), &start.kept);
        Ok(JobMaster {
            env,
            checkpoints: start.checkpoints,
            machine: JobMachine::new(job.clone(), restart, now),
            coordinator: CheckpointCoordinator::new(config, job.places(), retained, start.next_id),
            sources: BTreeMap::new(),
            alignment: AlignmentGroups::default(),
            restorable: start.restored,
            storing: None,
            kept: start.kept.into_iter().map(|metadata| (metadata.checkpoint, metadata)).collect(),
            owns_folder: start.owns_folder,
            folder: Folder::Clean,
            held: None,
            is_seeking: false,
            doubted: None,
            refusal: None,
            is_closed: false,
            job,
        })
    }

    /// Takes an event and says what is to be done about it, in this order. `chance` is a random number in `[0, 1)`.
    pub fn on(&mut self, event: MasterEvent, now: ProcessingTime, chance: f64) -> Vec<Action> {
        let mut turn = Turn { master: self, now, chance, out: Vec::new() };
        turn.take(event);
        turn.close_if_over();
        turn.out
    }

    /// When [`MasterEvent::Tick`] is due next.
    pub fn next_wakeup(&self) -> Option<ProcessingTime> {
        [self.machine.next_wakeup(), self.coordinator.next_wakeup(), self.alignment.next_wakeup()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether the job is over and no answer is awaited.
    pub fn is_over(&self) -> bool {
        self.machine.status().is_terminal() && !self.coordinator.is_storing()
    }

    /// The job.
    pub fn job(&self) -> &Arc<JobDescription> {
        &self.job
    }

    /// The states of the job and of its tasks.
    pub fn machine(&self) -> &JobMachine {
        &self.machine
    }

    /// Its checkpoints.
    pub fn coordinator(&self) -> &CheckpointCoordinator {
        &self.coordinator
    }
}

/// The checkpoints that are there when the job starts, oldest first. One that it is restored from and that is not
/// among its own belongs to somebody else.
fn retained_of(restored: Option<&Restored>, kept: &[Arc<CheckpointMetadata>]) -> Vec<Retained> {
    let retained = |metadata: &CheckpointMetadata, owned| Retained {
        id: metadata.checkpoint,
        files: metadata.referenced_files(),
        owned,
    };
    match restored {
        Some(restored) if kept.is_empty() => vec![retained(&restored.metadata, false)],
        _ => kept.iter().map(|metadata| retained(metadata, true)).collect(),
    }
}

/// One event being taken.
struct Turn<'a> {
    master: &'a mut JobMaster,
    now: ProcessingTime,
    chance: f64,
    out: Vec<Action>,
}

impl Turn<'_> {
    fn take(&mut self, event: MasterEvent) {
        match event {
            MasterEvent::Begin => self.job(JobEvent::Initialized),
            MasterEvent::Task(task, event) => self.task(task, event),
            MasterEvent::DeployFailed(attempt, error) => {
                if self.master.machine.attempt() == Some(attempt) {
                    self.job(JobEvent::DeployFailed(error));
                }
            }
            MasterEvent::SendFailed(task, error) => {
                if self.master.machine.is_present(task) {
                    let name = self.master.job.task_name((task.vertex, task.subtask));
                    self.job(JobEvent::Failed(error.in_context(name)));
                }
            }
            MasterEvent::Discovered(attempt, operator, result) => {
                if self.master.machine.attempt() == Some(attempt) {
                    self.source(operator, SourceEvent::Discovered(result));
                }
            }
            MasterEvent::Stored(id, result) => self.stored(id, result),
            MasterEvent::Swept(result) => {
                self.master.folder = Folder::Clean;
                self.master.refusal = result.err().or(self.master.refusal.take());
                self.go_on();
            }
            MasterEvent::FoundOlder(result) => self.found_older(result),
            MasterEvent::TasksLost(error) => self.job(JobEvent::TasksLost(error)),
            MasterEvent::CancelRequested => self.job(JobEvent::CancelRequested),
            MasterEvent::SuspendRequested => self.job(JobEvent::SuspendRequested),
            MasterEvent::SavepointRequested(id, target) => {
                self.checkpoint(checkpoint::Event::SavepointRequested(id, target));
            }
            MasterEvent::Tick => {
                self.job(JobEvent::Tick);
                self.checkpoint(checkpoint::Event::Tick);
                self.align();
            }
        }
    }

    fn task(&mut self, task: TaskId, event: TaskEvent) {
        match event {
            TaskEvent::Running => self.job(JobEvent::Task(task, TaskSignal::Running)),
            TaskEvent::Ended => self.job(JobEvent::Task(task, TaskSignal::Ended)),
            TaskEvent::Gone => self.job(JobEvent::Task(task, TaskSignal::Gone)),
            TaskEvent::Failed(error) if self.is_damage(task, &error) => self.go_back(task, error),
            TaskEvent::Failed(error) if self.is_late_damage(task, &error) => self.doubt(task, &error),
            TaskEvent::Failed(error) => self.job(JobEvent::Task(task, TaskSignal::Failed(error))),
            TaskEvent::Acknowledge { checkpoint, snapshot, times } => {
                self.checkpoint(checkpoint::Event::Acknowledged(task, checkpoint, snapshot, times));
            }
            TaskEvent::Decline { checkpoint, error } => {
                self.checkpoint(checkpoint::Event::Declined(task, checkpoint, error));
            }
            TaskEvent::RequestSplit { operator } => {
                if self.master.machine.is_present(task) {
                    self.source(operator, SourceEvent::SplitRequested(task.subtask));
                }
            }
            TaskEvent::SourceWatermark { operator, watermark } => {
                if self.master.machine.is_present(task) {
                    self.master.alignment.report(operator, task.subtask, watermark);
                }
            }
        }
    }

    fn job(&mut self, event: JobEvent) {
        let before = self.master.machine.status();
        let commands = self.master.machine.on(event, self.now, self.chance);
        self.log_transition(before);
        if before != JobStatus::Restarting && self.master.machine.status() == JobStatus::Restarting {
            self.litter();
        }
        for command in commands {
            match command {
                JobCommand::Deploy(attempt) => {
                    self.master.held = Some(attempt);
                    self.go_on();
                }
                JobCommand::StartCheckpoints(attempt) => {
                    let restored = self.master.restorable.as_ref().map(|r| r.metadata.checkpoint);
                    self.checkpoint(checkpoint::Event::Started(attempt, restored));
                }
                JobCommand::StopCheckpoints => {
                    self.master.sources.clear();
                    self.master.alignment.clear();
                    self.checkpoint(checkpoint::Event::Stopped);
                }
                JobCommand::RequestFinalCheckpoint => self.checkpoint(checkpoint::Event::FinalRequested),
                JobCommand::Release(attempt) => self.send_to_all(attempt, || TaskCommand::Release),
                JobCommand::CancelTasks(attempt) if self.master.held == Some(attempt) => {
                    self.master.held = None;
                    self.job(JobEvent::DeployFailed(Error::unavailable("the job was stopped before it was deployed")));
                }
                JobCommand::CancelTasks(attempt) => self.out.push(Action::CancelTasks(attempt)),
            }
        }
    }

    /// The tasks of an attempt are gone: what they have left behind is swept before the next, while its delay runs.
    fn litter(&mut self) {
        if self.master.owns_folder && self.master.job.takes_checkpoints() {
            self.master.folder = Folder::Littered;
            self.go_on();
        }
    }

    /// Sweeps and deploys what waits for it, once it is known which checkpoints there are.
    fn go_on(&mut self) {
        let is_over = self.master.machine.status().is_terminal();
        if self.master.coordinator.is_storing() || self.master.is_seeking || is_over {
            return;
        }
        match self.master.folder {
            Folder::Littered => {
                self.master.folder = Folder::BeingSwept;
                self.out.push(Action::Sweep(self.master.kept.values().cloned().collect()));
            }
            Folder::BeingSwept => {}
            Folder::Clean => {
                if let Some(attempt) = self.master.held.take() {
                    match self.master.refusal.take() {
                        None => self.deploy(attempt),
                        Some(error) => self.job(JobEvent::DeployFailed(error)),
                    }
                }
            }
        }
    }

    fn deploy(&mut self, attempt: AttemptId) {
        match self.prepare(attempt) {
            Ok(deployment) => {
                self.out.push(Action::Deploy(Box::new(deployment)));
                let operators: Vec<OperatorId> = self.master.sources.keys().copied().collect();
                operators.into_iter().for_each(|operator| self.source(operator, SourceEvent::Started));
            }
            Err(error) => {
                self.master.sources.clear();
                self.job(JobEvent::DeployFailed(error));
            }
        }
    }

    /// Creates the sources' coordinators and deals out the state.
    fn prepare(&mut self, attempt: AttemptId) -> Result<Deployment> {
        let JobMaster { job, env, checkpoints, sources, alignment, restorable, .. } = &mut *self.master;
        sources.clear();
        alignment.clear();
        let restore = restorable.as_ref().map(|r| r.deal_out(job)).transpose()?.unwrap_or_default();
        for vertex in &job.vertices {
            let cx =
                EnumeratorContext { env: env.clone(), parallelism: vertex.parallelism, config: job.config.clone() };
            for operator in &vertex.operators {
                let Some(source) = &operator.source else { continue };
                let remembered = restorable.as_ref().and_then(|r| r.coordinators.get(&operator.id)).map(Vec::as_slice);
                let coordinator =
                    SourceCoordinator::new(operator.id, operator.name.clone(), vertex.id, &**source, &cx, remembered)?;
                sources.insert(operator.id, coordinator);
                if let Some(aligned) = source.alignment() {
                    alignment.add(operator.id, aligned.clone(), self.now);
                }
            }
        }
        Ok(Deployment {
            job: job.id,
            attempt,
            restored: restorable.as_ref().map(|r| r.metadata.checkpoint),
            restore,
            restore_files: restorable.as_ref().map_or(&*checkpoints, |r| &r.files).clone(),
            checkpoints: checkpoints.clone(),
        })
    }

    fn checkpoint(&mut self, event: checkpoint::Event) {
        let failed = self.master.coordinator.stats().counts.failed;
        let commands = self.master.coordinator.on(event, self.now);
        self.log_failed_checkpoint(failed);
        for command in commands {
            match command {
                checkpoint::Command::SnapshotSources(id) => {
                    let snapshots =
                        self.master.sources.iter().map(|(id, source)| Ok((*id, source.snapshot()?))).collect();
                    self.checkpoint(checkpoint::Event::SourcesSnapshotted(id, snapshots));
                }
                checkpoint::Command::Trigger(barrier, target) => {
                    self.send_to_running(|| TaskCommand::Trigger(barrier, target.clone()));
                }
                checkpoint::Command::NotifyComplete(id) => self.send_to_running(|| TaskCommand::Complete(id)),
                checkpoint::Command::NotifyAborted(id) => self.send_to_running(|| TaskCommand::Abort(id)),
                checkpoint::Command::Store(collected) => {
                    self.master.storing = Some(Arc::new(collected.sources.clone()));
                    self.out.push(Action::Store(collected));
                }
                checkpoint::Command::Completed(id) => self.log_completed_checkpoint(id),
                checkpoint::Command::Discard { checkpoints, files } => {
                    checkpoints.iter().for_each(|id| drop(self.master.kept.remove(id)));
                    self.out.push(Action::Discard(checkpoints, files));
                }
                checkpoint::Command::FailJob(error) => self.job(JobEvent::Failed(error)),
                checkpoint::Command::FinalDone => self.job(JobEvent::FinalCheckpointDone),
                checkpoint::Command::SavepointDone(id, outcome) => self.out.push(Action::SavepointDone(id, outcome)),
                checkpoint::Command::DiscardSavepoint(target) => self.out.push(Action::DiscardSavepoint(target)),
                checkpoint::Command::Stop => self.job(JobEvent::SavepointStops),
            }
        }
    }

    fn stored(&mut self, id: CheckpointId, result: Result<CheckpointMetadata>) {
        let coordinators = self.master.storing.take().unwrap_or_default();
        match result {
            Ok(metadata) => {
                let written = metadata.referenced_files();
                let (metadata, files) = (Arc::new(metadata), self.master.checkpoints.clone());
                if metadata.kind == BarrierKind::Checkpoint {
                    self.master.kept.insert(id, metadata.clone());
                    self.master.restorable = Some(Restored { metadata, files, coordinators });
                }
                self.checkpoint(checkpoint::Event::MetadataWritten(id, written));
            }
            Err(error) => self.checkpoint(checkpoint::Event::MetadataFailed(id, error)),
        }
        self.go_on();
    }

    fn source(&mut self, operator: OperatorId, event: SourceEvent) {
        // Of a source that the job does not have, or of a job that is being stopped.
        let Some(source) = self.master.sources.get_mut(&operator) else { return };
        let vertex = source.vertex();
        for command in source.on(event) {
            let Some(attempt) = self.master.machine.attempt() else { return };
            match command {
                SourceCommand::Send(subtask, command) => self.send(TaskId { vertex, subtask, attempt }, command),
                SourceCommand::Discover(work) => self.out.push(Action::Discover(attempt, operator, work)),
                SourceCommand::Fail(error) => self.job(JobEvent::Failed(error)),
            }
        }
    }

    fn align(&mut self) {
        let Some(attempt) = self.master.machine.attempt() else { return };
        for (operator, limit) in self.master.alignment.on_tick(self.now) {
            let Some(vertex) = self.master.sources.get(&operator).map(SourceCoordinator::vertex) else { continue };
            for subtask in self.subtasks_of(vertex) {
                self.send(TaskId { vertex, subtask, attempt }, TaskCommand::AlignWatermark { operator, limit });
            }
        }
    }

    fn subtasks_of(&self, vertex: VertexId) -> impl Iterator<Item = SubtaskIndex> + use<> {
        (0..self.master.job.vertex(vertex).map_or(0, |v| v.parallelism)).map(SubtaskIndex)
    }

    fn send(&mut self, task: TaskId, command: TaskCommand) {
        if self.master.machine.is_present(task) {
            self.out.push(Action::Send(task, command));
        }
    }

    fn send_to_running(&mut self, command: impl Fn() -> TaskCommand) {
        if let Some(attempt) = self.master.machine.attempt() {
            self.send_to_all(attempt, command);
        }
    }

    fn send_to_all(&mut self, attempt: AttemptId, command: impl Fn() -> TaskCommand) {
        let places: Vec<_> = self.master.machine.tasks().keys().copied().collect();
        for (vertex, subtask) in places {
            self.send(TaskId { vertex, subtask, attempt }, command());
        }
    }

    /// When the job is over, so are its checkpoints, unless they are to stay.
    fn close_if_over(&mut self) {
        let status = self.master.machine.status();
        if !status.is_terminal() || self.master.is_closed {
            return;
        }
        self.master.is_closed = true;
        let is_wanted = match status {
            JobStatus::Canceled | JobStatus::Finished => true,
            JobStatus::Failed
            | JobStatus::Suspended
            | JobStatus::Initializing
            | JobStatus::Created
            | JobStatus::Running
            | JobStatus::Failing
            | JobStatus::Cancelling
            | JobStatus::Restarting => false,
        };
        let delete = is_wanted && self.master.job.checkpoints.retention == Retention::DeleteOnCancellation;
        self.checkpoint(checkpoint::Event::Closed { delete });
    }
}

#[cfg(test)]
mod tests;
