//! How fast a job goes on that is restored from a checkpoint on RocksDB: seconds from the start of the process to the first
//! output, with as many subtasks as before and with twice as many. `--scale 100` is 10 GB, `--checkpoints URL` puts the
//! checkpoint into an object store, such as `s3://bucket/folder` (its server by the environment: `AWS_ENDPOINT` and so on).

use super::accounts::{self, ACCOUNT_BYTES};
use crate::bench::{Bench, Case, Failure};
use crate::child::{Run, Sample};
use crate::engine::numbers::key;
use crate::report::{Bar, Line, median};
use flott::prelude::*;
use std::sync::Once;
use std::time::Duration;

pub(crate) const CASE: Case = Case {
    name: "restore_rocksdb",
    about: "process start to first output of a job on rocksdb with 100 MB; less than 5 s",
    measure,
    child,
};

const STATE_BYTES: u64 = 100_000_000;
const BAR_S: f64 = 5.0;
const INTERVAL: Duration = Duration::from_secs(2);
const SLOTS: u64 = 1;
const FIRST_OUTPUT: &str = "first output";

fn measure(bench: &Bench) -> Result<Line, Failure> {
    let folder = tempfile::tempdir()?;
    let keys = bench.records(STATE_BYTES / ACCOUNT_BYTES);
    let run = |engine, slots| {
        Run::new(CASE.name, engine)
            .with("keys", keys)
            .with("slots", slots)
            .with("checkpoints", bench.checkpoints.clone().unwrap_or_else(|| folder.path().display().to_string()))
    };
    let mb = run("prepare", SLOTS).start()?.value / 1e6;
    let (mut same, mut twice) = (Vec::new(), Vec::new());
    for _ in 0..bench.runs.max(1) {
        for (slots, times_s) in [(SLOTS, &mut same), (2 * SLOTS, &mut twice)] {
            let mut restored = run("restore", slots).spawn()?;
            let line = restored.line(|line| line.starts_with(FIRST_OUTPUT))?;
            let seconds = restored.elapsed().as_secs_f64();
            let count: u64 = line.trim_start_matches(FIRST_OUTPUT).trim().parse()?;
            if count < 2 {
                return Err("the first key has been counted once: nothing was restored".into());
            }
            eprintln!("restore_rocksdb: {mb:.0} MB on {slots} slots, first output after {seconds:.2} s");
            times_s.push(seconds);
        }
    }
    let seconds = median(same);
    Ok(Line::new(seconds, "s", Bar::Below(BAR_S))
        .with_peer("twice the subtasks", median(twice))
        .with_peer("MB", mb)
        .with_peer("MB/s", mb / seconds))
}

fn child(run: &Run) -> Result<Sample, Failure> {
    let (keys, slots, checkpoints) = (run.number("keys")?, run.number("slots")?, run.text("checkpoints")?);
    if run.engine == "restore" {
        let env = accounts::on("rocksdb", slots, keys, checkpoints, None)?;
        env.configure("execution.state-recovery.path", "latest");
        build(&env, keys, |count| println!("{FIRST_OUTPUT} {count}"));
        // The parent has seen enough as soon as there is output, and kills this process.
        env.execute("restore")?;
        return Ok(Sample::default());
    }
    let env = accounts::on("rocksdb", slots, keys, checkpoints, Some(INTERVAL))?;
    build(&env, keys, |_| ());
    let job = env.execute_async("restore")?;
    accounts::wait(&job, || accounts::counted(&job) >= keys)?;
    // One may be under way that does not hold all keys yet.
    let after = job.metric("lastCompletedCheckpointId") + 2;
    accounts::wait(&job, || job.metric("lastCompletedCheckpointId") >= after)?;
    let bytes = job.metric("lastCheckpointFullSize");
    job.cancel();
    job.wait()?;
    Ok(Sample { value: bytes as f64, ..Sample::default() })
}

/// Counts keys without end, and calls `first` with the first count that goes out.
fn build(env: &StreamExecutionEnvironment, keys: u64, first: impl Fn(u64) + Send + Sync + 'static) {
    let once = Once::new();
    let numbers = env.datagen(move |n| if n < keys { n } else { key(n, keys) }, DataGenOptions::new()).uid("keys");
    accounts::count(numbers).for_each(move |count| once.call_once(|| first(count))).uid("sink");
}
