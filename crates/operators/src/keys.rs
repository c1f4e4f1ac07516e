//! The keys of a batch, found once per batch into memory that is used again.

use flott_api::key_selector::Owned;
use flott_api::keyed_rows::SelectedRows;
use flott_api::{KeySelector, KeyedRows, OperatorContext};
use flott_core::{Data, EventTime, Key, KeyGroupRange, MaxParallelism, Result};
use flott_state::{AnyKeyedState, KeySlot, KeyedState};
use std::sync::Arc;

/// How the keys of records are found; shared by all subtasks.
pub type Selector<T, K> = Arc<dyn KeySelector<T, K>>;

/// The key of streams that have none: every record's is `()`.
pub fn constant_key<T: 'static>() -> Selector<T, ()> {
    Arc::new(Owned::new(|_: &T| ()))
}

/// Empty state for keys `K`.
pub(crate) fn keyed_state<K: Key>(max: MaxParallelism, range: KeyGroupRange) -> Option<Box<dyn AnyKeyedState>> {
    Some(Box::new(KeyedState::<K>::new(max, range)))
}

/// The rows of an input by the keys that `selector` finds.
pub(crate) fn keyed_rows<T: Data, K: Key>(selector: &Selector<T, K>) -> Option<Box<dyn KeyedRows>> {
    Some(Box::new(SelectedRows::new(selector.clone())))
}

/// So many records ahead their state is fetched into the cache.
pub(crate) const AHEAD: usize = 32;

/// A selector and the keys that it found last, with their places in the state tables.
pub(crate) struct Keys<T, K> {
    selector: Selector<T, K>,
    found: Vec<K>,
    slots: Vec<KeySlot>,
}

/// The keys of a batch and their places, one each per row.
pub(crate) struct FoundKeys<'a, K> {
    pub keys: &'a [K],
    pub slots: &'a [KeySlot],
}

impl<K> Clone for FoundKeys<'_, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for FoundKeys<'_, K> {}

impl<'a, K> FoundKeys<'a, K> {
    /// Keys and places in order of rows.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = (&'a K, KeySlot)> {
        self.keys.iter().zip(self.slots.iter().copied())
    }

    /// Before row `n` is processed: at the start of a group of rows, begins to fetch the state of the group.
    #[inline]
    pub fn fetch_ahead(self, n: usize, fetch: impl FnOnce(&[KeySlot])) {
        if n.is_multiple_of(AHEAD) {
            fetch(&self.slots[n..self.slots.len().min(n + AHEAD)]);
        }
    }
}

impl<T, K: Key> Keys<T, K> {
    pub fn new(selector: Selector<T, K>) -> Self {
        Keys { selector, found: Vec::new(), slots: Vec::new() }
    }

    /// The keys of `rows`, of which the operator's state is told.
    ///
    /// # Errors
    /// `Internal` when the operator's keys are of another type.
    #[inline]
    pub fn of(&mut self, rows: &[T], cx: &mut OperatorContext) -> Result<FoundKeys<'_, K>> {
        let slots = Slots::new(cx);
        self.selector.select(rows, &mut self.found);
        self.slots.clear();
        self.slots.extend(self.found.iter().map(|key| slots.of(key)));
        cx.keyed::<K>()?.note_keys(&self.found, &self.slots);
        Ok(FoundKeys { keys: &self.found, slots: &self.slots })
    }
}

/// What the place of a key in the state tables is computed from.
#[derive(Clone, Copy)]
pub(crate) struct Slots {
    max: MaxParallelism,
    range: KeyGroupRange,
}

impl Slots {
    pub fn new(cx: &OperatorContext) -> Self {
        Slots { max: cx.info.max_parallelism, range: cx.info.key_groups() }
    }

    #[inline]
    pub fn of<K: Key>(self, key: &K) -> KeySlot {
        KeySlot::of(key, self.max, self.range)
    }
}

/// The times of a batch one after the other; none for ever if it has none.
#[inline]
pub(crate) fn in_turn(times: Option<Vec<EventTime>>) -> std::vec::IntoIter<EventTime> {
    times.unwrap_or_default().into_iter()
}
