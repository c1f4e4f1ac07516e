//! The windows themselves: spans of time, and the one window of everything.

use flott_core::{EventTime, Key};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A finite part of a stream, per key. Small and copied freely; it names the state of what is in it.
pub trait Window: Key + Copy + fmt::Debug + Sync {
    /// The largest time that still belongs to the window. It is also the time of the window's results.
    fn max_timestamp(&self) -> EventTime;

    /// The window that holds both, if the two overlap or touch and windows of this kind merge.
    fn merged(&self, _other: &Self) -> Option<Self> {
        None
    }
}

/// The times from `start` up to, but not including, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TimeWindow {
    /// The first time in the window.
    pub start: EventTime,
    /// The first time after the window.
    pub end: EventTime,
}

impl TimeWindow {
    /// The window from `start` up to but not including `end`.
    pub fn new(start: EventTime, end: EventTime) -> Self {
        TimeWindow { start, end }
    }

    /// The start of the window of `size_ms` that `time` is in, if windows start at `offset_ms` after each multiple
    /// of their size: `time - ((time - offset) mod size)` with a remainder that is never negative.
    #[inline]
    pub fn start_with_offset(time: EventTime, offset_ms: i64, size_ms: i64) -> EventTime {
        EventTime(time.0.saturating_sub(time.0.wrapping_sub(offset_ms).rem_euclid(size_ms)))
    }

    /// Whether the window holds `time`.
    #[inline]
    pub fn contains(&self, time: EventTime) -> bool {
        self.start <= time && time < self.end
    }

    /// Whether the two overlap or touch.
    pub fn intersects(&self, other: &TimeWindow) -> bool {
        self.start <= other.end && self.end >= other.start
    }

    /// The smallest window that holds both.
    #[must_use]
    pub fn cover(&self, other: &TimeWindow) -> TimeWindow {
        TimeWindow { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

impl Window for TimeWindow {
    #[inline]
    fn max_timestamp(&self) -> EventTime {
        EventTime(self.end.0.saturating_sub(1))
    }

    #[inline]
    fn merged(&self, other: &Self) -> Option<Self> {
        self.intersects(other).then(|| self.cover(other))
    }
}

impl fmt::Display for TimeWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.start, self.end)
    }
}

/// The one window that holds everything. It never ends, so only its trigger makes it say something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GlobalWindow;

impl Window for GlobalWindow {
    fn max_timestamp(&self) -> EventTime {
        EventTime::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(time: i64, offset: i64, size: i64) -> i64 {
        TimeWindow::start_with_offset(EventTime(time), offset, size).0
    }

    #[test]
    fn window_starts_are_flinks() {
        assert_eq!([0, 1, 6, 7].map(|t| start(t, 0, 7)), [0, 0, 0, 7]);
        assert_eq!([1, 2, 3, 9, 10].map(|t| start(t, 3, 7)), [-4, -4, 3, 3, 10]);
        assert_eq!([1, 5, 6].map(|t| start(t, -2, 7)), [-2, 5, 5]);
        assert_eq!([-1, -7, -8].map(|t| start(t, 0, 7)), [-7, -7, -14], "times before 1970");
    }

    #[test]
    fn windows_that_overlap_or_touch_merge() {
        let window = |start, end| TimeWindow::new(EventTime(start), EventTime(end));
        assert_eq!(window(0, 5).merged(&window(5, 8)), Some(window(0, 8)));
        assert_eq!(window(5, 8).merged(&window(0, 5)), Some(window(0, 8)));
        assert_eq!(window(0, 5).merged(&window(6, 8)), None);
        assert_eq!(window(0, 9).merged(&window(2, 3)), Some(window(0, 9)));
        assert_eq!(window(0, 5).max_timestamp(), EventTime(4));
    }
}
