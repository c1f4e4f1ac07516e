//! One number for the memory of the process: state ten times as large lives on disk within it, and state on the heap that
//! does not fit into it ends in one clear error.

#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "real processes with their memory are what is tested"
)]

use crate::process::{Lines, Place, Run, assert_same};
use std::path::PathBuf;
use std::process::Command;

const BUDGET_MB: u64 = 96;
const VALUE_BYTES: u64 = 16 << 10;
/// With so many keys there is ten times as much state as memory, and some more.
const KEYS: u64 = 10 * (BUDGET_MB << 20) / VALUE_BYTES + 1000;

fn command(place: &Place, budget_mb: u64, backend: &str, keys: u64, rounds: u64) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_large-state-job"));
    command.arg("--out").arg(place.path("out").join("lines"));
    command.arg("-D").arg(format!("taskmanager.memory.process.size={budget_mb} mb"));
    for (option, value) in [("keys", keys), ("rounds", rounds), ("value-bytes", VALUE_BYTES)] {
        command.arg(format!("--{option}")).arg(value.to_string());
    }
    command.arg("-D").arg(format!("state.backend.type={backend}"));
    command.arg("-D").arg(format!("io.tmp.dirs={}", place.path("tmp").display()));
    command
}

/// Watches a run's memory until it has come far enough, or to its end. Returns the most that it had, in KiB.
fn watch(run: &mut Run, is_far: impl Fn(u64) -> bool) -> u64 {
    let mut peak = 0;
    while let Some(line) = run.progress() {
        peak = peak.max(run.peak_kib().unwrap_or(0));
        match line.split_once(' ') {
            Some(("done", most)) => return peak.max(most.parse().unwrap()),
            Some(("progress", n)) if is_far(n.parse().unwrap()) => return peak,
            _ => {}
        }
    }
    peak
}

/// What two rounds of so many keys write.
fn lines(keys: u64) -> Lines {
    (1..=2).flat_map(|n| (0..keys).map(move |key| (format!("{key} {n}"), 1))).collect()
}

/// Whether a checkpoint is complete.
fn has_checkpoint(place: &Place) -> bool {
    let entries = |folder: PathBuf| std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries(place.path("checkpoints")).flat_map(entries).any(|checkpoint| checkpoint.join("_metadata").exists())
}

#[test]
fn state_ten_times_as_large_as_the_budget_stays_within_it() {
    let place = Place::new(0, 0, 0);
    let start = || {
        let mut command = command(&place, BUDGET_MB, "rocksdb", KEYS, 2);
        command.arg("--checkpoint-dir").arg(place.path("checkpoints")).args(["--from", "latest"]);
        command.args(["--checkpoint-interval", "2 s"]);
        place.watch(command)
    };
    let mut run = start();
    // Half of the state is there, and some of it in a checkpoint.
    let mut peak = watch(&mut run, |seen| seen >= KEYS / 2 && has_checkpoint(&place));
    run.kill();
    let mut run = start();
    peak = peak.max(watch(&mut run, |_| false));
    let (status, _, errors) = run.end();
    assert!(status.success(), "{errors}");
    assert!(errors.contains("kept    operator `large state`"), "{errors}");
    assert!(peak > 0 && peak < BUDGET_MB << 10, "{} MB at most\n{errors}", peak >> 10);
    assert_same(&place.committed("lines"), &lines(KEYS));
}

#[test]
fn large_records_in_channels_stay_within_the_budget() {
    const MB: u64 = 160;
    const SOME_KEYS: u64 = 10_000;
    let place = Place::new(0, 0, 0);
    // A channel with all that it may hold would take 256 MB.
    let mut command = command(&place, MB, "rocksdb", SOME_KEYS, 2);
    command.args(["--wide", "true"]);
    let mut run = place.watch(command);
    let peak = watch(&mut run, |_| false);
    let (status, _, errors) = run.end();
    assert!(status.success(), "{errors}");
    assert!(peak > 0 && peak < MB << 10, "{} MB at most", peak >> 10);
    assert_same(&place.committed("lines"), &lines(SOME_KEYS));
}

#[test]
fn heap_state_that_outgrows_the_budget_fails_with_what_to_do() {
    let place = Place::new(0, 0, 0);
    let mut command = command(&place, BUDGET_MB, "hashmap", KEYS, 1);
    // With checkpoints, so that a failed job is restarted, again and again, if that may help.
    command.arg("--checkpoint-dir").arg(place.path("checkpoints")).args(["--checkpoint-interval", "1 h"]);
    let mut run = place.watch(command);
    let peak = watch(&mut run, |_| false);
    let (status, said, errors) = run.end();
    assert!(!status.success(), "{said:?}");
    assert!(peak < BUDGET_MB << 10, "{} MB at most", peak >> 10);
    let error = errors.lines().last().unwrap();
    for part in [
        "limit error: keyed state does not fit into memory: it takes about ",
        "may have 96 mb (option `taskmanager.memory.process.size`)",
        "keep state on disk with `state.backend.type: rocksdb`, or give the process more memory",
        "in operator `large state`, subtask 1 of 1",
    ] {
        assert!(error.contains(part), "{part} is missing in\n{error}");
    }
}
