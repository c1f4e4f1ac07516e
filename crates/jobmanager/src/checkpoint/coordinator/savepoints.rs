//! Savepoints: they have their turn like checkpoints, and belong to the user.

use super::CheckpointCoordinator;
use crate::checkpoint::{Command, Outcome, SavepointId};
use flott_core::{AfterSavepoint, CheckpointId, Error, SavepointTarget};
use std::sync::Arc;

/// Most savepoints that wait for their turn.
const QUEUE_MAX: usize = 16;
/// Most savepoints that are remembered as such.
const REMEMBERED_MAX: usize = 1024;

impl CheckpointCoordinator {
    pub(super) fn savepoint_requested(
        &mut self,
        savepoint: SavepointId,
        target: Arc<SavepointTarget>,
        out: &mut Vec<Command>,
    ) {
        let refused = if self.running.is_none() {
            Some(Error::unavailable("a savepoint needs all tasks running; ask again when they are"))
        } else if self.savepoints.len() >= QUEUE_MAX {
            Some(Error::limit(format!("{QUEUE_MAX} savepoints wait already; ask again when one is done")))
        } else {
            None
        };
        match refused {
            Some(error) => out.push(Command::SavepointDone(savepoint, Outcome::Failed(error))),
            None => self.savepoints.push_back((savepoint, target)),
        }
    }

    /// This checkpoint is a savepoint. Acknowledgements may come late, but not after so many others.
    pub(super) fn note_savepoint(&mut self, id: CheckpointId) {
        self.savepoint_ids.insert(id);
        if self.savepoint_ids.len() > REMEMBERED_MAX {
            self.savepoint_ids.pop_first();
        }
    }

    /// As in Flink, output is committed by checkpoints only, so no task is told, unless the job stops with it: then what
    /// was written before the barrier is committed, and nothing comes behind it.
    pub(super) fn savepoint_complete(
        &mut self,
        savepoint: SavepointId,
        id: CheckpointId,
        target: Option<Arc<SavepointTarget>>,
        out: &mut Vec<Command>,
    ) {
        out.push(Command::SavepointDone(savepoint, Outcome::Completed(id)));
        let stops = target.is_some_and(|target| target.then != AfterSavepoint::GoOn);
        if stops && self.running.is_some() {
            (self.next_due, self.final_due) = (None, None);
            out.push(Command::NotifyComplete(id));
            out.push(Command::Stop);
        }
    }
}
