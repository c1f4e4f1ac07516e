//! Values of many keys at once: one look into a table for each, with what is needed for the next few dozen on its way
//! into the processor's cache meanwhile: first the tags, which say where entries are, then the entries.

use super::{KeySlot, StateTable, part::entry_hash};
use flott_core::{Data, Key};

/// Keys that are looked up at once.
const AT_ONCE: usize = 128;
/// No bucket has this number.
const NOWHERE: usize = usize::MAX;

type Slots = [KeySlot; AT_ONCE];

impl<K: Key, N: Key, V: Data> StateTable<K, N, V> {
    /// Calls `each` with the value of each of these keys, in order. Values that are not there are made by `make`.
    pub fn update_all(&mut self, keys: &[K], namespace: &N, make: impl Fn() -> V, mut each: impl FnMut(&mut V)) {
        let is_large = !self.is_parted && self.is_worth_prefetching();
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
                    let main = &mut self.groups[slot.group].main;
                    *bucket = main.locate(entry_hash(*slot, namespace)).unwrap_or(NOWHERE);
                }
            }
            for (key, (slot, bucket)) in chunk.iter().zip(slots.iter().zip(&buckets)) {
                // Another entry may be there: one with a similar hash, or one that has moved.
                match self.groups[slot.group].main.get_mut_in(*bucket, key, namespace) {
                    Some(value) => each(value),
                    None => each(self.get_or_insert_with(*slot, key, namespace, &make).0),
                }
            }
            at_hand = 1 - at_hand;
        }
    }

    /// Finds the slots of keys, and begins to fetch what tells where their entries are.
    #[inline]
    fn approach(&self, keys: &[K], namespace: &N, is_large: bool, slots: &mut Slots) {
        for (key, slot) in keys.iter().zip(slots) {
            *slot = KeySlot::of(key, self.max, self.range);
            if is_large {
                self.groups[slot.group].main.prefetch_tags(entry_hash(*slot, namespace));
            }
        }
    }
}
