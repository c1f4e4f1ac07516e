//! The keyed state of an operator on a store: what is said there about states, and how memory is made free.

use super::opened::StoreSnapshot;
use super::shape::StateShape;
use super::state::{KeyedState, Named};
use super::table::WriteBehind;
use crate::WorkingSet;
use crate::canonical::StateDescription;
use crate::checkpoint::SharedFiles;
use crate::store::{ABOUT_GROUP, KeyedStore, Rows, StateNumber, WriteBatch, store_key};
use flott_core::{Error, Key, KeyGroupRange, Result};
use std::sync::Arc;

/// Groups of which entries are let go by one call while nothing can be written.
const FROZEN_VISITS: usize = 4;

/// A store, and what its owner knows of it.
pub(super) struct StoredState {
    pub store: Arc<WriteBehind>,
    shared: SharedFiles,
    /// The table and the group at which memory is made free next.
    hand: (usize, usize),
}

impl StoredState {
    pub fn new(store: Arc<dyn KeyedStore>, working_set: Arc<WorkingSet>, shared: SharedFiles) -> StoredState {
        StoredState { store: Arc::new(WriteBehind::new(store, working_set)), shared, hand: (0, 0) }
    }

    /// Nothing of the state, whose memory is `working_set`, is written from now on, until the result is dropped.
    pub fn freeze(
        &self,
        range: KeyGroupRange,
        working_set: Arc<WorkingSet>,
        states: Vec<Arc<StateDescription>>,
    ) -> StoreSnapshot {
        StoreSnapshot::new(self.store.clone(), range, working_set, self.shared.clone(), states)
    }

    /// The shape in which the store holds a state, if it does.
    pub fn shape(&self, name: &str) -> Result<Option<StateShape>> {
        Ok(self.said(name)?.map(|(shape, _)| shape))
    }

    /// What an index that the store holds was made of.
    pub fn index_basis(&self, name: &str) -> Result<Option<u64>> {
        Ok(self.said(name)?.map(|(_, basis)| basis))
    }

    /// The shape of a state, and of an index what it was made of.
    fn said(&self, name: &str) -> Result<Option<(StateShape, u64)>> {
        let mut keys = Rows::new();
        keys.push(&about(name));
        let mut said = None;
        self.store.get_all(&keys, &mut |_, value| {
            let Some((tag, mut held)) = value.and_then(|value| value.split_first()) else { return Ok(()) };
            let shape = StateShape::of_tag(*tag);
            let mut basis = 0;
            if shape == Some(StateShape::Index)
                && let Some((rest, last)) = held.split_last_chunk()
            {
                (held, basis) = (rest, u64::from_le_bytes(*last));
            }
            if held != name.as_bytes() {
                return Err(Error::invalid(format!(
                    "the names of the states `{name}` and `{}` have the same hash; rename the new one",
                    String::from_utf8_lossy(held)
                )));
            }
            let shape = shape.ok_or_else(|| {
                Error::corrupt(format!(
                    "state `{name}` is of kind {tag}, which this Flott does not know; use the one that wrote it"
                ))
            })?;
            said = Some((shape, basis));
            Ok(())
        })?;
        Ok(said)
    }

    /// Refuses a state that the store holds in another shape.
    pub fn check(&self, name: &str, shape: StateShape) -> Result<()> {
        match self.shape(name)? {
            Some(held) if !shape.takes(held) => Err(Error::invalid(format!(
                "state `{name}` of the checkpoint does not fit this job: it is {held} and the job registers {shape}; \
                 register it as it was written, or under another name to start it empty"
            ))),
            _ => Ok(()),
        }
    }

    /// Notes the shape of a state.
    pub fn note(&self, name: &str, shape: StateShape) -> Result<()> {
        if self.shape(name)? == Some(shape) {
            return Ok(());
        }
        self.say(name, shape, &[])
    }

    /// Notes that the store holds an index, and what it was made of.
    pub fn note_index(&self, name: &str, basis: u64) -> Result<()> {
        self.say(name, StateShape::Index, &basis.to_le_bytes())
    }

    /// Forgets that there was a state.
    pub fn forget(&self, name: &str) -> Result<()> {
        let mut batch = WriteBatch::new();
        batch.delete(&about(name));
        self.store.write(&batch)
    }

    fn say(&self, name: &str, shape: StateShape, more: &[u8]) -> Result<()> {
        let mut batch = WriteBatch::new();
        batch.put(&about(name), &[&[shape.tag()], name.as_bytes(), more].concat());
        self.store.write(&batch)
    }
}

/// The key under which a store says what a state is.
fn about(name: &str) -> Vec<u8> {
    let mut key = Vec::new();
    store_key(ABOUT_GROUP, StateNumber::of(name), &mut key);
    key
}

/// What a key takes in memory, in bytes, if it has an entry in each table. What is not known yet counts as nothing.
fn entry_bytes<K: Key>(tables: &[Named<K>]) -> usize {
    tables.iter().filter_map(|named| named.table.entry_bytes()).sum()
}

impl<K: Key> KeyedState<K> {
    /// Lets go of what was not used lately if the tables have grown too large: what changed is written to the store
    /// first, one group at a time, in turn. On the heap nothing can go, and how much there is is said when someone asks.
    pub(super) fn settle(&mut self) -> Result<()> {
        let groups = self.range().len();
        let is_open = self.opened.is_some();
        let KeyedState { stored, tables, working_set, .. } = self;
        let Some(stored) = stored else {
            if working_set.is_asked() {
                working_set.answer(tables.iter().map(|t| t.table.byte_count()).sum(), entry_bytes(tables))?;
            }
            return Ok(());
        };
        let max = working_set.bytes_max();
        let mut resident: usize = tables.iter().map(|t| t.table.byte_count()).sum();
        // While a snapshot is open or taken, only what has not changed can go.
        let is_writable = !is_open && !working_set.is_frozen();
        // Every group may be visited twice: the first visit forgets that its entries were used. While nothing can be
        // written little comes of it, and the next call is near.
        let mut visits = if is_writable { 2 * groups * tables.len() } else { FROZEN_VISITS };
        let was_pressed = resident > max;
        while resident > max && visits > 0 {
            let (table, place) = stored.hand;
            let Some(named) = tables.get_mut(table) else {
                stored.hand = (0, 0);
                continue;
            };
            let before = named.table.byte_count();
            if is_writable {
                named.table.write_group(place)?;
            }
            named.table.let_go(place);
            resident = resident + named.table.byte_count() - before;
            stored.hand = if place + 1 < groups { (table, place + 1) } else { (table + 1, 0) };
            visits -= 1;
        }
        working_set.settled(resident, entry_bytes(tables), was_pressed, is_writable);
        Ok(())
    }
}
