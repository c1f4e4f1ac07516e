//! Reading the latest checkpoint of a running job: it is held until it has been read, so that a newer one does not have it
//! deleted.
//!
//! ```text
//! reader    takes the turn ── finds the latest ── reads ────────────────────── gives the turn back
//! driver                            a newer one completes: deleting waits ─────── deletes
//! ```
//!
//! A newer checkpoint is published before anything that it replaces is deleted, so what a reader finds when it has the turn is
//! there. Who reads for too long is cut off by the caller's limit. When the job restarts meanwhile, the files may go, and
//! reading fails.

use super::handle::JobHandle;
use flott_core::{Error, Result};
use flott_state::checkpoint::{CheckpointMetadata, JobCheckpoints};
use tokio::sync::OwnedMutexGuard;

/// Whose turn it is to read checkpoints of a job, or to delete them.
pub struct ReadingTurn {
    _turn: OwnedMutexGuard<()>,
}

impl JobHandle {
    /// Waits for the turn to read. While it is held no checkpoint that is subsumed is deleted.
    pub async fn reading_turn(&self) -> ReadingTurn {
        ReadingTurn { _turn: self.turn.clone().lock_owned().await }
    }

    /// The latest complete checkpoint and where its files are.
    ///
    /// # Errors
    /// `Unavailable` when there is none yet, or the job is over; `Corrupt` when it cannot be read.
    pub async fn latest_checkpoint(&self, _turn: &ReadingTurn) -> Result<(JobCheckpoints, CheckpointMetadata)> {
        let name = self.name();
        if self.status().is_terminal() {
            return Err(Error::unavailable(format!(
                "job `{name}` is over; ask what it has left behind with `flott savepoint query`"
            )));
        }
        let latest = self.checkpoint_stats().latest.completed.as_ref().map(|checkpoint| checkpoint.id);
        let latest = latest.ok_or_else(|| {
            Error::unavailable(format!("job `{name}` has no checkpoint yet; ask again when one is complete"))
        })?;
        let metadata = self.checkpoints.load(latest).await?;
        Ok((self.checkpoints.clone(), metadata))
    }
}
