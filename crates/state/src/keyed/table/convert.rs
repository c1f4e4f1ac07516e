//! The entries of a table in another form: with other values, or taken apart.

use super::encode::Form;
use super::stored::group_range;
use super::{KeySlot, StateTable};
use crate::store::KeyedStore;
use flott_core::{Data, Key, KeyGroup, Result};

impl<K: Key, N: Key, V: Data> StateTable<K, N, V> {
    /// The same entries with other values, in the table of another form: on the heap at once, on a store group by
    /// group.
    pub(in crate::keyed) fn convert<W: Data>(
        self,
        to: &mut StateTable<K, N, W>,
        mut map: impl FnMut(V) -> W,
    ) -> Result<()> {
        if self.stored.is_none() {
            let expiry = to.expiry.take();
            *to = self.map_values(map);
            to.expiry = expiry;
            return Ok(());
        }
        for place in 0..self.groups.len() {
            let mut entries = Vec::new();
            self.scan_group(place, |key, namespace, value| {
                entries.push((key, namespace, value));
                Ok(())
            })?;
            for (key, namespace, value) in entries {
                let slot = KeySlot::of(&key, self.max, self.range);
                to.overwrite(slot, &key, &namespace, map(value));
            }
            to.write_back(place)?;
            to.let_go(place);
        }
        Ok(())
    }

    /// Takes the entries, which are on a store, apart into those of a table of other names on the same store, group by group.
    pub(in crate::keyed) fn take_apart<M: Key, W: Data>(
        self,
        to: &mut StateTable<K, M, W>,
        mut parts: impl FnMut(V) -> Vec<(M, W)>,
    ) -> Result<()> {
        let (Some(stored), Form::Store(form)) = (&self.stored, &self.about.form) else { return Ok(()) };
        for place in 0..self.groups.len() {
            let mut entries = Vec::new();
            self.scan_group(place, |key, _, value| {
                entries.push((key, value));
                Ok(())
            })?;
            if entries.is_empty() {
                continue;
            }
            let (first, end) = group_range(KeyGroup(self.range.start + place as u16), form.number);
            stored.store.delete_range(&first, &end)?;
            for (key, value) in entries {
                let slot = KeySlot::of(&key, self.max, self.range);
                parts(value).into_iter().for_each(|(name, part)| to.overwrite(slot, &key, &name, part));
            }
            to.write_back(place)?;
            to.let_go(place);
        }
        Ok(())
    }

    /// Adds an entry that is not here, whatever the store holds.
    pub(in crate::keyed) fn overwrite(&mut self, slot: KeySlot, key: &K, namespace: &N, value: V) {
        let now = self.about.clock.now;
        let group = &mut self.groups[slot.group];
        let place = group.insert(now, slot, key, namespace, value);
        group.layout.at_mut(place).1.written = true;
    }
}
