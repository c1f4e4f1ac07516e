//! The checkpoints of one job.

use super::CheckpointMetadata;
use super::store::Store;
use crate::snapshot::{Blob, checksum};
use bytes::Bytes;
use flott_core::{CheckpointId, Error, ErrorKind, Result};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};

/// How many requests of one call are under way at once.
const REQUESTS_MAX: usize = 8;
/// The content of checkpoints up to this size is read through before they are trusted; of larger ones only the
/// lengths are checked, and the task that reads a damaged file finds out.
const CONTENT_CHECK_BYTES_MAX: u64 = 1 << 30;
pub(super) const METADATA_FILE: &str = "_metadata";
const SHARED_FOLDER: &str = "shared";
const CHECKPOINT_PREFIX: &str = "chk-";

/// The folder with the checkpoints of one job. Cheap to clone. Paths are relative to it.
#[derive(Clone)]
pub struct JobCheckpoints {
    pub(super) store: Store,
}

impl JobCheckpoints {
    pub(super) fn new(store: Store) -> Self {
        JobCheckpoints { store }
    }

    /// A new name for a file that later checkpoints will build on.
    pub fn new_shared_file(&self) -> String {
        format!("{SHARED_FOLDER}/{}", self.random_name())
    }

    /// A new name for a file of one checkpoint alone.
    pub fn new_file(&self, checkpoint: CheckpointId) -> String {
        format!("{}/{}", folder(checkpoint), self.random_name())
    }

    /// Writes a file, which is safe when this returns.
    ///
    /// # Errors
    /// `Unavailable` when the storage does not answer, after some attempts; `Limit` when the disk is full; `Invalid`
    /// when the folder may not be written.
    pub async fn write(&self, path: &str, bytes: Bytes) -> Result<()> {
        self.store.put(path, bytes).await
    }

    /// The content of a file.
    ///
    /// # Errors
    /// `Corrupt` when it is missing; otherwise as [`JobCheckpoints::write`].
    pub async fn read(&self, path: &str) -> Result<Bytes> {
        self.store.get(path).await
    }

    /// The bytes of a blob.
    ///
    /// # Errors
    /// `Corrupt` when its file is missing, too short or damaged; otherwise as [`JobCheckpoints::write`].
    pub async fn read_blob(&self, blob: &Blob) -> Result<Bytes> {
        match blob {
            Blob::Inline(bytes) => Ok(Bytes::copy_from_slice(bytes)),
            Blob::File { path, len, sum } => {
                let bytes = self.read(path).await?;
                let damage = if bytes.len() as u64 != *len {
                    format!("it has {} bytes instead of {len}", bytes.len())
                } else if checksum(&bytes) != *sum {
                    "its checksum is wrong".to_owned()
                } else {
                    return Ok(bytes);
                };
                Err(Error::corrupt(format!(
                    "`{}` is damaged: {damage}; restore another checkpoint",
                    self.store.display(path)
                )))
            }
        }
    }

    /// Completes a checkpoint: its metadata is written, last and atomically.
    ///
    /// # Errors
    /// `Fenced` when the checkpoint is complete already, with other content: another JobManager runs the job.
    /// Otherwise as [`JobCheckpoints::write`].
    pub async fn complete(&self, metadata: &CheckpointMetadata) -> Result<()> {
        let bytes = metadata.encode()?;
        self.store.put_new(&metadata_path(metadata.checkpoint), bytes.into()).await
    }

    /// The complete checkpoints, newest first. Their metadata may be damaged.
    ///
    /// # Errors
    /// As [`JobCheckpoints::write`].
    pub async fn list(&self) -> Result<Vec<CheckpointId>> {
        let mut ids = Vec::new();
        for id in self.store.folders().await?.iter().filter_map(|name| checkpoint_of(name)) {
            if self.store.len(&metadata_path(id)).await?.is_some() {
                ids.push(id);
            }
        }
        ids.sort_by(|a, b| b.cmp(a));
        Ok(ids)
    }

    /// The metadata of a checkpoint.
    ///
    /// # Errors
    /// `Corrupt` when it is missing or damaged, naming its path; otherwise as [`JobCheckpoints::write`].
    pub async fn load(&self, id: CheckpointId) -> Result<CheckpointMetadata> {
        let path = metadata_path(id);
        let bytes = self.read(&path).await?;
        let metadata = CheckpointMetadata::decode(&bytes).map_err(|e| self.unusable(id, &e))?;
        if metadata.checkpoint == id {
            Ok(metadata)
        } else {
            let other = Error::corrupt(format!("it is that of checkpoint {}", metadata.checkpoint));
            Err(self.unusable(id, &other))
        }
    }

    /// Checks that every file of a checkpoint is there and whole. The content of files is read through too if the
    /// storage is near and the checkpoint not larger than 1 GiB.
    ///
    /// # Errors
    /// `Corrupt`, naming the first file that is not; otherwise as [`JobCheckpoints::write`].
    pub async fn verify(&self, metadata: &CheckpointMetadata) -> Result<()> {
        let read_through = self.store.is_local() && metadata.byte_count() <= CONTENT_CHECK_BYTES_MAX;
        let files: BTreeMap<_, _> = metadata.blobs().filter_map(|blob| Some((blob.path()?, blob))).collect();
        all(files.into_values().map(|blob| self.verify_blob(blob, read_through)).collect()).await.map(drop)
    }

    async fn verify_blob(&self, blob: &Blob, read_through: bool) -> Result<()> {
        if read_through {
            return self.read_blob(blob).await.map(drop);
        }
        let Some(path) = blob.path() else { return Ok(()) };
        let damage = match self.store.len(path).await? {
            Some(len) if len == blob.len() => return Ok(()),
            Some(len) => format!("has {len} bytes instead of {}", blob.len()),
            None => "is missing".to_owned(),
        };
        Err(Error::corrupt(format!("`{}` {damage}; restore another checkpoint", self.store.display(path))))
    }

    /// Deletes a checkpoint: its metadata first, so that it is never half there, then the files of its folder.
    /// Files that it shares with others stay.
    ///
    /// # Errors
    /// As [`JobCheckpoints::write`].
    pub async fn delete_checkpoint(&self, id: CheckpointId) -> Result<()> {
        self.store.delete(&metadata_path(id)).await?;
        let folder = folder(id);
        let files = self.store.child(&folder).list().await?;
        let files: Vec<String> = files.iter().map(|file| format!("{folder}/{file}")).collect();
        self.delete_files(files).await
    }

    /// Deletes files; those that are missing are deleted already. A file in `shared/` may only be deleted when a
    /// *completed* checkpoint had it and no kept or later one has: the running tasks still build on files of
    /// checkpoints that failed.
    ///
    /// # Errors
    /// As [`JobCheckpoints::write`].
    pub async fn delete_files(&self, paths: impl IntoIterator<Item = String>) -> Result<()> {
        let paths: Vec<String> = paths.into_iter().collect();
        all(paths.iter().map(|path| self.store.delete(path)).collect()).await.map(drop)
    }

    /// Deletes whatever belongs to none of the checkpoints that are kept: older checkpoints, failed ones, damaged
    /// ones, and what interrupted writes left behind. Only to be called while no task of the job runs. Returns the
    /// number of files that were deleted.
    ///
    /// # Errors
    /// As [`JobCheckpoints::write`].
    pub async fn sweep(&self, keep: &[CheckpointMetadata]) -> Result<usize> {
        let mut kept: BTreeSet<String> = keep.iter().flat_map(CheckpointMetadata::referenced_files).collect();
        kept.extend(keep.iter().map(|metadata| metadata_path(metadata.checkpoint)));
        let files = self.store.list().await?.into_iter().filter(|path| !kept.contains(path));
        // Metadata first: a checkpoint whose files are gone must not look complete.
        let (metadata, others): (Vec<_>, Vec<_>) = files.partition(|path| path.ends_with(METADATA_FILE));
        let count = metadata.len() + others.len();
        self.delete_files(metadata).await?;
        self.delete_files(others).await?;
        self.store.remove_leftovers().await?;
        Ok(count)
    }

    /// Where a checkpoint is, for people and for a restore by path.
    pub fn location(&self, id: CheckpointId) -> String {
        self.store.display(&folder(id))
    }

    fn unusable(&self, id: CheckpointId, why: &Error) -> Error {
        let path = self.store.display(&metadata_path(id));
        Error::new(ErrorKind::Corrupt, format!("checkpoint `{path}` cannot be used: {why}; restore another one"))
    }

    fn random_name(&self) -> String {
        format!("{:016x}{:016x}", self.store.env.random(), self.store.env.random())
    }
}

/// Makes requests, a few at a time, and gives their results in the order of the requests. They are collected before:
/// a closure over references inside a stream makes the future's `Send` undecidable.
pub(super) async fn all<T>(requests: Vec<impl Future<Output = Result<T>>>) -> Result<Vec<T>> {
    stream::iter(requests).buffered(REQUESTS_MAX).try_collect().await
}

pub(super) fn folder(id: CheckpointId) -> String {
    format!("{CHECKPOINT_PREFIX}{id}")
}

fn metadata_path(id: CheckpointId) -> String {
    format!("{}/{METADATA_FILE}", folder(id))
}

/// The checkpoint whose folder has this name.
pub(super) fn checkpoint_of(folder: &str) -> Option<CheckpointId> {
    folder.strip_prefix(CHECKPOINT_PREFIX)?.parse().ok().map(CheckpointId)
}
