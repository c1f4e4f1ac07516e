//! Which records are taken out of a window when it fires.

use flott_api::function::{Elements, EvictTimes, Evictor, Window};
use flott_core::time::millis;
use flott_core::{EventTime, Result};
use std::time::Duration;

/// Whether records are taken out before or after the function has seen the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Before,
    After,
}

/// Keeps the last so many records.
#[derive(Clone, Copy, Debug)]
pub struct CountEvictor {
    count: usize,
    when: When,
}

impl CountEvictor {
    /// Keeps the last `count` records.
    pub fn of(count: usize) -> Self {
        CountEvictor { count, when: When::Before }
    }

    /// Takes records out after the function has seen them, not before.
    #[must_use]
    pub fn evict_after(mut self) -> Self {
        self.when = When::After;
        self
    }

    fn evict<T>(self, elements: &mut Elements<T>) {
        elements.evict_first(elements.len().saturating_sub(self.count));
    }
}

/// Keeps the records of the last so much event time, counted back from the latest record in the window.
#[derive(Clone, Copy, Debug)]
pub struct TimeEvictor {
    size_ms: i64,
    when: When,
}

impl TimeEvictor {
    /// Keeps records later than the latest record's time less `size`.
    pub fn of(size: Duration) -> Self {
        TimeEvictor { size_ms: millis(size), when: When::Before }
    }

    /// Takes records out after the function has seen them, not before.
    #[must_use]
    pub fn evict_after(mut self) -> Self {
        self.when = When::After;
        self
    }

    fn evict<T>(self, elements: &mut Elements<T>) {
        // Like Flink, this asks the first record only whether there are times at all.
        if elements.times().first().is_none_or(Option::is_none) {
            return;
        }
        let latest = elements.times().iter().flatten().max().copied().unwrap_or(EventTime::MIN);
        let cutoff = latest.saturating_add(-self.size_ms);
        elements.retain(|_, time| time.is_some_and(|t| t > cutoff));
    }
}

/// Keeps the records that are near the last one.
#[derive(Clone, Copy, Debug)]
pub struct DeltaEvictor<F> {
    threshold: f64,
    delta: F,
    when: When,
}

impl<F> DeltaEvictor<F> {
    /// Takes out records for which `delta(record, last) >= threshold`.
    pub fn of<T>(threshold: f64, delta: F) -> Self
    where
        F: Fn(&T, &T) -> f64,
    {
        DeltaEvictor { threshold, delta, when: When::Before }
    }

    /// Takes records out after the function has seen them, not before.
    #[must_use]
    pub fn evict_after(mut self) -> Self {
        self.when = When::After;
        self
    }

    fn evict<T: Clone>(&self, elements: &mut Elements<T>)
    where
        F: Fn(&T, &T) -> f64,
    {
        if let Some(last) = elements.values().last().cloned() {
            elements.retain(|value, _| (self.delta)(value, &last) < self.threshold);
        }
    }
}

macro_rules! evictor {
    ([$($f:ident)?], $kind:ty, $($bounds:tt)*) => {
        impl<T: Clone, W: Window, $($f)?> Evictor<T, W> for $kind
        where
            Self: Clone + Send + Sync + 'static,
            $($bounds)*
        {
            fn evict_before(&mut self, elements: &mut Elements<T>, _: &W, _: EvictTimes) -> Result<()> {
                if self.when == When::Before {
                    self.evict(elements);
                }
                Ok(())
            }

            fn evict_after(&mut self, elements: &mut Elements<T>, _: &W, _: EvictTimes) -> Result<()> {
                if self.when == When::After {
                    self.evict(elements);
                }
                Ok(())
            }
        }
    };
}

evictor!([], CountEvictor,);
evictor!([], TimeEvictor,);
evictor!([F], DeltaEvictor<F>, F: Fn(&T, &T) -> f64);

#[cfg(test)]
mod tests {
    use super::*;
    use flott_api::function::GlobalWindow;
    use flott_core::{ProcessingTime, Watermark};

    const TIMES: EvictTimes = EvictTimes { watermark: Watermark(0), processing_time: ProcessingTime(0) };

    fn elements(rows: &[(i32, Option<i64>)]) -> Elements<i32> {
        let mut elements = Elements::default();
        rows.iter().for_each(|(n, time)| elements.push(*n, time.map(EventTime)));
        elements
    }

    fn left(mut evictor: impl Evictor<i32, GlobalWindow>, rows: &[(i32, Option<i64>)]) -> (Vec<i32>, Vec<i32>) {
        let mut elements = elements(rows);
        evictor.evict_before(&mut elements, &GlobalWindow, TIMES).unwrap();
        let before = elements.values().to_vec();
        evictor.evict_after(&mut elements, &GlobalWindow, TIMES).unwrap();
        (before, elements.values().to_vec())
    }

    const ROWS: &[(i32, Option<i64>)] = &[(1, Some(10)), (9, Some(40)), (3, Some(20)), (4, Some(30))];

    #[test]
    fn count_evictor_keeps_the_last() {
        assert_eq!(left(CountEvictor::of(3), ROWS).0, [9, 3, 4]);
        assert_eq!(left(CountEvictor::of(9), ROWS).0, [1, 9, 3, 4]);
        assert_eq!(left(CountEvictor::of(1).evict_after(), ROWS), (vec![1, 9, 3, 4], vec![4]));
    }

    #[test]
    fn time_evictor_counts_back_from_the_latest_and_the_bound_itself_goes() {
        assert_eq!(left(TimeEvictor::of(Duration::from_millis(20)), ROWS).0, [9, 4], "20 is 40 - 20 and goes");
        let untimed: Vec<_> = ROWS.iter().map(|(n, _)| (*n, None)).collect();
        assert_eq!(left(TimeEvictor::of(Duration::from_millis(20)), &untimed).0, [1, 9, 3, 4], "nothing to go by");
    }

    #[test]
    fn delta_evictor_compares_with_the_last() {
        let distance = |a: &i32, b: &i32| f64::from((a - b).abs());
        assert_eq!(left(DeltaEvictor::of(3.0, distance), ROWS).0, [3, 4], "a distance of 3 goes");
    }
}
