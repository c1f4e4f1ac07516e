//! Two streams that meet in windows: as pairs, and as groups.

use crate::jobs::events::{self, Event, source_of};
use flott::datastream::DataStream;
use flott::operators::window::TumblingEventTimeWindows;
use flott::prelude::*;
use flott_sim::{Job, Rows, World};
use std::collections::BTreeMap;

pub const JOIN: Job = Job::new("window_join", build_join, expected_join);
pub const CO_GROUP: Job = Job::new("co_group", build_co_group, expected_co_group);
const SIZE_MS: i64 = 80;

/// The second input: other events of the same keys.
fn others(world: &World) -> Vec<Vec<Event>> {
    world.events(3, 80, |partition, n, random| Event {
        partition: 100 + partition,
        n,
        key: random.u32(..events::KEYS),
        value: random.i64(..100),
        time: n as i64 * events::STEP_MS + random.i64(0..=events::DISORDER_MS),
    })
}

fn streams(world: &World, env: &StreamExecutionEnvironment) -> (DataStream<Event>, DataStream<Event>) {
    let second = world.replay_timed(others(world), |event| event.time);
    (events::stream(world, env), source_of(env, second, "others"))
}

fn windows() -> TumblingEventTimeWindows {
    TumblingEventTimeWindows::of(Duration::from_millis(SIZE_MS as u64))
}

type Id = (u32, u64);

fn id(event: &Event) -> Id {
    (event.partition, event.n)
}

fn build_join(world: &World, env: &StreamExecutionEnvironment) {
    let (first, second) = streams(world, env);
    first
        .join(&second)
        .where_(|event| event.key)
        .equal_to(|event| event.key)
        .window(windows())
        .apply(|a: &Event, b: &Event| (id(a), id(b)))
        .sink_to(world.ledger("pairs"));
}

fn build_co_group(world: &World, env: &StreamExecutionEnvironment) {
    let (first, second) = streams(world, env);
    first
        .co_group(&second)
        .where_(|event| event.key)
        .equal_to(|event| event.key)
        .window(windows())
        .apply(|key: &u32, a: &[Event], b: &[Event], out: &mut Collector<(u32, Vec<Id>, Vec<Id>)>| {
            out.collect((*key, sorted(a), sorted(b)));
        })
        .sink_to(world.ledger("groups"));
}

fn sorted(events: &[Event]) -> Vec<Id> {
    let mut ids: Vec<Id> = events.iter().map(id).collect();
    ids.sort_unstable();
    ids
}

fn grouped(world: &World) -> BTreeMap<(u32, i64), (Vec<Event>, Vec<Event>)> {
    let mut groups: BTreeMap<(u32, i64), (Vec<Event>, Vec<Event>)> = BTreeMap::new();
    let place = |event: &Event| (event.key, event.time.div_euclid(SIZE_MS));
    for event in events::all(world) {
        groups.entry(place(&event)).or_default().0.push(event);
    }
    for event in others(world).into_iter().flatten() {
        groups.entry(place(&event)).or_default().1.push(event);
    }
    groups
}

fn expected_join(world: &World) -> Rows {
    let mut rows = Rows::new();
    for (a, b) in grouped(world).values() {
        a.iter().for_each(|a| rows.extend("pairs", b.iter().map(|b| (id(a), id(b)))));
    }
    rows
}

fn expected_co_group(world: &World) -> Rows {
    let mut rows = Rows::new();
    for ((key, _), (a, b)) in grouped(world) {
        rows.add("groups", &(key, sorted(&a), sorted(&b)));
    }
    rows
}
