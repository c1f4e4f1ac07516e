//! The chain of files that keyed state consists of in checkpoints: a full one, then what changed, oldest first.
//!
//! Taking a snapshot encodes the changes into one more file. A file's bytes stay in memory until they are safe in
//! storage, so a checkpoint that fails loses nothing: the next one has the same file in its chain and writes it.

use super::file::{FileWriter, Restored};
use super::shape::StateShape;
use super::table::{AnyTable, Take};
use crate::checkpoint::{KeyedFiles, StateFile};
use bytes::Bytes;
use flott_core::{KeyGroupRange, ProcessingTime, Result};
use std::sync::Arc;

/// After this many files a full one is written, however small the changes are: each costs a request at restore.
const CHAIN_MAX: usize = 64;

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
        Ok(KeyedFiles { range, files: self.files.clone(), store: None })
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
        Ok(KeyedFiles { range, files, store: None })
    }

    /// Whether a full file is due: the changes have become more than the whole was, or are too many.
    fn is_outgrown(&self) -> bool {
        let changes: u64 = self.files.iter().skip(1).map(|f| f.len()).sum();
        self.files.len() >= CHAIN_MAX || self.files.first().is_some_and(|full| changes > full.len())
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
