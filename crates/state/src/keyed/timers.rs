//! Timers: keyed state that calls back.
//!
//! A timer is an entry (key, (time, namespace)) of a [`StateTable`], which makes it unique, incremental in
//! checkpoints and movable between subtasks. An index by time beside it says what is due; a deleted timer stays in
//! the index until its time or until such leftovers are the greater part, and is skipped.
//!
//! On a store the timers of a key group are in the order of their times, and the index has the first of them only:
//! those up to a name for each group. The others are written and deleted without being looked up, and come into the
//! index when those before them have fired.

use super::table::NamesForm;
use super::{KeySlot, StateTable};
use flott_core::{Error, Key, Result, codec};
use std::any::Any;
use std::collections::{BTreeMap, VecDeque};

/// Fewer leftovers than this are never worth a rebuild of the index.
const LEFTOVERS_MIN: usize = 1024;
/// So many timers of a group are taken from a store at once.
const TAKEN_AT_ONCE: usize = 256;
/// So many timers of a store are in the index at most.
const INDEXED_MAX: usize = 1 << 17;

/// Which clock a timer goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerKind {
    /// Fires when the watermark reaches its time.
    EventTime,
    /// Fires when the machine's clock reaches its time.
    ProcessingTime,
}

impl TimerKind {
    /// The name in checkpoints.
    pub fn name(self) -> &'static str {
        match self {
            TimerKind::EventTime => "event",
            TimerKind::ProcessingTime => "processing",
        }
    }
}

type TimerTable<K, N> = StateTable<K, (i64, N), ()>;

/// Timers of one kind whose namespace is `N`.
pub struct Timers<K, N> {
    kind: TimerKind,
    /// The number of the table that the timers are in.
    table: usize,
    index: BTreeMap<i64, VecDeque<(K, N)>>,
    indexed: usize,
    /// Deleted timers that are still in the index.
    leftovers: usize,
    /// On a store: how far the index goes, for each group.
    reach: Vec<Reach>,
}

/// How far the index goes in one group.
#[derive(Default)]
struct Reach {
    /// The name of the first timer that is not in the index; all are, if there is none.
    end: Option<Vec<u8>>,
    /// Timers of the group in the index.
    indexed: usize,
}

impl Reach {
    fn covers(&self, name: &[u8]) -> bool {
        self.end.as_ref().is_none_or(|end| name < end.as_slice())
    }
}

impl<K: Key, N: Key> NamesForm<K, (i64, N)> {
    /// The time first, so that names are in its order.
    pub(super) const TIME_FIRST: NamesForm<K, (i64, N)> = NamesForm {
        encode: |key, (time, namespace), out| {
            out.extend_from_slice(&ordered(*time));
            codec::encode(namespace, out)?;
            codec::encode(key, out)
        },
        decode: |bytes| {
            let (time, mut rest) = bytes.split_first_chunk::<8>().ok_or_else(|| {
                Error::corrupt("a timer in the state's store has no time; restore an older checkpoint")
            })?;
            let namespace = codec::decode(&mut rest)?;
            Ok((codec::from_bytes(rest)?, (of_ordered(*time), namespace)))
        },
    };
}

/// A time as bytes that are in its order.
fn ordered(time: i64) -> [u8; 8] {
    (time.cast_unsigned() ^ 1 << 63).to_be_bytes()
}

fn of_ordered(bytes: [u8; 8]) -> i64 {
    (u64::from_be_bytes(bytes) ^ 1 << 63).cast_signed()
}

impl<K: Key, N: Key> Timers<K, N> {
    pub(super) fn new(kind: TimerKind, table: usize) -> Self {
        Timers { kind, table, index: BTreeMap::new(), indexed: 0, leftovers: 0, reach: Vec::new() }
    }

    pub(super) fn table_number(&self) -> usize {
        self.table
    }

    /// Makes the index again from the table.
    pub(super) fn rebuild(&mut self, table: &mut TimerTable<K, N>, slot_of: impl Fn(&K) -> KeySlot) -> Result<()> {
        let index = std::mem::take(&mut self.index);
        (self.indexed, self.leftovers) = (0, 0);
        if !table.is_on_store() {
            return table.for_each(|key, (time, namespace), ()| self.add(*time, key, namespace));
        }
        for (time, timers) in index {
            for (key, namespace) in timers {
                table.release(slot_of(&key), &key, &(time, namespace));
            }
        }
        self.reach = (0..table.group_count()).map(|_| Reach::default()).collect();
        for place in 0..self.reach.len() {
            self.reach[place].end = Some(table.first_name(place));
            self.extend(table, place)?;
        }
        Ok(())
    }

    /// Registers a timer. Returns whether it is new; on a store one that is far off is taken for new.
    #[inline]
    pub(super) fn register(
        &mut self,
        table: &mut TimerTable<K, N>,
        slot: KeySlot,
        key: &K,
        namespace: &N,
        time: i64,
        slot_of: impl Fn(&K) -> KeySlot,
    ) -> Result<bool> {
        if self.reach.is_empty() {
            let new = table.insert(slot, key, &(time, namespace.clone()), ())?;
            if new {
                self.add(time, key, namespace);
            }
            return Ok(new);
        }
        let name = (time, namespace.clone());
        if table.is_here(slot, key, &name) {
            return Ok(false);
        }
        let is_covered = self.reach[slot.group].covers(&table.store_name(slot, key, &name)?);
        table.add_here(slot, key, &name, !is_covered);
        if is_covered {
            self.add(time, key, namespace);
            self.reach[slot.group].indexed += 1;
            if self.indexed > INDEXED_MAX {
                self.shorten(table, slot_of)?;
            }
        }
        Ok(true)
    }

    pub(super) fn delete(
        &mut self,
        table: &mut TimerTable<K, N>,
        slot: KeySlot,
        key: &K,
        namespace: &N,
        time: i64,
        slot_of: impl Fn(&K) -> KeySlot,
    ) -> Result<()> {
        let name = (time, namespace.clone());
        let is_indexed = if self.reach.is_empty() {
            table.remove(slot, key, &name)?.is_some()
        } else {
            let is_covered = self.reach[slot.group].covers(&table.store_name(slot, key, &name)?);
            let was_here = table.remove_here(slot, key, &name)?;
            if !is_covered && !was_here {
                table.remove_there(slot, key, &name);
            }
            is_covered && was_here
        };
        if is_indexed {
            self.leftovers += 1;
            if self.leftovers > LEFTOVERS_MIN && self.leftovers * 2 > self.indexed {
                self.rebuild(table, slot_of)?;
            }
        }
        Ok(())
    }

    #[inline]
    pub(super) fn pop(
        &mut self,
        table: &mut TimerTable<K, N>,
        up_to: i64,
        slot_of: impl Fn(&K) -> KeySlot,
    ) -> Result<Option<(i64, K, KeySlot, N)>> {
        loop {
            let Some(mut first) = self.index.first_entry() else { return Ok(None) };
            let time = *first.key();
            if time > up_to {
                return Ok(None);
            }
            let Some((key, namespace)) = first.get_mut().pop_front() else {
                first.remove();
                continue;
            };
            self.indexed -= 1;
            let entry = (time, namespace);
            let slot = slot_of(&key);
            let is_there = if self.reach.is_empty() {
                table.remove(slot, &key, &entry)?.is_some()
            } else {
                let was_here = table.remove_here(slot, &key, &entry)?;
                self.reach[slot.group].indexed -= 1;
                self.extend(table, slot.group)?;
                was_here
            };
            if is_there {
                return Ok(Some((time, key, slot, entry.1)));
            }
            self.leftovers = self.leftovers.saturating_sub(1);
        }
    }

    /// The earliest time in the index.
    pub(super) fn first_time(&self) -> Option<i64> {
        self.index.iter().find(|(_, timers)| !timers.is_empty()).map(|(time, _)| *time)
    }

    /// Those in the index that are due at `up_to`, in the order in which they are popped.
    pub(super) fn next(&self, up_to: i64) -> impl Iterator<Item = &(K, N)> {
        self.index.range(..=up_to).flat_map(|(_, timers)| timers)
    }

    fn add(&mut self, time: i64, key: &K, namespace: &N) {
        self.index.entry(time).or_default().push_back((key.clone(), namespace.clone()));
        self.indexed += 1;
    }

    /// Takes more timers of a group into the index if it has none there.
    #[inline]
    fn extend(&mut self, table: &mut TimerTable<K, N>, place: usize) -> Result<()> {
        while self.reach[place].indexed == 0
            && let Some(from) = self.reach[place].end.take()
        {
            let before = self.indexed;
            let next = table
                .take_first(place, &from, TAKEN_AT_ONCE, |key, (time, namespace)| self.add(*time, key, namespace))?;
            self.reach[place] = Reach { end: next, indexed: self.indexed - before };
        }
        Ok(())
    }

    /// Takes the later half of the timers out of the index; they stay in the table, and in the store.
    #[cold]
    fn shorten(&mut self, table: &mut TimerTable<K, N>, slot_of: impl Fn(&K) -> KeySlot) -> Result<()> {
        let mut kept = 0;
        let cut = self.index.iter().find(|(_, timers)| {
            kept += timers.len();
            kept > INDEXED_MAX / 2
        });
        let Some(cut) = cut.map(|(time, _)| *time) else { return Ok(()) };
        let later = self.index.split_off(&cut);
        // Of those at the cut itself the first ones stay, by name.
        let mut names = Vec::new();
        for (time, timers) in later {
            for (key, namespace) in timers {
                let slot = slot_of(&key);
                let entry = (time, namespace);
                names.push((time, table.store_name(slot, &key, &entry)?, slot, key, entry.1));
            }
        }
        names.sort_unstable_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        self.indexed -= names.len();
        let stay = (INDEXED_MAX / 2).saturating_sub(self.indexed);
        for (n, (time, name, slot, key, namespace)) in names.into_iter().enumerate() {
            if n < stay && time == cut {
                self.add(time, &key, &namespace);
                continue;
            }
            let reach = &mut self.reach[slot.group];
            reach.indexed -= 1;
            if reach.covers(&name) {
                reach.end = Some(name);
            }
            let entry = (time, namespace);
            if table.is_here(slot, &key, &entry) {
                table.release(slot, &key, &entry);
            } else {
                self.leftovers = self.leftovers.saturating_sub(1);
            }
        }
        (0..self.reach.len()).try_for_each(|place| self.extend(table, place))
    }
}

/// What the state needs of timers whose types it does not know.
pub(super) trait AnyTimers: Any + Send {
    fn kind(&self) -> TimerKind;
    /// The earliest time in the index; it may be that of a deleted timer.
    fn first(&self) -> Option<i64>;
    /// Empties the index.
    fn clear(&mut self);
}

impl<K: Key, N: Key> AnyTimers for Timers<K, N> {
    fn kind(&self) -> TimerKind {
        self.kind
    }

    fn first(&self) -> Option<i64> {
        self.first_time()
    }

    fn clear(&mut self) {
        self.index.clear();
        self.indexed = 0;
        self.leftovers = 0;
        self.reach.iter_mut().for_each(|reach| *reach = Reach::default());
    }
}
