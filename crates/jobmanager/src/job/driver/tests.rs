//! Whole jobs under simulation: the driver, the machines and the real checkpoint storage, with tasks that only pretend.

mod cluster;
mod damage;
mod fence;
pub(in crate::job) mod numbers;
mod reading;
mod storage;
mod world;

use super::*;
use crate::job::TaskStatus;
use cluster::{Faults, Output};
use flott_api::watermark::Alignment;
use flott_core::{ErrorKind, MaxParallelism};
use std::collections::BTreeSet;
use world::{SLOW, World};

async fn until(handle: &JobHandle, what: impl FnMut(&JobView) -> bool) -> JobView {
    handle.watch().wait_for(what).await.unwrap().clone()
}

#[test]
fn a_job_runs_to_its_end_with_and_without_checkpoints() {
    for settings in [&[][..], &[("execution.checkpointing.interval", "0 ms")]] {
        let world = World::new(1).with(settings);
        let result = world.run(|_, handle, _| async move { handle.result().await.unwrap() });
        assert_eq!((result.status, result.restarts), (JobStatus::Finished, 0));
        world.assert_exactly_once();
    }
}

#[test]
fn every_number_comes_out_once_whatever_fails() {
    for seed in 0..150 {
        let mut world = World::new(seed).with(if seed % 2 == 0 { SLOW } else { &[] });
        world.faults = Faults {
            task: 0.004,
            deploy: 0.05,
            decline: 0.02,
            lost_ack: 0.03,
            repeated_ack: 0.1,
            hang: 0.0,
            full: 0.0005,
        };
        (world.failing_writes, world.slowest) = if seed % 2 == 0 { (0.4, 300) } else { (0.1, 20) };
        world.failing_discoveries = 0.1;
        let (result, view) = world.run(|_, handle, _| async move { (handle.result().await, handle.view()) });
        assert_eq!(result.unwrap().status, JobStatus::Finished, "seed {seed}");
        assert!(view.tasks.values().all(|t| *t == TaskStatus::Finished));
        assert_eq!(view.exceptions.entries.is_empty(), view.restarts == 0);
        world.assert_exactly_once();
    }
}

#[test]
fn every_number_comes_out_once_whenever_the_process_is_killed_and_at_whatever_parallelism() {
    for seed in 0..100 {
        let mut world = World::new(seed);
        world.faults = Faults { task: 0.002, lost_ack: 0.02, repeated_ack: 0.1, ..Faults::default() };
        (world.failing_writes, world.slowest) = if seed % 2 == 0 { (0.4, 50) } else { (0.05, 20) };
        world.from = RestoreFrom::Latest;
        for process in 0..6 {
            world.process = process;
            world.parallelism = 1 + (seed as u32 + process as u32 * 3) % 4;
            let is_last = process == 5;
            let ended = world.run(|env, handle, _| async move {
                let life = Duration::from_millis(env.random() % 2000);
                if is_last { Some(handle.result().await) } else { env.timeout(life, handle.result()).await }
            });
            match ended {
                Some(result) => assert_eq!(result.unwrap().status, JobStatus::Finished, "seed {seed}"),
                None => continue,
            }
            world.assert_exactly_once();
        }
    }
}

#[test]
fn a_cancelled_job_keeps_its_checkpoints_or_not_and_goes_on_from_them() {
    let stop = |world: &World| {
        world.run(|_, handle, _| async move {
            until(&handle, |view| view.checkpoints.counts.completed >= 2).await;
            handle.cancel();
            handle.result().await.unwrap()
        })
    };
    let mut kept = World::new(3);
    assert_eq!(stop(&kept).status, JobStatus::Canceled);
    assert!(kept.file_count() > 0);
    kept.process = 1;
    kept.from = RestoreFrom::Latest;
    let report = kept.run(|_, handle, _| async move {
        handle.result().await.unwrap();
        handle.restore_report().unwrap().to_string()
    });
    assert!(report.contains("kept    operator `numbers` (uid numbers)"), "{report}");
    kept.assert_exactly_once();
    let retention = "execution.checkpointing.externalized-checkpoint-retention";
    let deleted = World::new(3).with(&[(retention, "DELETE_ON_CANCELLATION")]);
    stop(&deleted);
    // What tasks were still writing is all that may be left.
    let left = deleted.inspect(|_, storage| async move { storage.find_latest("numbers").await.unwrap() });
    assert!(left.is_none());
}

#[test]
fn a_suspended_job_goes_on_elsewhere() {
    let mut world = World::new(4);
    let suspended = world.run(|_, handle, _| async move {
        until(&handle, |view| view.checkpoints.counts.completed >= 1).await;
        handle.suspend();
        handle.result().await.unwrap().status
    });
    assert_eq!(suspended, JobStatus::Suspended);
    world.process = 1;
    world.from = RestoreFrom::Latest;
    world.run(|_, handle, _| async move { handle.result().await.unwrap() });
    world.assert_exactly_once();
}

#[test]
fn a_named_checkpoint_is_read_and_never_touched() {
    let mut world = World::new(5);
    let id = world.run(|_, handle, _| async move {
        until(&handle, |view| view.checkpoints.counts.completed >= 2).await;
        handle.cancel();
        handle.result().await.unwrap();
        (handle.id(), handle.checkpoint_stats().latest.completed.as_ref().unwrap().id)
    });
    let before = world.file_count();
    world.process = 1;
    world.from = RestoreFrom::Path(format!("{}/chk-{}", id.0, id.1));
    let other = world.run(|_, handle, _| async move { handle.result().await.unwrap().job });
    assert_ne!(other, id.0);
    assert!(world.file_count() > before);
    world.assert_exactly_once();
    // Again from the same: nothing of it is gone.
    world.process = 2;
    world.output = Output::default();
    world.run(|_, handle, _| async move { handle.result().await.unwrap() });
}

#[test]
fn a_job_that_does_not_fit_its_checkpoint_does_not_start() {
    let mut world = World::new(6);
    world.run(|_, handle, _| async move {
        until(&handle, |view| view.checkpoints.counts.completed >= 1).await;
    });
    world.from = RestoreFrom::Latest;
    let refused = |change: fn(&mut JobDescription)| {
        let job = |env: &Env| {
            let mut job = world.job(env);
            change(&mut job);
            job
        };
        let error = world.inspect(|env, storage| async move {
            prepare(&env, job(&env), &storage, &RestoreFrom::Latest).await.err().unwrap()
        });
        assert_eq!(error.kind(), ErrorKind::Invalid);
        error.to_string()
    };
    let unclaimed = refused(|job| drop(job.vertices.pop()));
    assert!(unclaimed.contains("uid other"), "{unclaimed}");
    let too_wide = refused(|job| job.vertices[0].parallelism = 500);
    assert!(too_wide.contains("choose a parallelism from 1 to 128"), "{too_wide}");
    let other_groups = refused(|job| {
        job.vertices[0].is_max_parallelism_set = true;
        job.vertices[0].max_parallelism = MaxParallelism::new(64).unwrap();
    });
    assert!(other_groups.contains("set it to 128"), "{other_groups}");
}

#[test]
fn the_number_of_key_groups_is_that_of_the_checkpoint_unless_it_is_set() {
    let mut world = World::new(13);
    world.run(|_, handle, _| async move {
        until(&handle, |view| view.checkpoints.counts.completed >= 1).await;
    });
    world.parallelism = 100;
    let adopted = world.inspect(|env, storage| {
        let job = world.job(&env);
        async move {
            assert_eq!(job.vertices[0].max_parallelism.get(), 256);
            let prepared = prepare(&env, job, &storage, &RestoreFrom::Latest).await.unwrap();
            prepared.job().vertices[0].max_parallelism.get()
        }
    });
    assert_eq!(adopted, 128);
}

#[test]
fn a_damaged_checkpoint_is_passed_over_and_its_id_never_used_again() {
    let mut world = World::new(14).with(&[("execution.checkpointing.num-retained", "3")]);
    let job = world.run(|_, handle, _| async move {
        until(&handle, |view| view.checkpoints.counts.completed >= 4).await;
        handle.cancel();
        handle.result().await.unwrap().job
    });
    let newest = world.inspect(|_, storage| async move {
        let checkpoints = storage.job(job);
        let ids = checkpoints.list().await.unwrap();
        assert_eq!(ids.len(), 3);
        checkpoints.write(&format!("chk-{}/_metadata", ids[0]), bytes::Bytes::from_static(b"cut o")).await.unwrap();
        ids[0]
    });
    world.process = 1;
    world.from = RestoreFrom::Latest;
    let (first, kept) = world.run(|_, handle, _| async move {
        let view = until(&handle, |view| view.checkpoints.counts.completed >= 1).await;
        let first = view.checkpoints.latest.completed.as_ref().unwrap().id;
        assert_eq!(view.checkpoints.latest.restored.map(|(id, _)| id), Some(CheckpointId(newest.0 - 1)));
        handle.cancel();
        (first, handle.result().await.unwrap().job)
    });
    assert_eq!(kept, job, "the job goes on under its id");
    assert_eq!(first, CheckpointId(newest.0 + 1));
    // Two of the older ones are still kept beside the new one.
    let ids = world.inspect(|_, storage| async move { storage.job(job).list().await.unwrap() });
    assert!(ids.contains(&CheckpointId(newest.0 - 1)) && !ids.contains(&newest) && ids.len() == 3, "{ids:?}");
}

#[test]
fn a_task_that_does_not_stop_fails_the_job_instead_of_hanging_it() {
    let mut world = World::new(7);
    world.faults.hang = 1.0;
    let error = world.run(|_, handle, _| async move {
        until(&handle, |view| view.status == JobStatus::Running).await;
        handle.cancel();
        handle.result().await.unwrap_err()
    });
    assert!(error.to_string().contains("did not stop within 180s"), "{error}");
}

#[test]
fn what_a_restart_cannot_help_fails_at_once_and_keeps_the_checkpoint() {
    let mut world = World::new(8);
    world.faults.task = 0.02;
    let settings = [("restart-strategy.type", "none")];
    let world = world.with(&settings);
    let (error, history) =
        world.run(|_, handle, _| async move { (handle.result().await.unwrap_err(), handle.exceptions()) });
    assert!(error.to_string().contains("a number that nobody likes"), "{error}");
    assert_eq!(history.entries.len(), 1);
    assert!(history.entries[0].root.task_name.is_some());
}

#[test]
fn what_is_not_written_is_not_complete() {
    let mut world = World::new(15);
    (world.failing_writes, world.failing_suffix) = (2.0, "_metadata");
    let world = world.with(&[("restart-strategy.type", "none")]);
    let (error, counts) =
        world.run(|_, handle, _| async move { (handle.result().await.unwrap_err(), handle.checkpoint_stats().counts) });
    assert!(error.to_string().contains("execution.checkpointing.tolerable-failed-checkpoints"), "{error}");
    assert_eq!((counts.completed, counts.failed, counts.in_progress), (0, 4, 0));
    assert!(world.output.lock().unwrap().is_empty());
}

#[test]
fn attempts_that_come_to_nothing_do_not_fill_the_storage() {
    let mut world = World::new(16);
    (world.failing_writes, world.failing_suffix) = (2.0, "_metadata");
    let world = world.with(&[
        ("execution.checkpointing.tolerable-failed-checkpoints", "0"),
        ("restart-strategy.fixed-delay.attempts", "40"),
    ]);
    let restarts = world.run(|_, handle, _| async move {
        handle.result().await.unwrap_err();
        handle.view().restarts
    });
    assert_eq!(restarts, 40);
    // Four tasks write three files each, and only those of the last attempt, and of uploads from before it, are left.
    assert!(world.file_count() <= 24, "{} files", world.file_count());
}

#[test]
fn when_the_taskmanager_goes_the_job_fails() {
    let world = World::new(9);
    let error = world.run(|env, handle, _| async move {
        until(&handle, |view| view.status == JobStatus::Running).await;
        let storage = CheckpointStorage::memory(&env);
        let prepared = prepare(&env, World::new(9).job(&env), &storage, &RestoreFrom::Nothing).await.unwrap();
        let (events, received) = mpsc::channel(1);
        drop(events);
        let lost = prepared.start(Arc::new(Nowhere), received, &MetricRegistry::new());
        lost.result().await.unwrap_err()
    });
    assert!(error.to_string().contains("TaskManager is gone"), "{error}");
}

/// Takes everything and runs nothing.
struct Nowhere;

impl TaskGateway for Nowhere {
    fn deploy(&self, _: crate::job::Deployment) -> Result<()> {
        Ok(())
    }
    fn send(&self, _: TaskId, _: flott_api::control::TaskCommand) -> Result<()> {
        Ok(())
    }
    fn cancel(&self, _: AttemptId) {}
}

#[test]
fn sources_of_a_group_are_told_how_far_they_may_go() {
    let mut world = World::new(10);
    let (max_drift, update_interval) = (Duration::from_millis(5), Duration::from_millis(50));
    world.alignment = Some(Alignment { group: "g".into(), max_drift, update_interval });
    let cluster = world.run(|_, handle, cluster| async move {
        handle.result().await.unwrap();
        cluster
    });
    let limits = cluster.limits.lock().unwrap();
    assert!(limits.len() > 4 && limits.windows(2).any(|w| w[0] != w[1]), "{limits:?}");
}

#[test]
fn the_same_seed_gives_the_same_course() {
    let course = |seed| {
        let mut world = World::new(seed);
        world.faults = Faults { task: 0.01, lost_ack: 0.1, ..Faults::default() };
        world.run(|env, handle, _| async move {
            handle.result().await.unwrap();
            (env.elapsed(), handle.view().restarts, handle.checkpoint_stats().counts)
        })
    };
    assert_eq!(course(11), course(11));
    assert_ne!(course(11), course(12));
}

#[test]
fn metrics_have_flinks_names() {
    let metrics = MetricRegistry::new();
    let registry = metrics.clone();
    Env::run_simulation(0, |env| async move {
        let world = World::new(0);
        let storage = CheckpointStorage::memory(&env);
        let prepared = prepare(&env, world.job(&env), &storage, &RestoreFrom::Nothing).await.unwrap();
        let (_events, received) = mpsc::channel(1);
        let handle = prepared.start(Arc::new(Nowhere), received, &registry);
        until(&handle, |view| view.status == JobStatus::Created).await;
        handle.cancel();
        // Nobody says that the tasks are gone.
        handle.result().await.unwrap_err();
    })
    .unwrap();
    let mut names = BTreeSet::new();
    metrics.for_each(|name, labels, _| {
        assert_eq!(labels[1], ("job_name", "numbers".to_owned()));
        names.insert(name.to_owned());
    });
    for name in
        ["lastCheckpointDuration", "lastCheckpointSize", "numberOfCompletedCheckpoints", "numRestarts", "uptime"]
    {
        assert!(names.contains(name), "{names:?}");
    }
}
