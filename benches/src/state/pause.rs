//! How the stream goes on while a checkpoint of state on the heap is taken: the keyed count with 10 M keys, of which one
//! in a hundred changes between two checkpoints.
//!
//! What is measured is the CPU time of the slot's thread, so that other programs on the machine do not count.

use super::accounts;
use crate::bench::{Bench, Case, Failure};
use crate::child::{self, Run, Sample};
use crate::engine::numbers::{environment, mix};
use crate::report::{Bar, Line, median};
use flott::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub(crate) const CASE: Case = Case {
    name: "pause",
    about: "throughput during a checkpoint of 10 M keys on the heap, 1 % of them changed; at least half of that without",
    measure,
    child,
};

const KEYS: u64 = 10_000_000;
const BAR: f64 = 0.5;
const INTERVAL: Duration = Duration::from_secs(2);
/// One in so many keys changes.
const CHANGED: u64 = 100;
/// After so many records the clock is read.
const PROBE: u64 = 1024;
const MEASURED: Duration = Duration::from_secs(20);

fn measure(bench: &Bench) -> Result<Line, Failure> {
    let [samples] = bench.in_turns([Run::new(CASE.name, "hashmap").with("keys", bench.records(KEYS))])?;
    let ratio = median(samples.iter().map(|sample| sample.value));
    let pause = median(samples.iter().map(|sample| sample.beside));
    Ok(Line::new(ratio, "x the throughput without a checkpoint", Bar::AtLeast(BAR))
        .with_peer("longest pause ms", pause))
}

/// What the slot's thread has done while there was a checkpoint and while there was none: records, CPU time in ns, and
/// the longest time between two probes.
#[derive(Default)]
struct Seen {
    is_measured: AtomicBool,
    is_checkpoint: AtomicBool,
    /// Records so far, CPU time at the last probe.
    last: (AtomicU64, AtomicU64),
    /// Without a checkpoint, and during one.
    records: [AtomicU64; 2],
    cpu_ns: [AtomicU64; 2],
    longest_ns: AtomicU64,
}

impl Seen {
    fn record(&self) {
        let n = self.last.0.fetch_add(1, Ordering::Relaxed);
        if !n.is_multiple_of(PROBE) {
            return;
        }
        let now = thread_cpu_ns();
        let took = now.saturating_sub(self.last.1.swap(now, Ordering::Relaxed));
        if self.is_measured.load(Ordering::Relaxed) {
            let during = usize::from(self.is_checkpoint.load(Ordering::Relaxed));
            self.records[during].fetch_add(PROBE, Ordering::Relaxed);
            self.cpu_ns[during].fetch_add(took, Ordering::Relaxed);
            self.longest_ns.fetch_max(took, Ordering::Relaxed);
        }
    }

    fn throughput(&self, during: usize) -> f64 {
        self.records[during].load(Ordering::Relaxed) as f64 / self.cpu_ns[during].load(Ordering::Relaxed).max(1) as f64
    }
}

/// CPU time of this thread in ns.
fn thread_cpu_ns() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split_whitespace().next().and_then(|ns| ns.parse().ok()).unwrap_or(0)
}

fn child(run: &Run) -> Result<Sample, Failure> {
    let keys = run.number("keys")?;
    let folder = tempfile::tempdir()?;
    let env = environment(1)?;
    env.enable_checkpointing(INTERVAL);
    env.configure("execution.checkpointing.dir", folder.path().display().to_string());
    let (seen, some) = (Arc::new(Seen::default()), (keys / CHANGED).max(1));
    let of_sink = seen.clone();
    env.datagen(move |n| if n < keys { n } else { mix(n) % some * CHANGED }, DataGenOptions::new())
        .key_by(|key| *key)
        .map_with_state(|_, count: &mut Option<u64>| {
            let count = count.get_or_insert(0);
            *count += 1;
            *count
        })
        .name("count")
        .for_each(move |_| of_sink.record());
    let sample = child::measure(|| {
        let job = env.execute_async("pause")?;
        accounts::wait(&job, || accounts::counted(&job) > keys)?;
        // One may be under way that does not hold all keys yet, and the next one does.
        let first = job.metric("lastCompletedCheckpointId") + 2;
        accounts::wait(&job, || job.metric("lastCompletedCheckpointId") >= first)?;
        let start = Instant::now();
        seen.is_measured.store(true, Ordering::Relaxed);
        accounts::wait(&job, || {
            seen.is_checkpoint.store(job.metric("numberOfInProgressCheckpoints") > 0, Ordering::Relaxed);
            start.elapsed() > MEASURED
        })?;
        seen.is_measured.store(false, Ordering::Relaxed);
        job.cancel();
        job.wait()?;
        Ok(accounts::counted(&job))
    })?;
    let longest_ms = seen.longest_ns.load(Ordering::Relaxed) as f64 / 1e6;
    Ok(Sample { value: seen.throughput(1) / seen.throughput(0), beside: longest_ms, ..sample })
}
