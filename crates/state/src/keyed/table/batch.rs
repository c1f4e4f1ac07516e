//! Values of many keys at once: one look into a table for each, with what is needed for the next few dozen on its way
//! into the processor's cache meanwhile: first the tags, which say where entries are, then the entries.

use super::layout::{Layout, Place};
use super::names::entry_hash;
use super::{KeySlot, StateTable};
use flott_core::{Data, Key, Result};

/// Keys that are looked up at once.
const AT_ONCE: usize = 128;
/// No bucket has this number.
const NOWHERE: usize = usize::MAX;

type Slots = [KeySlot; AT_ONCE];

impl<K: Key, N: Key, V: Data> StateTable<K, N, V> {
    /// Calls `each` with the value of each of these keys, in order. Values that are not there are made by `make`.
    ///
    /// # Errors
    /// As [`StateTable::get`].
    pub fn update_all(
        &mut self,
        keys: &[K],
        namespace: &N,
        make: impl Fn() -> V,
        mut each: impl FnMut(&mut V),
    ) -> Result<()> {
        if self.stored.is_some() {
            let slots: Vec<KeySlot> = keys.iter().map(|key| KeySlot::of(key, self.max, self.range)).collect();
            self.load(keys.iter().zip(slots).map(|(key, slot)| (slot, key, namespace)))?;
        }
        let is_large = self.is_flat() && self.is_worth_prefetching();
        // The slots of the keys at hand, and of the next ones.
        let mut slots = [[KeySlot::NONE; AT_ONCE]; 2];
        let mut buckets = [NOWHERE; AT_ONCE];
        let mut chunks = keys.chunks(AT_ONCE).peekable();
        self.approach(chunks.peek().copied().unwrap_or_default(), namespace, is_large, &mut slots[0]);
        let mut at_hand = 0;
        while let Some(chunk) = chunks.next() {
            let next = chunks.peek().copied().unwrap_or_default();
            self.approach(next, namespace, is_large, &mut slots[1 - at_hand]);
            let slots = &slots[at_hand];
            if is_large {
                for (slot, bucket) in slots[..chunk.len()].iter().zip(&mut buckets) {
                    if let Layout::Flat(part) = &mut self.groups[slot.group].layout {
                        *bucket = part.locate(entry_hash(*slot, namespace)).unwrap_or(NOWHERE);
                    }
                }
            }
            for (key, (slot, bucket)) in chunk.iter().zip(slots.iter().zip(&buckets)) {
                // Another entry may be there: one with a similar hash, or one that has moved.
                match self.change_in(*bucket, *slot, key, namespace)? {
                    true => each(self.groups[slot.group].layout.at_mut(Place { part: 0, bucket: *bucket }).0),
                    false => each(self.get_or_insert_with(*slot, key, namespace, &make)?.0),
                }
            }
            at_hand = 1 - at_hand;
        }
        Ok(())
    }

    /// Marks the entry in a bucket as changed, if it is that of the key.
    #[inline]
    fn change_in(&mut self, bucket: usize, slot: KeySlot, key: &K, namespace: &N) -> Result<bool> {
        let key_group = self.key_group(slot);
        let group = &mut self.groups[slot.group];
        let Layout::Flat(part) = &mut group.layout else { return Ok(false) };
        let is_it = part.entries.get_bucket(bucket).is_some_and(|e| e.name.0 == *key && e.name.1 == *namespace);
        if is_it {
            group.change(Place { part: 0, bucket }, &self.about, key_group, (slot, namespace))?;
        }
        Ok(is_it)
    }

    /// Finds the slots of keys, and begins to fetch what tells where their entries are.
    #[inline]
    fn approach(&self, keys: &[K], namespace: &N, is_large: bool, slots: &mut Slots) {
        for (key, slot) in keys.iter().zip(slots) {
            *slot = KeySlot::of(key, self.max, self.range);
            if is_large && let Layout::Flat(part) = &self.groups[slot.group].layout {
                part.prefetch_tags(entry_hash(*slot, namespace));
            }
        }
    }
}
