//! A job whose newest checkpoint turns out to be damaged: it goes back to an older one, and nothing half restored runs.

use super::checkpoints::{with_job_in, world};
use flott::prelude::*;
use flott_core::{CheckpointId, JobId};
use flott_env::Env;
use flott_sim::cluster;
use flott_sim::store::Disk;
use flott_state::checkpoint::CheckpointStorage;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

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

/// Says, so many times in all, that the state of a number is damaged, after it has damaged the newest checkpoint.
#[derive(Clone)]
struct Unreadable {
    times: Arc<AtomicUsize>,
    damage: Arc<dyn Fn() + Send + Sync>,
    seen: ValueState<u64>,
}

impl KeyedProcessFunction for Unreadable {
    type Key = u64;
    type In = u64;
    type Out = u64;

    fn open(&mut self, cx: &mut KeyedOpenContext<'_, u64>) -> Result<()> {
        self.seen = ValueState::register(cx.keyed_state(), "seen", None)?;
        Ok(())
    }

    fn process(&mut self, n: u64, cx: &mut KeyedContext<'_, u64>, out: &mut Collector<u64>) -> Result<()> {
        let take = |left: usize| left.checked_sub(1).filter(|_| n == 250);
        if self.times.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
            (self.damage)();
            return Err(Error::corrupt("a block of a file cannot be read"));
        }
        self.seen.update(cx, || 0, |count| *count += 1)?;
        out.collect(n);
        Ok(())
    }
}

#[test]
fn damage_that_a_running_task_meets_makes_the_job_go_back_to_a_checkpoint_that_is_whole() {
    for (retained, is_saved) in [("5", true), ("1", false)] {
        let (world, disk) = (world(), Disk::new());
        let result = Env::run_simulation(5, |env| async move {
            let storage = CheckpointStorage::with_store(&env, disk.objects(), "");
            let options = [
                ("execution.checkpointing.interval", "50 ms"),
                ("execution.checkpointing.data-inline-threshold", "0 b"),
                ("execution.checkpointing.num-retained", retained),
            ];
            let newest: Arc<Mutex<Option<(JobId, CheckpointId)>>> = Arc::default();
            let (damaged, known) = (disk.clone(), newest.clone());
            let damage = move || {
                let own = known.lock().unwrap().map(|(job, id)| format!("{job}/chk-{id}/")).unwrap();
                damaged.flip_bits(|path| path.starts_with(&own) && !path.ends_with("_metadata"));
            };
            let times = Arc::new(AtomicUsize::new(2));
            let function = Unreadable { times, damage: Arc::new(damage), seen: ValueState::default() };
            let job = cluster::start(&env, &storage, &options, |stream_env| {
                let rows = world.events(1, 400, |_, n, _| n);
                let numbers = stream_env.from_source(world.replay(rows), WatermarkStrategy::no_watermarks(), "numbers");
                numbers.key_by(|n| n % 5).process(function).uid("read").sink_to(world.ledger("read"));
            });
            let job = job.await.unwrap();
            let mut view = job.handle.watch();
            loop {
                let seen = view.borrow_and_update().clone();
                if let Some(record) = &seen.checkpoints.latest.completed {
                    *newest.lock().unwrap() = Some((job.handle.id(), record.id));
                }
                if seen.status.is_terminal() {
                    break;
                }
                view.changed().await.unwrap();
            }
            job.handle.result().await.map(|result| result.status)
        })
        .unwrap();
        match is_saved {
            true => assert_eq!(result.unwrap(), JobStatus::Finished),
            false => assert!(result.unwrap_err().to_string().contains("damaged"), "no other is kept"),
        }
    }
}
