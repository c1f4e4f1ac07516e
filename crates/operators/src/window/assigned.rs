//! The windows of the next few records, found before the records are put into them, so that their panes can be
//! fetched into the cache meanwhile.

use crate::keys::FoundKeys;
use flott_api::function::Window;
use flott_core::{Data, Key};
use flott_state::{KeySlot, StateTable};
use std::ops::Range;

/// A table of fewer bytes is in the cache anyway.
const CACHED_BYTES: usize = 1 << 20;

/// Whether fetching panes ahead is worth while.
pub(super) fn is_large<K: Key, W: Window, P: Data>(panes: &StateTable<K, W, P>) -> bool {
    panes.working_bytes() > CACHED_BYTES
}

/// The windows of a few neighbouring records of a batch.
pub(super) struct Assigned<W> {
    /// Of all of them, one record's after the other's.
    pub windows: Vec<W>,
    /// The place of the first record in the batch.
    first: usize,
    /// Where each record's windows end.
    ends: Vec<usize>,
}

impl<W: Window> Assigned<W> {
    pub fn new() -> Self {
        Assigned { windows: Vec::new(), first: 0, ends: Vec::new() }
    }

    /// Starts anew with the `first`-th record of the batch.
    pub fn clear(&mut self, first: usize) {
        self.first = first;
        self.windows.clear();
        self.ends.clear();
    }

    /// All windows of one more record have been added.
    #[inline]
    pub fn end_row(&mut self) {
        self.ends.push(self.windows.len());
    }

    /// The place in the batch of the first record that has not been looked at.
    #[inline]
    pub fn end(&self) -> usize {
        self.first + self.ends.len()
    }

    /// Where in `windows` the windows of the `n`-th record of the batch are.
    #[inline]
    pub fn of(&self, n: usize) -> Range<usize> {
        let n = n - self.first;
        (if n == 0 { 0 } else { self.ends[n - 1] })..self.ends[n]
    }

    /// The pane of each record in each of its windows.
    pub fn panes<'a, K>(&'a self, keys: FoundKeys<'a, K>) -> impl Iterator<Item = (KeySlot, &'a K, &'a W)> {
        (self.first..self.end())
            .flat_map(move |n| self.windows[self.of(n)].iter().map(move |w| (keys.slots[n], &keys.keys[n], w)))
    }

    /// Begins to fetch the panes of all windows. `slots` are those of the batch.
    pub fn prefetch<K: Key, P: Data>(&self, panes: &StateTable<K, W, P>, slots: &[KeySlot]) {
        let mut start = 0;
        for (slot, end) in slots[self.first..].iter().zip(&self.ends) {
            self.windows[start..*end].iter().for_each(|window| panes.prefetch(*slot, window));
            start = *end;
        }
    }
}
