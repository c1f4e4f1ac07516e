//! Where the entries of a key group lie in memory.

use super::KeySlot;
use super::names::{entry_hash, pair_hash};
use super::part::{Entry, Mark, Part, PartOf, Parts, name_hash};
use flott_core::{Data, Key};

/// How a table lays out its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::keyed) enum Arrange {
    /// In one hash table.
    Flat,
    /// Namespaces are shared by many keys, as windows that are aligned are: a hash table for each. Those that are in
    /// use now are then next to each other in memory, and those that wait are out of the way.
    ByNamespace,
    /// A key has many namespaces, as one with a map has: a hash table for each key, so that they are found together.
    ByKey,
}

/// The entries of a key group.
pub(super) enum Layout<K, N, V> {
    Flat(Part<(K, N), V>),
    ByNamespace(Parts<N, K, V>),
    ByKey(Parts<K, N, V>),
}

/// Where an entry is, until the group changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub part: usize,
    pub bucket: usize,
}

/// What is found on a walk over all places.
pub(super) enum Cursor {
    /// An entry, and where to go on.
    Entry(Place, (usize, usize)),
    /// An empty place, and where to go on.
    Nothing((usize, usize)),
    End,
}

/// An entry, wherever it is.
pub(super) struct Found<'a, K, N, V> {
    pub key: &'a K,
    pub namespace: &'a N,
    pub value: &'a V,
    pub mark: Mark,
}

impl<K: Key, N: Key, V: Data> Layout<K, N, V> {
    pub fn new(arrange: Arrange) -> Self {
        match arrange {
            Arrange::Flat => Layout::Flat(Part::default()),
            Arrange::ByNamespace => Layout::ByNamespace(Parts::default()),
            Arrange::ByKey => Layout::ByKey(Parts::default()),
        }
    }

    #[inline(always)]
    pub fn find(&self, slot: KeySlot, key: &K, namespace: &N) -> Option<Place> {
        match self {
            Layout::Flat(part) => {
                let bucket = part.find(entry_hash(slot, namespace), |(k, n)| k == key && n == namespace)?;
                Some(Place { part: 0, bucket })
            }
            Layout::ByNamespace(parts) => {
                let part = parts.find(namespace, || name_hash(namespace))?;
                let bucket = parts.at(part).part.find(slot.hash.0, |k| k == key)?;
                Some(Place { part, bucket })
            }
            Layout::ByKey(parts) => {
                let part = parts.find(key, || slot.hash.0)?;
                let bucket = parts.at(part).part.find(name_hash(namespace), |n| n == namespace)?;
                Some(Place { part, bucket })
            }
        }
    }

    /// Adds an entry that is not there yet.
    #[inline]
    pub fn insert(&mut self, slot: KeySlot, key: &K, namespace: &N, value: V, mark: Mark) -> Place {
        match self {
            Layout::Flat(part) => {
                let entry = Entry { name: (key.clone(), namespace.clone()), value, mark };
                Place { part: 0, bucket: part.insert(entry_hash(slot, namespace), entry, pair_hash) }
            }
            Layout::ByNamespace(parts) => {
                let part = parts.make(namespace, || name_hash(namespace));
                let entry = Entry { name: key.clone(), value, mark };
                Place { part, bucket: parts.at_mut(part).part.insert(slot.hash.0, entry, name_hash) }
            }
            Layout::ByKey(parts) => {
                let part = parts.make(key, || slot.hash.0);
                let entry = Entry { name: namespace.clone(), value, mark };
                Place { part, bucket: parts.at_mut(part).part.insert(name_hash(namespace), entry, name_hash) }
            }
        }
    }

    /// Takes an entry out.
    pub fn remove(&mut self, place: Place) -> (K, N, V, Mark) {
        match self {
            Layout::Flat(part) => {
                let Entry { name: (key, namespace), value, mark } = part.take(place.bucket);
                (key, namespace, value, mark)
            }
            Layout::ByNamespace(parts) => {
                let part = parts.at_mut(place.part);
                let Entry { name, value, mark } = part.part.take(place.bucket);
                let namespace = part.of.clone();
                parts.drop_if_empty(place.part);
                (name, namespace, value, mark)
            }
            Layout::ByKey(parts) => {
                let part = parts.at_mut(place.part);
                let Entry { name, value, mark } = part.part.take(place.bucket);
                let key = part.of.clone();
                parts.drop_if_empty(place.part);
                (key, name, value, mark)
            }
        }
    }

    #[inline(always)]
    pub fn at(&self, place: Place) -> Found<'_, K, N, V> {
        match self {
            Layout::Flat(part) => {
                let Entry { name: (key, namespace), value, mark } = part.at(place.bucket);
                Found { key, namespace, value, mark: *mark }
            }
            Layout::ByNamespace(parts) => {
                let PartOf { of, part, .. } = parts.at(place.part);
                let Entry { name, value, mark } = part.at(place.bucket);
                Found { key: name, namespace: of, value, mark: *mark }
            }
            Layout::ByKey(parts) => {
                let PartOf { of, part, .. } = parts.at(place.part);
                let Entry { name, value, mark } = part.at(place.bucket);
                Found { key: of, namespace: name, value, mark: *mark }
            }
        }
    }

    #[inline(always)]
    pub fn at_mut(&mut self, place: Place) -> (&mut V, &mut Mark) {
        match self {
            Layout::Flat(part) => {
                let entry = part.at_mut(place.bucket);
                (&mut entry.value, &mut entry.mark)
            }
            Layout::ByNamespace(parts) => {
                let entry = parts.at_mut(place.part).part.at_mut(place.bucket);
                (&mut entry.value, &mut entry.mark)
            }
            Layout::ByKey(parts) => {
                let entry = parts.at_mut(place.part).part.at_mut(place.bucket);
                (&mut entry.value, &mut entry.mark)
            }
        }
    }

    /// The hashes by which an entry is found again: of its part, and of its name in it.
    #[inline]
    pub fn hashes(&self, slot: KeySlot, namespace: &N) -> (u64, u64) {
        match self {
            Layout::Flat(_) => (0, entry_hash(slot, namespace)),
            Layout::ByNamespace(_) => (name_hash(namespace), slot.hash.0),
            Layout::ByKey(_) => (slot.hash.0, name_hash(namespace)),
        }
    }

    /// As [`Layout::hashes`], of the entry at a place.
    pub fn hashes_at(&self, place: Place) -> (u64, u64) {
        let Found { key, namespace, .. } = self.at(place);
        match self {
            Layout::Flat(part) => (0, pair_hash(&part.at(place.bucket).name)),
            Layout::ByNamespace(_) => (name_hash(namespace), name_hash(key)),
            Layout::ByKey(_) => (name_hash(key), name_hash(namespace)),
        }
    }

    /// The places of all entries with these hashes.
    pub fn with_hashes(&self, (of_part, of_name): (u64, u64), places: &mut Vec<Place>) {
        match self {
            Layout::Flat(part) => {
                places.extend(part.entries.iter_hash_buckets(of_name).map(|bucket| Place { part: 0, bucket }));
            }
            Layout::ByNamespace(parts) => add_places(parts, of_part, of_name, places),
            Layout::ByKey(parts) => add_places(parts, of_part, of_name, places),
        }
    }

    /// Calls `visit` with every entry.
    pub fn for_each(&self, mut visit: impl FnMut(Found<'_, K, N, V>)) {
        match self {
            Layout::Flat(part) => part.entries.iter().for_each(|Entry { name: (key, namespace), value, mark }| {
                visit(Found { key, namespace, value, mark: *mark });
            }),
            Layout::ByNamespace(parts) => parts.iter().for_each(|PartOf { of, part, .. }| {
                part.entries.iter().for_each(|Entry { name, value, mark }| {
                    visit(Found { key: name, namespace: of, value, mark: *mark });
                });
            }),
            Layout::ByKey(parts) => parts.iter().for_each(|PartOf { of, part, .. }| {
                part.entries.iter().for_each(|Entry { name, value, mark }| {
                    visit(Found { key: of, namespace: name, value, mark: *mark });
                });
            }),
        }
    }

    /// Calls `visit` with every entry, whose mark it may change.
    pub fn try_for_each(
        &mut self,
        mut visit: impl FnMut(&K, &N, &V, &mut Mark) -> flott_core::Result<()>,
    ) -> flott_core::Result<()> {
        match self {
            Layout::Flat(part) => part
                .entries
                .iter_mut()
                .try_for_each(|Entry { name: (key, namespace), value, mark }| visit(key, namespace, value, mark)),
            Layout::ByNamespace(parts) => parts.iter_mut().try_for_each(|PartOf { of, part, .. }| {
                part.entries.iter_mut().try_for_each(|Entry { name, value, mark }| visit(name, of, value, mark))
            }),
            Layout::ByKey(parts) => parts.iter_mut().try_for_each(|PartOf { of, part, .. }| {
                part.entries.iter_mut().try_for_each(|Entry { name, value, mark }| visit(of, name, value, mark))
            }),
        }
    }

    /// Keeps the entries for which `keep` says so; it may change them.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &N, &mut V, &mut Mark) -> bool) {
        match self {
            Layout::Flat(part) => {
                part.entries.retain(|Entry { name: (key, namespace), value, mark }| keep(key, namespace, value, mark));
            }
            Layout::ByNamespace(parts) => parts.retain(|PartOf { of, part, .. }| {
                part.entries.retain(|Entry { name, value, mark }| keep(name, of, value, mark));
                !part.entries.is_empty()
            }),
            Layout::ByKey(parts) => parts.retain(|PartOf { of, part, is_complete }| {
                let before = part.entries.len();
                part.entries.retain(|Entry { name, value, mark }| keep(of, name, value, mark));
                *is_complete &= part.entries.len() == before;
                !part.entries.is_empty()
            }),
        }
    }

    /// Looks into a bucket of a part.
    pub fn look(&self, part: usize, bucket: usize) -> Cursor {
        match self {
            Layout::Flat(_) if part > 0 => Cursor::End,
            Layout::Flat(only) => look(Some(only), part, bucket),
            Layout::ByNamespace(parts) if part < parts.bucket_count() => {
                look(parts.get(part).map(|p| &p.part), part, bucket)
            }
            Layout::ByKey(parts) if part < parts.bucket_count() => look(parts.get(part).map(|p| &p.part), part, bucket),
            Layout::ByNamespace(_) | Layout::ByKey(_) => Cursor::End,
        }
    }

    /// The same entries with other values.
    pub fn map_values<W: Data>(self, map: &mut impl FnMut(V) -> W) -> Layout<K, N, W> {
        match self {
            Layout::Flat(part) => Layout::Flat(part.map_values(map, pair_hash)),
            Layout::ByNamespace(parts) => Layout::ByNamespace(parts.map_values(map)),
            Layout::ByKey(parts) => Layout::ByKey(parts.map_values(map)),
        }
    }

    /// Gives memory back that was needed for many more entries.
    pub fn shrink(&mut self, count: usize) {
        if let Layout::Flat(part) = self
            && part.entries.capacity() > 4 * count + 64
        {
            part.entries.shrink_to(2 * count, |e| pair_hash(&e.name));
        }
    }

    /// Makes room for so many more entries, where that can be told.
    pub fn reserve(&mut self, count: usize) {
        if let Layout::Flat(part) = self {
            part.entries.reserve(count, |e| pair_hash(&e.name));
        }
    }

    /// Bytes of the tables themselves, in which `count` entries are; estimated where there are many tables.
    pub fn byte_count(&self, count: usize) -> usize {
        match self {
            Layout::Flat(part) => part.entries.allocation_size(),
            Layout::ByNamespace(parts) => parts.byte_count(),
            // Tables have room for up to twice as many entries.
            Layout::ByKey(parts) => parts.own_bytes() + count * 2 * (size_of::<Entry<N, V>>() + 1),
        }
    }
}

fn add_places<P: Key, Q: Key, V: Data>(parts: &Parts<P, Q, V>, of_part: u64, of_name: u64, places: &mut Vec<Place>) {
    for part in parts.with_hash(of_part) {
        places.extend(parts.at(part).part.entries.iter_hash_buckets(of_name).map(|bucket| Place { part, bucket }));
    }
}

fn look<Q, V>(entries: Option<&Part<Q, V>>, part: usize, bucket: usize) -> Cursor {
    let next = (part, bucket + 1);
    match entries {
        Some(entries) if bucket < entries.entries.num_buckets() && !entries.entries.is_empty() => {
            match entries.entries.get_bucket(bucket) {
                Some(_) => Cursor::Entry(Place { part, bucket }, next),
                None => Cursor::Nothing(next),
            }
        }
        _ => Cursor::Nothing((part + 1, 0)),
    }
}
