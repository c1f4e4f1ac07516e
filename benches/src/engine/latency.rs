//! How long a record takes from source to sink through a `key_by`, at 50,000 records a second, with no option set.
//!
//! A record carries the time at which the source has made it. What the source could not make in time would not be seen
//! that way, so a run in which it falls behind the rate does not count.

use super::numbers::{key, mix};
use crate::bench::{Bench, Case, Failure};
use crate::child::{self, Run, Sample};
use crate::report::{Bar, Line, median};
use flott::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub(crate) const CASE: Case = Case {
    name: "latency",
    about: "source to sink through a key_by at 50 k records a second, 99th percentile; below 2 ms",
    measure,
    child,
};

const RATE: u64 = 50_000;
const SECONDS: f64 = 10.0;
/// The first second is that of a cold cache.
const WARM_UP: u64 = RATE;
const BAR_MS: f64 = 2.0;
/// A bucket of the histogram is a microsecond; the last one takes all that is longer.
const BUCKETS: usize = 100_000;

static HISTOGRAM: [AtomicU64; BUCKETS] = [const { AtomicU64::new(0) }; BUCKETS];

fn measure(bench: &Bench) -> Result<Line, Failure> {
    let records = bench.records((SECONDS * RATE as f64) as u64).max(2 * WARM_UP);
    let [samples] = bench.in_turns([Run::new("latency", "flott").with("records", records)])?;
    if let Some(slow) = samples.iter().find(|sample| sample.wall_s > 1.05 * records as f64 / RATE as f64) {
        return Err(format!("{records} records took {:.1} s, which is not {RATE} a second", slow.wall_s).into());
    }
    Ok(Line::new(median(samples.iter().map(|sample| sample.value)), "ms", Bar::Below(BAR_MS)))
}

fn child(run: &Run) -> Result<Sample, Failure> {
    let records = run.number("records")?;
    let start = Instant::now();
    let env = StreamExecutionEnvironment::get_execution_environment()?;
    let options = DataGenOptions::new().with_count(records).with_rate_per_second(RATE as f64);
    env.datagen(move |n| (n, key(mix(n), 1000), start.elapsed()), options)
        .key_by(|record| record.1)
        .map_with_state(|(n, _, made), count: &mut Option<u64>| {
            let count = count.get_or_insert(0);
            *count += 1;
            (n, *count, made)
        })
        .for_each(move |(n, _, made): (u64, u64, Duration)| {
            if n >= WARM_UP {
                let micros = (start.elapsed() - made).as_micros();
                let bucket = usize::try_from(micros).unwrap_or(BUCKETS).min(BUCKETS - 1);
                HISTOGRAM[bucket].fetch_add(1, Ordering::Relaxed);
            }
        });
    let sample = child::measure(|| {
        env.execute("latency")?;
        Ok(records)
    })?;
    let [p50, p99, p999, max] = [0.5, 0.99, 0.999, 1.0].map(percentile_ms);
    eprintln!("latency: p50 {p50} ms, p99 {p99} ms, p99.9 {p999} ms, largest {max} ms");
    Ok(Sample { value: p99, ..sample })
}

/// The latency that a part of all records does not exceed.
fn percentile_ms(part: f64) -> f64 {
    let count = |bucket: &AtomicU64| bucket.load(Ordering::Relaxed);
    let all: u64 = HISTOGRAM.iter().map(count).sum();
    let mut left = (all as f64 * part).ceil() as u64;
    for (micros, bucket) in HISTOGRAM.iter().enumerate() {
        left = left.saturating_sub(count(bucket));
        if left == 0 {
            return (micros + 1) as f64 / 1000.0;
        }
    }
    f64::NAN
}
