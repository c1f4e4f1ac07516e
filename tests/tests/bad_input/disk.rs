//! A disk that is full: under the sink, under the checkpoints, and under records that are sorted.

#![expect(clippy::disallowed_types, reason = "a real process meets a real limit")]

use crate::process::Place;
use flott_sim::faults::{Faults, StoreFaults};
use flott_sim::{Life, Plan, Until, run};
use std::process::Command;
use std::time::Duration;

#[test]
fn a_full_disk_under_the_sink_is_named_and_nothing_is_lost_or_doubled() {
    let place = Place::new(2, 300, 3000);
    let options = ["--checkpoint-interval", "10 ms", "-Drestart-strategy.type=none"];
    // No file may become larger than 4 KiB: writing more fails as it does on a full disk.
    let limited = limit_file_size(&place.command(&options), 4);
    let (status, _, errors) = place.watch(limited).end();
    assert!(!status.success());
    assert!(errors.contains("out/") && errors.contains("File too large"), "{errors}");
    let (status, _, errors) = place.start(&options).end();
    assert!(status.success(), "{errors}");
    place.check();
}

#[test]
fn a_full_disk_under_sorted_records_is_named() {
    let place = Place::new(2, 300, 3000);
    let options = ["-Dexecution.runtime-mode=BATCH", "-Dexecution.sorted-inputs.memory=1 kb"];
    // The sink's files are smaller than this; the records that are sorted are more.
    let limited = limit_file_size(&place.command(&options), 40);
    let (status, _, errors) = place.watch(limited).end();
    assert!(!status.success());
    for part in ["temporary file", "File too large", "io.tmp.dirs"] {
        assert!(errors.contains(part), "{errors}");
    }
    let (status, _, errors) = place.start(&options).end();
    assert!(status.success(), "{errors}");
    place.check();
}

/// The same command in a shell that limits its files to so many KiB.
fn limit_file_size(command: &Command, kib: u32) -> Command {
    let mut limited = Command::new("bash");
    limited.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {kib}; exec \"$0\" \"$@\""));
    limited.arg(command.get_program()).args(command.get_args());
    limited
}

#[test]
fn a_full_disk_under_the_checkpoints_fails_them_and_the_job_goes_on_when_there_is_room() {
    let job = crate::jobs::ALL.iter().find(|job| job.name == "reduce").unwrap();
    // Longer than a checkpoint waits for room.
    let full = StoreFaults { full_ms: 50..12_000, ..StoreFaults::default() };
    let life = |tolerable: u32| Life {
        options: vec![
            ("execution.checkpointing.interval", "20 ms".to_owned()),
            ("execution.checkpointing.tolerable-failed-checkpoints", tolerable.to_string()),
        ],
        faults: Faults { store: full.clone(), ..Faults::quiet() },
        ..Life::quiet(2, Until::End)
    };
    let outcome = run(job, &Plan { seed: 1, data_seed: 1, lives: vec![life(1000)] }).unwrap();
    assert!(outcome.aborted > 3 && outcome.restarts == 0, "{outcome:?}");

    // With none to be tolerated the job restarts until there is room.
    let mut strict = life(0);
    strict.options.push(("restart-strategy.exponential-delay.initial-backoff", "30 ms".to_owned()));
    let outcome = run(job, &Plan { seed: 1, data_seed: 1, lives: vec![strict] }).unwrap();
    assert!(outcome.restarts > 0, "{outcome:?}");

    // Without a restart it fails, says why, and can be started again.
    let mut last = life(0);
    last.options.push(("restart-strategy.type", "none".to_owned()));
    let failure = run(job, &Plan { seed: 1, data_seed: 1, lives: vec![last.clone()] }).unwrap_err();
    for part in ["No space left on device", "free some space", "tolerable-failed-checkpoints"] {
        assert!(failure.what.contains(part), "{}", failure.what);
    }
    let later = Life::quiet(3, Until::End);
    run(job, &Plan { seed: 1, data_seed: 1, lives: vec![last, later] }).unwrap();
    assert!(failure.outcome.time < Duration::from_secs(6), "{:?}", failure.outcome.time);
}
