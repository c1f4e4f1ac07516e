//! Expiry of a table's values: a few entries with every access, all of them with a full snapshot. A state with TTL has
//! no namespaces, so its table is never parted.

use super::{Entry, KeySlot, StateTable};
use crate::keyed::ttl::{Deadline, Ttl};
use flott_core::{Data, Key, ProcessingTime};

/// Empty buckets and groups that one access may pass for each entry that it is to check.
const EMPTY_MAX: usize = 8;

/// What expiry did to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::keyed) enum Expired {
    /// Nothing.
    Nothing,
    /// Part of the value is gone: some elements of a list, some entries of a map.
    Part,
    /// Nothing of the value is left.
    All,
}

/// A value that expires.
pub(in crate::keyed) trait Expire: Data {
    /// Drops what has expired. Of a value that is gone as a whole nothing need be dropped.
    fn expire(&mut self, deadline: Deadline) -> Expired;
}

/// What a table of a state with TTL knows of it.
pub(super) struct Expiry<V> {
    ttl: Ttl,
    expire: fn(&mut V, Deadline) -> Expired,
    /// Where the next access goes on checking: group and bucket.
    cursor: (usize, usize),
    /// The expired value that was returned last.
    returned: Option<V>,
}

impl<V: Data> Expiry<V> {
    /// What is left of a value; `None` when it is gone.
    pub fn unexpired(&self, value: &V, now: ProcessingTime) -> Option<V> {
        let mut value = value.clone();
        ((self.expire)(&mut value, self.ttl.deadline(now)) != Expired::All).then_some(value)
    }
}

impl<K: Key, N: Key, V: Data> StateTable<K, N, V> {
    /// Gives the values a time to live.
    pub(in crate::keyed) fn set_ttl(&mut self, ttl: Ttl)
    where
        V: Expire,
    {
        self.expiry = Some(Expiry { ttl, expire: V::expire, cursor: (0, 0), returned: None });
    }

    /// Checks the next few entries, in turn, and drops what has expired.
    pub(in crate::keyed) fn clean_up(&mut self, now: ProcessingTime) {
        let Some(expiry) = &mut self.expiry else { return };
        let deadline = expiry.ttl.deadline(now);
        let (mut group, mut bucket) = expiry.cursor;
        let mut to_check = expiry.ttl.cleanup_entries;
        let mut to_pass = to_check * EMPTY_MAX;
        while to_check > 0 && to_pass > 0 {
            let Some(current) = self.groups.get_mut(group) else { break };
            if current.main.entries.is_empty() || bucket >= current.main.entries.num_buckets() {
                group = if group + 1 < self.groups.len() { group + 1 } else { 0 };
                bucket = 0;
                to_pass -= 1;
                continue;
            }
            match current.main.entries.get_bucket_entry(bucket) {
                Err(_) => to_pass -= 1,
                Ok(mut found) => {
                    to_check -= 1;
                    match (expiry.expire)(&mut found.get_mut().value, deadline) {
                        Expired::Nothing => {}
                        Expired::Part => {
                            let entry = found.get_mut();
                            if !entry.dirty {
                                entry.dirty = true;
                                let hash = super::rehash(entry);
                                let count = current.main.entries.len();
                                current.main.changes.note(hash, count);
                            }
                        }
                        Expired::All => {
                            let (entry, _) = found.remove();
                            note_removal(&mut current.removed, entry);
                        }
                    }
                }
            }
            bucket += 1;
        }
        expiry.cursor = (group, bucket);
    }

    /// Removes an expired value. With Flink's `ReturnExpiredIfNotCleanedUp` it can be seen once more.
    pub(in crate::keyed) fn remove_expired(&mut self, slot: KeySlot, key: &K, namespace: &N) -> Option<&V> {
        let value = self.remove(slot, key, namespace)?;
        self.return_expired(value)
    }

    /// Keeps an expired value for as long as its reader looks at it, if it may be seen.
    pub(in crate::keyed) fn return_expired(&mut self, value: V) -> Option<&V> {
        let expiry = self.expiry.as_mut().filter(|e| e.ttl.return_expired)?;
        Some(expiry.returned.insert(value))
    }

    /// Drops what has expired in one group, without noting it: a full file follows.
    pub(super) fn drop_expired(&mut self, place: usize, now: ProcessingTime) {
        let Some(expiry) = &self.expiry else { return };
        let deadline = expiry.ttl.deadline(now);
        self.groups[place].main.entries.retain(|e| (expiry.expire)(&mut e.value, deadline) != Expired::All);
    }

    /// The same entries with other values.
    pub(in crate::keyed) fn map_values<W: Data>(self, mut map: impl FnMut(V) -> W) -> StateTable<K, N, W> {
        let mut mapped = StateTable::new(self.max, self.range);
        for (place, group) in self.groups.into_iter().enumerate() {
            let entries = &mut mapped.groups[place].main.entries;
            entries.reserve(group.main.entries.len(), super::rehash);
            for Entry { key, namespace, value, .. } in group.main.entries {
                let entry = Entry { key, namespace, value: map(value), dirty: false, written: false };
                entries.insert_unique(super::rehash(&entry), entry, super::rehash);
            }
        }
        mapped
    }
}

/// Notes that an entry is gone, if a snapshot holds it.
fn note_removal<K, N, V>(removed: &mut Vec<(K, N)>, entry: Entry<K, N, V>) {
    if entry.written {
        removed.push((entry.key, entry.namespace));
    }
}
