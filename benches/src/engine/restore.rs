//! How long a job with ten million keys takes to go on: from the start of the process, with its checkpoint on the local
//! disk, to its first output.

use super::numbers::{environment, key};
use crate::bench::{Bench, Case, Failure};
use crate::child::{Run, Sample};
use crate::report::{Bar, Line, median};
use flott::prelude::*;
use std::sync::Once;
use std::time::Duration;

pub(crate) const CASE: Case = Case {
    name: "restore",
    about: "process start to first output of a job that is restored with 10 M keys; below 3 s",
    measure,
    child,
};

const KEYS: u64 = 10_000_000;
const BAR_SECONDS: f64 = 3.0;
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(20);
const FIRST_OUTPUT: &str = "first output";

fn measure(bench: &Bench) -> Result<Line, Failure> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path().display();
    let keys = bench.records(KEYS);
    let run = |engine| Run::new("restore", engine).with("keys", keys).with("folder", folder.to_string());
    run("prepare").start()?;
    let mut seconds = Vec::new();
    for _ in 0..bench.runs.max(1) {
        let mut restored = run("restore").spawn()?;
        let line = restored.line(|line| line.starts_with(FIRST_OUTPUT))?;
        let elapsed = restored.elapsed().as_secs_f64();
        let count: u64 = line.trim_start_matches(FIRST_OUTPUT).trim().parse()?;
        if count < 2 {
            return Err("the first key has been counted once: nothing was restored".into());
        }
        eprintln!("restore: first output after {elapsed:.2} s, {:.0} MiB", restored.rss_mib()?);
        seconds.push(elapsed);
    }
    Ok(Line::new(median(seconds), "s", Bar::Below(BAR_SECONDS)))
}

fn child(run: &Run) -> Result<Sample, Failure> {
    let keys = run.number("keys")?;
    let env = environment(1)?;
    env.configure("execution.checkpointing.dir", run.text("folder")?);
    if run.engine == "restore" {
        env.configure("execution.state-recovery.path", "latest");
        build(&env, keys, |count| println!("{FIRST_OUTPUT} {count}"));
        // The parent has seen enough as soon as there is output, and kills this process.
        env.execute("restore")?;
        return Ok(Sample::default());
    }
    env.enable_checkpointing(CHECKPOINT_INTERVAL);
    build(&env, keys, |_| ());
    let job = env.execute_async("restore")?;
    let checkpoints = || job.latest_checkpoint().map_or(0, |(number, _)| number);
    let wait = |until: &dyn Fn() -> bool| -> Result<(), Failure> {
        while !until() {
            if let Some(end) = job.wait_for(POLL)? {
                return Err(format!("the job is {} before its checkpoint", end.status()).into());
            }
        }
        Ok(())
    };
    wait(&|| job.operator_metric("count", "numRecordsIn") >= i64::try_from(keys).unwrap_or(i64::MAX))?;
    // One may be under way that does not hold all keys yet.
    let after = checkpoints() + 2;
    wait(&|| checkpoints() >= after)?;
    job.cancel();
    job.wait()?;
    Ok(Sample::default())
}

/// Counts keys without end, and calls `first` with the first count that goes out.
fn build(env: &StreamExecutionEnvironment, keys: u64, first: impl Fn(u64) + Send + Sync + 'static) {
    let once = Once::new();
    env.datagen(move |n| if n < keys { n } else { key(n, keys) }, DataGenOptions::new())
        .uid("numbers")
        .key_by(|key| *key)
        .map_with_state(|key, count: &mut Option<u64>| {
            let count = count.get_or_insert(0);
            *count += 1;
            (key, *count)
        })
        .uid("count")
        .name("count")
        .for_each(move |(_, count)| once.call_once(|| first(count)))
        .uid("sink");
}
