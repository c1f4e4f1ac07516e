//! A table as bytes: one key group at a time, all of it or what changed.

use super::{Changes, Entry, Group, KeySlot, Part, StateTable, entry_hash, rehash};
use flott_core::{Data, Error, Key, KeyGroup, ProcessingTime, Result, codec};
use hashbrown::hash_table::Entry as Probe;
use std::any::Any;

/// So many changed entries are fetched ahead of the one that is being written.
const LOOK_AHEAD: usize = 16;

/// A group with room for more entries gives its memory back when it is cleared: clearing costs time for all of it.
const CLEARED_ENTRIES_MAX: usize = 1024;

/// What a snapshot takes of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::keyed) enum Take {
    /// What changed since the snapshot before, marking it clean.
    Changes,
    /// Everything, marking it clean.
    All,
    /// Everything, leaving all marks as they are.
    Copy,
}

/// What one group's section of a file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::keyed) struct Counts {
    pub removals: u32,
    pub entries: u32,
}

/// What a snapshot and a restore need of a table whose types they do not know.
pub(in crate::keyed) trait AnyTable: Any + Send {
    /// Appends one group.
    fn snapshot_group(&mut self, group: KeyGroup, take: Take, now: ProcessingTime, out: &mut Vec<u8>)
    -> Result<Counts>;
    /// Applies what [`AnyTable::snapshot_group`] wrote.
    fn restore_group(&mut self, group: KeyGroup, counts: Counts, bytes: &[u8]) -> Result<()>;
    /// About how many bytes a snapshot will have.
    fn snapshot_bytes(&self, take: Take) -> usize;
    /// Begins to fetch the entries of keys, if namespaces are nothing and the table is too large for the cache.
    fn prefetch_all(&self, slots: &[KeySlot]);
    /// Drops all entries, and memory that was needed for many.
    fn clear(&mut self);
    /// Number of entries.
    fn entry_count(&self) -> usize;
    /// Estimated bytes of memory of the table itself, not counting what entries point to.
    fn byte_count(&self) -> usize;
}

impl<K: Key, N: Key, V: Data> AnyTable for StateTable<K, N, V> {
    fn snapshot_group(
        &mut self,
        group: KeyGroup,
        take: Take,
        now: ProcessingTime,
        out: &mut Vec<u8>,
    ) -> Result<Counts> {
        let place = usize::from(group.0 - self.range.start);
        match take {
            Take::Changes => self.groups[place].write_changes(out),
            Take::All => {
                self.drop_expired(place, now);
                self.groups[place].write_all(out)
            }
            Take::Copy => self.write_copy(place, now, out),
        }
    }

    fn restore_group(&mut self, group: KeyGroup, counts: Counts, mut bytes: &[u8]) -> Result<()> {
        let (max, range, is_parted) = (self.max, self.range, self.is_parted);
        let group = &mut self.groups[usize::from(group.0 - range.start)];
        // Removals stand first: a key that was removed and came back is among the entries too.
        for _ in 0..counts.removals {
            let (key, namespace): (K, N) = (codec::decode(&mut bytes)?, codec::decode(&mut bytes)?);
            let slot = KeySlot::of(&key, max, range);
            if is_parted {
                group.part_mut(&namespace).and_then(|part| part.remove(slot.hash.0, &key, &()));
            } else {
                group.main.remove(entry_hash(slot, &namespace), &key, &namespace);
            }
        }
        // What a file adds to an empty group is all different.
        let distinct = group.is_empty();
        if distinct && !is_parted {
            // A damaged count must not take all memory: an entry has at least one byte, or there is only one.
            group.main.entries.reserve((counts.entries as usize).min(bytes.len() + 1), rehash);
        }
        for _ in 0..counts.entries {
            let (key, namespace): (K, N) = (codec::decode(&mut bytes)?, codec::decode(&mut bytes)?);
            let value: V = codec::decode(&mut bytes)?;
            let slot = KeySlot::of(&key, max, range);
            // Not marked as written: the first snapshot after a restore is a full one.
            let (dirty, written) = (false, false);
            if is_parted {
                let entry = Entry { key, namespace: (), value, dirty, written };
                group.make_part(&namespace).restore(slot.hash.0, entry, distinct);
            } else {
                let hash = entry_hash(slot, &namespace);
                group.main.restore(hash, Entry { key, namespace, value, dirty, written }, distinct);
            }
        }
        group.parts.retain(|(_, part)| !part.is_empty());
        if bytes.is_empty() {
            Ok(())
        } else {
            Err(Error::corrupt(format!(
                "{} bytes are left over after {} entries of types {}, {}, {}",
                bytes.len(),
                counts.entries,
                std::any::type_name::<K>(),
                std::any::type_name::<N>(),
                std::any::type_name::<V>()
            )))
        }
    }

    fn snapshot_bytes(&self, take: Take) -> usize {
        let entries = match take {
            Take::All | Take::Copy => self.len(),
            Take::Changes => self.groups.iter().map(Group::changed_max).sum(),
        };
        entries * (size_of::<K>() + size_of::<N>() + size_of::<V>() + 1)
    }

    fn prefetch_all(&self, slots: &[KeySlot]) {
        let nothing: &dyn Any = &();
        let Some(namespace) = nothing.downcast_ref::<N>() else { return };
        if self.is_worth_prefetching() {
            slots.iter().for_each(|slot| self.prefetch(*slot, namespace));
        }
    }

    fn clear(&mut self) {
        for Group { main, parts, removed, .. } in &mut self.groups {
            if main.entries.capacity() > CLEARED_ENTRIES_MAX {
                *main = Part::default();
            } else if main.entries.capacity() > 0 {
                main.entries.clear();
                main.changes = Changes::Listed(Vec::new());
            }
            parts.clear();
            removed.clear();
        }
    }

    fn entry_count(&self) -> usize {
        self.len()
    }

    fn byte_count(&self) -> usize {
        self.groups.iter().map(Group::allocation_size).sum()
    }
}

impl<K: Key, N: Key, V: Data> Group<K, N, V> {
    fn write_changes(&mut self, out: &mut Vec<u8>) -> Result<Counts> {
        let mut counts = Counts::default();
        for (key, namespace) in self.removed.drain(..) {
            codec::encode(&key, out)?;
            codec::encode(&namespace, out)?;
            counts.removals += 1;
        }
        counts.entries += self.main.write_changes(None::<&N>, out)?;
        for (namespace, part) in &mut self.parts {
            counts.entries += part.write_changes(Some(namespace), out)?;
        }
        Ok(counts)
    }

    fn write_all(&mut self, out: &mut Vec<u8>) -> Result<Counts> {
        // A full file starts from nothing, so there is nothing to remove from it.
        self.removed.clear();
        let mut counts = Counts::default();
        counts.entries += self.main.write_all(None::<&N>, out)?;
        for (namespace, part) in &mut self.parts {
            counts.entries += part.write_all(Some(namespace), out)?;
        }
        Ok(counts)
    }

    fn changed_max(&self) -> usize {
        let parts = self.parts.iter().map(|(_, part)| part.changed_max());
        self.removed.len() + self.main.changed_max() + parts.sum::<usize>()
    }

    fn allocation_size(&self) -> usize {
        let parts = self.parts.iter().map(|(_, part)| part.entries.allocation_size());
        self.main.entries.allocation_size() + self.parts.allocation_size() + parts.sum::<usize>()
    }
}

impl<K: Key, N: Key, V: Data> Part<K, N, V> {
    /// Takes an entry of a file. `distinct`: there is surely none for its key yet.
    #[inline]
    fn restore(&mut self, hash: u64, entry: Entry<K, N, V>, distinct: bool) {
        if distinct {
            self.entries.insert_unique(hash, entry, rehash);
            return;
        }
        match self.entries.entry(hash, |e| e.key == entry.key && e.namespace == entry.namespace, rehash) {
            Probe::Occupied(mut found) => found.get_mut().value = entry.value,
            Probe::Vacant(place) => {
                place.insert(entry);
            }
        }
    }

    /// Appends the entries that changed, and returns how many. `namespace` is that of a part.
    fn write_changes<S: Key>(&mut self, namespace: Option<&S>, out: &mut Vec<u8>) -> Result<u32> {
        let mut count = 0;
        let mut write = |e: &mut Entry<K, N, V>| {
            count += 1;
            e.write(namespace, out)
        };
        match std::mem::replace(&mut self.changes, Changes::Listed(Vec::new())) {
            Changes::Listed(hashes) => {
                for (place, hash) in hashes.iter().enumerate() {
                    if let Some(ahead) = hashes.get(place + LOOK_AHEAD) {
                        self.prefetch(*ahead);
                    }
                    // Two dirty entries may share a hash, and a stale hash may find none.
                    self.entries.iter_hash_mut(*hash).filter(|e| e.dirty).try_for_each(&mut write)?;
                }
            }
            Changes::Many => self.entries.iter_mut().filter(|e| e.dirty).try_for_each(write)?,
        }
        Ok(count)
    }

    /// Appends all entries, and returns how many.
    fn write_all<S: Key>(&mut self, namespace: Option<&S>, out: &mut Vec<u8>) -> Result<u32> {
        self.changes = Changes::Listed(Vec::new());
        let mut count = 0;
        for entry in &mut self.entries {
            entry.write(namespace, out)?;
            count += 1;
        }
        Ok(count)
    }

    fn changed_max(&self) -> usize {
        match &self.changes {
            Changes::Listed(hashes) => hashes.len(),
            Changes::Many => self.entries.len(),
        }
    }
}

impl<K: Key, N: Key, V: Data> Entry<K, N, V> {
    /// `namespace` is that of the entry's part, if it has one.
    #[inline]
    fn write<S: Key>(&mut self, namespace: Option<&S>, out: &mut Vec<u8>) -> Result<()> {
        self.dirty = false;
        self.written = true;
        codec::encode(&self.key, out)?;
        match namespace {
            Some(namespace) => codec::encode(namespace, out)?,
            None => codec::encode(&self.namespace, out)?,
        }
        codec::encode(&self.value, out)
    }
}

impl<K: Key, N: Key, V: Data> StateTable<K, N, V> {
    fn write_copy(&self, place: usize, now: ProcessingTime, out: &mut Vec<u8>) -> Result<Counts> {
        let mut counts = Counts::default();
        let group = &self.groups[place];
        for entry in &group.main.entries {
            let kept = match &self.expiry {
                None => None,
                Some(expiry) => match expiry.unexpired(&entry.value, now) {
                    None => continue,
                    kept => kept,
                },
            };
            codec::encode(&entry.key, out)?;
            codec::encode(&entry.namespace, out)?;
            codec::encode(kept.as_ref().unwrap_or(&entry.value), out)?;
            counts.entries += 1;
        }
        for (namespace, part) in &group.parts {
            for entry in &part.entries {
                codec::encode(&entry.key, out)?;
                codec::encode(namespace, out)?;
                codec::encode(&entry.value, out)?;
                counts.entries += 1;
            }
        }
        Ok(counts)
    }
}
