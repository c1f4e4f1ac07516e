//! Windows fire and go: when event time or the clock moves on, and when a trigger says so.

use super::core::{IdsOf, PaneOf, WindowCore};
use super::merging::{named, state_of};
use super::results::Firing;
use super::{WindowContents, WindowResults};
use crate::fire::{Due, SLICE};
use crate::keys::Slots;
use flott_api::context::keyed_of;
use flott_api::function::position::TimerGuard;
use flott_api::function::{Timer, TimerRequest, Trigger, TriggerContext, TriggerResult, Window, WindowAssigner};
use flott_api::operator::Progress;
use flott_api::{OperatorContext, Output};
use flott_core::{Data, EventTime, Key, ProcessingTime, Result, Watermark};

/// While one pane is dealt with, the one so many places further on is fetched into the cache.
const AHEAD: usize = 16;

impl<K, T, A, Tr, C, R> WindowCore<K, T, A, Tr, C, R>
where
    T: Data,
    K: Key,
    A: WindowAssigner<T>,
    Tr: Trigger<T, A::Window>,
    C: WindowContents<T>,
    R: WindowResults<K, A::Window, C::Acc>,
{
    /// Fires a slice of what is due, earliest first.
    pub(super) fn fire_due(&mut self, due: Due, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<Progress> {
        let slots = Slots::new(cx);
        if let Due::Event(watermark) = due {
            self.load_due(watermark, cx)?;
        }
        let mut progress = Progress::More;
        for _ in 0..SLICE {
            let found = match due {
                Due::Event(watermark) => self.fire_next(watermark, slots, cx)?,
                Due::Processing(now) => self.fire_next_by_clock(now, cx)?,
            };
            if !found {
                progress = Progress::Done;
                break;
            }
            self.collector.flush_if_full(out)?;
            self.side.flush_if_full(out)?;
        }
        self.due.settle(keyed_of(&mut cx.keyed)?)?;
        self.collector.flush(out)?;
        self.side.flush(out)?;
        Ok(progress)
    }

    /// Looks up in the store, at once, the panes of a slice.
    fn load_due(&mut self, watermark: Watermark, cx: &mut OperatorContext) -> Result<()> {
        let (ids, keyed) = (self.ids()?, keyed_of::<K>(&mut cx.keyed)?);
        let next = self.due.next(keyed, watermark, SLICE)?;
        if let Some(in_flight) = ids.in_flight {
            keyed.table(in_flight).load(next.iter().map(|(slot, key, _)| (*slot, key, &())))?;
        }
        keyed.table(ids.panes).load(next.iter().map(|(slot, key, state)| (*slot, key, state)))
    }

    /// Fires the earliest event timer or pane, if one is due.
    fn fire_next(&mut self, watermark: Watermark, slots: Slots, cx: &mut OperatorContext) -> Result<bool> {
        let ids = self.ids()?;
        let keyed = keyed_of::<K>(&mut cx.keyed)?;
        let first = self.due.first(keyed)?.filter(|time| time.0 <= watermark.0);
        if let Some((time, window)) = keyed.pop_timer(ids.event, first.map_or(watermark.0, |time| time.0))? {
            let at = TimerGuard { time };
            at.check(self.on_timer(Timer::EventTime(EventTime(time)), window, cx))?;
            return Ok(true);
        }
        if first.is_none() {
            return Ok(false);
        }
        let Some((time, key, state)) = self.due.pop(keyed)? else { return Ok(false) };
        keyed.set_key_at(&key, slots.of(&key));
        if let Some((key, state)) = self.due.ahead(AHEAD) {
            keyed.table(ids.panes).prefetch(slots.of(key), state);
        }
        let at = TimerGuard { time: time.0 };
        at.check(self.on_due(time, &key, state, cx))?;
        Ok(true)
    }

    fn fire_next_by_clock(&mut self, now: ProcessingTime, cx: &mut OperatorContext) -> Result<bool> {
        let ids = self.ids()?;
        let Some((time, window)) = keyed_of::<K>(&mut cx.keyed)?.pop_timer(ids.processing, now.0)? else {
            return Ok(false);
        };
        let at = TimerGuard { time };
        at.check(self.on_timer(Timer::ProcessingTime(ProcessingTime(time)), window, cx))?;
        Ok(true)
    }

    /// A pane of the current key is due: at the end of its window, at its cleanup time, or too early by now.
    fn on_due(&mut self, time: EventTime, key: &K, state: A::Window, cx: &mut OperatorContext) -> Result<()> {
        let ids = self.ids()?;
        let keyed = keyed_of::<K>(&mut cx.keyed)?;
        let Some(window) = named(ids, keyed, state)? else { return Ok(()) };
        if time == self.rules.cleanup(&window) {
            return self.on_cleanup(Timer::EventTime(time), window, state, cx);
        }
        let (panes, _, slot) = keyed.keyed_table(ids.panes)?;
        let Some(pane) = panes.get_mut(slot, key, &state)? else { return Ok(()) };
        let mut fired = false;
        if pane.at_end && time == window.max_timestamp() {
            pane.at_end = false;
            fired = true;
            let (result, _) = self.ask_in_state(Timer::EventTime(time), window, state, cx)?;
            self.fire(window, state, result, cx)?;
            self.apply_requests(ids, window, cx)?;
        }
        let (panes, _, slot) = keyed_of::<K>(&mut cx.keyed)?.keyed_table(ids.panes)?;
        let at_end = panes.get(slot, key, &state)?.is_some_and(|pane| pane.at_end);
        if let Some(next) = self.rules.next_due(&window, at_end)
            && (next > time || (fired && at_end))
        {
            self.due.push(next, key, state);
        }
        Ok(())
    }

    /// A timer of the current key fires.
    fn on_timer(&mut self, timer: Timer, window: A::Window, cx: &mut OperatorContext) -> Result<()> {
        let ids = self.ids()?;
        // A timer of a window that has merged away was left behind by its trigger.
        let Some(state) = state_of(ids, keyed_of::<K>(&mut cx.keyed)?, window)? else { return Ok(()) };
        if self.rules.cleanup_by_clock(&window) == Some(timer) {
            return self.on_cleanup(timer, window, state, cx);
        }
        let (result, wants_end) = self.ask_in_state(timer, window, state, cx)?;
        if wants_end {
            self.due.push(window.max_timestamp(), keyed_of::<K>(&mut cx.keyed)?.key()?, state);
        }
        self.fire(window, state, result, cx)?;
        self.apply_requests(ids, window, cx)
    }

    /// The last call of a window's trigger; then the window goes.
    fn on_cleanup(
        &mut self,
        timer: Timer,
        window: A::Window,
        state: A::Window,
        cx: &mut OperatorContext,
    ) -> Result<()> {
        let ids = self.ids()?;
        let (panes, key, slot) = keyed_of::<K>(&mut cx.keyed)?.keyed_table(ids.panes)?;
        let mut pane = panes.remove(slot, key, &state)?.unwrap_or_default();
        let result = self.ask(&mut pane, timer, window, cx)?;
        if result.is_fire()
            && let Some(acc) = &mut pane.acc
        {
            self.emit(acc, window, cx)?;
        }
        let timers = self.rules.timers(&window, &mut pane.at_end);
        let mut trigger_cx = TriggerContext::new(&mut pane.trigger, cx.watermark, &cx.env, timers, &mut self.requests);
        self.plan.trigger.clear(&window, &mut trigger_cx)?;
        self.plan.results.clear(Firing { cx, side: &mut self.side, window, merging: ids.in_flight.is_some() })?;
        if let Some(in_flight) = ids.in_flight {
            let (table, key, slot) = keyed_of::<K>(&mut cx.keyed)?.keyed_table(in_flight)?;
            if let Some(windows) = table.get_mut(slot, key, &())? {
                windows.retain(|(w, _)| *w != window);
                if windows.is_empty() {
                    table.remove(slot, key, &())?;
                }
            }
        }
        // What the trigger deletes now may be the timer that has just fired.
        self.requests.retain(|request| *request != TimerRequest::Delete(timer));
        self.apply_requests(ids, window, cx)
    }

    /// Asks the trigger about a timer, for a pane in the state. Where the pane has gone the trigger is still asked,
    /// with nothing to remember. The flag says whether it wants to be called at the window's end from now on.
    fn ask_in_state(
        &mut self,
        timer: Timer,
        window: A::Window,
        state: A::Window,
        cx: &mut OperatorContext,
    ) -> Result<(TriggerResult, bool)> {
        let ids = self.ids()?;
        let OperatorContext { keyed, env, watermark, .. } = cx;
        let (panes, key, slot) = keyed_of::<K>(keyed)?.keyed_table(ids.panes)?;
        let mut nothing = PaneOf::<T, A, Tr, C>::default();
        let pane = panes.get_mut(slot, key, &state)?.unwrap_or(&mut nothing);
        let was_at_end = pane.at_end;
        let timers = self.rules.timers(&window, &mut pane.at_end);
        let mut trigger_cx = TriggerContext::new(&mut pane.trigger, *watermark, env, timers, &mut self.requests);
        let result = ask(&mut self.plan.trigger, timer, window, &mut trigger_cx)?;
        if self.requests.iter().any(|r| matches!(r, TimerRequest::Delete(_))) {
            pane.cleanup_known = false;
        }
        Ok((result, pane.at_end && !was_at_end))
    }

    /// As [`WindowCore::ask_in_state`], for a pane that has been taken out.
    fn ask(
        &mut self,
        pane: &mut PaneOf<T, A, Tr, C>,
        timer: Timer,
        window: A::Window,
        cx: &OperatorContext,
    ) -> Result<TriggerResult> {
        let timers = self.rules.timers(&window, &mut pane.at_end);
        let mut trigger_cx = TriggerContext::new(&mut pane.trigger, cx.watermark, &cx.env, timers, &mut self.requests);
        ask(&mut self.plan.trigger, timer, window, &mut trigger_cx)
    }

    /// Fires or empties a window of the current key, as its trigger says.
    pub(super) fn fire(
        &mut self,
        window: A::Window,
        state: A::Window,
        result: TriggerResult,
        cx: &mut OperatorContext,
    ) -> Result<()> {
        if result == TriggerResult::Continue {
            return Ok(());
        }
        let ids = self.ids()?;
        let (panes, key, slot) = keyed_of::<K>(&mut cx.keyed)?.keyed_table(ids.panes)?;
        let Some(pane) = panes.get_mut(slot, key, &state)? else { return Ok(()) };
        let acc = pane.acc.take();
        // A window that will be cleaned up keeps its pane until then.
        if result.is_purge()
            && self.rules.next_due(&window, pane.at_end).is_none()
            && self.plan.trigger.is_clear(&pane.trigger)
        {
            panes.remove(slot, key, &state)?;
        }
        let Some(mut acc) = acc else { return Ok(()) };
        if result.is_fire() {
            self.emit(&mut acc, window, cx)?;
        }
        if !result.is_purge() {
            let (panes, key, slot) = keyed_of::<K>(&mut cx.keyed)?.keyed_table(ids.panes)?;
            if let Some(pane) = panes.get_mut(slot, key, &state)? {
                pane.acc = Some(acc);
            }
        }
        Ok(())
    }

    fn emit(&mut self, acc: &mut C::Acc, window: A::Window, cx: &mut OperatorContext) -> Result<()> {
        self.collector.set_time(Some(window.max_timestamp()));
        let firing = Firing { cx, side: &mut self.side, window, merging: self.plan.assigner.is_merging() };
        self.plan.results.fire(acc, firing, &mut self.collector)
    }

    /// Does what the trigger of a window of the current key has asked for.
    fn apply_requests(&mut self, ids: IdsOf<T, A, Tr, C>, window: A::Window, cx: &mut OperatorContext) -> Result<()> {
        if self.requests.is_empty() {
            return Ok(());
        }
        let keyed = keyed_of::<K>(&mut cx.keyed)?;
        self.requests.drain(..).try_for_each(|request| ids.apply(keyed, &window, request))
    }
}

fn ask<T, W: Window, Tr: Trigger<T, W>>(
    trigger: &mut Tr,
    timer: Timer,
    window: W,
    cx: &mut TriggerContext<'_, Tr::State>,
) -> Result<TriggerResult> {
    match timer {
        Timer::EventTime(time) => trigger.on_event_time(time, &window, cx),
        Timer::ProcessingTime(time) => trigger.on_processing_time(time, &window, cx),
    }
}
