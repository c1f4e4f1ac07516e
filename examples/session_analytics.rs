//! Sessions: the clicks of a visitor belong together until he is away for half an hour. Sessions are then counted per
//! hour, windows over the results of windows.
//!
//! ```sh
//! cargo run --release -p flott --example session_analytics
//! ```

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use flott::prelude::*;
use serde::{Deserialize, Serialize};

const USAGE: &str = "\
Finds the sessions of a site's visitors, and how many there were in each hour.

Options:
  --output DIR   write the result to files in this folder instead of showing it
  --rate N       clicks that come in a second, a million when not given";

const GAP: Duration = Duration::from_secs(30 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Click {
    visitor: String,
    time: EventTime,
    page: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Session {
    visitor: String,
    start: EventTime,
    minutes: i64,
    pages: Vec<String>,
}

/// Makes a session of the clicks in its window. Windows of sessions begin with a click each and merge when they touch.
#[derive(Clone)]
struct MakeSession;

impl ProcessWindowFunction for MakeSession {
    type Key = String;
    type Window = TimeWindow;
    type In = Click;
    type Out = Session;

    fn process(
        &mut self,
        clicks: &[Click],
        cx: &mut WindowContext<'_, String, TimeWindow>,
        out: &mut Collector<Session>,
    ) -> Result<()> {
        // As they came; the site's servers do not send them in order.
        let mut clicks = clicks.to_vec();
        clicks.sort_by_key(|click| click.time);
        // The window ends a gap after the last click.
        let TimeWindow { start, end } = cx.window();
        let minutes = (end.0 - start.0 - GAP.as_millis() as i64) / 60_000;
        let pages = clicks.into_iter().map(|click| click.page).collect();
        out.collect(Session { visitor: cx.current_key()?.clone(), start, minutes, pages });
        Ok(())
    }
}

/// Describes the sessions that have ended in an hour.
#[derive(Clone)]
struct Summary;

impl ProcessAllWindowFunction for Summary {
    type Window = TimeWindow;
    type In = Session;
    type Out = String;

    fn process(
        &mut self,
        sessions: &[Session],
        cx: &mut WindowContext<'_, (), TimeWindow>,
        out: &mut Collector<String>,
    ) -> Result<()> {
        let (count, minutes) = (sessions.len(), sessions.iter().map(|session| session.minutes).sum::<i64>());
        let bounced = sessions.iter().filter(|session| session.pages.len() == 1).count();
        let hour = clock(cx.window().start);
        out.collect(format!(
            "hour {hour}: {count} sessions ended after {minutes} min in all, {bounced} with one click"
        ));
        Ok(())
    }
}

fn main() -> Result<()> {
    let (env, args) = StreamExecutionEnvironment::from_args(USAGE)?;

    // A generator makes the n-th click.
    let options = DataGenOptions::new().with_count(CLICKS.len() as u64).with_rate_per_second(args.get_or("rate", 1e6)?);
    let clicks = env.datagen(click, options).set_parallelism(1).uid("clicks");

    let times = WatermarkStrategy::for_bounded_out_of_orderness(Duration::from_secs(120))
        .with_timestamp_assigner(|click: &Click, _| click.time);
    let sessions = clicks
        .assign_timestamps_and_watermarks(times)
        .set_parallelism(1)
        .key_by_ref(|click| &click.visitor)
        .window(EventTimeSessionWindows::with_gap(GAP))
        .process(MakeSession)
        .uid("sessions");

    // A session's time is the last one of its window, so it counts for the hour in which that lies.
    let hours = sessions.window_all(TumblingEventTimeWindows::of(HOUR)).process_all(Summary).uid("hours");

    let lines = sessions.map(|session| {
        let Session { visitor, start, minutes, pages } = session;
        format!("{} {visitor}: {minutes} min, {}", clock(start), pages.join(" > "))
    });
    let lines = lines.union([&hours]);
    match args.get("output") {
        Some(folder) => {
            lines.write_text(folder);
            env.execute("session analytics")?;
        }
        None => {
            let mut lines = lines.execute_and_collect("session analytics")?;
            lines.sort();
            lines.iter().for_each(|line| println!("{line}"));
        }
    }
    Ok(())
}

fn click(n: u64) -> Click {
    let (clock, visitor, page) = CLICKS[n as usize];
    let minutes = clock.split(':').fold(0, |sum, part| sum * 60 + part.parse::<i64>().unwrap_or(0));
    Click { visitor: visitor.to_owned(), time: EventTime(minutes * 60_000), page: page.to_owned() }
}

/// The clicks of a morning as the site's servers send them: nearly in order.
const CLICKS: [(&str, &str, &str); 16] = [
    ("08:00", "ada", "/"),
    ("08:02", "ada", "/search"),
    ("08:04", "bob", "/"),
    ("08:03", "ada", "/boats"), // overtaken by bob's click
    ("08:20", "bob", "/boats"),
    ("08:21", "ada", "/boats/7"),
    ("08:49", "bob", "/boats/7"), // 29 minutes later: the same session
    ("08:55", "eve", "/login"),
    ("09:05", "ada", "/"), // 44 minutes later: another one
    ("09:06", "ada", "/orders"),
    ("09:31", "cem", "/"),
    ("09:40", "bob", "/"),
    ("09:41", "bob", "/imprint"),
    ("10:01", "cem", "/"), // exactly 30 minutes later: windows that touch are one
    ("10:02", "cem", "/boats"),
    ("10:45", "eve", "/login"),
];

fn clock(time: EventTime) -> String {
    format!("{:02}:{:02}", time.0 / 3_600_000, time.0 / 60_000 % 60)
}
