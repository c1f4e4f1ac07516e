//! Windows by count, of keys that are read in order.

use crate::jobs::events::{self, Event};
use flott::prelude::*;
use flott_sim::{Job, Rows, World};
use std::collections::BTreeMap;

pub const TUMBLING: Job = Job::new("count_windows", build_tumbling, expected_tumbling);
pub const SLIDING: Job = Job::new("sliding_count_windows", build_sliding, expected_sliding);
const SIZE: usize = 4;
const SLIDE: usize = 3;

type Counted = ((u32, u32), Vec<u64>);

fn numbers(key: &(u32, u32), _: GlobalWindow, events: &[Event], out: &mut Collector<Counted>) {
    out.collect((*key, events.iter().map(|event| event.n).collect()));
}

fn build_tumbling(world: &World, env: &StreamExecutionEnvironment) {
    events::stream(world, env)
        .key_by(Event::local_key)
        .count_window(SIZE as u64)
        .apply(numbers)
        .sink_to(world.ledger("windows"));
}

fn build_sliding(world: &World, env: &StreamExecutionEnvironment) {
    events::stream(world, env)
        .key_by(Event::local_key)
        .count_window_sliding(SIZE as u64, SLIDE as u64)
        .apply(numbers)
        .sink_to(world.ledger("windows"));
}

fn by_key(world: &World) -> BTreeMap<(u32, u32), Vec<u64>> {
    let mut numbers: BTreeMap<(u32, u32), Vec<u64>> = BTreeMap::new();
    for event in events::all(world) {
        numbers.entry(event.local_key()).or_default().push(event.n);
    }
    numbers
}

fn expected_tumbling(world: &World) -> Rows {
    let mut rows = Rows::new();
    for (key, numbers) in by_key(world) {
        // What is left over at the end never fires.
        rows.extend("windows", numbers.chunks_exact(SIZE).map(|window| (key, window.to_vec())));
    }
    rows
}

fn expected_sliding(world: &World) -> Rows {
    let mut rows = Rows::new();
    for (key, numbers) in by_key(world) {
        for end in (SLIDE..=numbers.len()).step_by(SLIDE) {
            rows.add("windows", &(key, numbers[end.saturating_sub(SIZE)..end].to_vec()));
        }
    }
    rows
}
