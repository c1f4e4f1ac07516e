//! A sink with two phases and the ledger that it writes to.
//!
//! A writer gathers rows, stages them as a transaction with an id of its own, and gives the id as the committable.
//! Committing twice changes nothing; committing what was never staged is an error that shows a lost transaction. The
//! ledger counts committed rows, which is what the checker looks at.

use super::World;
use crate::Rows;
use fastrand::Rng;
use flott_api::sink::SinkContext;
use flott_api::{Committer, Sink, SinkWriter};
use flott_core::{Data, Error, EventTime, Result};
use flott_env::Env;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::time::Duration;

/// The target of all sinks of a world.
#[derive(Default)]
pub(super) struct Ledger {
    staged: BTreeMap<u64, (String, Vec<String>)>,
    /// Number of rows of each committed transaction.
    committed: BTreeMap<u64, u64>,
    rows: Rows,
}

impl Ledger {
    pub(super) fn rows(&self) -> &Rows {
        &self.rows
    }

    pub(super) fn commits(&self) -> (usize, u64) {
        (self.committed.len(), self.committed.values().sum())
    }

    pub(super) fn commit_at_once(&mut self, sink: &str, row: String) {
        self.rows.add_text(sink, row);
    }

    fn stage(&mut self, id: u64, sink: &str, rows: Vec<String>) {
        self.staged.insert(id, (sink.to_owned(), rows));
    }

    fn commit(&mut self, id: u64) -> Result<()> {
        if self.committed.contains_key(&id) {
            return Ok(());
        }
        let Some((sink, rows)) = self.staged.remove(&id) else {
            return Err(Error::internal(format!("transaction {id:016x} is committed and was never staged")));
        };
        self.committed.insert(id, rows.len() as u64);
        rows.into_iter().for_each(|row| self.rows.add_text(&sink, row));
        Ok(())
    }
}

/// A sink that writes to the world's ledger.
pub struct LedgerSink<T> {
    world: World,
    name: String,
    types: PhantomData<fn(T)>,
}

impl<T> LedgerSink<T> {
    pub(super) fn new(world: World, name: &str) -> Self {
        LedgerSink { world, name: name.to_owned(), types: PhantomData }
    }
}

/// Rows that were not staged when a checkpoint was taken: a writer goes on with them, its own or others'.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OpenRows(Vec<String>);

impl<T: Data + Debug> Sink for LedgerSink<T> {
    type Item = T;
    type State = OpenRows;
    type Committable = u64;
    type Writer = LedgerWriter<T>;
    type Committer = LedgerCommitter;

    async fn create_writer(&self, cx: &SinkContext, restored: Vec<OpenRows>) -> Result<LedgerWriter<T>> {
        Ok(LedgerWriter {
            target: Target { world: self.world.clone(), env: cx.env.clone(), random: cx.env.fork_random() },
            name: self.name.clone(),
            open: restored.into_iter().flat_map(|state| state.0).collect(),
            staged: Vec::new(),
            types: PhantomData,
        })
    }

    fn create_committer(&self, cx: &SinkContext) -> Result<Option<LedgerCommitter>> {
        let target = Target { world: self.world.clone(), env: cx.env.clone(), random: cx.env.fork_random() };
        Ok(Some(LedgerCommitter { target }))
    }
}

/// The way to the ledger in one life.
struct Target {
    world: World,
    env: Env,
    random: Rng,
}

impl Target {
    /// Waits as a call does; fails if the ledger is away.
    async fn reach(&mut self) -> Result<()> {
        let faults = self.world.faults().ledger;
        let latency = self.random.u64(..=faults.latency_max.as_millis() as u64);
        if latency > 0 {
            self.env.sleep(Duration::from_millis(latency)).await;
        }
        if faults.away_ms.contains(&(self.env.elapsed().as_millis() as u64)) {
            return Err(Error::unavailable("the ledger is away"));
        }
        Ok(())
    }

    async fn stage(&mut self, sink: &str, rows: Vec<String>) -> Result<u64> {
        let chance = self.world.faults().ledger.stage_fails;
        let (fails, has_landed) = (self.random.f64() < chance, self.random.bool());
        self.reach().await?;
        let (id, count) = (self.env.random(), rows.len());
        let note = |what: &str| {
            self.world.trace().note(self.env.elapsed(), format_args!("stage {id:016x} {count} rows{what}"))
        };
        if !fails || has_landed {
            self.world.with_ledger(|ledger| ledger.stage(id, sink, rows));
        }
        if fails {
            note(": fails");
            return Err(Error::unavailable("the ledger does not answer"));
        }
        note("");
        Ok(id)
    }

    async fn commit(&mut self, id: u64) -> Result<()> {
        self.reach().await?;
        let chance = self.world.faults().ledger.answer_lost;
        let is_lost = self.random.f64() < chance;
        self.world.with_ledger(|ledger| ledger.commit(id))?;
        let shown = if is_lost { ": the answer is lost" } else { "" };
        self.world.trace().note(self.env.elapsed(), format_args!("commit {id:016x}{shown}"));
        if is_lost { Err(Error::unavailable("the connection to the ledger was lost")) } else { Ok(()) }
    }
}

/// Gathers rows and stages them.
pub struct LedgerWriter<T> {
    target: Target,
    name: String,
    open: Vec<String>,
    staged: Vec<u64>,
    types: PhantomData<fn(T)>,
}

impl<T: Data + Debug> SinkWriter for LedgerWriter<T> {
    type Item = T;
    type State = OpenRows;
    type Committable = u64;

    async fn write(&mut self, rows: Vec<T>, _: Option<Vec<EventTime>>) -> Result<()> {
        self.open.extend(rows.iter().map(|row| format!("{row:?}")));
        let most = self.target.world.faults().ledger.write_max.as_millis() as u64;
        if most > 0 {
            let pause = self.target.random.u64(..=most);
            self.target.env.sleep(Duration::from_millis(pause)).await;
        }
        Ok(())
    }

    async fn flush(&mut self, end_of_input: bool) -> Result<()> {
        // Now and then a transaction stays open over a checkpoint, so that there is a state.
        let stays_open = !end_of_input && self.target.random.u8(..4) == 0;
        if self.open.is_empty() || stays_open {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.open);
        let id = self.target.stage(&self.name, rows).await?;
        self.staged.push(id);
        Ok(())
    }

    async fn prepare_commit(&mut self) -> Result<Vec<u64>> {
        Ok(std::mem::take(&mut self.staged))
    }

    async fn snapshot(&mut self) -> Result<Vec<OpenRows>> {
        // One state per row is what redistribution has most to do with.
        Ok(self.open.iter().map(|row| OpenRows(vec![row.clone()])).collect())
    }
}

/// Commits transactions.
pub struct LedgerCommitter {
    target: Target,
}

impl Committer for LedgerCommitter {
    type Committable = u64;

    async fn commit(&mut self, transactions: Vec<u64>) -> Result<()> {
        for id in transactions {
            self.target.commit(id).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_can_come_again_and_nothing_is_committed_that_was_not_staged() {
        let mut ledger = Ledger::default();
        ledger.stage(7, "sink", vec!["a".into(), "a".into()]);
        assert!(ledger.rows().is_empty());
        ledger.commit(7).unwrap();
        ledger.commit(7).unwrap();
        assert_eq!((ledger.rows().len(), ledger.commits()), (2, (1, 2)));
        assert!(ledger.commit(8).is_err());
    }
}
