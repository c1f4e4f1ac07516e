//! What happened, as a hash over all of it and as text for the last of it.
//!
//! Two runs of one seed must have the same hash: that is how determinism is checked.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Lines that are kept for the report of a failure.
const LINES_MAX: usize = 200;
const FNV_START: u64 = 0xCBF2_9CE4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01B3;

/// A record of events. Cheap to clone; all clones are the same record.
#[derive(Clone)]
pub struct Trace(Arc<Mutex<Record>>);

struct Record {
    hash: u64,
    events: u64,
    lines: VecDeque<String>,
    lines_max: usize,
}

impl Default for Trace {
    fn default() -> Self {
        Self::new()
    }
}

impl Trace {
    /// Nothing has happened. All lines are kept if the environment variable `TRACE` is set.
    pub fn new() -> Self {
        let lines_max = if std::env::var_os("TRACE").is_some() { usize::MAX } else { LINES_MAX };
        Trace(Arc::new(Mutex::new(Record { hash: FNV_START, events: 0, lines: VecDeque::new(), lines_max })))
    }

    /// Something has happened `at` this time of its life.
    pub fn note(&self, at: Duration, what: fmt::Arguments<'_>) {
        let line = format!("{:>9} {what}", at.as_millis());
        let mut record = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        record.events += 1;
        for byte in line.bytes() {
            record.hash = (record.hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
        }
        if record.lines.len() >= record.lines_max {
            record.lines.pop_front();
        }
        record.lines.push_back(line);
    }

    /// The hash of everything so far.
    pub fn hash(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).hash
    }

    /// How much has happened.
    pub fn events(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).events
    }

    /// The last lines, oldest first.
    pub fn tail(&self) -> String {
        let record = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        record.lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_time_matter() {
        let hash = |notes: &[(u64, &str)]| {
            let trace = Trace::new();
            notes.iter().for_each(|(at, what)| trace.note(Duration::from_millis(*at), format_args!("{what}")));
            trace.hash()
        };
        assert_eq!(hash(&[(1, "a"), (2, "b")]), hash(&[(1, "a"), (2, "b")]));
        assert_ne!(hash(&[(1, "a"), (2, "b")]), hash(&[(1, "b"), (2, "a")]));
        assert_ne!(hash(&[(1, "a")]), hash(&[(2, "a")]));
    }
}
