//! What a barrier does to a task: hand the state over while records wait, write it while they go on.
//!
//! ```text
//! barrier aligned (or injected, or due to overtake)
//!   1 operators emit what still belongs to the checkpoint        before_barrier
//!   2 the barrier goes out on every channel, behind what has been emitted; if it is due, into channels that are full, too
//!     if barriers overtake: what is in front of them is recorded (`in_flight`), until the last one has come
//!   3 sinks prepare what is to be committed; operator state is turned into bytes, a snapshot of keyed state is
//!     opened                                                                     (records wait until here)
//!   4 keyed state is turned into bytes, some at a time between records; files that are complete are written meanwhile
//!   5 the bytes are written on the I/O runtime, and what was recorded, then the job master is told
//!                                                                                Acknowledge or Decline
//! ```

use crate::chain::{Chain, Exit};
use crate::deploy::TaskSpec;
use crate::in_flight::InFlight;
use crate::savepoint::Place;
use crate::source_task::SourceTask;
use flott_api::control::{CheckpointTimes, TaskEvent, TaskId};
use flott_api::metrics::Counter;
use flott_core::config::{CHECKPOINT_INLINE_THRESHOLD, CHECKPOINTING_INCREMENTAL};
use flott_core::{
    Barrier, BarrierKind, CheckpointId, Error, OperatorId, Result, SavepointFormat, SavepointTarget, codec,
};
use flott_env::{Env, Task};
use flott_graph::ChainNode;
use flott_savepoint::operator_folder;
use flott_state::checkpoint::{FileMerging, JobCheckpoints, KeyedFiles, LocalStores, StateFile, StoreFolder};
use flott_state::keyed::{KeyedPart, SnapshotKind, StoreSnapshot};
use flott_state::operator::EncodedList;
use flott_state::{InFlightDealing, InFlightSnapshot, Redistribution, SubtaskSnapshot};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// The name of a source's splits in checkpoints.
pub(crate) const SPLITS: &str = "_source/splits";

/// How snapshots are written.
#[derive(Clone)]
pub(crate) struct SnapshotWriter {
    env: Env,
    checkpoints: JobCheckpoints,
    incremental: bool,
    inline_bytes_max: u64,
    /// How small files of checkpoints are merged, if they are.
    merging: Option<FileMerging>,
    subtask: u32,
    /// The folders of operators in savepoints.
    folders: Arc<BTreeMap<OperatorId, String>>,
    targets: watch::Receiver<Target>,
}

/// Where the newest savepoint goes that the job master has told of. A barrier may come before that is known.
pub(crate) type Target = Option<(CheckpointId, Arc<SavepointTarget>)>;

impl SnapshotWriter {
    pub(crate) fn new(spec: &TaskSpec, nodes: &[ChainNode], targets: watch::Receiver<Target>) -> Result<Self> {
        let folders = nodes.iter().map(|node| (node.id, operator_folder(node.uid.as_deref(), node.id)));
        Ok(SnapshotWriter {
            env: spec.env.clone(),
            checkpoints: spec.checkpoints.clone(),
            incremental: spec.config.get(&CHECKPOINTING_INCREMENTAL)?,
            inline_bytes_max: spec.config.get(&CHECKPOINT_INLINE_THRESHOLD)?.0,
            merging: FileMerging::from_config(&spec.config)?,
            subtask: spec.id.subtask.0,
            folders: Arc::new(folders.collect()),
            targets,
        })
    }

    /// Where a savepoint goes, once that is known.
    async fn target(&self, savepoint: CheckpointId) -> Result<Arc<SavepointTarget>> {
        let mut targets = self.targets.clone();
        let known = targets.wait_for(|target| target.as_ref().is_some_and(|(id, _)| *id >= savepoint)).await;
        match known.ok().and_then(|target| target.clone()) {
            Some((id, target)) if id == savepoint => Ok(target),
            _ => Err(Error::unavailable("the savepoint was given up")),
        }
    }
}

/// So many bytes of keyed state are taken before the next record has its turn.
const SLICE_BYTES: usize = 64 << 10;

/// So many files of a snapshot are on their way to storage at most while more of it is taken.
const AHEAD_MAX: usize = 2;

/// Files of a checkpoint that are written while the rest is still being taken, so that they are not all in memory at once.
#[derive(Default)]
pub(crate) struct Ahead(Vec<Task<()>>);

impl Ahead {
    fn add(&mut self, file: Arc<StateFile>, checkpoint: CheckpointId, writer: &SnapshotWriter) {
        let checkpoints = writer.checkpoints.clone();
        self.0.push(writer.env.spawn(async move {
            // A file that could not be written is written with the others, and who does that tells of it.
            let _ = checkpoints.write_ahead(checkpoint, &file).await;
        }));
    }

    /// Whether more may be taken. The task is woken when that may have changed.
    pub(crate) fn poll_room(&mut self, task: &mut Context<'_>) -> Poll<()> {
        self.0.retain_mut(|writing| Pin::new(writing).poll(task).is_pending());
        if self.0.len() < AHEAD_MAX { Poll::Ready(()) } else { Poll::Pending }
    }

    async fn done(self) {
        for writing in self.0 {
            let _ = writing.await;
        }
    }
}

/// The state of one operator.
struct OperatorParts {
    operator: OperatorId,
    /// Its place among the nodes of the chain, if a snapshot of its keyed state is open.
    open: Option<usize>,
    keyed: Option<KeyedPart>,
    /// Where its store is, if it has one.
    folder: Option<(StoreFolder, LocalStores)>,
    lists: Vec<EncodedList>,
}

/// What is in front of a task's operators, once it is known.
pub(crate) struct InFlightParts {
    pub(crate) dealing: InFlightDealing,
    pub(crate) parts: oneshot::Receiver<InFlight>,
}

/// What is being recorded beside the state, and what is measured until it is there.
pub(crate) struct Recorded {
    /// The head, to which it is bound.
    pub(crate) operator: OperatorId,
    pub(crate) in_flight: InFlightParts,
    /// When the first barrier came.
    pub(crate) aligning: Duration,
    pub(crate) bytes_in: Counter,
    /// How many bytes had come by then.
    pub(crate) bytes_before: u64,
}

/// The state of every operator of a task, on its way into bytes.
pub(crate) struct TaskParts {
    operators: Vec<OperatorParts>,
    finished: bool,
}

/// A snapshot of a task that is taken while records go on.
pub(crate) struct OpenSnapshot {
    pub(crate) parts: TaskParts,
    pub(crate) ahead: Ahead,
    /// What is in flight, if barriers overtake.
    pub(crate) recorded: Option<Recorded>,
    pub(crate) barrier: Barrier,
    pub(crate) times: CheckpointTimes,
}

/// Step 3: opens the snapshot.
pub(crate) async fn open(
    chain: &mut Chain,
    source: Option<&mut SourceTask>,
    barrier: Barrier,
    writer: &SnapshotWriter,
    finished: bool,
) -> Result<TaskParts> {
    let mut operators = Vec::new();
    if let Some(source) = source {
        let splits = source.snapshot()?.iter().map(codec::to_bytes).collect::<Result<Vec<_>>>()?;
        let lists = vec![EncodedList::of_bytes(SPLITS, Redistribution::Split, splits)];
        operators.push(OperatorParts { operator: source.operator, open: None, keyed: None, folder: None, lists });
    }
    let kind = match barrier.kind {
        BarrierKind::Checkpoint if writer.incremental => SnapshotKind::Incremental,
        BarrierKind::Checkpoint => SnapshotKind::Full,
        BarrierKind::Savepoint => SnapshotKind::Savepoint,
    };
    for (n, node) in chain.nodes.iter_mut().enumerate() {
        if let Some(keyed) = &mut node.cx.keyed {
            keyed.open_snapshot(kind, &mut || writer.checkpoints.new_shared_file())?;
        }
        let open = node.cx.keyed.is_some().then_some(n);
        let lists = node.cx.state.snapshot()?;
        let folder = node.store.clone();
        operators.push(OperatorParts { operator: node.cx.info.operator, open, keyed: None, folder, lists });
    }
    for exit in &mut chain.exits {
        if let Exit::Sink(sink) = exit {
            sink.prepare(barrier.checkpoint).await?;
            let lists = sink.snapshot().await?;
            operators.push(OperatorParts { operator: sink.id, open: None, keyed: None, folder: None, lists });
        }
    }
    Ok(TaskParts { operators, finished })
}

/// Step 4: takes some more of the keyed state. Returns whether that was all.
pub(crate) fn go_on(chain: &mut Chain, open: &mut OpenSnapshot, writer: &SnapshotWriter) -> Result<bool> {
    for part in &mut open.parts.operators {
        let Some(n) = part.open else { continue };
        let Some(keyed) = &mut chain.nodes[n].cx.keyed else { continue };
        part.keyed = keyed.continue_snapshot(SLICE_BYTES, &mut || writer.checkpoints.new_shared_file())?;
        if part.keyed.is_some() {
            part.open = None;
        } else if open.barrier.kind == BarrierKind::Checkpoint {
            // Where a savepoint goes, and in which form, is told later.
            let files = keyed.finished_files().into_iter();
            files.for_each(|file| open.ahead.add(file, open.barrier.checkpoint, writer));
        }
        return Ok(false);
    }
    Ok(true)
}

/// Step 5: writes the bytes beside the stream and reports.
pub(crate) fn write(
    env: &Env,
    OpenSnapshot { parts, ahead, recorded, barrier, mut times }: OpenSnapshot,
    writer: SnapshotWriter,
    task: TaskId,
    events: mpsc::Sender<(TaskId, TaskEvent)>,
) {
    let clock = env.clone();
    let started = env.elapsed();
    let writing = env.spawn(async move {
        ahead.done().await;
        let state = write_all(parts, barrier, &writer);
        let in_flight = write_in_flight(recorded, barrier, &writer, &mut times, &clock);
        let written = futures_util::future::try_join(state, in_flight).await;
        let written = written.map(|(mut snapshot, in_flight)| {
            if let Some((operator, in_flight)) = in_flight
                && let Some((_, head)) = snapshot.operators.iter_mut().find(|(id, _)| *id == operator)
            {
                head.in_flight = Some(in_flight);
            }
            snapshot
        });
        times.asynchronous = clock.elapsed().saturating_sub(started);
        let event = match written {
            Ok(snapshot) => TaskEvent::Acknowledge { checkpoint: barrier.checkpoint, snapshot, times },
            Err(error) => TaskEvent::Decline { checkpoint: barrier.checkpoint, error },
        };
        // A job master that is gone needs no report.
        let _ = events.send((task, event)).await;
    });
    writing.detach();
}

/// Waits for what is being recorded, if anything is, and writes it. Returns which operator it is bound to.
async fn write_in_flight(
    recorded: Option<Recorded>,
    barrier: Barrier,
    writer: &SnapshotWriter,
    times: &mut CheckpointTimes,
    clock: &Env,
) -> Result<Option<(OperatorId, InFlightSnapshot)>> {
    let Some(Recorded { operator, in_flight, aligning, bytes_in, bytes_before }) = recorded else { return Ok(None) };
    let InFlightParts { dealing, parts } = in_flight;
    let Ok(in_flight) = parts.await else {
        return Err(Error::unavailable("the checkpoint was given up before all of its barriers had come"));
    };
    times.alignment = times.alignment.max(clock.elapsed().saturating_sub(aligning));
    times.processed_in_flight_bytes = bytes_in.get().saturating_sub(bytes_before);
    times.persisted_in_flight_bytes = in_flight.byte_count();
    let elements = in_flight.elements();
    let bytes = in_flight.encode()?;
    let data = writer.checkpoints.write_blob(barrier.checkpoint, bytes, writer.inline_bytes_max).await?;
    Ok(Some((operator, InFlightSnapshot { dealing, elements, data })))
}

async fn write_all(parts: TaskParts, barrier: Barrier, writer: &SnapshotWriter) -> Result<SubtaskSnapshot> {
    if barrier.kind == BarrierKind::Checkpoint {
        let kind = if writer.incremental { SnapshotKind::Incremental } else { SnapshotKind::Full };
        return write_files(parts, kind, barrier, writer).await;
    }
    let target = writer.target(barrier.checkpoint).await?;
    let folder = writer.checkpoints.savepoint(&target.folder)?;
    match target.format {
        SavepointFormat::Native => {
            let writer = SnapshotWriter { checkpoints: folder, merging: None, ..writer.clone() };
            write_files(parts, SnapshotKind::Savepoint, barrier, &writer).await
        }
        SavepointFormat::Canonical => write_tables(parts, &folder, writer).await,
    }
}

async fn write_tables(parts: TaskParts, folder: &JobCheckpoints, writer: &SnapshotWriter) -> Result<SubtaskSnapshot> {
    let mut snapshot = SubtaskSnapshot { operators: Vec::new(), finished: parts.finished };
    for OperatorParts { operator, keyed, lists, folder: store, .. } in parts.operators {
        let place = Place {
            env: &writer.env,
            folder,
            operator: writer.folders.get(&operator).map_or("unknown", String::as_str),
            subtask: writer.subtask,
        };
        snapshot.operators.push((operator, place.write(keyed, store, lists).await?));
    }
    Ok(snapshot)
}

async fn write_files(
    parts: TaskParts,
    kind: SnapshotKind,
    barrier: Barrier,
    writer: &SnapshotWriter,
) -> Result<SubtaskSnapshot> {
    let mut operators = Vec::new();
    for OperatorParts { operator, keyed, lists, folder, .. } in parts.operators {
        let keyed = match keyed {
            None => None,
            Some(KeyedPart::Files(files)) => Some(files),
            Some(KeyedPart::Store(store)) => Some(store_files(kind, store, folder, writer).await?),
        };
        operators.push((operator, keyed, lists));
    }
    let (checkpoint, inline_bytes_max) = (barrier.checkpoint, writer.inline_bytes_max);
    let operators = match &writer.merging {
        Some(merging) => writer.checkpoints.write_merged(checkpoint, operators, inline_bytes_max, merging).await?,
        None => {
            let mut written = Vec::with_capacity(operators.len());
            for (operator, keyed, lists) in operators {
                let files = writer.checkpoints.write_snapshot(checkpoint, keyed, lists, inline_bytes_max).await?;
                written.push((operator, files));
            }
            written
        }
    };
    Ok(SubtaskSnapshot { operators, finished: parts.finished })
}

/// The files of a store, which is asked on a thread that may block.
async fn store_files(
    kind: SnapshotKind,
    store: StoreSnapshot,
    folder: Option<(StoreFolder, LocalStores)>,
    writer: &SnapshotWriter,
) -> Result<KeyedFiles> {
    let (folder, stores) = folder.ok_or_else(|| Error::internal("a store has no folder"))?;
    let snapshot = folder.below(writer.env.random());
    let checkpoints = writer.checkpoints.clone();
    let taken = writer
        .env
        .blocking(move || store.take(kind, snapshot, stores.backend(), &mut || checkpoints.new_shared_file()));
    taken.await?
}

/// Time between two readings of the clock.
pub(crate) fn since(env: &Env, start: Duration) -> Duration {
    env.elapsed().saturating_sub(start)
}
