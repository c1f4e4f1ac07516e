//! The hot keys of an operator as metrics: two gauges for each, with its name and rank as labels.
//!
//! Keys come and go, so gauges do too: of each rank there is one key at a time, and none are left when the task has gone.

use flott_api::metrics::{Gauge, Labels, MetricRegistry};
use flott_state::keyed::HotKey;

const PER_SECOND: &str = "hotKeyRecordsPerSecond";
const SHARE: &str = "hotKeySharePerMille";

/// The hot keys that are shown of one operator in one subtask.
pub(crate) struct HotKeyGauges {
    registry: MetricRegistry,
    /// Those of the operator.
    labels: Labels,
    /// By rank.
    shown: Vec<Shown>,
}

struct Shown {
    key: String,
    labels: Labels,
    per_second: Gauge,
    share: Gauge,
}

impl HotKeyGauges {
    pub(crate) fn new(registry: &MetricRegistry, labels: Labels) -> Self {
        HotKeyGauges { registry: registry.clone(), labels, shown: Vec::new() }
    }

    /// Shows these keys, the hottest first, and no others.
    pub(crate) fn show(&mut self, keys: Vec<HotKey>) {
        let outdated = self.shown.iter().zip(&keys).position(|(shown, hot)| shown.key != hot.key);
        let first = outdated.unwrap_or(keys.len().min(self.shown.len()));
        self.remove_from(first);
        for (n, hot) in keys.into_iter().enumerate() {
            if n == self.shown.len() {
                self.add(hot.key);
            }
            if let Some(shown) = self.shown.get(n) {
                shown.per_second.set(hot.per_second.round() as i64);
                shown.share.set((hot.share * 1000.0).round() as i64);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    fn add(&mut self, key: String) {
        let rank = (self.shown.len() + 1).to_string();
        let own = [("rank", rank), ("key", key.clone())];
        let labels: Labels = self.labels.iter().cloned().chain(own).collect();
        let (per_second, share) = (self.registry.gauge(PER_SECOND, &labels), self.registry.gauge(SHARE, &labels));
        self.shown.push(Shown { key, labels, per_second, share });
    }

    /// Removes the keys from a rank on.
    fn remove_from(&mut self, first: usize) {
        for shown in self.shown.drain(first..) {
            self.registry.remove(PER_SECOND, &shown.labels);
            self.registry.remove(SHARE, &shown.labels);
        }
    }
}

impl Drop for HotKeyGauges {
    fn drop(&mut self) {
        self.remove_from(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hot(key: &str, share: f64) -> HotKey {
        HotKey { key: key.to_owned(), share, per_second: share * 10.0 }
    }

    /// What is in the registry: name, rank and key, value.
    fn lines(registry: &MetricRegistry) -> Vec<String> {
        let mut lines = Vec::new();
        registry.for_each(|name, labels, metric| {
            let own: Vec<&str> = labels.iter().map(|(_, value)| value.as_str()).collect();
            lines.push(format!("{name} {} {}", own.join(" "), metric.value()));
        });
        lines
    }

    #[test]
    fn of_each_rank_there_is_one_key_and_none_is_left() {
        let registry = MetricRegistry::new();
        let mut gauges = HotKeyGauges::new(&registry, vec![("operator_name", "sum".to_owned())].into());
        gauges.show(vec![hot("a", 0.5), hot("b", 0.2), hot("c", 0.1)]);
        assert_eq!(lines(&registry).len(), 6);
        gauges.show(vec![hot("a", 0.6), hot("d", 0.3)]);
        let expected = [
            "hotKeyRecordsPerSecond sum 1 a 6",
            "hotKeyRecordsPerSecond sum 2 d 3",
            "hotKeySharePerMille sum 1 a 600",
            "hotKeySharePerMille sum 2 d 300",
        ];
        assert_eq!(lines(&registry), expected);
        gauges.show(vec![hot("a", 0.6), hot("d", 0.3), hot("e", 0.1)]);
        assert_eq!(lines(&registry).len(), 6);
        drop(gauges);
        assert!(lines(&registry).is_empty());
    }
}
