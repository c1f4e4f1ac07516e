//! What happens when the state to start from turns out to be damaged: an older checkpoint is used, if one is kept.
//!
//! ```text
//! a task cannot read its state ──> all tasks stop, RESTARTING ──> deployed from the older checkpoint
//!                              └─> FindOlder ... FoundOlder ────┘
//! ```
//!
//! Nothing that was half restored runs: records flow and checkpoints are taken when all tasks have their state.
//!
//! A task that has been running for long may meet damage too: a store reads its files when they are needed. Then nobody
//! knows whether the checkpoint is damaged or what this machine has made of it. All its files are read through; if it is
//! whole the job starts from it again, as the restart strategy says, but not twice: the second time an older one is used.

use super::{JobEvent, Turn};
use crate::checkpoint;
use crate::job::TaskSignal;
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

    /// Whether a running task has met damage in its state, and there is a checkpoint that may be without it.
    pub(super) fn is_late_damage(&self, task: TaskId, error: &Error) -> bool {
        error.kind() == ErrorKind::Corrupt
            && self.master.job.takes_checkpoints()
            && self.master.machine.is_present(task)
            && (self.master.is_seeking || !self.undoubted().is_empty())
    }

    /// Stops the attempt and looks for a checkpoint that is whole.
    pub(super) fn doubt(&mut self, task: TaskId, error: &Error) {
        let candidates = self.undoubted();
        if let Some(restored) = self.master.restorable.as_ref().filter(|_| !self.master.is_seeking) {
            let name = self.master.job.task_name((task.vertex, task.subtask));
            tracing::warn!("{name} has met damage in its state, and the job's checkpoints are read through: {error}");
            self.out.push(Action::FindOlder(Box::new(restored.files.clone()), candidates));
            self.master.doubted = Some(restored.metadata.checkpoint);
            self.master.is_seeking = true;
        }
        // It can be tried again, which damage cannot.
        self.job(JobEvent::Task(task, TaskSignal::Failed(Error::unavailable(error.to_string()))));
    }

    /// The checkpoints to start from after damage, newest first: not the one that has led to it once before.
    fn undoubted(&self) -> Vec<Arc<CheckpointMetadata>> {
        let newest = self.master.restorable.as_ref().map(|restored| restored.metadata.clone());
        let newest = newest.filter(|metadata| self.master.doubted != Some(metadata.checkpoint));
        newest.into_iter().chain(self.older()).collect()
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
