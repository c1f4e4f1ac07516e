//! Every job on simulated time: straight, killed and restored, at every parallelism, and under many seeds.

use crate::jobs::ALL;
use flott_core::SavepointFormat;
use flott_sim::plan::PARALLELISMS;
use flott_sim::scenario::End;
use flott_sim::sweep::{seeds, sweep, sweep_through};
use flott_sim::{Plan, run};

/// Seeds that are run each time.
const SEEDS: u64 = 600;
/// Seeds with barriers that overtake, small channels and a slow sink.
const UNALIGNED_SEEDS: u64 = 240;

#[test]
fn every_job_gives_its_output_when_run_straight_at_any_parallelism() {
    for job in ALL {
        for parallelism in PARALLELISMS {
            for plan in [Plan::straight(3, parallelism), Plan::straight(3, parallelism).on_store()] {
                let outcome = run(job, &plan);
                let outcome = outcome.unwrap_or_else(|e| panic!("`{}` at parallelism {parallelism}: {e}", job.name));
                let failures = outcome.failures.join("\n");
                assert_eq!(outcome.restarts, 0, "`{}` at parallelism {parallelism}: {failures}", job.name);
            }
        }
    }
}

#[test]
fn every_job_gives_its_output_when_killed_and_restored_at_any_parallelism() {
    for (n, job) in ALL.iter().enumerate() {
        let mut restores = 0;
        for (m, after) in PARALLELISMS.into_iter().enumerate() {
            let seed = (n * PARALLELISMS.len() + m) as u64;
            let before = PARALLELISMS[(n + m + 1) % PARALLELISMS.len()];
            for (before, on_store) in [(before, false), (after, false), (before, true), (after, true)] {
                let plan = Plan::killed(seed, before, after);
                let outcome = run(job, &if on_store { plan.on_store() } else { plan });
                restores += outcome.unwrap_or_else(|e| panic!("`{}` from {before} to {after}: {e}", job.name)).restores;
            }
        }
        assert!(restores > 3, "`{}` was restored {restores} times only", job.name);
    }
}

#[test]
fn every_job_gives_its_output_when_barriers_overtake_at_any_parallelism() {
    for (n, job) in ALL.iter().enumerate() {
        let mut restores = 0;
        for (m, after) in PARALLELISMS.into_iter().enumerate() {
            let seed = (n * PARALLELISMS.len() + m) as u64;
            let outcome = run(job, &Plan::straight(seed, after).unaligned());
            outcome.unwrap_or_else(|e| panic!("`{}` at parallelism {after}: {e}", job.name));
            for before in [PARALLELISMS[(n + m + 1) % PARALLELISMS.len()], after] {
                let outcome = run(job, &Plan::killed(seed, before, after).unaligned());
                restores += outcome.unwrap_or_else(|e| panic!("`{}` from {before} to {after}: {e}", job.name)).restores;
            }
        }
        assert!(restores > 3, "`{}` was restored {restores} times only", job.name);
    }
}

#[test]
fn every_job_gives_its_output_when_moved_with_a_savepoint_between_backends_and_parallelisms() {
    // By job. One that reads files takes no virtual time: there is no moment to stop it.
    let mut all_moved = Vec::new();
    for (n, job) in ALL.iter().enumerate() {
        let mut moved = 0;
        for m in 0..PARALLELISMS.len() {
            let seed = (n * PARALLELISMS.len() + m) as u64;
            let parallelisms = [0, 1, 3].map(|k| PARALLELISMS[(n + m + k) % PARALLELISMS.len()]);
            let plans = [
                Plan::moved(seed, SavepointFormat::Canonical, parallelisms, [false, true, true]),
                Plan::moved(seed + 1, SavepointFormat::Canonical, parallelisms, [true, false, false]),
                Plan::moved(seed + m as u64 / 2, SavepointFormat::Native, parallelisms, [m % 2 == 0; 3]),
            ];
            for plan in plans {
                let outcome = run(job, &plan).unwrap_or_else(|e| panic!("`{}`: {e}\n{plan:?}", job.name));
                moved += outcome.ends.iter().filter(|end| matches!(end, End::Savepoint(_))).count();
            }
        }
        all_moved.push((job.name, moved));
    }
    assert!(all_moved.iter().all(|(name, moved)| *moved > 4 || *name == "files"), "{all_moved:?}");
}

#[test]
fn seeds_of_barriers_that_overtake_under_backpressure() {
    let seeds = seeds(0..UNALIGNED_SEEDS).unwrap();
    let is_usual = seeds == (0..UNALIGNED_SEEDS);
    let summary = sweep_through(ALL, seeds, |seed| Plan::draw(seed).unaligned());
    let summary = summary.unwrap_or_else(|failures| panic!("{failures}"));
    let total = &summary.total;
    println!(
        "{} runs: {} crashes, {} restores, {} bytes in flight",
        summary.runs,
        total.crashes(),
        total.restores,
        total.in_flight_bytes
    );
    if is_usual {
        assert!(total.crashes() > 300 && total.restores > 300 && total.in_flight_bytes > 20_000);
    }
}

#[test]
fn seeds_of_everything_that_can_go_wrong() {
    let seeds = seeds(0..SEEDS).unwrap();
    let is_usual = seeds == (0..SEEDS);
    let summary = sweep(ALL, seeds).unwrap_or_else(|failures| panic!("{failures}"));
    let total = &summary.total;
    println!(
        "{} runs: {} crashes, {} restores, {} restarts, {} checkpoints, {} aborted, {} events in {:?} of virtual time",
        summary.runs,
        total.crashes(),
        total.restores,
        total.restarts,
        total.checkpoints,
        total.aborted,
        total.events,
        total.time
    );
    if is_usual {
        assert!(total.crashes() > 300 && total.restores > 500 && total.restarts > 300 && total.aborted > 100);
    }
}
