//! What a task measures of itself, by Flink's names.

use flott_api::TaskInfo;
use flott_api::metrics::{Counter, Gauge, Labels, MetricRegistry, OperatorMetrics};
use flott_core::ProcessingTime;
use flott_env::Env;
use std::pin::pin;
use std::time::Duration;

/// How often shares of time are brought up to date.
const PERIOD: Duration = Duration::from_secs(1);

/// The labels of an operator's metrics.
pub(crate) fn operator_metrics(registry: &MetricRegistry, info: &TaskInfo, task_name: &str) -> OperatorMetrics {
    OperatorMetrics::new(registry, labels(info, task_name, true))
}

fn labels(info: &TaskInfo, task_name: &str, operator: bool) -> Labels {
    let mut labels = vec![
        ("job_name", info.job_name.to_string()),
        ("task_name", task_name.to_owned()),
        ("subtask_index", info.subtask.to_string()),
    ];
    if operator {
        labels.push(("operator_name", info.operator_name.to_string()));
    }
    labels.into()
}

/// How a task spends its time, and how far its event time is.
pub(crate) struct TaskMetrics {
    busy: Gauge,
    idle: Gauge,
    backpressured: Gauge,
    pub(crate) watermark: Gauge,
    pub(crate) bytes_in: Counter,
    pub(crate) bytes_out: Counter,
    /// How far event time is behind the clock, in ms.
    watermark_lag: Gauge,
    operators: Vec<OperatorMetrics>,
    pub(crate) state_bytes: Gauge,
    pub(crate) state_entries: Gauge,
    pub(crate) sort_bytes: Gauge,
    pub(crate) spilled_bytes: Gauge,
    period_start: Duration,
    busy_time: Duration,
    backpressured_time: Duration,
}

impl TaskMetrics {
    pub(crate) fn new(registry: &MetricRegistry, info: &TaskInfo, task_name: &str, now: Duration) -> Self {
        let labels = labels(info, task_name, false);
        let metrics = TaskMetrics {
            busy: registry.gauge("busyTimeMsPerSecond", &labels),
            idle: registry.gauge("idleTimeMsPerSecond", &labels),
            backpressured: registry.gauge("backPressuredTimeMsPerSecond", &labels),
            watermark: registry.gauge("currentInputWatermark", &labels),
            bytes_in: registry.counter("numBytesIn", &labels),
            bytes_out: registry.counter("numBytesOut", &labels),
            watermark_lag: registry.gauge("watermarkLag", &labels),
            operators: Vec::new(),
            state_bytes: registry.gauge("stateSizeBytes", &labels),
            state_entries: registry.gauge("stateEntries", &labels),
            sort_bytes: registry.gauge("sortBufferBytes", &labels),
            spilled_bytes: registry.gauge("spilledBytes", &labels),
            period_start: now,
            busy_time: Duration::ZERO,
            backpressured_time: Duration::ZERO,
        };
        metrics.watermark.set(i64::MIN);
        metrics
    }

    /// From now on the meters of an operator are kept up to date too.
    pub(crate) fn watch(&mut self, operator: &OperatorMetrics) {
        self.operators.push(operator.clone());
    }

    pub(crate) fn worked(&mut self, time: Duration) {
        self.busy_time += time;
    }

    /// Waits for `flushed`, whose task is held back by others until it is done. If that takes long it shows meanwhile.
    /// Returns how long it has taken too.
    pub(crate) async fn hold_back<T>(&mut self, env: &Env, flushed: impl Future<Output = T>) -> (T, Duration) {
        let started = env.elapsed();
        let mut seen = started;
        let mut flushed = pin!(flushed);
        loop {
            let done = env.timeout(PERIOD, flushed.as_mut()).await;
            let now = env.elapsed();
            self.backpressured_time += now.saturating_sub(seen);
            seen = now;
            match done {
                Some(done) => return (done, now.saturating_sub(started)),
                None => self.roll(now, env.now()),
            };
        }
    }

    /// Whether a period is over, in which case the gauges now show it.
    pub(crate) fn roll(&mut self, now: Duration, clock: ProcessingTime) -> bool {
        let period = now.saturating_sub(self.period_start);
        if period < PERIOD {
            return false;
        }
        let per_second = |time: Duration| (time.as_secs_f64() / period.as_secs_f64() * 1000.0).round() as i64;
        let (busy, backpressured) = (per_second(self.busy_time), per_second(self.backpressured_time));
        self.busy.set(busy);
        self.backpressured.set(backpressured);
        self.idle.set((1000 - busy - backpressured).max(0));
        for operator in &self.operators {
            operator.roll(period.as_secs_f64());
        }
        // Before the first watermark and after the last there is no lag to speak of.
        let watermark = self.watermark.get();
        if watermark != i64::MIN && watermark != i64::MAX {
            self.watermark_lag.set(clock.0.saturating_sub(watermark));
        }
        self.period_start = now;
        self.busy_time = Duration::ZERO;
        self.backpressured_time = Duration::ZERO;
        true
    }
}
