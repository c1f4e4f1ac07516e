//! Windows of one size that follow one another.

use super::{Grid, required};
use crate::window::{EventTimeTrigger, ProcessingTimeTrigger};
use flott_api::function::{AssignContext, TimeWindow, WindowAssigner};
use flott_core::time::millis;
use flott_core::{EventTime, ProcessingTime, Result};
use std::time::Duration;

/// Windows of one size, side by side, by event time.
///
/// ```
/// use flott_operators::window::TumblingEventTimeWindows;
/// use std::time::Duration;
///
/// // Days that begin at midnight in UTC+8.
/// let days = TumblingEventTimeWindows::of(Duration::from_secs(86_400)).with_offset_millis(-8 * 3_600_000);
/// ```
#[derive(Clone, Debug)]
pub struct TumblingEventTimeWindows {
    grid: Grid,
    /// The window of the last record: the next one is likely to be in it.
    last: TimeWindow,
}

impl TumblingEventTimeWindows {
    /// Windows of this size.
    pub fn of(size: Duration) -> Self {
        let nothing = TimeWindow::new(EventTime(0), EventTime(0));
        TumblingEventTimeWindows { grid: Grid::new(size, size), last: nothing }
    }

    /// Starts windows so much after each multiple of their size since 1970.
    #[must_use]
    pub fn with_offset(self, offset: Duration) -> Self {
        self.with_offset_millis(millis(offset))
    }

    /// As [`TumblingEventTimeWindows::with_offset`]; a negative offset starts windows earlier.
    #[must_use]
    pub fn with_offset_millis(mut self, offset_ms: i64) -> Self {
        self.grid.offset_ms = offset_ms;
        self
    }
}

impl<T: 'static> WindowAssigner<T> for TumblingEventTimeWindows {
    type Window = TimeWindow;
    type DefaultTrigger = EventTimeTrigger;

    fn default_trigger(&self) -> EventTimeTrigger {
        EventTimeTrigger
    }

    fn is_event_time(&self) -> bool {
        true
    }

    fn check(&self) -> Result<()> {
        self.grid.check("tumbling")
    }

    #[inline]
    fn assign(
        &mut self,
        _: &T,
        time: Option<EventTime>,
        _: &AssignContext<'_>,
        windows: &mut Vec<TimeWindow>,
    ) -> Result<()> {
        let time = required(time)?;
        if !self.last.contains(time) {
            self.last = self.grid.last_window(time);
        }
        windows.push(self.last);
        Ok(())
    }
}

/// How the subtasks of an operator place their processing-time windows, so that they need not all fire at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WindowStagger {
    /// All alike.
    #[default]
    Aligned,
    /// Each moved by a random part of the size.
    Random,
    /// Each starting with its first record.
    Natural,
}

/// Windows of one size, side by side, by the clock.
#[derive(Clone, Debug)]
pub struct TumblingProcessingTimeWindows {
    grid: Grid,
    stagger: WindowStagger,
    /// The stagger's part of the offset, found with the first record.
    staggered: Option<i64>,
}

impl TumblingProcessingTimeWindows {
    /// Windows of this size.
    pub fn of(size: Duration) -> Self {
        TumblingProcessingTimeWindows { grid: Grid::new(size, size), stagger: WindowStagger::Aligned, staggered: None }
    }

    /// Starts windows so much after each multiple of their size since 1970.
    #[must_use]
    pub fn with_offset(self, offset: Duration) -> Self {
        self.with_offset_millis(millis(offset))
    }

    /// As [`TumblingProcessingTimeWindows::with_offset`]; a negative offset starts windows earlier.
    #[must_use]
    pub fn with_offset_millis(mut self, offset_ms: i64) -> Self {
        self.grid.offset_ms = offset_ms;
        self
    }

    /// Sets how the subtasks place their windows.
    #[must_use]
    pub fn with_stagger(mut self, stagger: WindowStagger) -> Self {
        self.stagger = stagger;
        self
    }

    fn stagger_ms(&self, now: ProcessingTime, cx: &AssignContext<'_>) -> i64 {
        let size_ms = self.grid.size_ms;
        match self.stagger {
            WindowStagger::Aligned => 0,
            WindowStagger::Random => (cx.random() * size_ms as f64) as i64,
            WindowStagger::Natural => now.0 - TimeWindow::start_with_offset(EventTime(now.0), 0, size_ms).0,
        }
    }
}

impl<T: 'static> WindowAssigner<T> for TumblingProcessingTimeWindows {
    type Window = TimeWindow;
    type DefaultTrigger = ProcessingTimeTrigger;

    fn default_trigger(&self) -> ProcessingTimeTrigger {
        ProcessingTimeTrigger
    }

    fn is_event_time(&self) -> bool {
        false
    }

    fn check(&self) -> Result<()> {
        self.grid.check("tumbling")
    }

    fn assign(
        &mut self,
        _: &T,
        _: Option<EventTime>,
        cx: &AssignContext<'_>,
        windows: &mut Vec<TimeWindow>,
    ) -> Result<()> {
        let now = cx.current_processing_time();
        let staggered = match self.staggered {
            Some(staggered) => staggered,
            None => *self.staggered.insert(self.stagger_ms(now, cx)),
        };
        let Grid { size_ms, offset_ms, .. } = self.grid;
        let grid = Grid { offset_ms: (offset_ms + staggered) % size_ms, ..self.grid };
        windows.push(grid.last_window(EventTime(now.0)));
        Ok(())
    }
}
