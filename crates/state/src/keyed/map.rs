//! A map over the pinned key hash: the value of map state, and of broadcast state.
//!
//! A [`crate::Key`] has no `std::hash`, so `HashMap` cannot hold it; and the pinned hash makes the order of entries
//! the same in every run.

use flott_core::{Data, Key, KeyHash};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Probe;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;

/// A hash map whose keys need only be [`Key`]s. Its entries come in no particular order.
#[derive(Clone)]
pub struct KeyMap<K, V> {
    entries: HashTable<(K, V)>,
}

#[inline]
fn rehash<K: Key, V>(entry: &(K, V)) -> u64 {
    KeyHash::of(&entry.0).0
}

impl<K: Key, V> KeyMap<K, V> {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty map with room for `count` entries.
    pub fn with_capacity(count: usize) -> Self {
        KeyMap { entries: HashTable::with_capacity(count) }
    }

    /// The value of a key.
    #[inline]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.entries.find(KeyHash::of(key).0, |e| e.0 == *key).map(|e| &e.1)
    }

    /// The value of a key, to be changed.
    #[inline]
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.find_mut(KeyHash::of(key).0, |e| e.0 == *key).map(|e| &mut e.1)
    }

    /// Whether there is a value for the key.
    pub fn contains(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// The value of a key, made by `make` if there is none, to be changed.
    #[inline]
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        match self.entries.entry(KeyHash::of(&key).0, |e| e.0 == key, rehash) {
            Probe::Occupied(found) => &mut found.into_mut().1,
            Probe::Vacant(place) => &mut place.insert((key, make())).into_mut().1,
        }
    }

    /// Sets the value of a key and returns the one before.
    #[inline]
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.entries.entry(KeyHash::of(&key).0, |e| e.0 == key, rehash) {
            Probe::Occupied(found) => Some(std::mem::replace(&mut found.into_mut().1, value)),
            Probe::Vacant(place) => {
                place.insert((key, value));
                None
            }
        }
    }

    /// Removes the value of a key and returns it.
    #[inline]
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let found = self.entries.find_entry(KeyHash::of(key).0, |e| e.0 == *key).ok()?;
        Some(found.remove().0.1)
    }

    /// Keeps the entries for which `keep` returns true; it may change the values.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.entries.retain(|(key, value)| keep(key, value));
    }
}

impl<K, V> KeyMap<K, V> {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    /// The entries, with values that may be changed.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (&K, &mut V)> {
        self.entries.iter_mut().map(|(key, value)| (&*key, value))
    }

    /// Removes all entries.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

impl<K, V> Default for KeyMap<K, V> {
    fn default() -> Self {
        KeyMap { entries: HashTable::new() }
    }
}

impl<K: Key, V: PartialEq> PartialEq for KeyMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for KeyMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K, V> IntoIterator for KeyMap<K, V> {
    type Item = (K, V);
    type IntoIter = hashbrown::hash_table::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl<K: Key, V> FromIterator<(K, V)> for KeyMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = KeyMap::default();
        map.extend(entries);
        map
    }
}

impl<K: Key, V> Extend<(K, V)> for KeyMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<K: Serialize, V: Serialize> Serialize for KeyMap<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.entries)
    }
}

impl<'de, K: Key, V: Data> Deserialize<'de> for KeyMap<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Pairs(PhantomData))
    }
}

/// Reads a sequence of pairs into a map.
struct Pairs<K, V>(PhantomData<(K, V)>);

/// A length that a file claims makes room for at most so many entries at once.
const ROOM_MAX: usize = 4096;

impl<'de, K: Key, V: Data> Visitor<'de> for Pairs<K, V> {
    type Value = KeyMap<K, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence of pairs of key and value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pairs: A) -> Result<Self::Value, A::Error> {
        let mut map = KeyMap::with_capacity(pairs.size_hint().unwrap_or(0).min(ROOM_MAX));
        while let Some((key, value)) = pairs.next_element()? {
            map.insert(key, value);
        }
        Ok(map)
    }
}
