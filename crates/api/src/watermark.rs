//! How event time is found: a timestamp for each record, and watermarks from what has been seen.

use flott_core::{EventTime, ProcessingTime, Watermark, time::millis};
use std::sync::Arc;
use std::time::Duration;

/// Makes watermarks from records. One generator per split, or per subtask where timestamps are assigned mid-stream.
pub trait WatermarkGenerator<T>: Send {
    /// Sees a record. May return a watermark that is emitted right after it.
    fn on_event(&mut self, event: &T, time: EventTime) -> Option<Watermark>;

    /// Called every `pipeline.auto-watermark-interval`. Returns the watermark as of now; one that is not larger
    /// than the last is ignored.
    fn on_periodic(&mut self) -> Option<Watermark>;
}

/// The largest time seen, less a bound, less one: records may be out of order by at most the bound.
#[derive(Clone, Debug)]
pub struct BoundedOutOfOrderness {
    largest: i64,
    bound_ms: i64,
}

impl BoundedOutOfOrderness {
    /// Watermarks that trail the largest time by `bound` and one millisecond.
    pub fn new(bound: Duration) -> Self {
        let bound_ms = millis(bound);
        // The smallest start from which the first watermark does not wrap around.
        BoundedOutOfOrderness { largest: i64::MIN + bound_ms + 1, bound_ms }
    }
}

impl<T> WatermarkGenerator<T> for BoundedOutOfOrderness {
    #[inline]
    fn on_event(&mut self, _: &T, time: EventTime) -> Option<Watermark> {
        self.largest = self.largest.max(time.0);
        None
    }

    fn on_periodic(&mut self) -> Option<Watermark> {
        Some(Watermark(self.largest - self.bound_ms - 1))
    }
}

/// Never a watermark: event time stands still until the input ends.
#[derive(Clone, Copy, Debug)]
pub struct NoWatermarks;

impl<T> WatermarkGenerator<T> for NoWatermarks {
    fn on_event(&mut self, _: &T, _: EventTime) -> Option<Watermark> {
        None
    }

    fn on_periodic(&mut self) -> Option<Watermark> {
        None
    }
}

/// A record's time, from the record and from the time that its source gave it.
type AssignTime<T> = Arc<dyn Fn(&T, Option<EventTime>) -> EventTime + Send + Sync>;

/// Where a record's time comes from.
pub enum TimestampAssigner<T> {
    /// The time that the source gave it, if any.
    FromSource,
    /// A function of the record and the time that the source gave it.
    FromRecord(AssignTime<T>),
    /// The clock when the record came in.
    Ingestion,
}

impl<T> Clone for TimestampAssigner<T> {
    fn clone(&self) -> Self {
        match self {
            TimestampAssigner::FromSource => TimestampAssigner::FromSource,
            TimestampAssigner::FromRecord(f) => TimestampAssigner::FromRecord(f.clone()),
            TimestampAssigner::Ingestion => TimestampAssigner::Ingestion,
        }
    }
}

impl<T> TimestampAssigner<T> {
    /// The times of a batch's rows: one each, or none if the source gave none and nothing else is said.
    pub fn assign(&self, rows: &[T], given: Option<Vec<EventTime>>, now: ProcessingTime) -> Option<Vec<EventTime>> {
        match self {
            TimestampAssigner::FromSource => given,
            TimestampAssigner::FromRecord(f) => Some(match given {
                None => rows.iter().map(|row| f(row, None)).collect(),
                Some(times) => rows.iter().zip(times).map(|(row, time)| f(row, Some(time))).collect(),
            }),
            TimestampAssigner::Ingestion => Some(vec![EventTime(now.0); rows.len()]),
        }
    }
}

/// Sources whose event time may not run ahead of one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alignment {
    /// Sources of the same group are aligned.
    pub group: Arc<str>,
    /// A split that is further ahead of the slowest than this is paused.
    pub max_drift: Duration,
    /// How often sources compare.
    pub update_interval: Duration,
}

type MakeGenerator<T> = Arc<dyn Fn() -> Box<dyn WatermarkGenerator<T>> + Send + Sync>;

/// Timestamps, watermarks, idleness and alignment of a stream. Names are Flink's.
///
/// ```
/// use flott_api::WatermarkStrategy;
/// use flott_core::EventTime;
/// use std::time::Duration;
///
/// let strategy = WatermarkStrategy::<(u64, i64)>::for_bounded_out_of_orderness(Duration::from_secs(5))
///     .with_timestamp_assigner(|reading, _| EventTime(reading.1))
///     .with_idleness(Duration::from_secs(60));
/// ```
pub struct WatermarkStrategy<T> {
    /// Where timestamps come from.
    pub timestamps: TimestampAssigner<T>,
    /// A split without data for this long is idle. `None`: never.
    pub idleness: Option<Duration>,
    /// Alignment with other sources.
    pub alignment: Option<Alignment>,
    make: MakeGenerator<T>,
}

impl<T> Clone for WatermarkStrategy<T> {
    fn clone(&self) -> Self {
        WatermarkStrategy {
            timestamps: self.timestamps.clone(),
            idleness: self.idleness,
            alignment: self.alignment.clone(),
            make: self.make.clone(),
        }
    }
}

impl<T: 'static> WatermarkStrategy<T> {
    /// Watermarks of one's own making.
    pub fn for_generator<G: WatermarkGenerator<T> + 'static>(make: impl Fn() -> G + Send + Sync + 'static) -> Self {
        WatermarkStrategy {
            timestamps: TimestampAssigner::FromSource,
            idleness: None,
            alignment: None,
            make: Arc::new(move || Box::new(make())),
        }
    }

    /// Times only grow: the watermark is the largest time less one millisecond.
    pub fn for_monotonous_timestamps() -> Self {
        Self::for_bounded_out_of_orderness(Duration::ZERO)
    }

    /// Records are at most `bound` out of order: the watermark is the largest time less `bound` less one millisecond.
    pub fn for_bounded_out_of_orderness(bound: Duration) -> Self {
        Self::for_generator(move || BoundedOutOfOrderness::new(bound))
    }

    /// No watermarks: for jobs in processing time.
    pub fn no_watermarks() -> Self {
        Self::for_generator(|| NoWatermarks)
    }

    /// The clock at the source as event time.
    pub fn for_ingestion_time() -> Self {
        let mut strategy = Self::for_monotonous_timestamps();
        strategy.timestamps = TimestampAssigner::Ingestion;
        strategy
    }

    /// Takes each record's time from the record and from the time the source gave it, if any.
    #[must_use]
    pub fn with_timestamp_assigner(
        mut self,
        assign: impl Fn(&T, Option<EventTime>) -> EventTime + Send + Sync + 'static,
    ) -> Self {
        self.timestamps = TimestampAssigner::FromRecord(Arc::new(assign));
        self
    }

    /// A split without data for `timeout` does not hold back event time. The time in which the source is held back
    /// by backpressure, or in which data is there to be read, does not count.
    #[must_use]
    pub fn with_idleness(mut self, timeout: Duration) -> Self {
        self.idleness = Some(timeout);
        self
    }

    /// Pauses splits that run more than `max_drift` ahead of the slowest split of all sources in `group`.
    #[must_use]
    pub fn with_watermark_alignment(mut self, group: &str, max_drift: Duration, update_interval: Duration) -> Self {
        self.alignment = Some(Alignment { group: group.into(), max_drift, update_interval });
        self
    }

    /// A new generator.
    pub fn generator(&self) -> Box<dyn WatermarkGenerator<T>> {
        (self.make)()
    }
}

/// Shows a batch to a generator. Each watermark that it makes from a row is noted with the number of rows before it.
pub fn observe<T>(
    generator: &mut dyn WatermarkGenerator<T>,
    rows: &[T],
    times: &[EventTime],
    watermarks: &mut Vec<(usize, Watermark)>,
) {
    for (n, (row, time)) in rows.iter().zip(times).enumerate() {
        if let Some(watermark) = generator.on_event(row, *time) {
            watermarks.push((n + 1, watermark));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The watermark after these times.
    fn watermark(strategy: &WatermarkStrategy<()>, times: &[i64]) -> Option<i64> {
        let mut generator = strategy.generator();
        times.iter().for_each(|time| assert_eq!(generator.on_event(&(), EventTime(*time)), None));
        generator.on_periodic().map(|watermark| watermark.0)
    }

    #[test]
    fn bounded_out_of_orderness_trails_the_largest_time_by_the_bound_and_one() {
        let bounded = WatermarkStrategy::for_bounded_out_of_orderness(Duration::from_millis(10));
        assert_eq!(watermark(&bounded, &[5, 100, 50]), Some(89));
        assert_eq!(watermark(&bounded, &[]), Some(i64::MIN), "before the first record it does not wrap around");
        assert_eq!(watermark(&bounded, &[i64::MIN]), Some(i64::MIN));
    }

    #[test]
    fn monotonous_timestamps_are_a_bound_of_zero_and_without_watermarks_there_is_none() {
        assert_eq!(watermark(&WatermarkStrategy::for_monotonous_timestamps(), &[100, 50]), Some(99));
        assert_eq!(watermark(&WatermarkStrategy::no_watermarks(), &[100]), None);
    }

    #[test]
    fn an_assigner_sees_the_record_and_the_time_that_its_source_gave() {
        let now = ProcessingTime(7);
        let later = WatermarkStrategy::<i64>::for_monotonous_timestamps()
            .with_timestamp_assigner(|row, given| EventTime(row + given.map_or(0, |time| time.0)))
            .timestamps;
        assert_eq!(later.assign(&[1, 2], None, now), Some(vec![EventTime(1), EventTime(2)]));
        let given = || Some(vec![EventTime(10), EventTime(20)]);
        assert_eq!(later.assign(&[1, 2], given(), now), Some(vec![EventTime(11), EventTime(22)]));
        let kept = WatermarkStrategy::<i64>::for_monotonous_timestamps().timestamps;
        assert_eq!((kept.assign(&[1, 2], given(), now), kept.assign(&[1], None, now)), (given(), None));
    }
}
