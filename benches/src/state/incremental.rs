//! A checkpoint on RocksDB after one key in a hundred has changed: the bytes that it writes, in percent of the state, and
//! the stream's throughput meanwhile. `--scale 100` is 10 GB of state.

use super::accounts::{self, ACCOUNT_BYTES};
use super::held::Held;
use crate::bench::{Bench, Case, Failure};
use crate::child::{self, Run, Sample};
use crate::engine::numbers::mix;
use crate::report::{Bar, Line, median};
use flott::prelude::*;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const CASE: Case = Case {
    name: "incremental",
    about: "bytes of a checkpoint on rocksdb after 1 % of 100 MB has changed; at most 3 % of them, at 0.9 x the throughput",
    measure,
    child,
};

const STATE_BYTES: u64 = 100_000_000;
const BAR_PERCENT: f64 = 3.0;
const BAR_THROUGHPUT: f64 = 0.9;
const INTERVAL: Duration = Duration::from_secs(5);
/// One in so many keys changes.
const CHANGED: u64 = 100;
/// Checkpoints that are measured. Now and then a compaction makes new files of old ones, and the next checkpoint has
/// those too.
const CHECKPOINTS: usize = 12;

fn measure(bench: &Bench) -> Result<Line, Failure> {
    let keys = bench.records(STATE_BYTES / ACCOUNT_BYTES).max(CHANGED);
    let [samples] = bench.in_turns([Run::new(CASE.name, "rocksdb").with("keys", keys)])?;
    let middle = |of: fn(&Sample) -> f64| median(samples.iter().map(of));
    Ok(Line::new(middle(|sample| sample.value), "% of the state's bytes", Bar::AtMost(BAR_PERCENT))
        .and("throughput, times of that without", middle(|sample| sample.beside[0]), Bar::AtLeast(BAR_THROUGHPUT))
        .with_peer("state MB", middle(|sample| sample.beside[1]))
        .with_peer("mean %", middle(|sample| sample.beside[2]))
        .with_peer("ms", middle(|sample| sample.beside[3])))
}

fn child(run: &Run) -> Result<Sample, Failure> {
    let keys = run.number("keys")?;
    let folder = tempfile::tempdir()?;
    let checkpoints = folder.path().display().to_string();
    let env = accounts::on("rocksdb", 1, keys, &checkpoints, Some(INTERVAL))?;
    let (held, some) = (Arc::new(Held::default()), (keys / CHANGED).max(1));
    let of_sink = held.clone();
    let numbers = env.datagen(move |n| if n < keys { n } else { mix(n) % some * CHANGED }, DataGenOptions::new());
    accounts::count(numbers).for_each(move |_| of_sink.record());
    let mut state_bytes = 0.0;
    let sample = child::measure(|| {
        let job = env.execute_async("incremental")?;
        accounts::wait(&job, || accounts::counted(&job) > keys)?;
        held.watch(&job, CHECKPOINTS)?;
        state_bytes = job.metric("lastCheckpointFullSize") as f64;
        job.cancel();
        job.wait()?;
        Ok(accounts::counted(&job))
    })?;
    let percent = |bytes: f64| 100.0 * bytes / state_bytes;
    let bytes = held.all(|checkpoint| checkpoint.bytes);
    let mb: Vec<String> = bytes.iter().map(|bytes| format!("{:.2}", bytes / 1e6)).collect();
    eprintln!("incremental: {} MB", mb.join(", "));
    let mean = bytes.iter().sum::<f64>() / bytes.len() as f64;
    let ms = held.median(|checkpoint| checkpoint.duration_ms);
    let beside = vec![held.ratio(), state_bytes / 1e6, percent(mean), ms];
    Ok(Sample { value: percent(median(bytes)), beside, ..sample })
}
