//! Windowed averages: each sensor's mean temperature per minute of event time, although readings come late.
//!
//! ```sh
//! cargo run --release -p flott --example sensor_averages
//! ```
//!
//! Three answers to lateness are at work here. The watermark stays behind the newest reading by `DISORDER`, so that
//! windows wait for readings that overtake each other. A window whose result is out takes readings for `ALLOWED_LATENESS`
//! longer, and gives a corrected result for each. What comes later still is lost to the windows and goes to a side output.

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use flott::prelude::*;
use serde::{Deserialize, Serialize};

const USAGE: &str = "\
Averages the readings of sensors per minute of event time, and shows those that came too late.

Options:
  --output DIR   write the result to files in this folder instead of showing it
  --rate N       packages of readings that come in a second, a million when not given";

const WINDOW: Duration = Duration::from_secs(60);
const DISORDER: Duration = Duration::from_secs(5);
const ALLOWED_LATENESS: Duration = Duration::from_secs(30);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Reading {
    sensor: String,
    time: EventTime,
    celsius: f64,
}

/// A watermark after every single reading. A job would write `WatermarkStrategy::for_bounded_out_of_orderness(DISORDER)`,
/// whose watermarks come every 200 ms; these make what is late depend on the readings only, and not on the clock.
struct AfterEachReading {
    largest: i64,
}

impl WatermarkGenerator<Reading> for AfterEachReading {
    fn on_event(&mut self, _: &Reading, time: EventTime) -> Option<Watermark> {
        self.largest = self.largest.max(time.0);
        Some(Watermark(self.largest - DISORDER.as_millis() as i64 - 1))
    }

    fn on_periodic(&mut self) -> Option<Watermark> {
        None
    }
}

/// A mean needs two numbers and not the readings themselves.
#[derive(Clone)]
struct Average;

impl AggregateFunction for Average {
    type In = Reading;
    type Acc = (f64, u32);
    type Out = (f64, u32);

    fn create(&self) -> (f64, u32) {
        (0.0, 0)
    }

    fn add(&self, (sum, count): &mut (f64, u32), reading: Reading) {
        *sum += reading.celsius;
        *count += 1;
    }

    fn result(&self, (sum, count): &(f64, u32)) -> (f64, u32) {
        (sum / f64::from(*count), *count)
    }

    fn merge(&self, (sum, count): &mut (f64, u32), (more_sum, more_count): (f64, u32)) {
        *sum += more_sum;
        *count += more_count;
    }
}

/// Adds to the mean whose it is and of which minute.
#[derive(Clone)]
struct Describe;

impl ProcessWindowFunction for Describe {
    type Key = String;
    type Window = TimeWindow;
    type In = (f64, u32);
    type Out = String;

    fn process(
        &mut self,
        means: &[(f64, u32)],
        cx: &mut WindowContext<'_, String, TimeWindow>,
        out: &mut Collector<String>,
    ) -> Result<()> {
        for (mean, count) in means {
            out.collect(format!("{} {} {mean:.2} °C of {count} readings", clock(cx.window().start), cx.current_key()?));
        }
        Ok(())
    }
}

fn main() -> Result<()> {
    let (env, args) = StreamExecutionEnvironment::from_args(USAGE)?;

    // A generator makes the n-th package. Where a job is started again its watermark starts anew, but it is always between
    // two packages, and the first reading of a package is new: what is late is the same as without a restart.
    let packages = packages();
    let options =
        DataGenOptions::new().with_count(packages.len() as u64).with_rate_per_second(args.get_or("rate", 1e6)?);
    let packages = env.datagen(move |n| packages[n as usize].clone(), options).set_parallelism(1).uid("packages");

    let times = WatermarkStrategy::for_generator(|| AfterEachReading { largest: i64::MIN / 2 })
        .with_timestamp_assigner(|reading: &Reading, _| reading.time);
    let readings = packages
        .flat_map(|package: Vec<Reading>, out: &mut Collector<Reading>| {
            package.into_iter().for_each(|r| out.collect(r))
        })
        .set_parallelism(1)
        .assign_timestamps_and_watermarks(times)
        .set_parallelism(1);

    let too_late = OutputTag::new("too late");
    let averages = readings
        .key_by_ref(|reading| &reading.sensor)
        .window(TumblingEventTimeWindows::of(WINDOW))
        .allowed_lateness(ALLOWED_LATENESS)
        .side_output_late_data(&too_late)
        .aggregate_with(Average, Describe)
        .uid("averages");
    let too_late = averages
        .get_side_output(&too_late)
        .map(|r: Reading| format!("{} {} {:.2} °C came too late", clock(r.time), r.sensor, r.celsius));

    let lines = averages.union([&too_late]);
    match args.get("output") {
        Some(folder) => {
            lines.write_text(folder);
            env.execute("sensor averages")?;
        }
        None => {
            let mut lines = lines.execute_and_collect("sensor averages")?;
            lines.sort();
            lines.iter().for_each(|line| println!("{line}"));
        }
    }
    Ok(())
}

/// Three sensors for four minutes, a reading of each every ten seconds and a package of what has come in meanwhile. The
/// basement's radio is bad: some of its readings arrive 4, 40 and 110 seconds after they were taken.
fn packages() -> Vec<Vec<Reading>> {
    let mut arrivals = Vec::new();
    for step in 0..24 {
        for (n, sensor) in ["attic", "basement", "kitchen"].into_iter().enumerate() {
            let second = step * 10 + n as i64;
            let delay = match (sensor, step) {
                ("basement", 3 | 9) => 4,
                ("basement", 5) => 40,
                ("basement", 11) => 110,
                _ => 0,
            };
            let celsius = 15.0 + 3.0 * n as f64 + (step % 6) as f64 / 4.0;
            arrivals
                .push((second + delay, Reading { sensor: sensor.to_owned(), time: EventTime(second * 1000), celsius }));
        }
    }
    arrivals.sort_by_key(|(second, _)| *second);
    let packages = arrivals.chunk_by(|(a, _), (b, _)| a / 10 == b / 10);
    packages.map(|package| package.iter().map(|(_, reading)| reading.clone()).collect()).collect()
}

fn clock(time: EventTime) -> String {
    format!("{:02}:{:02}", time.0 / 60_000, time.0 / 1000 % 60)
}
