//! What a key has in a state, while the operator goes over the keys of a batch.

use super::timed;
use crate::keyed::table::Entry;
use crate::keyed::ttl::{Stamped, Ttl};
use flott_core::{Data, Key, ProcessingTime, Result};

/// What a key has: to be looked at, changed, set or removed. What is only looked at counts as unchanged.
pub struct StateEntry<'t, K, N, V> {
    entry: Held<'t, K, N, V>,
}

enum Held<'t, K, N, V> {
    Plain(Entry<'t, 't, K, N, V>),
    Timed(Entry<'t, 't, K, N, Stamped<V>>, Ttl, ProcessingTime),
}

impl<'t, K: Key, N: Key, V: Data> StateEntry<'t, K, N, V> {
    #[inline]
    pub(super) fn plain(entry: Entry<'t, 't, K, N, V>) -> Self {
        StateEntry { entry: Held::Plain(entry) }
    }

    pub(super) fn timed(entry: Entry<'t, 't, K, N, Stamped<V>>, ttl: Ttl, now: ProcessingTime) -> Self {
        StateEntry { entry: Held::Timed(entry, ttl, now) }
    }

    /// The value, if there is one that has not expired.
    ///
    /// # Errors
    /// Those of the store, where there is one; so for every method.
    #[inline]
    pub fn get(&mut self) -> Result<Option<&V>> {
        match &mut self.entry {
            Held::Plain(entry) => Ok(entry.get()),
            Held::Timed(entry, ttl, now) => {
                timed::get((entry.table, entry.slot, entry.key, entry.namespace), *ttl, *now)
            }
        }
    }

    /// Changes the value in place, which is made by `default` if there is none.
    ///
    /// # Errors
    /// As [`StateEntry::get`].
    #[inline]
    pub fn update<R>(&mut self, default: impl FnOnce() -> V, change: impl FnOnce(&mut V) -> R) -> Result<R> {
        let value = match &mut self.entry {
            Held::Plain(entry) => entry.get_or_insert_with(default)?,
            Held::Timed(entry, ttl, now) => {
                timed::entry((entry.table, entry.slot, entry.key, entry.namespace), *ttl, *now, default)?
            }
        };
        Ok(change(value))
    }

    /// Removes the value, if there is one.
    ///
    /// # Errors
    /// As [`StateEntry::get`].
    #[inline]
    pub fn remove(&mut self) -> Result<()> {
        match &mut self.entry {
            Held::Plain(entry) => entry.remove(),
            Held::Timed(entry, _, now) => {
                entry.table.clean_up(*now)?;
                entry.table.remove(entry.slot, entry.key, entry.namespace).map(drop)
            }
        }
    }
}
