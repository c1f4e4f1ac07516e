//! How long a checkpoint takes while a sink holds everything back: aligned, unaligned, and of the same job with the same
//! state when nothing holds it back.

use crate::bench::{Bench, Case, Failure};
use crate::child::{self, Run, Sample};
use crate::report::{Bar, Line, median};
use flott::prelude::*;
use std::time::{Duration, Instant};

pub(crate) const CASE: Case = Case {
    name: "unaligned",
    about: "an unaligned checkpoint under full backpressure, in times of one when idle; at most 2",
    measure,
    child,
};

const BAR: f64 = 2.0;
const INTERVAL: Duration = Duration::from_millis(50);
/// What the sink takes for a record.
const PER_RECORD: Duration = Duration::from_micros(100);
/// Keys that are counted. The sink is fast until each of them has come.
const KEYS: u64 = 100_000;
/// Records a second of the idle job.
const IDLE_RATE: f64 = 50_000.0;
/// Checkpoints of a run that count; the first ones do not, until all channels are full.
const CHECKPOINTS: usize = 60;
const WARM_UP: Duration = Duration::from_secs(4);
/// Aligned ones take so long that few will do.
const AT_MOST: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_micros(500);

fn measure(bench: &Bench) -> Result<Line, Failure> {
    let run = |engine| Run::new("unaligned", engine);
    let [idle, unaligned, aligned] = bench.in_turns([run("idle"), run("unaligned"), run("aligned")])?;
    let ms = |samples: &[Sample]| median(samples.iter().map(|sample| sample.value));
    let times = median(idle.iter().zip(&unaligned).map(|(idle, unaligned)| unaligned.value / idle.value));
    eprintln!(
        "unaligned: idle {:.1} ms, unaligned {:.1} ms, aligned {:.0} ms",
        ms(&idle),
        ms(&unaligned),
        ms(&aligned)
    );
    let line = Line::new(times, "times the idle checkpoint", Bar::AtMost(BAR));
    let line = line.with_peer("idle ms", ms(&idle)).with_peer("unaligned ms", ms(&unaligned));
    Ok(line.with_peer("aligned ms", ms(&aligned)))
}

fn child(run: &Run) -> Result<Sample, Failure> {
    let folder = tempfile::tempdir()?;
    let env = StreamExecutionEnvironment::get_execution_environment()?;
    env.set_parallelism(2).enable_checkpointing(INTERVAL);
    env.configure("execution.checkpointing.dir", folder.path().display().to_string());
    env.configure("execution.checkpointing.unaligned.enabled", (run.engine != "aligned").to_string());
    let options = DataGenOptions::new();
    let options = if run.engine == "idle" { options.with_rate_per_second(IDLE_RATE) } else { options };
    let counts = env.datagen(|n| n, options).key_by(|n| n % KEYS).map_with_state(|n, count: &mut Option<u64>| {
        let count = count.get_or_insert(0);
        *count += 1;
        (n, *count)
    });
    let is_slow = run.engine != "idle";
    counts.rebalance().for_each(move |(n, _): (u64, u64)| {
        if is_slow && n > KEYS {
            std::thread::sleep(PER_RECORD);
        }
    });
    let mut durations_ms = Vec::new();
    let sample = child::measure(|| {
        let job = env.execute_async("unaligned")?;
        durations_ms = durations(&job)?;
        job.cancel();
        job.wait()?;
        Ok(0)
    })?;
    if durations_ms.is_empty() {
        return Err(format!("no checkpoint has ended within {AT_MOST:?}").into());
    }
    Ok(Sample { value: durations_ms.iter().sum::<f64>() / durations_ms.len() as f64, ..sample })
}

/// Milliseconds from trigger to completion of each checkpoint, once the job runs as it does.
fn durations(job: &JobClient) -> Result<Vec<f64>, Failure> {
    let (start, mut seen, mut durations_ms) = (Instant::now(), 0, Vec::new());
    while durations_ms.len() < CHECKPOINTS && start.elapsed() < AT_MOST {
        if let Some(end) = job.wait_for(POLL)? {
            return Err(format!("the job is {} before its checkpoints", end.status()).into());
        }
        let last = job.metric("lastCompletedCheckpointId");
        if last != seen {
            if start.elapsed() > WARM_UP {
                durations_ms.push(job.metric("lastCheckpointDuration") as f64);
            }
            seen = last;
        }
    }
    Ok(durations_ms)
}
