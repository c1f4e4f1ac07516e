//! The records of a key on the heap: both sides in one value, so that a record finds the others with one look-up.

use super::parts::{LEFT, RIGHT};
use super::{Bounds, Meeting, SLICE};
use crate::due::DuePanes;
use crate::keys::{FoundKeys, Slots};
use flott_api::operator::Progress;
use flott_core::{Data, EventTime, Key, Result, Watermark};
use flott_state::keyed::TableId;
use flott_state::{KeySlot, KeyedState};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The state.
pub(super) const WHOLE: &str = "interval join";

/// Records by time.
type Buffer<T> = BTreeMap<i64, Vec<T>>;

/// What is kept of a key.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Sides<L, R> {
    pub left: Buffer<L>,
    pub right: Buffer<R>,
    /// When the first record can go.
    due: Option<i64>,
}

impl<L, R> Sides<L, R> {
    pub fn new() -> Self {
        Sides { left: BTreeMap::new(), right: BTreeMap::new(), due: None }
    }

    /// Drops records without hope and returns when the next one can go.
    fn clean(&mut self, bounds: Bounds, watermark: i64) -> Option<i64> {
        let left = drop_up_to(&mut self.left, bounds, watermark);
        let right = drop_up_to(&mut self.right, bounds.flipped(), watermark);
        self.due = [left, right].into_iter().flatten().min();
        self.due
    }

    /// When the first record can go.
    fn first_due(&self, bounds: Bounds) -> Option<i64> {
        let left = self.left.keys().next().map(|time| bounds.cleanup(*time));
        let right = self.right.keys().next().map(|time| bounds.flipped().cleanup(*time));
        [left, right].into_iter().flatten().min()
    }
}

fn drop_up_to<T>(buffer: &mut Buffer<T>, bounds: Bounds, watermark: i64) -> Option<i64> {
    while let Some(first) = buffer.first_entry() {
        let cleanup = bounds.cleanup(*first.key());
        if cleanup > watermark {
            return Some(cleanup);
        }
        first.remove();
    }
    None
}

/// The records of all keys.
pub(super) struct Whole<K, L, R> {
    table: TableId<(), Sides<L, R>>,
    bounds: Bounds,
    /// Which keys are to be cleaned when.
    due: DuePanes<K, ()>,
}

impl<K: Key, L: Data, R: Data> Whole<K, L, R> {
    /// Registers the state and takes over what a store has held.
    pub fn open(keyed: &mut KeyedState<K>, bounds: Bounds) -> Result<Self> {
        let table = keyed.register::<(), Sides<L, R>>(WHOLE)?;
        let sides = |keyed: &mut KeyedState<K>, key: &K, change: &mut dyn FnMut(&mut Sides<L, R>)| {
            let slot = keyed.slot(key);
            let (sides, _) = keyed.table(table).get_or_insert_with(slot, key, &(), Sides::new)?;
            change(sides);
            sides.due = sides.first_due(bounds);
            Ok(())
        };
        keyed.take_restored(LEFT, true, |keyed, key, time: i64, mut rows: Vec<L>| {
            sides(keyed, key, &mut |sides| drop(sides.left.insert(time, std::mem::take(&mut rows))))
        })?;
        keyed.take_restored(RIGHT, true, |keyed, key, time: i64, mut rows: Vec<R>| {
            sides(keyed, key, &mut |sides| drop(sides.right.insert(time, std::mem::take(&mut rows))))
        })?;
        let mut due = DuePanes::new();
        due.open((keyed, WHOLE), table, &[], |_, (), sides, due| {
            if let Some(time) = sides.due {
                due(time, ());
            }
        })?;
        Ok(Whole { table, bounds, due })
    }

    /// For records of the left side.
    pub fn left(&mut self) -> View<'_, K, L, R, L, R> {
        View { bounds: self.bounds, whole: self, split: |sides| (&mut sides.left, &sides.right) }
    }

    /// For records of the right side.
    pub fn right(&mut self) -> View<'_, K, L, R, R, L> {
        View { bounds: self.bounds.flipped(), whole: self, split: |sides| (&mut sides.right, &sides.left) }
    }

    /// Cleans a slice of the keys that have something to be cleaned.
    pub fn clean(&mut self, watermark: Watermark, slots: Slots, keyed: &mut KeyedState<K>) -> Result<Progress> {
        for _ in 0..SLICE {
            if self.due.first(keyed)?.is_none_or(|time| time.0 > watermark.0) {
                return Ok(Progress::Done);
            }
            let Some((time, key, ())) = self.due.pop(keyed)? else { return Ok(Progress::Done) };
            let (slot, table) = (slots.of(&key), keyed.table(self.table));
            let Some(sides) = table.get_mut(slot, &key, &())? else { continue };
            // An entry of the index that is not the key's earliest is out of date.
            if sides.due != Some(time.0) {
                continue;
            }
            match sides.clean(self.bounds, watermark.0) {
                Some(next) => self.due.push(EventTime(next), &key, ()),
                None => drop(table.remove(slot, &key, &())?),
            }
        }
        Ok(Progress::More)
    }
}

/// One buffer to be changed and the other.
type Split<L, R, T, O> = fn(&mut Sides<L, R>) -> (&mut Buffer<T>, &Buffer<O>);

/// How both sides look from one of them.
pub(super) struct View<'a, K, L, R, T, O> {
    whole: &'a mut Whole<K, L, R>,
    bounds: Bounds,
    /// The side's own buffer and that of the others.
    split: Split<L, R, T, O>,
}

impl<K: Key, L: Data, R: Data, T: Data, O> Meeting<K, T, O> for View<'_, K, L, R, T, O> {
    fn load(&mut self, _: &mut KeyedState<K>, _: FoundKeys<'_, K>, _: &[EventTime]) -> Result<()> {
        Ok(())
    }

    #[inline]
    fn approach(&self, keyed: &KeyedState<K>, keys: FoundKeys<'_, K>, n: usize) {
        keys.fetch_ahead(n, |slots| keyed.prefetch(slots));
    }

    #[inline]
    fn meet(
        &mut self,
        keyed: &mut KeyedState<K>,
        (slot, key): (KeySlot, &K),
        (time, row): (i64, T),
        mut join: impl FnMut(&T, i64, &[O]) -> Result<()>,
    ) -> Result<()> {
        let (sides, _) = keyed.table(self.whole.table).get_or_insert_with(slot, key, &(), Sides::new)?;
        let (own, others) = (self.split)(sides);
        if let Some(range) = self.bounds.partners(time) {
            others.range(range).try_for_each(|(other_time, others)| join(&row, *other_time, others))?;
        }
        own.entry(time).or_default().push(row);
        let cleanup = self.bounds.cleanup(time);
        if sides.due.is_none_or(|due| cleanup < due) {
            sides.due = Some(cleanup);
            self.whole.due.push(EventTime(cleanup), key, ());
        }
        Ok(())
    }

    fn settle(&mut self, _: &mut KeyedState<K>) -> Result<()> {
        Ok(())
    }
}
