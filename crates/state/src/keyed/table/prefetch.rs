//! Fetching entries into the processor's cache before they are needed.
//!
//! A table of many keys lies in memory, and each access would wait for it, some 50 ns. An operator that has a batch
//! knows the keys beforehand: it asks for the entries of the next few dozen records, and when it comes to them they
//! are there.

use super::{Group, KeySlot, StateTable, entry_hash};
use flott_core::{Data, Key};

/// A table of fewer bytes is in the cache anyway.
const CACHED_BYTES: usize = 2 << 20;

impl<K: Key, N: Key, V: Data> StateTable<K, N, V> {
    /// Begins to fetch the entry of a key in a namespace.
    #[inline]
    pub fn prefetch(&self, slot: KeySlot, namespace: &N) {
        if let Some(group) = self.groups.get(slot.group) {
            group.prefetch(entry_hash(slot, namespace));
        }
    }

    /// Whether fetching ahead is worth while.
    pub(super) fn is_worth_prefetching(&self) -> bool {
        // Groups are about equally large; asking one is enough.
        let first = self.groups.first().map_or(0, |group| group.entries.allocation_size());
        first * self.groups.len() > CACHED_BYTES
    }
}

impl<K, N, V> Group<K, N, V> {
    /// Begins to fetch the entry with this hash.
    #[inline]
    pub(super) fn prefetch(&self, hash: u64) {
        // This looks at the table's tags only, of which there is one byte per entry.
        let found = self.entries.iter_hash_buckets(hash).next().and_then(|bucket| self.entries.get_bucket(bucket));
        if let Some(entry) = found {
            fetch(entry);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "the processor's prefetch instruction has no safe form")]
#[inline]
fn fetch<T>(entry: &T) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    let start = std::ptr::from_ref(entry).cast::<i8>();
    // The entry may lie across two cache lines. Of a larger one, what comes first has to do.
    let last = start.wrapping_add(size_of::<T>().saturating_sub(1).min(CACHE_LINE));
    // SAFETY: prefetching is a hint; it reads nothing and cannot fail, whatever the address.
    unsafe {
        _mm_prefetch::<_MM_HINT_T0>(start);
        _mm_prefetch::<_MM_HINT_T0>(last);
    }
}

#[cfg(target_arch = "x86_64")]
const CACHE_LINE: usize = 64;

/// Elsewhere stable Rust has no such instruction.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn fetch<T>(_: &T) {}
