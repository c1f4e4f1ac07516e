//! When another trigger has kept silent for too long.

use flott_api::function::{Trigger, TriggerContext, TriggerResult, Window};
use flott_core::{EventTime, ProcessingTime, Result};
use std::time::Duration;

/// Another trigger, helped along by the clock: when it has not fired for a time, the window fires anyway.
#[derive(Clone, Copy, Debug)]
pub struct ProcessingTimeoutTrigger<Tr> {
    inner: Tr,
    timeout: Duration,
    reset_on_record: bool,
    clear_on_timeout: bool,
}

impl<Tr> ProcessingTimeoutTrigger<Tr> {
    /// Fires `timeout` after the first record since `inner` last fired, if it has not fired again. A timeout clears
    /// what `inner` remembers.
    pub fn of(inner: Tr, timeout: Duration) -> Self {
        ProcessingTimeoutTrigger { inner, timeout, reset_on_record: false, clear_on_timeout: true }
    }

    /// Sets whether the time starts anew with every record.
    #[must_use]
    pub fn reset_timer_on_new_record(mut self, reset: bool) -> Self {
        self.reset_on_record = reset;
        self
    }

    /// Sets whether a timeout clears what the inner trigger remembers.
    #[must_use]
    pub fn clear_on_timeout(mut self, clear: bool) -> Self {
        self.clear_on_timeout = clear;
        self
    }
}

/// When the time is up, and what the inner trigger remembers.
type State<S> = (Option<ProcessingTime>, S);

impl<Tr> ProcessingTimeoutTrigger<Tr> {
    fn clear_all<T, W: Window>(&mut self, window: &W, cx: &mut TriggerContext<'_, State<Tr::State>>) -> Result<()>
    where
        Tr: Trigger<T, W>,
    {
        if let Some(time) = cx.state().0.take() {
            cx.delete_processing_time_timer(time);
        }
        self.inner.clear(window, &mut cx.inner(|s| &mut s.1))?;
        // The inner trigger's state goes with the window; here the window may stay.
        cx.state().1 = Tr::State::default();
        Ok(())
    }

    fn fire<T, W: Window>(
        &mut self,
        inner: TriggerResult,
        window: &W,
        cx: &mut TriggerContext<'_, State<Tr::State>>,
    ) -> Result<TriggerResult>
    where
        Tr: Trigger<T, W>,
    {
        if self.clear_on_timeout {
            self.clear_all(window, cx)?;
        }
        Ok(if inner.is_purge() { TriggerResult::FireAndPurge } else { TriggerResult::Fire })
    }
}

impl<T, W: Window, Tr: Trigger<T, W>> Trigger<T, W> for ProcessingTimeoutTrigger<Tr> {
    type State = State<Tr::State>;

    fn on_element(
        &mut self,
        value: &T,
        time: Option<EventTime>,
        window: &W,
        cx: &mut TriggerContext<'_, Self::State>,
    ) -> Result<TriggerResult> {
        let result = self.inner.on_element(value, time, window, &mut cx.inner(|s| &mut s.1))?;
        if result.is_fire() {
            self.clear_all(window, cx)?;
            return Ok(result);
        }
        if self.reset_on_record
            && let Some(time) = cx.state().0.take()
        {
            cx.delete_processing_time_timer(time);
        }
        if cx.state().0.is_none() {
            let time = cx.current_processing_time().plus(self.timeout);
            cx.state().0 = Some(time);
            cx.register_processing_time_timer(time);
        }
        Ok(result)
    }

    fn on_event_time(
        &mut self,
        time: EventTime,
        window: &W,
        cx: &mut TriggerContext<'_, Self::State>,
    ) -> Result<TriggerResult> {
        let result = self.inner.on_event_time(time, window, &mut cx.inner(|s| &mut s.1))?;
        self.fire(result, window, cx)
    }

    fn on_processing_time(
        &mut self,
        time: ProcessingTime,
        window: &W,
        cx: &mut TriggerContext<'_, Self::State>,
    ) -> Result<TriggerResult> {
        let result = self.inner.on_processing_time(time, window, &mut cx.inner(|s| &mut s.1))?;
        self.fire(result, window, cx)
    }

    fn clear(&mut self, window: &W, cx: &mut TriggerContext<'_, Self::State>) -> Result<()> {
        self.clear_all(window, cx)
    }

    fn is_clear(&self, state: &Self::State) -> bool {
        state.0.is_none() && self.inner.is_clear(&state.1)
    }
}
