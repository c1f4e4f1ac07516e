//! What a checkpoint or savepoint held, by the name of the state, until that state is registered.

use super::bulk::Bulk;
use super::file::{FileReader, FileWriter, Section, ends_early};
use super::shape::StateShape;
use super::stored::StoredState;
use super::table::{Counts, Readers, StateTable};
use crate::canonical::{Chunk, Entries, EntrySchema, Joiner, StateDescription};
use bytes::Bytes;
use flott_core::{Data, Error, Key, KeyGroup, KeyGroupRange, Result, error::ResultExt};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What there is of one state, in the encoding of files.
struct RestoredState {
    shape: StateShape,
    sections: Vec<Section>,
}

impl RestoredState {
    /// Makes one section of what several files say about a group. What cannot be taken apart stays as it is: for a
    /// checkpoint that will do, and whoever needs rows will find out.
    fn merge(&mut self, written: &StateDescription) -> Result<()> {
        let Ok(entries) = Entries::new(written) else { return Ok(()) };
        let mut groups: BTreeMap<KeyGroup, Vec<Section>> = BTreeMap::new();
        for section in self.sections.drain(..) {
            groups.entry(section.group).or_default().push(section);
        }
        for (group, mut sections) in groups {
            if sections.len() > 1 || sections.iter().any(|section| section.counts.removals > 0) {
                sections = vec![merged(group, &sections, &entries)?];
            }
            self.sections.append(&mut sections);
        }
        Ok(())
    }
}

/// Why sections cannot be given out.
pub(super) enum MergeError {
    /// It is not known what this state is.
    Undescribed(String),
    Broken(Error),
}

fn merged(group: KeyGroup, sections: &[Section], entries: &Entries) -> Result<Section> {
    let mut held: BTreeMap<Vec<u8>, &[u8]> = BTreeMap::new();
    for section in sections {
        let mut rest = &section.bytes[..];
        for _ in 0..section.counts.removals {
            let mut name = Vec::new();
            entries.store_key(&mut rest, &mut name)?;
            held.remove(&name);
        }
        for _ in 0..section.counts.entries {
            let (mut name, start) = (Vec::new(), rest);
            entries.store_key(&mut rest, &mut name)?;
            entries.store_value(&mut rest, &mut Vec::new())?;
            held.insert(name, &start[..start.len() - rest.len()]);
        }
    }
    let counts = Counts { removals: 0, entries: held.len() as u32 };
    Ok(Section { group, counts, bytes: held.into_values().collect::<Vec<_>>().concat().into() })
}

/// Rows of one state on their way.
struct Incoming {
    joiner: Joiner,
    to: To,
}

/// Where entries go that were rows.
enum To {
    /// To the state's sections: number of entries and their bytes, by key group.
    Sections(BTreeMap<KeyGroup, (u32, Vec<u8>)>),
    Store(Bulk),
}

/// What restored files hold. A state that no one registers stays here and is copied into every full file: nothing is
/// lost because a job does not touch it.
#[derive(Default)]
pub(super) struct Restored {
    states: BTreeMap<String, RestoredState>,
    incoming: BTreeMap<String, Incoming>,
    /// What the states were when they were written, as far as that is known.
    written: BTreeMap<String, Arc<StateDescription>>,
    /// States that came as rows, which anyone may have written, and how many entries those were.
    unchecked: BTreeMap<String, usize>,
}

impl Restored {
    pub fn names(&self) -> Vec<String> {
        self.states.keys().cloned().collect()
    }

    pub fn states(&self) -> impl Iterator<Item = (String, StateShape)> {
        self.states.iter().map(|(name, state)| (name.clone(), state.shape))
    }

    /// The shape in which a state has come. A list may have been written whole where nothing of it has come.
    pub fn shape(&self, name: &str) -> Option<StateShape> {
        let described = || self.written.get(name).map(|state| state.shape());
        let come = self.states.get(name).map(|s| s.shape);
        come.or_else(|| described().filter(|shape| matches!(shape, StateShape::List { .. })))
    }

    /// Says what the states are that come.
    pub fn describe(&mut self, states: &[Arc<StateDescription>]) {
        self.written.extend(states.iter().map(|state| (state.name.clone(), state.clone())));
    }

    /// What the states are that no one has registered.
    pub fn descriptions(&self) -> impl Iterator<Item = &Arc<StateDescription>> {
        self.written.values()
    }

    /// What a state was when it was written, if that is known. From now on it is registered.
    pub fn take_written(&mut self, name: &str) -> Option<Arc<StateDescription>> {
        self.written.remove(name)
    }

    /// Reads a file; sections of groups outside of `range` are skipped. What is known of goes to the store at once, if
    /// there is one.
    pub fn add(&mut self, range: KeyGroupRange, stored: Option<&StoredState>, file: Bytes) -> Result<()> {
        let mut reader = FileReader::open(file)?;
        let states = reader.states()?;
        let mut bulks: BTreeMap<&str, Bulk> = BTreeMap::new();
        for (name, shape) in &states {
            match (self.written.get(name), stored) {
                (Some(state), Some(stored)) => drop(bulks.insert(name, Bulk::new(stored, state)?)),
                _ => drop(self.state(name, *shape)?),
            }
        }
        while let Some((state, section)) = reader.section()? {
            let name = states.get(state).map(|(name, _)| name).ok_or_else(ends_early)?;
            if !range.contains(section.group) {
                continue;
            }
            if let Some(bulk) = bulks.get_mut(name.as_str()) {
                let Section { group, counts, bytes } = &section;
                let mut rest = &bytes[..];
                (0..counts.removals).try_for_each(|_| bulk.remove(*group, &mut rest))?;
                (0..counts.entries).try_for_each(|_| bulk.put(*group, &mut rest))?;
            } else if let Some(state) = self.states.get_mut(name) {
                state.sections.push(section);
            }
        }
        bulks.values_mut().try_for_each(Bulk::flush)
    }

    fn state(&mut self, name: &str, shape: StateShape) -> Result<&mut RestoredState> {
        let known = self.states.entry(name.to_owned());
        let known = known.or_insert_with(|| RestoredState { shape, sections: Vec::new() });
        if known.shape != shape {
            return Err(Error::corrupt(format!(
                "the files of keyed state do not belong together: state `{name}` is {} in one and {shape} in another",
                known.shape
            )));
        }
        Ok(known)
    }

    /// Takes rows of a state. They go to the store, if there is one.
    pub fn add_rows(
        &mut self,
        state: &Arc<StateDescription>,
        range: KeyGroupRange,
        stored: Option<&StoredState>,
        rows: &Chunk,
    ) -> Result<()> {
        // Rows are put together to whole lists.
        let state = &match state.parts {
            true => Arc::new(StateDescription { parts: false, ..StateDescription::clone(state) }),
            false => state.clone(),
        };
        if !self.incoming.contains_key(&state.name) {
            let to = match stored {
                Some(stored) => To::Store(Bulk::new(stored, state)?),
                None => {
                    self.state(&state.name, state.shape())?;
                    To::Sections(BTreeMap::new())
                }
            };
            self.describe(std::slice::from_ref(state));
            self.incoming.insert(state.name.clone(), Incoming { joiner: Joiner::new(state), to });
        }
        let Some(Incoming { joiner, to }) = self.incoming.get_mut(&state.name) else { return Ok(()) };
        let count = self.unchecked.entry(state.name.clone()).or_default();
        let mut buffer = Vec::new();
        for row in rows.iter().filter(|row| u16::try_from(row.group).is_ok_and(|g| range.contains(KeyGroup(g)))) {
            joiner.take(row, &mut buffer, &mut |group, entry| {
                *count += 1;
                to.put(group, entry)
            })?;
        }
        Ok(())
    }

    /// No more rows come of a state's key groups before `end`.
    pub fn finish_rows(&mut self, state: &str, end: KeyGroup) -> Result<()> {
        let Some(Incoming { joiner, to }) = self.incoming.get_mut(state) else { return Ok(()) };
        let count = self.unchecked.entry(state.to_owned()).or_default();
        joiner.finish(end, &mut Vec::new(), &mut |group, entry| {
            *count += 1;
            to.put(group, entry)
        })?;
        match to {
            To::Store(bulk) => bulk.flush(),
            To::Sections(groups) => {
                let Some(restored) = self.states.get_mut(state) else { return Ok(()) };
                let done = groups.extract_if(.., |group, _| *group < end);
                restored.sections.extend(done.map(|(group, (entries, bytes))| Section {
                    group,
                    counts: Counts { removals: 0, entries },
                    bytes: bytes.into(),
                }));
                Ok(())
            }
        }
    }

    /// Moves what there is under `name` into its table, which is of schema `own`.
    pub fn apply<K: Key, N: Key, V: Data>(
        &mut self,
        name: &str,
        shape: StateShape,
        own: impl FnOnce() -> EntrySchema,
        table: &mut StateTable<K, N, V>,
    ) -> Result<()> {
        let state = self.states.remove(name);
        if let Some(state) = &state
            && !shape.takes(state.shape)
        {
            return Err(misfit(name, &format!("it is {} and the job registers {shape}", state.shape)));
        }
        let written = self.take_written(name);
        let in_context = || format!("state `{name}` of the checkpoint");
        let readers = match &written {
            Some(written) => Readers::new(&own(), &written.entry()).in_context(in_context)?,
            None => Readers::plain(),
        };
        let rows = self.unchecked.remove(name);
        let found = match state {
            Some(state) => {
                for Section { group, counts, bytes } in state.sections {
                    let restored = table.restore_group(group, counts, &bytes, &readers, rows.is_none());
                    restored.map_err(|e| unreadable(name, e))?;
                }
                table.len()
            }
            None => match &written {
                // What lies in the store is as it was written.
                Some(written) if !readers.is_plain() || rows.is_some() => {
                    table.rewrite(&readers, written).map_err(|e| unreadable(name, e))?
                }
                _ => return Ok(()),
            },
        };
        match rows {
            Some(rows) if rows != found => Err(Error::corrupt(format!(
                "state `{name}` of the savepoint has {rows} entries of {found} keys: some key is there twice; leave one of them"
            ))),
            _ => Ok(()),
        }
    }

    /// Everything, a full section for each group of a state.
    pub fn into_sections(mut self) -> Result<Vec<(Arc<StateDescription>, Section)>, MergeError> {
        let mut sections = Vec::new();
        for (name, mut state) in std::mem::take(&mut self.states) {
            let Some(written) = self.written.get(&name).filter(|_| !state.sections.is_empty()) else {
                if state.sections.is_empty() {
                    continue;
                }
                return Err(MergeError::Undescribed(name));
            };
            state.merge(written).map_err(MergeError::Broken)?;
            sections.extend(state.sections.into_iter().map(|section| (written.clone(), section)));
        }
        Ok(sections)
    }

    /// Copies everything into a file that lists it. What is known of a state is a full section for each group then.
    pub fn copy_to(&mut self, writer: &mut FileWriter) -> Result<()> {
        for (name, state) in &mut self.states {
            let Some(number) = writer.number(name) else { continue };
            if let Some(written) = self.written.get(name) {
                state.merge(written)?;
            }
            for section in &state.sections {
                writer.section(number, section.group, |out| {
                    out.extend_from_slice(&section.bytes);
                    Ok(section.counts)
                })?;
            }
        }
        Ok(())
    }
}

impl To {
    fn put(&mut self, group: KeyGroup, mut entry: &[u8]) -> Result<()> {
        match self {
            To::Sections(groups) => {
                let (entries, bytes) = groups.entry(group).or_default();
                *entries += 1;
                bytes.extend_from_slice(entry);
                Ok(())
            }
            To::Store(bulk) => bulk.put(group, &mut entry),
        }
    }
}

fn misfit(name: &str, why: &str) -> Error {
    Error::invalid(format!(
        "state `{name}` of the checkpoint does not fit this job: {why}; register it as it was written, or under another \
         name to start it empty"
    ))
}

/// Bytes that are not what they should be. Without a description of what was written the types may be to blame.
fn unreadable(name: &str, error: Error) -> Error {
    let message = format!(
        "state `{name}` of the checkpoint cannot be read: {}; register it with the types it was written with, under another \
         name to start it empty, or restore an older checkpoint",
        error.message()
    );
    Error::new(error.kind(), message).with_source(error)
}
