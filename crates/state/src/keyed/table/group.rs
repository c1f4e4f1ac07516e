//! The entries of one key group, what changed among them, and what an open snapshot still has to take.

use super::KeySlot;
use super::clock::{Clock, Epoch};
use super::encode::{Encoded, Form};
use super::layout::{Arrange, Layout, Place};
use super::names::{Changes, Names};
use super::part::Mark;
use super::snapshot::Counts;
use flott_core::{Data, Key, KeyGroup, Result};

/// While one changed entry is written, the one so many places further on is fetched into the cache.
const LOOK_AHEAD: usize = 16;

pub(super) struct Group<K, N, V> {
    pub layout: Layout<K, N, V>,
    pub count: usize,
    pub changes: Changes,
    /// Entries that are gone, and that a snapshot or the store may have.
    pub removed: Names<K, N>,
    /// Everything that the store has of the group is here too: what is not here is nowhere.
    pub is_complete: bool,
    /// What belongs to the open snapshot.
    pub open: Option<Box<Opened<K, N>>>,
}

/// What a group looked like when a snapshot was opened, as far as it is not to be seen any more.
pub(super) struct Opened<K, N> {
    changes: Changes,
    pub removed: Names<K, N>,
    /// Entries that were encoded early, because they were about to change.
    early: Encoded,
}

/// What changing an entry needs to know of the table.
pub(super) struct About<K, N, V> {
    pub clock: Clock,
    pub form: Form<K, N, V>,
}

impl<K: Key, N: Key, V: Data> Group<K, N, V> {
    pub fn new(arrange: Arrange) -> Self {
        Group {
            layout: Layout::new(arrange),
            count: 0,
            changes: Changes::default(),
            removed: Names::default(),
            is_complete: false,
            open: None,
        }
    }

    /// The value at a place, about to be changed.
    #[inline(always)]
    pub fn change(
        &mut self,
        place: Place,
        about: &About<K, N, V>,
        group: KeyGroup,
        (slot, namespace): (KeySlot, &N),
    ) -> Result<&mut V> {
        // Most changes are not the first one: what follows is then one look at the entry.
        if self.layout.at(place).mark.changed == about.clock.now {
            return Ok(self.layout.at_mut(place).0);
        }
        self.first_change(place, about, group)?;
        self.changes.note(self.layout.hashes(slot, namespace), self.count);
        Ok(self.layout.at_mut(place).0)
    }

    /// As [`Group::change`], where key and namespace are not at hand.
    pub fn change_at(&mut self, place: Place, about: &About<K, N, V>, group: KeyGroup) -> Result<&mut V> {
        if self.layout.at(place).mark.changed != about.clock.now {
            self.first_change(place, about, group)?;
            self.changes.note(self.layout.hashes_at(place), self.count);
        }
        Ok(self.layout.at_mut(place).0)
    }

    /// The first change of an entry in this epoch.
    #[inline(never)]
    fn first_change(&mut self, place: Place, about: &About<K, N, V>, group: KeyGroup) -> Result<()> {
        let found = self.layout.at(place);
        if about.clock.holds(found.mark.changed)
            && let Some(open) = &mut self.open
        {
            open.early.put(&about.form, group, found.key, found.namespace, found.value)?;
        }
        let (_, mark) = self.layout.at_mut(place);
        mark.changed = about.clock.now;
        mark.written = true;
        Ok(())
    }

    /// Adds an entry that is not there yet.
    #[inline]
    pub fn insert(&mut self, now: Epoch, slot: KeySlot, key: &K, namespace: &N, value: V) -> Place {
        self.count += 1;
        self.changes.note(self.layout.hashes(slot, namespace), self.count);
        self.layout.insert(slot, key, namespace, value, Mark::new(now))
    }

    /// Removes an entry.
    pub fn remove(&mut self, place: Place, about: &About<K, N, V>, group: KeyGroup) -> Result<V> {
        if self.layout.at(place).mark.changed != about.clock.now {
            self.first_change(place, about, group)?;
        }
        let (key, namespace, value, mark) = self.layout.remove(place);
        self.count -= 1;
        if mark.written {
            self.removed.insert(key, namespace);
        }
        Ok(value)
    }

    /// Calls `visit` with every entry, which it may change; those for which it returns false are removed.
    pub fn retain(
        &mut self,
        about: &About<K, N, V>,
        group: KeyGroup,
        mut visit: impl FnMut(&K, &N, &mut V) -> bool,
    ) -> Result<()> {
        let Group { layout, count, changes, removed, open, .. } = self;
        *changes = Changes::Many;
        let mut outcome = Ok(());
        layout.retain(|key, namespace, value, mark| {
            if mark.changed != about.clock.now {
                if about.clock.holds(mark.changed)
                    && let Some(open) = open
                    && let Err(e) = open.early.put(&about.form, group, key, namespace, value)
                {
                    outcome = Err(e);
                }
                *mark = Mark { changed: about.clock.now, written: true, ..*mark };
            }
            let keep = visit(key, namespace, value);
            if !keep {
                *count -= 1;
                if mark.written {
                    removed.insert(key.clone(), namespace.clone());
                }
            }
            keep
        });
        outcome
    }

    /// A snapshot opens. With `all`, what changed does not matter; with `keep`, what changed stays noted for the next.
    pub fn open(&mut self, all: bool, keep: bool) {
        let mut opened = Opened { changes: Changes::Many, removed: Names::default(), early: Encoded::default() };
        if !keep {
            let changes = self.changes.take();
            let removed = std::mem::take(&mut self.removed);
            if !all {
                opened.changes = changes;
                opened.removed = removed;
            }
        }
        self.open = Some(Box::new(opened));
    }

    /// Takes what the open snapshot holds of this group.
    pub fn take_open(&mut self, about: &About<K, N, V>, group: KeyGroup, out: &mut Encoded) -> Result<Counts> {
        let Some(open) = self.open.take() else { return Ok(Counts::default()) };
        let clock = about.clock;
        let removals = self.encode_removed(&open.removed, &about.form, group, out)?;
        self.encode(&open.changes, |changed| clock.holds(changed), clock.taken, &about.form, group, out)?;
        out.append(&open.early);
        Ok(Counts { removals, entries: out.entries })
    }

    /// Takes what the store does not have yet, while no snapshot is open.
    pub fn take_unwritten(&mut self, about: &About<K, N, V>, group: KeyGroup, out: &mut Encoded) -> Result<()> {
        let (changes, removed) = (self.changes.take(), std::mem::take(&mut self.removed));
        self.encode_removed(&removed, &about.form, group, out)?;
        self.encode(&changes, |changed| changed != Epoch::NEVER, Epoch::NEVER, &about.form, group, out)
    }

    fn encode_removed(
        &self,
        removed: &Names<K, N>,
        form: &Form<K, N, V>,
        group: KeyGroup,
        out: &mut Encoded,
    ) -> Result<u32> {
        for (key, namespace) in removed.iter() {
            out.remove(form, group, key, namespace)?;
        }
        Ok(removed.len() as u32)
    }

    fn encode(
        &mut self,
        changes: &Changes,
        is_wanted: impl Fn(Epoch) -> bool,
        taken: Epoch,
        form: &Form<K, N, V>,
        group: KeyGroup,
        out: &mut Encoded,
    ) -> Result<()> {
        match changes {
            Changes::Listed(listed) => {
                let mut places = Vec::new();
                for (n, hashes) in listed.iter().enumerate() {
                    if let (Layout::Flat(part), Some((_, ahead))) = (&self.layout, listed.get(n + LOOK_AHEAD)) {
                        part.prefetch(*ahead);
                    }
                    // Several changed entries may share a hash, and a stale hash may find none.
                    places.clear();
                    self.layout.with_hashes(*hashes, &mut places);
                    for place in &places {
                        let found = self.layout.at(*place);
                        if is_wanted(found.mark.changed) {
                            out.put(form, group, found.key, found.namespace, found.value)?;
                            let (_, mark) = self.layout.at_mut(*place);
                            *mark = Mark { changed: taken, written: true, ..*mark };
                        }
                    }
                }
                Ok(())
            }
            Changes::Many => self.layout.try_for_each(|key, namespace, value, mark| {
                if is_wanted(mark.changed) {
                    out.put(form, group, key, namespace, value)?;
                    *mark = Mark { changed: taken, written: true, ..*mark };
                }
                Ok(())
            }),
        }
    }

    /// At most so many entries and removals have changed.
    pub fn changed_max(&self) -> usize {
        self.removed.len() + self.changes.len_max(self.count)
    }
}
