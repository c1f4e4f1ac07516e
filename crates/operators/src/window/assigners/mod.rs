//! Which windows there are.

mod global;
mod session;
mod sliding;
mod tumbling;

pub use global::GlobalWindows;
pub use session::{EventTimeSessionWindows, ProcessingTimeSessionWindows, SessionGap, StaticGap};
pub use sliding::{SlidingEventTimeWindows, SlidingProcessingTimeWindows};
pub use tumbling::{TumblingEventTimeWindows, TumblingProcessingTimeWindows, WindowStagger};

use flott_api::function::TimeWindow;
use flott_core::time::millis;
use flott_core::{Error, EventTime, Result};
use std::time::Duration;

/// Where windows of one size start: every `step_ms`, moved by an offset.
#[derive(Clone, Copy, Debug)]
struct Grid {
    size_ms: i64,
    step_ms: i64,
    offset_ms: i64,
}

impl Grid {
    fn new(size: Duration, step: Duration) -> Self {
        Grid { size_ms: millis(size), step_ms: millis(step), offset_ms: 0 }
    }

    fn check(&self, kind: &str) -> Result<()> {
        let Grid { size_ms, step_ms, offset_ms } = *self;
        if size_ms < 1 || step_ms < 1 {
            return Err(Error::invalid(format!("{kind} windows must have a size and a slide of at least 1 ms")));
        }
        if offset_ms.unsigned_abs() >= step_ms.unsigned_abs() {
            return Err(Error::invalid(format!(
                "{kind} windows that start every {step_ms} ms cannot have an offset of {offset_ms} ms; choose a smaller one"
            )));
        }
        Ok(())
    }

    /// The last window that starts at or before `time`.
    #[inline]
    fn last_window(&self, time: EventTime) -> TimeWindow {
        let start = TimeWindow::start_with_offset(time, self.offset_ms, self.step_ms);
        TimeWindow::new(start, start.saturating_add(self.size_ms))
    }
}

/// The record's event time.
#[inline]
fn required(time: Option<EventTime>) -> Result<EventTime> {
    time.ok_or_else(no_time)
}

#[cold]
fn no_time() -> Error {
    Error::invalid(
        "a record without event time came to an event-time window; call `assign_timestamps_and_watermarks` before the \
         window, or use processing-time windows",
    )
}
