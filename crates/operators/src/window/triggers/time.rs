//! At the end of the window.

use flott_api::function::{Trigger, TriggerContext, TriggerResult, Window};
use flott_core::{EventTime, ProcessingTime, Result};

/// Fires when the watermark passes the end of the window, and again with each record that comes later and is still
/// allowed.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventTimeTrigger;

impl<T, W: Window> Trigger<T, W> for EventTimeTrigger {
    type State = ();

    #[inline]
    fn on_element(
        &mut self,
        _: &T,
        _: Option<EventTime>,
        window: &W,
        cx: &mut TriggerContext<'_, ()>,
    ) -> Result<TriggerResult> {
        let end = window.max_timestamp();
        if end.0 <= cx.current_watermark().0 {
            return Ok(TriggerResult::Fire);
        }
        cx.register_event_time_timer(end);
        Ok(TriggerResult::Continue)
    }

    fn on_event_time(&mut self, time: EventTime, window: &W, _: &mut TriggerContext<'_, ()>) -> Result<TriggerResult> {
        Ok(if time == window.max_timestamp() { TriggerResult::Fire } else { TriggerResult::Continue })
    }

    fn can_merge(&self) -> bool {
        true
    }

    fn on_merge(&mut self, window: &W, cx: &mut TriggerContext<'_, ()>) -> Result<()> {
        // Past its end, each further record fires the window.
        if window.max_timestamp().0 > cx.current_watermark().0 {
            cx.register_event_time_timer(window.max_timestamp());
        }
        Ok(())
    }

    fn clear(&mut self, window: &W, cx: &mut TriggerContext<'_, ()>) -> Result<()> {
        cx.delete_event_time_timer(window.max_timestamp());
        Ok(())
    }
}

/// Fires when the clock passes the end of the window.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessingTimeTrigger;

impl<T, W: Window> Trigger<T, W> for ProcessingTimeTrigger {
    /// The timer that is registered.
    type State = Option<ProcessingTime>;

    fn on_element(
        &mut self,
        _: &T,
        _: Option<EventTime>,
        window: &W,
        cx: &mut TriggerContext<'_, Self::State>,
    ) -> Result<TriggerResult> {
        register(window, cx);
        Ok(TriggerResult::Continue)
    }

    fn on_processing_time(
        &mut self,
        _: ProcessingTime,
        _: &W,
        _: &mut TriggerContext<'_, Self::State>,
    ) -> Result<TriggerResult> {
        Ok(TriggerResult::Fire)
    }

    fn can_merge(&self) -> bool {
        true
    }

    fn on_merge(&mut self, window: &W, cx: &mut TriggerContext<'_, Self::State>) -> Result<()> {
        // The time may be over for a window that grew by merging.
        if window.max_timestamp().0 > cx.current_processing_time().0 {
            register(window, cx);
        }
        Ok(())
    }

    fn clear(&mut self, window: &W, cx: &mut TriggerContext<'_, Self::State>) -> Result<()> {
        cx.delete_processing_time_timer(ProcessingTime(window.max_timestamp().0));
        Ok(())
    }

    fn is_clear(&self, _: &Self::State) -> bool {
        true
    }
}

fn register<W: Window>(window: &W, cx: &mut TriggerContext<'_, Option<ProcessingTime>>) {
    let end = Some(ProcessingTime(window.max_timestamp().0));
    if *cx.state() != end {
        *cx.state() = end;
        cx.register_processing_time_timer(ProcessingTime(window.max_timestamp().0));
    }
}
