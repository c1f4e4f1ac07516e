//! Looking at the state of one key from outside, between two batches: nothing is changed by it.

use super::KeyedState;
use super::shape::StateShape;
use super::state::Named;
use crate::canonical::{Chunk, Entries, Positions, StateDescription};
use flott_core::schema::{Compatibility, Schema, side_by_side};
use flott_core::{Error, Key, Result, codec};
use std::sync::Arc;

/// What is asked.
#[derive(Clone, Debug)]
pub struct StateQuery {
    /// The state's name.
    pub state: String,
    /// The schema of the key.
    pub key_schema: Schema,
    /// The key, encoded.
    pub key: Vec<u8>,
}

/// What a key has.
#[derive(Clone, Debug)]
pub struct StateAnswer {
    /// What the state is.
    pub state: Arc<StateDescription>,
    /// Its rows: none, if the key has nothing that has not expired.
    pub rows: Chunk,
}

impl<K: Key> KeyedState<K> {
    /// What a key has in a state.
    ///
    /// # Errors
    /// `Invalid` when there is no such state, its keys are of another type, or it cannot be asked by key; `Limit` when the
    /// key has too much; those of the store.
    pub fn query(&mut self, query: &StateQuery) -> Result<StateAnswer> {
        let is_state = |table: &&Named<K>| table.shape != StateShape::Index;
        let found = self.tables.iter().position(|table| table.name == query.state && is_state(&table));
        let Some(place) = found else {
            let names: Vec<&str> = self.tables.iter().filter(is_state).map(|table| table.name.as_str()).collect();
            return Err(Error::invalid(format!(
                "the operator has no state `{}`, but `{}`; choose one of them",
                query.state,
                names.join("`, `")
            )));
        };
        let state = self.tables[place].description.clone();
        if state.table.kind.is_timers() {
            return Err(Error::invalid(format!(
                "state `{}` cannot be asked by key: it is found by time first; take a savepoint, or ask a checkpoint",
                query.state
            )));
        }
        if state.table.key.can_read(&query.key_schema) != Compatibility::Same {
            return Err(Error::invalid(format!(
                "the keys of state `{}` are of another type:\n{}",
                query.state,
                side_by_side(("the state's", &state.table.key), ("asked for", &query.key_schema)).trim_end()
            )));
        }
        let key: K = codec::from_bytes(&query.key)?;
        let (slot, group) = (self.slot(&key), self.max().key_group(flott_core::KeyHash::of(&key)));
        if !self.range().contains(group) {
            return Err(Error::internal("a key was looked for where it cannot be"));
        }
        let mut bytes = Vec::new();
        let count = self.tables[place].table.entries_of(slot, &key, &mut bytes)?;
        let (entries, mut rest, mut rows) = (Entries::new(&state)?, &bytes[..], Chunk::new());
        let now = self.now().0;
        let ttl = state.ttl_ms.map(|ms| i64::try_from(ms).unwrap_or(i64::MAX));
        let mut positions = Positions::default();
        for _ in 0..count {
            entries.split(group, &mut rest, &mut |row| {
                let row = if entries.are_parts() { positions.number(row)? } else { row };
                if ttl.is_none_or(|ttl| row.time > now.saturating_sub(ttl)) {
                    rows.push(row);
                }
                Ok(())
            })?;
        }
        Ok(StateAnswer { state, rows })
    }
}
