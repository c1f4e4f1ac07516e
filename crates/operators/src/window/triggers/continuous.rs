//! At regular intervals.

use flott_api::function::{Trigger, TriggerContext, TriggerResult, Window};
use flott_core::time::millis;
use flott_core::{Error, EventTime, ProcessingTime, Result};
use std::time::Duration;

/// Fires whenever event time passes a multiple of the interval, and at the end of the window.
#[derive(Clone, Copy, Debug)]
pub struct ContinuousEventTimeTrigger {
    interval_ms: i64,
}

impl ContinuousEventTimeTrigger {
    /// Fires every `interval`.
    pub fn of(interval: Duration) -> Self {
        ContinuousEventTimeTrigger { interval_ms: millis(interval).max(1) }
    }

    fn register_next<W: Window>(self, from: i64, window: &W, cx: &mut TriggerContext<'_, Option<i64>>) {
        let next = EventTime(from).saturating_add(self.interval_ms).min(window.max_timestamp());
        *cx.state() = Some(next.0);
        cx.register_event_time_timer(next);
    }
}

impl<T, W: Window> Trigger<T, W> for ContinuousEventTimeTrigger {
    /// When the window fires next.
    type State = Option<i64>;

    fn on_element(
        &mut self,
        _: &T,
        time: Option<EventTime>,
        window: &W,
        cx: &mut TriggerContext<'_, Self::State>,
    ) -> Result<TriggerResult> {
        if window.max_timestamp().0 <= cx.current_watermark().0 {
            return Ok(TriggerResult::Fire);
        }
        if cx.state().is_none() {
            let time = time.ok_or_else(|| {
                Error::invalid(
                    "a continuous event-time trigger needs records with event time; assign timestamps before it",
                )
            })?;
            cx.register_event_time_timer(window.max_timestamp());
            self.register_next(time.0.wrapping_sub(time.0 % self.interval_ms), window, cx);
        }
        Ok(TriggerResult::Continue)
    }

    fn on_event_time(
        &mut self,
        time: EventTime,
        window: &W,
        cx: &mut TriggerContext<'_, Self::State>,
    ) -> Result<TriggerResult> {
        if time == window.max_timestamp() {
            return Ok(TriggerResult::Fire);
        }
        if *cx.state() != Some(time.0) {
            return Ok(TriggerResult::Continue);
        }
        self.register_next(time.0, window, cx);
        Ok(TriggerResult::Fire)
    }

    fn can_merge(&self) -> bool {
        true
    }

    fn merge_state(&self, into: &mut Self::State, from: Self::State) {
        *into = earlier(*into, from);
    }

    fn on_merge(&mut self, window: &W, cx: &mut TriggerContext<'_, Self::State>) -> Result<()> {
        if let Some(next) = *cx.state() {
            cx.register_event_time_timer(window.max_timestamp());
            cx.register_event_time_timer(EventTime(next));
        }
        Ok(())
    }

    fn clear(&mut self, window: &W, cx: &mut TriggerContext<'_, Self::State>) -> Result<()> {
        cx.delete_event_time_timer(window.max_timestamp());
        if let Some(next) = cx.state().take() {
            cx.delete_event_time_timer(EventTime(next));
        }
        Ok(())
    }

    fn is_clear(&self, state: &Self::State) -> bool {
        state.is_none()
    }
}

/// Fires whenever the clock passes a multiple of the interval, as long as the window is there.
#[derive(Clone, Copy, Debug)]
pub struct ContinuousProcessingTimeTrigger {
    interval_ms: i64,
}

impl ContinuousProcessingTimeTrigger {
    /// Fires every `interval`.
    pub fn of(interval: Duration) -> Self {
        ContinuousProcessingTimeTrigger { interval_ms: millis(interval).max(1) }
    }

    fn register_next<W: Window>(self, from: i64, window: &W, cx: &mut TriggerContext<'_, Option<i64>>) {
        let next = from.saturating_add(self.interval_ms).min(window.max_timestamp().0);
        *cx.state() = Some(next);
        cx.register_processing_time_timer(ProcessingTime(next));
    }
}

impl<T, W: Window> Trigger<T, W> for ContinuousProcessingTimeTrigger {
    /// When the window fires next.
    type State = Option<i64>;

    fn on_element(
        &mut self,
        _: &T,
        _: Option<EventTime>,
        window: &W,
        cx: &mut TriggerContext<'_, Self::State>,
    ) -> Result<TriggerResult> {
        if cx.state().is_none() {
            let now = cx.current_processing_time().0;
            self.register_next(now - now % self.interval_ms, window, cx);
        }
        Ok(TriggerResult::Continue)
    }

    fn on_processing_time(
        &mut self,
        time: ProcessingTime,
        window: &W,
        cx: &mut TriggerContext<'_, Self::State>,
    ) -> Result<TriggerResult> {
        if *cx.state() != Some(time.0) {
            return Ok(TriggerResult::Continue);
        }
        if time.0 < window.max_timestamp().0 {
            self.register_next(time.0, window, cx);
        } else {
            *cx.state() = None;
        }
        Ok(TriggerResult::Fire)
    }

    fn can_merge(&self) -> bool {
        true
    }

    fn merge_state(&self, into: &mut Self::State, from: Self::State) {
        *into = earlier(*into, from);
    }

    fn on_merge(&mut self, _: &W, cx: &mut TriggerContext<'_, Self::State>) -> Result<()> {
        if let Some(next) = *cx.state() {
            cx.register_processing_time_timer(ProcessingTime(next));
        }
        Ok(())
    }

    fn clear(&mut self, _: &W, cx: &mut TriggerContext<'_, Self::State>) -> Result<()> {
        if let Some(next) = cx.state().take() {
            cx.delete_processing_time_timer(ProcessingTime(next));
        }
        Ok(())
    }

    fn is_clear(&self, state: &Self::State) -> bool {
        state.is_none()
    }
}

fn earlier(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    [a, b].into_iter().flatten().min()
}
