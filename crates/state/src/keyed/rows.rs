//! A whole snapshot of keyed state as rows, whatever its form.

use super::file::{FileReader, Section};
use super::restored::{MergeError, Restored};
use super::table::group_range;
use crate::canonical::{Entries, Positions, Row, StateDescription};
use crate::checkpoint::{KeyedFiles, StateFile};
use crate::store::{KeyedStore, StateNumber};
use bytes::Bytes;
use flott_core::{Error, KeyGroup, KeyGroupRange, Result};
use std::collections::VecDeque;
use std::sync::Arc;

/// Takes rows, each with what its state is.
pub type TakeRow<'a> = dyn FnMut(&Arc<StateDescription>, Row<'_>) -> Result<()> + 'a;

/// Walks over a whole snapshot, state by state, key group by key group.
pub struct RowWalk {
    states: Vec<State>,
    from: From,
}

struct State {
    description: Arc<StateDescription>,
    entries: Option<Entries>,
}

enum From {
    /// Files in memory, of which the first is being read; what was read is freed.
    Files { files: VecDeque<Arc<StateFile>>, open: Option<(FileReader, Vec<Option<usize>>, Vec<String>)> },
    /// What files of a checkpoint say together, by state.
    Sections(VecDeque<(Arc<StateDescription>, Section)>),
    /// A store, the state and the group that come next.
    Store { store: Arc<dyn KeyedStore>, range: KeyGroupRange, state: usize, group: u16 },
}

impl RowWalk {
    /// Over a snapshot of kind savepoint of state in memory.
    pub fn of_files(files: KeyedFiles) -> RowWalk {
        let from = From::Files { files: files.files.into(), open: None };
        RowWalk { states: states(&files.states), from }
    }

    /// Over the files of a checkpoint of state in memory: of each subtask a full one and then what changed.
    ///
    /// # Errors
    /// `Corrupt` when a file is not what it should be; `Invalid` when a state is not described.
    pub fn of_checkpoint(
        files: impl IntoIterator<Item = Bytes>,
        range: KeyGroupRange,
        described: &[Arc<StateDescription>],
    ) -> Result<RowWalk> {
        let mut restored = Restored::default();
        restored.describe(described);
        files.into_iter().try_for_each(|file| restored.add(range, None, file))?;
        let sections = restored.into_sections().map_err(|error| match error {
            MergeError::Undescribed(name) => undescribed(&name),
            MergeError::Broken(error) => error,
        })?;
        Ok(RowWalk { states: states(described), from: From::Sections(sections.into()) })
    }

    /// Over what a store holds of these states and key groups. Nothing is written to it meanwhile.
    pub fn of_store(store: Arc<dyn KeyedStore>, range: KeyGroupRange, described: &[Arc<StateDescription>]) -> RowWalk {
        RowWalk { states: states(described), from: From::Store { store, range, state: 0, group: range.start } }
    }

    /// Gives the rows of the next key group of a state, if there are any, to `take`. Returns whether more may come. Blocks.
    ///
    /// # Errors
    /// `Invalid` when a state cannot be put into rows, saying why; those of the store and of `take`.
    pub fn next(&mut self, take: &mut TakeRow<'_>) -> Result<bool> {
        match &mut self.from {
            From::Files { files, open } => {
                let Some(file) = files.front() else { return Ok(false) };
                if open.is_none() {
                    let bytes = file
                        .unwritten()
                        .ok_or_else(|| Error::internal("a file of a savepoint's snapshot is not in memory any more"))?;
                    let mut reader = FileReader::open(bytes)?;
                    let names: Vec<String> = reader.states()?.into_iter().map(|(name, _)| name).collect();
                    let place = |name: &String| self.states.iter().position(|state| state.description.name == *name);
                    let places = names.iter().map(place).collect();
                    *open = Some((reader, places, names));
                }
                let Some((reader, places, names)) = open else { return Ok(true) };
                let Some((number, section)) = reader.section()? else {
                    *open = None;
                    files.pop_front();
                    return Ok(true);
                };
                let state = places.get(number).copied().flatten().and_then(|place| self.states.get_mut(place));
                let state = state.ok_or_else(|| undescribed(names.get(number).map_or("", String::as_str)))?;
                let (description, entries) = state.entries()?;
                section_rows(description, entries, &section, take)?;
            }
            From::Sections(sections) => {
                let Some((described, section)) = sections.pop_front() else { return Ok(false) };
                let state = self.states.iter_mut().find(|state| state.description.name == described.name);
                let (description, entries) = state.ok_or_else(|| undescribed(&described.name))?.entries()?;
                section_rows(description, entries, &section, take)?;
            }
            From::Store { store, range, state: at, group } => {
                let Some(state) = self.states.get_mut(*at) else { return Ok(false) };
                let (description, entries) = state.entries()?;
                let (from, to) = group_range(KeyGroup(*group), StateNumber::of(&description.name));
                let (mut entry, mut positions) = (Vec::new(), Positions::default());
                store.scan(&from, &to, &mut |key, value| {
                    entry.clear();
                    entries.unstore(key, value, &mut entry)?;
                    let mut bytes = &entry[..];
                    entries.split(KeyGroup(*group), &mut bytes, &mut |row| match entries.are_parts() {
                        true => take(description, positions.number(row)?),
                        false => take(description, row),
                    })?;
                    at_end(bytes)?;
                    Ok(true)
                })?;
                *group += 1;
                if *group == range.end {
                    (*at, *group) = (*at + 1, range.start);
                }
            }
        }
        Ok(true)
    }
}

/// Gives the rows of a section that says everything about its group.
fn section_rows(
    description: &Arc<StateDescription>,
    entries: &Entries,
    section: &Section,
    take: &mut TakeRow<'_>,
) -> Result<()> {
    if section.counts.removals > 0 {
        return Err(Error::internal("a savepoint's snapshot has removals"));
    }
    if entries.are_parts() {
        return part_rows(description, entries, section, take);
    }
    let mut bytes = &section.bytes[..];
    for _ in 0..section.counts.entries {
        entries.split(section.group, &mut bytes, &mut |row| take(description, row))?;
    }
    at_end(bytes)
}

/// As [`section_rows`] of lists: list by list, the parts of each in their order.
fn part_rows(
    description: &Arc<StateDescription>,
    entries: &Entries,
    section: &Section,
    take: &mut TakeRow<'_>,
) -> Result<()> {
    let (mut bytes, mut parts) = (&section.bytes[..], Vec::new());
    for _ in 0..section.counts.entries {
        let (start, mut name) = (bytes, Vec::new());
        entries.store_key(&mut bytes, &mut name)?;
        entries.store_value(&mut bytes, &mut Vec::new())?;
        parts.push((name, &start[..start.len() - bytes.len()]));
    }
    at_end(bytes)?;
    parts.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    let mut positions = Positions::default();
    for (_, mut part) in parts {
        entries.split(section.group, &mut part, &mut |row| take(description, positions.number(row)?))?;
    }
    Ok(())
}

fn states(described: &[Arc<StateDescription>]) -> Vec<State> {
    described.iter().map(|state| State { description: state.clone(), entries: None }).collect()
}

impl State {
    fn entries(&mut self) -> Result<(&Arc<StateDescription>, &Entries)> {
        let entries = match self.entries.take() {
            Some(entries) => entries,
            None => Entries::new(&self.description)?,
        };
        Ok((&self.description, &*self.entries.insert(entries)))
    }
}

fn undescribed(name: &str) -> Error {
    Error::invalid(format!(
        "state `{name}` cannot be put into a table: it comes from a checkpoint of an earlier Flott, which does not say what \
         it is, and no operator has registered it since; take a savepoint of native format"
    ))
}

fn at_end(rest: &[u8]) -> Result<()> {
    if rest.is_empty() {
        return Ok(());
    }
    let left = rest.len();
    Err(Error::internal(format!("{left} bytes are left over after an entry: its schema is not that of its type")))
}
