//! A source that can be read again and again: partitions of rows that were made before anything runs.
//!
//! All splits are handed out at once, so that every reader knows from the start which splits hold its event time back, and
//! no record is late because of when it was read. A reader reads its splits in random turns and takes pauses.

use super::World;
use crate::faults::Pace;
use fastrand::Rng;
use flott_api::source::{EnumeratorContext, ReaderContext};
use flott_api::{Boundedness, Discovery, ReaderEvent, Source, SourceReader, Split, SplitAssigner, SplitEnumerator};
use flott_core::{Data, EventTime, Result, SubtaskIndex};
use flott_env::Env;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

type Partition<T> = Vec<(T, Option<EventTime>)>;

/// The source.
pub struct Replay<T> {
    world: World,
    partitions: Arc<Vec<Partition<T>>>,
    chunk_rows: usize,
    is_dealt_out_on_request: bool,
}

impl<T: Data + Sync> Replay<T> {
    pub(super) fn new(world: World, partitions: Vec<Partition<T>>) -> Self {
        Replay { world, partitions: Arc::new(partitions), chunk_rows: 1, is_dealt_out_on_request: false }
    }

    /// Positions are multiples of `rows`: what belongs together is read together, after a restore too.
    #[must_use]
    pub fn in_chunks_of(mut self, rows: usize) -> Self {
        self.chunk_rows = rows.max(1);
        self
    }

    /// A split is handed out when a reader asks for one, as most sources do it. For jobs without event time.
    #[must_use]
    pub fn dealt_out_on_request(mut self) -> Self {
        self.is_dealt_out_on_request = true;
        self
    }
}

/// A partition and how far it has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplaySplit {
    partition: u32,
    next: u64,
}

impl Split for ReplaySplit {
    fn id(&self) -> String {
        format!("partition {}", self.partition)
    }
}

/// Which splits nobody has, and whether they have been found at all.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReplayCheckpoint {
    has_discovered: bool,
    pending: Vec<ReplaySplit>,
}

impl<T: Data + Sync> Source for Replay<T> {
    type Item = T;
    type Split = ReplaySplit;
    type Checkpoint = ReplayCheckpoint;
    type Enumerator = ReplayEnumerator;
    type Reader = ReplayReader<T>;

    fn boundedness(&self) -> Boundedness {
        Boundedness::Bounded
    }

    fn create_enumerator(
        &self,
        cx: &EnumeratorContext,
        restored: Option<ReplayCheckpoint>,
    ) -> Result<ReplayEnumerator> {
        let checkpoint = restored.unwrap_or(ReplayCheckpoint { has_discovered: false, pending: Vec::new() });
        let pause_max = self.world.faults().pace.pause_max.as_millis() as u64;
        Ok(ReplayEnumerator {
            partitions: self.partitions.len() as u32,
            checkpoint,
            delay: Duration::from_millis(cx.env.fork_random().u64(..=pause_max)),
            is_dealt_out_on_request: self.is_dealt_out_on_request,
            waiting: BTreeSet::new(),
        })
    }

    fn create_reader(&self, cx: &ReaderContext) -> Result<ReplayReader<T>> {
        Ok(ReplayReader {
            partitions: self.partitions.clone(),
            chunk_rows: self.chunk_rows,
            pace: self.world.faults().pace,
            random: cx.env.fork_random(),
            env: cx.env.clone(),
            splits: BTreeMap::new(),
            paused: BTreeSet::new(),
            has_all: false,
            has_asked: false,
            pause: None,
            waker: None,
        })
    }
}

/// Finds the partitions after a while and deals them out.
pub struct ReplayEnumerator {
    partitions: u32,
    checkpoint: ReplayCheckpoint,
    delay: Duration,
    is_dealt_out_on_request: bool,
    /// Readers that asked before anything was found.
    waiting: BTreeSet<SubtaskIndex>,
}

impl SplitEnumerator for ReplayEnumerator {
    type Split = ReplaySplit;
    type Checkpoint = ReplayCheckpoint;

    fn discover(&mut self) -> Option<Discovery<ReplaySplit>> {
        if self.checkpoint.has_discovered {
            return None;
        }
        let partitions = self.partitions;
        let find = move || Ok((0..partitions).map(|partition| ReplaySplit { partition, next: 0 }).collect());
        Some(Discovery { delay: self.delay, find: Box::new(find) })
    }

    fn on_discovered(&mut self, splits: Vec<ReplaySplit>, assigner: &mut SplitAssigner<ReplaySplit>) -> Result<()> {
        self.checkpoint.has_discovered = true;
        if self.is_dealt_out_on_request {
            self.checkpoint.pending = splits;
        } else {
            let readers = assigner.parallelism();
            splits.into_iter().for_each(|split| assigner.assign(SubtaskIndex(split.partition % readers), split));
        }
        for reader in std::mem::take(&mut self.waiting) {
            if self.is_dealt_out_on_request || reader.0 >= self.partitions {
                self.on_split_request(reader, assigner)?;
            }
        }
        Ok(())
    }

    fn on_split_request(&mut self, reader: SubtaskIndex, assigner: &mut SplitAssigner<ReplaySplit>) -> Result<()> {
        if !self.checkpoint.has_discovered {
            self.waiting.insert(reader);
            return Ok(());
        }
        match self.checkpoint.pending.pop() {
            Some(split) => assigner.assign(reader, split),
            None => assigner.no_more_splits(reader),
        }
        Ok(())
    }

    fn snapshot(&self) -> Result<ReplayCheckpoint> {
        Ok(self.checkpoint.clone())
    }
}

/// Reads its splits in random turns.
pub struct ReplayReader<T> {
    partitions: Arc<Vec<Partition<T>>>,
    chunk_rows: usize,
    pace: Pace,
    random: Rng,
    env: Env,
    splits: BTreeMap<u32, u64>,
    paused: BTreeSet<String>,
    has_all: bool,
    has_asked: bool,
    pause: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    waker: Option<Waker>,
}

impl<T: Data + Sync> ReplayReader<T> {
    /// Takes a break, if the pace says so.
    fn rest(&mut self) {
        let most = self.pace.pause_max.as_millis() as u64;
        if most == 0 {
            return;
        }
        let mut pause = Duration::from_millis(self.random.u64(..=most));
        if self.random.f64() < self.pace.stalls {
            pause *= 20;
        }
        let env = self.env.clone();
        self.pause = Some(Box::pin(async move { env.sleep(pause).await }));
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn is_paused(&self, partition: u32) -> bool {
        self.paused.contains(&ReplaySplit { partition, next: 0 }.id())
    }
}

impl<T: Data + Sync> SourceReader for ReplayReader<T> {
    type Item = T;
    type Split = ReplaySplit;

    fn add_splits(&mut self, splits: Vec<ReplaySplit>) -> Result<()> {
        for split in splits {
            let twice = self.splits.insert(split.partition, split.next);
            assert!(twice.is_none(), "{} was given to a reader that has it", split.id());
        }
        self.has_asked = false;
        self.wake();
        Ok(())
    }

    fn no_more_splits(&mut self) {
        self.has_all = true;
        self.wake();
    }

    fn poll_next(&mut self, task: &mut Context<'_>, rows_max: usize) -> Poll<Result<ReaderEvent<T>>> {
        self.waker = Some(task.waker().clone());
        if let Some(pause) = &mut self.pause {
            if pause.as_mut().poll(task).is_pending() {
                return Poll::Pending;
            }
            self.pause = None;
        }
        let readable: Vec<u32> = self.splits.keys().copied().filter(|partition| !self.is_paused(*partition)).collect();
        if readable.is_empty() {
            return match (self.splits.is_empty(), self.has_all, self.has_asked) {
                (true, true, _) => Poll::Ready(Ok(ReaderEvent::End)),
                (true, false, false) => {
                    self.has_asked = true;
                    Poll::Ready(Ok(ReaderEvent::RequestSplit))
                }
                _ => Poll::Pending,
            };
        }
        let partition = readable[self.random.usize(..readable.len())];
        let rows = &self.partitions[partition as usize];
        let start = self.splits.get(&partition).map_or(0, |next| *next as usize);
        let id: Arc<str> = ReplaySplit { partition, next: 0 }.id().into();
        if start >= rows.len() {
            self.splits.remove(&partition);
            return Poll::Ready(Ok(ReaderEvent::SplitFinished(id)));
        }
        let count = self.random.usize(1..=rows_max.min(self.pace.rows_max).clamp(1, rows.len()));
        let end = (start + count.next_multiple_of(self.chunk_rows)).min(rows.len());
        self.splits.insert(partition, end as u64);
        let (values, times): (Vec<T>, Vec<Option<EventTime>>) = rows[start..end].iter().cloned().unzip();
        self.rest();
        Poll::Ready(Ok(ReaderEvent::Rows { split: id, rows: values, times: times.into_iter().collect() }))
    }

    fn snapshot(&mut self) -> Result<Vec<ReplaySplit>> {
        Ok(self.splits.iter().map(|(&partition, &next)| ReplaySplit { partition, next }).collect())
    }

    fn set_paused(&mut self, split: &str, paused: bool) -> bool {
        if paused {
            self.paused.insert(split.to_owned());
        } else if self.paused.remove(split) {
            self.wake();
        }
        true
    }
}
