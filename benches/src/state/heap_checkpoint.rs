//! A checkpoint of state on the heap while the stream goes on: the keyed count with 10 M keys, of which one in a hundred
//! changes between two checkpoints. From the trigger until everything is in files and the checkpoint is complete; and the
//! longest that records wait meanwhile, which is more than the synchronous part: that and what is taken between two
//! records.

use super::accounts;
use super::held::Held;
use crate::bench::{Bench, Case, Failure};
use crate::child::{self, Run, Sample};
use crate::engine::numbers::{environment, mix};
use crate::report::{Bar, Line, median};
use flott::prelude::*;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const CASE: Case = Case {
    name: "heap_checkpoint",
    about: "ms from barrier to durable of 10 M keys on the heap, 1 % of them changed; at most 200, records wait less than 5",
    measure,
    child,
};

const KEYS: u64 = 10_000_000;
const BAR_MS: f64 = 200.0;
const BAR_PAUSE_MS: f64 = 5.0;
const INTERVAL: Duration = Duration::from_secs(2);
/// One in so many keys changes.
const CHANGED: u64 = 100;
const CHECKPOINTS: usize = 12;

fn measure(bench: &Bench) -> Result<Line, Failure> {
    let [samples] = bench.in_turns([Run::new(CASE.name, "hashmap").with("keys", bench.records(KEYS))])?;
    let middle = |of: fn(&Sample) -> f64| median(samples.iter().map(of));
    Ok(Line::new(middle(|sample| sample.value), "ms", Bar::AtMost(BAR_MS))
        .and("records wait, ms", middle(|sample| sample.beside[0]), Bar::Below(BAR_PAUSE_MS))
        .with_peer("throughput, times of that without", middle(|sample| sample.beside[1])))
}

fn child(run: &Run) -> Result<Sample, Failure> {
    let keys = run.number("keys")?;
    let folder = tempfile::tempdir()?;
    let env = environment(1)?;
    env.enable_checkpointing(INTERVAL);
    env.configure("execution.checkpointing.dir", folder.path().display().to_string());
    let (held, some) = (Arc::new(Held::default()), (keys / CHANGED).max(1));
    let of_sink = held.clone();
    env.datagen(move |n| if n < keys { n } else { mix(n) % some * CHANGED }, DataGenOptions::new())
        .key_by(|key| *key)
        .map_with_state(|_, count: &mut Option<u64>| {
            let count = count.get_or_insert(0);
            *count += 1;
            *count
        })
        .name("count")
        .for_each(move |_| of_sink.record());
    let sample = child::measure(|| {
        let job = env.execute_async("heap")?;
        accounts::wait(&job, || accounts::counted(&job) > keys)?;
        held.watch(&job, CHECKPOINTS)?;
        job.cancel();
        job.wait()?;
        Ok(accounts::counted(&job))
    })?;
    let beside = vec![held.median(|checkpoint| checkpoint.pause_ms), held.ratio()];
    Ok(Sample { value: held.median(|checkpoint| checkpoint.duration_ms), beside, ..sample })
}
