//! What is known about the job's checkpoints: Flink's checkpoint statistics (`/jobs/:jobid/checkpoints`), as data.

use flott_core::{CheckpointId, ProcessingTime};
use serde::Serialize;
use std::collections::VecDeque;
use std::time::Duration;

/// How many checkpoints the history holds: Flink's `web.checkpoints.history`.
const HISTORY_MAX: usize = 10;

/// How a checkpoint stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CheckpointState {
    /// Acknowledgements or the metadata are missing.
    InProgress,
    /// It can be restored from.
    Completed,
    /// It was aborted.
    Failed,
}

/// One checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckpointRecord {
    /// Its id.
    pub id: CheckpointId,
    /// How it stands.
    pub status: CheckpointState,
    /// Whether it is a savepoint.
    pub is_savepoint: bool,
    /// When it was triggered.
    pub trigger_timestamp: ProcessingTime,
    /// When the latest acknowledgement came.
    pub latest_ack_timestamp: Option<ProcessingTime>,
    /// From the trigger to the end, or to now as long as it is in progress.
    pub end_to_end_duration: Duration,
    /// Bytes of all state that it holds.
    pub state_size_bytes: u64,
    /// Bytes that were written for it.
    pub checkpointed_size_bytes: u64,
    /// Number of tasks that take part.
    pub subtask_count: usize,
    /// Number of tasks that have acknowledged.
    pub acknowledged_count: usize,
    /// The longest time from the trigger until the first barrier reached a task.
    pub start_delay_max: Duration,
    /// The longest time from the first barrier of a task to the last.
    pub alignment_max: Duration,
    /// Bytes of records that barriers overtook: Flink's `persistedData`.
    pub persisted_in_flight_bytes: u64,
    /// Bytes of records that tasks worked on between their first barrier and their last: Flink's `processedData`.
    pub processed_in_flight_bytes: u64,
    /// The longest time that a task stood still for its snapshot.
    pub sync_max: Duration,
    /// The longest time that a task wrote its snapshot beside its records.
    pub async_max: Duration,
    /// Why it failed.
    pub failure_message: Option<String>,
}

/// Numbers of checkpoints since the job master started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// How often the job was restored from one.
    pub restored: u64,
    /// All that were triggered.
    pub total: u64,
    /// Those under way.
    pub in_progress: u64,
    /// Those that can be, or could be, restored from.
    pub completed: u64,
    /// Those that were aborted.
    pub failed: u64,
}

/// The latest of each kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Latest {
    /// The latest completed checkpoint.
    pub completed: Option<CheckpointRecord>,
    /// The latest completed savepoint.
    pub savepoint: Option<CheckpointRecord>,
    /// The latest aborted one.
    pub failed: Option<CheckpointRecord>,
    /// What the job was restored from, and when.
    pub restored: Option<(CheckpointId, ProcessingTime)>,
}

/// Least, most and sum of a number over all completed checkpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// How many.
    pub count: u64,
    /// The least.
    pub min: u64,
    /// The most.
    pub max: u64,
    /// All together.
    pub sum: u64,
}

impl Summary {
    fn add(&mut self, value: u64) {
        self.min = if self.count == 0 { value } else { self.min.min(value) };
        self.max = self.max.max(value);
        self.sum = self.sum.saturating_add(value);
        self.count += 1;
    }

    /// The mean; zero when there are none.
    pub fn average(&self) -> u64 {
        self.sum.checked_div(self.count).unwrap_or(0)
    }
}

/// Summaries over all completed checkpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summaries {
    /// Milliseconds from trigger to end.
    pub end_to_end_duration_ms: Summary,
    /// Bytes of state.
    pub state_size_bytes: Summary,
    /// Bytes written.
    pub checkpointed_size_bytes: Summary,
}

/// Statistics of a job's checkpoints.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CheckpointStats {
    /// How many of each.
    pub counts: Counts,
    /// The latest of each.
    pub latest: Latest,
    /// Over all completed ones.
    pub summary: Summaries,
    /// The latest of all, newest first; the one under way is among them.
    pub history: VecDeque<CheckpointRecord>,
}

impl CheckpointStats {
    /// A checkpoint has begun.
    pub(super) fn begun(&mut self, id: CheckpointId, is_savepoint: bool, now: ProcessingTime, subtask_count: usize) {
        self.counts.total += 1;
        self.counts.in_progress += 1;
        self.history.truncate(HISTORY_MAX - 1);
        self.history.push_front(CheckpointRecord {
            id,
            status: CheckpointState::InProgress,
            is_savepoint,
            trigger_timestamp: now,
            latest_ack_timestamp: None,
            end_to_end_duration: Duration::ZERO,
            state_size_bytes: 0,
            checkpointed_size_bytes: 0,
            subtask_count,
            acknowledged_count: 0,
            start_delay_max: Duration::ZERO,
            alignment_max: Duration::ZERO,
            persisted_in_flight_bytes: 0,
            processed_in_flight_bytes: 0,
            sync_max: Duration::ZERO,
            async_max: Duration::ZERO,
            failure_message: None,
        });
    }

    /// The checkpoint under way, which is always the newest.
    pub(super) fn current(&mut self) -> Option<&mut CheckpointRecord> {
        self.history.front_mut().filter(|r| r.status == CheckpointState::InProgress)
    }

    /// The checkpoint under way is complete.
    pub(super) fn completed(&mut self, now: ProcessingTime) {
        let Some(record) = self.end(now, CheckpointState::Completed, None) else { return };
        self.counts.completed += 1;
        self.summary.end_to_end_duration_ms.add(record.end_to_end_duration.as_millis() as u64);
        self.summary.state_size_bytes.add(record.state_size_bytes);
        self.summary.checkpointed_size_bytes.add(record.checkpointed_size_bytes);
        if record.is_savepoint {
            self.latest.savepoint = Some(record);
        } else {
            self.latest.completed = Some(record);
        }
    }

    /// The checkpoint under way was aborted.
    pub(super) fn failed(&mut self, now: ProcessingTime, why: String) {
        let Some(record) = self.end(now, CheckpointState::Failed, Some(why)) else { return };
        self.counts.failed += 1;
        self.latest.failed = Some(record);
    }

    /// The job was restored from a checkpoint.
    pub(super) fn restored(&mut self, id: CheckpointId, now: ProcessingTime) {
        self.counts.restored += 1;
        self.latest.restored = Some((id, now));
    }

    fn end(&mut self, now: ProcessingTime, status: CheckpointState, why: Option<String>) -> Option<CheckpointRecord> {
        let record = self.current()?;
        record.status = status;
        record.end_to_end_duration = record.trigger_timestamp.until(now);
        record.failure_message = why;
        let record = record.clone();
        self.counts.in_progress = self.counts.in_progress.saturating_sub(1);
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_summaries_and_history_follow_the_checkpoints() {
        let mut stats = CheckpointStats::default();
        for n in 1..=15u64 {
            let start = ProcessingTime(1000 * n as i64);
            stats.begun(CheckpointId(n), false, start, 2);
            if let Some(record) = stats.current() {
                record.state_size_bytes = n;
            }
            let end = start.plus(Duration::from_millis(10 * n));
            if n % 5 == 0 { stats.failed(end, "slow".into()) } else { stats.completed(end) }
        }
        assert_eq!(stats.counts, Counts { restored: 0, total: 15, in_progress: 0, completed: 12, failed: 3 });
        assert_eq!(stats.history.len(), HISTORY_MAX);
        assert_eq!(stats.history[0].failure_message.as_deref(), Some("slow"));
        let durations = stats.summary.end_to_end_duration_ms;
        assert_eq!((durations.min, durations.max, durations.average()), (10, 140, 75));
        assert_eq!(stats.latest.completed.map(|r| r.id), Some(CheckpointId(14)));
    }
}
