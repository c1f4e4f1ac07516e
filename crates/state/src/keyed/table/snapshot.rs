//! A table as bytes: a snapshot is opened at once, then taken one key group at a time while the stream goes on.

use super::encode::Encoded;
use super::group::Group;
use super::layout::Layout;
use super::{KeySlot, StateTable, Take};
use crate::keyed::list_part::usual;
use flott_core::{Data, Key, KeyGroup, ProcessingTime, Result};
use std::any::Any;

/// A group with room for more entries gives its memory back when it is cleared: clearing costs time for all of it.
const CLEARED_ENTRIES_MAX: usize = 1024;

/// What one group's section of a file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::keyed) struct Counts {
    pub removals: u32,
    pub entries: u32,
}

/// What the state of an operator needs of a table whose namespaces and values it does not know.
pub(in crate::keyed) trait AnyTable<K>: Any + Send {
    /// Opens a snapshot: what changes from now on is not part of it.
    fn open(&mut self, take: Take);
    /// Appends what the open snapshot holds of one group, for a file.
    fn take_group(&mut self, group: KeyGroup, take: Take, now: ProcessingTime, out: &mut Vec<u8>) -> Result<Counts>;
    /// Writes what the store does not have of one group: what the open snapshot holds, or else everything. Returns
    /// the number of bytes.
    fn write_group(&mut self, place: usize) -> Result<usize>;
    /// Everything has been taken or written.
    fn close(&mut self);
    /// Lets go of what the store has of one group and what was not used lately.
    fn let_go(&mut self, place: usize);
    /// About how many bytes a snapshot will have.
    fn snapshot_bytes(&self, take: Take) -> usize;
    /// Begins to fetch the entries of keys, if namespaces are nothing and the table is too large for the cache.
    fn prefetch_all(&self, slots: &[KeySlot]);
    /// Looks up in the store what is not here of these keys, if namespaces are nothing.
    fn load_all(&mut self, keys: &[K], slots: &[KeySlot]) -> Result<()>;
    /// Appends what a key has, as entries of a file, and says how many those are. Names begin with the key.
    fn entries_of(&mut self, slot: KeySlot, key: &K, out: &mut Vec<u8>) -> Result<usize>;
    /// How many entries have been looked up in the store so far, many at a time.
    fn looked_up(&self) -> u64;
    /// Drops all entries, and memory that was needed for many.
    fn clear(&mut self);
    /// Number of entries in memory.
    fn entry_count(&self) -> usize;
    /// Estimated bytes of memory of an entry; `None` as long as there was none.
    fn entry_bytes(&self) -> Option<usize>;
    /// Estimated bytes of memory, with what entries point to.
    fn byte_count(&self) -> usize;
}

impl<K: Key, N: Key, V: Data> AnyTable<K> for StateTable<K, N, V> {
    fn open(&mut self, take: Take) {
        self.about.clock.open(take);
        let (all, keep) = (matches!(take, Take::All | Take::Copy), take == Take::Copy);
        self.groups.iter_mut().for_each(|group| group.open(all, keep));
    }

    fn take_group(&mut self, group: KeyGroup, take: Take, now: ProcessingTime, out: &mut Vec<u8>) -> Result<Counts> {
        let place = usize::from(group.0 - self.range.start);
        match take {
            Take::All => self.drop_expired(place, now, false),
            Take::Copy => self.drop_expired(place, now, true),
            Take::Changes | Take::Unwritten => {}
        }
        let mut encoded = Encoded::after(std::mem::take(out));
        let counts = self.groups[place].take_open(&self.about, group, &mut encoded);
        *out = encoded.bytes;
        counts
    }

    fn write_group(&mut self, place: usize) -> Result<usize> {
        if self.groups[place].open.is_some() { self.write_open(place) } else { self.write_back(place) }
    }

    fn close(&mut self) {
        self.about.clock.close();
    }

    fn let_go(&mut self, place: usize) {
        StateTable::let_go(self, place);
    }

    fn snapshot_bytes(&self, take: Take) -> usize {
        let entries = match take {
            Take::All | Take::Copy => self.len(),
            Take::Changes | Take::Unwritten => self.groups.iter().map(Group::changed_max).sum(),
        };
        entries * (size_of::<K>() + size_of::<N>() + size_of::<V>() + 1)
    }

    fn prefetch_all(&self, slots: &[KeySlot]) {
        if self.is_worth_prefetching()
            && let Some(namespace) = usual::<N>()
        {
            slots.iter().for_each(|slot| self.prefetch(*slot, &namespace));
        }
    }

    fn load_all(&mut self, keys: &[K], slots: &[KeySlot]) -> Result<()> {
        match usual::<N>() {
            Some(namespace) => self.load_at(keys, slots, &namespace).map(drop),
            None => Ok(()),
        }
    }

    fn entries_of(&mut self, slot: KeySlot, key: &K, out: &mut Vec<u8>) -> Result<usize> {
        StateTable::entries_of(self, slot, key, out)
    }

    fn looked_up(&self) -> u64 {
        self.stored.as_ref().map_or(0, |stored| stored.looked_up)
    }

    fn clear(&mut self) {
        let arrange = self.arrange;
        for group in &mut self.groups {
            match &mut group.layout {
                Layout::Flat(part) if part.entries.capacity() <= CLEARED_ENTRIES_MAX => {
                    if part.entries.capacity() > 0 {
                        part.entries.clear();
                        (group.count, group.changes) = (0, Default::default());
                        group.removed.clear();
                    }
                }
                Layout::ByNamespace(parts) => {
                    parts.clear();
                    (group.count, group.changes) = (0, Default::default());
                    group.removed.clear();
                }
                _ => *group = Group::new(arrange),
            }
        }
    }

    fn entry_count(&self) -> usize {
        self.len()
    }

    fn entry_bytes(&self) -> Option<usize> {
        StateTable::entry_bytes(self)
    }

    fn byte_count(&self) -> usize {
        self.resident_bytes()
    }
}
