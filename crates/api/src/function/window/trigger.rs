//! When a window fires, and whether its content stays.

use crate::function::{Timer, Window};
use flott_core::{Data, EventTime, ProcessingTime, Result, Watermark};
use flott_env::Env;

/// What happens to a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriggerResult {
    /// Nothing.
    Continue,
    /// Its results are emitted; its content stays.
    Fire,
    /// Its content is dropped.
    Purge,
    /// Its results are emitted and its content is dropped.
    FireAndPurge,
}

impl TriggerResult {
    /// Whether results are emitted.
    #[inline]
    pub fn is_fire(self) -> bool {
        matches!(self, TriggerResult::Fire | TriggerResult::FireAndPurge)
    }

    /// Whether the content is dropped.
    #[inline]
    pub fn is_purge(self) -> bool {
        matches!(self, TriggerResult::Purge | TriggerResult::FireAndPurge)
    }
}

/// Decides when windows fire. What a trigger remembers of a window is its `State`, which lives and is restored with
/// the window; fields of the trigger itself are settings.
pub trait Trigger<T, W: Window>: Clone + Send + Sync + 'static {
    /// What is remembered per key and window.
    type State: Data + Default;

    /// A record has been added to the window.
    ///
    /// # Errors
    /// Fails the task.
    fn on_element(
        &mut self,
        value: &T,
        time: Option<EventTime>,
        window: &W,
        cx: &mut TriggerContext<'_, Self::State>,
    ) -> Result<TriggerResult>;

    /// An event timer of the window fires: the trigger's own, or the one that cleans the window up.
    ///
    /// # Errors
    /// Fails the task.
    fn on_event_time(
        &mut self,
        _time: EventTime,
        _window: &W,
        _cx: &mut TriggerContext<'_, Self::State>,
    ) -> Result<TriggerResult> {
        Ok(TriggerResult::Continue)
    }

    /// A processing-time timer of the window fires: the trigger's own, or the one that cleans the window up.
    ///
    /// # Errors
    /// Fails the task.
    fn on_processing_time(
        &mut self,
        _time: ProcessingTime,
        _window: &W,
        _cx: &mut TriggerContext<'_, Self::State>,
    ) -> Result<TriggerResult> {
        Ok(TriggerResult::Continue)
    }

    /// Whether the trigger can follow windows that merge.
    fn can_merge(&self) -> bool {
        false
    }

    /// Windows have become `window`. Their states are already one ([`Trigger::merge_state`]), their timers are about
    /// to be removed by [`Trigger::clear`].
    ///
    /// # Errors
    /// Fails the task.
    fn on_merge(&mut self, _window: &W, _cx: &mut TriggerContext<'_, Self::State>) -> Result<()> {
        Ok(())
    }

    /// Adds the state of one window to that of another with which it merges.
    fn merge_state(&self, _into: &mut Self::State, _from: Self::State) {}

    /// The window goes: its timers are to be deleted. Its state goes by itself.
    ///
    /// # Errors
    /// Fails the task.
    fn clear(&mut self, window: &W, cx: &mut TriggerContext<'_, Self::State>) -> Result<()>;

    /// Whether a state is as good as none, so that a purged window needs no memory at all.
    fn is_clear(&self, _state: &Self::State) -> bool {
        size_of::<Self::State>() == 0
    }
}

/// A timer that a trigger wants to have or to lose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerRequest {
    /// To have.
    Register(Timer),
    /// To lose.
    Delete(Timer),
}

/// The timers of a window that need no entry of their own: two times at which it is looked at anyway; for operators.
pub struct WindowTimers<'a> {
    /// The time at which the window is cleaned up; `EventTime::MIN` if it is not, or by the clock.
    pub cleanup: EventTime,
    /// The largest time in the window.
    pub end: EventTime,
    /// Whether the trigger wants to be called at `end`.
    pub at_end: &'a mut bool,
}

/// What a trigger is given: its state, the times, and the timers of the window.
pub struct TriggerContext<'a, S> {
    state: &'a mut S,
    watermark: Watermark,
    env: &'a Env,
    timers: WindowTimers<'a>,
    requests: &'a mut Vec<TimerRequest>,
}

impl<'a, S> TriggerContext<'a, S> {
    /// The surroundings of one window; for operators. Takes note of timers in `timers` where it can; `requests`
    /// takes all others.
    #[inline]
    pub fn new(
        state: &'a mut S,
        watermark: Watermark,
        env: &'a Env,
        timers: WindowTimers<'a>,
        requests: &'a mut Vec<TimerRequest>,
    ) -> Self {
        TriggerContext { state, watermark, env, timers, requests }
    }

    /// The same surroundings for a trigger inside of this one, whose state is a part of this one's.
    pub fn inner<'b, I>(&'b mut self, part: impl FnOnce(&'b mut S) -> &'b mut I) -> TriggerContext<'b, I> {
        let WindowTimers { cleanup, end, at_end } = &mut self.timers;
        TriggerContext {
            state: part(self.state),
            watermark: self.watermark,
            env: self.env,
            timers: WindowTimers { cleanup: *cleanup, end: *end, at_end },
            requests: self.requests,
        }
    }

    /// What the trigger remembers of the window.
    #[inline]
    pub fn state(&mut self) -> &mut S {
        self.state
    }

    /// The operator's event time.
    #[inline]
    pub fn current_watermark(&self) -> Watermark {
        self.watermark
    }

    /// The clock.
    pub fn current_processing_time(&self) -> ProcessingTime {
        self.env.now()
    }

    /// Calls `on_event_time` when the watermark reaches `time`.
    #[inline]
    pub fn register_event_time_timer(&mut self, time: EventTime) {
        if time == self.timers.end {
            // Noted even if the window is cleaned up then too: after a restore it may go later.
            *self.timers.at_end = true;
        } else if time == self.timers.cleanup {
            // The trigger is called then in any case.
        } else {
            self.requests.push(TimerRequest::Register(Timer::EventTime(time)));
        }
    }

    /// Calls `on_processing_time` when the clock reaches `time`.
    pub fn register_processing_time_timer(&mut self, time: ProcessingTime) {
        self.requests.push(TimerRequest::Register(Timer::ProcessingTime(time)));
    }

    /// Removes an event timer. The trigger is still called when the window is cleaned up.
    pub fn delete_event_time_timer(&mut self, time: EventTime) {
        if time == self.timers.cleanup {
            // The window has to be cleaned up in any case.
        } else if time == self.timers.end {
            *self.timers.at_end = false;
        } else {
            self.requests.push(TimerRequest::Delete(Timer::EventTime(time)));
        }
    }

    /// Removes a processing-time timer.
    pub fn delete_processing_time_timer(&mut self, time: ProcessingTime) {
        self.requests.push(TimerRequest::Delete(Timer::ProcessingTime(time)));
    }
}
