//! Checkpoints that come to nothing, and when the job fails with them.

use super::{ABORTED_MAX, Cause, CheckpointCoordinator, FINAL_RETRY_MAX, Pending, Phase, Purpose};
use crate::checkpoint::{Command, Outcome};
use crate::job::copy_of;
use flott_core::{BarrierKind, CheckpointId, Error, ErrorKind, ProcessingTime};

impl CheckpointCoordinator {
    pub(super) fn abort(&mut self, cause: Cause, now: ProcessingTime, out: &mut Vec<Command>) {
        let Some(pending) = self.pending.take() else { return };
        let (id, phase) = (pending.collected.id, std::mem::replace(&mut self.phase, Phase::Idle));
        let is_savepoint = pending.collected.kind == BarrierKind::Savepoint;
        let (error, counts) = match cause {
            Cause::Declined(task, error) => (copy_of(&error).in_context(task.to_string()), !is_savepoint),
            Cause::Expired => (self.expired(&pending), !is_savepoint),
            Cause::SourcesFailed(error) | Cause::StoreFailed(error) => (error, !is_savepoint),
            Cause::TasksStopped => (Error::unavailable("the job's tasks were stopped"), false),
        };
        self.stats.failed(now, error.to_string());
        self.pause_from(now);
        self.is_fenced |= error.kind() == ErrorKind::Fenced;
        if phase != Phase::Triggering && self.running.is_some() {
            out.push(Command::NotifyAborted(id));
        }
        if phase == Phase::Storing && !self.is_fenced && !is_savepoint {
            // Nobody may restore from it, should the metadata have been written after all.
            out.push(Command::Discard { checkpoints: vec![id], files: Vec::new() });
        } else if phase == Phase::Collecting && !is_savepoint {
            // Tasks may still be writing its files.
            self.aborted.truncate(ABORTED_MAX - 1);
            self.aborted.push_front(id);
        }
        match pending.purpose {
            Purpose::Savepoint(savepoint) => {
                out.extend(pending.collected.savepoint.map(Command::DiscardSavepoint));
                out.push(Command::SavepointDone(savepoint, Outcome::Failed(copy_of(&error))))
            }
            Purpose::Final => {
                let again =
                    self.config.interval.unwrap_or(FINAL_RETRY_MAX).min(FINAL_RETRY_MAX).max(self.config.min_pause);
                self.final_due = self.final_due.map(|_| now.plus(again));
            }
            Purpose::Periodic => {}
        }
        if counts {
            self.count_failure(id, &error, out);
        }
    }

    fn expired(&self, pending: &Pending) -> Error {
        let missing: Vec<String> = self
            .tasks
            .iter()
            .filter(|place| !pending.collected.tasks.contains_key(place))
            .map(|(vertex, subtask)| format!("vertex {vertex} subtask {subtask}"))
            .take(3)
            .collect();
        let count = self.tasks.len() - pending.collected.tasks.len();
        Error::unavailable(format!(
            "it expired after {:?} without the acknowledgements of {count} of {} tasks (among them {}); look for backpressure, \
             or raise `execution.checkpointing.timeout`",
            self.config.timeout,
            self.tasks.len(),
            missing.join(", ")
        ))
    }

    fn count_failure(&mut self, id: CheckpointId, error: &Error, out: &mut Vec<Command>) {
        self.failures_in_row += 1;
        let is_over_limit = self.failures_in_row > self.config.tolerable_failures || self.is_fenced;
        if is_over_limit && self.running.take().is_some() {
            self.failures_in_row = 0;
            let message = format!(
                "exceeded the tolerable number of failed checkpoints in a row \
                 (`execution.checkpointing.tolerable-failed-checkpoints` = {}); checkpoint {id} failed: {error}",
                self.config.tolerable_failures
            );
            out.push(Command::FailJob(Error::new(error.kind(), message)));
        }
    }
}
