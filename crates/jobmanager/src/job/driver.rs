//! The only part of the job manager that waits: hands events to the job master, carries out what it says, and
//! publishes what the job looks like.
//!
//! ```text
//! prepare        find the checkpoint, compare it with the job        nothing runs yet
//!   start          spawn the driver
//!     loop           wish, task event, storage or discovery done, time passed -> JobMaster::on -> actions
//! ```
//!
//! The job master never waits for a task: commands go into the task's queue or the job fails. Commands to one task stay
//! in the order in which the machines gave them, which is what makes an enumerator's snapshot and a barrier agree.

use super::description::JobDescription;
use super::error::copy_of;
use super::event::{Action, MasterEvent};
use super::gateway::TaskGateway;
use super::handle::{JobHandle, JobResult, JobView, Wish};
use super::master::JobMaster;
use super::metrics::JobMetrics;
use super::query::{QUERIES_MAX, Question};
use super::restore::{RestoreFrom, find_start, first_usable, sweep};
use super::savepoint::{self, Asked, Waiting};
use crate::checkpoint::{Collected, Outcome, metadata_of};
use flott_api::control::{SplitBytes, TaskEvent, TaskId};
use flott_api::metrics::{Labels, MetricRegistry};
use flott_api::{Discovery, JobStatus};
use flott_core::config::CHECKPOINT_INLINE_THRESHOLD;
use flott_core::{AttemptId, CheckpointId, Error, OperatorId, ProcessingTime, Result, SavepointFormat};
use flott_env::{Env, catch};
use flott_state::checkpoint::{CheckpointMetadata, CheckpointStorage, JobCheckpoints, RestoreReport};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Semaphore, mpsc, watch};
use tracing::Instrument;

/// How long a restart waits for what the tasks before it have left behind to be deleted.
const SWEEP_TIMEOUT: Duration = Duration::from_secs(30);
/// Requests for savepoints that wait to be taken.
const SAVEPOINTS_MAX: usize = 16;
/// How often gauges that count time are set when nothing else happens.
const METRICS_INTERVAL: Duration = Duration::from_secs(1);

/// Finds out where `job` starts, compares the checkpoint with it and logs the outcome. Nothing runs yet; what is
/// left behind by an earlier run in the job's checkpoint folder is deleted.
///
/// # Errors
/// `Invalid` when the job cannot be restored from the checkpoint or an option makes no sense, `Corrupt` when the
/// checkpoint cannot be read, `Unavailable` when the storage does not answer.
pub async fn prepare(
    env: &Env,
    job: JobDescription,
    storage: &CheckpointStorage,
    from: &RestoreFrom,
) -> Result<Prepared> {
    let start = find_start(job, storage, from).await?;
    let report = start.report.clone().map(Arc::new);
    let checkpoints = start.checkpoints.clone();
    let inline_bytes_max = start.job.config.get(&CHECKPOINT_INLINE_THRESHOLD)?.0;
    let master = JobMaster::new(start, env.clone(), env.now())?;
    Ok(Prepared { env: env.clone(), master, checkpoints, inline_bytes_max, report })
}

/// A job that can start.
pub struct Prepared {
    env: Env,
    master: JobMaster,
    checkpoints: JobCheckpoints,
    inline_bytes_max: u64,
    report: Option<Arc<RestoreReport>>,
}

impl Prepared {
    /// The job, under the id and with the numbers of key groups that the checkpoint decided: tasks must be built
    /// from these.
    pub fn job(&self) -> &Arc<JobDescription> {
        self.master.job()
    }

    /// Where the job's checkpoints are.
    pub fn checkpoints(&self) -> &JobCheckpoints {
        &self.checkpoints
    }

    /// What becomes of each operator, if the job starts from a checkpoint.
    pub fn report(&self) -> Option<&RestoreReport> {
        self.report.as_deref()
    }

    /// Starts the job: tasks through `gateway`, what they say through `events`. The sender of `events` must live as long
    /// as tasks can be hosted; when it is gone the job fails.
    pub fn start(
        self,
        gateway: Arc<dyn TaskGateway>,
        events: mpsc::Receiver<(TaskId, TaskEvent)>,
        metrics: &MetricRegistry,
    ) -> JobHandle {
        let job = self.master.job().clone();
        let labels: Labels = [("job_id", job.id.to_string()), ("job_name", job.name.to_string())].into();
        let view = view_of(&self.master);
        let (publish, watch_view) = watch::channel(view);
        let (wish, wishes) = watch::channel(Wish::Run);
        let (savepoints, asked) = mpsc::channel(SAVEPOINTS_MAX);
        let (questions, questioned) = mpsc::channel(QUERIES_MAX);
        let (turn, checkpoints) = (Arc::<Mutex<()>>::default(), self.checkpoints.clone());
        let driver = Driver {
            started: self.env.now(),
            env: self.env.clone(),
            checkpoints: self.checkpoints,
            inline_bytes_max: self.inline_bytes_max,
            gateway,
            metrics: JobMetrics::new(metrics, &labels),
            publish,
            discoveries: FuturesUnordered::new(),
            storage: FuturesUnordered::new(),
            waiting: Waiting::default(),
            turn: turn.clone(),
            master: self.master,
        };
        let span = tracing::info_span!("job", job_id = %job.id, job_name = %job.name);
        self.env.spawn(driver.run(events, wishes, asked, questioned).instrument(span)).detach();
        JobHandle {
            job,
            report: self.report,
            view: watch_view,
            wish: Arc::new(wish),
            savepoints,
            questions,
            queries: Arc::new(Semaphore::new(QUERIES_MAX)),
            checkpoints,
            turn,
        }
    }
}

type Background = FuturesUnordered<Pin<Box<dyn Future<Output = Option<MasterEvent>> + Send>>>;

struct Driver {
    started: ProcessingTime,
    env: Env,
    checkpoints: JobCheckpoints,
    inline_bytes_max: u64,
    gateway: Arc<dyn TaskGateway>,
    metrics: JobMetrics,
    publish: watch::Sender<JobView>,
    /// Work of enumerators, cut short at the end.
    discoveries: Background,
    /// Writing and deleting, waited for at the end.
    storage: Background,
    /// Savepoints that somebody waits for.
    waiting: Waiting,
    /// Held by who reads a checkpoint, and by who deletes one.
    turn: Arc<Mutex<()>>,
    master: JobMaster,
}

impl Driver {
    async fn run(
        mut self,
        mut events: mpsc::Receiver<(TaskId, TaskEvent)>,
        mut wishes: watch::Receiver<Wish>,
        mut asked: mpsc::Receiver<Asked>,
        mut questions: mpsc::Receiver<Question>,
    ) {
        self.take(MasterEvent::Begin);
        let mut hears_wishes = true;
        while !self.master.is_over() {
            if self.master.next_wakeup().is_some_and(|due| due <= self.env.now()) {
                // However many events there are, what is due does not wait behind them.
                self.take(MasterEvent::Tick);
                if self.master.is_over() {
                    break;
                }
            }
            let wakeup = self.wakeup();
            let event = tokio::select! {
                biased;
                wish = wishes.changed(), if hears_wishes => match wish {
                    Ok(()) => event_of(*wishes.borrow_and_update()),
                    Err(_) => {
                        hears_wishes = false;
                        None
                    }
                },
                Some(asked) = asked.recv() => self.savepoint(asked),
                Some(question) = questions.recv() => self.question(question),
                Some(done) = self.storage.next() => done,
                Some(done) = self.discoveries.next() => done,
                event = events.recv() => Some(match event {
                    Some((task, event)) => MasterEvent::Task(task, event),
                    None => MasterEvent::TasksLost(Error::unavailable("the TaskManager is gone, and the job's tasks with it")),
                }),
                () = self.env.sleep_until(wakeup) => Some(MasterEvent::Tick),
            };
            if let Some(event) = event {
                self.take(event);
            }
        }
        self.finish().await;
    }

    /// When to wake up if nothing happens.
    fn wakeup(&self) -> ProcessingTime {
        let gauges = self.env.now().plus(METRICS_INTERVAL);
        self.master.next_wakeup().map_or(gauges, |wakeup| wakeup.min(gauges))
    }

    /// Hands an event to the job master, and everything that comes of carrying out what it says.
    fn take(&mut self, event: MasterEvent) {
        let is_routine = is_routine(&event);
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for action in self.master.on(event, self.env.now(), self.env.random_f64()) {
                events.extend(self.act(action));
            }
        }
        if !is_routine || self.publish.borrow().status != self.master.machine().status() {
            self.metrics.update(&self.master, self.env.now());
            self.publish.send_replace(view_of(&self.master));
        }
    }

    fn act(&mut self, action: Action) -> Option<MasterEvent> {
        match action {
            Action::Deploy(deployment) => {
                let attempt = deployment.attempt;
                self.gateway.deploy(*deployment).err().map(|error| MasterEvent::DeployFailed(attempt, error))
            }
            Action::Send(task, command) => {
                self.gateway.send(task, command).err().map(|error| MasterEvent::SendFailed(task, error))
            }
            Action::CancelTasks(attempt) => {
                self.discoveries.clear();
                self.gateway.cancel(attempt);
                None
            }
            Action::Discover(attempt, operator, work) => {
                self.discoveries.push(Box::pin(discover(self.env.clone(), attempt, operator, work)));
                None
            }
            Action::Store(collected) => {
                self.storage.push(self.store(collected));
                None
            }
            Action::Discard(checkpoints, files) => {
                self.storage.push(Box::pin(discard(self.turn.clone(), self.checkpoints.clone(), checkpoints, files)));
                None
            }
            Action::Sweep(keep) => {
                let (env, checkpoints) = (self.env.clone(), self.checkpoints.clone());
                self.storage.push(Box::pin(async move {
                    let swept = env.timeout(SWEEP_TIMEOUT, sweep(&checkpoints, &keep)).await.unwrap_or_else(|| {
                        tracing::warn!("files of unfinished checkpoints were not deleted within {SWEEP_TIMEOUT:?}");
                        Ok(())
                    });
                    Some(MasterEvent::Swept(swept))
                }));
                None
            }
            Action::FindOlder(files, candidates) => {
                self.storage.push(Box::pin(async move {
                    Some(MasterEvent::FoundOlder(first_usable(&files, candidates).await))
                }));
                None
            }
            Action::SavepointDone(id, outcome) => {
                match outcome {
                    Outcome::Completed(_) => {
                        if let Some(folder) = self.waiting.answer(id, Ok(())) {
                            tracing::info!("savepoint complete: {folder}");
                        }
                    }
                    Outcome::Failed(error) => {
                        tracing::warn!("savepoint failed: {error}");
                        self.waiting.answer(id, Err(error));
                    }
                }
                None
            }
            Action::DiscardSavepoint(target) => {
                let checkpoints = self.checkpoints.clone();
                self.storage.push(Box::pin(async move {
                    let deleted = async { checkpoints.savepoint(&target.folder)?.delete_savepoint().await };
                    if let Err(error) = deleted.await {
                        tracing::warn!("what there is of a failed savepoint in `{}` is left: {error}", target.folder);
                    }
                    None
                }));
                None
            }
        }
    }

    fn question(&mut self, question: Question) -> Option<MasterEvent> {
        let (task, command) = self.master.route(question)?;
        self.act(Action::Send(task, command))
    }

    fn savepoint(&mut self, asked: Asked) -> Option<MasterEvent> {
        let job = self.master.job();
        let (id, target) = self.waiting.add(asked, job.id, &job.config, self.env.random())?;
        Some(MasterEvent::SavepointRequested(id, Arc::new(target)))
    }

    /// Writes a checkpoint's metadata, within the time that a checkpoint may take.
    fn store(&self, collected: Collected) -> Pin<Box<dyn Future<Output = Option<MasterEvent>> + Send>> {
        let (env, checkpoints, job) = (self.env.clone(), self.checkpoints.clone(), self.master.job().clone());
        let (limit, inline_bytes_max) = (job.checkpoints.timeout, self.inline_bytes_max);
        Box::pin(async move {
            let id = collected.id;
            let written = env.timeout(limit, write(&env, &checkpoints, &job, &collected, inline_bytes_max)).await;
            let result = written.unwrap_or_else(|| {
                let what = format!("the metadata of checkpoint {id} could not be written within {limit:?}");
                Err(Error::unavailable(format!("{what}; see whether the checkpoint storage answers")))
            });
            Some(MasterEvent::Stored(id, result))
        })
    }

    /// Waits for what is being deleted, then says how the job ended.
    async fn finish(mut self) {
        self.discoveries.clear();
        let limit = self.master.job().checkpoints.timeout;
        let tidied = self.env.timeout(limit, async { while self.storage.next().await.is_some() {} }).await;
        if tidied.is_none() {
            tracing::warn!("the checkpoint storage does not answer; files that were to be deleted may be left");
        }
        let machine = self.master.machine();
        let outcome = match (machine.status(), machine.error()) {
            (JobStatus::Failed, Some(error)) => Err(copy_of(error)),
            (JobStatus::Failed, None) => Err(Error::internal("the job failed")),
            (status, _) => Ok(JobResult {
                job: self.master.job().id,
                status,
                runtime: self.started.until(self.env.now()),
                restarts: machine.restarts(),
            }),
        };
        let mut view = view_of(&self.master);
        view.outcome = Some(Arc::new(outcome));
        self.publish.send_replace(view);
    }
}

/// Whether an event as a rule changes nothing that others see.
fn is_routine(event: &MasterEvent) -> bool {
    matches!(event, MasterEvent::Task(_, TaskEvent::RequestSplit { .. } | TaskEvent::SourceWatermark { .. }))
}

fn event_of(wish: Wish) -> Option<MasterEvent> {
    match wish {
        Wish::Run => None,
        Wish::Suspend => Some(MasterEvent::SuspendRequested),
        Wish::Cancel => Some(MasterEvent::CancelRequested),
    }
}

fn view_of(master: &JobMaster) -> JobView {
    let machine = master.machine();
    JobView {
        status: machine.status(),
        timestamps: Arc::new(machine.timestamps().clone()),
        attempt: machine.attempt(),
        tasks: Arc::new(machine.tasks().clone()),
        restarts: machine.restarts(),
        checkpoints: Arc::new(master.coordinator().stats().clone()),
        exceptions: Arc::new(machine.exceptions().clone()),
        outcome: None,
    }
}

async fn write(
    env: &Env,
    checkpoints: &JobCheckpoints,
    job: &JobDescription,
    collected: &Collected,
    inline_bytes_max: u64,
) -> Result<CheckpointMetadata> {
    let folder = match &collected.savepoint {
        Some(target) => &checkpoints.savepoint(&target.folder)?,
        None => checkpoints,
    };
    let is_canonical = collected.savepoint.as_ref().is_some_and(|s| s.format == SavepointFormat::Canonical);
    let mut coordinators = BTreeMap::new();
    for (operator, bytes) in &collected.sources {
        let blob = if is_canonical {
            savepoint::write_coordinator(folder, job, *operator, bytes.clone()).await?
        } else {
            folder.write_blob(collected.id, bytes.clone(), inline_bytes_max).await?
        };
        coordinators.insert(*operator, blob);
    }
    let metadata = metadata_of(job, collected, coordinators, env.now());
    match &collected.savepoint {
        Some(target) => savepoint::complete(folder, target, &metadata).await?,
        None => checkpoints.complete(&metadata).await?,
    }
    Ok(metadata)
}

async fn discover(
    env: Env,
    attempt: AttemptId,
    operator: OperatorId,
    work: Discovery<SplitBytes>,
) -> Option<MasterEvent> {
    env.sleep(work.delay).await;
    let found = env.blocking(move || catch(work.find)).await;
    Some(MasterEvent::Discovered(attempt, operator, found.and_then(|found| found)))
}

/// Metadata first: a checkpoint whose files are gone must not look complete. Waits for who reads a checkpoint.
async fn discard(
    turn: Arc<Mutex<()>>,
    storage: JobCheckpoints,
    checkpoints: Vec<CheckpointId>,
    files: Vec<String>,
) -> Option<MasterEvent> {
    let _turn = turn.lock().await;
    let deleted = async {
        // Newest first: whether they are ours to delete is asked for the newest.
        for id in checkpoints.into_iter().rev() {
            storage.delete_checkpoint(id).await?;
        }
        storage.delete_files(files).await
    };
    if let Err(error) = deleted.await {
        // They take up room and do no harm; the next start sweeps them.
        tracing::warn!("files of older checkpoints could not be deleted: {error}");
    }
    None
}

#[cfg(test)]
pub(super) mod tests;
