//! EXACTLY_ONCE and AT_LEAST_ONCE, and defaults that depend on checkpoints.

use flott::prelude::*;
use flott_sim::{Job, Life, Plan, Rows, Until, World, run};
use std::time::Duration;

/// Counts per key over two inputs of one operator, so that barriers have to be aligned.
fn build(world: &World, env: &StreamExecutionEnvironment) {
    let numbers = || world.replay(world.events(3, 150, |partition, n, _| u64::from(partition) * 1000 + n));
    let one = env.from_source(numbers(), WatermarkStrategy::no_watermarks(), "one");
    let two = env.from_source(numbers(), WatermarkStrategy::no_watermarks(), "two");
    let counts = one
        .union([&two])
        .key_by(|n| n % 10)
        .map_with_state(|n: u64, count: &mut Option<u64>| (n % 10, *count.insert(count.unwrap_or(0) + 1)));
    counts.sink_to(world.ledger("counts"));
}

fn expected(_: &World) -> Rows {
    let mut rows = Rows::new();
    rows.extend("counts", (0..10u64).flat_map(|key| (1..=90u64).map(move |count| (key, count))));
    rows
}

/// What was committed, without the highest counts, which are higher when records are counted twice.
fn committed_up_to_90(world: &World) -> Rows {
    world.committed().at_most_once(|row| {
        row.rsplit([' ', ')']).nth(1).is_some_and(|count| count.parse::<u64>().is_ok_and(|n| n <= 90))
    })
}

fn plan(seed: u64, mode: &str) -> Plan {
    let life = |until| {
        let mut life = Life::quiet(3, until);
        life.options.push(("execution.checkpointing.mode", mode.to_owned()));
        // Channels run apart, so that alignment matters.
        life.options.push(("flott.exchange.batch-rows", "1".to_owned()));
        life.faults.pace.stalls = 0.3;
        life.faults.messages.delay_max = Duration::from_millis(20);
        life
    };
    let crash = Until::Checkpoints(2, Duration::from_millis(seed % 20));
    Plan { seed, data_seed: seed, lives: vec![life(crash), life(Until::End)] }
}

#[test]
fn exactly_once_counts_every_record_once() {
    let job = Job::new("modes", build, expected);
    for seed in 0..20 {
        run(&job, &plan(seed, "EXACTLY_ONCE")).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    }
}

#[test]
fn at_least_once_loses_nothing_and_may_count_twice() {
    let strict = Job::new("modes", build, expected);
    let lenient = strict.read_by(committed_up_to_90);
    let mut doubled = 0;
    for seed in 0..20 {
        doubled += u64::from(run(&strict, &plan(seed, "AT_LEAST_ONCE")).is_err());
        run(&lenient, &plan(seed, "AT_LEAST_ONCE")).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    }
    assert!(doubled > 0, "barriers were aligned although nobody asked for it");
}
