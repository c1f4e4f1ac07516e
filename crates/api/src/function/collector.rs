//! Where a function puts its results: rows of one type, each with the time of the record it came from.

use crate::Output;
use flott_core::{Batch, Data, EventTime, Result};

/// Takes the results of a function. A result has the event time of the record (or timer, or window) being processed,
/// unless the function says otherwise.
pub struct Collector<T> {
    rows: Vec<T>,
    /// As long as `rows` if `timed`, otherwise empty.
    times: Vec<EventTime>,
    timed: bool,
    /// The time of the record being processed.
    current: Option<EventTime>,
    /// About as many rows as the last runs had: the next one is likely to need as much room.
    expected: usize,
    /// Full runs: a batch has a time for all of its rows or for none, so a change between the two ends a run.
    runs: Vec<Batch>,
}

impl<T> Default for Collector<T> {
    fn default() -> Self {
        Collector { rows: Vec::new(), times: Vec::new(), timed: false, current: None, expected: 0, runs: Vec::new() }
    }
}

impl<T: Data> Collector<T> {
    /// As many rows as are kept before they go on to the next operator: one that makes many records of one does not
    /// hold all of them.
    pub const ROWS_MAX: usize = 4096;

    /// A collector without rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Emits `value` with the time of the record being processed.
    #[inline]
    pub fn collect(&mut self, value: T) {
        match self.current {
            Some(time) => self.collect_with_timestamp(value, time),
            None => {
                if self.timed {
                    self.end_run();
                    self.timed = false;
                }
                if self.rows.capacity() == 0 {
                    self.make_room();
                }
                self.rows.push(value);
            }
        }
    }

    /// Emits `value` with a time of its own.
    #[inline]
    pub fn collect_with_timestamp(&mut self, value: T, time: EventTime) {
        if !self.timed {
            self.end_run();
            self.timed = true;
        }
        if self.rows.capacity() == 0 {
            self.make_room();
        }
        self.rows.push(value);
        self.times.push(time);
    }

    /// Sets the time that [`Collector::collect`] gives; for operators.
    #[inline]
    pub fn set_time(&mut self, time: Option<EventTime>) {
        self.current = time;
    }

    /// Number of rows that have not gone on, of the current run.
    #[inline]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether no rows wait.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.runs.is_empty()
    }

    #[cold]
    fn make_room(&mut self) {
        self.rows.reserve(self.expected);
        if self.timed {
            self.times.reserve(self.expected);
        }
    }

    #[cold]
    fn end_run(&mut self) {
        if let Some(batch) = self.take_run() {
            self.runs.push(batch);
        }
    }

    fn take_run(&mut self) -> Option<Batch> {
        if self.rows.is_empty() {
            return None;
        }
        self.expected = self.rows.len().max(self.expected / 2);
        let rows = std::mem::take(&mut self.rows);
        let times = self.timed.then(|| std::mem::take(&mut self.times));
        Some(Batch::timed(rows, times))
    }

    /// Hands all rows to `out`.
    ///
    /// # Errors
    /// What the next operator reports.
    pub fn flush(&mut self, out: &mut dyn Output) -> Result<()> {
        for batch in self.runs.drain(..) {
            out.emit(batch)?;
        }
        match self.take_run() {
            Some(batch) => out.emit(batch),
            None => Ok(()),
        }
    }

    /// Hands the rows to `out` if there are many.
    ///
    /// # Errors
    /// What the next operator reports.
    #[inline]
    pub fn flush_if_full(&mut self, out: &mut dyn Output) -> Result<()> {
        if self.rows.len() >= Self::ROWS_MAX { self.flush(out) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flott_core::Watermark;

    struct Batches(Vec<Batch>);

    impl Output for Batches {
        fn emit(&mut self, batch: Batch) -> Result<()> {
            self.0.push(batch);
            Ok(())
        }
        fn emit_side(&mut self, _: &str, _: Batch) -> Result<()> {
            Ok(())
        }
        fn watermark(&mut self, _: Watermark) -> Result<()> {
            Ok(())
        }
        fn idle(&mut self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn rows_with_and_without_time_never_share_a_batch() {
        let mut collector = Collector::new();
        collector.collect(1u8);
        collector.set_time(Some(EventTime(5)));
        collector.collect(2);
        collector.collect_with_timestamp(3, EventTime(9));
        collector.set_time(None);
        collector.collect(4);
        let mut out = Batches(Vec::new());
        collector.flush(&mut out).unwrap();
        let batches: Vec<_> = out.0.into_iter().map(|b| b.into_rows::<u8>().unwrap()).collect();
        let times = |t: &[i64]| Some(t.iter().copied().map(EventTime).collect::<Vec<_>>());
        assert_eq!(batches, [(vec![1], None), (vec![2, 3], times(&[5, 9])), (vec![4], None)]);
        assert!(collector.is_empty());
    }
}
