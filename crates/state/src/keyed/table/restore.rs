//! Taking over what a checkpoint holds: sections of files, or a store that was written by other types.

use super::group::Group;
use super::part::Mark;
use super::readers::Readers;
use super::stored::group_range;
use super::{Counts, Form, KeySlot, StateTable};
use crate::canonical::{Entries, StateDescription};
use crate::store::KeyedStore;
use flott_core::{Data, Error, Key, KeyGroup, Result};

impl<K: Key, N: Key, V: Data> StateTable<K, N, V> {
    /// Applies what [`super::AnyTable::take_group`] wrote.
    pub(in crate::keyed) fn restore_group(
        &mut self,
        group: KeyGroup,
        counts: Counts,
        mut bytes: &[u8],
        readers: &Readers<K, N, V>,
        is_distinct: bool,
    ) -> Result<()> {
        let place = usize::from(group.0 - self.range.start);
        // Removals stand first: a key that was removed and came back is among the entries too.
        for _ in 0..counts.removals {
            let (key, namespace) = readers.names(&mut bytes)?;
            let slot = self.slot_in(group, &key)?;
            if self.stored.is_some() {
                self.remove(slot, &key, &namespace)?;
            } else if let Some(found) = self.groups[place].layout.find(slot, &key, &namespace) {
                self.groups[place].layout.remove(found);
                self.groups[place].count -= 1;
            }
        }
        // What a file adds to an empty group is all different, if Flott wrote it.
        let distinct = is_distinct && self.groups[place].count == 0 && self.stored.is_none();
        if distinct {
            // A damaged count must not take all memory: an entry has at least one byte, or there is only one.
            self.groups[place].layout.reserve((counts.entries as usize).min(bytes.len() + 1));
        }
        for _ in 0..counts.entries {
            let (key, namespace) = readers.names(&mut bytes)?;
            let value = readers.value(&mut bytes)?;
            let slot = self.slot_in(group, &key)?;
            if self.stored.is_some() {
                self.insert(slot, &key, &namespace, value)?;
            } else {
                self.groups[place].restore(slot, &key, &namespace, value, distinct);
            }
        }
        if self.stored.is_some() {
            self.write_back(place)?;
            self.let_go(place);
            self.let_go(place);
        }
        if bytes.is_empty() {
            Ok(())
        } else {
            Err(Error::corrupt(format!(
                "{} bytes are left over after {} entries of types {}, {}, {}",
                bytes.len(),
                counts.entries,
                std::any::type_name::<K>(),
                std::any::type_name::<N>(),
                std::any::type_name::<V>()
            )))
        }
    }

    /// Has the store, which holds the state as it was written by other types, hold it as these types write it. Returns the
    /// number of entries.
    pub(in crate::keyed) fn rewrite(
        &mut self,
        readers: &Readers<K, N, V>,
        written: &StateDescription,
    ) -> Result<usize> {
        let (Some(stored), Form::Store(form)) = (&self.stored, &self.about.form) else { return Ok(0) };
        let mut count = 0;
        let (store, number) = (stored.store.clone(), form.number);
        let entries = Entries::new(written)?;
        for place in 0..self.groups.len() {
            let group = KeyGroup(self.range.start + place as u16);
            let (from, to) = group_range(group, number);
            let (mut entry, mut read) = (Vec::new(), Vec::new());
            store.scan(&from, &to, &mut |key, value| {
                entry.clear();
                entries.unstore(key, value, &mut entry)?;
                let mut bytes = &entry[..];
                let (key, namespace) = readers.names(&mut bytes)?;
                read.push((key, namespace, readers.value(&mut bytes)?));
                Ok(true)
            })?;
            if read.is_empty() {
                continue;
            }
            count += read.len();
            // Keys may be written in another way too.
            store.delete_range(&from, &to)?;
            for (key, namespace, value) in read {
                let slot = self.slot_in(group, &key)?;
                self.overwrite(slot, &key, &namespace, value);
            }
            self.write_back(place)?;
            self.let_go(place);
        }
        Ok(count)
    }

    /// The slot of a key that was found in a group.
    fn slot_in(&self, group: KeyGroup, key: &K) -> Result<KeySlot> {
        let hash = flott_core::KeyHash::of(key);
        let own = self.max.key_group(hash);
        if own == group {
            return Ok(KeySlot { hash, group: usize::from(group.0 - self.range.start) });
        }
        Err(Error::corrupt(format!("a key of key group {} stands in key group {}", own.0, group.0)))
    }
}

impl<K: Key, N: Key, V: Data> Group<K, N, V> {
    /// Takes an entry of a file. `distinct`: there is surely none for its key yet.
    #[inline]
    fn restore(&mut self, slot: KeySlot, key: &K, namespace: &N, value: V, distinct: bool) {
        if !distinct && let Some(place) = self.layout.find(slot, key, namespace) {
            *self.layout.at_mut(place).0 = value;
            return;
        }
        self.count += 1;
        self.layout.insert(slot, key, namespace, value, Mark::CLEAN);
    }
}
