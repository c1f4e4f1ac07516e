//! map, filter (keeps half), map on numbers: one chain in one slot, no exchange, no state.

use super::RECORDS_PER_CPU_SECOND;
use super::numbers::{environment, numbers};
use crate::bench::{Bench, Case, Failure};
use crate::child::{self, Run, Sample};
use crate::report::{Bar, Line, throughput};

pub(crate) const CASE: Case =
    Case { name: "mapfilter", about: "map, filter, map on u64 in one slot; at least 100 M", measure, child };

const RECORDS: u64 = 2_000_000_000;
const BAR: f64 = 100.0;

fn measure(bench: &Bench) -> Result<Line, Failure> {
    let run = |records| Run::new("mapfilter", "flott").with("records", records);
    let [flott] = bench.in_turns([run(bench.records(RECORDS))])?;
    let flink = bench.flink("mapfilter", 1, None, run)?;
    Ok(Line::new(throughput(&flott), RECORDS_PER_CPU_SECOND, Bar::AtLeast(BAR)).with_peer_if("flink", flink))
}

fn child(run: &Run) -> Result<Sample, Failure> {
    let records = run.number("records")?;
    let env = environment(1)?;
    numbers(&env, records)
        .map(|n| n.wrapping_mul(31).wrapping_add(7))
        .filter(|n| n % 4 < 2)
        .map(|n| n ^ (n >> 3))
        .blackhole();
    child::measure(|| {
        env.execute("mapfilter")?;
        Ok(records)
    })
}
