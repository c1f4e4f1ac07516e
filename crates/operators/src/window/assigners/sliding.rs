//! Windows of one size that overlap.

use super::{Grid, required};
use crate::window::{EventTimeTrigger, ProcessingTimeTrigger};
use flott_api::function::{AssignContext, TimeWindow, WindowAssigner};
use flott_core::time::millis;
use flott_core::{EventTime, Result};
use std::time::Duration;

/// Windows of one size that start at regular intervals, by event time. A record is in each window that is open at
/// its time: size / slide of them.
#[derive(Clone, Debug)]
pub struct SlidingEventTimeWindows {
    grid: Grid,
}

impl SlidingEventTimeWindows {
    /// Windows of this size, one every `slide`.
    pub fn of(size: Duration, slide: Duration) -> Self {
        SlidingEventTimeWindows { grid: Grid::new(size, slide) }
    }

    /// Starts windows so much after each multiple of the slide since 1970.
    #[must_use]
    pub fn with_offset(self, offset: Duration) -> Self {
        self.with_offset_millis(millis(offset))
    }

    /// As [`SlidingEventTimeWindows::with_offset`]; a negative offset starts windows earlier.
    #[must_use]
    pub fn with_offset_millis(mut self, offset_ms: i64) -> Self {
        self.grid.offset_ms = offset_ms;
        self
    }
}

impl<T: 'static> WindowAssigner<T> for SlidingEventTimeWindows {
    type Window = TimeWindow;
    type DefaultTrigger = EventTimeTrigger;

    fn default_trigger(&self) -> EventTimeTrigger {
        EventTimeTrigger
    }

    fn is_event_time(&self) -> bool {
        true
    }

    fn check(&self) -> Result<()> {
        self.grid.check("sliding")
    }

    fn assign(
        &mut self,
        _: &T,
        time: Option<EventTime>,
        _: &AssignContext<'_>,
        windows: &mut Vec<TimeWindow>,
    ) -> Result<()> {
        slide(&self.grid, required(time)?, windows);
        Ok(())
    }
}

/// Windows of one size that start at regular intervals, by the clock.
#[derive(Clone, Debug)]
pub struct SlidingProcessingTimeWindows {
    grid: Grid,
}

impl SlidingProcessingTimeWindows {
    /// Windows of this size, one every `slide`.
    pub fn of(size: Duration, slide: Duration) -> Self {
        SlidingProcessingTimeWindows { grid: Grid::new(size, slide) }
    }

    /// Starts windows so much after each multiple of the slide since 1970.
    #[must_use]
    pub fn with_offset(self, offset: Duration) -> Self {
        self.with_offset_millis(millis(offset))
    }

    /// As [`SlidingProcessingTimeWindows::with_offset`]; a negative offset starts windows earlier.
    #[must_use]
    pub fn with_offset_millis(mut self, offset_ms: i64) -> Self {
        self.grid.offset_ms = offset_ms;
        self
    }
}

impl<T: 'static> WindowAssigner<T> for SlidingProcessingTimeWindows {
    type Window = TimeWindow;
    type DefaultTrigger = ProcessingTimeTrigger;

    fn default_trigger(&self) -> ProcessingTimeTrigger {
        ProcessingTimeTrigger
    }

    fn is_event_time(&self) -> bool {
        false
    }

    fn check(&self) -> Result<()> {
        self.grid.check("sliding")
    }

    fn assign(
        &mut self,
        _: &T,
        _: Option<EventTime>,
        cx: &AssignContext<'_>,
        windows: &mut Vec<TimeWindow>,
    ) -> Result<()> {
        slide(&self.grid, EventTime(cx.current_processing_time().0), windows);
        Ok(())
    }
}

/// The windows that are open at `time`, the one that started last first.
fn slide(grid: &Grid, time: EventTime, windows: &mut Vec<TimeWindow>) {
    let mut window = grid.last_window(time);
    while window.contains(time) {
        windows.push(window);
        if window.start.0 < i64::MIN + grid.step_ms {
            break;
        }
        let start = EventTime(window.start.0 - grid.step_ms);
        window = TimeWindow::new(start, start.saturating_add(grid.size_ms));
    }
}
