//! A rolling reduce in which the order of a key's records shows.

use crate::jobs::events::{self, Event};
use flott::datastream::StreamExecutionEnvironment;
use flott_sim::{Job, Rows, World};
use std::collections::BTreeMap;

pub const JOB: Job = Job::new("reduce", build, expected);

fn fold(so_far: i64, next: i64) -> i64 {
    so_far.wrapping_mul(31).wrapping_add(next)
}

fn build(world: &World, env: &StreamExecutionEnvironment) {
    events::stream(world, env)
        .key_by(Event::local_key)
        .reduce(|so_far: Event, next: Event| Event { value: fold(so_far.value, next.value), ..next })
        .map(|event| (event.local_key(), event.n, event.value))
        .sink_to(world.ledger("reduced"));
}

fn expected(world: &World) -> Rows {
    let (mut rows, mut values) = (Rows::new(), BTreeMap::new());
    for event in events::all(world) {
        let value = values.get(&event.local_key()).map_or(event.value, |so_far| fold(*so_far, event.value));
        values.insert(event.local_key(), value);
        rows.add("reduced", &(event.local_key(), event.n, value));
    }
    rows
}
