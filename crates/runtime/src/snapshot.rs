//! What a barrier does to a task: hand the state over while records wait, write it while they go on.
//!
//! ```text
//! barrier aligned (or injected)
//!   1 operators emit what still belongs to the checkpoint        before_barrier
//!   2 the barrier goes out on every channel
//!   3 sinks prepare what is to be committed; all state is turned into bytes        (records wait until here)
//!   4 the bytes are written on the I/O runtime, then the job master is told        Acknowledge or Decline
//! ```

use crate::chain::{Chain, Exit};
use crate::source_task::SourceTask;
use flott_api::control::{CheckpointTimes, TaskEvent, TaskId};
use flott_core::Configuration;
use flott_core::config::{CHECKPOINT_INLINE_THRESHOLD, CHECKPOINTING_INCREMENTAL};
use flott_core::{Barrier, BarrierKind, OperatorId, Result, codec};
use flott_env::Env;
use flott_state::checkpoint::JobCheckpoints;
use flott_state::keyed::KeyedFiles;
use flott_state::operator::EncodedList;
use flott_state::{Redistribution, SubtaskSnapshot};
use std::time::Duration;
use tokio::sync::mpsc;

/// The name of a source's splits in checkpoints.
pub(crate) const SPLITS: &str = "_source/splits";

/// How snapshots are written.
#[derive(Clone)]
pub(crate) struct SnapshotWriter {
    checkpoints: JobCheckpoints,
    incremental: bool,
    inline_bytes_max: u64,
}

impl SnapshotWriter {
    pub(crate) fn new(checkpoints: JobCheckpoints, config: &Configuration) -> Result<Self> {
        Ok(SnapshotWriter {
            checkpoints,
            incremental: config.get(&CHECKPOINTING_INCREMENTAL)?,
            inline_bytes_max: config.get(&CHECKPOINT_INLINE_THRESHOLD)?.0,
        })
    }
}

/// The state of one operator as bytes in memory.
struct OperatorParts {
    operator: OperatorId,
    keyed: Option<KeyedFiles>,
    lists: Vec<EncodedList>,
}

/// The state of every operator of a task as bytes in memory.
pub(crate) struct TaskParts {
    operators: Vec<OperatorParts>,
    finished: bool,
}

/// Step 3: turns all state into bytes.
pub(crate) async fn take(
    chain: &mut Chain,
    source: Option<&mut SourceTask>,
    barrier: Barrier,
    writer: &SnapshotWriter,
    finished: bool,
) -> Result<TaskParts> {
    let mut operators = Vec::new();
    if let Some(source) = source {
        let splits = source.snapshot()?.iter().map(codec::to_bytes).collect::<Result<Vec<_>>>()?;
        let lists = vec![(SPLITS.to_owned(), Redistribution::Split, splits)];
        operators.push(OperatorParts { operator: source.operator, keyed: None, lists });
    }
    for node in &mut chain.nodes {
        let mut name_file = || writer.checkpoints.new_shared_file();
        let keyed = match (&mut node.cx.keyed, barrier.kind) {
            (None, _) => None,
            (Some(keyed), BarrierKind::Checkpoint) => Some(keyed.snapshot(!writer.incremental, &mut name_file)?),
            // A savepoint is its owner's: no later checkpoint builds on its files.
            (Some(keyed), BarrierKind::Savepoint) => Some(keyed.savepoint(&mut name_file)?),
        };
        operators.push(OperatorParts { operator: node.cx.info.operator, keyed, lists: node.cx.state.snapshot()? });
    }
    for exit in &mut chain.exits {
        if let Exit::Sink(sink) = exit {
            sink.prepare(barrier.checkpoint).await?;
            operators.push(OperatorParts { operator: sink.id, keyed: None, lists: sink.snapshot().await? });
        }
    }
    Ok(TaskParts { operators, finished })
}

/// Step 4: writes the bytes beside the stream and reports.
pub(crate) fn write(
    env: &Env,
    parts: TaskParts,
    barrier: Barrier,
    writer: SnapshotWriter,
    task: TaskId,
    events: mpsc::Sender<(TaskId, TaskEvent)>,
    mut times: CheckpointTimes,
) {
    let clock = env.clone();
    let started = env.elapsed();
    let writing = env.spawn(async move {
        let written = write_all(parts, barrier, &writer).await;
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

async fn write_all(parts: TaskParts, barrier: Barrier, writer: &SnapshotWriter) -> Result<SubtaskSnapshot> {
    let mut snapshot = SubtaskSnapshot { operators: Vec::new(), finished: parts.finished };
    for OperatorParts { operator, keyed, lists } in parts.operators {
        let written =
            writer.checkpoints.write_snapshot(barrier.checkpoint, keyed, lists, writer.inline_bytes_max).await?;
        snapshot.operators.push((operator, written));
    }
    Ok(snapshot)
}

/// Time between two readings of the clock.
pub(crate) fn since(env: &Env, start: Duration) -> Duration {
    env.elapsed().saturating_sub(start)
}
