//! Timers: keyed state that calls back.
//!
//! A timer is an entry (key, (time, namespace)) of a [`StateTable`], which makes it unique, incremental in
//! checkpoints and movable between subtasks. An index by time beside it says what is due; a deleted timer stays in
//! the index until its time or until such leftovers are the greater part, and is skipped.

use super::{KeySlot, StateTable};
use flott_core::{Key, Result};
use std::any::Any;
use std::collections::{BTreeMap, VecDeque};

/// Fewer leftovers than this are never worth a rebuild of the index.
const LEFTOVERS_MIN: usize = 1024;

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

/// Timers of one kind whose namespace is `N`.
pub struct Timers<K, N> {
    kind: TimerKind,
    /// The number of the table that the timers are in.
    table: usize,
    index: BTreeMap<i64, VecDeque<(K, N)>>,
    indexed: usize,
    /// Deleted timers that are still in the index.
    leftovers: usize,
}

impl<K: Key, N: Key> Timers<K, N> {
    pub(super) fn new(kind: TimerKind, table: usize) -> Self {
        Timers { kind, table, index: BTreeMap::new(), indexed: 0, leftovers: 0 }
    }

    pub(super) fn table_number(&self) -> usize {
        self.table
    }

    /// Makes the index again from the table.
    pub(super) fn rebuild(&mut self, table: &mut StateTable<K, (i64, N), ()>) -> Result<()> {
        self.index.clear();
        self.indexed = 0;
        table.for_each(|key, (time, namespace), ()| {
            self.index.entry(*time).or_default().push_back((key.clone(), namespace.clone()));
            self.indexed += 1;
        })?;
        self.leftovers = 0;
        Ok(())
    }

    #[inline]
    pub(super) fn register(
        &mut self,
        table: &mut StateTable<K, (i64, N), ()>,
        slot: KeySlot,
        key: &K,
        namespace: &N,
        time: i64,
    ) -> Result<bool> {
        let new = table.insert(slot, key, &(time, namespace.clone()), ())?;
        if new {
            self.index.entry(time).or_default().push_back((key.clone(), namespace.clone()));
            self.indexed += 1;
        }
        Ok(new)
    }

    pub(super) fn delete(
        &mut self,
        table: &mut StateTable<K, (i64, N), ()>,
        slot: KeySlot,
        key: &K,
        namespace: &N,
        time: i64,
    ) -> Result<()> {
        if table.remove(slot, key, &(time, namespace.clone()))?.is_some() {
            self.leftovers += 1;
            if self.leftovers > LEFTOVERS_MIN && self.leftovers * 2 > self.indexed {
                self.rebuild(table)?;
            }
        }
        Ok(())
    }

    #[inline]
    pub(super) fn pop(
        &mut self,
        table: &mut StateTable<K, (i64, N), ()>,
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
            if table.remove(slot, &key, &entry)?.is_some() {
                return Ok(Some((time, key, slot, entry.1)));
            }
            self.leftovers = self.leftovers.saturating_sub(1);
        }
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
        self.index.keys().next().copied()
    }

    fn clear(&mut self) {
        self.index.clear();
        self.indexed = 0;
        self.leftovers = 0;
    }
}
