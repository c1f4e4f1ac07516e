//! The chain of files that keyed state consists of in checkpoints: a full one, then what changed, oldest first.
//!
//! A snapshot is opened at once and then taken bit by bit, into one more file. A file's bytes stay in memory until they
//! are safe in storage, so a checkpoint that fails loses nothing: the next one has the same file in its chain and writes it.

use super::file::FileWriter;
use super::restored::Restored;
use super::state::Named;
use super::table::Take;
use crate::checkpoint::StateFile;
use flott_core::{Key, KeyGroup, KeyGroupRange, ProcessingTime, Result};
use std::sync::Arc;

/// After this many files a full one is written, however small the changes are: each costs a request at restore.
const CHAIN_MAX: usize = 64;
/// A file that has become so large is closed and another one begun. It can be written while the rest is being taken, and
/// few of them are in memory at a time.
const FILE_BYTES_MAX: usize = 32 << 20;

/// The files that the state consists of so far.
#[derive(Default)]
pub(super) struct Chain {
    files: Vec<Arc<StateFile>>,
    /// How many of them are the full part.
    full: usize,
    /// Later snapshots must not build on them. One that is open already does.
    is_stale: bool,
}

impl Chain {
    /// Makes the next snapshot a full one.
    pub fn restart(&mut self) {
        self.is_stale = true;
    }

    /// Whether the next snapshot has to be a full one: there is none yet, the changes have become more than the whole
    /// was, or are in too many files.
    pub fn is_outgrown(&self) -> bool {
        let (full, changes) = self.files.split_at(self.full);
        let bytes = |files: &[Arc<StateFile>]| files.iter().map(|f| f.len()).sum::<u64>();
        self.is_stale || full.is_empty() || 1 + changes.len() >= CHAIN_MAX || bytes(changes) > bytes(full)
    }

    /// A full snapshot is opened, on which later ones build unless the chain is made to start anew meanwhile.
    pub fn begin_full(&mut self) {
        self.is_stale = false;
    }

    /// Adds the files of a snapshot and gives all that it consists of.
    pub fn add(&mut self, take: Take, files: Vec<Arc<StateFile>>) -> Vec<Arc<StateFile>> {
        match take {
            Take::Copy => return files,
            Take::All => {
                self.full = files.len();
                self.files = files;
            }
            Take::Changes | Take::Unwritten => self.files.extend(files),
        }
        self.files.clone()
    }
}

/// A snapshot of tables in memory that has been opened: which part of it is in files already.
pub(super) struct Opened {
    pub take: Take,
    writer: FileWriter,
    files: Vec<Arc<StateFile>>,
    /// How many of them have been given out while the snapshot was open.
    given: usize,
    /// How many tables there were when it was opened.
    tables: usize,
    /// The table and the group that come next.
    table: usize,
    place: usize,
}

impl Opened {
    /// Opens the snapshot of tables and of what no one has registered, which a full one carries along: at once, for it
    /// may be registered before the rest has been taken.
    pub fn new<K: Key>(take: Take, tables: &mut [Named<K>], restored: &mut Restored) -> Result<Opened> {
        let room: usize = tables.iter().map(|t| t.table.snapshot_bytes(take)).sum();
        let carried = restored.states().filter(|_| take != Take::Changes);
        let names: Vec<_> = tables.iter().map(|t| (t.name.clone(), t.shape)).chain(carried).collect();
        tables.iter_mut().for_each(|t| t.table.open(take));
        let mut writer = FileWriter::new(names, room.min(FILE_BYTES_MAX));
        if take != Take::Changes {
            restored.copy_to(&mut writer)?;
        }
        Ok(Opened { take, writer, files: Vec::new(), given: 0, tables: tables.len(), table: 0, place: 0 })
    }

    /// Takes at least one group, and more until `bytes` have come. Returns whether that was all.
    pub fn go_on<K: Key>(
        &mut self,
        tables: &mut [Named<K>],
        (range, now): (KeyGroupRange, ProcessingTime),
        bytes: usize,
        name_file: &mut dyn FnMut() -> String,
    ) -> Result<bool> {
        let mut taken = 0;
        while let Some(named) = tables[..self.tables].get_mut(self.table) {
            let before = self.writer.len();
            let (take, group) = (self.take, KeyGroup(range.start + self.place as u16));
            self.writer.section(self.table, group, |out| named.table.take_group(group, take, now, out))?;
            taken += self.writer.len() - before;
            self.place += 1;
            if self.place == range.len() {
                named.table.close();
                (self.table, self.place) = (self.table + 1, 0);
            }
            if self.writer.len() >= FILE_BYTES_MAX {
                self.files.push(StateFile::new(name_file(), self.writer.finish()));
            }
            if taken >= bytes {
                return Ok(false);
            }
        }
        // Of a full snapshot there is a file even if it holds nothing.
        if !self.writer.is_empty() || (self.take != Take::Changes && self.files.is_empty()) {
            self.files.push(StateFile::new(name_file(), self.writer.finish()));
        }
        Ok(true)
    }

    /// The files that are complete and have not been given out by this.
    pub fn finished(&mut self) -> Vec<Arc<StateFile>> {
        let finished = self.files[self.given..].to_vec();
        self.given = self.files.len();
        finished
    }

    /// The files, once all has been taken.
    pub fn into_files(self) -> Vec<Arc<StateFile>> {
        self.files
    }
}
