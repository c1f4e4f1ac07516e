//! Every way from one operator to the next.

use crate::jobs::events::{self, Event};
use flott::prelude::*;
use flott_sim::{Job, Rows, World};

pub const JOB: Job = Job::new("partitioning", build, expected);
/// Parallelism of the operator that everything is broadcast to.
const COPIES: u32 = 2;

fn next(n: (u32, u64, u32)) -> (u32, u64, u32) {
    (n.0, n.1, n.2 + 1)
}

fn build(world: &World, env: &StreamExecutionEnvironment) {
    let numbers = events::stream(world, env).map(|event: Event| (event.partition, event.n, 0));
    let through =
        numbers.rebalance().map(next).set_parallelism(3).rescale().map(next).shuffle().map(next).set_parallelism(2);
    let through = through.global().map(next).forward().map(next).disable_chaining();
    through.sink_to(world.ledger("all ways"));
    numbers.broadcast().map(|n| (n.0, n.1)).set_parallelism(COPIES).sink_to(world.ledger("copies"));
    numbers
        .partition_custom(|n: &u64, subtasks| (n % u64::from(subtasks)) as u32, |n| n.1)
        .map(|n| n.1)
        .slot_sharing_group("custom")
        .sink_to(world.ledger("custom"));
}

fn expected(world: &World) -> Rows {
    let mut rows = Rows::new();
    for event in events::all(world) {
        rows.add("all ways", &(event.partition, event.n, 5));
        rows.extend("copies", (0..COPIES).map(|_| (event.partition, event.n)));
        rows.add("custom", &event.n);
    }
    rows
}
