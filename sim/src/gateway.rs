//! The way between job master and tasks, on which messages are late, come twice, or (acknowledgements) not at all.
//!
//! Commands to one task stay in order and so do events of one task: that is the contract of the control plane. A doubled
//! message comes right behind the first or some messages later; what is repeated says so of itself (an id, an attempt),
//! so it must change nothing. Commands are not lost: a connection that loses them is a task that fails.

use crate::faults::MessageFaults;
use crate::trace::Trace;
use fastrand::Rng;
use flott::minicluster::TaskEvents;
use flott_api::control::{TaskCommand, TaskEvent, TaskId};
use flott_core::{AttemptId, Error, Result};
use flott_env::Env;
use flott_jobmanager::{Deployment, TaskGateway};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// Messages under way to or from one task.
const MESSAGES_MAX: usize = 4096;

/// Puts faulty ways between a job master and `gateway` with its `events`; for `MiniCluster::submit_through`.
pub fn interpose(
    env: &Env,
    faults: &MessageFaults,
    trace: &Trace,
    gateway: Arc<dyn TaskGateway>,
    events: TaskEvents,
) -> (Arc<dyn TaskGateway>, TaskEvents) {
    let way = Way {
        env: env.clone(),
        faults: faults.clone(),
        random: Arc::new(Mutex::new(env.fork_random())),
        trace: trace.clone(),
    };
    let (out, received) = mpsc::channel(MESSAGES_MAX);
    env.spawn(way.clone().carry_events(events, out)).detach();
    (Arc::new(FaultyGateway { way, inner: gateway, queues: Mutex::new(BTreeMap::new()) }), received)
}

/// What both directions have in common.
#[derive(Clone)]
struct Way {
    env: Env,
    faults: MessageFaults,
    random: Arc<Mutex<Rng>>,
    trace: Trace,
}

impl Way {
    fn draw<T>(&self, draw: impl FnOnce(&mut Rng) -> T) -> T {
        draw(&mut self.random.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn happens(&self, chance: f64) -> bool {
        self.draw(|random| random.f64() < chance)
    }

    fn delay(&self) -> Duration {
        let most = self.faults.delay_max.as_millis() as u64;
        // Most messages are fast.
        Duration::from_millis(
            self.draw(|random| if random.u8(..4) == 0 { random.u64(..=most) } else { random.u64(..=most / 8) }),
        )
    }

    fn note(&self, what: fmt::Arguments<'_>) {
        self.trace.note(self.env.elapsed(), what);
    }

    /// Takes the events of all tasks and hands each to its task's own queue.
    async fn carry_events(self, mut events: TaskEvents, out: mpsc::Sender<(TaskId, TaskEvent)>) {
        let mut queues: BTreeMap<TaskId, mpsc::Sender<TaskEvent>> = BTreeMap::new();
        while let Some((task, event)) = events.recv().await {
            let queue = queues.entry(task).or_insert_with(|| {
                let (queue, queued) = mpsc::channel(MESSAGES_MAX);
                self.env.spawn(self.clone().carry_events_of(task, queued, out.clone())).detach();
                queue
            });
            if queue.send(event).await.is_err() {
                return;
            }
        }
    }

    async fn carry_events_of(
        self,
        task: TaskId,
        mut queued: mpsc::Receiver<TaskEvent>,
        out: mpsc::Sender<(TaskId, TaskEvent)>,
    ) {
        let mut late: Option<TaskEvent> = None;
        while let Some(event) = queued.recv().await {
            self.env.sleep(self.delay()).await;
            if matches!(event, TaskEvent::Acknowledge { .. }) && self.happens(self.faults.acknowledgement_lost) {
                self.note(format_args!("event of {task}: {} is lost", EventName(&event)));
                continue;
            }
            self.note(format_args!("event of {task}: {}", EventName(&event)));
            let again = if self.happens(self.faults.doubled) { copy_of_event(&event) } else { None };
            let at_once = self.draw(Rng::bool);
            if out.send((task, event)).await.is_err() {
                return;
            }
            for repeated in [late.take(), again].into_iter().flatten() {
                if at_once {
                    self.note(format_args!("event of {task}: {} again", EventName(&repeated)));
                    let _ = out.send((task, repeated)).await;
                } else {
                    late = Some(repeated);
                }
            }
        }
    }

    async fn carry_commands_of(
        self,
        task: TaskId,
        mut queued: mpsc::Receiver<TaskCommand>,
        inner: Arc<dyn TaskGateway>,
    ) {
        let mut late: Option<TaskCommand> = None;
        while let Some(command) = queued.recv().await {
            self.env.sleep(self.delay()).await;
            self.note(format_args!("command to {task}: {}", CommandName(&command)));
            let again = if self.happens(self.faults.doubled) { copy_of_command(&command) } else { None };
            let at_once = self.draw(Rng::bool);
            self.send(&*inner, task, command);
            for repeated in [late.take(), again].into_iter().flatten() {
                if at_once {
                    self.note(format_args!("command to {task}: {} again", CommandName(&repeated)));
                    self.send(&*inner, task, repeated);
                } else {
                    late = Some(repeated);
                }
            }
        }
    }

    fn send(&self, inner: &dyn TaskGateway, task: TaskId, command: TaskCommand) {
        if let Err(error) = inner.send(task, command) {
            self.note(format_args!("command to {task} refused: {error}"));
        }
    }
}

struct FaultyGateway {
    way: Way,
    inner: Arc<dyn TaskGateway>,
    queues: Mutex<BTreeMap<TaskId, mpsc::Sender<TaskCommand>>>,
}

impl TaskGateway for FaultyGateway {
    fn deploy(&self, deployment: Deployment) -> Result<()> {
        let (attempt, restored) = (deployment.attempt, deployment.restored);
        let fails = self.way.happens(self.way.faults.deploy_fails);
        self.way.note(format_args!("deploy attempt {attempt} from {restored:?}{}", if fails { " fails" } else { "" }));
        if fails { Err(Error::unavailable("no TaskManager answers")) } else { self.inner.deploy(deployment) }
    }

    fn send(&self, task: TaskId, command: TaskCommand) -> Result<()> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queues.entry(task).or_insert_with(|| {
            let (queue, queued) = mpsc::channel(MESSAGES_MAX);
            self.way.env.spawn(self.way.clone().carry_commands_of(task, queued, self.inner.clone())).detach();
            queue
        });
        queue
            .try_send(command)
            .map_err(|_| Error::unavailable(format!("{MESSAGES_MAX} messages are under way to {task}")))
    }

    fn cancel(&self, attempt: AttemptId) {
        let (way, inner) = (self.way.clone(), self.inner.clone());
        let cancelled = async move {
            way.env.sleep(way.delay()).await;
            way.note(format_args!("cancel attempt {attempt}"));
            inner.cancel(attempt);
        };
        self.way.env.spawn(cancelled).detach();
    }
}

/// The same command once more, if it is of a kind that says which checkpoint it is about.
fn copy_of_command(command: &TaskCommand) -> Option<TaskCommand> {
    match command {
        TaskCommand::Trigger(barrier, target) => Some(TaskCommand::Trigger(*barrier, target.clone())),
        TaskCommand::Complete(checkpoint) => Some(TaskCommand::Complete(*checkpoint)),
        TaskCommand::Abort(checkpoint) => Some(TaskCommand::Abort(*checkpoint)),
        TaskCommand::NoMoreSplits { operator } => Some(TaskCommand::NoMoreSplits { operator: *operator }),
        TaskCommand::AlignWatermark { operator, limit } => {
            Some(TaskCommand::AlignWatermark { operator: *operator, limit: *limit })
        }
        // Splits are handed over, not announced: whoever sends them twice has given them twice.
        TaskCommand::AddSplits { .. } | TaskCommand::Query(_) | TaskCommand::Release | TaskCommand::Cancel => None,
    }
}

/// The same event once more, where it can be told apart from a second one of its kind.
fn copy_of_event(event: &TaskEvent) -> Option<TaskEvent> {
    match event {
        TaskEvent::Running => Some(TaskEvent::Running),
        TaskEvent::Ended => Some(TaskEvent::Ended),
        TaskEvent::Acknowledge { checkpoint, snapshot, times } => {
            Some(TaskEvent::Acknowledge { checkpoint: *checkpoint, snapshot: snapshot.clone(), times: *times })
        }
        TaskEvent::SourceWatermark { operator, watermark } => {
            Some(TaskEvent::SourceWatermark { operator: *operator, watermark: *watermark })
        }
        TaskEvent::Decline { .. } | TaskEvent::RequestSplit { .. } | TaskEvent::Gone | TaskEvent::Failed(_) => None,
    }
}

/// A command in a few words.
struct CommandName<'a>(&'a TaskCommand);

impl fmt::Display for CommandName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            TaskCommand::Trigger(barrier, _) => write!(f, "trigger {}", barrier.checkpoint),
            TaskCommand::Complete(checkpoint) => write!(f, "complete {checkpoint}"),
            TaskCommand::Abort(checkpoint) => write!(f, "abort {checkpoint}"),
            TaskCommand::AddSplits { splits, .. } => {
                write!(f, "splits {:?}", splits.iter().map(|split| split.id.as_str()).collect::<Vec<_>>())
            }
            TaskCommand::NoMoreSplits { .. } => f.write_str("no more splits"),
            TaskCommand::AlignWatermark { limit, .. } => write!(f, "align to {}", limit.0),
            TaskCommand::Query(query) => write!(f, "query {}", query.query.state),
            TaskCommand::Release => f.write_str("release"),
            TaskCommand::Cancel => f.write_str("cancel"),
        }
    }
}

/// An event in a few words.
struct EventName<'a>(&'a TaskEvent);

impl fmt::Display for EventName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            TaskEvent::Running => f.write_str("running"),
            TaskEvent::Acknowledge { checkpoint, snapshot, .. } => {
                write!(f, "acknowledge {checkpoint} ({} bytes)", snapshot.byte_count())
            }
            TaskEvent::Decline { checkpoint, error } => write!(f, "decline {checkpoint}: {error}"),
            TaskEvent::RequestSplit { .. } => f.write_str("request split"),
            TaskEvent::SourceWatermark { watermark, .. } => write!(f, "watermark {}", watermark.0),
            TaskEvent::Ended => f.write_str("ended"),
            TaskEvent::Gone => f.write_str("gone"),
            TaskEvent::Failed(error) => write!(f, "failed: {error}"),
        }
    }
}
