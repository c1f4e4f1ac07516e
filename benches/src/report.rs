//! Medians, and the line of JSON that a case prints.

use crate::bench::Failure;
use crate::child::Sample;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a case has found.
pub(crate) struct Line {
    value: f64,
    unit: &'static str,
    peers: BTreeMap<String, f64>,
    bar: Bar,
    also: BTreeMap<String, (f64, Bar)>,
}

/// What the value must reach.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bar {
    AtLeast(f64),
    AtMost(f64),
    Below(f64),
}

impl Bar {
    /// The bar, and whether a value is on its right side.
    fn check(self, value: f64) -> (f64, bool) {
        match self {
            Bar::AtLeast(bar) => (rounded(bar), value >= bar),
            Bar::AtMost(bar) => (rounded(bar), value <= bar),
            Bar::Below(bar) => (rounded(bar), value < bar),
        }
    }
}

impl Line {
    pub(crate) fn new(value: f64, unit: &'static str, bar: Bar) -> Self {
        Line { value, unit, peers: BTreeMap::new(), bar, also: BTreeMap::new() }
    }

    /// Another engine's value, in the same unit.
    #[must_use]
    pub(crate) fn with_peer(mut self, name: &str, value: f64) -> Self {
        self.peers.insert(name.to_owned(), rounded(value));
        self
    }

    /// As [`Line::with_peer`], if there is one.
    #[must_use]
    pub(crate) fn with_peer_if(self, name: &str, value: Option<f64>) -> Self {
        match value {
            Some(value) => self.with_peer(name, value),
            None => self,
        }
    }

    /// Another value that has a bar of its own; its name says its unit.
    #[must_use]
    pub(crate) fn and(mut self, name: &str, value: f64, bar: Bar) -> Self {
        self.also.insert(name.to_owned(), (value, bar));
        self
    }

    /// Prints it.
    pub(crate) fn print(self, bench: &str, case: &str) -> Result<(), Failure> {
        let (bar, holds) = self.bar.check(self.value);
        let peer = (!self.peers.is_empty()).then_some(self.peers);
        let also: BTreeMap<_, _> =
            self.also.iter().map(|(name, (value, bar))| (name.as_str(), Also::new(*value, *bar))).collect();
        let holds = holds && also.values().all(|also| also.holds);
        let json = Json { bench, case, value: rounded(self.value), unit: self.unit, peer, bar, also, holds };
        println!("{}", serde_json::to_string(&json)?);
        Ok(())
    }
}

/// The line, in the order in which it is read.
#[derive(Serialize)]
struct Json<'a> {
    bench: &'a str,
    case: &'a str,
    value: f64,
    unit: &'a str,
    peer: Option<BTreeMap<String, f64>>,
    bar: f64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    also: BTreeMap<&'a str, Also>,
    /// All bars.
    holds: bool,
}

#[derive(Serialize)]
struct Also {
    value: f64,
    bar: f64,
    holds: bool,
}

impl Also {
    fn new(value: f64, bar: Bar) -> Also {
        let (bar, holds) = bar.check(value);
        Also { value: rounded(value), bar, holds }
    }
}

/// The middle one; of an even number the mean of the two in the middle.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    match values.as_slice() {
        [] => f64::NAN,
        sorted => (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0,
    }
}

/// The median throughput of several runs, in millions of records per CPU-second.
pub(crate) fn throughput(samples: &[Sample]) -> f64 {
    median(samples.iter().map(Sample::mega_per_cpu_second))
}

/// Three digits that mean something.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    // By way of text, because a factor such as 0.1 is not exact.
    format!("{value:.2e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median([]).is_nan());
    }

    #[test]
    fn three_digits_stay() {
        assert_eq!([123.456, 0.012345, 99.96, -1.2345, 0.0].map(rounded), [123.0, 0.0123, 100.0, -1.23, 0.0]);
    }
}
