//! A table whose names are in an order in the store, of which the first part is in memory: what timers need.
//!
//! Unlike others it is written without being looked up: what lies behind the part in memory is put or deleted blindly.

use super::encode::Form;
use super::part::Mark;
use super::stored::group_range;
use super::{KeySlot, StateTable};
use crate::store::KeyedStore;
use flott_core::{Data, Key, KeyGroup, Result};
use std::collections::BTreeMap;

impl<K: Key, N: Key, V: Data + Default> StateTable<K, N, V> {
    /// Keeps what is in use until it is released.
    pub(in crate::keyed) fn pin(&mut self) {
        self.is_pinning = true;
    }

    /// The name of an entry in the store.
    pub(in crate::keyed) fn store_name(&self, slot: KeySlot, key: &K, namespace: &N) -> Result<Vec<u8>> {
        let mut name = Vec::new();
        if let Form::Store(form) = &self.about.form {
            form.key(self.key_group(slot), key, namespace, &mut name)?;
        }
        Ok(name)
    }

    /// Where the names of a group begin.
    pub(in crate::keyed) fn first_name(&self, place: usize) -> Vec<u8> {
        match &self.about.form {
            Form::Store(form) => group_range(KeyGroup(self.range.start + place as u16), form.number).0,
            Form::File => Vec::new(),
        }
    }

    /// Whether an entry is in memory.
    pub(in crate::keyed) fn is_here(&self, slot: KeySlot, key: &K, namespace: &N) -> bool {
        self.groups[slot.group].layout.find(slot, key, namespace).is_some()
    }

    /// Adds an entry that is not in memory. `blind`: the store may have it.
    pub(in crate::keyed) fn add_here(&mut self, slot: KeySlot, key: &K, namespace: &N, blind: bool) {
        let now = self.about.clock.now;
        let group = &mut self.groups[slot.group];
        let written = blind || group.is_surely_absent(slot, key, namespace);
        let place = group.insert(now, slot, key, namespace, V::default());
        let mark = group.layout.at_mut(place).1;
        (mark.written, mark.used) = (written, !blind);
    }

    /// Removes an entry that is in memory. Returns whether it was.
    pub(in crate::keyed) fn remove_here(&mut self, slot: KeySlot, key: &K, namespace: &N) -> Result<bool> {
        let group = &mut self.groups[slot.group];
        let Some(place) = group.layout.find(slot, key, namespace) else { return Ok(false) };
        let key_group = KeyGroup(self.range.start + slot.group as u16);
        group.remove(place, &self.about, key_group)?;
        Ok(true)
    }

    /// Removes an entry that is not in memory, whether the store has it or not.
    pub(in crate::keyed) fn remove_there(&mut self, slot: KeySlot, key: &K, namespace: &N) {
        self.groups[slot.group].removed.insert(key.clone(), namespace.clone());
    }

    /// Takes the first entries of a group from `from` on into memory, about `count` of them, and has `each` have them.
    /// Returns the name of the entry that comes next, if there is one.
    pub(in crate::keyed) fn take_first(
        &mut self,
        place: usize,
        from: &[u8],
        count: usize,
        mut each: impl FnMut(&K, &N),
    ) -> Result<Option<Vec<u8>>> {
        let (Some(stored), Form::Store(form)) = (&self.stored, &self.about.form) else { return Ok(None) };
        let key_group = KeyGroup(self.range.start + place as u16);
        let group = &mut self.groups[place];
        // What is here and not in use comes from behind the part in memory.
        let mut found: BTreeMap<Vec<u8>, (K, N)> = BTreeMap::new();
        let mut outcome = Ok(());
        group.layout.for_each(|entry| {
            if !entry.mark.used {
                let mut name = Vec::new();
                match form.key(key_group, entry.key, entry.namespace, &mut name) {
                    Ok(()) => drop(found.insert(name, (entry.key.clone(), entry.namespace.clone()))),
                    Err(e) => outcome = Err(e),
                }
            }
        });
        outcome?;
        let count = count.max(found.len() / 4);
        let mut seen = 0;
        let to = group_range(key_group, form.number).1;
        stored.store.scan(from, &to, &mut |name, _| {
            let (key, namespace) = form.names(name)?;
            let slot = KeySlot::of(&key, self.max, self.range);
            if !group.is_surely_absent(slot, &key, &namespace) {
                found.insert(name.to_vec(), (key, namespace));
                seen += 1;
            }
            Ok(seen <= count)
        })?;
        let mut next = None;
        for (n, (name, (key, namespace))) in found.into_iter().enumerate() {
            if n == count {
                next = Some(name);
                break;
            }
            each(&key, &namespace);
            let slot = KeySlot::of(&key, self.max, self.range);
            let at = match group.layout.find(slot, &key, &namespace) {
                Some(at) => at,
                None => {
                    group.count += 1;
                    group.layout.insert(slot, &key, &namespace, V::default(), Mark::CLEAN)
                }
            };
            group.layout.at_mut(at).1.used = true;
        }
        Ok(next)
    }

    /// An entry in memory is not in use any more.
    pub(in crate::keyed) fn release(&mut self, slot: KeySlot, key: &K, namespace: &N) {
        let group = &mut self.groups[slot.group];
        if let Some(place) = group.layout.find(slot, key, namespace) {
            group.layout.at_mut(place).1.used = false;
        }
    }
}
