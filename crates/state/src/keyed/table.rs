//! One keyed state: a hash table per key group, with what changed since the last snapshot marked.
//!
//! An entry is found by (key, namespace): user state has the namespace `()`, windows have the window, timers the
//! time. The hash is the pinned [`KeyHash`], which the caller computes once per record ([`KeySlot`]). A table per
//! group keeps rehashing pauses short and lets a snapshot go group by group.
//!
//! Where many keys share few namespaces, as with windows that are aligned, a group has a hash table for each of them:
//! those that are in use now are then next to each other in memory, and those that wait are out of the way.

mod batch;
mod expire;
mod part;
mod prefetch;
mod snapshot;

pub(super) use expire::{Expire, Expired};
pub(super) use snapshot::{AnyTable, Counts, Take};

use flott_core::{Data, Key, KeyGroupRange, KeyHash, MaxParallelism};
use hashbrown::HashTable;
use part::{Changes, Entry, Part, entry_hash, rehash};

/// Where a key's state is: its hash, and its group's place in the subtask's range. Made once per record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySlot {
    /// The key's hash.
    pub hash: KeyHash,
    /// The position of its key group within the subtask's range.
    pub group: usize,
}

impl KeySlot {
    /// No key's slot.
    const NONE: KeySlot = KeySlot { hash: KeyHash(0), group: 0 };

    /// The slot of `key` in a subtask that owns `range`.
    #[inline]
    pub fn of<K: Key>(key: &K, max: MaxParallelism, range: KeyGroupRange) -> KeySlot {
        let hash = KeyHash::of(key);
        let group = usize::from(max.key_group(hash).0).wrapping_sub(usize::from(range.start));
        debug_assert!(group < range.len(), "a record came to a subtask that does not own its key");
        KeySlot { hash, group }
    }
}

struct Group<K, N, V> {
    main: Part<K, N, V>,
    /// Where namespaces are parted: a part for each that has entries; `main` is empty then.
    parts: HashTable<(N, Part<K, (), V>)>,
    /// The bucket of the part that was used last.
    last: usize,
    /// Written entries that are gone.
    removed: Vec<(K, N)>,
}

impl<K, N, V> Default for Group<K, N, V> {
    fn default() -> Self {
        Group { main: Part::default(), parts: HashTable::new(), last: 0, removed: Vec::new() }
    }
}

impl<K: Key, N: Key, V: Data> Group<K, N, V> {
    /// The bucket of a namespace's part.
    #[inline]
    fn bucket(&self, namespace: &N) -> Option<usize> {
        match self.parts.get_bucket(self.last) {
            Some((last, _)) if last == namespace => Some(self.last),
            _ => self.parts.find_bucket_index(KeyHash::of(namespace).0, |(other, _)| other == namespace),
        }
    }

    #[inline]
    fn part(&self, namespace: &N) -> Option<&Part<K, (), V>> {
        self.bucket(namespace).and_then(|bucket| self.parts.get_bucket(bucket)).map(|(_, part)| part)
    }

    #[inline]
    fn part_mut(&mut self, namespace: &N) -> Option<&mut Part<K, (), V>> {
        self.last = self.bucket(namespace)?;
        self.parts.get_bucket_mut(self.last).map(|(_, part)| part)
    }

    /// The part of a namespace, made if there is none.
    #[inline]
    fn make_part(&mut self, namespace: &N) -> &mut Part<K, (), V> {
        if self.bucket(namespace).is_none() {
            self.add_part(namespace);
        }
        match self.part_mut(namespace) {
            Some(part) => part,
            None => unreachable!("the part has just been made"),
        }
    }

    #[cold]
    fn add_part(&mut self, namespace: &N) {
        let part = (namespace.clone(), Part::default());
        self.parts.insert_unique(KeyHash::of(namespace).0, part, |(other, _)| KeyHash::of(other).0);
    }

    #[cold]
    fn drop_part(&mut self, namespace: &N) {
        if let Ok(found) = self.parts.find_entry(KeyHash::of(namespace).0, |(other, _)| other == namespace) {
            found.remove();
        }
    }

    fn len(&self) -> usize {
        self.main.len() + self.parts.iter().map(|(_, part)| part.len()).sum::<usize>()
    }

    fn is_empty(&self) -> bool {
        self.main.is_empty() && self.parts.is_empty()
    }
}

/// Values of type `V` by key and namespace.
pub struct StateTable<K, N, V> {
    max: MaxParallelism,
    range: KeyGroupRange,
    groups: Vec<Group<K, N, V>>,
    /// Whether each namespace has a part of its own.
    is_parted: bool,
    /// Of a state with TTL.
    expiry: Option<expire::Expiry<V>>,
}

impl<K: Key, N: Key, V: Data> StateTable<K, N, V> {
    /// An empty table for the groups of `range`.
    pub fn new(max: MaxParallelism, range: KeyGroupRange) -> Self {
        let groups = (0..range.len()).map(|_| Group::default()).collect();
        StateTable { max, range, groups, is_parted: false, expiry: None }
    }

    /// An empty table for namespaces that many keys share.
    pub fn parted(max: MaxParallelism, range: KeyGroupRange) -> Self {
        StateTable { is_parted: size_of::<N>() > 0, ..StateTable::new(max, range) }
    }

    /// The value of a key in a namespace.
    #[inline]
    pub fn get(&self, slot: KeySlot, key: &K, namespace: &N) -> Option<&V> {
        let group = &self.groups[slot.group];
        if self.is_parted {
            group.part(namespace)?.get(slot.hash.0, key, &())
        } else {
            group.main.get(entry_hash(slot, namespace), key, namespace)
        }
    }

    /// The value of a key in a namespace, to be changed.
    #[inline]
    pub fn get_mut(&mut self, slot: KeySlot, key: &K, namespace: &N) -> Option<&mut V> {
        let group = &mut self.groups[slot.group];
        if self.is_parted {
            group.part_mut(namespace)?.get_mut(slot.hash.0, key, &())
        } else {
            group.main.get_mut(entry_hash(slot, namespace), key, namespace)
        }
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
        let group = &mut self.groups[slot.group];
        if self.is_parted {
            group.make_part(namespace).get_or_insert_with(slot.hash.0, key, &(), make)
        } else {
            group.main.get_or_insert_with(entry_hash(slot, namespace), key, namespace, make)
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
        let group = &mut self.groups[slot.group];
        if self.is_parted {
            let part = group.part_mut(namespace)?;
            let removed = part.remove(slot.hash.0, key, &());
            if part.is_empty() {
                group.drop_part(namespace);
            }
            let entry = removed?;
            if entry.written {
                group.removed.push((entry.key, namespace.clone()));
            }
            Some(entry.value)
        } else {
            let entry = group.main.remove(entry_hash(slot, namespace), key, namespace)?;
            if entry.written {
                group.removed.push((entry.key, entry.namespace));
            }
            Some(entry.value)
        }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.groups.iter().map(Group::len).sum()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.groups.iter().all(Group::is_empty)
    }

    /// Every entry, group by group.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &N, &V)> {
        self.groups.iter().flat_map(|group| {
            let main = group.main.entries.iter().map(|e| (&e.key, &e.namespace, &e.value));
            let parts =
                group.parts.iter().flat_map(|(namespace, part)| part.entries.iter().map(move |e| (namespace, e)));
            main.chain(parts.map(|(namespace, e)| (&e.key, namespace, &e.value)))
        })
    }

    /// Calls `visit` with every entry; those for which it returns false are removed. `visit` may change the value.
    pub fn retain(&mut self, mut visit: impl FnMut(&K, &N, &mut V) -> bool) {
        for Group { main, parts, removed, .. } in &mut self.groups {
            main.retain(|e| {
                let keep = visit(&e.key, &e.namespace, &mut e.value);
                if !keep && e.written {
                    removed.push((e.key.clone(), e.namespace.clone()));
                }
                keep
            });
            parts.retain(|(namespace, part)| {
                part.retain(|e| {
                    let keep = visit(&e.key, namespace, &mut e.value);
                    if !keep && e.written {
                        removed.push((e.key.clone(), namespace.clone()));
                    }
                    keep
                });
                !part.is_empty()
            });
        }
    }
}
