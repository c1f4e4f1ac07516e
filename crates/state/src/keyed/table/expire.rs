//! Expiry of a table's values: a few entries with every access, all of them with a full snapshot.

use super::group::Group;
use super::layout::Cursor;
use super::{KeySlot, StateTable};
use crate::keyed::ttl::{Deadline, Ttl};
use flott_core::{Data, Key, KeyGroup, ProcessingTime, Result};

/// Empty buckets and groups that one access may pass for each entry that it is to check.
const EMPTY_MAX: usize = 8;

/// What is left of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::keyed) enum Expired {
    /// Something.
    Part,
    /// Nothing.
    All,
}

/// A value that expires.
pub(in crate::keyed) trait Expire: Data {
    /// Whether anything of the value has expired.
    fn has_expired(&self, deadline: Deadline) -> bool;
    /// Drops what has expired. Of a value that is gone as a whole nothing need be dropped.
    fn expire(&mut self, deadline: Deadline) -> Expired;
    /// The time of the last access that counts: when the whole value goes.
    fn stamp(&self) -> i64;
}

/// What a table of a state with TTL knows of it.
pub(super) struct Expiry<V> {
    ttl: Ttl,
    has_expired: fn(&V, Deadline) -> bool,
    expire: fn(&mut V, Deadline) -> Expired,
    /// Where the next access goes on checking: group, part and bucket.
    cursor: (usize, usize, usize),
}

impl<K: Key, N: Key, V: Data> StateTable<K, N, V> {
    /// Gives the values a time to live.
    pub(in crate::keyed) fn set_ttl(&mut self, ttl: Ttl)
    where
        V: Expire,
    {
        let (has_expired, expire) = (V::has_expired, V::expire);
        self.expiry = Some(Expiry { ttl, has_expired, expire, cursor: (0, 0, 0) });
    }

    /// Checks the next few entries, in turn, and drops what has expired. On a store those in memory only: the others
    /// go when the store tidies its files.
    pub(in crate::keyed) fn clean_up(&mut self, now: ProcessingTime) -> Result<()> {
        let Some(expiry) = &mut self.expiry else { return Ok(()) };
        let deadline = expiry.ttl.deadline(now);
        let (mut group, mut part, mut bucket) = expiry.cursor;
        let mut to_check = expiry.ttl.cleanup_entries;
        let mut to_pass = to_check * EMPTY_MAX;
        while to_check > 0 && to_pass > 0 {
            let key_group = KeyGroup(self.range.start + group as u16);
            let Some(current) = self.groups.get_mut(group) else { break };
            match current.layout.look(part, bucket) {
                Cursor::End => {
                    group = if group + 1 < self.groups.len() { group + 1 } else { 0 };
                    (part, bucket) = (0, 0);
                    to_pass -= 1;
                }
                Cursor::Nothing(next) => {
                    (part, bucket) = next;
                    to_pass -= 1;
                }
                Cursor::Entry(place, next) => {
                    to_check -= 1;
                    if (expiry.has_expired)(current.layout.at(place).value, deadline) {
                        let value = current.change_at(place, &self.about, key_group)?;
                        if (expiry.expire)(value, deadline) == Expired::All {
                            current.remove(place, &self.about, key_group)?;
                        }
                    }
                    (part, bucket) = next;
                }
            }
        }
        expiry.cursor = (group, part, bucket);
        Ok(())
    }

    /// Removes an expired value. With Flink's `ReturnExpiredIfNotCleanedUp` it can be seen once more.
    pub(in crate::keyed) fn remove_expired(&mut self, slot: KeySlot, key: &K, namespace: &N) -> Result<Option<&V>> {
        let Some(value) = self.remove(slot, key, namespace)? else { return Ok(None) };
        let is_shown = self.expiry.as_ref().is_some_and(|e| e.ttl.return_expired);
        Ok(if is_shown { Some(self.show(value)) } else { None })
    }

    /// Drops what has expired of what the open snapshot is about to take in one group. It is noted as removed unless a
    /// full file follows, on which later ones build.
    pub(super) fn drop_expired(&mut self, place: usize, now: ProcessingTime, note: bool) {
        let Some(expiry) = &self.expiry else { return };
        let deadline = expiry.ttl.deadline(now);
        let Group { layout, count, removed, .. } = &mut self.groups[place];
        layout.retain(|key, namespace, value, mark| {
            // What has changed since the snapshot was opened is not part of it.
            let is_gone = self.about.clock.holds(mark.changed)
                && (expiry.has_expired)(value, deadline)
                && (expiry.expire)(value, deadline) == Expired::All;
            if is_gone {
                *count -= 1;
                if note {
                    removed.insert(key.clone(), namespace.clone());
                }
            }
            !is_gone
        });
    }

    /// The same entries with other values; nothing is marked as changed.
    pub(in crate::keyed) fn map_values<W: Data>(self, mut map: impl FnMut(V) -> W) -> StateTable<K, N, W> {
        let mut mapped = StateTable::new(self.max, self.range, self.arrange);
        for (from, to) in self.groups.into_iter().zip(&mut mapped.groups) {
            to.count = from.count;
            to.layout = from.layout.map_values(&mut map);
        }
        mapped
    }
}
