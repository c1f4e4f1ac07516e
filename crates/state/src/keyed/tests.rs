//! Tests of keyed state: each kind against a model, snapshots and restores in between.

mod asking;
mod files;
mod index;
mod kinds;
mod lists;
mod model;
mod parted;
mod rows;
mod stored;
mod timers;
mod ttl;
mod ttl_model;

use super::*;
use bytes::Bytes;
use flott_core::{Key, KeyGroupRange, MaxParallelism, ProcessingTime};
use std::collections::BTreeMap;

/// Storage in memory that can fail.
#[derive(Default)]
struct Disk {
    files: BTreeMap<String, Bytes>,
    named: u32,
}

impl Disk {
    fn snapshot(&mut self, state: &mut dyn AnyKeyedState, full: bool) -> KeyedFiles {
        self.take(state, if full { SnapshotKind::Full } else { SnapshotKind::Incremental })
    }

    fn savepoint(&mut self, state: &mut dyn AnyKeyedState) -> KeyedFiles {
        self.take(state, SnapshotKind::Savepoint)
    }

    /// Takes a snapshot at once.
    fn take(&mut self, state: &mut dyn AnyKeyedState, kind: SnapshotKind) -> KeyedFiles {
        let named = &mut self.named;
        let mut name_file = || next_name(named);
        state.open_snapshot(kind, &mut name_file).unwrap();
        match state.continue_snapshot(usize::MAX, &mut name_file).unwrap() {
            Some(KeyedPart::Files(files)) => files,
            _ => panic!("state on the heap gives files"),
        }
    }

    /// Writes what is unwritten; the first `limit` files only.
    fn write(&mut self, snapshot: &KeyedFiles, limit: usize) -> bool {
        let unwritten: Vec<_> = snapshot.files.iter().filter(|f| f.unwritten().is_some()).collect();
        for file in unwritten.iter().take(limit) {
            self.files.insert(file.path().to_owned(), file.unwritten().unwrap());
            file.written(crate::Blob::Inline(Vec::new()));
        }
        unwritten.len() <= limit
    }

    /// Writes all of a snapshot and says where it is.
    fn save(&mut self, snapshot: &KeyedFiles) -> Saved {
        assert!(self.write(snapshot, usize::MAX));
        Saved { range: snapshot.range, paths: snapshot.files.iter().map(|f| f.path().to_owned()).collect() }
    }

    fn restore<K: Key>(&self, saved: &[Saved], max: MaxParallelism, range: KeyGroupRange) -> KeyedState<K> {
        let mut state = KeyedState::new(max, range);
        state.set_now(ProcessingTime(0));
        for path in saved.iter().filter(|s| s.range.intersects(range)).flat_map(|s| &s.paths) {
            AnyKeyedState::restore(&mut state, self.files[path].clone()).unwrap();
        }
        state
    }
}

fn next_name(named: &mut u32) -> String {
    *named += 1;
    format!("file-{named}")
}

/// A snapshot of one subtask that is safe.
#[derive(Clone)]
struct Saved {
    range: KeyGroupRange,
    paths: Vec<String>,
}

fn groups(count: u32) -> MaxParallelism {
    MaxParallelism::new(count).unwrap()
}

/// State of a single subtask.
fn single<K: Key>() -> KeyedState<K> {
    KeyedState::new(groups(128), groups(128).all())
}

/// The state after a snapshot and a restore.
fn restored<K: Key>(state: &mut KeyedState<K>) -> KeyedState<K> {
    let mut disk = Disk::default();
    let snapshot = disk.snapshot(state, true);
    let saved = disk.save(&snapshot);
    disk.restore(&[saved], groups(128), groups(128).all())
}
