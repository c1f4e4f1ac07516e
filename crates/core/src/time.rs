//! Times: milliseconds since the epoch, as in Flink, with one type per meaning.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// When a record happened: milliseconds since 1970-01-01T00:00:00Z, negative before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventTime(pub i64);

impl EventTime {
    /// The smallest time. Flink's mark for "no timestamp"; in Flott a batch without times has none at all.
    pub const MIN: EventTime = EventTime(i64::MIN);
    /// The largest time.
    pub const MAX: EventTime = EventTime(i64::MAX);

    /// This time and `millis` more, stopping at the ends of the range.
    #[must_use]
    pub fn saturating_add(self, millis: i64) -> EventTime {
        EventTime(self.0.saturating_add(millis))
    }
}

impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// "No record with a time `<=` this one is expected any more."
///
/// A record with `time <= watermark` is late. Watermarks never go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Watermark(pub i64);

impl Watermark {
    /// Before any watermark has been seen.
    pub const MIN: Watermark = Watermark(i64::MIN);
    /// The end of a bounded input: nothing is to come.
    pub const MAX: Watermark = Watermark(i64::MAX);

    /// Whether a record of `time` comes after this watermark and so is late.
    pub fn is_late(self, time: EventTime) -> bool {
        time.0 <= self.0
    }
}

/// The machine's clock: milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProcessingTime(pub i64);

impl ProcessingTime {
    /// After every real time: bounded input has ended.
    pub const MAX: ProcessingTime = ProcessingTime(i64::MAX);

    /// This time and `duration` more.
    #[must_use]
    pub fn plus(self, duration: Duration) -> ProcessingTime {
        ProcessingTime(self.0.saturating_add(millis(duration)))
    }

    /// How long from this time until `later`; zero if it is not later.
    pub fn until(self, later: ProcessingTime) -> Duration {
        Duration::from_millis(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }
}

/// A duration in whole milliseconds, stopping at `i64::MAX`.
pub fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
