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

/// Damages a file that this checkpoint alone has, and returns its path. `None` if it has none.
async fn damage(storage: &Storage, job: flott_core::JobId, id: CheckpointId, damage: Damage) -> Option<String> {
    let checkpoints = storage.job(job);
    let metadata = checkpoints.load(id).await.unwrap();
    let own = format!("chk-{id}/");
    let path = metadata.referenced_files().into_iter().find(|path| path.starts_with(&own))?;
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
    Some(path)
}

fn world(seed: u64) -> World {
    let mut world = World::new(seed)
        .with(&[("execution.checkpointing.num-retained", "3"), ("execution.checkpointing.interval", "40 ms")]);
    world.slowest = 2;
    world
}

/// Waits until the job is between two attempts and has this many checkpoints. `None` if it ends before.
async fn between_attempts(handle: &JobHandle, checkpoints: u64) -> Option<JobView> {
    let is_between = |view: &JobView| {
        view.status.is_terminal()
            || view.status == JobStatus::Restarting && view.checkpoints.counts.completed >= checkpoints
    };
    Some(until(handle, is_between).await).filter(|view| !view.status.is_terminal())
}

#[test]
fn at_start_an_older_checkpoint_is_used() {
    let mut seen = 0;
    for seed in 0..60 {
        let kind = DAMAGES[seed as usize % 3];
        let mut world = world(seed).with(&[("restart-strategy.type", "none")]);
        let job = world.run(|_, handle, _| async move {
            until(&handle, |view| view.checkpoints.counts.completed >= 2 || view.status.is_terminal()).await;
            handle.suspend();
            // It may have ended by then, in whatever way.
            let _ = handle.result().await;
            handle.id()
        });
        let damaged = world.inspect(|_, storage| async move {
            let ids = storage.job(job).list().await.unwrap();
            let newest = *ids.first().filter(|_| ids.len() > 1)?;
            Some((newest, damage(&storage, job, newest, kind).await?))
        });
        let Some((newest, path)) = damaged else { continue };
        seen += 1;
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
        assert!(restored.is_some_and(|id| id < newest), "{kind:?}: {restored:?} of {newest}");
        // Missing and cut files are found before anything starts, changed ones by the task that reads them.
        let texts: Vec<&str> = view.exceptions.entries.iter().map(|entry| entry.root.text.as_str()).collect();
        match kind {
            Damage::Flipped => assert!(texts.len() == 1 && texts[0].contains(&path), "{texts:?} without {path}"),
            Damage::Cut | Damage::Gone => assert!(texts.is_empty(), "{texts:?}"),
        }
        let left = world.inspect(|_, storage| async move { storage.job(job).list().await.unwrap() });
        assert!(!left.contains(&newest), "{kind:?}: {left:?} still holds {newest}");
    }
    assert!(seen > 10, "{seen}");
}

#[test]
fn at_a_restart_an_older_checkpoint_is_used() {
    let mut seen = 0;
    for seed in 0..60 {
        let kind = DAMAGES[seed as usize % 3];
        let mut world = world(seed);
        world.faults.task = 0.004;
        let objects = world.objects.clone();
        let outcome = world.run(|env, handle, _| async move {
            let storage = Storage::with_store(&env, objects, "checkpoints");
            let view = between_attempts(&handle, 2).await?;
            let newest = view.checkpoints.latest.completed.as_ref().unwrap().id;
            let path = damage(&storage, handle.id(), newest, kind).await?;
            let (restarts, restores) = (view.restarts, view.checkpoints.counts.restored);
            let is_back = |view: &JobView| view.checkpoints.counts.restored > restores;
            let view = until(&handle, is_back).await;
            let result = handle.result().await.unwrap();
            assert!(view.restarts > restarts + 1 && result.status == JobStatus::Finished);
            Some((newest, path, view))
        });
        let Some((newest, path, view)) = outcome else { continue };
        seen += 1;
        let restored = view.checkpoints.latest.restored.map(|(id, _)| id);
        assert!(restored.is_some_and(|id| id < newest), "{kind:?}, seed {seed}: {restored:?} of {newest}");
        let named = view.exceptions.entries.iter().any(|entry| entry.root.text.contains(&path));
        assert!(named, "{kind:?}: {path} is not in {:?}", view.exceptions.entries);
    }
    assert!(seen > 10, "{seen}");
}

#[test]
fn when_all_are_damaged_the_job_fails_and_names_the_file() {
    let mut seen = 0;
    for seed in 0..40 {
        let mut world = world(seed);
        world.faults.task = 0.004;
        let objects = world.objects.clone();
        let outcome = world.run(|env, handle, _| async move {
            let storage = Storage::with_store(&env, objects, "checkpoints");
            between_attempts(&handle, 2).await?;
            let mut paths = Vec::new();
            for id in storage.job(handle.id()).list().await.unwrap() {
                paths.push(damage(&storage, handle.id(), id, Damage::Flipped).await?);
            }
            Some((handle.result().await.unwrap_err(), paths))
        });
        let Some((error, paths)) = outcome else { continue };
        seen += 1;
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(paths.iter().any(|path| error.to_string().contains(path)), "{error} without one of {paths:?}");
    }
    assert!(seen > 5, "{seen}");
}
