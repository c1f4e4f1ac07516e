//! Fetching entries into the processor's cache before they are needed.
//!
//! A table of many keys lies in memory, and each access would wait for it, some 50 ns. An operator that has a batch
//! knows the keys beforehand: it asks for the entries of the next few dozen records, and when it comes to them they
//! are there.

use super::layout::{Arrange, Layout};
use super::names::entry_hash;
use super::part::{Part, name_hash};
use super::{KeySlot, StateTable};
use flott_core::{Data, Key};

/// A table of fewer bytes is in the cache anyway.
const CACHED_BYTES: usize = 2 << 20;
const CACHE_LINE: usize = 64;
/// Groups whose size is asked for.
const GROUPS_ASKED: usize = 4;

impl<K: Key, N: Key, V: Data> StateTable<K, N, V> {
    /// Begins to fetch the entry of a key in a namespace.
    #[inline]
    pub fn prefetch(&self, slot: KeySlot, namespace: &N) {
        let Some(group) = self.groups.get(slot.group) else { return };
        match &group.layout {
            Layout::Flat(part) => part.prefetch(entry_hash(slot, namespace)),
            Layout::ByNamespace(parts) => {
                if let Some(part) = parts.find(namespace, || name_hash(namespace)) {
                    parts.at(part).part.prefetch(slot.hash.0);
                }
            }
            Layout::ByKey(_) => {}
        }
    }

    /// Estimated bytes of memory in which entries are looked for now: of all that is not parted, and of the namespace
    /// that was used last. Groups are about equally large; asking a few is enough.
    pub fn working_bytes(&self) -> usize {
        let used = self.groups.iter().take(GROUPS_ASKED).map(|group| match &group.layout {
            Layout::ByNamespace(parts) => parts.last().map_or(0, |part| part.part.entries.allocation_size()),
            Layout::Flat(part) => part.entries.allocation_size(),
            Layout::ByKey(_) => group.layout.byte_count(group.count),
        });
        used.max().unwrap_or(0) * self.groups.len()
    }

    pub(super) fn is_flat(&self) -> bool {
        self.arrange == Arrange::Flat
    }

    /// Whether fetching ahead is worth while.
    pub(super) fn is_worth_prefetching(&self) -> bool {
        self.working_bytes() > CACHED_BYTES
    }
}

impl<Q, V> Part<Q, V> {
    /// Begins to fetch the entry with this hash.
    #[inline]
    pub(super) fn prefetch(&self, hash: u64) {
        // This looks at the table's tags only, of which there is one byte per entry.
        if let Some(entry) = self.entries.find(hash, |_| true) {
            fetch(entry);
        }
    }

    /// As [`Part::prefetch`]. Returns the bucket of the entry, which is most likely the right one.
    #[inline]
    pub(super) fn locate(&mut self, hash: u64) -> Option<usize> {
        let bucket = self.entries.find_bucket_index(hash, |_| true)?;
        let entry = self.entries.get_bucket(bucket)?;
        fetch(entry);
        // Entries lie before the tags, in the order of their buckets from there backwards.
        self.tags = std::ptr::from_ref(entry).addr() + (bucket + 1) * size_of_val(entry);
        Some(bucket)
    }

    /// Begins to fetch the entry in a bucket, if there is one.
    #[inline]
    pub(super) fn prefetch_in(&self, bucket: usize) {
        if let Some(entry) = self.entries.get_bucket(bucket) {
            fetch(entry);
        }
    }

    /// Begins to fetch the tags that [`Part::locate`] will look at.
    #[inline]
    pub(super) fn prefetch_tags(&self, hash: u64) {
        let first = hash as usize & (self.entries.num_buckets() - 1);
        fetch_line(std::ptr::without_provenance(self.tags.wrapping_add(first)));
    }
}

#[inline]
fn fetch<T>(entry: &T) {
    let start = std::ptr::from_ref(entry).cast::<i8>();
    fetch_line(start);
    // The entry may lie across two cache lines. Of a larger one, what comes first has to do.
    fetch_line(start.wrapping_add(size_of::<T>().saturating_sub(1).min(CACHE_LINE)));
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "the processor's prefetch instruction has no safe form")]
#[inline]
fn fetch_line(place: *const i8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: prefetching is a hint; it reads nothing and cannot fail, whatever the address.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(place) }
}

/// Elsewhere stable Rust has no such instruction.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn fetch_line(_: *const i8) {}
