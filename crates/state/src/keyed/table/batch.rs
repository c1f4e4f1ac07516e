//! Values of many keys at once: one look into a table for each, with what is needed for the next few dozen on its way
//! into the processor's cache meanwhile: first the tags, which say where entries are, then the entries.
//!
//! ```text
//! heap    128 keys at a time:   tags of the next  ->  buckets of these  ->  their values
//! store   likewise; from the first 128 on of which one is not here
//!         all keys:             buckets  ->  what is not here, with one look-up in the store  ->  values
//! ```

use super::entry::Entry;
use super::layout::{Layout, Place};
use super::names::entry_hash;
use super::stored::Missing;
use super::{KeySlot, StateTable};
use flott_core::{Data, Key, Result};

/// Keys that are looked up at once.
const AT_ONCE: usize = 128;
/// So many keys ahead an entry is fetched whose bucket is known.
const AHEAD: usize = 16;
/// No bucket has this number.
const NOWHERE: usize = usize::MAX;

impl<K: Key, N: Key, V: Data> StateTable<K, N, V> {
    /// Calls `each` with the value of each of these keys, whose slots are `slots`, in order. Values that are not there
    /// are made by `make`; those for which `each` returns false are removed.
    ///
    /// # Errors
    /// As [`StateTable::get`].
    #[inline]
    pub fn update_all(
        &mut self,
        keys: &[K],
        slots: &[KeySlot],
        namespace: &N,
        make: impl Fn() -> V,
        mut each: impl FnMut(&mut V) -> Result<bool>,
    ) -> Result<()> {
        self.walk_all(keys, slots, namespace, |table, bucket, slot, key| {
            let value = match table.changed_in(bucket, slot, key, namespace) {
                Some(value) => value,
                None => table.value_at(bucket, slot, key, namespace, &make)?,
            };
            if !each(value)? {
                table.remove(slot, key, namespace)?;
            }
            Ok(())
        })
    }

    /// Calls `each` with what each of these keys, whose slots are `slots`, has, in order.
    ///
    /// # Errors
    /// As [`StateTable::get`].
    #[inline]
    pub(in crate::keyed) fn entries_all(
        &mut self,
        keys: &[K],
        slots: &[KeySlot],
        namespace: &N,
        mut each: impl FnMut(Entry<'_, '_, K, N, V>) -> Result<()>,
    ) -> Result<()> {
        self.walk_all(keys, slots, namespace, |table, bucket, slot, key| {
            let place = match table.is_in(bucket, slot, key, namespace) {
                true => Some(Place { part: 0, bucket }),
                false => table.place(slot, key, namespace)?,
            };
            each(Entry { table, slot, key, namespace, place })
        })
    }

    /// As [`StateTable::entries_all`], each key with a namespace of its own.
    ///
    /// # Errors
    /// As [`StateTable::get`].
    pub(in crate::keyed) fn entries_of_pairs(
        &mut self,
        keys: &[K],
        slots: &[KeySlot],
        namespaces: &[N],
        mut each: impl FnMut(Entry<'_, '_, K, N, V>) -> Result<()>,
    ) -> Result<()> {
        let pairs = || slots.iter().zip(keys.iter().zip(namespaces));
        self.load(pairs().map(|(slot, (key, namespace))| (*slot, key, namespace)))?;
        for (slot, (key, namespace)) in pairs() {
            let place = self.place(*slot, key, namespace)?;
            each(Entry { table: self, slot: *slot, key, namespace, place })?;
        }
        Ok(())
    }

    /// Calls `each` with each of these keys, its slot and the bucket in which its entry most likely is; what it has is in
    /// memory then.
    #[inline(always)]
    fn walk_all(
        &mut self,
        keys: &[K],
        slots: &[KeySlot],
        namespace: &N,
        mut each: impl FnMut(&mut Self, usize, KeySlot, &K) -> Result<()>,
    ) -> Result<()> {
        let is_large = self.is_flat() && self.is_worth_prefetching();
        let mut buckets = [NOWHERE; AT_ONCE];
        if is_large {
            self.approach(&slots[..slots.len().min(AT_ONCE)], namespace);
        }
        for start in (0..keys.len()).step_by(AT_ONCE) {
            let end = keys.len().min(start + AT_ONCE);
            let (some, places) = (&keys[start..end], &slots[start..end]);
            let buckets = &mut buckets[..some.len()];
            if is_large {
                self.approach(&slots[end..slots.len().min(end + AT_ONCE)], namespace);
                self.locate(places, namespace, buckets);
            }
            if self.stored.is_some() && !self.use_all(some, places, namespace, buckets) {
                // What is missing of all the rest is looked up at once.
                let (keys, slots) = (&keys[start..], &slots[start..]);
                let buckets = self.load_at(keys, slots, namespace)?;
                return self.walk_at(keys, slots, &buckets, &mut each);
            }
            self.walk_at(some, places, buckets, &mut each)?;
        }
        Ok(())
    }

    /// As [`StateTable::walk_all`], with buckets that are known.
    #[inline(always)]
    fn walk_at(
        &mut self,
        keys: &[K],
        slots: &[KeySlot],
        buckets: &[usize],
        each: &mut impl FnMut(&mut Self, usize, KeySlot, &K) -> Result<()>,
    ) -> Result<()> {
        let is_on_store = self.stored.is_some();
        for (n, (key, (slot, bucket))) in keys.iter().zip(slots.iter().zip(buckets)).enumerate() {
            if is_on_store && let (Some(slot), Some(bucket)) = (slots.get(n + AHEAD), buckets.get(n + AHEAD)) {
                self.prefetch_in(*slot, *bucket);
            }
            each(self, *bucket, *slot, key)?;
        }
        Ok(())
    }

    /// The value in a bucket, if it is that of the key and has been changed before in this epoch: nothing is to be noted
    /// then. Most changes are such.
    #[inline(always)]
    fn changed_in(&mut self, bucket: usize, slot: KeySlot, key: &K, namespace: &N) -> Option<&mut V> {
        let Layout::Flat(part) = &mut self.groups[slot.group].layout else { return None };
        let entry = part.entries.get_bucket_mut(bucket)?;
        let is_it = entry.name.0 == *key && entry.name.1 == *namespace && entry.mark.changed == self.about.clock.now;
        is_it.then_some(&mut entry.value)
    }

    /// The value of a key, which most likely is in this bucket, to be changed. It is made if there is none.
    fn value_at(
        &mut self,
        bucket: usize,
        slot: KeySlot,
        key: &K,
        namespace: &N,
        make: &impl Fn() -> V,
    ) -> Result<&mut V> {
        // Another entry may be there: one with a similar hash, or one that has moved.
        let place = match self.is_in(bucket, slot, key, namespace) {
            true => Place { part: 0, bucket },
            false => self.place_or_make(slot, key, namespace, make)?.0,
        };
        self.change(slot, place, namespace)
    }

    /// Whether the entry in a bucket is that of the key.
    #[inline(always)]
    fn is_in(&self, bucket: usize, slot: KeySlot, key: &K, namespace: &N) -> bool {
        let Layout::Flat(part) = &self.groups[slot.group].layout else { return false };
        part.entries.get_bucket(bucket).is_some_and(|e| e.name.0 == *key && e.name.1 == *namespace)
    }

    /// Looks up in the store what is not here of these keys. Returns the buckets of entries, as far as they can be told.
    pub(super) fn load_at(&mut self, keys: &[K], slots: &[KeySlot], namespace: &N) -> Result<Vec<usize>> {
        let mut buckets = vec![NOWHERE; keys.len()];
        let is_large = self.is_flat() && self.is_worth_prefetching();
        let mut missing = Missing::new();
        for start in (0..keys.len()).step_by(AT_ONCE) {
            let end = keys.len().min(start + AT_ONCE);
            let (some, places) = (&keys[start..end], &slots[start..end]);
            if is_large {
                self.approach(&slots[end..slots.len().min(end + AT_ONCE)], namespace);
                self.locate(places, namespace, &mut buckets[start..end]);
            }
            if !self.use_all(some, places, namespace, &mut buckets[start..end]) {
                for n in (start..end).filter(|n| buckets[*n] == NOWHERE) {
                    self.miss(n, (slots[n], &keys[n], namespace), &mut missing)?;
                }
            }
        }
        self.look_up(missing, |n, place| buckets[n] = place.bucket)?;
        Ok(buckets)
    }

    /// Marks the entries of keys as used and corrects their buckets. Returns whether all are here.
    #[inline]
    fn use_all(&mut self, keys: &[K], slots: &[KeySlot], namespace: &N, buckets: &mut [usize]) -> bool {
        let mut are_here = true;
        for (key, (slot, bucket)) in keys.iter().zip(slots.iter().zip(buckets)) {
            let layout = &mut self.groups[slot.group].layout;
            let is_it = |(k, n): &(K, N)| k == key && n == namespace;
            if let Layout::Flat(part) = layout
                && let Some(entry) = part.entries.get_bucket_mut(*bucket).filter(|e| is_it(&e.name))
            {
                entry.mark.used = true;
            } else if let Some(place) = layout.find(*slot, key, namespace) {
                layout.at_mut(place).1.used = true;
                *bucket = place.bucket;
            } else {
                (*bucket, are_here) = (NOWHERE, false);
            }
        }
        are_here
    }

    /// Finds the buckets of keys, most likely, and begins to fetch their entries.
    #[inline(always)]
    fn locate(&mut self, slots: &[KeySlot], namespace: &N, buckets: &mut [usize]) {
        for (slot, bucket) in slots.iter().zip(buckets) {
            if let Layout::Flat(part) = &mut self.groups[slot.group].layout {
                *bucket = part.locate(entry_hash(*slot, namespace)).unwrap_or(NOWHERE);
            }
        }
    }

    /// Begins to fetch the entry in a bucket.
    #[inline(always)]
    fn prefetch_in(&self, slot: KeySlot, bucket: usize) {
        if let Layout::Flat(part) = &self.groups[slot.group].layout {
            part.prefetch_in(bucket);
        }
    }

    /// Begins to fetch what tells where entries are.
    #[inline]
    fn approach(&self, slots: &[KeySlot], namespace: &N) {
        for slot in slots {
            if let Layout::Flat(part) = &self.groups[slot.group].layout {
                part.prefetch_tags(entry_hash(*slot, namespace));
            }
        }
    }
}
