//! A histogram over the latest values, as Flink's `DescriptiveStatisticsHistogram`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// So many of the latest values are kept.
const WINDOW: usize = 1024;

/// The distribution of the latest 1024 values, and how many there have been in all.
///
/// An update takes a lock that nobody else holds but a reporter: cheap, but not for every record of a hot path.
#[derive(Clone, Debug, Default)]
pub struct Histogram(Arc<Mutex<Latest>>);

#[derive(Debug, Default)]
struct Latest {
    count: u64,
    values: VecDeque<i64>,
}

impl Histogram {
    /// Takes in a value.
    pub fn update(&self, value: i64) {
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        latest.count += 1;
        if latest.values.len() == WINDOW {
            latest.values.pop_front();
        }
        latest.values.push_back(value);
    }

    /// How many values there have been.
    pub fn count(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).count
    }

    /// For each of `quantiles`, which are between 0 and 1, the smallest of the latest values that is not less than that
    /// part of them. `None` before the first value.
    pub fn quantiles<const N: usize>(&self, quantiles: [f64; N]) -> Option<[i64; N]> {
        let latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sorted: Vec<i64> = latest.values.iter().copied().collect();
        drop(latest);
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        Some(quantiles.map(|q| sorted[((sorted.len() as f64 * q).ceil() as usize).saturating_sub(1).min(last)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_latest_values() {
        let histogram = Histogram::default();
        assert_eq!(histogram.quantiles([0.5]), None);
        histogram.update(7);
        assert_eq!(histogram.quantiles([0.0, 0.5, 1.0]), Some([7, 7, 7]));
        (0..1000).for_each(|_| histogram.update(-1));
        (1..=1024).rev().for_each(|n| histogram.update(n));
        assert_eq!(histogram.quantiles([0.0, 0.5, 0.75, 0.999, 1.0]), Some([1, 512, 768, 1023, 1024]));
        assert_eq!(histogram.count(), 2025);
    }
}
