//! One keyed state: typed values by key and namespace, decoded, with what changed since the last snapshot marked.
//!
//! An entry is found by (key, namespace): user state has the namespace `()`, windows have the window, maps the map's
//! key. The hash is the pinned [`KeyHash`], which the caller computes once per record ([`KeySlot`]). A table per group
//! keeps rehashing pauses short and lets a snapshot go group by group.
//!
//! On the heap the table holds everything. On a store ([`crate::store::KeyedStore`]) it holds what is in use: what is
//! not here is looked up there, what changed is written there, and what was not used lately goes when memory is short.

mod ask;
mod batch;
mod clock;
mod convert;
mod encode;
mod entry;
mod expire;
mod group;
mod index;
mod layout;
mod names;
mod ordered;
mod part;
mod prefetch;
mod readers;
mod restore;
mod snapshot;
mod stored;
mod write_behind;

pub(super) use clock::Take;
pub(super) use encode::NamesForm;
pub(super) use entry::Entry;
pub(super) use expire::{Expire, Expired};
pub(super) use layout::Arrange;
pub(super) use readers::Readers;
pub(super) use snapshot::{AnyTable, Counts};
pub(super) use stored::group_range;
pub(super) use write_behind::WriteBehind;

use clock::Clock;
use encode::Form;
use flott_core::{Data, Key, KeyGroup, KeyGroupRange, KeyHash, MaxParallelism, Result};
use group::{About, Group};
use layout::Place;
use stored::Stored;

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
        KeySlot::of_hash(KeyHash::of(key), max, range)
    }

    /// As [`KeySlot::of`], of the key with this hash.
    #[inline]
    pub fn of_hash(hash: KeyHash, max: MaxParallelism, range: KeyGroupRange) -> KeySlot {
        let group = usize::from(max.key_group(hash).0).wrapping_sub(usize::from(range.start));
        debug_assert!(group < range.len(), "a record came to a subtask that does not own its key");
        KeySlot { hash, group }
    }
}

/// Values of type `V` by key and namespace.
pub struct StateTable<K, N, V> {
    max: MaxParallelism,
    range: KeyGroupRange,
    arrange: Arrange,
    groups: Vec<Group<K, N, V>>,
    about: About<K, N, V>,
    /// What lies below; nothing on the heap.
    stored: Option<Box<Stored<K, N>>>,
    /// Of a state with TTL.
    expiry: Option<expire::Expiry<V>>,
    /// What was shown last that is no entry.
    shown: Option<V>,
    /// What is in use stays in use until its owner says otherwise.
    is_pinning: bool,
}

impl<K: Key, N: Key, V: Data> StateTable<K, N, V> {
    /// An empty table in memory for the groups of `range`.
    pub(super) fn new(max: MaxParallelism, range: KeyGroupRange, arrange: Arrange) -> Self {
        // Without namespaces there is nothing to part.
        let arrange = if size_of::<N>() == 0 { Arrange::Flat } else { arrange };
        let groups = (0..range.len()).map(|_| Group::new(arrange)).collect();
        let about = About { clock: Clock::new(), form: Form::File };
        StateTable { max, range, arrange, groups, about, stored: None, expiry: None, shown: None, is_pinning: false }
    }

    /// The value of a key in a namespace.
    ///
    /// # Errors
    /// Those of the store, where there is one; so for every method.
    #[inline]
    pub fn get(&mut self, slot: KeySlot, key: &K, namespace: &N) -> Result<Option<&V>> {
        let place = self.place(slot, key, namespace)?;
        Ok(place.map(|place| self.groups[slot.group].layout.at(place).value))
    }

    /// The value of a key in a namespace, to be changed.
    ///
    /// # Errors
    /// As [`StateTable::get`].
    #[inline]
    pub fn get_mut(&mut self, slot: KeySlot, key: &K, namespace: &N) -> Result<Option<&mut V>> {
        let Some(place) = self.place(slot, key, namespace)? else { return Ok(None) };
        self.change(slot, place, namespace).map(Some)
    }

    /// The value of a key in a namespace, made by `make` if there is none, to be changed. The flag says whether it
    /// was made now.
    ///
    /// # Errors
    /// As [`StateTable::get`].
    #[inline]
    pub fn get_or_insert_with(
        &mut self,
        slot: KeySlot,
        key: &K,
        namespace: &N,
        make: impl FnOnce() -> V,
    ) -> Result<(&mut V, bool)> {
        let (place, is_new) = self.place_or_make(slot, key, namespace, make)?;
        Ok((self.change(slot, place, namespace)?, is_new))
    }

    /// Sets the value of a key in a namespace. Returns whether there was none before.
    ///
    /// # Errors
    /// As [`StateTable::get`].
    #[inline]
    pub fn insert(&mut self, slot: KeySlot, key: &K, namespace: &N, value: V) -> Result<bool> {
        let mut value = Some(value);
        let (place, new) = self
            .get_or_insert_with(slot, key, namespace, || value.take().unwrap_or_else(|| unreachable!("made once")))?;
        if let Some(value) = value {
            *place = value;
        }
        Ok(new)
    }

    /// What a key has in a namespace, and the place for it.
    #[inline]
    pub(in crate::keyed) fn entry<'n>(
        &mut self,
        slot: KeySlot,
        key: &'n K,
        namespace: &'n N,
    ) -> Result<Entry<'_, 'n, K, N, V>> {
        let place = self.place(slot, key, namespace)?;
        Ok(Entry { table: self, slot, key, namespace, place })
    }

    /// Keeps a value that is no entry for as long as its reader looks at it.
    pub(in crate::keyed) fn show(&mut self, value: V) -> &V {
        self.shown.insert(value)
    }

    /// Removes the value of a key in a namespace and returns it.
    ///
    /// # Errors
    /// As [`StateTable::get`].
    #[inline]
    pub fn remove(&mut self, slot: KeySlot, key: &K, namespace: &N) -> Result<Option<V>> {
        let Some(place) = self.place(slot, key, namespace)? else { return Ok(None) };
        let group = self.key_group(slot);
        self.groups[slot.group].remove(place, &self.about, group).map(Some)
    }

    /// Calls `visit` with every entry, group by group.
    ///
    /// # Errors
    /// As [`StateTable::get`].
    pub fn for_each(&mut self, mut visit: impl FnMut(&K, &N, &V)) -> Result<()> {
        if self.stored.is_some() {
            return self.for_each_stored(visit);
        }
        for group in &self.groups {
            group.layout.for_each(|found| visit(found.key, found.namespace, found.value));
        }
        Ok(())
    }

    /// Takes every entry out, group by group, and gives it to `take`.
    ///
    /// # Errors
    /// As [`StateTable::get`].
    pub fn drain(&mut self, mut take: impl FnMut(&K, &N, &mut V)) -> Result<()> {
        if self.stored.is_some() {
            return self.drain_stored(take);
        }
        for (place, group) in self.groups.iter_mut().enumerate() {
            let key_group = KeyGroup(self.range.start + place as u16);
            group.retain(&self.about, key_group, |key, namespace, value| {
                take(key, namespace, value);
                false
            })?;
        }
        Ok(())
    }

    /// Number of entries in memory.
    pub fn len(&self) -> usize {
        self.groups.iter().map(|group| group.count).sum()
    }

    /// Whether there are no entries in memory.
    pub fn is_empty(&self) -> bool {
        self.groups.iter().all(|group| group.count == 0)
    }

    #[inline(always)]
    fn key_group(&self, slot: KeySlot) -> KeyGroup {
        KeyGroup(self.range.start + slot.group as u16)
    }

    /// The value at a place, about to be changed.
    #[inline(always)]
    fn change(&mut self, slot: KeySlot, place: Place, namespace: &N) -> Result<&mut V> {
        let key_group = self.key_group(slot);
        self.groups[slot.group].change(place, &self.about, key_group, (slot, namespace))
    }

    /// Where an entry is, made by `make` if there is none. The flag says whether it was made now.
    #[inline(always)]
    fn place_or_make(
        &mut self,
        slot: KeySlot,
        key: &K,
        namespace: &N,
        make: impl FnOnce() -> V,
    ) -> Result<(Place, bool)> {
        match self.place(slot, key, namespace)? {
            Some(place) => Ok((place, false)),
            None => {
                let now = self.about.clock.now;
                Ok((self.groups[slot.group].insert(now, slot, key, namespace, make()), true))
            }
        }
    }

    /// Where an entry is, once it has been fetched from the store if it was not here.
    #[inline(always)]
    fn place(&mut self, slot: KeySlot, key: &K, namespace: &N) -> Result<Option<Place>> {
        let found = self.groups[slot.group].layout.find(slot, key, namespace);
        if self.stored.is_none() {
            return Ok(found);
        }
        match found {
            Some(place) => {
                self.groups[slot.group].layout.at_mut(place).1.used = true;
                Ok(found)
            }
            None => self.fetch(slot, key, namespace),
        }
    }
}
