//! One line on the terminal while a job runs: what has come in, what has gone out, how fast.

use flott_api::metrics::{Metric, MetricRegistry};
use flott_env::Env;
use std::io::{IsTerminal, Write};
use std::time::Duration;

const PERIOD: Duration = Duration::from_millis(500);

/// Waits for `work` and shows the job's progress meanwhile, if standard error is a terminal.
pub(crate) async fn show_while<T>(env: &Env, job: &str, metrics: &MetricRegistry, work: impl Future<Output = T>) -> T {
    if !std::io::stderr().is_terminal() {
        return work.await;
    }
    let mut work = std::pin::pin!(work);
    let start = env.elapsed();
    let mut shown = false;
    loop {
        match env.timeout(PERIOD, work.as_mut()).await {
            Some(done) => {
                if shown {
                    line("");
                }
                return done;
            }
            None => {
                let seconds = env.elapsed().saturating_sub(start).as_secs_f64();
                let (records_in, records_out) = (source_rows(metrics, job), sink_rows(metrics, job));
                line(&format!(
                    "{job}: {records_in} read, {records_out} written, {seconds:.0} s, {:.0} records/s",
                    records_in as f64 / seconds
                ));
                shown = true;
            }
        }
    }
}

fn line(text: &str) {
    // A terminal that is gone is no reason to stop the job.
    let _ = write!(std::io::stderr(), "\r\x1b[K{text}");
    let _ = std::io::stderr().flush();
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
