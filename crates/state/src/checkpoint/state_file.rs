//! Files of keyed state on their way to storage. Their bytes are kept until they are safe there, so a checkpoint that
//! fails loses nothing: the next one has the same file and writes it.

use bytes::Bytes;
use flott_core::KeyGroupRange;
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
    /// In storage, with this checksum.
    Written(u64),
}

impl StateFile {
    pub(crate) fn new(path: String, bytes: Bytes) -> Arc<Self> {
        Arc::new(StateFile { path, len: bytes.len() as u64, content: Mutex::new(Content::Here(bytes)) })
    }

    /// Path relative to the job's checkpoint folder.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none; a file always has some.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes that still have to be written; `None` when they have been.
    pub fn unwritten(&self) -> Option<Bytes> {
        match &*self.content() {
            Content::Here(bytes) => Some(bytes.clone()),
            Content::Written(_) => None,
        }
    }

    /// Says that the bytes, which have this checksum, are safe.
    pub fn written(&self, sum: u64) {
        *self.content() = Content::Written(sum);
    }

    /// The checksum of what was written.
    pub fn written_sum(&self) -> Option<u64> {
        match *self.content() {
            Content::Here(_) => None,
            Content::Written(sum) => Some(sum),
        }
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A snapshot on its way to storage: every file that it consists of. [`crate::checkpoint::JobCheckpoints`] writes
/// those that are not there yet, or puts them all into the metadata when they are small.
#[derive(Clone)]
pub struct KeyedFiles {
    /// The key groups that the files hold.
    pub range: KeyGroupRange,
    /// The full file first, then the changes, oldest first.
    pub files: Vec<Arc<StateFile>>,
}

impl KeyedFiles {
    /// Bytes of all files.
    pub fn byte_count(&self) -> u64 {
        self.files.iter().map(|f| f.len).sum()
    }

    /// Bytes that still have to be written.
    pub fn unwritten_bytes(&self) -> u64 {
        self.files.iter().filter_map(|f| f.unwritten()).map(|b| b.len() as u64).sum()
    }
}
