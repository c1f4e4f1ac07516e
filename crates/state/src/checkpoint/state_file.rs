//! Files of keyed state on their way to storage. Their bytes are kept until they are safe there, so a checkpoint that
//! fails loses nothing: the next one has the same file and writes it.

use super::transfer::Source;
use crate::canonical::StateDescription;
use crate::snapshot::{Blob, KeyedSnapshot, StoreFiles, TablePart};
use crate::store::StoreFile;
use bytes::Bytes;
use flott_core::{Error, KeyGroupRange, Result};
use std::any::Any;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A file of keyed state on its way to storage.
pub struct StateFile {
    path: String,
    len: u64,
    content: Mutex<Content>,
}

/// Where a file's bytes are.
enum Content {
    Here(Bytes),
    /// In a local file, which is there as long as `keep` lives.
    OnDisk {
        file: PathBuf,
        keep: Arc<dyn Any + Send + Sync>,
    },
    /// In storage.
    Written(Blob),
}

impl StateFile {
    /// A file whose bytes are in memory. `path` is relative to the job's checkpoint folder.
    pub fn new(path: String, bytes: Bytes) -> Arc<Self> {
        Arc::new(StateFile { path, len: bytes.len() as u64, content: Mutex::new(Content::Here(bytes)) })
    }

    /// A file whose `len` bytes are in the local file `file`, which nobody changes. `keep` is dropped when the bytes are
    /// safe: the last file of a local snapshot drops what deletes the snapshot's folder.
    pub fn on_disk(path: String, file: PathBuf, len: u64, keep: Arc<dyn Any + Send + Sync>) -> Arc<Self> {
        Arc::new(StateFile { path, len, content: Mutex::new(Content::OnDisk { file, keep }) })
    }

    /// A file that is in storage there.
    pub(super) fn stored(path: &str, blob: &Blob) -> Arc<Self> {
        Arc::new(StateFile {
            path: path.to_owned(),
            len: blob.len(),
            content: Mutex::new(Content::Written(blob.clone())),
        })
    }

    /// Path relative to the job's checkpoint folder, if it gets a file of its own there.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes that still have to be written, if they are in memory; `None` when they have been, or are on disk.
    pub fn unwritten(&self) -> Option<Bytes> {
        match &*self.content() {
            Content::Here(bytes) => Some(bytes.clone()),
            Content::OnDisk { .. } | Content::Written(_) => None,
        }
    }

    /// What still has to be written and what keeps it there; `None` when it has been.
    pub(super) fn source(&self) -> Option<(Source, Option<Arc<dyn Any + Send + Sync>>)> {
        match &*self.content() {
            Content::Here(bytes) => Some((Source::Bytes(bytes.clone()), None)),
            Content::OnDisk { file, keep } => {
                Some((Source::File { path: file.clone(), len: self.len }, Some(keep.clone())))
            }
            Content::Written(_) => None,
        }
    }

    /// Says that the bytes are safe, and where.
    pub fn written(&self, at: Blob) {
        let before = std::mem::replace(&mut *self.content(), Content::Written(at));
        // Dropping it may delete files, and nobody needs to wait for that with the lock.
        drop(before);
    }

    /// Where it was written.
    ///
    /// # Errors
    /// `Internal` when it was not.
    pub(super) fn stored_at(&self) -> Result<Blob> {
        match &*self.content() {
            Content::Here(_) | Content::OnDisk { .. } => Err(Error::internal("a file of keyed state was not written")),
            Content::Written(blob) => Ok(blob.clone()),
        }
    }

    fn is_written(&self) -> bool {
        matches!(*self.content(), Content::Written(_))
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The files that snapshots of one store share, by their names in it: those of its last snapshot, before the first one
/// those of the checkpoint that it was restored from. Cheap to clone.
///
/// A file that a snapshot does not have never comes back, so what is in storage under its name can be deleted.
#[derive(Clone, Default)]
pub struct SharedFiles(Arc<Mutex<BTreeMap<String, Arc<StateFile>>>>);

impl SharedFiles {
    /// The files of these snapshots, which later checkpoints may build on. Where two have one of the same name its content
    /// is the same, because stores that go back to one store have it from there.
    pub(super) fn of_snapshots(snapshots: &[KeyedSnapshot]) -> SharedFiles {
        let mut files = BTreeMap::new();
        for snapshot in snapshots {
            let Some(store) = &snapshot.store else { continue };
            for (name, blob) in store.names.iter().zip(&snapshot.files) {
                if let Some(path) = blob.path() {
                    files.entry(name.clone()).or_insert_with(|| StateFile::stored(path, blob));
                }
            }
        }
        SharedFiles(Arc::new(Mutex::new(files)))
    }

    /// The files of the next snapshot, of which `new` makes those that the one before did not have.
    pub(crate) fn next(
        &self,
        files: Vec<StoreFile>,
        mut new: impl FnMut(&StoreFile) -> Arc<StateFile>,
    ) -> Vec<Arc<StateFile>> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *shared);
        let mut taken = Vec::with_capacity(files.len());
        for found in files {
            let known = before.get(&found.name).filter(|known| found.shared && known.len == found.len);
            let file = known.cloned().unwrap_or_else(|| new(&found));
            if found.shared {
                shared.insert(found.name, file.clone());
            }
            taken.push(file);
        }
        taken
    }
}

/// A snapshot on its way to storage: every file that it consists of. [`crate::checkpoint::JobCheckpoints`] writes
/// those that are not there yet, or puts them all into the metadata when they are small.
#[derive(Clone)]
pub struct KeyedFiles {
    /// The key groups that the files hold.
    pub range: KeyGroupRange,
    /// Of a table in memory: the full file first, then the changes, oldest first. Of a store: its files.
    pub files: Vec<Arc<StateFile>>,
    /// What the states are that are in them.
    pub states: Vec<Arc<StateDescription>>,
    /// Set if they are a store's: which one's, and the name of each.
    pub store: Option<StoreFiles>,
    /// Set if they are the tables of a canonical savepoint: what each holds.
    pub tables: Vec<TablePart>,
}

impl KeyedFiles {
    /// Bytes of all files.
    pub fn byte_count(&self) -> u64 {
        self.files.iter().map(|f| f.len).sum()
    }

    /// Bytes that still have to be written.
    pub fn unwritten_bytes(&self) -> u64 {
        self.files.iter().filter(|f| !f.is_written()).map(|f| f.len).sum()
    }
}
