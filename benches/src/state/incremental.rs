//! What a checkpoint on RocksDB writes while one key in a hundred changes between two of them, against one that holds
//! everything: bytes and time. `--scale 100` is 10 GB of state.

use super::accounts::{self, ACCOUNT_BYTES};
use crate::bench::{Bench, Case, Failure};
use crate::child::{self, Run, Sample};
use crate::engine::numbers::numbers;
use crate::report::{Bar, Line, median};
use flott::prelude::*;
use std::time::Duration;

pub(crate) const CASE: Case = Case {
    name: "incremental",
    about: "bytes of a checkpoint on rocksdb after 1 % of 100 MB has changed; at most 5 % of a full one",
    measure,
    child,
};

const STATE_BYTES: u64 = 100_000_000;
const BAR_PERCENT: f64 = 5.0;
const INTERVAL: Duration = Duration::from_secs(2);
/// One in so many keys changes.
const CHANGED: u64 = 100;
/// Checkpoints that are measured. All keys that change come once or twice between two of them.
const CHECKPOINTS: usize = 12;

fn measure(bench: &Bench) -> Result<Line, Failure> {
    let keys = bench.records(STATE_BYTES / ACCOUNT_BYTES).max(CHANGED);
    let run = |engine| Run::new(CASE.name, engine).with("keys", keys);
    let [full, changes] = bench.in_turns([run("full"), run("changes")])?;
    let percent = median(full.iter().zip(&changes).map(|(full, changes)| 100.0 * changes.value / full.value));
    let mb = |samples: &[Sample]| median(samples.iter().map(|sample| sample.value / 1e6));
    let ms = |samples: &[Sample]| median(samples.iter().map(|sample| sample.beside));
    Ok(Line::new(percent, "% of a full checkpoint's bytes", Bar::AtMost(BAR_PERCENT))
        .with_peer("full MB", mb(&full))
        .with_peer("full ms", ms(&full))
        .with_peer("changes MB", mb(&changes))
        .with_peer("changes ms", ms(&changes)))
}

/// The bytes of a checkpoint, and beside that its milliseconds: those in the middle. Now and then a compaction makes new
/// files of old ones, and the next checkpoint has those too.
fn child(run: &Run) -> Result<Sample, Failure> {
    let keys = run.number("keys")?;
    let folder = tempfile::tempdir()?;
    if run.engine == "full" {
        // The last checkpoint of a job, and its only one.
        let env = accounts::on("rocksdb", 1, keys, folder.path(), Some(Duration::from_secs(100_000)))?;
        accounts::count(numbers(&env, keys)).blackhole();
        let mut sample = Sample::default();
        let measured = child::measure(|| {
            let job = env.execute_async("full")?;
            job.wait()?;
            sample = last(&job);
            Ok(keys)
        })?;
        return Ok(Sample { value: sample.value, beside: sample.beside, ..measured });
    }
    let env = accounts::on("rocksdb", 1, keys, folder.path(), Some(INTERVAL))?;
    let some = (keys / CHANGED).max(1);
    let rate = DataGenOptions::new().with_rate_per_second(some as f64);
    let changes = env.datagen(move |n| n % some * CHANGED, rate);
    accounts::count(numbers(&env, keys).union([&changes])).blackhole();
    let mut taken = Vec::new();
    let sample = child::measure(|| {
        let job = env.execute_async("changes")?;
        accounts::wait(&job, || accounts::counted(&job) > keys)?;
        // One may be under way that does not hold all keys yet, and the next one does.
        let mut seen = job.metric("lastCompletedCheckpointId") + 2;
        accounts::wait(&job, || {
            let id = job.metric("lastCompletedCheckpointId");
            if id > seen {
                seen = id;
                taken.push(last(&job));
            }
            taken.len() >= CHECKPOINTS
        })?;
        job.cancel();
        job.wait()?;
        Ok(accounts::counted(&job))
    })?;
    let mb: Vec<String> = taken.iter().map(|sample| format!("{:.2}", sample.value / 1e6)).collect();
    eprintln!("incremental: {} MB", mb.join(", "));
    let middle = |of: fn(&Sample) -> f64| median(taken.iter().map(of));
    Ok(Sample { value: middle(|sample| sample.value), beside: middle(|sample| sample.beside), ..sample })
}

/// Bytes that the last checkpoint has written, and its time.
fn last(job: &JobClient) -> Sample {
    let (bytes, ms) = (job.metric("lastCheckpointSize"), job.metric("lastCheckpointDuration"));
    Sample { value: bytes as f64, beside: ms as f64, ..Sample::default() }
}
