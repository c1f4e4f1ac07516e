//! Snapshots written, completed, read back, deleted.

use super::*;
use crate::operator::EncodedList;
use crate::snapshot::Redistribution;

const INLINE: u64 = 20 << 10;

#[test]
fn a_checkpoint_is_laid_out_as_in_flink_and_comes_back() {
    let test = Folder::new();
    test.env.block_on(async {
        let job = test.storage.job(JOB);
        let mut counter = Counter::new();
        counter.count(0..10_000);
        let items: Vec<Vec<u8>> = (0..3000u32).map(|n| n.to_le_bytes().repeat(5)).collect();
        let lists = vec![
            EncodedList::of_bytes("large", Redistribution::Split, items.clone()),
            EncodedList::of_bytes("small", Redistribution::Split, items[..2].to_vec()),
            EncodedList::of_bytes("none", Redistribution::Split, Vec::new()),
        ];
        let snapshot = job.write_snapshot(CheckpointId(1), Some(counter.files(&job)), lists, INLINE).await.unwrap();
        assert_eq!(job.list().await.unwrap(), [], "not complete before its metadata is there");
        let metadata = metadata("shop", 1, 5, snapshot);
        job.complete(&metadata).await.unwrap();

        let files = test.files();
        let in_folder = |folder: &str| files.iter().filter(|f| f.starts_with(&format!("{JOB}/{folder}/"))).count();
        assert_eq!((files.len(), in_folder("chk-1"), in_folder("shared")), (3, 2, 1), "{files:?}");
        assert!(files.contains(&format!("{JOB}/chk-1/_metadata")));

        let (found, loaded) = test.storage.find_latest("shop").await.unwrap().unwrap();
        assert_eq!((found, &loaded), (JOB, &metadata));
        let mut restored = Counter::restored(&job, &loaded.operators[0].subtasks[0]).await;
        assert_eq!((restored.get(9_999), restored.get(10_000)), (Some(1), None));
        let restore = redistribute(&loaded.operators[0], max(), 1).unwrap();
        let mut state = OperatorState::new();
        job.restore_operator_state(&restore[0], &mut state).await.unwrap();
        assert_eq!(state.take_items("large"), items);
        assert_eq!(state.take_items("small"), items[..2]);
        assert_eq!(job.read_blob(loaded.operators[0].coordinator.as_ref().unwrap()).await.unwrap()[..], [1, 2, 255]);
    });
}

#[test]
fn small_state_is_in_the_metadata_until_it_grows() {
    let test = Folder::new();
    test.env.block_on(async {
        let job = test.storage.job(JOB);
        let mut counter = Counter::new();
        counter.count(0..10);
        let first = job.write_snapshot(CheckpointId(1), Some(counter.files(&job)), Vec::new(), INLINE).await.unwrap();
        counter.count(0..3);
        let second = job.write_snapshot(CheckpointId(2), Some(counter.files(&job)), Vec::new(), INLINE).await.unwrap();
        assert_eq!(test.files(), [""; 0]);
        assert_eq!(second.keyed.as_ref().unwrap().files.len(), 2);
        assert_eq!(Counter::restored(&job, &first).await.get(2), Some(1));
        assert_eq!(Counter::restored(&job, &second).await.get(2), Some(2));
        // The first file was never written, and now has to be.
        counter.count(0..1);
        let third = job.write_snapshot(CheckpointId(3), Some(counter.files(&job)), Vec::new(), 10).await.unwrap();
        assert_eq!(test.files().len(), third.keyed.as_ref().unwrap().files.len());
        assert_eq!(Counter::restored(&job, &third).await.get(0), Some(3));
        // What is in a file stays there, however small.
        let fourth = job.write_snapshot(CheckpointId(4), Some(counter.files(&job)), Vec::new(), INLINE).await.unwrap();
        assert!(fourth.blobs().all(|blob| blob.path().is_some()));
    });
}

#[test]
fn checkpoints_share_files_until_the_last_is_gone() {
    let test = Folder::new();
    test.env.block_on(async {
        let job = test.storage.job(JOB);
        let mut counter = Counter::new();
        counter.count(0..10_000);
        let mut checkpoints = Vec::new();
        for id in 1..=3 {
            counter.count(0..1000);
            let list = vec![EncodedList::of_bytes("list", Redistribution::Split, vec![vec![id as u8; 30_000]])];
            let snapshot = job.write_snapshot(CheckpointId(id), Some(counter.files(&job)), list, INLINE).await.unwrap();
            checkpoints.push(metadata("shop", id, id as i64, snapshot));
            job.complete(checkpoints.last().unwrap()).await.unwrap();
        }
        assert_eq!(job.list().await.unwrap(), [CheckpointId(3), CheckpointId(2), CheckpointId(1)]);
        let shared = |files: &[String]| files.iter().filter(|f| f.contains("/shared/")).count();
        assert_eq!(shared(&test.files()), 3);
        job.delete_checkpoint(CheckpointId(1)).await.unwrap();
        job.delete_checkpoint(CheckpointId(1)).await.unwrap();
        assert!(!test.path(&format!("{JOB}/chk-1")).exists(), "the empty folder goes too");
        assert_eq!(shared(&test.files()), 3, "the others build on them");
        assert_eq!(job.list().await.unwrap(), [CheckpointId(3), CheckpointId(2)]);

        // What a crash leaves: a checkpoint without metadata, a file that was being written.
        job.write("chk-4/abc", Bytes::from_static(b"x")).await.unwrap();
        job.write("shared/orphan", Bytes::from_static(b"x")).await.unwrap();
        std::fs::write(test.path(&format!("{JOB}/shared/half#1")), "ha").unwrap();
        let kept = &checkpoints[1];
        assert_eq!(job.sweep(std::slice::from_ref(kept)).await.unwrap(), 5);
        let mut expected: Vec<_> = kept.referenced_files().iter().map(|f| format!("{JOB}/{f}")).collect();
        expected.push(format!("{JOB}/chk-2/_metadata"));
        expected.sort();
        assert_eq!(test.files(), expected);
        assert!(!test.path(&format!("{JOB}/chk-4")).exists());
        job.verify(kept).await.unwrap();

        assert_eq!(job.sweep(&[]).await.unwrap(), expected.len());
        assert_eq!(test.files(), [""; 0]);
        assert_eq!(job.list().await.unwrap(), []);
    });
}

#[test]
fn a_checkpoint_is_completed_once() {
    let test = Folder::new();
    test.env.block_on(async {
        let job = test.storage.job(JOB);
        let first = metadata("shop", 1, 5, OperatorSnapshot::default());
        job.complete(&first).await.unwrap();
        job.complete(&first).await.unwrap();
        let error = job.complete(&metadata("shop", 1, 6, OperatorSnapshot::default())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Fenced);
        assert!(error.to_string().contains("chk-1/_metadata"), "{error}");
        assert_eq!(job.load(CheckpointId(1)).await.unwrap(), first);
    });
}

#[test]
fn operator_state_keeps_its_content_over_rescaling() {
    let env = Env::real().unwrap();
    env.block_on(async {
        let job = CheckpointStorage::memory(&env).job(JOB);
        let mut states: Vec<OperatorState> = (0..2).map(|_| OperatorState::new()).collect();
        for (n, state) in (0u32..).zip(&mut states) {
            let split = state.list::<u32>("split", Redistribution::Split).unwrap();
            split.update(state, (n * 10..n * 10 + 5).collect());
            let union = state.list::<u32>("union", Redistribution::Union).unwrap();
            union.add(state, n);
            let rules = state.broadcast::<u32, u32>("rules").unwrap();
            rules.put(state, 7, 70);
        }
        for parallelism in [2, 3, 7, 1, 2] {
            let mut subtasks = Vec::new();
            for state in &states {
                let lists = state.snapshot().unwrap();
                subtasks.push(job.write_snapshot(CheckpointId(1), None, lists, 4).await.unwrap());
            }
            let mut metadata = metadata("shop", 1, 1, OperatorSnapshot::default());
            let operator = &mut metadata.operators[0];
            (operator.parallelism, operator.finished) = (states.len() as u32, vec![false; states.len()]);
            operator.subtasks = subtasks;
            let restores = redistribute(operator, max(), parallelism).unwrap();
            states = (0..parallelism).map(|_| OperatorState::new()).collect();
            for (state, restore) in states.iter_mut().zip(&restores) {
                job.restore_operator_state(restore, state).await.unwrap();
                let rules = state.broadcast::<u32, u32>("rules").unwrap();
                assert_eq!(rules.iter(state).collect::<Vec<_>>(), [(&7, &70)]);
            }
        }
        let mut all = Vec::new();
        for state in &mut states {
            let union = state.list::<u32>("union", Redistribution::Union).unwrap();
            assert_eq!(union.get(state), [0, 1], "though no one registered it in between, it has not grown");
            let split = state.list::<u32>("split", Redistribution::Split).unwrap();
            all.extend_from_slice(split.get(state));
        }
        all.sort();
        assert_eq!(all, [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]);
    });
}

#[test]
fn everything_can_run_on_the_io_runtime() {
    let test = Folder::new();
    let (storage, job) = (test.storage.clone(), test.storage.job(JOB));
    let task = test.env.spawn(async move {
        let mut counter = Counter::new();
        counter.count(0..10);
        let lists = vec![EncodedList::of_bytes("list", Redistribution::Union, vec![vec![1]])];
        let snapshot = job.write_snapshot(CheckpointId(1), Some(counter.files(&job)), lists, 0).await.unwrap();
        job.complete(&metadata("shop", 1, 5, snapshot)).await.unwrap();
        let (id, metadata) = storage.find_latest("shop").await.unwrap().unwrap();
        let restore = redistribute(&metadata.operators[0], max(), 1).unwrap().remove(0);
        let mut state = OperatorState::new();
        storage.job(id).restore_operator_state(&restore, &mut state).await.unwrap();
        let path = storage.job(id).location(metadata.checkpoint);
        let (job, _) = storage.load_path(&path).await.unwrap();
        let files = job.read_keyed(&restore.keyed).await.unwrap();
        job.sweep(&[metadata]).await.unwrap();
        (state.take_items("list"), files.len())
    });
    assert_eq!(test.env.block_on(task).unwrap(), (vec![vec![1]], 1));
}
