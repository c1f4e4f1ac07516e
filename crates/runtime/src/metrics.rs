//! What a task measures of itself, by Flink's names.

mod hot_keys;

pub(crate) use hot_keys::HotKeyGauges;

use flott_api::TaskInfo;
use flott_api::control::CheckpointTimes;
use flott_api::metrics::{Counter, Gauge, Labels, MetricRegistry, OperatorMetrics};
use flott_core::ProcessingTime;
use flott_env::Env;
use std::pin::pin;
use std::time::Duration;

/// How often shares of time are brought up to date.
const PERIOD: Duration = Duration::from_secs(1);

/// Less than this in a period shows as nothing.
const UNSEEN: Duration = Duration::from_micros(500);

/// The metrics of an operator.
pub(crate) fn operator_metrics(registry: &MetricRegistry, info: &TaskInfo, task_name: &str) -> OperatorMetrics {
    OperatorMetrics::new(registry, labels(info, task_name, true))
}

/// The metrics of an operator's hot keys, of which there are none yet.
pub(crate) fn hot_key_gauges(registry: &MetricRegistry, info: &TaskInfo, task_name: &str) -> HotKeyGauges {
    HotKeyGauges::new(registry, labels(info, task_name, true))
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
    /// Whether there are keys that may have to go although nothing happens.
    pub(crate) shows_hot_keys: bool,
    /// Whether a period is over and what the task has to look up itself does not show it yet.
    is_unmeasured: bool,
    period_start: Duration,
    /// When the period is over by the clock.
    period_end: ProcessingTime,
    busy_time: Duration,
    backpressured_time: Duration,
    /// Since when others hold the task up, as far as it has not been counted.
    held_since: Option<Duration>,
    start_delay_ns: Gauge,
    alignment_ns: Gauge,
}

impl TaskMetrics {
    pub(crate) fn new(registry: &MetricRegistry, info: &TaskInfo, task_name: &str, env: &Env) -> Self {
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
            shows_hot_keys: false,
            is_unmeasured: false,
            period_start: env.elapsed(),
            period_end: end_of_period(env.now()),
            busy_time: Duration::ZERO,
            backpressured_time: Duration::ZERO,
            held_since: None,
            start_delay_ns: registry.gauge("checkpointStartDelayNanos", &labels),
            alignment_ns: registry.gauge("checkpointAlignmentTime", &labels),
        };
        metrics.watermark.set(i64::MIN);
        metrics
    }

    /// From now on the meters of an operator are kept up to date too.
    pub(crate) fn watch(&mut self, operator: &OperatorMetrics) {
        self.operators.push(operator.clone());
    }

    /// A step of work has taken so long.
    pub(crate) fn worked(&mut self, time: Duration) {
        self.busy_time += time;
    }

    /// The task has taken part in a checkpoint.
    pub(crate) fn on_checkpoint(&self, times: &CheckpointTimes) {
        self.start_delay_ns.set(nanos(times.start_delay));
        self.alignment_ns.set(nanos(times.alignment));
    }

    /// The task looks whether others still hold it up. The time until now counts if they did.
    pub(crate) fn was_held_up(&mut self, now: Duration, clock: ProcessingTime) {
        if let Some(since) = &mut self.held_since {
            self.backpressured_time += now.saturating_sub(std::mem::replace(since, now));
            self.roll(now, clock);
        }
    }

    /// Whether others hold the task up from now on.
    pub(crate) fn set_held_up(&mut self, is_held_up: bool, now: Duration) {
        self.held_since = is_held_up.then_some(now);
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
            let held = now.saturating_sub(seen);
            self.backpressured_time += held;
            seen = now;
            match done {
                Some(done) => return (done, now.saturating_sub(started)),
                None => self.roll(now, env.now()),
            };
        }
    }

    /// When the gauges have to be brought up to date although nothing has happened: unless they say that the task does
    /// nothing, and it does nothing; hot keys have to go meanwhile.
    pub(crate) fn next_wakeup(&self) -> Option<ProcessingTime> {
        let is_at_rest = self.idle.get() == 1000 && self.busy_time + self.backpressured_time < UNSEEN;
        let is_at_rest = is_at_rest && !self.shows_hot_keys;
        (!is_at_rest).then_some(self.period_end)
    }

    /// If a period is over, the gauges show it now.
    pub(crate) fn roll(&mut self, now: Duration, clock: ProcessingTime) {
        let period = now.saturating_sub(self.period_start);
        if period < PERIOD {
            return;
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
        self.period_end = end_of_period(clock);
        self.busy_time = Duration::ZERO;
        self.backpressured_time = Duration::ZERO;
        self.is_unmeasured = true;
    }

    /// Whether a period is over since this was asked last: state is to be measured.
    pub(crate) fn take_unmeasured(&mut self) -> bool {
        std::mem::take(&mut self.is_unmeasured)
    }
}

fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

/// The clock counts whole milliseconds, so the end is a millisecond later.
fn end_of_period(start: ProcessingTime) -> ProcessingTime {
    start.plus(PERIOD + Duration::from_millis(1))
}
