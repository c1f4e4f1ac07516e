//! Counts per key in tumbling windows of one second of event time: ten thousand keys, a hundred thousand records a
//! second of event time, out of order by up to 100 ms.

use super::RECORDS_PER_CPU_SECOND;
use super::numbers::{environment, key, mix, numbers};
use crate::bench::{Bench, Case, Failure};
use crate::child::{self, Run, Sample};
use crate::report::{Bar, Line, throughput};
use flott::prelude::*;

pub(crate) const CASE: Case = Case {
    name: "window",
    about: "tumbling 1 s event-time count over 10 k keys, disorder within 100 ms; at least 16 M",
    measure,
    child,
};

const RECORDS: u64 = 60_000_000;
const KEYS: u64 = 10_000;
/// Records of a second of event time: ten per key and window.
const RATE: u64 = 100_000;
const DISORDER_MS: u64 = 100;
const BAR: f64 = 16.0;

fn measure(bench: &Bench) -> Result<Line, Failure> {
    let run = |records| Run::new("window", "flott").with("records", records);
    let [flott] = bench.in_turns([run(bench.records(RECORDS))])?;
    let flink = bench.flink("window", 1, None, run)?;
    Ok(Line::new(throughput(&flott), RECORDS_PER_CPU_SECOND, Bar::AtLeast(BAR)).with_peer_if("flink", flink))
}

fn child(run: &Run) -> Result<Sample, Failure> {
    let records = run.number("records")?;
    let env = environment(1)?;
    let times = WatermarkStrategy::for_bounded_out_of_orderness(Duration::from_millis(DISORDER_MS))
        .with_timestamp_assigner(|n: &u64, _| event_time(*n));
    numbers(&env, records)
        .assign_timestamps_and_watermarks(times)
        .map(|n| key(n, KEYS))
        .key_by(|key| *key)
        .window(TumblingEventTimeWindows::of(Duration::from_secs(1)))
        .aggregate_with(Count, KeyAndStart)
        .blackhole();
    child::measure(|| {
        env.execute("window")?;
        Ok(records)
    })
}

/// Record n belongs to the n-th part of a second and comes up to 100 ms late.
fn event_time(n: u64) -> EventTime {
    EventTime(((n * 1000 / RATE) + DISORDER_MS - (mix(n) >> 32) % DISORDER_MS) as i64)
}

#[derive(Clone)]
struct Count;

impl AggregateFunction for Count {
    type In = u64;
    type Acc = u64;
    type Out = u64;

    fn create(&self) -> u64 {
        0
    }

    fn add(&self, count: &mut u64, _: u64) {
        *count += 1;
    }

    fn result(&self, count: &u64) -> u64 {
        *count
    }

    fn merge(&self, into: &mut u64, other: u64) {
        *into += other;
    }
}

#[derive(Clone)]
struct KeyAndStart;

impl ProcessWindowFunction for KeyAndStart {
    type Key = u64;
    type Window = TimeWindow;
    type In = u64;
    type Out = (u64, i64, u64);

    fn process(
        &mut self,
        counts: &[u64],
        cx: &mut WindowContext<'_, u64, TimeWindow>,
        out: &mut Collector<(u64, i64, u64)>,
    ) -> Result<()> {
        let (key, start) = (*cx.current_key()?, cx.window().start.0);
        counts.iter().for_each(|count| out.collect((key, start, *count)));
        Ok(())
    }
}
