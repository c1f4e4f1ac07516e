//! The chain of files that keyed state consists of in checkpoints: a full one, then what changed, oldest first.
//!
//! Taking a snapshot encodes the changes into one more file. A file's bytes stay in memory until they are safe in
//! storage, so a checkpoint that fails loses nothing: the next one has the same file in its chain and writes it.

use super::file::{FileWriter, Restored};
use super::shape::StateShape;
use super::table::{AnyTable, Take};
use bytes::Bytes;
use flott_core::{KeyGroupRange, ProcessingTime, Result};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// After this many files a full one is written, however small the changes are: each costs a request at restore.
const CHAIN_MAX: usize = 64;

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
    fn new(path: String, bytes: Bytes) -> Arc<Self> {
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

/// A state as the chain sees it.
pub(super) type NamedTable<'a> = (&'a str, StateShape, &'a mut dyn AnyTable);

/// The files that the state consists of so far.
#[derive(Default)]
pub(super) struct Chain {
    files: Vec<Arc<StateFile>>,
}

impl Chain {
    /// Makes the next snapshot a full one.
    pub fn restart(&mut self) {
        self.files.clear();
    }

    pub fn snapshot(
        &mut self,
        range: KeyGroupRange,
        now: ProcessingTime,
        states: Vec<NamedTable<'_>>,
        restored: &Restored,
        full: bool,
        name_file: &mut dyn FnMut() -> String,
    ) -> Result<KeyedFiles> {
        if full || self.is_outgrown() {
            self.files.clear();
        }
        let take = if self.files.is_empty() { Take::All } else { Take::Changes };
        let written = write(range, now, states, restored, take);
        if written.is_err() {
            // Part of the changes has been taken; only a full file can make up for that.
            self.files.clear();
        }
        if let Some(bytes) = written? {
            self.files.push(StateFile::new(name_file(), bytes));
        }
        Ok(KeyedFiles { range, files: self.files.clone() })
    }

    pub fn savepoint(
        &self,
        range: KeyGroupRange,
        now: ProcessingTime,
        states: Vec<NamedTable<'_>>,
        restored: &Restored,
        name_file: &mut dyn FnMut() -> String,
    ) -> Result<KeyedFiles> {
        let bytes = write(range, now, states, restored, Take::Copy)?;
        let files = bytes.into_iter().map(|bytes| StateFile::new(name_file(), bytes)).collect();
        Ok(KeyedFiles { range, files })
    }

    /// Whether a full file is due: the changes have become more than the whole was, or are too many.
    fn is_outgrown(&self) -> bool {
        let changes: u64 = self.files.iter().skip(1).map(|f| f.len).sum();
        self.files.len() >= CHAIN_MAX || self.files.first().is_some_and(|full| changes > full.len)
    }
}

/// Writes the states into a file. No file comes of changes where nothing has changed.
fn write(
    range: KeyGroupRange,
    now: ProcessingTime,
    states: Vec<NamedTable<'_>>,
    restored: &Restored,
    take: Take,
) -> Result<Option<Bytes>> {
    // A full file also carries what no one has registered, so that it is not lost; changes need not repeat it.
    let carried = if take == Take::Changes { Vec::new() } else { restored.states() };
    let names = states.iter().map(|(name, shape, _)| (*name, *shape)).chain(carried.iter().copied());
    let room = states.iter().map(|(_, _, table)| table.snapshot_bytes(take)).sum();
    let mut writer = FileWriter::new(names.collect(), room);
    for (state, (_, _, table)) in states.into_iter().enumerate() {
        for group in range.iter() {
            writer.section(state, group, |out| table.snapshot_group(group, take, now, out))?;
        }
    }
    for (name, _) in carried {
        restored.copy_to(name, &mut writer)?;
    }
    Ok((take != Take::Changes || !writer.is_empty()).then(|| writer.finish()))
}
