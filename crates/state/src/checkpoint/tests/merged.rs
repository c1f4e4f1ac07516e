//! Small files of a task merged into few.

use super::*;
use crate::operator::EncodedList;
use crate::snapshot::Redistribution;
use flott_core::config::FILE_MERGING;
use std::collections::BTreeSet;

const INLINE: u64 = 1000;

fn merging() -> FileMerging {
    let mut config = Configuration::new();
    assert!(FileMerging::from_config(&config).unwrap().is_none());
    config.set(FILE_MERGING.key, "true");
    config.set("execution.checkpointing.file-merging.max-file-size", "800 kb");
    FileMerging::from_config(&config).unwrap().unwrap()
}

fn items(operator: u8, size: usize) -> Vec<Vec<u8>> {
    (0..10).map(|item| vec![operator ^ item; size]).collect()
}

fn list(operator: u8, size: usize) -> Vec<EncodedList> {
    vec![EncodedList::of_bytes("list", Redistribution::Split, items(operator, size))]
}

/// A checkpoint of operators with these states each, of one task.
fn of_operators(id: u64, operators: Vec<(u8, OperatorSnapshot)>) -> CheckpointMetadata {
    let mut all = Vec::new();
    for (n, snapshot) in operators {
        let one = metadata("shop", id, id as i64, snapshot).operators.remove(0);
        let name = format!("operator-{n}");
        all.push(OperatorMetadata { id: OperatorId::from_uid(&name), uid: Some(name.clone()), name, ..one });
    }
    CheckpointMetadata::new(JOB, "shop", CheckpointId(id), BarrierKind::Checkpoint, ProcessingTime(id as i64), all)
}

async fn read_list(job: &JobCheckpoints, operator: &OperatorMetadata) -> flott_core::Result<Vec<Vec<u8>>> {
    let restore = redistribute(operator, max(), 1).unwrap();
    let mut state = OperatorState::new();
    job.restore_operator_state(&restore[0], &mut state).await?;
    Ok(state.take_items("list"))
}

#[test]
fn a_hundred_small_states_make_few_files_and_come_back() {
    let test = Folder::new();
    test.env.block_on(async {
        let job = test.storage.job(JOB).claim().await.unwrap();
        let mut operators: Vec<_> = (0..100u8).map(|n| (n, None, list(n, 2000))).collect();
        // Neither what is inline nor what is large is merged.
        operators.push((100, None, list(100, 50)));
        operators.push((101, None, list(101, 20_000)));
        let mut counters: Vec<Counter> = (0..3).map(|_| Counter::new()).collect();
        for (n, counter) in (110..).zip(&mut counters) {
            counter.count(0..500);
            operators.push((n, Some(counter.files(&job)), Vec::new()));
        }
        let written = job.write_merged(CheckpointId(1), operators, INLINE, &merging()).await.unwrap();
        let metadata = of_operators(1, written);
        assert_eq!(metadata.format_version, 2);
        job.complete(&metadata).await.unwrap();
        let files = test.files();
        let count = |folder: &str| files.iter().filter(|file| file.contains(folder)).count();
        // Three with 2 MB of lists, a large one, the metadata.
        assert_eq!((count("/chk-1/"), count("/shared/")), (5, 1), "{files:?}");

        let (found, loaded) = test.storage.find_latest("shop").await.unwrap().unwrap();
        assert_eq!((found, &loaded), (JOB, &metadata));
        for (n, size) in (0..100).map(|n| (n, 2000)).chain([(100, 50), (101, 20_000)]) {
            assert_eq!(read_list(&job, &loaded.operators[usize::from(n)]).await.unwrap(), items(n, size));
        }
        for operator in &loaded.operators[102..] {
            assert_eq!(Counter::restored(&job, &operator.subtasks[0]).await.get(499), Some(1));
        }
        job.delete_checkpoint(CheckpointId(1)).await.unwrap();
        job.sweep(&[]).await.unwrap();
        assert!(test.files().iter().all(|file| file.contains("/fence/")), "{:?}", test.files());
    });
}

#[test]
fn damage_of_a_merged_file_is_named_with_path_and_owner() {
    let test = Folder::new();
    test.env.block_on(async {
        let job = test.storage.job(JOB);
        let operators = (0..3u8).map(|n| (n, None, list(n, 2000))).collect();
        let written = job.write_merged(CheckpointId(1), operators, INLINE, &merging()).await.unwrap();
        let metadata = of_operators(1, written);
        job.complete(&metadata).await.unwrap();
        job.verify(&metadata).await.unwrap();
        let path = metadata.referenced_files().pop_first().unwrap();
        assert_eq!(metadata.referenced_files().len(), 1);
        let file = test.path(&format!("{JOB}/{path}"));
        let whole = std::fs::read(&file).unwrap();
        let flipped = |at: usize| {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            bytes
        };
        // A wrong byte in the second, one byte missing in the last, and nothing there of the last.
        for (bytes, damaged) in [(flipped(30_000), 1), (whole[..59_999].to_vec(), 2), (whole[..40_000].to_vec(), 2)] {
            std::fs::write(&file, bytes).unwrap();
            let verified = job.verify(&metadata).await.unwrap_err();
            let read = read_list(&job, &metadata.operators[damaged]).await.unwrap_err();
            for error in [&verified, &read] {
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
                assert!(error.to_string().contains(&path), "{error}");
            }
            let owner = format!("operator `operator-{damaged}`, subtask 1 of 1");
            assert!(verified.to_string().contains(&owner), "{verified}");
            assert_eq!(read_list(&job, &metadata.operators[0]).await.unwrap(), items(0, 2000), "the others are whole");
        }
        std::fs::remove_file(&file).unwrap();
        let error = job.verify(&metadata).await.unwrap_err().to_string();
        assert!(error.contains(&path) && error.contains("operator `operator-"), "{error}");
    });
}

#[test]
fn later_checkpoints_name_the_stretches_that_they_still_need() {
    let test = Folder::new();
    test.env.block_on(async {
        let (job, merging) = (test.storage.job(JOB), merging());
        let mut counters: Vec<Counter> = (0..4).map(|_| Counter::new()).collect();
        let mut last: Vec<OperatorSnapshot> = Vec::new();
        let mut files = BTreeSet::new();
        for id in 1..=4 {
            let mut operators = Vec::new();
            for (n, counter) in (0..).zip(&mut counters) {
                counter.count(0..if id == 1 { 400 } else { 60 });
                operators.push((n, Some(counter.files(&job)), Vec::new()));
            }
            let given_up = operators.clone();
            let written = job.write_merged(CheckpointId(id), operators, 0, &merging).await.unwrap();
            let again = job.write_merged(CheckpointId(id), given_up, 0, &merging).await.unwrap();
            assert_eq!(written, again, "what is stored is not written again");
            last = written.into_iter().map(|(_, snapshot)| snapshot).collect();
            let metadata = of_operators(id, (0..).zip(last.clone()).collect());
            assert!(metadata.referenced_files().is_superset(&files));
            files = metadata.referenced_files();
            assert_eq!(files.len() as u64, id, "one for each checkpoint");
            job.complete(&metadata).await.unwrap();
        }
        // One of the four begins anew; the files of the first checkpoint are needed for the others.
        counters[0] = Counter::new();
        counters[0].count(0..10);
        let operators =
            (0..).zip(&mut counters).map(|(n, counter)| (n, Some(counter.files(&job)), Vec::new())).collect();
        let written = job.write_merged(CheckpointId(5), operators, 0, &merging).await.unwrap();
        let newest = of_operators(5, written);
        assert!(newest.referenced_files().is_superset(&files));
        job.complete(&newest).await.unwrap();
        job.sweep(std::slice::from_ref(&newest)).await.unwrap();
        job.verify(&newest).await.unwrap();
        let mut first = Counter::restored(&job, &newest.operators[0].subtasks[0]).await;
        let mut other = Counter::restored(&job, &newest.operators[3].subtasks[0]).await;
        assert_eq!((first.get(5), first.get(50), other.get(5), other.get(399)), (Some(1), None, Some(4), Some(1)));
        assert_eq!(last.len(), 4);
    });
}

#[test]
fn files_of_a_store_come_back_out_of_merged_ones() {
    let test = Folder::new();
    let elsewhere = tempfile::tempdir().unwrap();
    test.env.block_on(async {
        let job = test.storage.job(JOB);
        let (files, is_dropped) = files_on_disk::snapshot(&job, &elsewhere.path().join("snapshot"));
        let operators = vec![((), Some(files), Vec::new())];
        let mut written = job.write_merged(CheckpointId(1), operators, 0, &merging()).await.unwrap();
        assert!(is_dropped.load(std::sync::atomic::Ordering::Relaxed), "the local snapshot is let go");
        let snapshot = written.remove(0).1;
        let keyed = snapshot.keyed.clone().unwrap();
        assert_eq!(keyed.files.iter().filter_map(Blob::path).collect::<BTreeSet<_>>().len(), 1);
        let back = elsewhere.path().join("back");
        job.fetch(&keyed, &back).await.unwrap();
        files_on_disk::check(&back);
        // The checkpoint may be moved as a whole.
        job.complete(&metadata("shop", 1, 5, snapshot)).await.unwrap();
        std::fs::rename(test.path(&JOB.to_string()), test.path("moved")).unwrap();
        let (moved, found) = test.storage.load_path(test.path("moved/chk-1").to_str().unwrap()).await.unwrap();
        let again = elsewhere.path().join("again");
        moved.fetch(found.operators[0].subtasks[0].keyed.as_ref().unwrap(), &again).await.unwrap();
        files_on_disk::check(&again);
    });
}

#[test]
fn what_could_not_be_written_is_written_by_the_next_checkpoint() {
    let test = Folder::new();
    test.env.block_on(async {
        let (job, merging) = (test.storage.job(JOB), merging());
        let mut counter = Counter::new();
        counter.count(0..400);
        let first = counter.files(&job);
        let shared = test.path(&format!("{JOB}/shared"));
        std::fs::create_dir_all(test.path(&JOB.to_string())).unwrap();
        std::fs::write(&shared, "in the way").unwrap();
        let operators = vec![((), Some(first), Vec::new())];
        assert!(job.write_merged(CheckpointId(1), operators, 0, &merging).await.is_err());
        std::fs::remove_file(&shared).unwrap();
        counter.count(0..100);
        let operators = vec![((), Some(counter.files(&job)), Vec::new())];
        let written = job.write_merged(CheckpointId(2), operators, 0, &merging).await.unwrap().remove(0).1;
        let mut restored = Counter::restored(&job, &written).await;
        assert_eq!((restored.get(5), restored.get(399)), (Some(2), Some(1)));
    });
}
