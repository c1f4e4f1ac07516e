//! Checkpoints whose files are damaged, missing or cut off: an older one is used.

use super::*;
use flott_state::checkpoint::CheckpointStorage as Storage;

/// What can happen to a file.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Flipped,
    Cut,
    Gone,
}

const DAMAGES: [Damage; 3] = [Damage::Flipped, Damage::Cut, Damage::Gone];

/// Damages a file that this checkpoint alone has, and returns its path.
async fn damage(storage: &Storage, job: flott_core::JobId, id: CheckpointId, damage: Damage) -> String {
    let checkpoints = storage.job(job);
    let metadata = checkpoints.load(id).await.unwrap();
    let own = format!("chk-{id}/");
    let path = metadata.referenced_files().into_iter().find(|path| path.starts_with(&own)).unwrap();
    let bytes = checkpoints.read(&path).await.unwrap();
    match damage {
        Damage::Flipped => {
            let mut flipped = bytes.to_vec();
            flipped[bytes.len() / 2] ^= 4;
            checkpoints.write(&path, flipped.into()).await.unwrap();
        }
        Damage::Cut => checkpoints.write(&path, bytes.slice(..bytes.len() / 2)).await.unwrap(),
        Damage::Gone => checkpoints.delete_files([path.clone()]).await.unwrap(),
    }
    path
}

fn world(seed: u64) -> World {
    World::new(seed)
        .with(&[("execution.checkpointing.num-retained", "3"), ("execution.checkpointing.interval", "60 ms")])
}

#[test]
fn at_start_an_older_checkpoint_is_used() {
    for (n, kind) in DAMAGES.into_iter().enumerate() {
        let mut world = world(20 + n as u64).with(&[("restart-strategy.type", "none")]);
        let job = world.run(|_, handle, _| async move {
            until(&handle, |view| view.checkpoints.counts.completed >= 4).await;
            handle.suspend();
            handle.result().await.unwrap().job
        });
        let (newest, path) = world.inspect(|_, storage| async move {
            let newest = storage.job(job).list().await.unwrap()[0];
            (newest, damage(&storage, job, newest, kind).await)
        });
        world.process = 1;
        world.from = RestoreFrom::Latest;
        let (view, status) = world.run(|_, handle, _| async move {
            let running = |view: &JobView| view.checkpoints.latest.restored.is_some() || view.status.is_terminal();
            let view = until(&handle, running).await;
            handle.suspend();
            (view, handle.result().await.unwrap().status)
        });
        assert_eq!(status, JobStatus::Suspended);
        let restored = view.checkpoints.latest.restored.map(|(id, _)| id);
        assert_eq!(restored, Some(CheckpointId(newest.0 - 1)), "{kind:?}");
        // Missing and cut files are found before anything starts, changed ones by the task that reads them.
        let texts: Vec<&str> = view.exceptions.entries.iter().map(|entry| entry.root.text.as_str()).collect();
        match kind {
            Damage::Flipped => assert!(texts.len() == 1 && texts[0].contains(&path), "{texts:?} without {path}"),
            Damage::Cut | Damage::Gone => assert!(texts.is_empty(), "{texts:?}"),
        }
        let left = world.inspect(|_, storage| async move { storage.job(job).list().await.unwrap() });
        assert!(!left.contains(&newest), "{kind:?}: {left:?} still holds {newest}");
    }
}

#[test]
fn at_a_restart_an_older_checkpoint_is_used() {
    for (n, kind) in DAMAGES.into_iter().enumerate() {
        let mut world = world(30 + n as u64);
        world.faults.task = 0.003;
        let (objects, seed) = (world.objects.clone(), world.seed);
        let (newest, path, view) = world.run(|env, handle, _| async move {
            let storage = Storage::with_store(&env, objects, "checkpoints");
            let is_between =
                |view: &JobView| view.status == JobStatus::Restarting && view.checkpoints.counts.completed >= 3;
            let view = until(&handle, is_between).await;
            let newest = view.checkpoints.latest.completed.as_ref().unwrap().id;
            let path = damage(&storage, handle.id(), newest, kind).await;
            let restarts = view.restarts;
            let view = until(&handle, |view| view.restarts > restarts + 1 && view.status == JobStatus::Running).await;
            handle.result().await.unwrap();
            (newest, path, view)
        });
        let restored = view.checkpoints.latest.restored.map(|(id, _)| id);
        assert!(restored.is_some_and(|id| id < newest), "{kind:?}, seed {seed}: {restored:?} of {newest}");
        let named = view.exceptions.entries.iter().any(|entry| entry.root.text.contains(&path));
        assert!(named, "{kind:?}: {path} is not in {:?}", view.exceptions.entries);
    }
}

#[test]
fn when_all_are_damaged_the_job_fails_and_names_the_file() {
    let mut world = world(40);
    world.faults.task = 0.003;
    let objects = world.objects.clone();
    let (error, path) = world.run(|env, handle, _| async move {
        let storage = Storage::with_store(&env, objects, "checkpoints");
        let is_between =
            |view: &JobView| view.status == JobStatus::Restarting && view.checkpoints.counts.completed >= 3;
        until(&handle, is_between).await;
        let mut path = String::new();
        for id in storage.job(handle.id()).list().await.unwrap() {
            path = damage(&storage, handle.id(), id, Damage::Flipped).await;
        }
        (handle.result().await.unwrap_err(), path)
    });
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains(&path), "{error} without {path}");
}
