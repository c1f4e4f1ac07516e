//! Which records of a window are taken out of it when it fires.

use crate::function::Window;
use flott_core::{EventTime, ProcessingTime, Result, Watermark};
use serde::{Deserialize, Serialize};

/// Takes records out of a window, before or after its function sees them. What is taken out does not come back.
pub trait Evictor<T, W: Window>: Clone + Send + Sync + 'static {
    /// Before the function is called.
    ///
    /// # Errors
    /// Fails the task.
    fn evict_before(&mut self, elements: &mut Elements<T>, window: &W, times: EvictTimes) -> Result<()>;

    /// After the function has been called.
    ///
    /// # Errors
    /// Fails the task.
    fn evict_after(&mut self, elements: &mut Elements<T>, window: &W, times: EvictTimes) -> Result<()>;
}

/// The times of the operator when a window fires.
#[derive(Clone, Copy, Debug)]
pub struct EvictTimes {
    /// Its event time.
    pub watermark: Watermark,
    /// The clock.
    pub processing_time: ProcessingTime,
}

/// The records of a window in the order in which they came, each with its event time if it has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elements<T> {
    values: Vec<T>,
    times: Vec<Option<EventTime>>,
}

impl<T> Default for Elements<T> {
    fn default() -> Self {
        Elements { values: Vec::new(), times: Vec::new() }
    }
}

impl<T> Elements<T> {
    /// Adds a record.
    #[inline]
    pub fn push(&mut self, value: T, time: Option<EventTime>) {
        self.values.push(value);
        self.times.push(time);
    }

    /// Adds the records of another window behind these.
    pub fn append(&mut self, mut other: Elements<T>) {
        self.values.append(&mut other.values);
        self.times.append(&mut other.times);
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The records.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// The records' times.
    pub fn times(&self) -> &[Option<EventTime>] {
        &self.times
    }

    /// Takes out the first `count` records.
    pub fn evict_first(&mut self, count: usize) {
        let count = count.min(self.len());
        self.values.drain(..count);
        self.times.drain(..count);
    }

    /// Keeps the records for which `keep` returns true.
    pub fn retain(&mut self, mut keep: impl FnMut(&T, Option<EventTime>) -> bool) {
        let kept: Vec<bool> = self.values.iter().zip(&self.times).map(|(value, time)| keep(value, *time)).collect();
        let mut flags = kept.iter();
        self.values.retain(|_| flags.next().is_some_and(|k| *k));
        let mut flags = kept.iter();
        self.times.retain(|_| flags.next().is_some_and(|k| *k));
    }
}
