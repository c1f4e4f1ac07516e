//! A hash table of entries, with what changed since the last snapshot marked.

use super::KeySlot;
use flott_core::{Data, Key, KeyHash};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Probe;

pub(super) struct Entry<K, N, V> {
    pub key: K,
    pub namespace: N,
    pub value: V,
    /// Changed since the last snapshot.
    pub dirty: bool,
    /// Part of a snapshot, so that its removal must be written.
    pub written: bool,
}

/// Entries of one key group: all of them, or those of one namespace, which then is no part of the entry.
pub(super) struct Part<K, N, V> {
    pub entries: HashTable<Entry<K, N, V>>,
    pub changes: Changes,
    /// Where the table's tags begin in memory, or began once: a hint for fetching them.
    pub tags: usize,
}

impl<K, N, V> Default for Part<K, N, V> {
    fn default() -> Self {
        Part { entries: HashTable::new(), changes: Changes::Listed(Vec::new()), tags: 0 }
    }
}

/// How the dirty entries of a part are found again.
pub(super) enum Changes {
    /// By their hashes; an entry that was removed meanwhile may have left its own behind.
    Listed(Vec<u64>),
    /// By looking at every entry: the list had grown past use.
    Many,
}

impl Changes {
    /// Notes that an entry of this hash, in a part of `count`, has become dirty.
    #[inline]
    pub fn note(&mut self, hash: u64, count: usize) {
        if let Changes::Listed(hashes) = self {
            if hashes.len() > count / 4 + 8 {
                *self = Changes::Many;
            } else {
                hashes.push(hash);
            }
        }
    }
}

#[inline]
pub(super) fn entry_hash<N: Key>(slot: KeySlot, namespace: &N) -> u64 {
    if size_of::<N>() == 0 { slot.hash.0 } else { slot.hash.with(namespace).0 }
}

#[inline]
pub(super) fn rehash<K: Key, N: Key, V>(entry: &Entry<K, N, V>) -> u64 {
    let hash = KeyHash::of(&entry.key);
    if size_of::<N>() == 0 { hash.0 } else { hash.with(&entry.namespace).0 }
}

impl<K: Key, N: Key, V: Data> Part<K, N, V> {
    #[inline]
    pub fn get(&self, hash: u64, key: &K, namespace: &N) -> Option<&V> {
        self.entries.find(hash, |e| e.key == *key && e.namespace == *namespace).map(|e| &e.value)
    }

    #[inline]
    pub fn get_mut(&mut self, hash: u64, key: &K, namespace: &N) -> Option<&mut V> {
        let Part { entries, changes, .. } = self;
        let count = entries.len();
        let entry = entries.find_mut(hash, |e| e.key == *key && e.namespace == *namespace)?;
        if !entry.dirty {
            entry.dirty = true;
            changes.note(hash, count);
        }
        Some(&mut entry.value)
    }

    /// The value in a bucket, if it is that of the key.
    #[inline]
    pub fn get_mut_in(&mut self, bucket: usize, key: &K, namespace: &N) -> Option<&mut V> {
        let Part { entries, changes, .. } = self;
        let count = entries.len();
        let entry = entries.get_bucket_mut(bucket).filter(|e| e.key == *key && e.namespace == *namespace)?;
        if !entry.dirty {
            entry.dirty = true;
            changes.note(rehash(entry), count);
        }
        Some(&mut entry.value)
    }

    #[inline]
    pub fn get_or_insert_with(
        &mut self,
        hash: u64,
        key: &K,
        namespace: &N,
        make: impl FnOnce() -> V,
    ) -> (&mut V, bool) {
        let Part { entries, changes, .. } = self;
        let count = entries.len();
        match entries.entry(hash, |e| e.key == *key && e.namespace == *namespace, rehash) {
            Probe::Occupied(found) => {
                let entry = found.into_mut();
                if !entry.dirty {
                    entry.dirty = true;
                    changes.note(hash, count);
                }
                (&mut entry.value, false)
            }
            Probe::Vacant(place) => {
                changes.note(hash, count);
                let (key, namespace) = (key.clone(), namespace.clone());
                let entry = Entry { key, namespace, value: make(), dirty: true, written: false };
                (&mut place.insert(entry).into_mut().value, true)
            }
        }
    }

    #[inline]
    pub fn remove(&mut self, hash: u64, key: &K, namespace: &N) -> Option<Entry<K, N, V>> {
        let found = self.entries.find_entry(hash, |e| e.key == *key && e.namespace == *namespace).ok()?;
        Some(found.remove().0)
    }

    /// Keeps the entries that `keep` wants, which may change them.
    pub fn retain(&mut self, mut keep: impl FnMut(&mut Entry<K, N, V>) -> bool) {
        self.changes = Changes::Many;
        self.entries.retain(|entry| {
            entry.dirty = true;
            keep(entry)
        });
    }
}

impl<K, N, V> Part<K, N, V> {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
