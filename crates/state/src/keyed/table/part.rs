//! A hash table of entries that know when they changed.

use super::clock::Epoch;
use flott_core::{Data, Key, KeyHash};
use hashbrown::HashTable;

/// A value with its name in a part: a key and namespace, or one of the two where the part stands for the other.
pub(super) struct Entry<Q, V> {
    pub name: Q,
    pub value: V,
    pub mark: Mark,
}

/// What is remembered of an entry beside its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    /// When the entry was changed last.
    pub changed: Epoch,
    /// The entry was there before that time: a snapshot, or the store, may have it, so that its removal must be noted.
    pub written: bool,
    /// It was looked at since memory was last made free.
    pub used: bool,
}

impl Mark {
    /// Of an entry that came out of a snapshot or a store.
    pub const CLEAN: Mark = Mark { changed: Epoch::NEVER, written: true, used: false };

    /// Of an entry that is made at `now`.
    pub fn new(now: Epoch) -> Mark {
        Mark { changed: now, written: false, used: false }
    }
}

/// Entries of one key group: all of them, or those that share a namespace or a key.
pub(super) struct Part<Q, V> {
    pub entries: HashTable<Entry<Q, V>>,
    /// Where the table's tags begin in memory, or began once: a hint for fetching them.
    pub tags: usize,
}

impl<Q, V> Default for Part<Q, V> {
    fn default() -> Self {
        Part { entries: HashTable::new(), tags: 0 }
    }
}

/// The hash of a name within its part.
#[inline]
pub(super) fn name_hash<Q: Key>(name: &Q) -> u64 {
    KeyHash::of(name).0
}

impl<Q, V> Part<Q, V> {
    #[inline(always)]
    pub fn find(&self, hash: u64, is_it: impl Fn(&Q) -> bool) -> Option<usize> {
        self.entries.find_bucket_index(hash, |e| is_it(&e.name))
    }

    #[inline(always)]
    pub fn at(&self, bucket: usize) -> &Entry<Q, V> {
        match self.entries.get_bucket(bucket) {
            Some(entry) => entry,
            None => unreachable!("a place is used before the table changes"),
        }
    }

    #[inline(always)]
    pub fn at_mut(&mut self, bucket: usize) -> &mut Entry<Q, V> {
        match self.entries.get_bucket_mut(bucket) {
            Some(entry) => entry,
            None => unreachable!("a place is used before the table changes"),
        }
    }

    pub fn take(&mut self, bucket: usize) -> Entry<Q, V> {
        match self.entries.get_bucket_entry(bucket) {
            Ok(found) => found.remove().0,
            Err(_) => unreachable!("a place is used before the table changes"),
        }
    }

    /// The same entries with other values, as if they came out of a snapshot.
    pub fn map_values<W>(self, map: &mut impl FnMut(V) -> W, rehash: impl Fn(&Q) -> u64) -> Part<Q, W> {
        let mut entries = HashTable::with_capacity(self.entries.len());
        for Entry { name, value, .. } in self.entries {
            let entry = Entry { name, value: map(value), mark: Mark::CLEAN };
            entries.insert_unique(rehash(&entry.name), entry, |e| rehash(&e.name));
        }
        Part { entries, tags: 0 }
    }

    /// Adds an entry whose name is not there yet.
    #[inline]
    pub fn insert(&mut self, hash: u64, entry: Entry<Q, V>, rehash: impl Fn(&Q) -> u64) -> usize {
        self.entries.insert_unique(hash, entry, |e| rehash(&e.name)).bucket_index()
    }
}

/// Parts by what their entries share.
pub(super) struct Parts<P, Q, V> {
    parts: HashTable<PartOf<P, Q, V>>,
    /// The bucket of the part that was used last.
    last: usize,
}

/// A part and what it stands for.
pub(super) struct PartOf<P, Q, V> {
    pub of: P,
    pub part: Part<Q, V>,
    /// Everything that the store holds under `of` is here.
    pub is_complete: bool,
}

impl<P, Q, V> Default for Parts<P, Q, V> {
    fn default() -> Self {
        Parts { parts: HashTable::new(), last: 0 }
    }
}

impl<P: Key, Q: Key, V: Data> Parts<P, Q, V> {
    /// The bucket of the part of `of`. Its hash is asked for only if it is not the part that was used last.
    #[inline(always)]
    pub fn find(&self, of: &P, hash: impl FnOnce() -> u64) -> Option<usize> {
        match self.parts.get_bucket(self.last) {
            Some(last) if last.of == *of => Some(self.last),
            _ => self.parts.find_bucket_index(hash(), |part| part.of == *of),
        }
    }

    #[inline(always)]
    pub fn at(&self, bucket: usize) -> &PartOf<P, Q, V> {
        match self.parts.get_bucket(bucket) {
            Some(part) => part,
            None => unreachable!("a place is used before the table changes"),
        }
    }

    #[inline(always)]
    pub fn at_mut(&mut self, bucket: usize) -> &mut PartOf<P, Q, V> {
        self.last = bucket;
        match self.parts.get_bucket_mut(bucket) {
            Some(part) => part,
            None => unreachable!("a place is used before the table changes"),
        }
    }

    /// The bucket of the part of `of`, made if there is none.
    #[inline]
    pub fn make(&mut self, of: &P, hash: impl Fn() -> u64) -> usize {
        match self.find(of, &hash) {
            Some(bucket) => bucket,
            None => self.add(of, hash()),
        }
    }

    #[cold]
    fn add(&mut self, of: &P, hash: u64) -> usize {
        let part = PartOf { of: of.clone(), part: Part::default(), is_complete: false };
        self.parts.insert_unique(hash, part, |part| name_hash(&part.of)).bucket_index()
    }

    /// Drops a part that is empty.
    #[inline]
    pub fn drop_if_empty(&mut self, bucket: usize) {
        if let Ok(found) = self.parts.get_bucket_entry(bucket)
            && found.get().part.entries.is_empty()
        {
            found.remove();
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &PartOf<P, Q, V>> {
        self.parts.iter()
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut PartOf<P, Q, V>> {
        self.parts.iter_mut()
    }

    pub fn retain(&mut self, mut keep: impl FnMut(&mut PartOf<P, Q, V>) -> bool) {
        self.parts.retain(|part| keep(part));
    }

    /// The buckets of all parts with this hash.
    pub fn with_hash(&self, hash: u64) -> impl Iterator<Item = usize> {
        self.parts.iter_hash_buckets(hash)
    }

    /// Buckets there are, empty ones among them.
    pub fn bucket_count(&self) -> usize {
        self.parts.num_buckets()
    }

    /// The part in a bucket, if there is one.
    pub fn get(&self, bucket: usize) -> Option<&PartOf<P, Q, V>> {
        self.parts.get_bucket(bucket)
    }

    pub fn map_values<W>(self, map: &mut impl FnMut(V) -> W) -> Parts<P, Q, W> {
        let mut parts = HashTable::with_capacity(self.parts.len());
        for PartOf { of, part, is_complete } in self.parts {
            let part = PartOf { of, part: part.map_values(map, name_hash), is_complete };
            parts.insert_unique(name_hash(&part.of), part, |part| name_hash(&part.of));
        }
        Parts { parts, last: 0 }
    }

    pub fn last(&self) -> Option<&PartOf<P, Q, V>> {
        self.parts.get_bucket(self.last)
    }

    pub fn clear(&mut self) {
        self.parts.clear();
    }

    /// Bytes of the table of parts, without the parts.
    pub fn own_bytes(&self) -> usize {
        self.parts.allocation_size()
    }

    pub fn byte_count(&self) -> usize {
        self.parts.allocation_size() + self.parts.iter().map(|p| p.part.entries.allocation_size()).sum::<usize>()
    }
}
