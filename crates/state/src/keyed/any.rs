//! Keyed state seen from outside: by user functions, which have it in their context, and by the runtime, which does
//! not know its key type.

use super::opened::{KeyedPart, SnapshotKind};
use super::query::{StateAnswer, StateQuery};
use super::{HotKey, KeyedState};
use crate::WorkingSet;
use crate::canonical::{Chunk, StateDescription};
use crate::checkpoint::{SharedFiles, StateFile};
use crate::store::KeyedStore;
use bytes::Bytes;
use flott_core::{Error, Key, KeyGroup, ProcessingTime, Result};
use std::any::Any;
use std::sync::Arc;

/// Anything that leads to keyed state: the state itself, or the context that a user function is given.
pub trait StateAccess {
    /// The operator's key type.
    type Key: Key;

    /// The state, with the current key set.
    fn keyed_state(&mut self) -> &mut KeyedState<Self::Key>;
}

impl<K: Key> StateAccess for KeyedState<K> {
    type Key = K;
    #[inline]
    fn keyed_state(&mut self) -> &mut KeyedState<K> {
        self
    }
}

/// Keyed state whose key type the carrier does not know: what the runtime holds for an operator.
pub trait AnyKeyedState: Send {
    /// For the cast to the concrete [`KeyedState`], once per batch.
    fn as_any_mut(&mut self) -> &mut dyn Any;
    /// The earliest processing-time timer.
    fn next_processing_timer(&self) -> Option<ProcessingTime>;
    /// Tells the state the time, which TTL goes by.
    fn set_now(&mut self, now: ProcessingTime);
    /// Puts the state on a store, of whose files `stored` are in storage already, before anything is restored or
    /// registered. Without, it is on the heap. About as much of it as `working_set` allows is kept in memory.
    ///
    /// # Errors
    /// `Internal` when it is too late.
    fn use_store(
        &mut self,
        store: Arc<dyn KeyedStore>,
        stored: SharedFiles,
        working_set: Arc<WorkingSet>,
    ) -> Result<()>;
    /// Tells `working_set` how much memory the state takes, on the heap.
    fn use_memory(&mut self, working_set: Arc<WorkingSet>);
    /// The state's memory.
    fn working_set(&self) -> &WorkingSet;
    /// Opens a snapshot: what changes from now on is not part of it. It is taken by
    /// [`AnyKeyedState::continue_snapshot`] while the stream goes on. One that is still open is taken first.
    ///
    /// # Errors
    /// As [`AnyKeyedState::continue_snapshot`].
    fn open_snapshot(&mut self, kind: SnapshotKind, name_file: &mut dyn FnMut() -> String) -> Result<()>;
    /// Takes some more of the open snapshot: about so many bytes. The result comes when that was all: files in memory
    /// that still have to be written, or a store that still has to be asked for its own. `name_file` gives the path of
    /// a new file relative to the job's folder.
    ///
    /// # Errors
    /// `Internal` when a value cannot be encoded or no snapshot is open; `Limit` when one key group is too large for a
    /// file; those of the store.
    fn continue_snapshot(&mut self, bytes: usize, name_file: &mut dyn FnMut() -> String) -> Result<Option<KeyedPart>>;
    /// The files of the open snapshot that are complete, each once: they may be written while the rest is being taken. The
    /// snapshot has them all in the end, and what has been written of it need not be written again. On a store there are
    /// none.
    fn finished_files(&mut self) -> Vec<Arc<StateFile>>;
    /// Makes memory free if too much is in use; called when an operator is done with a batch.
    ///
    /// # Errors
    /// Those of the store; on the heap `Limit` when the process has no memory for so much state.
    fn settle(&mut self) -> Result<()>;
    /// How many entries have been looked up in the store so far, many at a time.
    fn looked_up(&self) -> u64;
    /// Takes the files of a checkpoint, of each [`crate::KeyedSnapshot`] the full one first; entries of other key
    /// groups are skipped. Called before any state is registered.
    ///
    /// # Errors
    /// `Corrupt` when a file is not what it should be.
    fn restore(&mut self, file: Bytes) -> Result<()>;
    /// Says what the states are that are restored, before any is registered: a type that has changed since reads what was
    /// written. What is not said is read as it is.
    fn describe_restored(&mut self, states: &[Arc<StateDescription>]);
    /// Takes rows of a state, of which those of other key groups are skipped. Called before any state is registered, and
    /// in the end [`AnyKeyedState::finish_rows`].
    ///
    /// # Errors
    /// `Corrupt` when two rows say different things about the same.
    fn restore_rows(&mut self, state: &Arc<StateDescription>, rows: &Chunk) -> Result<()>;
    /// All rows have come of a state's key groups before `end`.
    ///
    /// # Errors
    /// `Corrupt` when the rows make no sense.
    fn finish_rows(&mut self, state: &str, end: KeyGroup) -> Result<()>;
    /// What every state is, also those that were restored and that no one has registered.
    fn descriptions(&self) -> Vec<Arc<StateDescription>>;
    /// What a key has in a state.
    ///
    /// # Errors
    /// As [`KeyedState::query`].
    fn query(&mut self, query: &StateQuery) -> Result<StateAnswer>;
    /// From now on it is watched which keys are hot.
    fn watch_hot_keys(&mut self);
    /// The keys that most records of the last ten seconds had, the hottest first, at most
    /// [`HOT_KEYS_MAX`](super::HOT_KEYS_MAX); none if they are not watched.
    fn hot_keys(&mut self, now: ProcessingTime) -> Vec<HotKey>;
    /// In batch mode, at the end of keys: timers that are registered from now on are ignored, as in Flink. They would
    /// be due at once, and one that registers itself again would be so for ever.
    fn quiesce_timers(&mut self);
    /// In batch mode: drops everything that is kept of all keys, their timers included. Later snapshots start anew.
    fn clear(&mut self);
    /// Number of entries of all states and timers.
    fn entry_count(&self) -> usize;
    /// Estimated bytes of memory of all tables, with what entries point to.
    fn byte_count(&self) -> usize;
    /// The states that were restored and that no one has registered, by name.
    fn unregistered(&self) -> Vec<String>;
}

impl<K: Key> AnyKeyedState for KeyedState<K> {
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn next_processing_timer(&self) -> Option<ProcessingTime> {
        KeyedState::next_processing_timer(self)
    }

    fn set_now(&mut self, now: ProcessingTime) {
        KeyedState::set_now(self, now);
    }

    fn use_store(
        &mut self,
        store: Arc<dyn KeyedStore>,
        stored: SharedFiles,
        working_set: Arc<WorkingSet>,
    ) -> Result<()> {
        KeyedState::use_store(self, store, stored, working_set)
    }

    fn use_memory(&mut self, working_set: Arc<WorkingSet>) {
        KeyedState::use_memory(self, working_set);
    }

    fn working_set(&self) -> &WorkingSet {
        &self.working_set
    }

    fn open_snapshot(&mut self, kind: SnapshotKind, name_file: &mut dyn FnMut() -> String) -> Result<()> {
        KeyedState::open_snapshot(self, kind, name_file)
    }

    fn continue_snapshot(&mut self, bytes: usize, name_file: &mut dyn FnMut() -> String) -> Result<Option<KeyedPart>> {
        KeyedState::continue_snapshot(self, bytes, name_file)
    }

    fn finished_files(&mut self) -> Vec<Arc<StateFile>> {
        KeyedState::finished_files(self)
    }

    fn settle(&mut self) -> Result<()> {
        KeyedState::settle(self)
    }

    fn looked_up(&self) -> u64 {
        self.tables().map(|t| t.looked_up()).sum()
    }

    fn restore(&mut self, file: Bytes) -> Result<()> {
        self.add_restored(file)
    }

    fn describe_restored(&mut self, states: &[Arc<StateDescription>]) {
        self.restored.describe(states);
    }

    fn restore_rows(&mut self, state: &Arc<StateDescription>, rows: &Chunk) -> Result<()> {
        self.add_restored_rows(state, rows)
    }

    fn finish_rows(&mut self, state: &str, end: KeyGroup) -> Result<()> {
        self.finish_restored_rows(state, end)
    }

    fn descriptions(&self) -> Vec<Arc<StateDescription>> {
        KeyedState::descriptions(self)
    }

    fn query(&mut self, query: &StateQuery) -> Result<StateAnswer> {
        KeyedState::query(self, query)
    }

    fn watch_hot_keys(&mut self) {
        KeyedState::watch_hot_keys(self);
    }

    fn hot_keys(&mut self, now: ProcessingTime) -> Vec<HotKey> {
        KeyedState::hot_keys(self, now)
    }

    fn quiesce_timers(&mut self) {
        KeyedState::quiesce_timers(self);
    }

    fn clear(&mut self) {
        self.clear_all();
    }

    fn entry_count(&self) -> usize {
        self.tables().map(|t| t.entry_count()).sum()
    }

    fn byte_count(&self) -> usize {
        self.tables().map(|t| t.byte_count()).sum()
    }

    fn unregistered(&self) -> Vec<String> {
        self.restored_names()
    }
}

impl dyn AnyKeyedState {
    /// Opens a snapshot and takes all of it.
    ///
    /// # Errors
    /// As [`AnyKeyedState::continue_snapshot`].
    pub fn snapshot_at_once(&mut self, kind: SnapshotKind, name_file: &mut dyn FnMut() -> String) -> Result<KeyedPart> {
        self.open_snapshot(kind, name_file)?;
        loop {
            if let Some(part) = self.continue_snapshot(usize::MAX, name_file)? {
                return Ok(part);
            }
        }
    }

    /// The state with its key type.
    ///
    /// # Errors
    /// `Internal` when the operator's keys are of another type.
    #[inline]
    pub fn of<K: Key>(&mut self) -> Result<&mut KeyedState<K>> {
        self.as_any_mut().downcast_mut().ok_or_else(|| {
            Error::internal(format!("an operator's keys are not of type {}", std::any::type_name::<K>()))
        })
    }
}
