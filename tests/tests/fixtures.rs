//! Checkpoints that earlier Flotts have written are read for ever: `tests/fixtures/README.md`.

use flott::prelude::*;
use flott_tests::fixture::{self, COUNT, HELD_EVERY, KEYS, LATE, RULES};
use std::collections::BTreeMap;

/// What the job must have emitted in the end, by plain loops.
fn expected() -> Vec<String> {
    let mut lines = Vec::new();
    for key in 0..KEYS {
        let all: Vec<u64> = (0..COUNT).filter(|n| n % KEYS == key).collect();
        let sum: u64 = all.iter().sum();
        let mut by_digit: BTreeMap<char, u64> = BTreeMap::new();
        for n in &all {
            *by_digit.entry(char::from(b'0' + (n % 10) as u8)).or_default() += n;
        }
        let by_digit: Vec<(char, u64)> = by_digit.into_iter().collect();
        let (largest, count) = (Some(all.last().copied()), Some(all.len()));
        let mean = Some(format!("{sum} in {}", all.len()));
        lines.push(format!("kinds {key}: {largest:?} {count:?} {all:?} {by_digit:?} {:?} {mean:?}", Some(sum)));
        lines.push(format!("window [-500000, 500000) of {key}: {sum}"));
        lines.push(format!("window [0, 1000000) of {key}: {sum}"));
        let end = all.last().unwrap() + 10_000;
        lines.push(format!("session [{key}, {end}) of {key}: {sum}"));
    }
    for n in (0..COUNT).step_by(HELD_EVERY as usize) {
        lines.push(format!("held {n}"));
        lines.push(format!("shared {n}"));
    }
    let rules: Vec<String> = (1..=RULES).map(|n| format!("rule {n}")).collect();
    lines.extend((LATE..COUNT).map(|n| format!("{n} by {rules:?}")));
    lines.sort();
    lines
}

/// Restores what is kept at a path, at several parallelisms, on a backend.
fn restores(path: &str, backend: &str) {
    for parallelism in [1, 2, 3] {
        let env = StreamExecutionEnvironment::get_execution_environment().unwrap();
        let path = format!("{}/fixtures/{path}", env!("CARGO_MANIFEST_DIR"));
        env.configure("execution.state-recovery.path", &path).set_parallelism(parallelism);
        env.configure("state.backend.type", backend);
        // The number of key groups is the checkpoint's.
        let mut lines = fixture::build(&env, None).execute_and_collect("fixture").unwrap();
        lines.sort();
        assert_eq!(lines, expected(), "{path} on {backend} at parallelism {parallelism}");
    }
}

#[test]
fn a_checkpoint_of_the_first_format_is_restored_at_any_parallelism() {
    restores("checkpoint-v1/chk-4", "hashmap");
}

#[test]
fn a_checkpoint_with_descriptions_is_restored_on_both_backends() {
    restores("checkpoint-v2/chk-4", "hashmap");
    restores("checkpoint-v2/chk-4", "rocksdb");
}

#[test]
fn a_checkpoint_with_lists_in_parts_is_restored_on_both_backends() {
    restores("checkpoint-v3/chk-4", "hashmap");
    restores("checkpoint-v3/chk-4", "rocksdb");
    restores("rocksdb-v2/chk-4", "rocksdb");
}

#[test]
fn a_checkpoint_of_merged_files_is_restored_on_both_backends() {
    restores("merged-v1/chk-4", "hashmap");
    restores("merged-v1/chk-4", "rocksdb");
}

#[test]
fn a_checkpoint_of_rocksdb_is_restored_at_any_parallelism() {
    restores("rocksdb-v1/chk-4", "rocksdb");
}

#[test]
fn a_checkpoint_whose_barriers_overtook_is_restored_at_any_parallelism() {
    restores("unaligned-v1/chk-4", "hashmap");
}

#[test]
fn a_canonical_savepoint_is_restored_on_both_backends() {
    restores("savepoint-v1", "hashmap");
    restores("savepoint-v1", "rocksdb");
}

#[test]
fn a_native_savepoint_is_restored_at_any_parallelism() {
    restores("native-savepoint-v1", "hashmap");
}
