//! A year of daily raw files becomes a clean data set: CSV in, bad lines out of the way and counted, CSV out. Exactly
//! once, also when the job is killed on the way and goes on later instead of starting over.
//!
//! ```sh
//! cargo run --release -p flott --example daily_files
//!
//! # A year that takes some seconds, killed on the way. The second run does what is left.
//! target/release/examples/daily_files --dir year --rows 50000 & sleep 4; kill -9 $!
//! target/release/examples/daily_files --dir year --rows 50000 --from latest
//! ```

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "an example makes its input and shows its result")]

use flott::datastream::BadRecord;
use flott::prelude::*;
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::fs;
use std::path::Path;

const USAGE: &str = "\
Cleans a year of daily files of readings. Starts over, unless --from latest is given.

Options:
  --dir DIR      holds the folders `raw` (made if it is not there), `clean`, `rejected` and `checkpoints`;
                 a temporary folder that is removed afterwards when not given
  --rows N       readings of each day when the raw files are made, 144 when not given";

/// A line of a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Reading {
    time: String,
    station: u32,
    celsius: f64,
}

/// Rejects readings that cannot be true.
#[derive(Clone)]
struct CheckPlausible {
    rejected: OutputTag<String>,
}

impl ProcessFunction for CheckPlausible {
    type In = Reading;
    type Out = Reading;

    fn process(&mut self, reading: Reading, cx: &mut ProcessContext<'_>, out: &mut Collector<Reading>) -> Result<()> {
        if (-60.0..=60.0).contains(&reading.celsius) {
            out.collect(reading);
        } else {
            cx.output(&self.rejected, format!("implausible: {reading:?}"));
        }
        Ok(())
    }
}

fn main() -> Result<()> {
    let (env, args) = StreamExecutionEnvironment::from_args(USAGE)?;
    let temporary = std::env::temp_dir().join(format!("flott-daily-files-{}", std::process::id()));
    let dir = args.get("dir").map_or(temporary.as_path(), Path::new);
    let [raw, clean, rejected, checkpoints] = ["raw", "clean", "rejected", "checkpoints"].map(|name| dir.join(name));
    make_raw_files(&raw, args.get_or("rows", 144)?).map_err(|e| Error::io(raw.display(), e))?;

    if env.config().raw("execution.checkpointing.dir").is_none() {
        env.configure("execution.checkpointing.dir", checkpoints.display().to_string());
    }
    if env.config().raw("execution.checkpointing.interval").is_none() {
        env.enable_checkpointing(Duration::from_millis(200));
    }
    if env.config().raw("execution.state-recovery.path").is_none() {
        // Nobody wants to go on: what an earlier run has written is in the way.
        for old in [&clean, &rejected] {
            let _ = fs::remove_dir_all(old);
        }
    }

    // Lines that are no readings go to the one side output, readings that cannot be true to the other. The uid of an
    // operator names its state in checkpoints.
    let (unreadable, implausible) = (OutputTag::<BadRecord>::new("unreadable"), OutputTag::new("implausible"));
    let lines =
        env.read_csv::<Reading>(&raw).with_header().side_output_bad_records(&unreadable).uid("unreadable lines");
    let readings = lines.process(CheckPlausible { rejected: implausible.clone() }).uid("check plausible");
    readings.write_csv(&clean).uid("clean files");

    let unreadable = lines.get_side_output(&unreadable).map(|bad: BadRecord| format!("unreadable: {}", bad.text));
    unreadable.union([&readings.get_side_output(&implausible)]).write_text(&rejected).uid("rejected files");
    env.execute("daily files")?;

    // What counts is what is in the files.
    let (kept, kept_tenths) = summarize(&clean).map_err(|e| Error::io(clean.display(), e))?;
    let (dropped, _) = summarize(&rejected).map_err(|e| Error::io(rejected.display(), e))?;
    println!("{kept} readings kept, {:.2} °C on average", kept_tenths as f64 / 10.0 / kept as f64);
    println!("{dropped} lines rejected");
    if dir == temporary {
        fs::remove_dir_all(dir).map_err(|e| Error::io(dir.display(), e))?;
    }
    Ok(())
}

/// Lines of all finished files in a folder, and the sum of their last fields in tenths.
fn summarize(folder: &Path) -> std::io::Result<(u64, i64)> {
    let (mut lines, mut tenths) = (0, 0);
    for file in fs::read_dir(folder)? {
        let file = file?;
        // A name that starts with a dot is that of a file which is not finished.
        if !file.file_name().to_string_lossy().starts_with('.') {
            for line in fs::read_to_string(file.path())?.lines() {
                let last = line.rsplit(',').next().and_then(|field| field.parse::<f64>().ok());
                lines += 1;
                tenths += last.map_or(0, |celsius| (celsius * 10.0).round() as i64);
            }
        }
    }
    Ok((lines, tenths))
}

/// A file for each day of 2025, unless they are there. About one line in a hundred is broken.
fn make_raw_files(raw: &Path, rows: u64) -> std::io::Result<()> {
    const MONTHS: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    fs::create_dir_all(raw)?;
    let days = (1..=12).zip(MONTHS).flat_map(|(month, days)| (1..=days).map(move |day| (month, day)));
    for (number, (month, day)) in (0u64..).zip(days) {
        let date = format!("2025-{month:02}-{day:02}");
        let path = raw.join(format!("{date}.csv"));
        if path.exists() {
            continue;
        }
        let mut text = "time,station,celsius\n".to_owned();
        for row in 0..rows {
            let (minute, chance) = (row * 1440 / rows, (number * rows + row).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32);
            // Cold in winter and at night, with some noise.
            let celsius = (number.abs_diff(200) as f64).mul_add(-0.1, 20.0) - minute.abs_diff(840) as f64 / 120.0;
            let celsius = match chance % 200 {
                0 => "n/a".to_owned(),
                1 => "999.9".to_owned(),
                noise => format!("{:.1}", celsius + noise as f64 / 50.0 - 2.0),
            };
            // Writing to a string does not fail.
            let _ = writeln!(text, "{date}T{:02}:{:02},{},{celsius}", minute / 60, minute % 60, row % 7);
        }
        // Under a name that the job passes over until it is whole.
        let partial = raw.join(format!(".{date}.inprogress"));
        fs::write(&partial, text)?;
        fs::rename(partial, path)?;
    }
    Ok(())
}
