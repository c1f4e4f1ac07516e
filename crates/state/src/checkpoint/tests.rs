//! Tests of checkpoints on storage.

#![expect(clippy::disallowed_methods, reason = "the tests look at the local folder and damage it")]

mod faults;
mod fence;
mod files_on_disk;
mod find;
mod flaky;
mod merged;
mod metadata;
mod shared_files;
mod snapshots;

use super::*;
use crate::keyed::{AnyKeyedState, KeyedFiles, KeyedPart, KeyedState, SnapshotKind, ValueState};
use crate::operator::OperatorState;
use crate::snapshot::{Blob, OperatorSnapshot};
use bytes::Bytes;
use flott_core::{
    BarrierKind, CheckpointId, Configuration, ErrorKind, JobId, MaxParallelism, OperatorId, ProcessingTime,
};
use flott_env::Env;
use std::path::{Path, PathBuf};

const JOB: JobId = JobId([0xab; 16]);

fn max() -> MaxParallelism {
    MaxParallelism::new(16).unwrap()
}

/// A keyed operator at work: counts per key.
struct Counter {
    state: KeyedState<u64>,
    count: ValueState<u64>,
}

impl Counter {
    fn new() -> Counter {
        Counter::open(KeyedState::new(max(), max().all()))
    }

    fn open(mut state: KeyedState<u64>) -> Counter {
        let count = ValueState::register(&mut state, "count", None).unwrap();
        Counter { state, count }
    }

    fn count(&mut self, keys: std::ops::Range<u64>) {
        for key in keys {
            self.state.set_key(&key);
            self.count.update(&mut self.state, || 0, |n| *n += 1).unwrap();
        }
    }

    fn get(&mut self, key: u64) -> Option<u64> {
        self.state.set_key(&key);
        self.count.get(&mut self.state).unwrap().copied()
    }

    fn files(&mut self, job: &JobCheckpoints) -> KeyedFiles {
        let mut name_file = || job.new_shared_file();
        AnyKeyedState::open_snapshot(&mut self.state, SnapshotKind::Incremental, &mut name_file).unwrap();
        match AnyKeyedState::continue_snapshot(&mut self.state, usize::MAX, &mut name_file).unwrap() {
            Some(KeyedPart::Files(files)) => files,
            _ => panic!("state on the heap gives files"),
        }
    }

    async fn restored(job: &JobCheckpoints, snapshot: &OperatorSnapshot) -> Counter {
        let mut state = KeyedState::new(max(), max().all());
        for file in job.read_keyed(snapshot.keyed.as_slice()).await.unwrap() {
            AnyKeyedState::restore(&mut state, file).unwrap();
        }
        Counter::open(state)
    }
}

/// Metadata of a checkpoint with one operator of one subtask.
fn metadata(job_name: &str, id: u64, completed_at: i64, snapshot: OperatorSnapshot) -> CheckpointMetadata {
    let operator = OperatorMetadata {
        states: Vec::new(),
        id: OperatorId::from_uid("count"),
        uid: Some("count".into()),
        name: "count".into(),
        parallelism: 1,
        max_parallelism: max(),
        coordinator: Some(Blob::Inline(vec![1, 2, 255])),
        subtasks: vec![snapshot],
        finished: vec![false],
    };
    let (kind, at) = (BarrierKind::Checkpoint, ProcessingTime(completed_at));
    CheckpointMetadata::new(JOB, job_name, CheckpointId(id), kind, at, vec![operator])
}

/// A local folder for one test.
struct Folder {
    folder: tempfile::TempDir,
    env: Env,
    storage: CheckpointStorage,
}

impl Folder {
    fn new() -> Folder {
        let (folder, env) = (tempfile::tempdir().unwrap(), Env::real().unwrap());
        let storage = CheckpointStorage::open(&env, folder.path().to_str().unwrap(), &Configuration::new()).unwrap();
        Folder { folder, env, storage }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Every file, relative to the folder.
    fn files(&self) -> Vec<String> {
        fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { walk(&path, found) } else { found.push(path) }
            }
        }
        let mut found = Vec::new();
        walk(self.folder.path(), &mut found);
        let relative = |path: PathBuf| path.strip_prefix(self.folder.path()).unwrap().to_str().unwrap().to_owned();
        let mut files: Vec<_> = found.into_iter().map(relative).collect();
        files.sort();
        files
    }
}
