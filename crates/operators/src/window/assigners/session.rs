//! Windows that last as long as records keep coming.

use super::required;
use crate::window::{EventTimeTrigger, ProcessingTimeTrigger};
use flott_api::function::{AssignContext, TimeWindow, WindowAssigner};
use flott_core::time::millis;
use flott_core::{Error, EventTime, Result};
use std::time::Duration;

/// A gap that is always the same.
#[derive(Clone, Copy, Debug)]
pub struct StaticGap(Duration);

/// How long after a record its session ends if no other comes.
pub trait SessionGap<T>: Clone + Send + Sync + 'static {
    /// The gap after this record.
    fn gap(&self, value: &T) -> Duration;
}

impl<T> SessionGap<T> for StaticGap {
    fn gap(&self, _: &T) -> Duration {
        self.0
    }
}

impl<T, F: Fn(&T) -> Duration + Clone + Send + Sync + 'static> SessionGap<T> for F {
    fn gap(&self, value: &T) -> Duration {
        self(value)
    }
}

/// Sessions by event time: a record opens a window that lasts for the gap; windows that overlap or touch become one.
///
/// ```
/// use flott_operators::window::EventTimeSessionWindows;
/// use std::time::Duration;
///
/// let fixed = EventTimeSessionWindows::with_gap(Duration::from_secs(60));
/// let by_record = EventTimeSessionWindows::with_dynamic_gap(|click: &(String, u64)| Duration::from_secs(click.1));
/// ```
#[derive(Clone, Debug)]
pub struct EventTimeSessionWindows<G = StaticGap>(G);

impl EventTimeSessionWindows {
    /// Sessions that end when nothing has come for `gap`.
    pub fn with_gap(gap: Duration) -> Self {
        EventTimeSessionWindows(StaticGap(gap))
    }

    /// Sessions whose gap depends on the record.
    pub fn with_dynamic_gap<T, F: Fn(&T) -> Duration>(gap: F) -> EventTimeSessionWindows<F> {
        EventTimeSessionWindows(gap)
    }
}

impl<T: 'static, G: SessionGap<T>> WindowAssigner<T> for EventTimeSessionWindows<G> {
    type Window = TimeWindow;
    type DefaultTrigger = EventTimeTrigger;

    fn default_trigger(&self) -> EventTimeTrigger {
        EventTimeTrigger
    }

    fn is_event_time(&self) -> bool {
        true
    }

    fn is_merging(&self) -> bool {
        true
    }

    fn assign(
        &mut self,
        value: &T,
        time: Option<EventTime>,
        _: &AssignContext<'_>,
        windows: &mut Vec<TimeWindow>,
    ) -> Result<()> {
        windows.push(session(required(time)?, self.0.gap(value))?);
        Ok(())
    }
}

/// Sessions by the clock.
#[derive(Clone, Debug)]
pub struct ProcessingTimeSessionWindows<G = StaticGap>(G);

impl ProcessingTimeSessionWindows {
    /// Sessions that end when nothing has come for `gap`.
    pub fn with_gap(gap: Duration) -> Self {
        ProcessingTimeSessionWindows(StaticGap(gap))
    }

    /// Sessions whose gap depends on the record.
    pub fn with_dynamic_gap<T, F: Fn(&T) -> Duration>(gap: F) -> ProcessingTimeSessionWindows<F> {
        ProcessingTimeSessionWindows(gap)
    }
}

impl<T: 'static, G: SessionGap<T>> WindowAssigner<T> for ProcessingTimeSessionWindows<G> {
    type Window = TimeWindow;
    type DefaultTrigger = ProcessingTimeTrigger;

    fn default_trigger(&self) -> ProcessingTimeTrigger {
        ProcessingTimeTrigger
    }

    fn is_event_time(&self) -> bool {
        false
    }

    fn is_merging(&self) -> bool {
        true
    }

    fn assign(
        &mut self,
        value: &T,
        _: Option<EventTime>,
        cx: &AssignContext<'_>,
        windows: &mut Vec<TimeWindow>,
    ) -> Result<()> {
        windows.push(session(EventTime(cx.current_processing_time().0), self.0.gap(value))?);
        Ok(())
    }
}

fn session(time: EventTime, gap: Duration) -> Result<TimeWindow> {
    match millis(gap) {
        0 => Err(Error::invalid("the gap of a session must be at least 1 ms")),
        gap_ms => Ok(TimeWindow::new(time, time.saturating_add(gap_ms))),
    }
}
