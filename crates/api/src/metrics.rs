//! Counters, gauges and histograms, and the registry that reporters read.
//!
//! A metric is an atomic that its owner writes once per batch and a reporter reads whenever it likes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A number that only grows.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// Adds `n`.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Adds one.
    #[inline]
    pub fn increment(&self) {
        self.add(1);
    }

    /// The count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<AtomicI64>);

impl Gauge {
    /// Sets it.
    #[inline]
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Its value.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A registered metric.
#[derive(Clone, Debug)]
pub enum Metric {
    /// A counter.
    Counter(Counter),
    /// A gauge.
    Gauge(Gauge),
}

/// Where a metric belongs: `job`, `task`, `operator`, `subtask` and the like, with their values.
pub type Labels = Arc<[(&'static str, String)]>;

type Metrics = BTreeMap<(Arc<str>, Labels), Metric>;

/// Every metric of the process.
#[derive(Clone, Default)]
pub struct MetricRegistry {
    metrics: Arc<Mutex<Metrics>>,
}

impl MetricRegistry {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// The counter of this name and these labels, made if there is none.
    pub fn counter(&self, name: &str, labels: &Labels) -> Counter {
        let mut metrics = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        let metric =
            metrics.entry((name.into(), labels.clone())).or_insert_with(|| Metric::Counter(Counter::default()));
        match metric {
            Metric::Counter(counter) => counter.clone(),
            Metric::Gauge(_) => Counter::default(),
        }
    }

    /// The gauge of this name and these labels, made if there is none.
    pub fn gauge(&self, name: &str, labels: &Labels) -> Gauge {
        let mut metrics = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        let metric = metrics.entry((name.into(), labels.clone())).or_insert_with(|| Metric::Gauge(Gauge::default()));
        match metric {
            Metric::Gauge(gauge) => gauge.clone(),
            Metric::Counter(_) => Gauge::default(),
        }
    }

    /// Calls `visit` with every metric, in order of names.
    pub fn for_each(&self, mut visit: impl FnMut(&str, &Labels, &Metric)) {
        for ((name, labels), metric) in self.metrics.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            visit(name, labels, metric);
        }
    }

    /// Sum of the values of all metrics called `name` whose labels include `label` = `value`.
    pub fn sum(&self, name: &str, label: &str, value: &str) -> i64 {
        let mut sum = 0;
        self.for_each(|n, labels, metric| {
            if n == name && labels.iter().any(|(l, v)| *l == label && v == value) {
                sum += match metric {
                    Metric::Counter(c) => c.get() as i64,
                    Metric::Gauge(g) => g.get(),
                };
            }
        });
        sum
    }
}

/// The metrics of one operator in one subtask, by Flink's names.
#[derive(Clone)]
pub struct OperatorMetrics {
    registry: MetricRegistry,
    labels: Labels,
    /// `numRecordsIn`.
    pub records_in: Counter,
    /// `numRecordsOut`.
    pub records_out: Counter,
    /// `numLateRecordsDropped`.
    pub late_records_dropped: Counter,
}

impl OperatorMetrics {
    /// The metrics of the operator that `labels` describe.
    pub fn new(registry: &MetricRegistry, labels: Labels) -> Self {
        OperatorMetrics {
            records_in: registry.counter("numRecordsIn", &labels),
            records_out: registry.counter("numRecordsOut", &labels),
            late_records_dropped: registry.counter("numLateRecordsDropped", &labels),
            registry: registry.clone(),
            labels,
        }
    }

    /// A counter of the user's.
    pub fn counter(&self, name: &str) -> Counter {
        self.registry.counter(name, &self.labels)
    }

    /// A gauge of the user's.
    pub fn gauge(&self, name: &str) -> Gauge {
        self.registry.gauge(name, &self.labels)
    }
}
