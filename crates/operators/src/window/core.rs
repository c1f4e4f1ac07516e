//! The walk of a record through a window operator: windows, content, trigger, timers, firing, cleaning up.
//!
//! ```text
//! record    -> assigner -> live windows? -> pane (one look-up) -> trigger -> content
//!                          none: late            |                  +-> fires -> results
//!                                                +-> other timers, at the end of the batch
//! watermark -> due panes, timers -> trigger -> fires -> results;  at cleanup time the pane goes
//! ```
//!
//! Rules of lateness, as in Flink: a window is gone when its largest time plus the allowed lateness is `<=` the
//! watermark. A record that is in no live window is late if its own time plus the lateness is `<=` the watermark.

use super::assigned::{Assigned, is_large};
use super::merging::InFlight;
use super::pane::Pane;
use super::{WindowContents, WindowResults};
use crate::due::DuePanes;
use crate::keys::{AHEAD, FoundKeys};
use flott_api::context::keyed_of;
use flott_api::function::position::{Guard, Position};
use flott_api::function::{
    AssignContext, Collector, KeyedOpenContext, OutputTag, SideOutputs, Timer, TimerRequest, Trigger, TriggerContext,
    TriggerResult, Window, WindowAssigner, WindowTimers,
};
use flott_api::{OperatorContext, Output};
use flott_core::{Data, Error, EventTime, Key, ProcessingTime, Result, Watermark};
use flott_env::Env;
use flott_state::keyed::{TableId, TimersId};
use flott_state::{KeySlot, KeyedState, StateTable, TimerKind};

/// What a window operator is made of.
#[derive(Clone)]
pub(super) struct Plan<T, A, Tr, C, R> {
    pub assigner: A,
    pub trigger: Tr,
    pub contents: C,
    pub results: R,
    pub lateness_ms: i64,
    pub late: Option<OutputTag<T>>,
}

/// How long windows live.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    is_event_time: bool,
    lateness_ms: i64,
}

impl Rules {
    /// The time at which a window is cleaned up, if it goes by event time; `EventTime::MIN` if it does not, or never
    /// is.
    #[inline]
    pub fn cleanup<W: Window>(self, window: &W) -> EventTime {
        if !self.is_event_time {
            return EventTime::MIN;
        }
        match window.max_timestamp().saturating_add(self.lateness_ms) {
            EventTime::MAX => EventTime::MIN,
            time => time,
        }
    }

    /// The time at which a window is cleaned up, if it goes by the clock.
    #[inline]
    pub fn cleanup_by_clock<W: Window>(self, window: &W) -> Option<Timer> {
        let end = window.max_timestamp();
        let is_cleaned = !self.is_event_time && end != EventTime::MAX;
        is_cleaned.then_some(Timer::ProcessingTime(ProcessingTime(end.0)))
    }

    /// Whether a window has been cleaned up already.
    #[inline]
    pub fn is_gone<W: Window>(self, window: &W, watermark: Watermark) -> bool {
        self.is_event_time && window.max_timestamp().saturating_add(self.lateness_ms).0 <= watermark.0
    }

    /// Whether a record that is in no live window is late.
    #[inline]
    fn is_late(self, time: Option<EventTime>, watermark: Watermark) -> bool {
        self.is_event_time && time.is_some_and(|t| t.saturating_add(self.lateness_ms).0 <= watermark.0)
    }
}

/// The panes of one operator.
pub(super) type PaneOf<T, A, Tr, C> =
    Pane<<C as WindowContents<T>>::Acc, <Tr as Trigger<T, <A as WindowAssigner<T>>::Window>>::State>;

/// The states and timers of one operator.
pub(super) type IdsOf<T, A, Tr, C> = Ids<<A as WindowAssigner<T>>::Window, PaneOf<T, A, Tr, C>>;

/// The states and timers of an operator that has been opened.
pub(super) struct Ids<W, P> {
    pub panes: TableId<W, P>,
    pub in_flight: Option<TableId<(), InFlight<W>>>,
    pub event: TimersId<W>,
    pub processing: TimersId<W>,
}

impl<W, P> Clone for Ids<W, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<W, P> Copy for Ids<W, P> {}

/// A record on its way through the operator.
pub(super) struct Arriving<'a, K> {
    /// Its place in the batch.
    pub n: usize,
    pub key: &'a K,
    pub slot: KeySlot,
    pub time: Option<EventTime>,
}

/// What a batch goes by.
#[derive(Clone, Copy)]
pub(super) struct Times<'a> {
    pub watermark: Watermark,
    pub env: &'a Env,
}

/// A window operator without its inputs.
pub(super) struct WindowCore<K, T, A, Tr, C, R>
where
    T: Data,
    K: Key,
    A: WindowAssigner<T>,
    Tr: Trigger<T, A::Window>,
    C: WindowContents<T>,
    R: WindowResults<K, A::Window, C::Acc>,
{
    pub plan: Plan<T, A, Tr, C, R>,
    pub rules: Rules,
    ids: Option<IdsOf<T, A, Tr, C>>,
    pub due: DuePanes<K, A::Window>,
    position: Position,
    assigned: Assigned<A::Window>,
    /// What the trigger has just asked for.
    pub requests: Vec<TimerRequest>,
    /// Timers that records of the batch have asked for, with the record's place in the batch. None is due before the
    /// batch is done, so they can wait, which keeps the loop over the records short.
    pub deferred: Vec<(usize, A::Window, TimerRequest)>,
    /// The windows of the record at hand that fire, each with its state window.
    firing: Vec<(A::Window, A::Window, TriggerResult)>,
    pub absorbed: InFlight<A::Window>,
    pub collector: Collector<R::Out>,
    pub side: SideOutputs,
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
    pub fn new(plan: Plan<T, A, Tr, C, R>) -> Self {
        WindowCore {
            rules: Rules { is_event_time: plan.assigner.is_event_time(), lateness_ms: plan.lateness_ms },
            plan,
            ids: None,
            due: DuePanes::new(),
            position: Position::default(),
            assigned: Assigned::new(),
            requests: Vec::new(),
            deferred: Vec::new(),
            firing: Vec::new(),
            absorbed: Vec::new(),
            collector: Collector::new(),
            side: SideOutputs::new(),
        }
    }

    pub fn open(&mut self, cx: &mut OperatorContext) -> Result<()> {
        let keyed = cx.keyed::<K>()?;
        let is_merging = self.plan.assigner.is_merging();
        let ids = Ids {
            // Windows that merge belong to one key each, others to many.
            panes: match is_merging {
                true => keyed.register("window contents")?,
                false => keyed.register_parted("window contents")?,
            },
            in_flight: if is_merging { Some(keyed.register("windows in flight")?) } else { None },
            event: keyed.register_timers(TimerKind::EventTime, "window")?,
            processing: keyed.register_timers(TimerKind::ProcessingTime, "window")?,
        };
        self.ids = Some(ids);
        let rules = self.rules;
        let (due, basis) = ((keyed, "window"), [i64::from(rules.is_event_time), rules.lateness_ms]);
        match ids.in_flight {
            None => self.due.open(due, ids.panes, &basis, |_, window, pane, due| {
                if let Some(time) = rules.next_due(window, pane.at_end) {
                    due(time.0, *window);
                }
            })?,
            Some(in_flight) => self.due.open(due, in_flight, &[], |_, (), windows, due| {
                windows.iter().for_each(|(window, state)| due(window.max_timestamp().0, *state));
            })?,
        }
        self.plan.results.open(&mut KeyedOpenContext::new(cx)?)
    }

    #[inline]
    pub fn ids(&self) -> Result<IdsOf<T, A, Tr, C>> {
        self.ids.ok_or_else(|| Error::internal("a window operator is used before it was opened"))
    }

    /// Takes a batch: rows, with their keys one each.
    pub fn add(
        &mut self,
        rows: Vec<T>,
        times: Option<Vec<EventTime>>,
        keys: FoundKeys<'_, K>,
        cx: &mut OperatorContext,
        out: &mut dyn Output,
    ) -> Result<()> {
        let ids = self.ids()?;
        let env = cx.env.clone();
        let assign_cx = AssignContext::new(&env);
        let by = Times { watermark: cx.watermark, env: &env };
        let time_of = |n: usize| times.as_ref().map(|t| t[n]);
        let mut at = self.position.batch(rows.len());
        let (count, mut late) = (rows.len(), 0);
        let mut rows = rows.into_iter();
        let keyed = keyed_of::<K>(&mut cx.keyed)?;
        let is_large = is_large(keyed.table(ids.panes));
        // A store is asked for a whole batch at once.
        let ahead = if keyed.is_on_store() { count } else { AHEAD };
        let mut n = 0;
        while n < count {
            let keyed = keyed_of::<K>(&mut cx.keyed)?;
            if n == self.assigned.end() {
                self.assigned.clear(n);
                for (ahead, row) in rows.as_slice().iter().take(ahead).enumerate() {
                    at.move_to(n + ahead);
                    let windows = &mut self.assigned.windows;
                    at.check(self.plan.assigner.assign(row, time_of(n + ahead), &assign_cx, windows))?;
                    self.assigned.end_row();
                }
                match ids.in_flight {
                    Some(_) if keyed.is_on_store() => keyed.load(keys.keys, keys.slots)?,
                    Some(_) => keyed.prefetch(&keys.slots[n..self.assigned.end()]),
                    None if keyed.is_on_store() => keyed.table(ids.panes).load(self.assigned.panes(keys))?,
                    None if is_large => self.assigned.prefetch(keyed.table(ids.panes), keys.slots),
                    None => {}
                }
            }
            // Until a window fires, all that a record needs of the state is this one table.
            let mut panes = match ids.in_flight {
                None => Panes::Alone(keyed.table(ids.panes)),
                Some(_) => Panes::All(keyed),
            };
            while n < self.assigned.end() && self.firing.is_empty() {
                let Some(row) = rows.next() else { break };
                at.move_to(n);
                let record = Arriving { n, key: &keys.keys[n], slot: keys.slots[n], time: time_of(n) };
                n += 1;
                let rejected = match &mut panes {
                    Panes::Alone(panes) => self.place(panes, row, &record, by, &at)?,
                    Panes::All(keyed) => self.place_merging(keyed, row, &record, by, &at)?,
                };
                if let Some(row) = rejected
                    && self.rules.is_late(record.time, by.watermark)
                {
                    match &self.plan.late {
                        Some(tag) => self.side.output(tag, row, record.time),
                        None => late += 1,
                    }
                }
            }
            if !self.firing.is_empty() {
                keyed_of::<K>(&mut cx.keyed)?.set_key_at(&keys.keys[n - 1], keys.slots[n - 1]);
                at.check(self.fire_all(cx))?;
                self.collector.flush_if_full(out)?;
                self.side.flush_if_full(out)?;
            }
        }
        drop(at);
        self.assigned.clear(0);
        if late > 0 {
            cx.metrics.late_records_dropped.add(late);
        }
        let keyed = keyed_of(&mut cx.keyed)?;
        self.apply_deferred(keys, keyed)?;
        self.due.settle(keyed)?;
        self.collector.flush(out)?;
        self.side.flush(out)
    }

    /// Fires the windows that the triggers said.
    fn fire_all(&mut self, cx: &mut OperatorContext) -> Result<()> {
        for n in 0..self.firing.len() {
            let (window, state, result) = self.firing[n];
            self.fire(window, state, result, cx)?;
        }
        self.firing.clear();
        Ok(())
    }

    /// Puts a record into its windows. Gives it back if none of them is live.
    #[inline]
    fn place(
        &mut self,
        panes: &mut StateTable<K, A::Window, PaneOf<T, A, Tr, C>>,
        row: T,
        record: &Arriving<'_, K>,
        by: Times<'_>,
        at: &Guard,
    ) -> Result<Option<T>> {
        let windows = self.assigned.of(record.n);
        // The record itself goes into the last live window, copies of it into those before.
        let Some(last) = windows.clone().rev().find(|n| !self.rules.is_gone(&self.assigned.windows[*n], by.watermark))
        else {
            return Ok(Some(row));
        };
        for n in windows.start..last {
            let window = self.assigned.windows[n];
            if !self.rules.is_gone(&window, by.watermark) {
                self.put(panes, row.clone(), (window, window), record, by, at)?;
            }
        }
        let window = self.assigned.windows[last];
        self.put(panes, row, (window, window), record, by, at)?;
        Ok(None)
    }

    /// As [`WindowCore::place`], where windows merge.
    fn place_merging(
        &mut self,
        keyed: &mut KeyedState<K>,
        row: T,
        record: &Arriving<'_, K>,
        by: Times<'_>,
        at: &Guard,
    ) -> Result<Option<T>> {
        let ids = self.ids()?;
        let windows = self.assigned.of(record.n);
        let (mut row, mut is_placed) = (Some(row), false);
        for n in windows.clone() {
            let window = self.assigned.windows[n];
            let Some(names) = at.check(self.join_in_flight(window, keyed, record, by))? else { continue };
            is_placed = true;
            if let Some(value) = if n + 1 == windows.end { row.take() } else { row.clone() } {
                self.put(keyed.table(ids.panes), value, names, record, by, at)?;
            }
        }
        Ok(row.filter(|_| !is_placed))
    }

    /// Adds a record to one window, whose content is found under the name `state`.
    #[inline]
    fn put(
        &mut self,
        panes: &mut StateTable<K, A::Window, PaneOf<T, A, Tr, C>>,
        value: T,
        (window, state): (A::Window, A::Window),
        record: &Arriving<'_, K>,
        by: Times<'_>,
        at: &Guard,
    ) -> Result<()> {
        let (pane, is_new) = panes.get_or_insert_with(record.slot, record.key, &state, Pane::default)?;
        let was_at_end = pane.at_end;
        let timers = self.rules.timers(&window, &mut pane.at_end);
        let mut trigger_cx = TriggerContext::new(&mut pane.trigger, by.watermark, by.env, timers, &mut self.requests);
        let result = at.check(self.plan.trigger.on_element(&value, record.time, &window, &mut trigger_cx))?;
        at.check(self.plan.contents.add(&mut pane.acc, value, record.time))?;
        if (is_new || pane.at_end != was_at_end)
            && let Some(time) = self.rules.next_due(&window, pane.at_end)
        {
            self.due.push(time, record.key, state);
        }
        if !self.requests.is_empty() {
            // The trigger may have deleted the very timer that cleans up.
            pane.cleanup_known &= self.requests.iter().all(|r| matches!(r, TimerRequest::Register(_)));
            self.deferred.extend(self.requests.drain(..).map(|request| (record.n, window, request)));
        }
        if !pane.cleanup_known {
            pane.cleanup_known = true;
            let cleanup = self.rules.cleanup_by_clock(&window).map(TimerRequest::Register);
            self.deferred.extend(cleanup.map(|request| (record.n, window, request)));
        }
        if result != TriggerResult::Continue {
            self.firing.push((window, state, result));
        }
        Ok(())
    }

    /// Registers and deletes the timers that the records of a batch have asked for.
    fn apply_deferred(&mut self, keys: FoundKeys<'_, K>, keyed: &mut KeyedState<K>) -> Result<()> {
        if self.deferred.is_empty() {
            return Ok(());
        }
        let ids = self.ids()?;
        let mut current = usize::MAX;
        for (n, window, request) in self.deferred.drain(..) {
            if n != current {
                keyed.set_key_at(&keys.keys[n], keys.slots[n]);
                current = n;
            }
            ids.apply(keyed, &window, request)?;
        }
        Ok(())
    }
}

/// The state that records of a batch need.
enum Panes<'a, K, W, P> {
    /// Windows do not merge: the panes.
    Alone(&'a mut StateTable<K, W, P>),
    /// Windows merge: the panes, and which windows are in flight.
    All(&'a mut KeyedState<K>),
}

impl Rules {
    /// What the trigger of a window can ask for without a timer.
    #[inline]
    pub fn timers<'a, W: Window>(self, window: &W, at_end: &'a mut bool) -> WindowTimers<'a> {
        WindowTimers { cleanup: self.cleanup(window), end: window.max_timestamp(), at_end }
    }

    /// When a pane has to be looked at next.
    #[inline]
    pub fn next_due<W: Window>(self, window: &W, at_end: bool) -> Option<EventTime> {
        let time = if at_end { window.max_timestamp() } else { self.cleanup(window) };
        (time != EventTime::MIN).then_some(time)
    }
}

impl<W: Window, P> Ids<W, P> {
    /// Does what a trigger has asked for, with the timers of the current key.
    pub fn apply<K: Key>(self, keyed: &mut KeyedState<K>, window: &W, request: TimerRequest) -> Result<()> {
        match request {
            TimerRequest::Register(Timer::EventTime(t)) => keyed.register_timer(self.event, window, t.0).map(drop),
            TimerRequest::Register(Timer::ProcessingTime(t)) => {
                keyed.register_timer(self.processing, window, t.0).map(drop)
            }
            TimerRequest::Delete(Timer::EventTime(t)) => keyed.delete_timer(self.event, window, t.0),
            TimerRequest::Delete(Timer::ProcessingTime(t)) => keyed.delete_timer(self.processing, window, t.0),
        }
    }
}
