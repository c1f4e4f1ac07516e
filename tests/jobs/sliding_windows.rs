//! Sliding event-time windows with a function of all their records.

use crate::jobs::events::{self, Event};
use flott::operators::window::SlidingEventTimeWindows;
use flott::prelude::*;
use flott_sim::{Job, Rows, World};
use std::collections::BTreeMap;

pub const JOB: Job = Job::new("sliding_windows", build, expected);
const SIZE_MS: i64 = 90;
const SLIDE_MS: i64 = 40;

type Seen = Vec<(u32, u64)>;

fn build(world: &World, env: &StreamExecutionEnvironment) {
    let ms = |n: i64| Duration::from_millis(n as u64);
    events::stream(world, env)
        .key_by(|event| event.key)
        .window(SlidingEventTimeWindows::of(ms(SIZE_MS), ms(SLIDE_MS)))
        .apply(|key: &u32, window: TimeWindow, events: &[Event], out: &mut Collector<(u32, i64, Seen)>| {
            let mut seen: Seen = events.iter().map(|event| (event.partition, event.n)).collect();
            seen.sort_unstable();
            out.collect((*key, window.start.0, seen));
        })
        .sink_to(world.ledger("windows"));
}

fn expected(world: &World) -> Rows {
    let mut windows: BTreeMap<(u32, i64), Seen> = BTreeMap::new();
    for event in events::all(world) {
        let mut start = event.time.div_euclid(SLIDE_MS) * SLIDE_MS;
        while start > event.time - SIZE_MS {
            windows.entry((event.key, start)).or_default().push((event.partition, event.n));
            start -= SLIDE_MS;
        }
    }
    let mut rows = Rows::new();
    for ((key, start), mut seen) in windows {
        seen.sort_unstable();
        rows.add("windows", &(key, start, seen));
    }
    rows
}
