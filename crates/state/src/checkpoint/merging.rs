//! Small files of a task's snapshot merged into few (Flink's file merging): a checkpoint of many small states makes
//! few objects.
//!
//! ```text
//! chk-7/<name>     lists of all operators of the task, one after the other        goes with the checkpoint
//! shared/<name>    files of keyed state, likewise            goes when no checkpoint names any stretch of it
//! ```
//!
//! A merged file belongs to one snapshot of one task, and is written whole before the task acknowledges. So whoever
//! counts references to files counts none of stretches: a file is needed while any of its stretches is.

use super::JobCheckpoints;
use super::state_file::StateFile;
use super::transfer::Source;
use crate::snapshot::{Blob, checksum};
use bytes::{Bytes, BytesMut};
use flott_core::config::{FILE_MERGING, FILE_MERGING_MAX_SIZE, UNALIGNED};
use flott_core::{CheckpointId, Configuration, Result};
use std::sync::Arc;
use tokio::sync::{Mutex, MutexGuard};

/// What is larger than this part of a merged file gains nothing and gets a file of its own.
const SMALL_PART: u64 = 8;

/// How the files of one task's snapshots are merged. All clones are the same.
#[derive(Clone)]
pub struct FileMerging {
    bytes_max: u64,
    /// Snapshots of a task are written one after the other: where a file of keyed state is must not be decided by two
    /// at once, because one of them would name a file that the other's checkpoint has not.
    turn: Arc<Mutex<()>>,
}

impl FileMerging {
    /// What the options ask for; `None` if files are not to be merged, or barriers may overtake: a job that is restored then
    /// has given wrong results in the simulator, and why is not known yet.
    ///
    /// # Errors
    /// `Invalid` when an option has no such value.
    pub fn from_config(config: &Configuration) -> Result<Option<FileMerging>> {
        let bytes_max = config.get(&FILE_MERGING_MAX_SIZE)?.0;
        let is_merging = config.get(&FILE_MERGING)? && !config.get(&UNALIGNED)?;
        Ok(is_merging.then(|| FileMerging { bytes_max, turn: Arc::default() }))
    }
}

/// The merged files of one snapshot.
pub(super) struct MergedFiles<'a> {
    job: &'a JobCheckpoints,
    checkpoint: CheckpointId,
    bytes_max: u64,
    /// Of the checkpoint alone.
    own: Open,
    /// Of keyed state.
    shared: Open,
    /// What is in storage when the files are written.
    stored: Vec<(Arc<StateFile>, Blob)>,
    _turn: MutexGuard<'a, ()>,
}

/// A merged file that is not full yet.
#[derive(Default)]
struct Open {
    path: String,
    bytes: BytesMut,
}

impl Open {
    fn add(&mut self, bytes: &[u8]) -> Blob {
        let (offset, len, sum) = (self.bytes.len() as u64, bytes.len() as u64, checksum(bytes));
        self.bytes.extend_from_slice(bytes);
        Blob::Segment { path: self.path.clone(), offset, len, sum }
    }

    /// What is to be written now, unless `len` more bytes fit; a file that is begun is called `name`.
    fn make_room(&mut self, len: u64, bytes_max: u64, name: impl FnOnce() -> String) -> Option<(String, Bytes)> {
        let is_full = self.bytes.len() as u64 + len > bytes_max;
        let full = (is_full && !self.bytes.is_empty()).then(|| self.take());
        if self.bytes.is_empty() {
            self.path = name();
        }
        full
    }

    fn take(&mut self) -> (String, Bytes) {
        (std::mem::take(&mut self.path), std::mem::take(&mut self.bytes).freeze())
    }
}

impl<'a> MergedFiles<'a> {
    /// Waits until the task's snapshot before has been written.
    pub async fn begin(job: &'a JobCheckpoints, checkpoint: CheckpointId, merging: &'a FileMerging) -> Self {
        let turn = merging.turn.lock().await;
        let (own, shared) = (Open::default(), Open::default());
        MergedFiles { job, checkpoint, bytes_max: merging.bytes_max, own, shared, stored: Vec::new(), _turn: turn }
    }

    /// Whether so many bytes are worth merging.
    pub fn takes(&self, len: u64) -> bool {
        len <= self.bytes_max / SMALL_PART
    }

    /// Adds bytes of this checkpoint alone.
    pub async fn add(&mut self, bytes: &[u8]) -> Result<Blob> {
        let name = || self.job.new_file(self.checkpoint);
        let full = self.own.make_room(bytes.len() as u64, self.bytes_max, name);
        self.write(full).await?;
        Ok(self.own.add(bytes))
    }

    /// Adds a file of keyed state, which is somewhere else already if an earlier snapshot had it.
    pub async fn add_shared(&mut self, file: &Arc<StateFile>) -> Result<Blob> {
        let Some((source, _keep)) = file.source() else { return file.stored_at() };
        let bytes = source.read(&self.job.store.env, 0, source.len()).await?;
        let full = self.shared.make_room(bytes.len() as u64, self.bytes_max, || self.job.new_shared_file());
        self.write(full).await?;
        let blob = self.shared.add(&bytes);
        self.stored.push((file.clone(), blob.clone()));
        Ok(blob)
    }

    /// Writes what has not been written. What was added counts from now on.
    pub async fn finish(mut self) -> Result<()> {
        for rest in [self.own.take(), self.shared.take()] {
            self.write(Some(rest).filter(|(_, bytes)| !bytes.is_empty())).await?;
        }
        self.stored.into_iter().for_each(|(file, blob)| file.written(blob));
        Ok(())
    }

    async fn write(&self, file: Option<(String, Bytes)>) -> Result<()> {
        let Some((path, bytes)) = file else { return Ok(()) };
        self.job.put(self.checkpoint, &path, &Source::Bytes(bytes)).await.map(drop)
    }
}
