//! The sink side of a task: a writer, and a committer for what it has prepared.

use flott_api::metrics::OperatorMetrics;
use flott_api::sink::{AnyCommitter, AnyWriter};
use flott_api::{AnySink, TaskInfo, sink::SinkContext};
use flott_core::{Batch, CheckpointId, ErrorKind, OperatorId, ProcessingTime, Result, codec, error::ResultExt};
use flott_state::operator::EncodedList;
use flott_state::{OperatorState, Redistribution};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Names of a sink's lists in checkpoints.
const WRITER: &str = "_sink/writer";
const COMMITTABLES: &str = "_sink/committables";
/// A commit that finds its target unavailable is tried this often, each time waiting twice as long, before the task
/// fails and the restart strategy takes over.
const COMMIT_ATTEMPTS: u32 = 6;
const COMMIT_PAUSE: Duration = Duration::from_millis(100);

/// One sink of one subtask.
pub(crate) struct SinkTask {
    pub(crate) id: OperatorId,
    cx: SinkContext,
    writer: Box<dyn AnyWriter>,
    committer: Option<Box<dyn AnyCommitter>>,
    pending: VecDeque<Batch>,
    rows_emitted: u64,
    /// What was prepared and is not committed yet, by the checkpoint that it belongs to.
    uncommitted: BTreeMap<CheckpointId, Vec<Vec<u8>>>,
}

impl SinkTask {
    /// Creates writer and committer and commits what a checkpoint left to be committed.
    pub(crate) async fn open(sink: &dyn AnySink, cx: SinkContext, mut state: OperatorState) -> Result<SinkTask> {
        let place = place(&cx.info);
        let restored = state.take_items(WRITER);
        let committer = sink.committer(&cx).in_context(|| place.clone())?;
        let writer = sink.writer(&cx, restored).await.in_context(|| place.clone())?;
        let mut task = SinkTask {
            id: cx.info.operator,
            cx,
            writer,
            committer,
            pending: VecDeque::new(),
            rows_emitted: 0,
            uncommitted: BTreeMap::new(),
        };
        for item in state.take_items(COMMITTABLES) {
            let (checkpoint, committable): (CheckpointId, Vec<u8>) = codec::from_bytes(&item)?;
            task.uncommitted.entry(checkpoint).or_default().push(committable);
        }
        // They belong to a checkpoint that is complete, or it would not have been restored.
        task.commit_all().await?;
        Ok(task)
    }

    pub(crate) fn metrics(&self) -> &OperatorMetrics {
        &self.cx.metrics
    }

    pub(crate) fn emit(&mut self, batch: Batch) {
        self.rows_emitted += batch.len() as u64;
        self.pending.push_back(batch);
    }

    /// Rows that the sink has been given so far.
    pub(crate) fn rows_emitted(&self) -> u64 {
        self.rows_emitted
    }

    pub(crate) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    pub(crate) fn next_wakeup(&self) -> Option<ProcessingTime> {
        self.writer.next_wakeup()
    }

    pub(crate) async fn write_pending(&mut self) -> Result<()> {
        while let Some(batch) = self.pending.pop_front() {
            self.cx.metrics.records_in.add(batch.len() as u64);
            let rows = batch.len() as u64;
            self.writer.write(batch).await.in_context(|| place(&self.cx.info))?;
            self.cx.metrics.records_out.add(rows);
        }
        Ok(())
    }

    pub(crate) async fn on_time(&mut self, now: ProcessingTime) -> Result<()> {
        if self.writer.next_wakeup().is_some_and(|time| time <= now) {
            self.writer.on_time(now).await.in_context(|| place(&self.cx.info))?;
        }
        Ok(())
    }

    /// The input has ended: everything is handed over, to be committed with `checkpoint` or at the release.
    pub(crate) async fn end_input(&mut self) -> Result<()> {
        self.write_pending().await?;
        self.writer.flush(true).await.in_context(|| place(&self.cx.info))
    }

    /// The part of a checkpoint before the snapshot: what was written becomes committables.
    pub(crate) async fn prepare(&mut self, checkpoint: CheckpointId) -> Result<()> {
        self.write_pending().await?;
        self.writer.flush(false).await.in_context(|| place(&self.cx.info))?;
        let committables = self.writer.prepare_commit().await.in_context(|| place(&self.cx.info))?;
        if !committables.is_empty() {
            self.uncommitted.entry(checkpoint).or_default().extend(committables);
        }
        Ok(())
    }

    /// The sink's lists for a checkpoint.
    pub(crate) async fn snapshot(&mut self) -> Result<Vec<EncodedList>> {
        let states = self.writer.snapshot().await.in_context(|| place(&self.cx.info))?;
        let mut committables = Vec::new();
        for (checkpoint, items) in &self.uncommitted {
            for item in items {
                committables.push(codec::to_bytes(&(checkpoint, item))?);
            }
        }
        let lists = [(WRITER, states), (COMMITTABLES, committables)];
        let lists = lists.into_iter().filter(|(_, items)| !items.is_empty());
        Ok(lists.map(|(name, items)| EncodedList::of_bytes(name, Redistribution::Split, items)).collect())
    }

    /// Commits what belongs to `checkpoint` and to those before it.
    pub(crate) async fn commit(&mut self, checkpoint: CheckpointId) -> Result<()> {
        let later = self.uncommitted.split_off(&CheckpointId(checkpoint.0.saturating_add(1)));
        let due = std::mem::replace(&mut self.uncommitted, later);
        let due: Vec<Vec<u8>> = due.into_values().flatten().collect();
        let Some(committer) = self.committer.as_mut().filter(|_| !due.is_empty()) else { return Ok(()) };
        let mut pause = COMMIT_PAUSE;
        for attempt in 1.. {
            match committer.commit(due.clone()).await {
                Ok(()) => break,
                Err(e) if e.kind() == ErrorKind::Unavailable && attempt < COMMIT_ATTEMPTS => {
                    tracing::warn!(operator = %self.cx.info.operator_name, %attempt, "commit failed, tried again: {e}");
                    self.cx.env.sleep(pause).await;
                    pause *= 2;
                }
                Err(e) => return Err(e).in_context(|| place(&self.cx.info)),
            }
        }
        Ok(())
    }

    /// Commits everything: after a restore, or when the job ends without checkpoints.
    pub(crate) async fn commit_all(&mut self) -> Result<()> {
        self.commit(CheckpointId(u64::MAX - 1)).await
    }
}

fn place(info: &TaskInfo) -> String {
    format!("operator `{}`", info.operator_name)
}
