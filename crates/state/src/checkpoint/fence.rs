//! The fence: of two JobManagers that run the same job, only the one that came last completes and deletes.
//!
//! An older JobManager can be alive when another takes its job over: cut off for a while, or started twice. It must not
//! complete a checkpoint any more, since its sinks would commit, nor delete what the new one starts from. A check alone
//! cannot do that, because the world may change between check and deed. So whoever runs a job keeps a log beside the
//! checkpoints, in numbered objects that are only ever *created*, which every store does for one of two alone (S3 by
//! `If-None-Match`, a local folder by a link); nothing else is asked of a store.
//!
//! ```text
//! <job-id>/fence/00000004   { run: A, valid-up-to: 6, pending: 7 }    A is about to write the metadata of 7
//! <job-id>/fence/00000005   { run: B, valid-up-to: 6, pending: 7 }    B takes over: a claim
//! ```
//!
//! * **Take over:** create the next number. Then look whether the pending checkpoint has its metadata. If it has, it is
//!   complete and B starts from it. If not, B puts a mark in its place, so that A cannot write it any more.
//! * **Complete:** create the next number, naming the checkpoint; write the metadata, which must not exist; see that
//!   no number has followed. A fails at the first step if B has come, at the second if B came in between, at the third
//!   if B came long ago and has tidied up.
//! * **Delete** what is not subsumed: create the next number, saying what is valid from now on, then delete. Whoever
//!   takes over afterwards does not start from what is being deleted. A list of what to sweep is made before, so that
//!   it holds nothing of B's.
//!
//! So all claims, completions and withdrawals stand in one order, and each knows all before it. Subsumed checkpoints are
//! deleted without asking: their deletion follows a completion, and nobody starts from them. A claim stays for ever, as
//! the number that an older JobManager tries next; other numbers go when the next is there.

use super::JobCheckpoints;
use super::job::metadata_path;
use flott_core::{CheckpointId, Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, MutexGuard};

pub(super) const FENCE_FOLDER: &str = "fence";
/// Stands where the metadata of a checkpoint was to be that is not to be any more.
const VOID: &[u8] = b"FLOTT-CHECKPOINT-VOID\n";
/// How often a claim is tried while others claim too.
const CLAIMS_MAX: usize = 100;

/// What the newest number says. What it has not heard of is valid: folders that older Flotts have written have no log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Head {
    /// Who wrote it.
    run: String,
    /// The newest checkpoint that counts; `None`: all that are there.
    valid_up_to: Option<u64>,
    /// One that counts if its metadata is there.
    pending: Option<u64>,
}

/// A run's place in the log.
pub(super) struct Fence {
    position: Mutex<Position>,
}

struct Position {
    number: u64,
    head: Head,
    /// The number is the claim, which stays.
    is_claim: bool,
}

impl JobCheckpoints {
    /// Takes the job over: from now on no other run of it completes checkpoints or deletes files that are needed. To be
    /// called before looking for a checkpoint to start from, and once in a run.
    ///
    /// # Errors
    /// `Unavailable` when the storage does not answer; `Limit` when others keep taking it over, too.
    pub async fn claim(mut self) -> Result<JobCheckpoints> {
        let run = self.random_name();
        for _ in 0..CLAIMS_MAX {
            let (last, head) = self.newest_head().await?;
            let head = Head { run: run.clone(), ..head };
            let number = last + 1;
            match self.create(number, &head).await {
                Err(error) if error.kind() == ErrorKind::Fenced => continue,
                created => created?,
            }
            let head = self.settle(head).await?;
            self.fence = Some(Fence { position: Mutex::new(Position { number, head, is_claim: true }) }.into());
            return Ok(self);
        }
        Err(Error::limit(format!(
            "`{}` is being taken over by {CLAIMS_MAX} others at once; run the job once",
            self.store.display("")
        )))
    }

    /// Whether a checkpoint whose metadata is there counts.
    pub(super) async fn is_valid(&self, id: CheckpointId) -> bool {
        match &self.fence {
            None => true,
            Some(fence) => fence.position.lock().await.head.is_valid(id),
        }
    }

    /// The newest checkpoint that the log knows of.
    pub(super) async fn newest_in_log(&self) -> CheckpointId {
        match &self.fence {
            None => CheckpointId(0),
            Some(fence) => {
                let head = &fence.position.lock().await.head;
                CheckpointId(head.valid_up_to.max(head.pending).unwrap_or(0))
            }
        }
    }

    /// Carries out the completion of a checkpoint, `write`, if the job is still this run's.
    pub(super) async fn fenced(&self, id: CheckpointId, write: impl Future<Output = Result<()>>) -> Result<()> {
        let Some(fence) = &self.fence else { return write.await };
        let mut position = fence.position.lock().await;
        let valid_up_to = position.head.valid_up_to;
        self.append(&mut position, valid_up_to, Some(id.0)).await?;
        write.await?;
        if self.store.len(&path(position.number + 1)).await?.is_some() {
            return Err(self.taken_over());
        }
        position.head.valid_up_to = Some(id.0);
        position.head.pending = None;
        Ok(())
    }

    /// From now on no checkpoint counts that is newer than `newest`, `None` being none at all: it may be deleted.
    ///
    /// # Errors
    /// `Fenced` when the job is another's: nothing may be deleted.
    pub(super) async fn withdraw_after(&self, newest: Option<CheckpointId>) -> Result<()> {
        let Some(fence) = &self.fence else { return Ok(()) };
        let mut position = fence.position.lock().await;
        self.append(&mut position, Some(newest.map_or(0, |id| id.0)), None).await
    }

    /// As [`JobCheckpoints::withdraw_after`], if the checkpoint still counts.
    pub(super) async fn withdraw(&self, id: CheckpointId) -> Result<()> {
        let Some(fence) = &self.fence else { return Ok(()) };
        let mut position = fence.position.lock().await;
        let is_newest = position.head.valid_up_to.is_none_or(|newest| newest <= id.0);
        if is_newest && position.head.is_valid(id) {
            self.append(&mut position, Some(id.0.saturating_sub(1)), None).await?;
        }
        Ok(())
    }

    async fn append(
        &self,
        position: &mut MutexGuard<'_, Position>,
        valid_up_to: Option<u64>,
        pending: Option<u64>,
    ) -> Result<()> {
        let head = Head { run: position.head.run.clone(), valid_up_to, pending };
        let mut number = position.number + 1;
        loop {
            match self.create(number, &head).await {
                Ok(()) => break,
                Err(error) if error.kind() != ErrorKind::Fenced => return Err(error),
                Err(_) if self.is_of(number, &head.run).await? => number += 1,
                Err(_) => return Err(self.taken_over()),
            }
        }
        let before = std::mem::replace(&mut position.number, number);
        position.head = head;
        if !std::mem::replace(&mut position.is_claim, false)
            && let Err(error) = self.store.delete(&path(before)).await
        {
            tracing::debug!("a number of the fence stays, which does no harm: {error}");
        }
        Ok(())
    }

    async fn create(&self, number: u64, head: &Head) -> Result<()> {
        let bytes = serde_json::to_vec(head)
            .map_err(|e| Error::internal("a number of the fence cannot be encoded").with_source(e))?;
        self.store.put_new(&path(number), bytes.into()).await
    }

    /// Whether a number is of this run: an attempt to create it had no answer, and was given up although it succeeded.
    async fn is_of(&self, number: u64, run: &str) -> Result<bool> {
        let bytes = self.store.get(&path(number)).await?;
        Ok(serde_json::from_slice::<Head>(&bytes).is_ok_and(|head| head.run == run))
    }

    /// The highest number, and the newest that can be read. One that cannot was cut off with its process, which has
    /// done nothing on its strength.
    async fn newest_head(&self) -> Result<(u64, Head)> {
        let numbers = self.store.child(FENCE_FOLDER).list().await?;
        let mut numbers: Vec<u64> = numbers.iter().filter_map(|name| name.parse().ok()).collect();
        numbers.sort_unstable();
        let last = numbers.last().copied().unwrap_or(0);
        for number in numbers.into_iter().rev() {
            match self.store.get(&path(number)).await {
                Ok(bytes) => {
                    if let Ok(head) = serde_json::from_slice(&bytes) {
                        return Ok((last, head));
                    }
                }
                Err(error) if error.kind() == ErrorKind::Corrupt => {}
                Err(error) => return Err(error),
            }
        }
        Ok((last, Head { run: String::new(), valid_up_to: None, pending: None }))
    }

    /// Decides about the pending checkpoint, for good.
    async fn settle(&self, mut head: Head) -> Result<Head> {
        let Some(id) = head.pending else { return Ok(head) };
        let metadata = metadata_path(CheckpointId(id));
        let is_void = match self.store.put_new(&metadata, VOID.into()).await {
            // There was nothing, or the mark of one that took over before.
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::Fenced => false,
            Err(error) => return Err(error),
        };
        let newest = if is_void { id.saturating_sub(1) } else { id };
        head.pending = None;
        head.valid_up_to = match head.valid_up_to {
            Some(valid) if is_void => Some(valid),
            _ => Some(newest),
        };
        Ok(head)
    }

    fn taken_over(&self) -> Error {
        Error::new(
            ErrorKind::Fenced,
            format!(
                "another JobManager has taken over the job in `{}`; this one stops, and its checkpoints do not count",
                self.store.display("")
            ),
        )
    }
}

impl Head {
    fn is_valid(&self, id: CheckpointId) -> bool {
        self.valid_up_to.is_none_or(|newest| id.0 <= newest) || self.pending == Some(id.0)
    }
}

fn path(number: u64) -> String {
    format!("{FENCE_FOLDER}/{number:08}")
}
