//! What is due when, for operators whose state says so itself: which windows end next, for instance.
//!
//! On the heap such an operator keeps an index of its own, made by one walk over the state. On a store, where that walk may be
//! a long one and the index larger than memory, the index lies in the store as timers do: in the order of times, the first
//! entries in memory. It is made from the state, so it is not described in snapshots, is not part of canonical savepoints,
//! and is left out wherever states are looked at. The files of a store hold it. The store says what it was made of; where it
//! is not there, or was made of something else, it is made by one walk when it is registered.

use super::shape::StateShape;
use super::state::{foreign_handle, timers_and_table};
use super::table::{Arrange, NamesForm, StateTable};
use super::{KeySlot, KeyedState, TableId, TimerKind, Timers, TimersId};
use crate::store::StateNumber;
use flott_core::schema::Schema;
use flott_core::{Data, Error, Key, Result, codec};
use xxhash_rust::xxh3::xxh3_64;

impl<K: Key> KeyedState<K> {
    /// Registers the index `name` of state on a store. `due` says when something is due, and under which name, for an entry of
    /// the state `of`; it is asked only where the index has to be made. `rules` is what `due` goes by beside the entry: an
    /// index that was made by other rules is made anew.
    ///
    /// Its entries come with [`KeyedState::pop_timer`], which makes their key the current one. An entry may be older than what
    /// its state says by now, which has to be asked then.
    ///
    /// # Errors
    /// `Internal` on the heap; `Invalid` when the name is taken; those of the store.
    pub fn register_index<N: Key, V: Data, M: Key>(
        &mut self,
        name: &str,
        of: TableId<N, V>,
        rules: &[i64],
        due: impl FnMut(&K, &N, &V, &mut dyn FnMut(i64, M)),
    ) -> Result<TimersId<M>> {
        let name = format!("_index/{name}");
        let Some(stored) = &self.stored else {
            return Err(Error::internal(format!("the index `{name}` was registered for state that is on no store")));
        };
        let (store, basis) = (stored.store.clone(), basis::<K, M>(rules)?);
        let is_made = stored.index_basis(&name)? == Some(basis);
        let mut index = StateTable::new(self.max, self.range, Arrange::Flat);
        index.put_on(store, (StateNumber::of(&name), false), NamesForm::TIME_FIRST, None);
        index.pin();
        if !is_made {
            self.table(of).index_into(&index, due)?;
        }
        if let Some(stored) = self.stored.as_ref().filter(|_| !is_made) {
            stored.note_index(&name, basis)?;
        }
        let table = self.add_table(&name, StateShape::Index, index, None)?;
        let mut timers = Timers::<K, M>::new(TimerKind::EventTime, table.number());
        let (max, range) = (self.max, self.range);
        timers.rebuild(self.table(table), |key| KeySlot::of(key, max, range))?;
        self.timers.push(Box::new(timers));
        Ok(TimersId::new(self.timers.len() - 1))
    }

    /// Adds an entry to an index: what `key` has under `name` is due at `time`. The same entry twice is one.
    ///
    /// # Errors
    /// Those of the store.
    pub fn push_due<M: Key>(&mut self, index: TimersId<M>, key: &K, name: &M, time: i64) -> Result<()> {
        let KeyedState { timers, tables, max, range, .. } = self;
        let (timers, table) = timers_and_table(timers, tables, index).ok_or_else(foreign_handle)?;
        let slot_of = |key: &K| KeySlot::of(key, *max, *range);
        timers.register(table, slot_of(key), key, name, time, slot_of).map(drop)
    }

    /// The earliest time of an index.
    ///
    /// # Errors
    /// `Invalid` when the index is another operator's.
    pub fn first_due<M: Key>(&mut self, index: TimersId<M>) -> Result<Option<i64>> {
        let (timers, _) = timers_and_table(&mut self.timers, &mut self.tables, index).ok_or_else(foreign_handle)?;
        Ok(timers.first_time())
    }

    /// The next entries of an index that are due at `up_to`, at most `count` and as far as they are in memory: so that what
    /// they stand for can be looked up at once.
    ///
    /// # Errors
    /// As [`KeyedState::first_due`].
    pub fn next_due<M: Key>(&mut self, index: TimersId<M>, up_to: i64, count: usize) -> Result<Vec<(KeySlot, K, M)>> {
        let KeyedState { timers, tables, max, range, .. } = self;
        let (timers, _) = timers_and_table(timers, tables, index).ok_or_else(foreign_handle)?;
        let next = timers.next(up_to).take(count);
        Ok(next.map(|(key, name)| (KeySlot::of(key, *max, *range), key.clone(), name.clone())).collect())
    }
}

/// What an index is made of: the types of its entries, and rules.
fn basis<K: Key, M: Key>(rules: &[i64]) -> Result<u64> {
    let mut bytes = Vec::new();
    codec::encode(&Schema::of::<K>(), &mut bytes)?;
    codec::encode(&Schema::of::<M>(), &mut bytes)?;
    rules.iter().for_each(|rule| bytes.extend_from_slice(&rule.to_le_bytes()));
    Ok(xxh3_64(&bytes))
}
