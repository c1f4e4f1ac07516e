//! What checkpoints cost: the keyed count with one every second, against the same without.

use super::keycount;
use super::numbers::environment;
use crate::bench::{Bench, Case, Failure};
use crate::child::{self, Run, Sample};
use crate::report::{Bar, Line, median};
use std::time::Duration;

pub(crate) const CASE: Case = Case {
    name: "checkpoint",
    about: "CPU that a checkpoint every second adds to the keyed count; at most 5 %",
    measure,
    child,
};

/// Enough for several checkpoints.
const RECORDS: u64 = 300_000_000;
const BAR_PERCENT: f64 = 5.0;
const INTERVAL: Duration = Duration::from_secs(1);

fn measure(bench: &Bench) -> Result<Line, Failure> {
    let run = |engine| Run::new("checkpoint", engine).with("records", bench.records(RECORDS));
    let [without, with] = bench.in_turns([run("without"), run("with")])?;
    for sample in &with {
        eprintln!("checkpoint: {} checkpoints in {:.1} s", sample.value, sample.wall_s);
    }
    let percent = median(with.iter().zip(&without).map(|(with, without)| 100.0 * (with.cpu_s / without.cpu_s - 1.0)));
    Ok(Line::new(percent, "% more CPU", Bar::AtMost(BAR_PERCENT)))
}

fn child(run: &Run) -> Result<Sample, Failure> {
    let records = run.number("records")?;
    let folder = tempfile::tempdir()?;
    let env = environment(1)?;
    if run.engine == "with" {
        env.enable_checkpointing(INTERVAL);
        env.configure("execution.checkpointing.dir", folder.path().display().to_string());
    }
    keycount::build(&env, records);
    let mut checkpoints = 0;
    let sample = child::measure(|| {
        let job = env.execute_async("checkpoint")?;
        job.wait()?;
        checkpoints = job.latest_checkpoint().map_or(0, |(number, _)| number);
        Ok(records)
    })?;
    Ok(Sample { value: checkpoints as f64, ..sample })
}
