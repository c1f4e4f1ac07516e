//! What checkpoints cost: the keyed count with one every second, against the same without.
//!
//! The clock goes on while other programs have the machine. So that these do not count, the extra CPU time of a run is
//! divided by its number of checkpoints: that is what a second costs in which the job has its slot for itself.

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
    let percents = with.iter().zip(&without).map(|(with, without)| {
        let (extra, checkpoints) = (with.cpu_s - without.cpu_s, with.value);
        eprintln!(
            "checkpoint: {checkpoints} in {:.1} s, {:+.1} % CPU in all",
            with.wall_s,
            100.0 * extra / without.cpu_s
        );
        100.0 * extra / (checkpoints * INTERVAL.as_secs_f64())
    });
    Ok(Line::new(median(percents), "% more CPU", Bar::AtMost(BAR_PERCENT)))
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
