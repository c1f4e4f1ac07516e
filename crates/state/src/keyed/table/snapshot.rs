//! A table as bytes: one key group at a time, all of it or what changed.

use super::{Changes, Entry, Group, KeySlot, StateTable, entry_hash, rehash};
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
        let (max, range) = (self.max, self.range);
        let entries = &mut self.groups[usize::from(group.0 - range.start)].entries;
        // Removals stand first: a key that was removed and came back is among the entries too.
        for _ in 0..counts.removals {
            let (key, namespace): (K, N) = (codec::decode(&mut bytes)?, codec::decode(&mut bytes)?);
            let hash = entry_hash(KeySlot::of(&key, max, range), &namespace);
            if let Ok(found) = entries.find_entry(hash, |e| e.key == key && e.namespace == namespace) {
                found.remove();
            }
        }
        // What a file adds to an empty group is all different.
        let distinct = entries.is_empty();
        if distinct {
            // A damaged count must not take all memory: an entry has at least one byte, or there is only one.
            entries.reserve((counts.entries as usize).min(bytes.len() + 1), rehash);
        }
        for _ in 0..counts.entries {
            let (key, namespace): (K, N) = (codec::decode(&mut bytes)?, codec::decode(&mut bytes)?);
            let value: V = codec::decode(&mut bytes)?;
            let hash = entry_hash(KeySlot::of(&key, max, range), &namespace);
            // Not marked as written: the first snapshot after a restore is a full one.
            let entry = Entry { key, namespace, value, dirty: false, written: false };
            if distinct {
                entries.insert_unique(hash, entry, rehash);
                continue;
            }
            match entries.entry(hash, |e| e.key == entry.key && e.namespace == entry.namespace, rehash) {
                Probe::Occupied(mut found) => found.get_mut().value = entry.value,
                Probe::Vacant(place) => {
                    place.insert(entry);
                }
            }
        }
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
        for group in self.groups.iter_mut().filter(|g| g.entries.capacity() > 0) {
            if group.entries.capacity() > CLEARED_ENTRIES_MAX {
                *group = Group::default();
            } else {
                group.entries.clear();
                group.changes = Changes::Listed(Vec::new());
                group.removed.clear();
            }
        }
    }

    fn entry_count(&self) -> usize {
        self.len()
    }

    fn byte_count(&self) -> usize {
        self.groups.iter().map(|g| g.entries.allocation_size()).sum()
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
        let mut write = |e: &mut Entry<K, N, V>| {
            counts.entries += 1;
            e.write(out)
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
        Ok(counts)
    }

    fn write_all(&mut self, out: &mut Vec<u8>) -> Result<Counts> {
        // A full file starts from nothing, so there is nothing to remove from it.
        self.removed.clear();
        self.changes = Changes::Listed(Vec::new());
        let mut counts = Counts::default();
        for entry in &mut self.entries {
            entry.write(out)?;
            counts.entries += 1;
        }
        Ok(counts)
    }

    fn changed_max(&self) -> usize {
        match &self.changes {
            Changes::Listed(hashes) => hashes.len() + self.removed.len(),
            Changes::Many => self.entries.len() + self.removed.len(),
        }
    }
}

impl<K: Key, N: Key, V: Data> Entry<K, N, V> {
    #[inline]
    fn write(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.dirty = false;
        self.written = true;
        codec::encode(&self.key, out)?;
        codec::encode(&self.namespace, out)?;
        codec::encode(&self.value, out)
    }
}

impl<K: Key, N: Key, V: Data> StateTable<K, N, V> {
    fn write_copy(&self, place: usize, now: ProcessingTime, out: &mut Vec<u8>) -> Result<Counts> {
        let mut counts = Counts::default();
        for entry in &self.groups[place].entries {
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
        Ok(counts)
    }
}
