//! A snapshot under way: opened at once, at the barrier, and taken bit by bit while the stream goes on.
//!
//! ```text
//! open       the tables' clocks tick                                          records wait until here
//! continue   heap: entries go into files, group by group       store: what it does not have is written there
//!            whoever changes an entry first encodes it for the snapshot, if that holds it
//! done       files in memory, to be written                    the store is asked for its files, nothing is
//!                                                              written to it meanwhile
//! ```

use super::KeyedState;
use super::snapshot::Opened;
use super::state::Named;
use super::table::Take;
use crate::WorkingSet;
use crate::canonical::StateDescription;
use crate::checkpoint::{KeyedFiles, SharedFiles, SnapshotFolder, StateFile};
use crate::snapshot::StoreFiles;
use crate::store::{KeyedStore, StoreFile};
use flott_core::{Error, Key, KeyGroupRange, Result};
use std::path::Path;
use std::sync::Arc;

/// What a snapshot is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotKind {
    /// A checkpoint: only what changed since the one before, unless the changes have outgrown the whole.
    Incremental,
    /// A checkpoint that holds everything.
    Full,
    /// A savepoint: everything, in files of its own; later checkpoints do not build on it.
    Savepoint,
}

/// What the keyed state of an operator gives to a snapshot.
pub enum KeyedPart {
    /// Files whose bytes are in memory.
    Files(KeyedFiles),
    /// A store that has everything and is not written to until this is dropped.
    Store(StoreSnapshot),
}

/// A store with everything that belongs to a snapshot, and nothing else, for as long as this lives.
pub struct StoreSnapshot {
    store: Arc<dyn KeyedStore>,
    range: KeyGroupRange,
    working_set: Arc<WorkingSet>,
    shared: SharedFiles,
    states: Vec<Arc<StateDescription>>,
}

impl StoreSnapshot {
    pub(super) fn new(
        store: Arc<dyn KeyedStore>,
        range: KeyGroupRange,
        working_set: Arc<WorkingSet>,
        shared: SharedFiles,
        states: Vec<Arc<StateDescription>>,
    ) -> Self {
        working_set.freeze();
        StoreSnapshot { store, range, working_set, shared, states }
    }

    /// The key groups of the store.
    pub fn range(&self) -> KeyGroupRange {
        self.range
    }

    /// What the states are that are in it.
    pub fn states(&self) -> &[Arc<StateDescription>] {
        &self.states
    }

    /// The store, to be read.
    pub fn store(&self) -> Arc<dyn KeyedStore> {
        self.store.clone()
    }

    /// Has the store put its files into a folder. Blocks.
    ///
    /// # Errors
    /// Those of [`KeyedStore::snapshot`].
    pub fn files(&self, folder: &Path) -> Result<Vec<StoreFile>> {
        self.store.snapshot(folder)
    }

    /// Has the store put its files into `folder`, from which they are written to storage: those that an earlier
    /// snapshot had are not written again, unless `kind` is a savepoint. The folder is dropped when it is not needed any
    /// more. Blocks.
    ///
    /// # Errors
    /// Those of [`KeyedStore::snapshot`].
    pub fn take(
        self,
        kind: SnapshotKind,
        folder: SnapshotFolder,
        backend: &str,
        name_file: &mut dyn FnMut() -> String,
    ) -> Result<KeyedFiles> {
        let files = self.store.snapshot(folder.path())?;
        let folder = Arc::new(folder);
        let names = files.iter().map(|file| file.name.clone()).collect();
        let shared = if kind == SnapshotKind::Savepoint { &SharedFiles::default() } else { &self.shared };
        let files = shared.next(files, |StoreFile { name, len, .. }| {
            StateFile::on_disk(name_file(), folder.path().join(name), *len, folder.clone())
        });
        let store = Some(StoreFiles { backend: backend.to_owned(), names });
        Ok(KeyedFiles { range: self.range, files, states: self.states.clone(), store, tables: Vec::new() })
    }
}

impl Drop for StoreSnapshot {
    fn drop(&mut self) {
        self.working_set.thaw();
    }
}

/// A snapshot that is being taken.
pub(super) struct OpenSnapshot {
    progress: Progress,
    /// What the states are that it holds.
    states: Vec<Arc<StateDescription>>,
}

/// How far an open snapshot has been taken.
enum Progress {
    Files(Opened),
    /// How many tables there were when it was opened, and which table and group are written next.
    Store {
        tables: usize,
        table: usize,
        place: usize,
    },
}

impl<K: Key> KeyedState<K> {
    pub(super) fn open_snapshot(&mut self, kind: SnapshotKind, name_file: &mut dyn FnMut() -> String) -> Result<()> {
        while self.opened.is_some() {
            // Its files stay in the chain, so nothing that it took is lost.
            self.continue_snapshot(usize::MAX, name_file)?;
        }
        if self.stored.is_some()
            && let Some(name) = self.restored.names().first()
        {
            return Err(Error::invalid(format!(
                "state `{name}` comes from a checkpoint of an earlier Flott, no operator registers it, and the state backend \
                 cannot carry it along; register it, or take one more checkpoint with `state.backend.type: hashmap` first"
            )));
        }
        let states = self.descriptions();
        let progress = if let Some(stored) = &self.stored {
            stored.store.on_snapshot();
            self.tables.iter_mut().for_each(|t| t.table.open(Take::Unwritten));
            Progress::Store { tables: self.tables.len(), table: 0, place: 0 }
        } else {
            let take = match kind {
                SnapshotKind::Savepoint => Take::Copy,
                SnapshotKind::Full => Take::All,
                SnapshotKind::Incremental if self.chain.is_outgrown() => Take::All,
                SnapshotKind::Incremental => Take::Changes,
            };
            if take == Take::All {
                self.chain.begin_full();
            }
            Progress::Files(Opened::new(take, &mut self.tables, &mut self.restored)?)
        };
        self.opened = Some(OpenSnapshot { progress, states });
        Ok(())
    }

    pub(super) fn continue_snapshot(
        &mut self,
        bytes: usize,
        name_file: &mut dyn FnMut() -> String,
    ) -> Result<Option<KeyedPart>> {
        let Some(mut opened) = self.opened.take() else {
            return Err(Error::internal("a snapshot of keyed state is continued that was not opened"));
        };
        match self.take_more(&mut opened, bytes, name_file) {
            Ok(false) => {
                self.opened = Some(opened);
                Ok(None)
            }
            Ok(true) => self.finish_snapshot(opened).map(Some),
            Err(error) => {
                // Part of the changes has been taken; only a full file can make up for that.
                self.chain.restart();
                self.tables.iter_mut().for_each(|t| t.table.close());
                Err(error)
            }
        }
    }

    /// The files of the open snapshot that are complete and have not been given out by this.
    pub(super) fn finished_files(&mut self) -> Vec<Arc<StateFile>> {
        match &mut self.opened {
            Some(OpenSnapshot { progress: Progress::Files(files), .. }) => files.finished(),
            _ => Vec::new(),
        }
    }

    fn take_more(
        &mut self,
        opened: &mut OpenSnapshot,
        bytes: usize,
        name_file: &mut dyn FnMut() -> String,
    ) -> Result<bool> {
        let (range, now) = (self.range(), self.now());
        match &mut opened.progress {
            Progress::Files(files) => files.go_on(&mut self.tables, (range, now), bytes, name_file),
            Progress::Store { tables, table, place } => {
                write_more(&mut self.tables[..*tables], (table, place), range.len(), bytes)
            }
        }
    }

    fn finish_snapshot(&mut self, opened: OpenSnapshot) -> Result<KeyedPart> {
        let range = self.range();
        let OpenSnapshot { progress, states } = opened;
        match (progress, &self.stored) {
            (Progress::Files(files), _) => {
                let take = files.take;
                let files = self.chain.add(take, files.into_files());
                Ok(KeyedPart::Files(KeyedFiles { range, files, states, store: None, tables: Vec::new() }))
            }
            (Progress::Store { .. }, Some(stored)) => {
                Ok(KeyedPart::Store(stored.freeze(range, self.working_set.clone(), states)))
            }
            (Progress::Store { .. }, None) => Err(Error::internal("a snapshot of a store has no store")),
        }
    }
}

/// Writes what the store does not have, at least one group of it. Returns whether that was all.
fn write_more<K: Key>(
    tables: &mut [Named<K>],
    (table, place): (&mut usize, &mut usize),
    groups: usize,
    bytes: usize,
) -> Result<bool> {
    let mut written = 0;
    while let Some(named) = tables.get_mut(*table) {
        written += named.table.write_group(*place)?;
        *place += 1;
        if *place == groups {
            named.table.close();
            (*table, *place) = (*table + 1, 0);
        }
        if written >= bytes {
            return Ok(false);
        }
    }
    Ok(true)
}
