//! Writes a checkpoint of the job in `tests/src/fixture.rs` as this Flott writes it, to be kept: see
//! `tests/fixtures/README.md`.
//!
//! ```text
//! make-checkpoint-fixture --out DIR [--savepoint canonical|native] [--inline SIZE] [-D KEY=VALUE ...]
//! ```
//!
//! `DIR` must not exist; it will hold `chk-N/` and what belongs to it, or the savepoint.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program for people, which moves files on their disk"
)]

use flott::prelude::*;
use flott_tests::fixture;
use std::time::Duration;

/// Numbers per second: the job takes about two seconds.
const RATE: f64 = 60.0;

fn main() -> Result<()> {
    let (env, args) = StreamExecutionEnvironment::from_args("Writes a checkpoint to be kept")?;
    let out = args.get_required("out")?;
    let work = format!("{out}.work");
    env.configure("execution.checkpointing.dir", &work).configure("execution.checkpointing.interval", "200 ms");
    // Some state within the metadata, some in files of its own.
    env.configure("execution.checkpointing.data-inline-threshold", args.get("inline").unwrap_or("400 b"));
    env.configure("pipeline.max-parallelism", "8");
    fixture::build(&env, Some(RATE)).blackhole().uid("nowhere");
    let job = env.execute_async("fixture")?;
    while job.latest_checkpoint().is_none_or(|(id, _)| id < 4) {
        job.wait_for(Duration::from_millis(10))?;
    }
    let format = match args.get("savepoint") {
        None => None,
        Some("canonical") => Some(SavepointFormat::Canonical),
        Some("native") => Some(SavepointFormat::Native),
        Some(other) => return Err(Error::invalid(format!("`--savepoint {other}`: it is canonical or native"))),
    };
    let savepoint = format.map(|format| job.trigger_savepoint(Some(&work), format)).transpose()?;
    job.cancel();
    let ended = job.wait()?.status();
    if ended != JobStatus::Canceled {
        return Err(Error::internal(format!("the job should have been stopped in its midst, and is {ended}")));
    }
    let made = savepoint.unwrap_or_else(|| format!("{work}/{}", job.job_id()));
    std::fs::rename(made, out)
        .and_then(|()| std::fs::remove_dir_all(work))
        .map_err(|e| Error::invalid(format!("`{out}` cannot be made: {e}")))?;
    println!("{out} holds checkpoint {}", job.latest_checkpoint().map_or(0, |(id, _)| id));
    Ok(())
}
