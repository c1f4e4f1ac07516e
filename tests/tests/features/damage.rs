//! A job whose newest checkpoint turns out to be damaged: it goes back to an older one, and nothing half restored runs.

use super::checkpoints::{with_job_in, world};
use flott::prelude::*;
use flott_core::{CheckpointId, JobId};
use flott_env::Env;
use flott_sim::store::Disk;
use flott_state::checkpoint::CheckpointStorage;

const OPTIONS: [(&str, &str); 5] = [
    ("execution.checkpointing.interval", "50 ms"),
    ("execution.checkpointing.data-inline-threshold", "0 b"),
    ("execution.checkpointing.num-retained", "3"),
    ("execution.state-recovery.path", "latest"),
    ("restart-strategy.type", "none"),
];

/// Flips a bit in a file that only this checkpoint has: of its coordinator's state or of a subtask's. Returns the file's
/// path.
fn flip_a_bit(disk: &Disk, job: JobId, id: CheckpointId, of_coordinator: bool) -> String {
    Env::run_simulation(1, |env| async move {
        let job = CheckpointStorage::with_store(&env, disk.objects(), "").job(job);
        let own = format!("chk-{id}/");
        let metadata = job.load(id).await.unwrap();
        let coordinators = metadata.operators.iter().filter_map(|operator| operator.coordinator.as_ref());
        let subtasks = metadata.operators.iter().flat_map(|operator| &operator.subtasks).flat_map(|s| s.blobs());
        let blobs: Vec<_> = if of_coordinator { coordinators.collect() } else { subtasks.collect() };
        let path = blobs.iter().filter_map(|blob| blob.path()).find(|path| path.starts_with(&own)).unwrap();
        let mut bytes = job.read(path).await.unwrap().to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        job.write(path, bytes.into()).await.unwrap();
        path.to_owned()
    })
    .unwrap()
}

/// Runs the job to its third checkpoint, damages that, and starts it again. Returns what was damaged and what went wrong
/// after that.
fn restore_damaged(of_coordinator: bool) -> (String, Vec<String>) {
    let (world, disk) = (world(), Disk::new());
    let (job, newest) = with_job_in(
        &world,
        &OPTIONS,
        &disk,
        |view| view.checkpoints.counts.completed == 3,
        async |job, _| {
            job.handle.suspend();
            job.handle.result().await.unwrap();
            (job.handle.id(), job.handle.checkpoint_stats().latest.completed.as_ref().unwrap().id)
        },
    );
    let path = flip_a_bit(&disk, job, newest, of_coordinator);
    let (status, restored, exceptions) = with_job_in(
        &world,
        &OPTIONS,
        &disk,
        |_| false,
        async |job, _| {
            let result = job.handle.result().await.unwrap();
            let view = job.handle.view();
            let restored = view.checkpoints.latest.restored.map(|(id, _)| id);
            let texts: Vec<String> = view.exceptions.entries.iter().map(|entry| entry.root.text.clone()).collect();
            (result.status, restored, texts)
        },
    );
    assert_eq!((status, restored), (JobStatus::Finished, Some(CheckpointId(newest.0 - 1))));
    (path, exceptions)
}

#[test]
fn damage_that_only_a_task_finds_makes_the_job_go_back_to_an_older_checkpoint() {
    let (path, exceptions) = restore_damaged(false);
    assert!(exceptions.len() == 1 && exceptions[0].contains(&path), "{exceptions:?} without {path}");
    assert!(exceptions[0].contains("operator `") && exceptions[0].contains("subtask 1 of 1"), "{exceptions:?}");
}

#[test]
fn damage_that_is_found_before_anything_runs_makes_the_job_start_from_an_older_checkpoint() {
    let (_, exceptions) = restore_damaged(true);
    assert!(exceptions.is_empty(), "{exceptions:?}");
}
