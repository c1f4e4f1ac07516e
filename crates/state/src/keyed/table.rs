//! One keyed state: a hash table per key group, with what changed since the last snapshot marked.
//!
//! An entry is found by (key, namespace): user state has the namespace `()`, windows have the window, timers the
//! time. The hash is the pinned [`KeyHash`], which the caller computes once per record ([`KeySlot`]). A table per
//! group keeps rehashing pauses short and lets a snapshot go group by group.

mod expire;
mod prefetch;
mod snapshot;

pub(super) use expire::{Expire, Expired};
pub(super) use snapshot::{AnyTable, Counts, Take};

use flott_core::{Data, Key, KeyGroupRange, KeyHash, MaxParallelism};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Probe;

/// Where a key's state is: its hash, and its group's place in the subtask's range. Made once per record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySlot {
    /// The key's hash.
    pub hash: KeyHash,
    /// The position of its key group within the subtask's range.
    pub group: usize,
}

impl KeySlot {
    /// The slot of `key` in a subtask that owns `range`.
    #[inline]
    pub fn of<K: Key>(key: &K, max: MaxParallelism, range: KeyGroupRange) -> KeySlot {
        let hash = KeyHash::of(key);
        let group = usize::from(max.key_group(hash).0).wrapping_sub(usize::from(range.start));
        debug_assert!(group < range.len(), "a record came to a subtask that does not own its key");
        KeySlot { hash, group }
    }
}

struct Entry<K, N, V> {
    key: K,
    namespace: N,
    value: V,
    /// Changed since the last snapshot.
    dirty: bool,
    /// Part of a snapshot, so that its removal must be written.
    written: bool,
}

struct Group<K, N, V> {
    entries: HashTable<Entry<K, N, V>>,
    changes: Changes,
    /// Written entries that are gone.
    removed: Vec<(K, N)>,
}

impl<K, N, V> Default for Group<K, N, V> {
    fn default() -> Self {
        Group { entries: HashTable::new(), changes: Changes::Listed(Vec::new()), removed: Vec::new() }
    }
}

/// How the dirty entries of a group are found again.
enum Changes {
    /// By their hashes; an entry that was removed meanwhile may have left its own behind.
    Listed(Vec<u64>),
    /// By looking at every entry: the list had grown past use.
    Many,
}

impl Changes {
    /// Notes that an entry of this hash, in a group of `count`, has become dirty.
    #[inline]
    fn note(&mut self, hash: u64, count: usize) {
        if let Changes::Listed(hashes) = self {
            if hashes.len() > count / 4 + 8 {
                *self = Changes::Many;
            } else {
                hashes.push(hash);
            }
        }
    }
}

/// Values of type `V` by key and namespace.
pub struct StateTable<K, N, V> {
    max: MaxParallelism,
    range: KeyGroupRange,
    groups: Vec<Group<K, N, V>>,
    /// Of a state with TTL.
    expiry: Option<expire::Expiry<V>>,
}

#[inline]
fn entry_hash<N: Key>(slot: KeySlot, namespace: &N) -> u64 {
    if size_of::<N>() == 0 { slot.hash.0 } else { slot.hash.with(namespace).0 }
}

#[inline]
fn rehash<K: Key, N: Key, V>(entry: &Entry<K, N, V>) -> u64 {
    let hash = KeyHash::of(&entry.key);
    if size_of::<N>() == 0 { hash.0 } else { hash.with(&entry.namespace).0 }
}

impl<K: Key, N: Key, V: Data> StateTable<K, N, V> {
    /// An empty table for the groups of `range`.
    pub fn new(max: MaxParallelism, range: KeyGroupRange) -> Self {
        StateTable { max, range, groups: (0..range.len()).map(|_| Group::default()).collect(), expiry: None }
    }

    /// The value of a key in a namespace.
    #[inline]
    pub fn get(&self, slot: KeySlot, key: &K, namespace: &N) -> Option<&V> {
        let hash = entry_hash(slot, namespace);
        let found = self.groups[slot.group].entries.find(hash, |e| e.key == *key && e.namespace == *namespace);
        found.map(|e| &e.value)
    }

    /// The value of a key in a namespace, to be changed.
    #[inline]
    pub fn get_mut(&mut self, slot: KeySlot, key: &K, namespace: &N) -> Option<&mut V> {
        let hash = entry_hash(slot, namespace);
        let Group { entries, changes, .. } = &mut self.groups[slot.group];
        let count = entries.len();
        let entry = entries.find_mut(hash, |e| e.key == *key && e.namespace == *namespace)?;
        if !entry.dirty {
            entry.dirty = true;
            changes.note(hash, count);
        }
        Some(&mut entry.value)
    }

    /// The value of a key in a namespace, made by `make` if there is none, to be changed. The flag says whether it
    /// was made now.
    #[inline]
    pub fn get_or_insert_with(
        &mut self,
        slot: KeySlot,
        key: &K,
        namespace: &N,
        make: impl FnOnce() -> V,
    ) -> (&mut V, bool) {
        let hash = entry_hash(slot, namespace);
        let Group { entries, changes, .. } = &mut self.groups[slot.group];
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

    /// Sets the value of a key in a namespace. Returns whether there was none before.
    #[inline]
    pub fn insert(&mut self, slot: KeySlot, key: &K, namespace: &N, value: V) -> bool {
        let mut value = Some(value);
        let (place, new) =
            self.get_or_insert_with(slot, key, namespace, || value.take().unwrap_or_else(|| unreachable!("made once")));
        if let Some(value) = value {
            *place = value;
        }
        new
    }

    /// Removes the value of a key in a namespace and returns it.
    #[inline]
    pub fn remove(&mut self, slot: KeySlot, key: &K, namespace: &N) -> Option<V> {
        let hash = entry_hash(slot, namespace);
        let group = &mut self.groups[slot.group];
        let found = group.entries.find_entry(hash, |e| e.key == *key && e.namespace == *namespace).ok()?;
        let (entry, _) = found.remove();
        if entry.written {
            group.removed.push((entry.key, entry.namespace));
        }
        Some(entry.value)
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.groups.iter().map(|g| g.entries.len()).sum()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.groups.iter().all(|g| g.entries.is_empty())
    }

    /// Every entry, group by group.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &N, &V)> {
        self.groups.iter().flat_map(|g| g.entries.iter()).map(|e| (&e.key, &e.namespace, &e.value))
    }

    /// Calls `visit` with every entry; those for which it returns false are removed. `visit` may change the value.
    pub fn retain(&mut self, mut visit: impl FnMut(&K, &N, &mut V) -> bool) {
        for group in &mut self.groups {
            let removed = &mut group.removed;
            group.changes = Changes::Many;
            group.entries.retain(|e| {
                let keep = visit(&e.key, &e.namespace, &mut e.value);
                e.dirty = true;
                if !keep && e.written {
                    removed.push((e.key.clone(), e.namespace.clone()));
                }
                keep
            });
        }
    }
}
