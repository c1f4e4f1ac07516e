//! Counters, gauges, meters and histograms, and the registry that reporters read.
//!
//! A counter or gauge is an atomic that its owner writes once per batch and a reporter reads whenever it likes.

mod histogram;

pub use histogram::Histogram;

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

/// How often something happens: a counter whose growth per second is shown, brought up to date once a second.
#[derive(Clone, Debug)]
pub struct Meter {
    count: Counter,
    per_second: Gauge,
    /// The count when the rate was last taken.
    last: Arc<AtomicU64>,
}

impl Meter {
    fn new(count: Counter, per_second: Gauge) -> Self {
        Meter { count, per_second, last: Arc::default() }
    }

    /// It has happened once.
    #[inline]
    pub fn mark_event(&self) {
        self.count.increment();
    }

    /// It has happened `n` times.
    #[inline]
    pub fn mark_events(&self, n: u64) {
        self.count.add(n);
    }

    /// How often it has happened.
    pub fn count(&self) -> u64 {
        self.count.get()
    }

    /// How often it happened per second, when last measured.
    pub fn rate(&self) -> i64 {
        self.per_second.get()
    }

    fn roll(&self, seconds: f64) {
        let now = self.count.get();
        let last = self.last.swap(now, Ordering::Relaxed);
        self.per_second.set((now.saturating_sub(last) as f64 / seconds).round() as i64);
    }
}

/// A registered metric.
#[derive(Clone, Debug)]
pub enum Metric {
    /// A counter.
    Counter(Counter),
    /// A gauge.
    Gauge(Gauge),
    /// A histogram.
    Histogram(Histogram),
}

impl Metric {
    /// The metric as one number: of a histogram its count.
    pub fn value(&self) -> i64 {
        match self {
            Metric::Counter(counter) => counter.get() as i64,
            Metric::Gauge(gauge) => gauge.get(),
            Metric::Histogram(histogram) => histogram.count() as i64,
        }
    }
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
        match self.metric(name, labels, || Metric::Counter(Counter::default())) {
            Metric::Counter(counter) => counter,
            _ => Counter::default(),
        }
    }

    /// The gauge of this name and these labels, made if there is none.
    pub fn gauge(&self, name: &str, labels: &Labels) -> Gauge {
        match self.metric(name, labels, || Metric::Gauge(Gauge::default())) {
            Metric::Gauge(gauge) => gauge,
            _ => Gauge::default(),
        }
    }

    /// The histogram of this name and these labels, made if there is none.
    pub fn histogram(&self, name: &str, labels: &Labels) -> Histogram {
        match self.metric(name, labels, || Metric::Histogram(Histogram::default())) {
            Metric::Histogram(histogram) => histogram,
            _ => Histogram::default(),
        }
    }

    fn metric(&self, name: &str, labels: &Labels, make: impl FnOnce() -> Metric) -> Metric {
        let mut metrics = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        metrics.entry((name.into(), labels.clone())).or_insert_with(make).clone()
    }

    /// Removes a metric, whose owner has nothing to say any more.
    pub fn remove(&self, name: &str, labels: &Labels) {
        let mut metrics = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        metrics.remove(&(name.into(), labels.clone()));
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
                sum += metric.value();
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
    /// `currentOutputWatermark`.
    pub output_watermark: Gauge,
    meters: Arc<Mutex<Vec<Meter>>>,
}

impl OperatorMetrics {
    /// The metrics of the operator that `labels` describe.
    pub fn new(registry: &MetricRegistry, labels: Labels) -> Self {
        let metrics = OperatorMetrics {
            records_in: registry.counter("numRecordsIn", &labels),
            records_out: registry.counter("numRecordsOut", &labels),
            late_records_dropped: registry.counter("numLateRecordsDropped", &labels),
            output_watermark: registry.gauge("currentOutputWatermark", &labels),
            meters: Arc::default(),
            registry: registry.clone(),
            labels,
        };
        metrics.output_watermark.set(i64::MIN);
        metrics.measure(metrics.records_in.clone(), "numRecordsInPerSecond");
        metrics.measure(metrics.records_out.clone(), "numRecordsOutPerSecond");
        metrics
    }

    /// A counter of the user's.
    pub fn counter(&self, name: &str) -> Counter {
        self.registry.counter(name, &self.labels)
    }

    /// A gauge of the user's.
    pub fn gauge(&self, name: &str) -> Gauge {
        self.registry.gauge(name, &self.labels)
    }

    /// A histogram of the user's.
    pub fn histogram(&self, name: &str) -> Histogram {
        self.registry.histogram(name, &self.labels)
    }

    /// A meter of the user's: what is shown is the rate. A new one counts from zero.
    pub fn meter(&self, name: &str) -> Meter {
        self.measure(Counter::default(), name)
    }

    fn measure(&self, count: Counter, name: &str) -> Meter {
        let meter = Meter::new(count, self.gauge(name));
        self.meters.lock().unwrap_or_else(PoisonError::into_inner).push(meter.clone());
        meter
    }

    /// Brings the meters up to date: so many seconds have passed since they last were.
    pub fn roll(&self, seconds: f64) {
        for meter in self.meters.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            meter.roll(seconds);
        }
    }
}
