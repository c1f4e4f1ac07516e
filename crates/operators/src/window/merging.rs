//! Windows that merge: which of a key's windows are in flight, and under which name each keeps its content.
//!
//! When windows become one, the content of one of them stays where it is and takes in that of the others. So a
//! window has a *state window*, the name under which its content is found. (Flink's `MergingWindowSet`.)

use super::core::{Arriving, Ids, PaneOf, Times, WindowCore};
use super::pane::Pane;
use super::{WindowContents, WindowResults};
use flott_api::function::{TimerRequest, Trigger, TriggerContext, Window, WindowAssigner};
use flott_core::{Data, Error, Key, Result};
use flott_state::{KeyedState, StateTable};

/// The windows of a key that are in flight: each with its state window. No two of them overlap or touch.
pub(super) type InFlight<W> = Vec<(W, W)>;

/// What became of a new window.
pub(super) enum Merge<W> {
    /// It stands alone.
    New,
    /// It lies within a window that is there already.
    Within {
        /// The window.
        window: W,
        /// Its state window.
        state: W,
    },
    /// It has become one with others.
    Merged {
        /// The window that holds all.
        window: W,
        /// Where its content is.
        state: W,
    },
}

/// Finds out what becomes of `new` among `in_flight`, which is changed when windows merge. `absorbed` is filled with
/// the windows that are no more, each with its state window; the first one's is the state window that stays.
pub(super) fn merge<W: Window>(in_flight: &mut InFlight<W>, new: W, absorbed: &mut InFlight<W>) -> Merge<W> {
    absorbed.clear();
    let mut merged = new;
    let mut touched = 0;
    for (window, _) in in_flight.iter() {
        if let Some(both) = window.merged(&new) {
            touched += 1;
            merged = merged.merged(&both).unwrap_or(both);
        }
    }
    if touched == 0 {
        return Merge::New;
    }
    if let Some((window, state)) = in_flight.iter().find(|(window, _)| *window == merged) {
        return Merge::Within { window: *window, state: *state };
    }
    in_flight.retain(|(window, state)| {
        let is_touched = window.merged(&new).is_some();
        if is_touched {
            absorbed.push((*window, *state));
        }
        !is_touched
    });
    let state = absorbed.first().map_or(new, |(_, state)| *state);
    in_flight.push((merged, state));
    Merge::Merged { window: merged, state }
}

/// Where the content of a window of the current key is; `None` if the window has merged away.
pub(super) fn state_of<K: Key, W: Window, P: Data>(
    ids: Ids<W, P>,
    keyed: &mut KeyedState<K>,
    window: W,
) -> Result<Option<W>> {
    let Some(in_flight) = ids.in_flight else { return Ok(Some(window)) };
    let (table, key, slot) = keyed.keyed_table(in_flight)?;
    let windows = table.get(slot, key, &())?.map_or(&[][..], |w| w);
    Ok(windows.iter().find(|(w, _)| *w == window).map(|(_, state)| *state))
}

/// The window of the current key whose content is under `state`; `None` if it has been taken in by another.
pub(super) fn named<K: Key, W: Window, P: Data>(
    ids: Ids<W, P>,
    keyed: &mut KeyedState<K>,
    state: W,
) -> Result<Option<W>> {
    let Some(in_flight) = ids.in_flight else { return Ok(Some(state)) };
    let (table, key, slot) = keyed.keyed_table(in_flight)?;
    let windows = table.get(slot, key, &())?.map_or(&[][..], |w| w);
    Ok(windows.iter().find(|(_, s)| *s == state).map(|(window, _)| *window))
}

impl<K, T, A, Tr, C, R> WindowCore<K, T, A, Tr, C, R>
where
    T: Data,
    K: Key,
    A: WindowAssigner<T>,
    Tr: Trigger<T, A::Window>,
    C: WindowContents<T>,
    R: WindowResults<K, A::Window, C::Acc>,
{
    /// Takes a record's window among those in flight. Returns the window that it has become, with its state window;
    /// `None` if the window is gone already.
    pub(super) fn join_in_flight(
        &mut self,
        new: A::Window,
        keyed: &mut KeyedState<K>,
        record: &Arriving<'_, K>,
        by: Times<'_>,
    ) -> Result<Option<(A::Window, A::Window)>> {
        let ids = self.ids()?;
        let Some(in_flight) = ids.in_flight else { return Ok(Some((new, new))) };
        let is_gone = self.rules.is_gone(&new, by.watermark);
        let table = keyed.table(in_flight);
        let (windows, _) = table.get_or_insert_with(record.slot, record.key, &(), Vec::new)?;
        match merge(windows, new, &mut self.absorbed) {
            Merge::New if is_gone => {
                if windows.is_empty() {
                    table.remove(record.slot, record.key, &())?;
                }
                Ok(None)
            }
            Merge::New => {
                windows.push((new, new));
                Ok(Some((new, new)))
            }
            Merge::Within { window, state } => {
                Ok((!self.rules.is_gone(&window, by.watermark)).then_some((window, state)))
            }
            Merge::Merged { window, state } => {
                if self.rules.is_gone(&window, by.watermark) {
                    return Err(Error::data(format!(
                        "windows merged into {window:?}, which ends before the watermark {} already; an assigner's \
                         windows must not shrink when they merge",
                        by.watermark.0
                    )));
                }
                self.merge_panes(window, state, keyed.table(ids.panes), record, by)?;
                Ok(Some((window, state)))
            }
        }
    }

    /// Moves the content of the absorbed windows to where the content of `window` is, and its timers with it.
    fn merge_panes(
        &mut self,
        window: A::Window,
        state: A::Window,
        panes: &mut StateTable<K, A::Window, PaneOf<T, A, Tr, C>>,
        record: &Arriving<'_, K>,
        by: Times<'_>,
    ) -> Result<()> {
        let others: Vec<Option<PaneOf<T, A, Tr, C>>> = (self.absorbed.iter().skip(1))
            .map(|(_, other)| panes.remove(record.slot, record.key, other))
            .collect::<Result<_>>()?;
        let (pane, _) = panes.get_or_insert_with(record.slot, record.key, &state, Pane::default)?;
        for other in others.into_iter().flatten() {
            pane.acc = match (pane.acc.take(), other.acc) {
                (Some(into), Some(acc)) => Some(self.plan.contents.merge(into, acc)?),
                (into, acc) => into.or(acc),
            };
            self.plan.trigger.merge_state(&mut pane.trigger, other.trigger);
        }
        let was_at_end = std::mem::replace(&mut pane.at_end, false);
        let timers = self.rules.timers(&window, &mut pane.at_end);
        let mut cx = TriggerContext::new(&mut pane.trigger, by.watermark, by.env, timers, &mut self.requests);
        self.plan.trigger.on_merge(&window, &mut cx)?;
        // A pane that was due at its end before is looked at then, and found to be due later.
        if pane.at_end && !was_at_end {
            self.due.push(window.max_timestamp(), record.key, state);
        }
        pane.cleanup_known = false;
        self.deferred.extend(self.requests.drain(..).map(|request| (record.n, window, request)));
        for n in 0..self.absorbed.len() {
            let (old, _) = self.absorbed[n];
            let (mut blank, mut at_end) = (Tr::State::default(), false);
            let timers = self.rules.timers(&old, &mut at_end);
            let mut cx = TriggerContext::new(&mut blank, by.watermark, by.env, timers, &mut self.requests);
            self.plan.trigger.clear(&old, &mut cx)?;
            let cleanup = self.rules.cleanup_by_clock(&old).map(TimerRequest::Delete);
            self.requests.extend(cleanup.filter(|c| !self.requests.contains(c)));
            self.deferred.extend(self.requests.drain(..).map(|request| (record.n, old, request)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flott_api::function::TimeWindow;
    use flott_core::EventTime;

    fn window(start: i64, end: i64) -> TimeWindow {
        TimeWindow::new(EventTime(start), EventTime(end))
    }

    fn add(set: &mut InFlight<TimeWindow>, new: TimeWindow) -> (TimeWindow, TimeWindow, Vec<TimeWindow>) {
        let mut absorbed = Vec::new();
        let (window, state) = match merge(set, new, &mut absorbed) {
            Merge::New => {
                set.push((new, new));
                (new, new)
            }
            Merge::Within { window, state } | Merge::Merged { window, state } => (window, state),
        };
        (window, state, absorbed.into_iter().map(|(window, _)| window).collect())
    }

    #[test]
    fn windows_keep_their_state_window_as_they_grow() {
        let mut set = Vec::new();
        assert_eq!(add(&mut set, window(0, 4)), (window(0, 4), window(0, 4), vec![]));
        assert_eq!(add(&mut set, window(1, 3)), (window(0, 4), window(0, 4), vec![]), "it lies within");
        assert_eq!(add(&mut set, window(3, 6)), (window(0, 6), window(0, 4), vec![window(0, 4)]));
        assert_eq!(add(&mut set, window(6, 8)), (window(0, 8), window(0, 4), vec![window(0, 6)]), "it touches");
        assert_eq!(add(&mut set, window(10, 15)), (window(10, 15), window(10, 15), vec![]));
        let (merged, state, absorbed) = add(&mut set, window(7, 12));
        assert_eq!((merged, state, absorbed), (window(0, 15), window(0, 4), vec![window(0, 8), window(10, 15)]));
        assert_eq!(set, [(window(0, 15), window(0, 4))]);
    }
}
