//! A whole snapshot of keyed state as rows, whatever its form.

use super::file::FileReader;
use super::table::group_range;
use crate::canonical::{Entries, Row, StateDescription};
use crate::checkpoint::KeyedFiles;
use crate::store::{KeyedStore, StateNumber};
use bytes::Bytes;
use flott_core::{Error, KeyGroup, KeyGroupRange, Result};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Takes rows, each with what its state is.
pub type TakeRow<'a> = dyn FnMut(&Arc<StateDescription>, Row<'_>) -> Result<()> + 'a;

/// Gives the rows of a snapshot in memory, of kind savepoint, to `take`: state by state, key group by key group. What was
/// given is freed.
///
/// # Errors
/// `Invalid` when a state cannot be put into rows, saying why; those of `take`.
pub fn rows_of_files(files: &KeyedFiles, take: &mut TakeRow<'_>) -> Result<()> {
    let mut states = files.states.iter().map(|state| (state.clone(), None)).collect();
    for file in &files.files {
        let Some(bytes) = file.unwritten() else {
            return Err(Error::internal("a file of a savepoint's snapshot is not in memory any more"));
        };
        file_rows(bytes, &mut states, take)?;
        file.written(0);
    }
    Ok(())
}

/// Gives what a store holds of these states and key groups to `take`: state by state, key group by key group. Blocks.
///
/// # Errors
/// As [`rows_of_files`], and those of the store.
pub fn rows_of_store(
    store: &dyn KeyedStore,
    range: KeyGroupRange,
    states: &[Arc<StateDescription>],
    take: &mut TakeRow<'_>,
) -> Result<()> {
    let mut entry = Vec::new();
    for state in states {
        let entries = Entries::new(state)?;
        for group in range.iter() {
            let (from, to) = group_range(group, StateNumber::of(&state.name));
            store.scan(&from, &to, &mut |key, value| {
                entry.clear();
                entries.unstore(key, value, &mut entry)?;
                one_entry(&entries, group, &entry, &mut |row| take(state, row))?;
                Ok(true)
            })?;
        }
    }
    Ok(())
}

type Known = Vec<(Arc<StateDescription>, Option<Entries>)>;

/// Gives the rows of a full file.
fn file_rows(file: Bytes, known: &mut Known, take: &mut TakeRow<'_>) -> Result<()> {
    let mut reader = FileReader::open(file)?;
    let in_file = reader.states()?;
    let places: BTreeMap<String, usize> = known.iter().enumerate().map(|(n, (s, _))| (s.name.clone(), n)).collect();
    while let Some((number, section)) = reader.section()? {
        let name = in_file.get(number).map(|(name, _)| name.as_str()).unwrap_or_default();
        let Some((state, entries)) = places.get(name).and_then(|place| known.get_mut(*place)) else {
            return Err(Error::invalid(format!(
                "state `{name}` cannot be put into a table: it comes from a checkpoint of an earlier Flott, which does not say \
                 what it is, and no operator has registered it since; take a savepoint of native format"
            )));
        };
        let entries = match entries {
            Some(entries) => &*entries,
            None => &*entries.insert(Entries::new(state)?),
        };
        if section.counts.removals > 0 {
            return Err(Error::internal("a savepoint's snapshot has removals"));
        }
        let mut bytes = &section.bytes[..];
        for _ in 0..section.counts.entries {
            entries.split(section.group, &mut bytes, &mut |row| take(state, row))?;
        }
        at_end(bytes)?;
    }
    Ok(())
}

fn one_entry(
    entries: &Entries,
    group: KeyGroup,
    mut entry: &[u8],
    give: &mut dyn FnMut(Row<'_>) -> Result<()>,
) -> Result<()> {
    entries.split(group, &mut entry, &mut |row| give(row))?;
    at_end(entry)
}

fn at_end(rest: &[u8]) -> Result<()> {
    if rest.is_empty() {
        return Ok(());
    }
    Err(Error::internal(format!("{} bytes are left over after an entry: its schema is not that of its type", rest.len())))
}
