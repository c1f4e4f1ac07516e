//! How small it is: the time from the start of a process to the first result of a trivial job, and the memory of a
//! cluster in one process whose job has next to nothing to do.

use super::numbers::environment;
use crate::bench::{Bench, Case, Failure};
use crate::child::{Run, Sample};
use crate::report::{Bar, Line, median};
use flott::prelude::*;
use std::time::Duration;

pub(crate) const CASE: Case = Case {
    name: "start",
    about: "process start to first result of a trivial job; below 100 ms",
    measure: measure_start,
    child: child_start,
};

pub(crate) const IDLE: Case = Case {
    name: "idle",
    about: "memory of a mini cluster whose job is idle; below 32 MiB",
    measure: measure_idle,
    child: child_idle,
};

const BAR_MS: f64 = 100.0;
const BAR_MIB: f64 = 32.0;
/// As many starts as runs are not enough for so short a time.
const STARTS_PER_RUN: usize = 7;
/// After this time the idle job has settled.
const SETTLED: Duration = Duration::from_secs(2);

fn measure_start(bench: &Bench) -> Result<Line, Failure> {
    let mut millis = Vec::new();
    for _ in 0..STARTS_PER_RUN * bench.runs.max(1) {
        let mut started = Run::new("start", "flott").spawn()?;
        started.line(|line| line.starts_with("Hello"))?;
        millis.push(started.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(Line::new(median(millis), "ms", Bar::Below(BAR_MS)))
}

fn child_start(_: &Run) -> Result<Sample, Failure> {
    let env = StreamExecutionEnvironment::get_execution_environment()?;
    env.from_elements(["Hello".to_owned()]).print();
    env.execute("start")?;
    Ok(Sample::default())
}

fn measure_idle(bench: &Bench) -> Result<Line, Failure> {
    let mut mib = Vec::new();
    for _ in 0..bench.runs.max(1) {
        let mut started = Run::new("idle", "flott").spawn()?;
        started.line(|line| line.starts_with("settled"))?;
        mib.push(started.rss_mib()?);
    }
    Ok(Line::new(median(mib), "MiB", Bar::Below(BAR_MIB)))
}

fn child_idle(_: &Run) -> Result<Sample, Failure> {
    let env = environment(2)?;
    env.datagen(|n| n, DataGenOptions::new().with_rate_per_second(1.0))
        .key_by(|n| n % 10)
        .map_with_state(|n, count: &mut Option<u64>| {
            *count.get_or_insert(0) += 1;
            n
        })
        .blackhole();
    let job = env.execute_async("idle")?;
    if let Some(end) = job.wait_for(SETTLED)? {
        return Err(format!("the job is {}", end.status()).into());
    }
    println!("settled");
    // The parent looks at this process and kills it.
    job.wait()?;
    Ok(Sample::default())
}
