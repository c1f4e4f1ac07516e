//! Which files of a store are written by the first checkpoints after a restore.

use super::*;
use crate::WorkingSet;
use crate::keyed::KeyedPart;
use crate::snapshot::KeyedSnapshot;
use crate::store::MemoryBackend;
use flott_core::{KeyGroupRange, KeyHash, MaxParallelism};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The store in memory makes one file of every 16 key groups.
fn groups() -> MaxParallelism {
    MaxParallelism::new(64).unwrap()
}

/// A keyed operator's subtask on a store.
struct OnStore {
    state: KeyedState<u64>,
    count: ValueState<u64>,
    store: LocalStore,
    range: KeyGroupRange,
}

impl OnStore {
    async fn open(
        stores: &LocalStores,
        job: &JobCheckpoints,
        (from, snapshots): (&JobCheckpoints, &[KeyedSnapshot]),
        range: KeyGroupRange,
    ) -> OnStore {
        let store = stores.open(from, snapshots, range).await.unwrap();
        let mut state = KeyedState::new(groups(), range);
        let stored = job.stored_already(from, snapshots);
        state.use_store(store.store.clone(), stored, WorkingSet::fixed(usize::MAX)).unwrap();
        let count = ValueState::register(&mut state, "count", None).unwrap();
        OnStore { state, count, store, range }
    }

    /// Counts those of the keys that are this subtask's.
    fn count(&mut self, keys: std::ops::Range<u64>) {
        for key in keys.filter(|key| self.range.contains(groups().key_group(KeyHash::of(key)))) {
            self.state.set_key(&key);
            self.count.update(&mut self.state, || 0, |n| *n += 1).unwrap();
        }
    }

    fn sum(&mut self, keys: std::ops::Range<u64>) -> u64 {
        let mut sum = 0;
        for key in keys.filter(|key| self.range.contains(groups().key_group(KeyHash::of(key)))) {
            self.state.set_key(&key);
            sum += self.count.get(&mut self.state).unwrap().copied().unwrap_or_default();
        }
        sum
    }

    async fn snapshot(&mut self, job: &JobCheckpoints, id: u64, kind: SnapshotKind) -> KeyedSnapshot {
        let mut unused = || unreachable!("a store names no files");
        AnyKeyedState::open_snapshot(&mut self.state, kind, &mut unused).unwrap();
        let part = AnyKeyedState::continue_snapshot(&mut self.state, usize::MAX, &mut unused).unwrap();
        let Some(KeyedPart::Store(part)) = part else { panic!("state on a store gives the store") };
        let files = part.take(kind, self.store.folder.below(id), "memory", &mut || job.new_shared_file()).unwrap();
        job.write_snapshot(CheckpointId(id), Some(files), Vec::new(), 0).await.unwrap().keyed.unwrap()
    }
}

fn paths(snapshots: &[KeyedSnapshot]) -> BTreeSet<&str> {
    snapshots.iter().flat_map(|keyed| &keyed.files).filter_map(Blob::path).collect()
}

#[test]
fn files_that_are_in_storage_are_not_written_again_after_a_restore_at_any_parallelism() {
    let test = Folder::new();
    let stores = LocalStores::new(&test.env, Arc::new(MemoryBackend), Arc::default()).unwrap();
    test.env.block_on(async {
        let job = test.storage.job(JOB).claim().await.unwrap();
        let mut first = OnStore::open(&stores, &job, (&job, &[]), groups().all()).await;
        first.count(0..1000);
        let mut restored = vec![first.snapshot(&job, 1, SnapshotKind::Incremental).await];
        drop(first);
        assert_eq!(restored[0].files.len(), 6, "four of the groups, what is said about the state, and a list");

        for (id, parallelism) in [(2, 1), (3, 4), (4, 2), (5, 1)] {
            let before = restored;
            let mut after = Vec::new();
            let mut sum = 0;
            for subtask in 0..parallelism {
                let range = groups().range(subtask, parallelism);
                let mine: Vec<_> = before.iter().filter(|keyed| keyed.range.intersects(range)).cloned().collect();
                let mut state = OnStore::open(&stores, &job, (&job, &mine), range).await;
                // A savepoint is written whole, and the checkpoint after it is not for that.
                let savepoint = state.snapshot(&job, id + 100, SnapshotKind::Savepoint).await;
                assert!(paths(&[savepoint]).is_disjoint(&paths(&before)));
                after.push(state.snapshot(&job, id, SnapshotKind::Incremental).await);
                sum += state.sum(0..1000);
            }
            assert_eq!(sum, 1000);
            let (was, is) = (paths(&before), paths(&after));
            // Nothing has changed but which files a subtask has, which its list says.
            let new: Vec<_> = is.difference(&was).collect();
            assert_eq!(new.len(), parallelism as usize, "{parallelism} subtasks wrote {new:?}");
            restored = after;
        }

        // What has changed is written.
        let mut last = OnStore::open(&stores, &job, (&job, &restored), groups().all()).await;
        last.count(0..1);
        let changed = [last.snapshot(&job, 6, SnapshotKind::Incremental).await];
        assert_eq!(paths(&changed).difference(&paths(&restored)).count(), 2);
        assert_eq!(last.sum(0..1000), 1001);
    });
}

#[test]
fn what_another_job_has_written_is_written_again() {
    let test = Folder::new();
    let stores = LocalStores::new(&test.env, Arc::new(MemoryBackend), Arc::default()).unwrap();
    test.env.block_on(async {
        let job = test.storage.job(JOB).claim().await.unwrap();
        let mut first = OnStore::open(&stores, &job, (&job, &[]), groups().all()).await;
        first.count(0..1000);
        let written = [first.snapshot(&job, 1, SnapshotKind::Incremental).await];
        let other = test.storage.job(JobId([3; 16])).claim().await.unwrap();
        // The folder that was only read is not the job's own, even if it is the same one.
        let only_read = test.storage.job(JOB);
        for (own, from) in [(&other, &job), (&job, &only_read)] {
            let mut state = OnStore::open(&stores, own, (from, &written), groups().all()).await;
            let again = [state.snapshot(own, 2, SnapshotKind::Incremental).await];
            assert!(paths(&again).is_disjoint(&paths(&written)));
            assert_eq!(again[0].files.len(), written[0].files.len());
        }
    });
}
