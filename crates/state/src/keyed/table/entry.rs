//! What a key has in a table, there or not, while its owner decides what becomes of it. Nothing is noted as changed unless
//! it is.

use super::layout::Place;
use super::{KeySlot, StateTable};
use flott_core::{Data, Key, Result};

/// An entry, or the place where one could be.
pub(in crate::keyed) struct Entry<'t, 'n, K, N, V> {
    pub table: &'t mut StateTable<K, N, V>,
    pub slot: KeySlot,
    pub key: &'n K,
    pub namespace: &'n N,
    /// Where it is, if it is there. The table has not changed since.
    pub(super) place: Option<Place>,
}

impl<'t, K: Key, N: Key, V: Data> Entry<'t, '_, K, N, V> {
    #[inline]
    pub fn get(&self) -> Option<&V> {
        self.place.map(|place| self.table.groups[self.slot.group].layout.at(place).value)
    }

    /// What [`Entry::get`] gives, for as long as the table.
    #[inline]
    pub fn into_value(self) -> Option<&'t V> {
        let Entry { table, slot, place, .. } = self;
        place.map(|place| table.groups[slot.group].layout.at(place).value)
    }

    /// The value, made by `make` if there is none, to be changed.
    #[inline]
    pub fn get_or_insert_with(&mut self, make: impl FnOnce() -> V) -> Result<&mut V> {
        let now = self.table.about.clock.now;
        let place = match self.place {
            Some(place) => place,
            None => self.table.groups[self.slot.group].insert(now, self.slot, self.key, self.namespace, make()),
        };
        self.place = Some(place);
        self.table.change(self.slot, place, self.namespace)
    }

    #[inline]
    pub fn remove(&mut self) -> Result<()> {
        let Some(place) = self.place.take() else { return Ok(()) };
        let group = self.table.key_group(self.slot);
        self.table.groups[self.slot.group].remove(place, &self.table.about, group).map(drop)
    }
}
