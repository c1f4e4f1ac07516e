//! What is due when in event time, of state that says so itself: windows that end or go, records without hope.

use flott_core::{Data, EventTime, Key, Result, Watermark};
use flott_state::keyed::{TableId, TimersId};
use flott_state::{KeySlot, KeyedState};
use std::collections::{BTreeMap, VecDeque};

/// Which panes are to be looked at, and when. Of a window that is at the earlier of its end, if its trigger wants that, and its
/// cleanup time, or earlier still.
///
/// This is made from the panes, so it is not state itself. An entry may be older than what its pane says by now, which has
/// to be asked when the entry is due. On the heap it is in memory and made again after a restore. On a store it lies there
/// ([`KeyedState::register_index`]), and only what the batch at hand has added is here.
pub(crate) struct DuePanes<K, W> {
    by_time: BTreeMap<EventTime, VecDeque<(K, W)>>,
    stored: Option<TimersId<W>>,
}

impl<K: Key, W: Key> DuePanes<K, W> {
    pub fn new() -> Self {
        DuePanes { by_time: BTreeMap::new(), stored: None }
    }

    /// Finds what is due of the state `of`, once it has been registered: `due` says so for an entry. `rules` is what that
    /// depends on beside the entry.
    pub fn open<N: Key, V: Data>(
        &mut self,
        (keyed, name): (&mut KeyedState<K>, &str),
        of: TableId<N, V>,
        rules: &[i64],
        mut due: impl FnMut(&K, &N, &V, &mut dyn FnMut(i64, W)),
    ) -> Result<()> {
        if keyed.is_on_store() {
            self.stored = Some(keyed.register_index(name, of, rules, due)?);
            return Ok(());
        }
        keyed.table(of).for_each(|key, namespace, value| {
            due(key, namespace, value, &mut |time, pane| self.push(EventTime(time), key, pane));
        })
    }

    /// The pane of `key` that is found under `state` is due at `time`. To be followed by [`DuePanes::settle`].
    #[inline]
    pub fn push(&mut self, time: EventTime, key: &K, state: W) {
        self.by_time.entry(time).or_default().push_back((key.clone(), state));
    }

    /// Puts onto the store, if there is one, what has been pushed: at the end of each call of the operator, so that every
    /// snapshot has it.
    #[inline]
    pub fn settle(&mut self, keyed: &mut KeyedState<K>) -> Result<()> {
        match self.stored {
            Some(index) if !self.by_time.is_empty() => self.write(index, keyed),
            _ => Ok(()),
        }
    }

    fn write(&mut self, index: TimersId<W>, keyed: &mut KeyedState<K>) -> Result<()> {
        while let Some((time, panes)) = self.by_time.pop_first() {
            panes.iter().try_for_each(|(key, state)| keyed.push_due(index, key, state, time.0))?;
        }
        Ok(())
    }

    /// The earliest time at which a pane is due.
    #[inline]
    pub fn first(&mut self, keyed: &mut KeyedState<K>) -> Result<Option<EventTime>> {
        let Some(index) = self.stored else { return Ok(self.by_time.first_key_value().map(|(time, _)| *time)) };
        self.settle(keyed)?;
        Ok(keyed.first_due(index)?.map(EventTime))
    }

    /// Takes a pane that is due first, with its time.
    #[inline]
    pub fn pop(&mut self, keyed: &mut KeyedState<K>) -> Result<Option<(EventTime, K, W)>> {
        if let Some(index) = self.stored {
            self.settle(keyed)?;
            let Some((time, state)) = keyed.pop_timer(index, i64::MAX)? else { return Ok(None) };
            return Ok(Some((EventTime(time), keyed.key()?.clone(), state)));
        }
        let Some(mut first) = self.by_time.first_entry() else { return Ok(None) };
        let time = *first.key();
        let popped = first.get_mut().pop_front();
        if first.get().is_empty() {
            first.remove();
        }
        Ok(popped.map(|(key, state)| (time, key, state)))
    }

    /// On the heap the pane that is the `n`-th to be taken, if it is due at the same time as the first.
    #[inline]
    pub fn ahead(&self, n: usize) -> Option<&(K, W)> {
        self.by_time.first_key_value().and_then(|(_, panes)| panes.get(n))
    }

    /// On a store the panes that are taken next, at most `count`: to be looked up at once. On the heap none.
    pub fn next(&mut self, keyed: &mut KeyedState<K>, to: Watermark, count: usize) -> Result<Vec<(KeySlot, K, W)>> {
        let Some(index) = self.stored else { return Ok(Vec::new()) };
        self.settle(keyed)?;
        keyed.next_due(index, to.0, count)
    }
}
