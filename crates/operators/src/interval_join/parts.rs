//! The records of a key on a store: an entry for each side and time, and an index of which of them can go when.

use super::whole::{Sides, WHOLE};
use super::{Bounds, Meeting, SLICE};
use crate::due::DuePanes;
use crate::keys::{FoundKeys, Slots};
use flott_api::operator::Progress;
use flott_core::{Data, EventTime, Key, Result, Watermark};
use flott_state::keyed::TableId;
use flott_state::{KeySlot, KeyedState};

/// The states: parts of that of the heap.
pub(super) const LEFT: &str = "_parts/interval join/left";
pub(super) const RIGHT: &str = "_parts/interval join/right";

/// The records of all keys.
pub(super) struct Parts<K, L, R> {
    left: Part<K, L>,
    right: Part<K, R>,
}

/// The records of one side, by key and time.
struct Part<K, T> {
    table: TableId<i64, Vec<T>>,
    /// As the side sees them.
    bounds: Bounds,
    due: DuePanes<K, i64>,
}

impl<K: Key, T: Data> Part<K, T> {
    fn open(keyed: &mut KeyedState<K>, name: &str, bounds: Bounds) -> Result<Self> {
        let table = keyed.register_by_key(name)?;
        let mut due = DuePanes::new();
        // What follows from a time alone depends on the bounds.
        due.open((keyed, name), table, &[bounds.cleanup(0)], |_, time, _: &Vec<T>, due| {
            due(bounds.cleanup(*time), *time);
        })?;
        Ok(Part { table, bounds, due })
    }

    /// The records of a time, to be added to.
    fn at<'a>(
        &mut self,
        keyed: &'a mut KeyedState<K>,
        (slot, key): (KeySlot, &K),
        time: i64,
    ) -> Result<&'a mut Vec<T>> {
        let (rows, is_new) = keyed.table(self.table).get_or_insert_with(slot, key, &time, Vec::new)?;
        if is_new {
            self.due.push(EventTime(self.bounds.cleanup(time)), key, time);
        }
        Ok(rows)
    }

    /// Drops a slice of the records without hope.
    fn clean(&mut self, watermark: Watermark, slots: Slots, keyed: &mut KeyedState<K>) -> Result<Progress> {
        for _ in 0..SLICE {
            if self.due.first(keyed)?.is_none_or(|time| time.0 > watermark.0) {
                return Ok(Progress::Done);
            }
            let Some((_, key, time)) = self.due.pop(keyed)? else { return Ok(Progress::Done) };
            keyed.table(self.table).forget(slots.of(&key), &key, &time)?;
        }
        Ok(Progress::More)
    }
}

impl<K: Key, L: Data, R: Data> Parts<K, L, R> {
    /// Registers the states and takes over what the heap has held.
    pub fn open(keyed: &mut KeyedState<K>, bounds: Bounds) -> Result<Self> {
        let mut parts =
            Parts { left: Part::open(keyed, LEFT, bounds)?, right: Part::open(keyed, RIGHT, bounds.flipped())? };
        keyed.take_restored(WHOLE, false, |keyed, key, (), sides: Sides<L, R>| {
            let slot = keyed.slot(key);
            for (time, rows) in sides.left {
                parts.left.at(keyed, (slot, key), time)?.extend(rows);
            }
            for (time, rows) in sides.right {
                parts.right.at(keyed, (slot, key), time)?.extend(rows);
            }
            parts.left.due.settle(keyed)?;
            parts.right.due.settle(keyed)
        })?;
        Ok(parts)
    }

    /// For records of the left side.
    pub fn left(&mut self) -> View<'_, K, L, R> {
        View { own: &mut self.left, others: self.right.table, times: Vec::new() }
    }

    /// For records of the right side.
    pub fn right(&mut self) -> View<'_, K, R, L> {
        View { own: &mut self.right, others: self.left.table, times: Vec::new() }
    }

    /// Drops a slice of the records without hope.
    pub fn clean(&mut self, watermark: Watermark, slots: Slots, keyed: &mut KeyedState<K>) -> Result<Progress> {
        match self.left.clean(watermark, slots, keyed)? {
            Progress::More => Ok(Progress::More),
            Progress::Done => self.right.clean(watermark, slots, keyed),
        }
    }
}

/// How both sides look from one of them.
pub(super) struct View<'a, K, T, O> {
    own: &'a mut Part<K, T>,
    others: TableId<i64, Vec<O>>,
    /// Those of partners of one record.
    times: Vec<i64>,
}

impl<K: Key, T: Data, O: Data> Meeting<K, T, O> for View<'_, K, T, O> {
    fn load(&mut self, keyed: &mut KeyedState<K>, keys: FoundKeys<'_, K>, times: &[EventTime]) -> Result<()> {
        let own = keys.iter().zip(times).map(|((key, slot), time)| (slot, key, &time.0));
        keyed.table(self.own.table).load(own)
    }

    fn approach(&self, _: &KeyedState<K>, _: FoundKeys<'_, K>, _: usize) {}

    fn meet(
        &mut self,
        keyed: &mut KeyedState<K>,
        (slot, key): (KeySlot, &K),
        (time, row): (i64, T),
        mut join: impl FnMut(&T, i64, &[O]) -> Result<()>,
    ) -> Result<()> {
        if let Some(range) = self.own.bounds.partners(time) {
            let (others, times) = (keyed.table(self.others), &mut self.times);
            times.clear();
            others.for_each_of(slot, key, |time, _| times.extend(range.contains(time).then_some(*time)))?;
            times.sort_unstable();
            for other_time in times {
                if let Some(rows) = others.get(slot, key, other_time)? {
                    join(&row, *other_time, rows)?;
                }
            }
        }
        self.own.at(keyed, (slot, key), time)?.push(row);
        Ok(())
    }

    fn settle(&mut self, keyed: &mut KeyedState<K>) -> Result<()> {
        self.own.due.settle(keyed)
    }
}
