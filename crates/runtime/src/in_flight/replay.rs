//! Records that were in flight, given to their operator before anything else.
//!
//! The channels of the run that took the checkpoint are gone, and so may be some of its subtasks. What was in front of
//! one old subtask is replayed as that subtask would have read it: its channels in turn, each in its order, and the
//! watermarks of its channels merged as they were. While the parallelism stays that is all.
//!
//! At another parallelism a subtask takes over from several old ones, of each the records that are its own. Their event
//! times differ, so they are kept in step: an old subtask's records are given out only while the operator's event time is
//! the old subtask's, and it moves on only when none of them has anything left before that. So every record is late or on
//! time, and every timer fires, as with the old subtask. They all come out at the same event time: a sender says the
//! same watermarks to all receivers, and its last one before the barrier has arrived at each of them in the end.

use super::{EventTimes, InFlight, element};
use crate::exchange::columns::OpenColumns;
use crate::input::InputEvent;
use crate::input::watermark::Merged;
use bytes::Bytes;
use flott_api::Partitioning;
use flott_api::partitioner::Router;
use flott_core::batch::DecodeRows;
use flott_core::{Batch, Element, Error, MaxParallelism, Payload, Result, Watermark};
use std::collections::VecDeque;
use std::sync::Arc;

/// An edge into the operator.
pub(crate) struct Edge {
    /// None if it is within a chain now.
    pub partitioning: Option<Partitioning>,
    pub decode: DecodeRows,
}

/// The operator that takes over.
pub(crate) struct Taker {
    pub name: Arc<str>,
    pub subtask: u32,
    pub parallelism: u32,
    pub max_parallelism: MaxParallelism,
    /// By input.
    pub edges: Vec<Vec<Edge>>,
}

/// What was on its way to the old subtasks that an operator takes over from.
pub(crate) struct Replay {
    taker: Taker,
    olds: Vec<OldSubtask>,
    watermark: Watermark,
    routes: Vec<u32>,
}

/// One old subtask.
struct OldSubtask {
    times: EventTimes,
    /// How far event time had come, and comes.
    watermark: Watermark,
    /// It waits for event time to come this far.
    wants: Option<Watermark>,
    /// What its operator would be told next.
    next: VecDeque<Merged>,
    channels: Vec<OldChannel>,
    /// Whose turn it is.
    turn: usize,
}

/// What was overtaken on one of its channels.
struct OldChannel {
    input: usize,
    /// Where the channel stands in its input.
    place: usize,
    bytes: Bytes,
    decode: DecodeRows,
    keep: Keep,
}

/// Which of the records the operator takes.
enum Keep {
    All,
    Nothing,
    Routed(Arc<dyn Router>),
}

/// What an old subtask does next.
enum Step {
    Give(usize, Batch),
    Say(Merged),
    /// It goes on.
    Continue,
    Nothing,
}

impl Replay {
    /// From the bytes of each old subtask: its number, how many there were, and what was on its way to it.
    ///
    /// # Errors
    /// `Corrupt` when they cannot be read; `Invalid` when the operator has no such inputs any more.
    pub fn new(taker: Taker, olds: &[(u32, u32, Bytes)]) -> Result<Replay> {
        let olds = olds.iter().map(|(subtask, of, bytes)| OldSubtask::new(&taker, *subtask, *of, bytes));
        let olds = olds.collect::<Result<Vec<_>>>()?;
        let watermark = olds.iter().map(|old| old.watermark).min().unwrap_or(Watermark::MIN);
        Ok(Replay { taker, olds, watermark, routes: Vec::new() })
    }

    /// How far event time had come.
    pub fn watermark(&self) -> Watermark {
        self.watermark
    }

    /// Whether all inputs were idle, of one old subtask.
    pub fn is_idle(&self) -> bool {
        matches!(self.olds.as_slice(), [old] if old.times.combined.is_idle())
    }

    /// The next thing for the operator; `None` when nothing is left.
    ///
    /// # Errors
    /// `Corrupt` when it cannot be read.
    pub fn next(&mut self) -> Result<Option<InputEvent>> {
        while let Some(n) = self.runnable() {
            match self.olds[n].step()? {
                Step::Give(input, batch) => {
                    let place = self.olds[n].turn;
                    let batch = self.kept(n, place, batch)?;
                    if !batch.is_empty() {
                        return Ok(Some(InputEvent::Batch(input, batch)));
                    }
                }
                Step::Say(Merged::Watermark(watermark)) => {
                    self.olds[n].wants = Some(watermark);
                    if let Some(event) = self.advance() {
                        return Ok(Some(event));
                    }
                }
                // Of several, one's idleness is not that of all.
                Step::Say(Merged::Idle) if self.olds.len() > 1 => {}
                Step::Say(Merged::Idle) => return Ok(Some(InputEvent::Idle)),
                Step::Continue | Step::Nothing => {}
            }
        }
        Ok(None)
    }

    /// How far event time has come on the channels in the end.
    pub fn finish(self) -> Vec<EventTimes> {
        self.olds.into_iter().map(|old| old.times).collect()
    }

    /// An old subtask that may give something out now. When each of those that have something left waits for another
    /// that has nothing left, which happens only where senders were not all connected with all, the one that is least
    /// ahead goes on.
    fn runnable(&mut self) -> Option<usize> {
        let watermark = self.watermark;
        let has_more = |old: &OldSubtask| old.wants.is_none() && !old.is_exhausted();
        if let Some(n) = self.olds.iter().position(|old| has_more(old) && old.watermark <= watermark) {
            return Some(n);
        }
        let least = (0..self.olds.len()).filter(|n| self.olds[*n].wants.is_some() || has_more(&self.olds[*n]));
        let n = least.min_by_key(|n| self.olds[*n].level())?;
        if let Some(wants) = self.olds[n].wants.take() {
            self.olds[n].watermark = wants;
        }
        if self.olds[n].is_exhausted() { self.runnable() } else { Some(n) }
    }

    /// Moves event time on as far as all old subtasks have come.
    fn advance(&mut self) -> Option<InputEvent> {
        let has_more = |old: &OldSubtask| old.wants.is_none() && !old.is_exhausted() && old.watermark <= self.watermark;
        if self.olds.iter().any(has_more) {
            return None;
        }
        let level = self.olds.iter().map(OldSubtask::level).min().filter(|level| *level > self.watermark)?;
        self.watermark = level;
        for old in &mut self.olds {
            if let Some(wants) = old.wants.take_if(|wants| *wants <= level) {
                old.watermark = wants;
            }
        }
        Some(InputEvent::Watermark(level))
    }

    fn kept(&mut self, old: usize, channel: usize, batch: Batch) -> Result<Batch> {
        match &self.olds[old].channels[channel].keep {
            Keep::All => Ok(batch),
            Keep::Nothing => Ok(Batch::of::<u8>(Vec::new())),
            Keep::Routed(router) => {
                router.route(&batch, self.taker.max_parallelism, self.taker.parallelism, &mut self.routes)?;
                rows_for(batch, self.taker.subtask, &mut self.routes)
            }
        }
    }
}

impl OldSubtask {
    fn new(taker: &Taker, subtask: u32, of: u32, bytes: &Bytes) -> Result<OldSubtask> {
        let (mut times, overtaken) = InFlight::decode(bytes)?;
        let mut channels = Vec::with_capacity(overtaken.len());
        for (channel, bytes) in overtaken {
            let name = times.channels[channel];
            let input = name.input as usize;
            let edge = taker.edges.get(input).and_then(|edges| edges.get(name.edge as usize));
            let Some(edge) = edge else {
                return Err(Error::invalid(format!(
                    "the checkpoint has records in flight on edge {} into input {input} of operator `{}`, and the job has no \
                     such edge any more; restore it with the graph that it was taken with, or take a checkpoint with \
                     `execution.checkpointing.unaligned.enabled` = false first",
                    name.edge, taker.name
                )));
            };
            let place = times.channels[..channel].iter().filter(|other| other.input == name.input).count();
            let keep = match &edge.partitioning {
                _ if of == taker.parallelism => Keep::All,
                Some(Partitioning::Hash(router) | Partitioning::Custom(router)) => Keep::Routed(router.clone()),
                Some(Partitioning::Global) if taker.subtask == 0 => Keep::All,
                Some(Partitioning::Global) => Keep::Nothing,
                _ if subtask % taker.parallelism == taker.subtask => Keep::All,
                _ => Keep::Nothing,
            };
            channels.push(OldChannel { input, place, bytes, decode: edge.decode, keep });
        }
        let next = std::mem::take(&mut times.pending).into();
        Ok(OldSubtask { watermark: times.watermark, wants: None, next, channels, turn: 0, times })
    }

    fn is_exhausted(&self) -> bool {
        self.next.is_empty() && self.channels.iter().all(|channel| channel.bytes.is_empty())
    }

    /// As far as event time may come without passing what is left here.
    fn level(&self) -> Watermark {
        self.wants.unwrap_or(self.watermark)
    }

    fn step(&mut self) -> Result<Step> {
        if let Some(said) = self.next.pop_front() {
            return Ok(Step::Say(said));
        }
        let count = self.channels.len();
        let next = (1..=count).map(|n| (self.turn + n) % count).find(|n| !self.channels[*n].bytes.is_empty());
        let Some(turn) = next else { return Ok(Step::Nothing) };
        self.turn = turn;
        let OldChannel { input, place, ref mut bytes, decode, .. } = self.channels[turn];
        let mut rest = &bytes[..];
        let element = element::decode(&mut rest, decode)?;
        let taken = bytes.len() - rest.len();
        drop(bytes.split_to(taken));
        let (valve, combined) = (&mut self.times.valves[input], &mut self.times.combined);
        let merged = match element {
            Element::Batch(batch) => {
                valve.on_active(place);
                combined.on_active(input);
                return Ok(Step::Give(input, batch));
            }
            Element::Watermark(watermark) => [valve.on_watermark(place, watermark), None],
            Element::Idle => valve.on_idle(place),
            Element::End => [valve.on_watermark(place, Watermark::MAX), None],
            Element::Barrier(_) => [None, None],
        };
        self.next.extend(merged.into_iter().flatten().filter_map(|merged| combined.on_merged(input, merged)));
        Ok(Step::Continue)
    }
}

/// The rows of a batch that are routed to `subtask`.
fn rows_for(batch: Batch, subtask: u32, routes: &mut [u32]) -> Result<Batch> {
    let (payload, times) = batch.into_parts();
    let own_times = times
        .as_ref()
        .map(|times| times.iter().zip(&*routes).filter(|(_, r)| **r == subtask).map(|(t, _)| *t).collect());
    match payload {
        Payload::Rows(rows) => {
            let mut parts = [rows.empty_rows(0), rows.empty_rows(0)];
            routes.iter_mut().for_each(|route| *route = u32::from(*route == subtask));
            rows.scatter_rows(routes, &mut parts)?;
            let [_, own] = parts;
            Ok(Batch::from_parts(Payload::Rows(own), own_times))
        }
        Payload::Columns(columns) => {
            let own: Vec<u32> = (0..).zip(&*routes).filter(|(_, r)| **r == subtask).map(|(row, _)| row).collect();
            let mut open = OpenColumns::new(&columns.batch, times.is_some(), own.len());
            open.append(&columns, times.as_deref(), Some(&own))?;
            open.finish()
        }
    }
}
