//! Late data: a window that fires again within its allowed lateness, and a side output for what comes after.
//!
//! What is late depends on the watermark alone, which is part of the input here: marks that stand in the one partition, at
//! the head of each chunk, so that a restored source says again how far event time had come. (Watermarks are not part of
//! checkpoints.) All is one subtask up to the windows, so that no other channel holds event time back for a while.

use crate::jobs::events;
use flott::api::{WatermarkGenerator, WatermarkStrategy};
use flott::operators::window::TumblingEventTimeWindows;
use flott::prelude::*;
use flott_sim::{Job, Rows, World};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub const JOB: Job = Job::new("late", build, expected);
const CHUNKS: u64 = 60;
const CHUNK_ROWS: usize = 5;
const SIZE_MS: i64 = 50;
const LATENESS_MS: i64 = 30;

/// A row of the input.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Row {
    /// Event time has come this far.
    Mark(i64),
    /// Key, number, time.
    Record(u32, u64, i64),
}

impl Row {
    fn time(&self) -> i64 {
        match self {
            Row::Mark(time) | Row::Record(_, _, time) => *time,
        }
    }
}

/// One partition: chunks of a mark and some records, most of them after the mark, some before it.
fn input(world: &World) -> Vec<Row> {
    let chunks = world.events(1, CHUNKS, |_, n, random| {
        let mark = n as i64 * 20;
        let record = |i: u64, random: &mut fastrand::Rng| {
            Row::Record(random.u32(..3), n * 10 + i, (mark + random.i64(-120..60)).max(0))
        };
        let mut rows = vec![Row::Mark(mark)];
        rows.extend((1..CHUNK_ROWS as u64).map(|i| record(i, random)));
        rows
    });
    chunks.into_iter().flatten().flatten().collect()
}

struct Marks;

impl WatermarkGenerator<Row> for Marks {
    fn on_event(&mut self, row: &Row, _: EventTime) -> Option<Watermark> {
        match row {
            Row::Mark(time) => Some(Watermark(*time)),
            Row::Record(..) => None,
        }
    }

    fn on_periodic(&mut self) -> Option<Watermark> {
        None
    }
}

fn build(world: &World, env: &StreamExecutionEnvironment) {
    let late = OutputTag::new("late");
    let source = world.replay_timed(vec![input(world)], Row::time).in_chunks_of(CHUNK_ROWS);
    let rows = env.from_source(source, WatermarkStrategy::for_generator(|| Marks), "marked").uid("marked");
    let records = events::stepping(world, &rows.set_parallelism(1)).set_parallelism(1).flat_map(|row, out| {
        if let Row::Record(key, n, time) = row {
            out.collect((key, n, time));
        }
    });
    let windows = records
        .set_parallelism(1)
        .key_by(|row| row.0)
        .window(TumblingEventTimeWindows::of(Duration::from_millis(SIZE_MS as u64)))
        .allowed_lateness(Duration::from_millis(LATENESS_MS as u64))
        .side_output_late_data(&late)
        .apply(|key: &u32, window: TimeWindow, rows: &[(u32, u64, i64)], out: &mut Collector<(u32, i64, Vec<u64>)>| {
            out.collect((*key, window.start.0, rows.iter().map(|row| row.1).collect()));
        })
        .uid("windows");
    windows.get_side_output(&late).sink_to(world.ledger("late"));
    windows.sink_to(world.ledger("windows"));
}

/// Goes through the input as it comes, with Flink's rules: a window fires when the watermark reaches its last
/// millisecond, again with each record until the watermark reaches that plus the lateness, and is then gone.
fn expected(world: &World) -> Rows {
    let mut rows = Rows::new();
    let mut windows: BTreeMap<(i64, u32), Vec<u64>> = BTreeMap::new();
    let mut watermark = i64::MIN;
    let last = |start: i64| start + SIZE_MS - 1;
    for row in input(world) {
        match row {
            Row::Mark(time) => {
                for ((start, key), content) in &windows {
                    if watermark < last(*start) && last(*start) <= time {
                        rows.add("windows", &(*key, *start, content.clone()));
                    }
                }
                watermark = watermark.max(time);
                windows.retain(|(start, _), _| last(*start) + LATENESS_MS > watermark);
            }
            Row::Record(key, n, time) => {
                let start = time.div_euclid(SIZE_MS) * SIZE_MS;
                if last(start) + LATENESS_MS <= watermark {
                    rows.add("late", &(key, n, time));
                    continue;
                }
                let content = windows.entry((start, key)).or_default();
                content.push(n);
                if last(start) <= watermark {
                    rows.add("windows", &(key, start, content.clone()));
                }
            }
        }
    }
    for ((start, key), content) in windows {
        if watermark < last(start) {
            rows.add("windows", &(key, start, content));
        }
    }
    rows
}
