//! What happens when the state to start from turns out to be damaged: an older checkpoint is used, if one is kept.
//!
//! ```text
//! a task cannot read its state ──> all tasks stop, RESTARTING ──> deployed from the older checkpoint
//!                              └─> FindOlder ... FoundOlder ────┘
//! ```
//!
//! Nothing that was half restored runs: records flow and checkpoints are taken when all tasks have their state.

use super::{JobEvent, Turn};
use crate::checkpoint;
use crate::job::event::Action;
use crate::job::restore::Restored;
use crate::job::status::TaskStatus;
use flott_api::control::TaskId;
use flott_core::{CheckpointId, Error, ErrorKind, Result};
use flott_state::checkpoint::CheckpointMetadata;
use std::sync::Arc;

impl Turn<'_> {
    /// Whether a task has failed because the checkpoint that it is restored from is damaged, and an older one is kept.
    pub(super) fn is_damage(&self, task: TaskId, error: &Error) -> bool {
        let machine = &self.master.machine;
        let status = machine.tasks().get(&(task.vertex, task.subtask));
        error.kind() == ErrorKind::Corrupt
            && machine.is_present(task)
            && status.copied() == Some(TaskStatus::Deploying)
            && !self.older().is_empty()
    }

    /// Stops the attempt and looks for an older checkpoint.
    pub(super) fn go_back(&mut self, task: TaskId, error: Error) {
        let older = self.older();
        if let Some(restored) = &self.master.restorable {
            tracing::warn!(
                "checkpoint `{}` is damaged: {} could not be restored: {error}; the job goes back to an older one, and what \
                 was committed since then may be written again",
                restored.files.location(restored.metadata.checkpoint),
                self.master.job.task_name((task.vertex, task.subtask)),
            );
            self.out.push(Action::FindOlder(Box::new(restored.files.clone()), older));
            self.master.is_seeking = true;
        }
        self.job(JobEvent::RestoreFailed(task, error));
    }

    /// An older checkpoint was found, or is not there.
    pub(super) fn found_older(&mut self, found: Result<Option<Restored>>) {
        self.master.is_seeking = false;
        match found {
            Ok(Some(restored)) => {
                let id = restored.metadata.checkpoint;
                tracing::warn!("the job goes on from checkpoint `{}`", restored.files.location(id));
                let damaged: Vec<CheckpointId> = self.master.kept.keys().copied().filter(|kept| *kept > id).collect();
                for id in damaged {
                    self.master.kept.remove(&id);
                    self.checkpoint(checkpoint::Event::Damaged(id));
                }
                self.master.restorable = Some(restored);
            }
            Ok(None) => {
                let message = "the checkpoint to start from is damaged, and so are all older ones that are kept; the log \
                               names their files; start from a savepoint or from nothing";
                self.master.refusal = Some(Error::corrupt(message));
            }
            Err(error) => self.master.refusal = Some(error),
        }
        self.go_on();
    }

    /// The kept checkpoints before the one to start from, newest first.
    fn older(&self) -> Vec<Arc<CheckpointMetadata>> {
        let Some(restored) = &self.master.restorable else { return Vec::new() };
        let newest = restored.metadata.checkpoint;
        self.master.kept.range(..newest).rev().map(|(_, metadata)| metadata.clone()).collect()
    }
}
