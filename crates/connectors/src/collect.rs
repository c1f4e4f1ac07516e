//! `execute_and_collect`: records come back to the program that started the job, through a bounded queue. (Flink:
//! `CollectSink`, `CollectResultIterator`.)
//!
//! Without checkpoints records are handed over as they come. With checkpoints they are handed over when the
//! checkpoint that covers them is complete, so that each comes exactly once although the job is restarted: the records
//! themselves are the committables, and whoever holds the other end remembers which it has been given.

#[cfg(test)]
mod tests;

use flott_api::sink::SinkContext;
use flott_api::{Committer, Sink, SinkWriter};
use flott_core::config::CHECKPOINTING_INTERVAL;
use flott_core::{Data, Error, EventTime, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// Most batches that wait for the program.
const BATCHES_MAX: usize = 16;
/// Most records that a writer keeps between two checkpoints.
const HELD_ROWS_MAX: usize = 10_000_000;

/// Hands records to a [`Collected`].
pub struct CollectSink<T> {
    shared: Arc<Shared<T>>,
    held_rows_max: usize,
}

struct Shared<T> {
    rows: mpsc::Sender<Vec<T>>,
    /// What has been committed: a commit may come again.
    committed: Mutex<BTreeSet<(u64, u64)>>,
}

/// A sink, and where its records come out.
pub fn collect<T: Data>() -> (CollectSink<T>, Collected<T>) {
    let (rows, received) = mpsc::channel(BATCHES_MAX);
    let shared = Arc::new(Shared { rows, committed: Mutex::new(BTreeSet::new()) });
    (CollectSink { shared, held_rows_max: HELD_ROWS_MAX }, Collected { received, batch: Vec::new().into_iter() })
}

/// The records of a job. The job waits while nobody takes them; when this is dropped, they are thrown away.
pub struct Collected<T> {
    received: mpsc::Receiver<Vec<T>>,
    batch: std::vec::IntoIter<T>,
}

impl<T> Collected<T> {
    /// The next record. Waits for one until [`Collected::close`] is called; then `None` when all have been taken.
    pub async fn next(&mut self) -> Option<T> {
        loop {
            if let Some(row) = self.batch.next() {
                return Some(row);
            }
            self.batch = self.received.recv().await?.into_iter();
        }
    }

    /// The next record, if one has come.
    pub fn try_next(&mut self) -> Option<T> {
        loop {
            if let Some(row) = self.batch.next() {
                return Some(row);
            }
            self.batch = self.received.try_recv().ok()?.into_iter();
        }
    }

    /// The job has ended: no more records will come.
    pub fn close(&mut self) {
        self.received.close();
    }
}

impl<T: Data> Sink for CollectSink<T> {
    type Item = T;
    type State = ();
    type Committable = CollectedBatch<T>;
    type Writer = CollectWriter<T>;
    type Committer = CollectCommitter<T>;

    async fn create_writer(&self, cx: &SinkContext, _: Vec<()>) -> Result<CollectWriter<T>> {
        let has_checkpoints = cx.config.get_optional(&CHECKPOINTING_INTERVAL)?.is_some();
        let held = has_checkpoints.then(Vec::new);
        Ok(CollectWriter {
            shared: self.shared.clone(),
            held,
            held_rows_max: self.held_rows_max,
            writer: cx.env.random(),
            batches: 0,
        })
    }

    fn create_committer(&self, _: &SinkContext) -> Result<Option<CollectCommitter<T>>> {
        Ok(Some(CollectCommitter { shared: self.shared.clone() }))
    }
}

/// Records that belong to a checkpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "T: Data")]
pub struct CollectedBatch<T> {
    /// A number that no other writer has, and which of the writer's batches it is.
    id: (u64, u64),
    rows: Vec<T>,
}

/// Hands records over, or keeps them for the next checkpoint.
pub struct CollectWriter<T> {
    shared: Arc<Shared<T>>,
    /// What came since the last checkpoint, if there are checkpoints.
    held: Option<Vec<T>>,
    held_rows_max: usize,
    writer: u64,
    batches: u64,
}

impl<T: Data> SinkWriter for CollectWriter<T> {
    type Item = T;
    type State = ();
    type Committable = CollectedBatch<T>;

    async fn write(&mut self, rows: Vec<T>, _: Option<Vec<EventTime>>) -> Result<()> {
        let Some(held) = &mut self.held else {
            // Nobody listens any more: the records are not wanted.
            let _ = self.shared.rows.send(rows).await;
            return Ok(());
        };
        if held.len() + rows.len() > self.held_rows_max {
            return Err(Error::limit(format!(
                "more than {} records to collect came between two checkpoints; take checkpoints more often, or write \
                 them to files",
                self.held_rows_max
            )));
        }
        held.extend(rows);
        Ok(())
    }

    async fn flush(&mut self, _: bool) -> Result<()> {
        Ok(())
    }

    async fn prepare_commit(&mut self) -> Result<Vec<CollectedBatch<T>>> {
        let rows = self.held.as_mut().map(std::mem::take).unwrap_or_default();
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        self.batches += 1;
        Ok(vec![CollectedBatch { id: (self.writer, self.batches), rows }])
    }
}

/// Hands over the records of complete checkpoints.
pub struct CollectCommitter<T> {
    shared: Arc<Shared<T>>,
}

impl<T: Data> Committer for CollectCommitter<T> {
    type Committable = CollectedBatch<T>;

    async fn commit(&mut self, batches: Vec<CollectedBatch<T>>) -> Result<()> {
        for CollectedBatch { id, rows } in batches {
            let Ok(place) = self.shared.rows.reserve().await else { return Ok(()) };
            let is_new = self.shared.committed.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
            if is_new {
                place.send(rows);
            }
        }
        Ok(())
    }
}
