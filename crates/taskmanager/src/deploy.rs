//! Wiring and starting the subtasks of an attempt.

use crate::memory::ProcessMemory;
use crate::slot;
use flott_api::control::{TaskCommand, TaskEvent, TaskId};
use flott_api::metrics::MetricRegistry;
use flott_api::{Partitioning, RuntimeMode};
use flott_core::config::{EXCHANGE_BATCH_ROWS, EXCHANGE_CHANNEL_BATCHES, GATHERED_ROWS};
use flott_core::{AttemptId, Configuration, Error, JobId, OperatorId, Result, SubtaskIndex, VertexId};
use flott_env::Env;
use flott_graph::{JobEdge, JobGraph, JobVertex, consumers, producers};
use flott_runtime::exchange::channel::{Sender, gate};
use flott_runtime::exchange::{BatchRows, Port};
use flott_runtime::input::barrier::Barriers;
use flott_runtime::input::{BarrierRule, Input, InputChannel};
use flott_runtime::{ChannelName, TaskSpec};
use flott_state::InFlightDealing;
use flott_state::checkpoint::{JobCheckpoints, LocalStores, SubtaskRestore};
use flott_state::store::StateBackend;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};

/// Commands that wait for one task. Far more than a healthy task ever lets wait.
const COMMANDS_MAX: usize = 1024;

/// One attempt of a job, to be run.
pub struct Deployment {
    /// The job.
    pub job: JobId,
    /// The job's graph.
    pub graph: Arc<JobGraph>,
    /// Which run it is.
    pub attempt: AttemptId,
    /// Streaming or batch.
    pub mode: RuntimeMode,
    /// What barriers do.
    pub barriers: BarrierRule,
    /// What the operators of each subtask take over from a checkpoint.
    pub restore: BTreeMap<(VertexId, SubtaskIndex), BTreeMap<OperatorId, SubtaskRestore>>,
    /// Where the files are that `restore` names.
    pub restore_files: JobCheckpoints,
    /// Where snapshots are written.
    pub checkpoints: JobCheckpoints,
    /// Where events go.
    pub events: mpsc::Sender<(TaskId, TaskEvent)>,
    /// What the user has set.
    pub config: Arc<Configuration>,
    /// On what stores keyed state lies; on none if it is on the heap.
    pub backend: Option<Arc<dyn StateBackend>>,
}

/// The process that runs subtasks.
#[derive(Clone)]
pub struct TaskManager {
    env: Env,
    metrics: MetricRegistry,
    memory: ProcessMemory,
}

/// The subtasks of one attempt.
pub struct Tasks {
    handles: BTreeMap<TaskId, Handle>,
}

struct Handle {
    commands: mpsc::Sender<TaskCommand>,
    cancel: Mutex<Option<oneshot::Sender<()>>>,
}

impl Tasks {
    /// Sends a command to a task. One for a task that is gone is dropped. Cancelling goes past whatever waits.
    ///
    /// # Errors
    /// `Unavailable` when the task does not take its commands any more.
    pub fn send(&self, task: TaskId, command: TaskCommand) -> Result<()> {
        let Some(handle) = self.handles.get(&task) else { return Ok(()) };
        if matches!(command, TaskCommand::Cancel) {
            if let Some(cancel) = handle.cancel.lock().unwrap_or_else(PoisonError::into_inner).take() {
                // A task that has ended by itself needs no cancelling.
                let _ = cancel.send(());
            }
            return Ok(());
        }
        match handle.commands.try_send(command) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Error::unavailable(format!(
                "{task} has let {COMMANDS_MAX} commands wait: its code does not return; look at what it is doing"
            ))),
        }
    }

    /// Stops all tasks, wherever they wait.
    pub fn cancel(&self) {
        for handle in self.handles.values() {
            if let Some(cancel) = handle.cancel.lock().unwrap_or_else(PoisonError::into_inner).take() {
                // A task that has ended by itself needs no cancelling.
                let _ = cancel.send(());
            }
        }
    }

    /// All tasks, in order.
    pub fn ids(&self) -> impl Iterator<Item = TaskId> {
        self.handles.keys().copied()
    }
}

impl TaskManager {
    /// A TaskManager in this process.
    pub fn new(env: Env, metrics: MetricRegistry, memory: ProcessMemory) -> Self {
        TaskManager { env, metrics, memory }
    }

    /// Connects the subtasks of an attempt and starts the slots that run them.
    ///
    /// # Errors
    /// `Invalid` for options that are not what they should be, `Unavailable` when the system gives no thread.
    pub fn deploy(&self, deployment: Deployment) -> Result<Tasks> {
        let room = Room::of(&deployment)?;
        let batch_rows = self.memory.batch_rows(room.batch_rows);
        let graph = deployment.graph.clone();
        let mut wiring = Wiring::default();
        for vertex in &graph.vertices {
            wiring.add_gates(&graph, vertex, room, deployment.barriers, deployment.mode);
        }
        let Deployment { job, attempt, mode, barriers, mut restore, .. } = deployment;
        let Deployment { restore_files, checkpoints, events, config, backend, .. } = deployment;
        let stores = match backend {
            // In batch mode the state of a few keys is kept at a time, and dropped with them: it stays on the heap.
            Some(backend) if mode == RuntimeMode::Streaming => {
                self.memory.add_backend(&backend);
                Some(LocalStores::new(&self.env, backend, config.clone())?)
            }
            _ => None,
        };
        let mut handles = BTreeMap::new();
        for (number, members) in flott_graph::slots(&graph).into_iter().enumerate() {
            let mut tasks = Vec::new();
            for (vertex, subtask) in members {
                let id = TaskId { vertex, subtask, attempt };
                let (commands, mailbox) = mpsc::channel(COMMANDS_MAX);
                let (cancel, cancelled) = oneshot::channel();
                handles.insert(id, Handle { commands, cancel: Mutex::new(Some(cancel)) });
                let spec = TaskSpec {
                    id,
                    job,
                    graph: graph.clone(),
                    input: wiring.inputs.remove(&(vertex, subtask)),
                    ports: wiring.ports(&graph, (vertex, subtask), &batch_rows, &self.env),
                    restore: restore.remove(&(vertex, subtask)).unwrap_or_default(),
                    restore_files: restore_files.clone(),
                    commands: mailbox,
                    events: events.clone(),
                    checkpoints: checkpoints.clone(),
                    stores: stores.clone(),
                    working_sets: self.memory.working_sets().clone(),
                    batch_rows: batch_rows.clone(),
                    env: self.env.clone(),
                    barriers,
                    mode,
                    config: config.clone(),
                    metrics: self.metrics.clone(),
                };
                tasks.push((spec, cancelled));
            }
            slot::start(&self.env, &format!("flott-slot-{number}"), tasks)?;
        }
        Ok(Tasks { handles })
    }
}

/// How records on an edge are dealt out when the receiver's parallelism changes; none where no barrier overtakes them.
fn dealing(partitioning: &Partitioning) -> Option<InFlightDealing> {
    match partitioning {
        _ if !partitioning.can_be_overtaken() => None,
        Partitioning::Hash(_) => Some(InFlightDealing::Keys),
        Partitioning::Custom(_) | Partitioning::Global => Some(InFlightDealing::Rows),
        _ => Some(InFlightDealing::Whole),
    }
}

/// How much waits in channels.
#[derive(Clone, Copy)]
struct Room {
    /// Rows of a batch.
    batch_rows: usize,
    /// Batches in a channel.
    batches: usize,
    /// Rows in all channels together in front of a task that works on so many at a time.
    gathered_rows: usize,
}

impl Room {
    fn of(deployment: &Deployment) -> Result<Room> {
        let Deployment { config, backend, mode, barriers, .. } = deployment;
        let gathers = backend.is_some() && *mode == RuntimeMode::Streaming && barriers.barriers != Barriers::Overtaking;
        Ok(Room {
            batch_rows: config.get(&EXCHANGE_BATCH_ROWS)?.max(1),
            batches: config.get(&EXCHANGE_CHANNEL_BATCHES)?,
            gathered_rows: if gathers { config.get(&GATHERED_ROWS)? } else { 0 },
        })
    }
}

/// The channels of an attempt while tasks are being made.
#[derive(Default)]
struct Wiring {
    inputs: BTreeMap<(VertexId, SubtaskIndex), Input>,
    /// By edge and sending subtask: one sender per receiving subtask it is connected to, in order.
    senders: BTreeMap<(usize, u32), Vec<(u32, Sender)>>,
}

impl Wiring {
    fn add_gates(
        &mut self,
        graph: &JobGraph,
        vertex: &JobVertex,
        room: Room,
        barriers: BarrierRule,
        mode: RuntimeMode,
    ) {
        if vertex.is_source() {
            return;
        }
        let is_keyed = |edge: &usize| matches!(graph.edges[*edge].partitioning, Partitioning::Hash(_));
        // Of a task that looks keys up in a store, many at a time.
        let gathered = if vertex.inputs.iter().flatten().any(is_keyed) { room.gathered_rows } else { 0 };
        let is_broadcast = |edge: &usize| matches!(graph.edges[*edge].partitioning, Partitioning::Broadcast);
        let broadcast_first =
            mode == RuntimeMode::Batch && vertex.inputs.get(1).is_some_and(|edges| edges.iter().all(is_broadcast));
        for subtask in 0..vertex.parallelism {
            let (mut ends, mut channels) = (Vec::new(), Vec::new());
            for (input, edges) in (0..).zip(&vertex.inputs) {
                for (number, &edge) in (0..).zip(edges) {
                    let JobEdge { from, partitioning, .. } = &graph.edges[edge];
                    let senders = graph.vertices[from.0 as usize].parallelism;
                    for sender in producers(partitioning, subtask, senders, vertex.parallelism) {
                        ends.push((edge, sender));
                        let name = ChannelName { input, edge: number, sender };
                        channels.push(InputChannel { name, dealing: dealing(partitioning) });
                    }
                }
            }
            let gathered_batches = gathered.div_ceil(room.batch_rows * ends.len().max(1));
            let (gate, senders) = gate(ends.len(), room.batches.max(gathered_batches));
            for ((edge, sender), end) in ends.into_iter().zip(senders) {
                self.senders.entry((edge, sender)).or_default().push((subtask, end));
            }
            let input = Input::new(gate, channels, vertex.inputs.len(), barriers).with_gathered(gathered);
            let input = if broadcast_first { input.broadcast_first() } else { input };
            self.inputs.insert((vertex.id, SubtaskIndex(subtask)), input);
        }
    }

    fn ports(
        &mut self,
        graph: &JobGraph,
        (vertex, subtask): (VertexId, SubtaskIndex),
        batch_rows: &Arc<BatchRows>,
        env: &Env,
    ) -> BTreeMap<usize, Port> {
        let mut ports = BTreeMap::new();
        for (number, edge) in graph.edges.iter().enumerate().filter(|(_, e)| e.from == vertex) {
            let to = &graph.vertices[edge.to.0 as usize];
            let mut senders = self.senders.remove(&(number, subtask.0)).unwrap_or_default();
            senders.sort_by_key(|(receiver, _)| *receiver);
            debug_assert_eq!(
                senders.len(),
                consumers(&edge.partitioning, subtask.0, graph.vertices[vertex.0 as usize].parallelism, to.parallelism)
                    .len()
            );
            let senders = senders.into_iter().map(|(_, end)| end).collect();
            let rows = batch_rows.clone();
            let port = Port::new(edge.partitioning.clone(), to.max_parallelism, senders, rows, env.fork_random());
            ports.insert(number, port);
        }
        ports
    }
}
