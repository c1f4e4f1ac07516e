//! What the job master says about its turns.

use super::Turn;
use flott_api::JobStatus;
use flott_core::CheckpointId;

impl Turn<'_> {
    /// Says that the job's state has changed, and why.
    pub(super) fn log_transition(&self, before: JobStatus) {
        let machine = &self.master.machine;
        let after = machine.status();
        if before == after {
            return;
        }
        match (after, machine.error(), machine.exceptions().entries.front()) {
            (JobStatus::Failed, Some(error), _) => tracing::error!(from = %before, "job is {after}: {error}"),
            (JobStatus::Failing, _, Some(latest)) => {
                let task = latest.root.task_name.as_deref().unwrap_or("the job");
                tracing::warn!(from = %before, task, "job is {after}: {}", latest.root.text);
            }
            _ => tracing::info!(from = %before, attempt = machine.attempt().map(|a| a.0), "job is {after}"),
        }
    }

    /// Says that a checkpoint is complete.
    pub(super) fn log_completed_checkpoint(&self, id: CheckpointId) {
        if let Some(record) = &self.master.coordinator.stats().latest.completed {
            tracing::info!(
                checkpoint = id.0,
                duration_ms = record.end_to_end_duration.as_millis() as u64,
                state_bytes = record.state_size_bytes,
                written_bytes = record.checkpointed_size_bytes,
                "checkpoint complete"
            );
        }
    }

    /// Says why a checkpoint was aborted, if one was since there were `before` such.
    pub(super) fn log_failed_checkpoint(&self, before: u64) {
        let stats = self.master.coordinator.stats();
        if let Some(record) = stats.latest.failed.as_ref().filter(|_| stats.counts.failed > before) {
            let why = record.failure_message.as_deref().unwrap_or_default();
            tracing::warn!(checkpoint = record.id.0, "checkpoint aborted: {why}");
        }
    }
}
