//! Sets of names of entries, and lists of which entries changed.

use super::KeySlot;
use flott_core::{Key, KeyHash};
use hashbrown::HashTable;

/// The hash of an entry by key and namespace.
#[inline]
pub(super) fn entry_hash<N: Key>(slot: KeySlot, namespace: &N) -> u64 {
    if size_of::<N>() == 0 { slot.hash.0 } else { slot.hash.with(namespace).0 }
}

#[inline]
pub(super) fn pair_hash<K: Key, N: Key>((key, namespace): &(K, N)) -> u64 {
    let hash = KeyHash::of(key);
    if size_of::<N>() == 0 { hash.0 } else { hash.with(namespace).0 }
}

/// A set of (key, namespace).
pub(super) struct Names<K, N>(HashTable<(K, N)>);

impl<K, N> Default for Names<K, N> {
    fn default() -> Self {
        Names(HashTable::new())
    }
}

impl<K: Key, N: Key> Names<K, N> {
    pub fn insert(&mut self, key: K, namespace: N) {
        let pair = (key, namespace);
        self.0.entry(pair_hash(&pair), |other| *other == pair, pair_hash).or_insert(pair);
    }

    #[inline]
    pub fn contains(&self, slot: KeySlot, key: &K, namespace: &N) -> bool {
        !self.0.is_empty() && self.0.find(entry_hash(slot, namespace), |(k, n)| k == key && n == namespace).is_some()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn iter(&self) -> impl Iterator<Item = &(K, N)> {
        self.0.iter()
    }
}

/// How the entries of a group that changed are found again.
pub(super) enum Changes {
    /// By the hashes of their part and of their name in it. An entry that was removed meanwhile may have left its own
    /// behind.
    Listed(Vec<(u64, u64)>),
    /// By looking at every entry: the list had grown past use.
    Many,
}

impl Default for Changes {
    fn default() -> Self {
        Changes::Listed(Vec::new())
    }
}

impl Changes {
    /// Notes that an entry of these hashes, in a group of `count`, has changed.
    #[inline]
    pub fn note(&mut self, hashes: (u64, u64), count: usize) {
        if let Changes::Listed(listed) = self {
            if listed.len() > count / 4 + 8 {
                *self = Changes::Many;
            } else {
                listed.push(hashes);
            }
        }
    }

    /// Takes the list and begins a new one.
    pub fn take(&mut self) -> Changes {
        std::mem::take(self)
    }

    /// At most so many entries changed, in a group of `count`.
    pub fn len_max(&self, count: usize) -> usize {
        match self {
            Changes::Listed(listed) => listed.len(),
            Changes::Many => count,
        }
    }
}
