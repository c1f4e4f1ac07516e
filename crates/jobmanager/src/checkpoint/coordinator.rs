//! One checkpoint after the other, from trigger to completion. A pure machine: [`CheckpointCoordinator::on`] takes what
//! has happened and says what is to be done; the job master does it.
//!
//! | event | phase after | commands |
//! |---|---|---|
//! | due, savepoint requested, final one requested | Triggering | snapshot enumerators |
//! | enumerators' snapshots taken | Collecting | trigger all tasks |
//! | acknowledged, some missing | Collecting | none |
//! | acknowledged, last one | Storing | write metadata |
//! | metadata written | (Committing) Idle | notify complete, discard what is subsumed |
//! | declined, expired, enumerator failed, metadata failed | (Aborted) Idle | notify aborted, fail the job if over the limit |
//! | tasks stopped (failure, cancelling) | (Aborted) Idle, but Storing goes on | none: nobody is there to be told |
//! | acknowledgement late, twice, or of another run | as before | discard its files once that is safe |
//!
//! Committing and Aborted take no time of their own: the commands of the event are the phase.
//!
//! One checkpoint is under way at a time. Ids only grow and are never used twice. Metadata is written when every task
//! has acknowledged and not before; only then is the checkpoint complete. A checkpoint in the phase Storing needs its
//! tasks no longer, so it outlives their failure, and the job is not deployed again before its fate is known
//! ([`CheckpointCoordinator::is_storing`]): what comes after must start from it, or without it.
//!
//! Not here: reading and writing (`job/driver.rs`), what is in the metadata (`checkpoint/metadata.rs`).

mod failures;
mod savepoints;

use super::{CheckpointConfig, CheckpointStats, Collected, Command, Event, FileTable, Outcome, Retained, SavepointId};
use crate::job::Place;
use flott_api::control::{CheckpointTimes, TaskId};
use flott_core::{
    AttemptId, Barrier, BarrierKind, CheckpointId, Error, OperatorId, ProcessingTime, Result, SavepointTarget,
};
use flott_state::{Blob, SubtaskSnapshot};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Most aborted checkpoints whose folders are remembered; others are swept when the job is started anew.
const ABORTED_MAX: usize = 256;
/// The longest that a final checkpoint waits to be tried again.
const FINAL_RETRY_MAX: Duration = Duration::from_secs(10);

/// Why a checkpoint is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Periodic,
    Final,
    Savepoint(SavepointId),
}

impl Purpose {
    fn kind(self) -> BarrierKind {
        match self {
            Purpose::Periodic | Purpose::Final => BarrierKind::Checkpoint,
            Purpose::Savepoint(_) => BarrierKind::Savepoint,
        }
    }
}

/// Why a checkpoint is aborted.
enum Cause {
    Declined(TaskId, Error),
    Expired,
    SourcesFailed(Error),
    StoreFailed(Error),
    TasksStopped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Triggering,
    Collecting,
    Storing,
}

/// The checkpoint under way.
struct Pending {
    purpose: Purpose,
    deadline: ProcessingTime,
    collected: Collected,
    files: BTreeSet<String>,
}

/// The checkpoint coordinator of a job.
pub struct CheckpointCoordinator {
    config: CheckpointConfig,
    tasks: BTreeSet<Place>,
    /// The run whose tasks are running, if they are.
    running: Option<AttemptId>,
    next_id: CheckpointId,
    phase: Phase,
    pending: Option<Pending>,
    next_due: Option<ProcessingTime>,
    /// When the last checkpoint of all is tried, once it is wanted.
    final_due: Option<ProcessingTime>,
    savepoints: VecDeque<(SavepointId, Arc<SavepointTarget>)>,
    /// The checkpoints that are or were savepoints: their files are not in the job's folder.
    savepoint_ids: BTreeSet<CheckpointId>,
    failures_in_row: u32,
    /// Oldest first; the newest is the one to restore from.
    retained: VecDeque<Retained>,
    files: FileTable,
    stats: CheckpointStats,
    /// Checkpoints that were aborted since the last one completed: their folders go when the next one does.
    aborted: VecDeque<CheckpointId>,
    /// The job is over; whether checkpoints go with it.
    closed: Option<bool>,
    /// Another JobManager runs the job: what is on storage is not ours to touch any more.
    is_fenced: bool,
}

impl CheckpointCoordinator {
    /// A coordinator for these tasks. `retained` are the checkpoints that are already there, oldest first; `next_id`
    /// is larger than every id that was ever used.
    pub fn new(
        config: CheckpointConfig,
        tasks: impl IntoIterator<Item = Place>,
        retained: Vec<Retained>,
        next_id: CheckpointId,
    ) -> Self {
        let mut files = FileTable::default();
        for checkpoint in &retained {
            if checkpoint.owned {
                for path in &checkpoint.files {
                    files.mention(path, checkpoint.id);
                }
            } else {
                files.keep_for_ever(checkpoint.files.iter().cloned());
            }
        }
        let used = retained.iter().map(|r| r.id.0).max().unwrap_or(0);
        CheckpointCoordinator {
            config,
            tasks: tasks.into_iter().collect(),
            running: None,
            next_id: CheckpointId(next_id.0.max(used + 1)),
            phase: Phase::Idle,
            pending: None,
            next_due: None,
            final_due: None,
            savepoints: VecDeque::new(),
            savepoint_ids: BTreeSet::new(),
            failures_in_row: 0,
            retained: retained.into(),
            files,
            stats: CheckpointStats::default(),
            aborted: VecDeque::new(),
            closed: None,
            is_fenced: false,
        }
    }

    /// Takes an event and says what is to be done about it, in this order.
    pub fn on(&mut self, event: Event, now: ProcessingTime) -> Vec<Command> {
        let mut out = Vec::new();
        match event {
            Event::Started(attempt, restored) => self.started(attempt, restored, now),
            Event::Stopped => self.stopped(now, &mut out),
            Event::Tick => self.expire(now, &mut out),
            Event::SavepointRequested(savepoint, target) => self.savepoint_requested(savepoint, target, &mut out),
            Event::FinalRequested => self.final_due = Some(now),
            Event::SourcesSnapshotted(id, result) => self.sources_snapshotted(id, result, now, &mut out),
            Event::Acknowledged(task, id, snapshot, times) => {
                self.acknowledged(task, id, snapshot, times, now, &mut out)
            }
            Event::Declined(task, id, error) => self.declined(task, id, error, now, &mut out),
            Event::MetadataWritten(id, files) if self.is_storing_checkpoint(id) => self.complete(files, now, &mut out),
            Event::MetadataFailed(id, error) if self.is_storing_checkpoint(id) => {
                self.abort(Cause::StoreFailed(error), now, &mut out);
            }
            // Of a checkpoint that is long over.
            Event::MetadataWritten(..) | Event::MetadataFailed(..) => {}
            Event::Damaged(id) => self.retained.retain(|retained| retained.id != id),
            Event::Closed { delete } => self.close(delete, now, &mut out),
        }
        self.finish_closing(&mut out);
        self.begin_if_due(now, &mut out);
        out
    }

    /// When [`Event::Tick`] is due next.
    pub fn next_wakeup(&self) -> Option<ProcessingTime> {
        match self.phase {
            Phase::Idle if self.running.is_none() => None,
            Phase::Idle => self.final_due.or(self.next_due),
            Phase::Triggering | Phase::Collecting => self.pending.as_ref().map(|p| p.deadline),
            // The driver limits how long writing takes and always answers.
            Phase::Storing => None,
        }
    }

    /// Whether the fate of a checkpoint is in the hands of the storage: nothing may be deployed until it is known.
    pub fn is_storing(&self) -> bool {
        self.phase == Phase::Storing
    }

    /// The checkpoint to restore from.
    pub fn latest(&self) -> Option<CheckpointId> {
        self.retained.back().map(|r| r.id)
    }

    /// Completed checkpoints that are kept, oldest first.
    pub fn retained(&self) -> impl Iterator<Item = &Retained> {
        self.retained.iter()
    }

    /// The statistics.
    pub fn stats(&self) -> &CheckpointStats {
        &self.stats
    }

    fn started(&mut self, attempt: AttemptId, restored: Option<CheckpointId>, now: ProcessingTime) {
        self.running = Some(attempt);
        self.next_due = self.config.interval.map(|interval| now.plus(interval));
        self.final_due = None;
        // What tasks of earlier runs have written besides was swept, and theirs are no chains of this run.
        let retained = &self.retained;
        self.files.forget_unless(|path| retained.iter().any(|r| r.files.contains(path)));
        if let Some(id) = restored {
            self.stats.restored(id, now);
        }
    }

    fn stopped(&mut self, now: ProcessingTime, out: &mut Vec<Command>) {
        self.running = None;
        self.next_due = None;
        self.final_due = None;
        match self.phase {
            Phase::Idle | Phase::Storing => {}
            Phase::Triggering | Phase::Collecting => self.abort(Cause::TasksStopped, now, out),
        }
        for (savepoint, _) in std::mem::take(&mut self.savepoints) {
            let error = Error::unavailable("the job stopped before the savepoint was taken; ask again when it runs");
            out.push(Command::SavepointDone(savepoint, Outcome::Failed(error)));
        }
    }

    fn expire(&mut self, now: ProcessingTime, out: &mut Vec<Command>) {
        let expired = match self.phase {
            Phase::Triggering | Phase::Collecting => self.pending.as_ref().is_some_and(|p| p.deadline <= now),
            Phase::Idle | Phase::Storing => false,
        };
        if expired {
            self.abort(Cause::Expired, now, out);
        }
    }

    /// Begins a checkpoint if one is wanted and nothing is in its way.
    fn begin_if_due(&mut self, now: ProcessingTime, out: &mut Vec<Command>) {
        if self.phase != Phase::Idle || self.running.is_none() {
            return;
        }
        let is_due = |time: Option<ProcessingTime>| time.is_some_and(|time| time <= now);
        let mut target = None;
        let purpose = if let Some((savepoint, wanted)) = self.savepoints.pop_front() {
            target = Some(wanted);
            Purpose::Savepoint(savepoint)
        } else if is_due(self.final_due) {
            Purpose::Final
        } else if self.final_due.is_none() && is_due(self.next_due) {
            Purpose::Periodic
        } else {
            return;
        };
        let id = self.next_id;
        self.next_id = CheckpointId(id.0 + 1);
        self.phase = Phase::Triggering;
        let kind = purpose.kind();
        if kind == BarrierKind::Savepoint {
            self.note_savepoint(id);
        }
        self.pending = Some(Pending {
            purpose,
            deadline: now.plus(self.config.timeout),
            collected: Collected {
                id,
                kind,
                savepoint: target,
                triggered: now,
                sources: BTreeMap::new(),
                tasks: BTreeMap::new(),
            },
            files: BTreeSet::new(),
        });
        self.next_due = self.config.interval.map(|interval| now.plus(interval));
        self.stats.begun(id, kind == BarrierKind::Savepoint, now, self.tasks.len());
        out.push(Command::SnapshotSources(id));
    }

    fn sources_snapshotted(
        &mut self,
        id: CheckpointId,
        result: Result<BTreeMap<OperatorId, Vec<u8>>>,
        now: ProcessingTime,
        out: &mut Vec<Command>,
    ) {
        let Some(pending) = self.pending.as_mut().filter(|p| p.collected.id == id && self.phase == Phase::Triggering)
        else {
            return;
        };
        match result {
            Ok(sources) => {
                let bytes = sources.values().map(|s| s.len() as u64).sum::<u64>();
                if let Some(record) = self.stats.current() {
                    record.state_size_bytes = bytes;
                    record.checkpointed_size_bytes = bytes;
                }
                pending.collected.sources = sources;
                let Collected { kind, triggered, .. } = pending.collected;
                let target = pending.collected.savepoint.clone();
                let then = target.as_ref().map(|target| target.then).unwrap_or_default();
                out.push(Command::Trigger(Barrier { checkpoint: id, kind, triggered, then }, target));
                self.phase = Phase::Collecting;
                self.store_if_complete(out);
            }
            Err(error) => self.abort(Cause::SourcesFailed(error), now, out),
        }
    }

    fn acknowledged(
        &mut self,
        task: TaskId,
        id: CheckpointId,
        snapshot: SubtaskSnapshot,
        times: CheckpointTimes,
        now: ProcessingTime,
        out: &mut Vec<Command>,
    ) {
        // An id that was never given out cannot have a file of a later snapshot in it.
        let mention = id.min(CheckpointId(self.next_id.0 - 1));
        let is_savepoint = self.savepoint_ids.contains(&id);
        let mut written_bytes = 0;
        let mut new = BTreeSet::new();
        for blob in snapshot.operators.iter().flat_map(|(_, operator)| operator.blobs()) {
            match blob {
                Blob::Inline(bytes) => written_bytes += bytes.len() as u64,
                Blob::File { path, len, .. } | Blob::Segment { path, len, .. } => {
                    // Those of a savepoint are in a folder of its own.
                    if is_savepoint || self.files.mention(path, mention) {
                        new.insert(path);
                    }
                    // A merged file is mentioned for each of its stretches.
                    if new.contains(path) {
                        written_bytes += len;
                    }
                }
            }
        }
        let place = (task.vertex, task.subtask);
        let is_awaited =
            self.running == Some(task.attempt) && self.tasks.contains(&place) && self.phase == Phase::Collecting;
        let pending = self.pending.as_mut().filter(|p| is_awaited && p.collected.id == id);
        let Some(pending) = pending.filter(|p| !p.collected.tasks.contains_key(&place)) else {
            // Late, twice, or of another run. Its files go as soon as they cannot be part of anything.
            self.discard(Vec::new(), out);
            return;
        };
        if let Some(record) = self.stats.current() {
            record.acknowledged_count += 1;
            record.latest_ack_timestamp = Some(now);
            record.state_size_bytes += snapshot.byte_count();
            record.checkpointed_size_bytes += written_bytes;
            record.start_delay_max = record.start_delay_max.max(times.start_delay);
            record.persisted_in_flight_bytes += times.persisted_in_flight_bytes;
            record.processed_in_flight_bytes += times.processed_in_flight_bytes;
            record.alignment_max = record.alignment_max.max(times.alignment);
            record.sync_max = record.sync_max.max(times.sync);
            record.async_max = record.async_max.max(times.asynchronous);
        }
        pending.files.extend(paths(&snapshot).map(str::to_owned));
        pending.collected.tasks.insert(place, snapshot);
        self.store_if_complete(out);
    }

    fn store_if_complete(&mut self, out: &mut Vec<Command>) {
        let Some(pending) = self.pending.as_ref().filter(|p| p.collected.tasks.len() == self.tasks.len()) else {
            return;
        };
        self.phase = Phase::Storing;
        out.push(Command::Store(pending.collected.clone()));
    }

    fn declined(&mut self, task: TaskId, id: CheckpointId, error: Error, now: ProcessingTime, out: &mut Vec<Command>) {
        let is_pending = self.pending.as_ref().is_some_and(|p| p.collected.id == id);
        if is_pending && self.phase == Phase::Collecting && self.running == Some(task.attempt) {
            self.abort(Cause::Declined(task, error), now, out);
        }
    }

    fn is_storing_checkpoint(&self, id: CheckpointId) -> bool {
        self.is_storing() && self.pending.as_ref().is_some_and(|p| p.collected.id == id)
    }

    /// The metadata is durable: the checkpoint counts.
    fn complete(&mut self, mut files: BTreeSet<String>, now: ProcessingTime, out: &mut Vec<Command>) {
        let Some(pending) = self.pending.take() else { return };
        let id = pending.collected.id;
        files.extend(pending.files);
        self.phase = Phase::Idle;
        self.failures_in_row = 0;
        self.stats.completed(now);
        self.pause_from(now);
        match pending.purpose {
            Purpose::Savepoint(savepoint) => self.savepoint_complete(savepoint, id, pending.collected.savepoint, out),
            Purpose::Periodic | Purpose::Final => {
                for path in &files {
                    self.files.mention(path, id);
                }
                self.retained.push_back(Retained { id, files, owned: true });
                out.push(Command::Completed(id));
                if self.running.is_some() {
                    out.push(Command::NotifyComplete(id));
                }
                let gone = self.take_subsumed();
                self.discard(gone, out);
                if pending.purpose == Purpose::Final && self.running.is_some() {
                    self.final_due = None;
                    self.next_due = None;
                    out.push(Command::FinalDone);
                }
            }
        }
    }

    /// Older checkpoints that are beyond the number to be kept, and those that came to nothing.
    fn take_subsumed(&mut self) -> Vec<CheckpointId> {
        let beyond = self.retained.len().saturating_sub(self.config.retained_max);
        let subsumed = self.retained.drain(..beyond).filter(|r| r.owned).map(|r| r.id);
        subsumed.chain(self.aborted.drain(..)).collect()
    }

    /// Discards these checkpoints, and every file that nothing can need any more.
    fn discard(&mut self, checkpoints: Vec<CheckpointId>, out: &mut Vec<Command>) {
        let Some(newest) = self.latest().filter(|_| !self.is_fenced) else { return };
        let (retained, pending) = (&self.retained, &self.pending);
        let is_kept = |path: &str| {
            retained.iter().any(|r| r.files.contains(path)) || pending.as_ref().is_some_and(|p| p.files.contains(path))
        };
        let files = self.files.take_deletable(newest, is_kept);
        if !checkpoints.is_empty() || !files.is_empty() {
            out.push(Command::Discard { checkpoints, files });
        }
    }

    /// The next periodic checkpoint keeps its distance from the end of this one.
    fn pause_from(&mut self, now: ProcessingTime) {
        let earliest = now.plus(self.config.min_pause);
        self.next_due = self.next_due.map(|due| due.max(earliest));
    }

    fn close(&mut self, delete: bool, now: ProcessingTime, out: &mut Vec<Command>) {
        self.stopped(now, out);
        self.closed = Some(delete);
    }

    /// Deletes what is to go with the job, once nothing is being written any more.
    fn finish_closing(&mut self, out: &mut Vec<Command>) {
        if self.closed == Some(true) && self.phase == Phase::Idle && !self.is_fenced {
            self.closed = Some(false);
            let checkpoints = self.retained.drain(..).filter(|r| r.owned).map(|r| r.id).collect();
            out.push(Command::Discard { checkpoints, files: self.files.take_all() });
        }
    }
}

fn paths(snapshot: &SubtaskSnapshot) -> impl Iterator<Item = &str> {
    snapshot.operators.iter().flat_map(|(_, operator)| operator.blobs()).filter_map(Blob::path)
}

#[cfg(test)]
mod tests;
