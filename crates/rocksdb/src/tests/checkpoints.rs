//! Checkpoints of keyed state on stores: what the first one after a restore writes.

use super::*;
use flott_core::{CheckpointId, JobId, MaxParallelism};
use flott_env::Env;
use flott_state::checkpoint::{CheckpointStorage, JobCheckpoints, LocalStores};
use flott_state::keyed::{AnyKeyedState, KeyedPart, KeyedState, SnapshotKind, ValueState};
use flott_state::{KeyedSnapshot, WorkingSet};
use std::collections::BTreeSet;

const KEYS: u64 = 20_000;

fn max() -> MaxParallelism {
    MaxParallelism::new(12).unwrap()
}

/// Starts a subtask from these snapshots, adds to each of its keys below `changed`, and takes a checkpoint. Also returns
/// the sum of all its keys.
async fn go_on(
    stores: &LocalStores,
    job: &JobCheckpoints,
    restored: &[KeyedSnapshot],
    (subtask, parallelism): (u32, u32),
    changed: u64,
) -> (KeyedSnapshot, u64) {
    let range = max().range(subtask, parallelism);
    let mine: Vec<_> = restored.iter().filter(|keyed| keyed.range.intersects(range)).cloned().collect();
    let opened = stores.open(job, &mine, range).await.unwrap();
    let mut state = KeyedState::<u64>::new(max(), range);
    let stored = job.stored_already(job, &mine);
    state.use_store(opened.store.clone(), stored, WorkingSet::fixed(1 << 20)).unwrap();
    mine.iter().for_each(|keyed| AnyKeyedState::describe_restored(&mut state, &keyed.states));
    let value = ValueState::<(u64, String)>::register(&mut state, "value", None).unwrap();
    let mut sum = 0;
    for key in 0..KEYS {
        if !range.contains(max().key_group(flott_core::key_hash::KeyHash::of(&key))) {
            continue;
        }
        state.set_key(&key);
        if key < changed {
            value.update(&mut state, || (0, format!("{key:0100}")), |(n, _)| *n += 1).unwrap();
        }
        sum += value.get(&mut state).unwrap().map_or(0, |(n, _)| *n);
    }
    let mut unused = || unreachable!("a store names no files");
    AnyKeyedState::open_snapshot(&mut state, SnapshotKind::Incremental, &mut unused).unwrap();
    let part = AnyKeyedState::continue_snapshot(&mut state, usize::MAX, &mut unused).unwrap();
    let Some(KeyedPart::Store(part)) = part else { panic!("state on a store gives the store") };
    let folder = opened.folder.below(1);
    let files = part.take(SnapshotKind::Incremental, folder, "rocksdb", &mut || job.new_shared_file()).unwrap();
    let written = job.write_snapshot(CheckpointId(1), Some(files), Vec::new(), 0).await.unwrap();
    (written.keyed.unwrap(), sum)
}

#[test]
fn after_a_restore_tables_that_are_in_storage_are_not_written_again() {
    let (env, folder) = (Env::real().unwrap(), tempfile::tempdir().unwrap());
    let storage = CheckpointStorage::open(&env, folder.path().to_str().unwrap(), &Configuration::new()).unwrap();
    let mut config = Configuration::new();
    config.set("state.backend.rocksdb.compaction.level.target-file-size-base", "64 kb");
    let stores = LocalStores::new(&env, Arc::new(backend()), Arc::new(config)).unwrap();
    env.block_on(async {
        let job = storage.job(JobId([5; 16])).claim().await.unwrap();
        let (first, sum) = go_on(&stores, &job, &[], (0, 1), KEYS).await;
        assert_eq!(sum, KEYS);
        let mut restored = vec![first];
        let mut expected = KEYS;
        // What is merged is written anew, and may be compacted at once.
        for (parallelism, changed, is_merged) in
            [(1, 0, false), (1, 20, false), (2, 0, false), (3, 20, true), (1, 0, true)]
        {
            let mut after = Vec::new();
            let mut sum = 0;
            for subtask in 0..parallelism {
                let (keyed, of_subtask) = go_on(&stores, &job, &restored, (subtask, parallelism), changed).await;
                after.push(keyed);
                sum += of_subtask;
            }
            expected += changed;
            assert_eq!(sum, expected);
            let known: BTreeSet<_> = restored.iter().flat_map(|keyed| &keyed.files).filter_map(|f| f.path()).collect();
            let mut seen = BTreeSet::new();
            let files = after.iter().flat_map(|keyed| &keyed.files).filter(|file| seen.insert(file.path()));
            let (old, new): (Vec<_>, Vec<_>) = files.partition(|file| known.contains(file.path().unwrap()));
            let bytes = |files: &[&flott_state::Blob]| files.iter().map(|file| file.len()).sum::<u64>();
            let (old, new) = (bytes(&old), bytes(&new));
            assert!(is_merged || new * 10 < old, "at {parallelism} {new} bytes were written, {old} were there");
            restored = after;
        }
    });
}
