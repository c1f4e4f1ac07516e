//! Keyed state as bytes: what a state backend does for one operator in one subtask.
//!
//! The typed tables above ([`crate::StateTable`]) hold the values that are in use, decoded. A [`KeyedStore`] holds all
//! of them, encoded, where memory does not have to be: a miss above is a read here, and what changed above is written
//! here before a snapshot, or when memory is short. Every call takes many keys at once.
//!
//! A key in a store is [`store_key`]: key group and state first, so that one group of one state is one range.

pub mod conformance;
mod memory;
mod rows;

pub use memory::{MemoryBackend, MemoryStore};
pub use rows::{Rows, WriteBatch};

use flott_core::{Configuration, KeyGroup, KeyGroupRange, ProcessingTime, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The name of the backend without a store: keyed state is in memory, as typed tables.
pub const HASHMAP: &str = "hashmap";

/// Which state of an operator: a hash of its name, the same in every run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateNumber(pub u32);

impl StateNumber {
    /// The number of the state called `name`.
    pub fn of(name: &str) -> StateNumber {
        StateNumber(xxhash_rust::xxh3::xxh3_64(name.as_bytes()) as u32)
    }
}

/// Bytes of a key before the key itself: group and state, both big-endian, so that keys are in their order.
pub const KEY_HEAD: usize = 2 + 4;
/// Bytes before the value of a state with TTL: the time of its last access that counts, in milliseconds since the
/// epoch, little-endian.
pub const STAMP_HEAD: usize = 8;
/// Keys of this group are what the layer above says about states; a snapshot holds them whatever its range, and they do
/// not expire. If several snapshots that a store starts from have such a key, they have the same value for it.
pub const ABOUT_GROUP: KeyGroup = KeyGroup(u16::MAX);

/// Appends the head of a store's key.
pub fn store_key(group: KeyGroup, state: StateNumber, out: &mut Vec<u8>) {
    out.extend_from_slice(&group.0.to_be_bytes());
    out.extend_from_slice(&state.0.to_be_bytes());
}

/// Takes what was found for keys: the position of the key, and its value.
pub type Found<'a> = dyn FnMut(usize, Option<&[u8]>) -> Result<()> + 'a;

/// Goes over entries in order of their keys: key, value, and the answer whether to go on.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<bool> + 'a;

/// The keyed state of one operator in one subtask, as bytes. Keys are ordered as bytes. Its owner is one thread, which
/// alone writes; any thread may read.
pub trait KeyedStore: Send + Sync {
    /// Looks up `keys`, which are in ascending order and distinct, and calls `found` with the position and the value
    /// of each, in order. `found` does not call the store.
    ///
    /// # Errors
    /// `Corrupt` when what was stored cannot be read any more, `Io` kinds of the disk, and what `found` returns.
    fn get_all(&self, keys: &Rows, found: &mut Found<'_>) -> Result<()>;

    /// Writes puts and deletions. Keys are in ascending order and distinct. After an error part of them may have been
    /// written, and the store is of no use any more; whoever reads from another thread may see part of a batch too.
    ///
    /// # Errors
    /// `Unavailable` when the disk is full; otherwise as [`KeyedStore::get_all`].
    fn write(&self, batch: &WriteBatch) -> Result<()>;

    /// Visits the entries from `from` up to but not including `to`, in order, until `visit` returns false. `visit` does
    /// not call the store.
    ///
    /// # Errors
    /// As [`KeyedStore::get_all`], and what `visit` returns.
    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<()>;

    /// Removes the entries from `from` up to but not including `to`.
    ///
    /// # Errors
    /// As [`KeyedStore::write`].
    fn delete_range(&self, from: &[u8], to: &[u8]) -> Result<()>;

    /// Puts everything that has been written so far into files below `folder`, which does not exist yet. Nothing is
    /// written meanwhile; reading goes on. Blocks, so it is called on a thread that may.
    ///
    /// # Errors
    /// As [`KeyedStore::write`].
    fn snapshot(&self, folder: &Path) -> Result<Vec<StoreFile>>;

    /// Says how long values of a state live: those whose stamp ([`STAMP_HEAD`]) is older may be dropped at any time.
    /// Such a state's values all begin with a stamp.
    fn expire_after(&self, state: StateNumber, ttl: Duration);

    /// The time that TTL goes by.
    fn set_now(&self, now: ProcessingTime);

    /// Estimated number of entries, and bytes on disk and in memory.
    fn size(&self) -> StoreSize;
}

/// How much a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreSize {
    /// Entries, estimated.
    pub entries: u64,
    /// Bytes on disk.
    pub disk: u64,
    /// Bytes of memory that are this store's own: write buffers, open tables; not what is shared by all stores.
    pub memory: u64,
}

/// A file of a store's snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreFile {
    /// Its name within the snapshot.
    pub name: String,
    /// Bytes.
    pub len: u64,
    /// The file is never changed and later snapshots may have it too, under the same name: it need not be written to
    /// storage twice.
    pub shared: bool,
}

/// What a store is opened with.
pub struct OpenStore<'a> {
    /// A folder of its own, which does not exist yet. The store's owner deletes it after the store is dropped.
    pub folder: PathBuf,
    /// The key groups of the subtask.
    pub range: KeyGroupRange,
    /// What it starts from; nothing for a new one. Their ranges do not overlap; what lies outside of `range` is left
    /// out.
    pub restored: Vec<RestoredStore>,
    /// The job's options.
    pub config: &'a Configuration,
}

/// A snapshot to start from: a folder with its files under their names. The files may be linked, and are not changed.
#[derive(Clone, Debug)]
pub struct RestoredStore {
    /// The key groups that the snapshot holds.
    pub range: KeyGroupRange,
    /// Where the files are.
    pub folder: PathBuf,
}

/// Makes stores of one kind.
pub trait StateBackend: Send + Sync {
    /// The name, as in `state.backend.type`, which snapshots carry too.
    fn name(&self) -> &'static str;

    /// Opens a store. Blocks, so it is called on a thread that may.
    ///
    /// # Errors
    /// `Corrupt` when a snapshot cannot be read, naming the file; `Unavailable` when the disk is full.
    fn open(&self, open: OpenStore<'_>) -> Result<Arc<dyn KeyedStore>>;

    /// Stores that are open, or being closed. A process should not end before there are none: what closes them would go on
    /// while it is being torn down.
    fn open_stores(&self) -> usize {
        0
    }

    /// Bytes of memory that all stores take now, of what they may give back.
    fn memory_used(&self) -> u64 {
        0
    }

    /// Says how many bytes of memory all stores may take together; the user may have said less.
    fn set_memory(&self, _bytes: u64) {}
}
