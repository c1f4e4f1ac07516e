//! State on the heap that is written in several files, the first ones while the others are still being made of it.

#![expect(clippy::disallowed_methods, reason = "the test waits for a job in real time and looks at its files")]

use flott::prelude::*;
use std::path::Path;

/// Keys, each with a value of 1 MiB.
const KEYS: u64 = 80;
const VALUE_BYTES: usize = 1 << 20;
/// Files of keyed state are closed when they have so many bytes.
const FILE_BYTES: u64 = 32 << 20;

/// The value of a key.
fn value(key: u64) -> String {
    let letter = char::from(b'a' + (key % 26) as u8);
    std::iter::repeat_n(letter, VALUE_BYTES).collect()
}

/// Says of each number whether its key's value was there, and was the right one.
fn job(env: &StreamExecutionEnvironment, options: DataGenOptions) -> DataStream<(u64, Option<bool>)> {
    let numbers = env.datagen(|n| n, options).uid("numbers");
    let seen = |n: u64, held: &mut Option<String>| {
        let was_right = held.as_ref().map(|held| *held == value(n % KEYS));
        held.get_or_insert_with(|| value(n % KEYS));
        (n, was_right)
    };
    numbers.key_by(|n: &u64| n % KEYS).map_with_state(seen).uid("values")
}

fn environment(folder: &Path) -> StreamExecutionEnvironment {
    let env = StreamExecutionEnvironment::get_execution_environment().unwrap();
    env.configure("execution.checkpointing.interval", "500 ms");
    env.configure("execution.checkpointing.dir", folder.to_str().unwrap());
    env.configure("state.backend.type", "hashmap");
    env.set_parallelism(1);
    env
}

/// Bytes of the files below a folder that are as large as files of keyed state become.
fn full_files(folder: &Path) -> usize {
    let mut folders = vec![folder.to_owned()];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
            // A file may just be deleted.
            match entry.metadata() {
                Ok(about) if about.is_dir() => folders.push(entry.path()),
                Ok(about) => count += usize::from(about.len() >= FILE_BYTES),
                Err(_) => {}
            }
        }
    }
    count
}

#[test]
fn large_state_on_the_heap_is_written_in_files_and_restored() {
    let folder = tempfile::tempdir().unwrap();
    let env = environment(folder.path());
    job(&env, DataGenOptions::new().with_rate_per_second(40.0)).blackhole().uid("nowhere");
    let running = env.execute_async("values").unwrap();
    while running.latest_checkpoint().is_none() || full_files(folder.path()) < 2 {
        running.wait_for(Duration::from_millis(20)).unwrap();
    }
    // What is on disk now is in the checkpoint after the next one, whatever is under way.
    let (seen, _) = running.latest_checkpoint().unwrap();
    let path = loop {
        match running.latest_checkpoint() {
            Some((id, path)) if id > seen + 1 => break path,
            _ => drop(running.wait_for(Duration::from_millis(20)).unwrap()),
        }
    };
    running.cancel();
    running.wait().unwrap();
    let env = environment(folder.path());
    env.configure("execution.state-recovery.path", &path);
    let found = job(&env, DataGenOptions::new()).execute_and_collect_first("values", 2 * KEYS as usize).unwrap();
    let first = found[0].0;
    assert!(first >= KEYS, "{first} records were before the checkpoint");
    let expected: Vec<_> = (first..first + 2 * KEYS).map(|n| (n, Some(true))).collect();
    assert_eq!(found, expected);
}
