//! A running count per key over a million keys in random order; every update goes out. The peer is timely-dataflow.

use super::RECORDS_PER_CPU_SECOND;
use super::numbers::{environment, key, numbers};
use super::timely_count;
use crate::bench::{Bench, Case, Failure};
use crate::child::{self, Run, Sample};
use crate::report::{Bar, Line, median, throughput};
use flott::prelude::*;

pub(crate) const ONE_SLOT: Case = Case {
    name: "keycount_1",
    about: "running count over 1 M keys in one slot; at least 0.8 x timely-dataflow",
    measure: |bench| measure(bench, "keycount_1", 1),
    child,
};

pub(crate) const TWO_SLOTS: Case = Case {
    name: "keycount_2",
    about: "running count over 1 M keys in two slots; at least 0.8 x timely-dataflow",
    measure: |bench| measure(bench, "keycount_2", 2),
    child,
};

pub(super) const KEYS: u64 = 1_000_000;
const RECORDS: u64 = 100_000_000;
const BAR_RATIO: f64 = 0.8;

fn measure(bench: &Bench, case: &str, slots: u32) -> Result<Line, Failure> {
    let run = |engine, records| Run::new(case, engine).with("records", records).with("slots", slots);
    let records = bench.records(RECORDS);
    let [flott, timely] = bench.in_turns([run("flott", records), run("timely", records)])?;
    let flink = bench.flink("keycount", slots, None, |events| run("flott", events))?;
    // Neighbouring runs have seen the same machine.
    let ratio = median(flott.iter().zip(&timely).map(|(a, b)| a.mega_per_cpu_second() / b.mega_per_cpu_second()));
    let value = throughput(&flott);
    Ok(Line::new(value, RECORDS_PER_CPU_SECOND, Bar::AtLeast(BAR_RATIO * value / ratio))
        .with_peer("timely", throughput(&timely))
        .with_peer_if("flink", flink))
}

fn child(run: &Run) -> Result<Sample, Failure> {
    let (records, slots) = (run.number("records")?, run.number("slots")?);
    if run.engine == "timely" {
        return child::measure(|| timely_count::run(records, usize::try_from(slots)?, KEYS));
    }
    let env = environment(slots)?;
    build(&env, records);
    child::measure(|| {
        env.execute("keycount")?;
        Ok(records)
    })
}

/// The job, into a sink that drops.
pub(crate) fn build(env: &StreamExecutionEnvironment, records: u64) {
    numbers(env, records)
        .map(|n| key(n, KEYS))
        .key_by(|key| *key)
        .map_with_state(|key, count: &mut Option<u64>| {
            let count = count.get_or_insert(0);
            *count += 1;
            (key, *count)
        })
        .blackhole();
}
