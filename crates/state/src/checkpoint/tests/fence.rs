//! Who may complete and delete: every step at which an older JobManager can be when another takes the job over.

use super::flaky::{Fault, Flaky};
use super::*;
use std::sync::Arc;

fn empty(id: u64) -> CheckpointMetadata {
    metadata("shop", id, id as i64, OperatorSnapshot::default())
}

fn kind<T>(result: flott_core::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

#[test]
fn the_older_one_can_neither_complete_nor_delete_nor_sweep() {
    let test = Folder::new();
    test.env.block_on(async {
        let older = test.storage.job(JOB).claim().await.unwrap();
        older.complete(&empty(1)).await.unwrap();
        older.write("shared/a", Bytes::from_static(b"a")).await.unwrap();
        let newer = test.storage.job(JOB).claim().await.unwrap();
        let before = test.files();
        assert_eq!(kind(older.complete(&empty(2)).await), Some(ErrorKind::Fenced));
        assert_eq!(kind(older.delete_checkpoint(CheckpointId(1)).await), Some(ErrorKind::Fenced));
        assert_eq!(kind(older.sweep(&[]).await), Some(ErrorKind::Fenced));
        assert_eq!(test.files(), before);
        newer.complete(&empty(2)).await.unwrap();
        newer.sweep(&[empty(2)]).await.unwrap();
        assert_eq!(newer.list().await.unwrap(), [CheckpointId(2)]);
        // Even long after, when all that was in its way is tidied up.
        assert_eq!(kind(older.complete(&empty(3)).await), Some(ErrorKind::Fenced));
    });
}

/// A completion whose process stands still right before its metadata.
fn standing_still(test: &Folder, job: &JobCheckpoints, id: u64) {
    let newest = test.files().into_iter().filter(|file| file.contains("/fence/")).max().unwrap();
    let number: u64 = newest.rsplit('/').next().unwrap().parse().unwrap();
    let head = std::fs::read_to_string(test.path(&newest)).unwrap();
    let run = head.split('"').nth(3).unwrap().to_owned();
    let head = format!("{{\"run\":\"{run}\",\"valid-up-to\":{},\"pending\":{id}}}", id - 1);
    let path = job.store.display(&format!("fence/{:08}", number + 1));
    std::fs::write(path, head).unwrap();
}

#[test]
fn a_completion_that_had_begun_counts_if_its_metadata_is_there_and_cannot_be_ended_otherwise() {
    for is_there in [false, true] {
        let test = Folder::new();
        test.env.block_on(async {
            let older = test.storage.job(JOB).claim().await.unwrap();
            older.complete(&empty(1)).await.unwrap();
            standing_still(&test, &older, 2);
            let late = empty(2).encode().unwrap();
            if is_there {
                older.store.put_new("chk-2/_metadata", late.clone().into()).await.unwrap();
            }
            let newer = test.storage.job(JOB).claim().await.unwrap();
            let newest = CheckpointId(1 + u64::from(is_there));
            assert_eq!(newer.list().await.unwrap().first(), Some(&newest));
            assert!(newer.newest_id().await.unwrap() >= CheckpointId(2), "its number is not used again");
            if !is_there {
                let written = older.store.put_new("chk-2/_metadata", late.into()).await;
                assert_eq!(kind(written), Some(ErrorKind::Fenced));
            }
            // The next that takes over sees the same, and what came before still counts when another has begun.
            newer.complete(&empty(3)).await.unwrap();
            standing_still(&test, &newer, 4);
            let next = test.storage.job(JOB).claim().await.unwrap();
            assert_eq!(next.list().await.unwrap().first(), Some(&CheckpointId(3)));
            // Where nothing may be any more stands a mark, until it is swept.
            assert_eq!(next.load(CheckpointId(2)).await.is_ok(), is_there);
            next.sweep(&[empty(3)]).await.unwrap();
            assert_eq!(next.list().await.unwrap(), [CheckpointId(3)]);
        });
    }
}

#[test]
fn answers_that_are_lost_fence_nobody_off() {
    for lost in 0..6 {
        Env::run_simulation(lost, |env| async move {
            let objects = Arc::new(Flaky::default());
            let storage = CheckpointStorage::with_store(&env, objects.clone(), "checkpoints");
            let job = storage.job(JOB).claim().await.unwrap();
            // One answer is lost, or all of one request, so that nobody knows what has become of it.
            for faults in [vec![Fault::LostAnswer], vec![Fault::LostAnswer; 4], vec![Fault::Refused; 4]] {
                let mut plan = vec![Fault::None; lost as usize];
                plan.extend(faults);
                objects.expect(&plan);
                let id = job.newest_id().await.map_or(40, |id| id.0 + 1);
                if let Err(error) = job.complete(&empty(id)).await {
                    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
                }
                objects.expect(&[]);
                job.complete(&empty(id + 50)).await.unwrap();
            }
        })
        .unwrap();
    }
}

#[test]
fn a_number_that_was_cut_off_with_its_process_is_passed_over() {
    let test = Folder::new();
    test.env.block_on(async {
        let older = test.storage.job(JOB).claim().await.unwrap();
        older.complete(&empty(1)).await.unwrap();
        std::fs::write(older.store.display("fence/00000099"), "{\"ru").unwrap();
        let newer = test.storage.job(JOB).claim().await.unwrap();
        assert_eq!(newer.list().await.unwrap(), [CheckpointId(1)]);
        newer.complete(&empty(2)).await.unwrap();
        assert!(test.files().iter().any(|file| file.ends_with("fence/00000100")), "the claim: {:?}", test.files());
    });
}
