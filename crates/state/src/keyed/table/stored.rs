//! What a table does that lies on a store: look up what is not here, write what changed, let go of what is not used.

use super::encode::{Encoded, Form, NamesForm, StoreForm};
use super::group::Group;
use super::layout::{Cursor, Layout, Place};
use super::names::Names;
use super::part::Mark;
use super::write_behind::WriteBehind;
use super::{Arrange, KeySlot, StateTable};
use crate::store::{KEY_HEAD, KeyedStore, Rows, StateNumber, WriteBatch, store_key};
use flott_core::{Data, Key, KeyGroup, Result, codec};
use std::sync::Arc;

/// What an allocator adds to a piece of memory, and what it leaves empty.
const PIECE_OVERHEAD_BYTES: usize = 24;
/// Of so many entries, one of a group, the size is looked at where nothing else tells it.
const SAMPLE_ENTRIES: usize = 32;
/// No more bytes are encoded for that.
const SAMPLE_BYTES_MAX: usize = 64 << 10;

/// A table's store, and memory that is used again.
pub(super) struct Stored<K, N> {
    pub store: Arc<WriteBehind>,
    /// What was looked up for the batch at hand and is not there.
    absent: Names<K, N>,
    keys: Rows,
    encoded: Encoded,
    batch: WriteBatch,
    /// Bytes of values that were read or written, and their number: the mean tells what entries take on the heap.
    seen: (u64, u64),
    /// Entries that were looked up, many at a time.
    pub looked_up: u64,
}

impl<K, N> Stored<K, N> {
    pub fn new(store: Arc<WriteBehind>) -> Self {
        Stored {
            store,
            absent: Names::default(),
            keys: Rows::new(),
            encoded: Encoded::default(),
            batch: WriteBatch::new(),
            seen: (0, 0),
            looked_up: 0,
        }
    }
}

/// Where the keys of one group of one state begin and end in a store.
pub(in crate::keyed) fn group_range(group: KeyGroup, number: StateNumber) -> (Vec<u8>, Vec<u8>) {
    let mut from = Vec::new();
    store_key(group, number, &mut from);
    let to = after_prefix(&from);
    (from, to)
}

/// The first key behind all that begin with `prefix`.
pub(in crate::keyed) fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut next = prefix.to_vec();
    while let Some(last) = next.pop() {
        if last < u8::MAX {
            next.push(last + 1);
            return next;
        }
    }
    // All keys begin with a group, and the largest group is not in use.
    vec![u8::MAX; prefix.len() + 1]
}

/// Entries that are to be looked up in the store.
pub(super) struct Missing<'a, K, N> {
    keys: Rows,
    wanted: Vec<Wanted<'a, K, N>>,
}

struct Wanted<'a, K, N> {
    /// What tells most keys' order without a look at their bytes.
    order: u128,
    /// Of its key in the store.
    row: usize,
    /// Its number among those that are looked for.
    n: usize,
    entry: (KeySlot, &'a K, &'a N),
}

impl<'a, K, N> Missing<'a, K, N> {
    pub fn new() -> Self {
        Missing { keys: Rows::new(), wanted: Vec::new() }
    }

    /// The store's keys in their order, each once, and what they belong to.
    fn sorted(self) -> (Rows, Vec<Wanted<'a, K, N>>) {
        let Missing { keys, mut wanted } = self;
        let key = |wanted: &Wanted<'_, K, N>| keys.get(wanted.row);
        wanted.sort_unstable_by(|a, b| a.order.cmp(&b.order).then_with(|| key(a).cmp(key(b))));
        wanted.dedup_by(|a, b| a.order == b.order && key(a) == key(b));
        let mut sorted = Rows::new();
        wanted.iter().for_each(|wanted| sorted.push(key(wanted)));
        (sorted, wanted)
    }
}

/// The first bytes of a store's key as a number, without those of the state, which all keys of a table share.
fn order_of(key: &[u8]) -> u128 {
    let (mut bytes, group, rest) = ([0; 16], &key[..size_of::<KeyGroup>()], &key[KEY_HEAD..]);
    let (to_group, to_rest) = bytes.split_at_mut(group.len());
    let len = rest.len().min(to_rest.len());
    to_group.copy_from_slice(group);
    to_rest[..len].copy_from_slice(&rest[..len]);
    u128::from_be_bytes(bytes)
}

impl<K: Key, N: Key, V: Data> StateTable<K, N, V> {
    /// Puts the table, which is empty, on a store. `is_new`: the store has nothing of this state.
    pub(in crate::keyed) fn put_on(
        &mut self,
        store: Arc<WriteBehind>,
        (number, is_new): (StateNumber, bool),
        names: NamesForm<K, N>,
        stamp: Option<fn(&V) -> i64>,
    ) {
        self.groups.iter_mut().for_each(|group| group.is_complete = is_new);
        self.about.form = Form::Store(StoreForm { number, names, stamp });
        self.stored = Some(Box::new(Stored::new(store)));
    }

    /// Looks an entry up in the store.
    #[cold]
    pub(super) fn fetch(&mut self, slot: KeySlot, key: &K, namespace: &N) -> Result<Option<Place>> {
        let key_group = self.key_group(slot);
        let (Some(stored), Form::Store(form)) = (&mut self.stored, &self.about.form) else { return Ok(None) };
        let group = &mut self.groups[slot.group];
        if group.is_complete
            || group.is_surely_absent(slot, key, namespace)
            || stored.absent.contains(slot, key, namespace)
        {
            return Ok(None);
        }
        stored.keys.clear();
        stored.keys.push_with(|out| form.key(key_group, key, namespace, out))?;
        let (mut value, seen) = (None, &mut stored.seen);
        stored.store.get_all(&stored.keys, &mut |_, bytes| {
            value = read(form, bytes, seen)?;
            Ok(())
        })?;
        Ok(value.map(|value| group.take_in(slot, key, namespace, value)))
    }

    /// Looks up in the store what is not here of these entries, all at once. On the heap there is nothing to do.
    ///
    /// # Errors
    /// As [`StateTable::get`].
    pub fn load<'a>(&mut self, entries: impl Iterator<Item = (KeySlot, &'a K, &'a N)>) -> Result<()> {
        if self.stored.is_none() {
            return Ok(());
        }
        let mut missing = Missing::new();
        for (n, entry) in entries.enumerate() {
            let (slot, key, namespace) = entry;
            if self.groups[slot.group].layout.find(slot, key, namespace).is_none() {
                self.miss(n, entry, &mut missing)?;
            }
        }
        self.look_up(missing, |_, _| ())
    }

    /// Notes that an entry is not here. It is the `n`-th of those that are looked for.
    pub(super) fn miss<'a>(
        &self,
        n: usize,
        entry: (KeySlot, &'a K, &'a N),
        missing: &mut Missing<'a, K, N>,
    ) -> Result<()> {
        let (slot, key, namespace) = entry;
        let Form::Store(form) = &self.about.form else { return Ok(()) };
        let group = &self.groups[slot.group];
        if group.is_complete || group.is_surely_absent(slot, key, namespace) {
            return Ok(());
        }
        let row = missing.keys.len();
        missing.keys.push_with(|out| form.key(self.key_group(slot), key, namespace, out))?;
        missing.wanted.push(Wanted { order: order_of(missing.keys.get(row)), row, n, entry });
        Ok(())
    }

    /// Looks up in the store what is missing, and says where it is now.
    pub(super) fn look_up(&mut self, missing: Missing<'_, K, N>, mut found: impl FnMut(usize, Place)) -> Result<()> {
        let (Some(stored), Form::Store(form)) = (&mut self.stored, &self.about.form) else { return Ok(()) };
        let Stored { store, absent, seen, looked_up, .. } = &mut **stored;
        absent.clear();
        if missing.wanted.is_empty() {
            return Ok(());
        }
        let (sorted, wanted) = missing.sorted();
        *looked_up += wanted.len() as u64;
        let groups = &mut self.groups;
        store.get_all(&sorted, &mut |row, bytes| {
            let Wanted { n, entry: (slot, key, namespace), .. } = wanted[row];
            match read(form, bytes, seen)? {
                Some(value) => found(n, groups[slot.group].take_in(slot, key, namespace, value)),
                None => absent.insert(key.clone(), namespace.clone()),
            }
            Ok(())
        })
    }

    /// Makes sure that all namespaces of a key are here.
    pub(super) fn complete(&mut self, slot: KeySlot, key: &K) -> Result<()> {
        let key_group = self.key_group(slot);
        let (Some(stored), Form::Store(form)) = (&mut self.stored, &self.about.form) else { return Ok(()) };
        let group = &mut self.groups[slot.group];
        if group.is_complete {
            return Ok(());
        }
        if let Layout::ByKey(parts) = &group.layout
            && let Some(part) = parts.find(key, || slot.hash.0)
            && parts.at(part).is_complete
        {
            return Ok(());
        }
        let mut from = Vec::new();
        store_key(key_group, form.number, &mut from);
        codec::encode(key, &mut from)?;
        let seen = &mut stored.seen;
        stored.store.scan(&from, &after_prefix(&from), &mut |name, bytes| {
            let namespace: N = codec::from_bytes(name.get(from.len()..).unwrap_or_default())?;
            if group.layout.find(slot, key, &namespace).is_none()
                && !group.is_surely_absent(slot, key, &namespace)
                && let Some(value) = read(form, Some(bytes), seen)?
            {
                group.take_in(slot, key, &namespace, value);
            }
            Ok(true)
        })?;
        if let Layout::ByKey(parts) = &mut group.layout {
            // Of a key that has nothing it is remembered, too, until memory is made free.
            let part = parts.make(key, || slot.hash.0);
            parts.at_mut(part).is_complete = true;
        }
        Ok(())
    }

    /// Writes what the store does not have of one group. No snapshot may be open.
    pub(in crate::keyed) fn write_back(&mut self, place: usize) -> Result<usize> {
        let Some(stored) = &mut self.stored else { return Ok(0) };
        let key_group = KeyGroup(self.range.start + place as u16);
        let Stored { store, encoded, batch, seen, .. } = &mut **stored;
        encoded.clear();
        self.groups[place].take_unwritten(&self.about, key_group, encoded)?;
        let (bytes, rows) = encoded.size();
        *seen = (seen.0 + bytes as u64, seen.1 + rows as u64);
        batch.clear();
        encoded.sort_into(batch);
        if !batch.is_empty() {
            store.write(batch)?;
        }
        Ok(bytes)
    }

    /// Writes what the open snapshot holds of one group, in time for the snapshot.
    pub(super) fn write_open(&mut self, place: usize) -> Result<usize> {
        let Some(stored) = &mut self.stored else { return Ok(0) };
        let key_group = KeyGroup(self.range.start + place as u16);
        let mut encoded = Encoded::default();
        self.groups[place].take_open(&self.about, key_group, &mut encoded)?;
        let (bytes, rows) = encoded.size();
        stored.seen = (stored.seen.0 + bytes as u64, stored.seen.1 + rows as u64);
        if rows > 0 {
            stored.store.write_later(encoded)?;
        }
        Ok(bytes)
    }

    pub(in crate::keyed) fn is_on_store(&self) -> bool {
        self.stored.is_some()
    }

    pub(in crate::keyed) fn group_count(&self) -> usize {
        self.groups.len()
    }

    pub(in crate::keyed) fn arrange(&self) -> Arrange {
        self.arrange
    }

    /// Lets go of the entries of a group that the store has and that were not used since the last call.
    pub(in crate::keyed) fn let_go(&mut self, place: usize) {
        let Some(stored) = &mut self.stored else { return };
        // What was looked up and not there may have come, and go now.
        stored.absent.clear();
        self.shown = None;
        let is_pinning = self.is_pinning;
        let Group { layout, count, is_complete, .. } = &mut self.groups[place];
        let before = *count;
        layout.retain(|_, _, _, mark| {
            let keep = mark.used || mark.changed != super::clock::Epoch::NEVER;
            mark.used &= is_pinning;
            *count -= usize::from(!keep);
            keep
        });
        *is_complete &= *count == before;
        // As many will come back; if they have not when it is the group's turn again, the memory goes.
        layout.shrink(before);
    }

    /// Estimated bytes of memory, with what entries point to.
    pub(in crate::keyed) fn resident_bytes(&self) -> usize {
        let tables: usize = self.groups.iter().map(|group| group.layout.byte_count(group.count)).sum();
        tables + self.len() * self.pointed_to_bytes().unwrap_or(0)
    }

    /// Estimated bytes of memory of an entry; `None` as long as there was none.
    pub(in crate::keyed) fn entry_bytes(&self) -> Option<usize> {
        self.pointed_to_bytes().map(|bytes| bytes + size_of::<(K, N, V)>())
    }

    /// What an entry points to, in bytes.
    fn pointed_to_bytes(&self) -> Option<usize> {
        if !std::mem::needs_drop::<(K, N, V)>() {
            return Some(0);
        }
        let seen = self.stored.as_ref().and_then(|stored| stored.seen.0.checked_div(stored.seen.1));
        let mean = seen.map(|mean| mean as usize).or_else(|| self.sampled_bytes())?;
        Some(mean + PIECE_OVERHEAD_BYTES)
    }

    /// What a few entries take as bytes, in the mean.
    fn sampled_bytes(&self) -> Option<usize> {
        let (mut bytes, mut entries) = (Vec::new(), 0);
        for group in &self.groups {
            if entries == SAMPLE_ENTRIES || bytes.len() > SAMPLE_BYTES_MAX {
                break;
            }
            let mut at = (0, 0);
            let place = loop {
                match group.layout.look(at.0, at.1) {
                    Cursor::Entry(place, _) => break Some(place),
                    Cursor::Nothing(next) => at = next,
                    Cursor::End => break None,
                }
            };
            let Some(found) = place.map(|place| group.layout.at(place)) else { continue };
            // What cannot be encoded is for the snapshot to say.
            let _ = codec::encode(found.key, &mut bytes).and_then(|()| codec::encode(found.value, &mut bytes));
            entries += 1;
        }
        bytes.len().checked_div(entries)
    }

    /// Visits what is here and in the store, where something may be out of date.
    pub(super) fn for_each_stored(&mut self, mut visit: impl FnMut(&K, &N, &V)) -> Result<()> {
        for place in 0..self.groups.len() {
            let group = &self.groups[place];
            self.scan_group(place, |key, namespace, value| {
                let slot = KeySlot::of(&key, self.max, self.range);
                if group.layout.find(slot, &key, &namespace).is_none()
                    && !group.is_surely_absent(slot, &key, &namespace)
                {
                    visit(&key, &namespace, &value);
                }
                Ok(())
            })?;
            group.layout.for_each(|found| visit(found.key, found.namespace, found.value));
        }
        Ok(())
    }

    pub(super) fn drain_stored(&mut self, mut take: impl FnMut(&K, &N, &mut V)) -> Result<()> {
        for place in 0..self.groups.len() {
            let mut names = Vec::new();
            let group = &self.groups[place];
            self.scan_group(place, |key, namespace, mut value| {
                let slot = KeySlot::of(&key, self.max, self.range);
                if group.layout.find(slot, &key, &namespace).is_none()
                    && !group.is_surely_absent(slot, &key, &namespace)
                {
                    take(&key, &namespace, &mut value);
                    names.push((key, namespace));
                }
                Ok(())
            })?;
            let key_group = KeyGroup(self.range.start + place as u16);
            let group = &mut self.groups[place];
            names.into_iter().for_each(|(key, namespace)| group.removed.insert(key, namespace));
            group.retain(&self.about, key_group, |key, namespace, value| {
                take(key, namespace, value);
                false
            })?;
        }
        Ok(())
    }

    /// Visits the entries of one group that are in the store.
    pub(super) fn scan_group(&self, place: usize, mut visit: impl FnMut(K, N, V) -> Result<()>) -> Result<()> {
        let (Some(stored), Form::Store(form)) = (&self.stored, &self.about.form) else { return Ok(()) };
        let (from, to) = group_range(KeyGroup(self.range.start + place as u16), form.number);
        stored.store.scan(&from, &to, &mut |name, bytes| {
            let (key, namespace) = form.names(name)?;
            visit(key, namespace, form.read(bytes)?)?;
            Ok(true)
        })
    }
}

fn read<K: Key, N: Key, V: Data>(
    form: &StoreForm<K, N, V>,
    bytes: Option<&[u8]>,
    seen: &mut (u64, u64),
) -> Result<Option<V>> {
    let Some(bytes) = bytes else { return Ok(None) };
    *seen = (seen.0 + bytes.len() as u64, seen.1 + 1);
    form.read(bytes).map(Some)
}

impl<K: Key, N: Key, V: Data> Group<K, N, V> {
    /// Whether the store need not be asked about an entry that is not here: it is gone, or all of its key is here.
    pub(super) fn is_surely_absent(&self, slot: KeySlot, key: &K, namespace: &N) -> bool {
        let is_gone = self.removed.contains(slot, key, namespace)
            || self.open.as_ref().is_some_and(|open| open.removed.contains(slot, key, namespace));
        is_gone
            || match &self.layout {
                Layout::ByKey(parts) => parts.find(key, || slot.hash.0).is_some_and(|part| parts.at(part).is_complete),
                Layout::Flat(_) | Layout::ByNamespace(_) => false,
            }
    }

    /// Takes in an entry of the store.
    fn take_in(&mut self, slot: KeySlot, key: &K, namespace: &N, value: V) -> Place {
        self.count += 1;
        self.layout.insert(slot, key, namespace, value, Mark::CLEAN)
    }
}

/// Namespaces of a key.
impl<K: Key, N: Key, V: Data> StateTable<K, N, V> {
    /// Calls `visit` with every namespace of a key, in no particular order. The table is arranged by key, as those are that
    /// were registered by [`super::super::KeyedState::register_by_key`]; of others nothing is found.
    ///
    /// # Errors
    /// As [`StateTable::get`].
    pub fn for_each_of(&mut self, slot: KeySlot, key: &K, mut visit: impl FnMut(&N, &V)) -> Result<()> {
        self.complete(slot, key)?;
        if let Layout::ByKey(parts) = &self.groups[slot.group].layout
            && let Some(part) = parts.find(key, || slot.hash.0)
        {
            parts.at(part).part.entries.iter().for_each(|e| visit(&e.name, &e.value));
        }
        Ok(())
    }

    /// Removes an entry that nobody wants to see: on a store it is not looked up.
    ///
    /// # Errors
    /// As [`StateTable::get`].
    pub fn forget(&mut self, slot: KeySlot, key: &K, namespace: &N) -> Result<()> {
        let key_group = self.key_group(slot);
        let group = &mut self.groups[slot.group];
        match group.layout.find(slot, key, namespace) {
            Some(place) => drop(group.remove(place, &self.about, key_group)?),
            None if self.stored.is_some() && !group.is_complete => {
                group.removed.insert(key.clone(), namespace.clone());
            }
            None => {}
        }
        Ok(())
    }

    /// Removes every namespace of a key.
    pub(in crate::keyed) fn remove_all_of(&mut self, slot: KeySlot, key: &K) -> Result<()> {
        let mut names = Vec::new();
        self.for_each_of(slot, key, |namespace, _| names.push(namespace.clone()))?;
        names.iter().try_for_each(|namespace| self.remove(slot, key, namespace).map(drop))
    }
}
