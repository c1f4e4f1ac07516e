//! The checkpoints of one job.

use super::copies::JobCopies;
use super::fence::Fence;
use super::local;
use super::store::{Place, Store};
use super::transfer::Expected;
use super::{CheckpointMetadata, CheckpointStorage};
use crate::snapshot::Blob;
use bytes::Bytes;
use flott_core::{CheckpointId, Error, ErrorKind, Result};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many requests of one call are under way at once.
const REQUESTS_MAX: usize = 8;
/// The content of checkpoints up to this size is read through before they are trusted; of larger ones only the
/// lengths are checked, and the task that reads a damaged file finds out.
const CONTENT_CHECK_BYTES_MAX: u64 = 1 << 30;
pub(super) const METADATA_FILE: &str = "_metadata";
const SHARED_FOLDER: &str = "shared";
const COORDINATOR: &str = "its coordinator";
const CHECKPOINT_PREFIX: &str = "chk-";
const FENCE_PREFIX: &str = "fence/";

/// The folder with the checkpoints of one job. Cheap to clone. Paths are relative to it.
#[derive(Clone)]
pub struct JobCheckpoints {
    pub(super) store: Store,
    /// Set when the job was taken over by [`JobCheckpoints::claim`].
    pub(super) fence: Option<Arc<Fence>>,
    /// Copies of files on a disk of this machine, if they are kept.
    pub(super) copies: Option<JobCopies>,
    /// What other folders are opened with.
    pub(super) storage: Arc<CheckpointStorage>,
    /// The folder is that of one savepoint.
    pub(super) is_savepoint: bool,
}

impl JobCheckpoints {
    pub(super) fn new(storage: &CheckpointStorage, store: Store, copies: Option<JobCopies>) -> Self {
        JobCheckpoints { store, fence: None, copies, storage: Arc::new(storage.clone()), is_savepoint: false }
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
    /// `Unavailable` when the storage does not answer, after some attempts, or its disk is full; `Invalid`
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
        let Some((path, expected)) = Expected::of(blob) else {
            let Blob::Inline(bytes) = blob else { return Err(Error::internal("a blob is neither here nor stored")) };
            return Ok(Bytes::copy_from_slice(bytes));
        };
        if let Some(copies) = &self.copies
            && let Some(bytes) = copies.read(path, expected).await
        {
            return Ok(bytes);
        }
        self.store.read_expected(path, expected).await
    }

    /// Completes a checkpoint: its metadata is written, last and atomically.
    ///
    /// # Errors
    /// `Fenced` when another JobManager has taken the job over, or the checkpoint is complete already with other content.
    /// Otherwise as [`JobCheckpoints::write`].
    pub async fn complete(&self, metadata: &CheckpointMetadata) -> Result<()> {
        let (bytes, path) = (metadata.encode()?, metadata_path(metadata.checkpoint));
        self.fenced(metadata.checkpoint, self.store.put_new(&path, bytes.into())).await?;
        if let Some(copies) = &self.copies {
            copies.keep_only(metadata.checkpoint, metadata.referenced_files()).await;
        }
        Ok(())
    }

    /// The complete checkpoints, newest first. Their metadata may be damaged.
    ///
    /// # Errors
    /// As [`JobCheckpoints::write`].
    pub async fn list(&self) -> Result<Vec<CheckpointId>> {
        let mut ids = Vec::new();
        for id in self.list_all().await? {
            if self.is_valid(id).await {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    /// The newest checkpoint that there was, whether or not it counts or can be read; 0 if there was none.
    ///
    /// # Errors
    /// As [`JobCheckpoints::write`].
    pub async fn newest_id(&self) -> Result<CheckpointId> {
        let there = self.list_all().await?.first().copied().unwrap_or(CheckpointId(0));
        Ok(there.max(self.newest_in_log().await))
    }

    /// The checkpoints with metadata, newest first, also those that do not count any more.
    async fn list_all(&self) -> Result<Vec<CheckpointId>> {
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

    /// Checks that every file of a checkpoint is there and has its length. The content of files is read through too if
    /// the storage is near and the checkpoint not larger than 1 GiB, and that of coordinators in any case; damage in
    /// others is found by the task that reads them.
    ///
    /// # Errors
    /// `Corrupt`, naming a file that is not whole and its owner; otherwise as [`JobCheckpoints::write`].
    pub async fn verify(&self, metadata: &CheckpointMetadata) -> Result<()> {
        self.verify_up_to(metadata, CONTENT_CHECK_BYTES_MAX).await
    }

    /// As [`JobCheckpoints::verify`], whatever the size of the checkpoint: for one that there is reason to doubt. Of a
    /// storage that is not near, files are read through by whoever restores them.
    ///
    /// # Errors
    /// As [`JobCheckpoints::verify`].
    pub async fn verify_all(&self, metadata: &CheckpointMetadata) -> Result<()> {
        self.verify_up_to(metadata, u64::MAX).await
    }

    async fn verify_up_to(&self, metadata: &CheckpointMetadata, read_bytes_max: u64) -> Result<()> {
        let is_near = matches!(self.store.place, Place::Local(_));
        let read_through = is_near && metadata.byte_count() <= read_bytes_max;
        let mut files: BTreeMap<_, (&Blob, &String, String)> = BTreeMap::new();
        for operator in &metadata.operators {
            let coordinator = operator.coordinator.iter().map(|blob| (blob, COORDINATOR.to_owned()));
            let subtasks = operator.subtasks.iter().enumerate().flat_map(|(n, subtask)| {
                let place = format!("subtask {} of {}", n + 1, operator.parallelism);
                subtask.blobs().map(move |blob| (blob, place.clone()))
            });
            for (blob, place) in coordinator.chain(subtasks) {
                let Some(path) = blob.path() else { continue };
                // What the job master needs before it can start is read in any case.
                let is_read = read_through || place == COORDINATOR;
                // Of segments that are not read the last one says how long their file must be.
                let found = files.entry((path, is_read.then(|| blob.end()))).or_insert((blob, &operator.name, place));
                if blob.end() > found.0.end() {
                    found.0 = blob;
                }
            }
        }
        let checks = files.into_iter().map(|((_, read), (blob, operator, place))| {
            self.verify_blob(blob, read.is_some(), move || [format!("operator `{operator}`"), place])
        });
        all(checks.collect()).await.map(drop)
    }

    async fn verify_blob(&self, blob: &Blob, read_through: bool, owner: impl FnOnce() -> [String; 2]) -> Result<()> {
        let checked = if read_through { self.check_content(blob).await } else { self.check_len(blob).await };
        checked.map_err(|error| owner().into_iter().fold(error, Error::in_context))
    }

    /// Reads a blob through. A file of this machine is not taken into memory for that, unless it turns out to be damaged:
    /// then there may be a copy of it, or else it is said what is wrong.
    async fn check_content(&self, blob: &Blob) -> Result<()> {
        if let Blob::File { path, len, sum } = blob
            && let Some(file) = self.store.local_path(path)
            && let Ok(found) = self.store.env.blocking(move || local::checksum(&file)).await?
            && found == (*len, *sum)
        {
            return Ok(());
        }
        self.read_blob(blob).await.map(drop)
    }

    async fn check_len(&self, blob: &Blob) -> Result<()> {
        let Some(path) = blob.path() else { return Ok(()) };
        let damage = match (self.store.len(path).await?, blob) {
            (Some(len), Blob::Segment { .. }) if len >= blob.end() => return Ok(()),
            (Some(len), _) if len == blob.end() => return Ok(()),
            (Some(len), _) => format!("has {len} bytes instead of {}", blob.end()),
            (None, _) => "is missing".to_owned(),
        };
        Err(Error::corrupt(format!("`{}` {damage}; restore another checkpoint", self.store.display(path))))
    }

    /// Deletes a checkpoint: its metadata first, so that it is never half there, then the files of its folder.
    /// Files that it shares with others stay.
    ///
    /// # Errors
    /// `Fenced` when another JobManager has taken the job over and may need it; otherwise as [`JobCheckpoints::write`].
    pub async fn delete_checkpoint(&self, id: CheckpointId) -> Result<()> {
        self.withdraw(id).await?;
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
        all(paths.iter().map(|path| self.store.delete(path)).collect()).await?;
        if let Some(copies) = &self.copies {
            copies.remove(paths).await;
        }
        Ok(())
    }

    /// Deletes whatever belongs to none of the checkpoints that are kept: older checkpoints, failed ones, damaged
    /// ones, and what interrupted writes left behind. Only to be called while no task of the job runs. Returns the
    /// number of files that were deleted.
    ///
    /// # Errors
    /// `Fenced` when another JobManager has taken the job over: nothing is deleted. Otherwise as
    /// [`JobCheckpoints::write`].
    pub async fn sweep(&self, keep: &[CheckpointMetadata]) -> Result<usize> {
        let mut kept: BTreeSet<String> = keep.iter().flat_map(CheckpointMetadata::referenced_files).collect();
        kept.extend(keep.iter().map(|metadata| metadata_path(metadata.checkpoint)));
        let is_litter = |path: &String| !kept.contains(path) && !path.starts_with(FENCE_PREFIX);
        // The list comes first: it holds nothing of one who takes the job over after the next step.
        let mut files: Vec<String> = self.store.list().await?.into_iter().filter(is_litter).collect();
        self.withdraw_after(keep.iter().map(|metadata| metadata.checkpoint).max()).await?;
        let open = self.store.end_uploads(&files).await?;
        files.retain(|file| !open.contains(file));
        // Metadata first: a checkpoint whose files are gone must not look complete.
        let (metadata, others): (Vec<_>, Vec<_>) = files.into_iter().partition(|path| path.ends_with(METADATA_FILE));
        let count = metadata.len() + others.len();
        self.delete_files(metadata).await?;
        self.delete_files(others).await?;
        self.store.remove_leftovers().await?;
        Ok(count)
    }

    /// Where a checkpoint is, for people and for a restore by path.
    pub fn location(&self, id: CheckpointId) -> String {
        if self.is_savepoint { self.folder() } else { self.store.display(&folder(id)) }
    }

    fn unusable(&self, id: CheckpointId, why: &Error) -> Error {
        let path = self.store.display(&metadata_path(id));
        Error::new(ErrorKind::Corrupt, format!("checkpoint `{path}` cannot be used: {why}; restore another one"))
    }

    pub(super) fn random_name(&self) -> String {
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

pub(super) fn metadata_path(id: CheckpointId) -> String {
    format!("{}/{METADATA_FILE}", folder(id))
}

/// The checkpoint whose folder has this name.
pub(super) fn checkpoint_of(folder: &str) -> Option<CheckpointId> {
    folder.strip_prefix(CHECKPOINT_PREFIX)?.parse().ok().map(CheckpointId)
}
