//! The simulator itself: it is deterministic, its faults happen, and it notices what is lost or doubled.

#![cfg(test)]

use flott::prelude::*;
use flott_sim::scenario::End;
use flott_sim::{Job, Plan, Rows, World, run};
use std::collections::BTreeMap;

const COUNTS: Job = Job::new("counts", build, expected);

fn input(world: &World) -> Vec<Vec<(u32, u64)>> {
    world.events(4, 100, |partition, _, random| (partition, random.u64(..9)))
}

fn counts(world: &World, env: &StreamExecutionEnvironment) -> DataStream<((u32, u64), u64)> {
    let user_code = world.clone();
    env.from_source(world.replay(input(world)).dealt_out_on_request(), WatermarkStrategy::no_watermarks(), "input")
        .try_map(move |row| user_code.step().map(|()| (row, 1)))
        .key_by(|row| row.0)
        .sum(|row| &mut row.1)
}

fn build(world: &World, env: &StreamExecutionEnvironment) {
    counts(world, env).sink_to(world.ledger("counts"));
}

fn expected(world: &World) -> Rows {
    let (mut rows, mut counts) = (Rows::new(), BTreeMap::new());
    for row in input(world).into_iter().flatten() {
        let count = counts.entry(row).or_insert(0u64);
        *count += 1;
        rows.add("counts", &(row, *count));
    }
    rows
}

#[test]
fn a_quiet_life_gives_what_is_expected() {
    for parallelism in [1, 2, 3, 7] {
        let outcome = run(&COUNTS, &Plan::straight(1, parallelism)).unwrap();
        assert!(outcome.checkpoints > 0 && outcome.restarts == 0, "{outcome:?}");
    }
}

#[test]
fn a_seed_goes_the_same_way_twice_and_another_goes_another() {
    let hashes: Vec<u64> = (0..12).map(|seed| run(&COUNTS, &Plan::draw(seed)).unwrap().hash).collect();
    let again: Vec<u64> = (0..12).map(|seed| run(&COUNTS, &Plan::draw(seed)).unwrap().hash).collect();
    assert_eq!(hashes, again);
    assert!(hashes.iter().enumerate().all(|(n, hash)| !hashes[..n].contains(hash)));
}

#[test]
fn faults_happen() {
    let outcomes: Vec<_> = (100..130).map(|seed| run(&COUNTS, &Plan::draw(seed)).unwrap()).collect();
    let sum = |count: fn(&flott_sim::Outcome) -> u64| outcomes.iter().map(count).sum::<u64>();
    assert!(sum(|o| o.crashes() as u64) > 20);
    assert!(sum(|o| o.restores) > 20);
    assert!(sum(|o| o.restarts) > 20);
    assert!(sum(|o| o.aborted) > 10);
    assert!(sum(|o| o.ends.iter().filter(|end| matches!(end, End::Failed(_))).count() as u64) > 0);
}

/// A job that forgets: what it remembers is not in any checkpoint.
fn build_forgetful(world: &World, env: &StreamExecutionEnvironment) {
    let mut seen = 0;
    counts(world, env)
        .filter(move |_| {
            seen += 1;
            seen != 150
        })
        .sink_to(world.ledger("counts"));
}

#[test]
fn a_lost_record_is_noticed() {
    let failure = run(&Job::new("forgetful", build_forgetful, expected), &Plan::straight(1, 1)).unwrap_err();
    assert!(failure.to_string().contains("1 lost"), "{failure}");
}

/// A sink without two phases writes again what it has written before a crash.
fn build_impatient(world: &World, env: &StreamExecutionEnvironment) {
    let ledger = world.clone();
    counts(world, env).for_each(move |row| ledger.commit_at_once("counts", &row));
}

#[test]
fn a_doubled_record_is_noticed() {
    let job = Job::new("impatient", build_impatient, expected);
    run(&job, &Plan::straight(1, 1)).unwrap();
    let noticed = (0..10).filter(|seed| {
        let failure = run(&job, &Plan::killed(*seed, 2, 2)).err();
        failure.is_some_and(|failure| failure.to_string().contains("too often"))
    });
    assert!(noticed.count() > 5);
}

#[test]
fn seeds() {
    let summary =
        flott_sim::sweep::sweep(&[COUNTS], flott_sim::sweep::seeds(0..40).unwrap()).unwrap_or_else(|e| panic!("{e}"));
    println!("{} runs", summary.runs);
}
