//! A job in a second process, killed with SIGKILL again and again, at moments that the seed and its progress decide. What it
//! has committed in the end is compared record by record.

use crate::process::Place;
use fastrand::Rng;

/// Kills of one job before it may run to its end.
const KILLS: usize = 24;

#[test]
fn a_job_that_is_killed_many_times_loses_and_doubles_nothing() {
    let place = Place::new(4, 3000, 30_000);
    let mut random = Rng::with_seed(20_250_607);
    let mut kills = 0;
    while kills < KILLS {
        let parallelism = ["1", "2", "3", "7"][random.usize(..4)];
        let mut run = place.start(&[
            "--rate",
            "6000",
            "-p",
            parallelism,
            "--checkpoint-interval",
            "20 ms",
            "-Drestart-strategy.type=none",
        ]);
        // A line comes every hundred records of a subtask; none at all is right after the start.
        let lines = if random.u8(..6) == 0 { 0 } else { random.usize(1..30) };
        let has_ended = (0..lines).any(|_| run.progress().is_none_or(|line| line == "done"));
        assert!(!has_ended, "the job ended after {kills} kills: {:?}", run.end());
        run.kill();
        kills += 1;
    }
    let (status, said, errors) = place.start(&["--checkpoint-interval", "20 ms"]).end();
    assert!(status.success() && said.last().is_some_and(|line| line == "done"), "{errors}");
    place.check();
}

#[test]
fn a_job_that_is_killed_around_its_end_loses_and_doubles_nothing() {
    for seed in 0..12 {
        let place = Place::new(2, 400, 700);
        let mut random = Rng::with_seed(seed);
        let mut kills = 0;
        loop {
            let mut run = place.start(&["-p", "2", "--checkpoint-interval", "5 ms"]);
            let last_seen = (0..random.usize(8..22)).map_while(|_| run.progress()).last();
            if kills == 4 || last_seen.is_some_and(|line| line == "done") {
                let (status, _, errors) = run.end();
                assert!(status.success(), "seed {seed}: {errors}");
                break;
            }
            run.kill();
            kills += 1;
        }
        place.check();
    }
}

#[test]
fn a_finished_job_that_is_started_again_does_nothing() {
    let place = Place::new(1, 100, 200);
    for _ in 0..3 {
        let (status, said, errors) = place.start(&["--checkpoint-interval", "5 ms"]).end();
        assert!(status.success() && said.last().is_some_and(|line| line == "done"), "{errors}");
        place.check();
    }
}
