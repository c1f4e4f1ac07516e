//! What is remembered of a window of a key: its content and its trigger's state, in one entry of one table, so that
//! a record costs one look-up. And which panes are due when.

use flott_core::EventTime;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// The content of a window of a key.
///
/// Of its event timers two need no entry among the timers. That it is cleaned up follows from its being there, and
/// whether its trigger wants to be called at its end is noted here. See [`DuePanes`].
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Pane<A, S> {
    /// What is kept of the records; `None` when the window was emptied.
    pub acc: Option<A>,
    /// What the trigger remembers.
    pub trigger: S,
    /// Whether the trigger wants to be called at the window's end.
    pub at_end: bool,
    /// Whether the processing-time timer that cleans the window up surely exists. Not part of checkpoints, after
    /// which the timer is asked for once more.
    #[serde(skip)]
    pub cleanup_known: bool,
}

impl<A, S: Default> Default for Pane<A, S> {
    fn default() -> Self {
        Pane { acc: None, trigger: S::default(), at_end: false, cleanup_known: false }
    }
}

/// Which panes are to be looked at, and when: each at the earlier of its end, if its trigger wants that, and its
/// cleanup time, or earlier still.
///
/// This is made from the panes and made again after a restore, so it is not state itself. An entry may be older than
/// what its pane says by now, which has to be asked when the entry is due.
pub(crate) struct DuePanes<K, W> {
    by_time: BTreeMap<EventTime, VecDeque<(K, W)>>,
}

impl<K: Clone, W> DuePanes<K, W> {
    pub fn new() -> Self {
        DuePanes { by_time: BTreeMap::new() }
    }

    /// The pane of `key` that is found under `state` is due at `time`.
    #[inline]
    pub fn push(&mut self, time: EventTime, key: &K, state: W) {
        self.by_time.entry(time).or_default().push_back((key.clone(), state));
    }

    /// The earliest time at which a pane is due.
    #[inline]
    pub fn first(&self) -> Option<EventTime> {
        self.by_time.first_key_value().map(|(time, _)| *time)
    }

    /// Takes a pane that is due first, with its time.
    #[inline]
    pub fn pop(&mut self) -> Option<(EventTime, K, W)> {
        let mut first = self.by_time.first_entry()?;
        let time = *first.key();
        let popped = first.get_mut().pop_front();
        if first.get().is_empty() {
            first.remove();
        }
        popped.map(|(key, state)| (time, key, state))
    }

    /// The pane that is the `n`-th to be taken, if it is due at the same time as the first.
    #[inline]
    pub fn ahead(&self, n: usize) -> Option<&(K, W)> {
        self.by_time.first_key_value().and_then(|(_, panes)| panes.get(n))
    }
}
