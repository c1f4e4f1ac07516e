//! What is restored onto a store goes there at once, as it was written: memory does not have to hold it, and a state that
//! no one registers stays.

use super::shape::StateShape;
use super::stored::StoredState;
use crate::canonical::{Entries, StateDescription};
use crate::store::{KeyedStore, StateNumber, WriteBatch, store_key};
use flott_core::{KeyGroup, Result};
use std::sync::Arc;

/// So many bytes are written at once.
const BATCH_BYTES: usize = 4 << 20;

/// Writes entries of one state to a store.
pub(super) struct Bulk {
    store: Arc<dyn KeyedStore>,
    number: StateNumber,
    entries: Entries,
    /// Keys with their values, in the order in which they came; `None` where one is removed.
    pending: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    bytes: usize,
}

impl Bulk {
    /// For a state, which is noted in the store.
    pub fn new(stored: &StoredState, state: &StateDescription) -> Result<Bulk> {
        let shape = if state.table.kind.is_timers() { StateShape::Timers } else { state.shape() };
        stored.note(&state.name, shape)?;
        let (store, number) = (stored.store.clone(), StateNumber::of(&state.name));
        Ok(Bulk { store, number, entries: Entries::new(state)?, pending: Vec::new(), bytes: 0 })
    }

    /// Takes the removal of an entry from the front of `bytes`.
    pub fn remove(&mut self, group: KeyGroup, bytes: &mut &[u8]) -> Result<()> {
        let mut key = Vec::new();
        store_key(group, self.number, &mut key);
        self.entries.store_key(bytes, &mut key)?;
        self.push(key, None)
    }

    /// Takes an entry from the front of `bytes`.
    pub fn put(&mut self, group: KeyGroup, bytes: &mut &[u8]) -> Result<()> {
        let (mut key, mut value) = (Vec::new(), Vec::new());
        store_key(group, self.number, &mut key);
        self.entries.store_key(bytes, &mut key)?;
        self.entries.store_value(bytes, &mut value)?;
        self.push(key, Some(value))
    }

    fn push(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) -> Result<()> {
        self.bytes += key.len() + value.as_ref().map_or(0, Vec::len);
        self.pending.push((key, value));
        if self.bytes < BATCH_BYTES { Ok(()) } else { self.flush() }
    }

    /// Writes what has come.
    pub fn flush(&mut self) -> Result<()> {
        // Stable, so that of one key the last one stands last; that counts.
        self.pending.sort_by(|a, b| a.0.cmp(&b.0));
        let mut batch = WriteBatch::new();
        let mut rest = self.pending.iter().peekable();
        while let Some((key, value)) = rest.next() {
            if rest.peek().is_some_and(|(next, _)| next == key) {
                continue;
            }
            match value {
                Some(value) => batch.put(key, value),
                None => batch.delete(key),
            }
        }
        self.pending.clear();
        self.bytes = 0;
        if batch.is_empty() { Ok(()) } else { self.store.write(&batch) }
    }
}
