//! Rules that change while the job runs: a stream of limits goes to every subtask, which holds them against the readings
//! of the machines. Broadcast state remembers the limits, keyed state the readings that wait.
//!
//! ```sh
//! cargo run --release -p flott --example broadcast_rules
//! ```
//!
//! Nobody knows which of the two streams comes first. So a reading waits until event time has reached it on both: then
//! every limit that was in force at that time is there, and the result does not depend on the order of arrival.

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use flott::api::function::Opened;
use flott::prelude::*;
use flott::state::StateAccess;
use serde::{Deserialize, Serialize};

const USAGE: &str = "\
Finds readings above the limit that was in force at their time.

Options:
  --output DIR   write the result to files in this folder instead of showing it
  --rate N       readings that come in a second, a million when not given";

/// From `time` on machines of this kind may be no hotter than `celsius_max`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Limit {
    time: EventTime,
    kind: String,
    celsius_max: i32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Reading {
    time: EventTime,
    machine: u32,
    kind: String,
    celsius: i32,
}

#[derive(Clone, Default)]
struct CheckLimits {
    /// The same in every subtask, because all of them see the same limits: by kind, and since when they hold.
    limits: Opened<BroadcastState<(String, EventTime), i32>>,
    /// Of each machine: readings that event time has not reached.
    waiting: MapState<EventTime, Vec<Reading>>,
}

impl KeyedBroadcastProcessFunction for CheckLimits {
    type Key = u32;
    type In = Reading;
    type Broadcast = Limit;
    type Out = String;

    fn open(&mut self, cx: &mut KeyedOpenContext<'_, u32>) -> Result<()> {
        self.limits = cx.operator_state().broadcast("limits")?.into();
        self.waiting = MapState::register(cx.keyed_state(), "waiting", None)?;
        Ok(())
    }

    /// This side may change broadcast state.
    fn process_broadcast(
        &mut self,
        limit: Limit,
        cx: &mut KeyedBroadcastContext<'_, u32>,
        _: &mut Collector<String>,
    ) -> Result<()> {
        self.limits.put(cx.broadcast_state(), (limit.kind, limit.time), limit.celsius_max);
        Ok(())
    }

    /// This side may read it.
    fn process(
        &mut self,
        reading: Reading,
        cx: &mut KeyedReadOnlyContext<'_, u32>,
        _: &mut Collector<String>,
    ) -> Result<()> {
        cx.timer_service().register_event_time_timer(reading.time)?;
        self.waiting.update(cx, reading.time, Vec::new, |readings| readings.push(reading))
    }

    fn on_timer(
        &mut self,
        timer: Timer,
        cx: &mut KeyedReadOnlyContext<'_, u32>,
        out: &mut Collector<String>,
    ) -> Result<()> {
        for reading in self.waiting.remove(cx, &EventTime(timer.millis()))?.unwrap_or_default() {
            let Reading { time, machine, kind, celsius } = reading;
            let limits = self.limits.iter(cx.broadcast_state());
            let in_force =
                limits.filter(|((of, since), _)| *of == kind && *since <= time).max_by_key(|((_, since), _)| *since);
            if let Some((_, celsius_max)) = in_force
                && celsius > *celsius_max
            {
                out.collect(format!(
                    "{:>2} s  {kind} {machine} has {celsius} °C, {celsius_max} allowed",
                    time.0 / 1000
                ));
            }
        }
        Ok(())
    }
}

fn main() -> Result<()> {
    let (env, args) = StreamExecutionEnvironment::from_args(USAGE)?;

    let limit_times = WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|l: &Limit, _| l.time);
    let limits = env.from_collection(limits()).assign_timestamps_and_watermarks(limit_times).set_parallelism(1);

    let reading_times = WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|r: &Reading, _| r.time);
    // A generator makes the n-th reading.
    let options = DataGenOptions::new().with_count(READINGS).with_rate_per_second(args.get_or("rate", 1e6)?);
    let readings = env.datagen(reading, options).set_parallelism(1).uid("readings");

    let found = readings
        .assign_timestamps_and_watermarks(reading_times)
        .set_parallelism(1)
        .key_by(|reading| reading.machine)
        .connect(&limits.broadcast_state())
        .process(CheckLimits::default())
        .uid("check limits");
    match args.get("output") {
        Some(folder) => {
            found.write_text(folder);
            env.execute("broadcast rules")?;
        }
        None => {
            let mut found = found.execute_and_collect("broadcast rules")?;
            found.sort();
            found.iter().for_each(|line| println!("{line}"));
        }
    }
    Ok(())
}

fn limits() -> impl Iterator<Item = Limit> {
    let limits = [(0, "oven", 250), (0, "press", 80), (30, "oven", 220), (45, "press", 100)];
    limits.into_iter().map(|(second, kind, celsius_max)| Limit {
        time: EventTime(second * 1000),
        kind: kind.to_owned(),
        celsius_max,
    })
}

const READINGS: u64 = 48;

/// Four machines, a reading of each every five seconds: ovens at 200 to 240 degrees, presses at 70 to 110.
fn reading(n: u64) -> Reading {
    let (step, machine) = (n as i32 / 4, n as u32 % 4 + 1);
    let (kind, base) = if machine <= 2 { ("oven", 200) } else { ("press", 70) };
    let celsius = base + (step * 7 + machine as i32 * 11) % 41;
    Reading { time: EventTime(i64::from(step) * 5_000), machine, kind: kind.to_owned(), celsius }
}
