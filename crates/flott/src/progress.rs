//! One line on the terminal while a bounded job runs and its program waits: what has come in, what has gone out, how
//! fast. Logs on the same terminal go above it.

use flott_api::metrics::{Metric, MetricRegistry};
use flott_env::Env;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const PERIOD: Duration = Duration::from_millis(500);
/// Back to the start of the line, and nothing in it.
const CLEAR: &str = "\r\x1b[K";

/// Whether there is a line on the terminal.
static SHOWN: AtomicBool = AtomicBool::new(false);

/// The progress of a job.
pub(crate) struct ProgressLine {
    env: Env,
    job: String,
    metrics: MetricRegistry,
    is_wanted: bool,
    start: Duration,
    /// When it was last drawn.
    drawn: Mutex<Duration>,
}

impl ProgressLine {
    /// The line of a job that starts now. Nothing is ever shown for jobs without end, or if standard error is no
    /// terminal.
    pub(crate) fn new(env: &Env, job: &str, metrics: &MetricRegistry, is_bounded: bool) -> Self {
        let start = env.elapsed();
        ProgressLine {
            env: env.clone(),
            job: job.to_owned(),
            metrics: metrics.clone(),
            is_wanted: is_bounded && io::stderr().is_terminal(),
            start,
            drawn: Mutex::new(start),
        }
    }

    /// Waits for `work` and shows the line meanwhile.
    pub(crate) async fn show_while<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            match self.env.timeout(PERIOD, work.as_mut()).await {
                Some(done) => return done,
                None => self.draw(),
            }
        }
    }

    /// Draws the line if it was not drawn lately.
    pub(crate) fn draw(&self) {
        let now = self.env.elapsed();
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_wanted || now.saturating_sub(*drawn) < PERIOD {
            return;
        }
        *drawn = now;
        let seconds = now.saturating_sub(self.start).as_secs_f64();
        let (read, written) = (source_rows(&self.metrics, &self.job), sink_rows(&self.metrics, &self.job));
        SHOWN.store(true, Ordering::Relaxed);
        // A terminal that is gone is no reason to stop the job.
        let _ = write!(
            io::stderr(),
            "{CLEAR}{}: {read} read, {written} written, {seconds:.0} s, {:.0} records/s",
            self.job,
            read as f64 / seconds
        );
        let _ = io::stderr().flush();
    }
}

/// Takes the line away, if there is one, so that something else can be written.
pub(crate) fn clear() {
    if SHOWN.swap(false, Ordering::Relaxed) {
        let _ = write!(io::stderr(), "{CLEAR}");
    }
}

/// Standard error for logs: they take the place of the line, which comes again below them.
pub(crate) fn log_writer() -> io::Stderr {
    clear();
    io::stderr()
}

fn source_rows(metrics: &MetricRegistry, job: &str) -> u64 {
    rows(metrics, job, "numRecordsOut", "Source: ")
}

fn sink_rows(metrics: &MetricRegistry, job: &str) -> u64 {
    rows(metrics, job, "numRecordsIn", "Sink: ")
}

fn rows(metrics: &MetricRegistry, job: &str, name: &str, operator: &str) -> u64 {
    let mut sum = 0;
    metrics.for_each(|metric, labels, value| {
        let has = |label: &str, check: &dyn Fn(&str) -> bool| labels.iter().any(|(l, v)| *l == label && check(v));
        let is_wanted = has("job_name", &|v| v == job) && has("operator_name", &|v| v.starts_with(operator));
        if let (Metric::Counter(counter), true) = (value, is_wanted && metric == name) {
            sum += counter.get();
        }
    });
    sum
}
