//! The job's own metrics, by Flink's names (scope `jobmanager.job`).

use super::master::JobMaster;
use crate::checkpoint::CheckpointStats;
use flott_api::JobStatus;
use flott_api::metrics::{Gauge, Labels, MetricRegistry};
use flott_core::{ProcessingTime, time::millis};

/// Gauges of one job, set after every event and once a second.
pub(super) struct JobMetrics {
    checkpoints: CheckpointMetrics,
    restarts: Gauge,
    restarts_full: Gauge,
    uptime_ms: Gauge,
    downtime_ms: Gauge,
    running_ms: Gauge,
    restarting_ms: Gauge,
}

struct CheckpointMetrics {
    completed: Gauge,
    failed: Gauge,
    in_progress: Gauge,
    total: Gauge,
    last_id: Gauge,
    last_duration_ms: Gauge,
    last_size_bytes: Gauge,
    last_full_size_bytes: Gauge,
    last_restore: Gauge,
}

impl JobMetrics {
    pub fn new(registry: &MetricRegistry, labels: &Labels) -> Self {
        let gauge = |name| registry.gauge(name, labels);
        JobMetrics {
            checkpoints: CheckpointMetrics {
                completed: gauge("numberOfCompletedCheckpoints"),
                failed: gauge("numberOfFailedCheckpoints"),
                in_progress: gauge("numberOfInProgressCheckpoints"),
                total: gauge("totalNumberOfCheckpoints"),
                last_id: gauge("lastCompletedCheckpointId"),
                last_duration_ms: gauge("lastCheckpointDuration"),
                last_size_bytes: gauge("lastCheckpointSize"),
                last_full_size_bytes: gauge("lastCheckpointFullSize"),
                last_restore: gauge("lastCheckpointRestoreTimestamp"),
            },
            restarts: gauge("numRestarts"),
            restarts_full: gauge("fullRestarts"),
            uptime_ms: gauge("uptime"),
            downtime_ms: gauge("downtime"),
            running_ms: gauge("runningTime"),
            restarting_ms: gauge("restartingTime"),
        }
    }

    pub fn update(&self, master: &JobMaster, now: ProcessingTime) {
        let machine = master.machine();
        self.restarts.set(machine.restarts() as i64);
        self.restarts_full.set(machine.restarts() as i64);
        let since = |status| machine.timestamps().get(&status).map_or(0, |time| millis(time.until(now)));
        let in_state = |status| if machine.status() == status { since(status) } else { 0 };
        // Flink's two names for the same thing; the older counts from the last time that all tasks ran.
        self.uptime_ms.set(in_state(JobStatus::Running));
        self.running_ms.set(in_state(JobStatus::Running));
        let is_down = match machine.status() {
            JobStatus::Failing | JobStatus::Restarting => true,
            JobStatus::Created => machine.restarts() > 0,
            JobStatus::Initializing
            | JobStatus::Running
            | JobStatus::Failed
            | JobStatus::Cancelling
            | JobStatus::Canceled
            | JobStatus::Finished
            | JobStatus::Suspended => false,
        };
        let down_ms = if is_down { since(JobStatus::Failing) } else { 0 };
        self.downtime_ms.set(down_ms);
        self.restarting_ms.set(down_ms);
        self.checkpoints.update(master.coordinator().stats());
    }
}

impl CheckpointMetrics {
    fn update(&self, stats: &CheckpointStats) {
        self.completed.set(stats.counts.completed as i64);
        self.failed.set(stats.counts.failed as i64);
        self.in_progress.set(stats.counts.in_progress as i64);
        self.total.set(stats.counts.total as i64);
        if let Some(last) = &stats.latest.completed {
            self.last_id.set(last.id.0 as i64);
            self.last_duration_ms.set(millis(last.end_to_end_duration));
            self.last_size_bytes.set(last.checkpointed_size_bytes as i64);
            self.last_full_size_bytes.set(last.state_size_bytes as i64);
        }
        if let Some((_, when)) = &stats.latest.restored {
            self.last_restore.set(when.0);
        }
    }
}
