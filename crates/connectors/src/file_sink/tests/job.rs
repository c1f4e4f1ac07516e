//! A job that writes rows, takes checkpoints, dies, and goes on from the last one: what the runtime does, without it.

use super::faults::Faults;
use crate::FileSink;
use crate::file_sink::disk::Disk;
use crate::file_sink::{FileCommittable, FileCommitter, FileWriter, FileWriterState};
use crate::harness::sink_context;
use flott_api::{Committer, Sink, SinkWriter};
use flott_core::{Configuration, EventTime, Result, codec};
use flott_env::Env;
use std::collections::BTreeMap;
use std::path::Path;

/// What the source does.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Rows(std::ops::Range<u32>),
    Checkpoint,
    /// The clock moves on to when the writers want to be woken.
    Time,
}

/// A complete checkpoint.
#[derive(Clone, Debug, Default)]
pub(super) struct Checkpoint {
    /// Operations that it covers.
    pub(super) ops: usize,
    pub(super) states: Vec<Vec<u8>>,
    pub(super) committables: Vec<Vec<u8>>,
}

/// A job and its last checkpoint, which survives it.
pub(super) struct Job {
    pub(super) env: Env,
    pub(super) make: Box<dyn Fn() -> FileSink<u32>>,
    pub(super) ops: Vec<Op>,
    pub(super) checkpoint: Option<Checkpoint>,
}

impl Job {
    pub(super) fn new(ops: Vec<Op>, make: impl Fn() -> FileSink<u32> + 'static) -> Self {
        Job { env: Env::real().unwrap(), make: Box::new(make), ops, checkpoint: None }
    }

    /// Runs from the last checkpoint to the end, or until something fails.
    pub(super) fn run(&mut self, parallelism: u32, faults: Faults) -> Result<()> {
        let ops = self.ops.len();
        self.run_until(parallelism, faults, ops)
    }

    /// Runs from the last checkpoint until `ops` operations are done, and to the end if those are all.
    pub(super) fn run_until(&mut self, parallelism: u32, faults: Faults, ops: usize) -> Result<()> {
        let env = self.env.clone();
        env.block_on(async {
            let sink = (self.make)().with_disk(Disk { faults });
            let mut attempt = Attempt::open(&env, &sink, parallelism, self.checkpoint.as_ref()).await?;
            let start = self.checkpoint.as_ref().map_or(0, |c| c.ops);
            for n in start..ops {
                match self.ops[n].clone() {
                    Op::Rows(rows) => attempt.write(rows).await?,
                    Op::Checkpoint => attempt.checkpoint(n + 1, &mut self.checkpoint).await?,
                    Op::Time => attempt.wait().await?,
                }
            }
            if ops == self.ops.len() {
                attempt.end_input().await?;
                attempt.checkpoint(ops, &mut self.checkpoint).await?;
            }
            Ok(())
        })
    }
}

struct Attempt {
    writers: Vec<FileWriter<u32>>,
    committer: FileCommitter,
}

impl Attempt {
    async fn open(env: &Env, sink: &FileSink<u32>, parallelism: u32, from: Option<&Checkpoint>) -> Result<Attempt> {
        let from = from.cloned().unwrap_or_default();
        let mut states: Vec<Vec<FileWriterState>> = vec![Vec::new(); parallelism as usize];
        for (n, state) in from.states.iter().enumerate() {
            states[n % parallelism as usize].push(codec::from_bytes(state)?);
        }
        let cx = |subtask| sink_context(env, subtask, parallelism, Configuration::new());
        let mut writers = Vec::new();
        for (n, states) in states.into_iter().enumerate() {
            writers.push(sink.create_writer(&cx(n as u32), states).await?);
        }
        let mut committer = sink.create_committer(&cx(0))?.unwrap();
        committer.commit(decode(&from.committables)).await?;
        Ok(Attempt { writers, committer })
    }

    async fn write(&mut self, rows: std::ops::Range<u32>) -> Result<()> {
        let parallelism = self.writers.len() as u32;
        for (n, writer) in self.writers.iter_mut().enumerate() {
            let rows: Vec<u32> = rows.clone().filter(|row| row % parallelism == n as u32).collect();
            let times = rows.iter().map(|row| EventTime(i64::from(*row))).collect();
            writer.write(rows, Some(times)).await?;
        }
        Ok(())
    }

    async fn wait(&mut self) -> Result<()> {
        for writer in &mut self.writers {
            if let Some(time) = writer.next_wakeup() {
                writer.on_time(time).await?;
            }
        }
        Ok(())
    }

    async fn end_input(&mut self) -> Result<()> {
        for writer in &mut self.writers {
            writer.flush(true).await?;
        }
        Ok(())
    }

    async fn checkpoint(&mut self, ops: usize, into: &mut Option<Checkpoint>) -> Result<()> {
        let mut checkpoint = Checkpoint { ops, ..Checkpoint::default() };
        for writer in &mut self.writers {
            writer.flush(false).await?;
            checkpoint.committables.extend(encode(&writer.prepare_commit().await?));
            checkpoint.states.extend(encode(&writer.snapshot().await?));
        }
        let committables = decode(&checkpoint.committables);
        *into = Some(checkpoint);
        self.committer.commit(committables).await
    }
}

fn encode<T: serde::Serialize>(items: &[T]) -> Vec<Vec<u8>> {
    items.iter().map(|item| codec::to_bytes(item).unwrap()).collect()
}

fn decode(items: &[Vec<u8>]) -> Vec<FileCommittable> {
    items.iter().map(|bytes| codec::from_bytes(bytes).unwrap()).collect()
}

/// The lines of all finished files, by path from the sink's folder.
pub(super) fn finished(folder: &Path) -> BTreeMap<String, Vec<String>> {
    let lines = |path: &str| std::fs::read_to_string(folder.join(path)).unwrap().lines().map(str::to_owned).collect();
    names(folder, false).into_iter().map(|path| (path.clone(), lines(&path))).collect()
}

/// The paths of hidden files from the sink's folder.
pub(super) fn hidden(folder: &Path) -> Vec<String> {
    names(folder, true)
}

fn names(base: &Path, is_hidden: bool) -> Vec<String> {
    let mut found = Vec::new();
    let walked = Disk::default().walk(base, &mut |folder, name| {
        if name.starts_with('.') == is_hidden {
            found.push(folder.join(name).strip_prefix(base).unwrap().display().to_string());
        }
    });
    walked.unwrap();
    found.sort();
    found
}

/// The rows of all finished files, in order. Titles are no rows.
pub(super) fn rows(folder: &Path) -> Vec<u32> {
    let lines = finished(folder).into_values().flatten().filter(|line| line != "title");
    let mut rows: Vec<u32> = lines.map(|line| line.parse().expect("a line is no row")).collect();
    rows.sort_unstable();
    rows
}
