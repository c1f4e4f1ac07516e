//! Many seeds over many jobs, and how to run one of them again.
//!
//! ```text
//! SEED=17 JOB=windows cargo test -p flott-tests seeds       one run, twice if it succeeds: its trace must be the same
//! SEEDS=0..5000 cargo test -p flott-tests seeds             more than usual
//! TRACE=1                                                   with everything that happened, not only the end of it
//! ```

use crate::scenario::{Failure, Outcome};
use crate::{Job, Plan, run};
use std::fmt::Write;
use std::ops::Range;

/// What a sweep has seen.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Runs.
    pub runs: u64,
    /// Sums over all runs.
    pub total: Outcome,
}

/// Which seeds to run: those of the environment variables `SEED` or `SEEDS`, else `usual`.
///
/// # Errors
/// When they are set and are not numbers.
pub fn seeds(usual: Range<u64>) -> Result<Range<u64>, String> {
    let number = |text: &str| text.trim().parse::<u64>().map_err(|e| format!("`{text}` is no seed: {e}"));
    if let Ok(text) = std::env::var("SEED") {
        let seed = number(&text)?;
        return Ok(seed..seed + 1);
    }
    match std::env::var("SEEDS") {
        Ok(text) => match text.split_once("..") {
            Some((start, end)) => Ok(number(start)?..number(end)?),
            None => Err(format!("`SEEDS={text}`: write a range such as 0..1000")),
        },
        Err(_) => Ok(usual),
    }
}

/// Runs each seed with one of the jobs, in turn, or with the one that `JOB` names.
///
/// # Errors
/// Every seed that failed, with how to run it again.
pub fn sweep(jobs: &[Job], seeds: Range<u64>) -> Result<Summary, String> {
    sweep_through(jobs, seeds, Plan::draw)
}

/// As [`sweep`], with the plans that `draw` makes of the seeds.
///
/// # Errors
/// Every seed that failed, with how to run it again.
pub fn sweep_through(jobs: &[Job], seeds: Range<u64>, draw: fn(u64) -> Plan) -> Result<Summary, String> {
    let wanted = std::env::var("JOB").ok();
    let is_wanted = |job: &&Job| wanted.as_ref().is_none_or(|name| job.name == name);
    let chosen: Vec<&Job> = jobs.iter().filter(is_wanted).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = jobs.iter().map(|job| job.name).collect();
        return Err(format!("there is no job `{}`; there are {}", wanted.unwrap_or_default(), names.join(", ")));
    }
    let is_single = seeds.end - seeds.start == 1;
    let (mut summary, mut failures, mut failed) = (Summary::default(), String::new(), 0);
    for seed in seeds {
        let job = chosen[(seed % chosen.len() as u64) as usize];
        summary.runs += 1;
        let plan = draw(seed);
        let result =
            run(job, &plan).and_then(|outcome| if is_single { again(job, &plan, outcome) } else { Ok(outcome) });
        match result {
            Ok(outcome) => summary.total.add(&outcome),
            Err(failure) => {
                failed += 1;
                // One is enough to begin with; the others are named.
                let shown = if failed == 1 { failure.to_string() } else { failure.what.clone() };
                let _ = writeln!(
                    failures,
                    "seed {seed}, job `{}`: {shown}\n  again: SEED={seed} JOB={} cargo test -p flott-tests seeds\n",
                    job.name, job.name
                );
            }
        }
    }
    if failed == 0 { Ok(summary) } else { Err(format!("{failed} of {} runs failed\n{failures}", summary.runs)) }
}

/// Runs a seed once more, which must go the same way.
fn again(job: &Job, plan: &Plan, first: Outcome) -> Result<Outcome, Box<Failure>> {
    let (second, seed) = (run(job, plan)?, plan.seed);
    if second.hash == first.hash {
        return Ok(first);
    }
    let what = format!(
        "seed {seed} went two ways: {:016x} with {} events, then {:016x} with {}",
        first.hash, first.events, second.hash, second.events
    );
    Err(Box::new(Failure { what, outcome: second, tail: String::new() }))
}

impl Outcome {
    fn add(&mut self, other: &Outcome) {
        self.events += other.events;
        self.ends.extend(other.ends.iter().cloned());
        self.restores += other.restores;
        self.restarts += other.restarts;
        self.checkpoints += other.checkpoints;
        self.aborted += other.aborted;
        self.in_flight_bytes += other.in_flight_bytes;
        self.time += other.time;
    }
}
