//! A job that is taken over while an older JobManager is still alive.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Two processes that run the same job in the same folder.
fn two_of(seed: u64) -> (World, World) {
    let mut first = World::new(seed).with(if seed.is_multiple_of(2) { SLOW } else { &[] });
    (first.failing_writes, first.slowest) = [(0.0, 5), (0.1, 20), (0.3, 120)][(seed % 3) as usize];
    first.faults = Faults { task: 0.001, lost_ack: 0.02, ..Faults::default() };
    let mut second = World::new(seed);
    (second.failing_writes, second.slowest) = (first.failing_writes, first.slowest);
    (second.output, second.objects) = (first.output.clone(), first.objects.clone());
    (second.process, second.parallelism) = (1, 1 + seed as u32 % 3);
    second.from = RestoreFrom::Latest;
    (first, second)
}

async fn start(world: &World, env: &Env) -> JobHandle {
    try_start(world, env).await.unwrap()
}

/// Starts until the storage answers.
async fn try_start(world: &World, env: &Env) -> Result<JobHandle> {
    loop {
        match world.start(env).await {
            Ok((handle, _)) => return Ok(handle),
            Err(error) if error.kind() == ErrorKind::Unavailable => {}
            Err(error) => return Err(error),
        }
    }
}

#[test]
fn of_two_jobmanagers_the_later_one_alone_completes_checkpoints_and_deletes_files() {
    let fenced = AtomicUsize::new(0);
    for seed in 0..120 {
        let (first, second) = two_of(seed);
        Env::run_simulation(seed, |env| async {
            let env = env;
            let older = start(&first, &env).await;
            until(&older, |view| view.checkpoints.counts.completed >= 1 || view.status.is_terminal()).await;
            env.sleep(Duration::from_millis(env.random() % 400)).await;
            let newer = start(&second, &env).await;
            // Both go on, side by side.
            let result = newer.result().await;
            assert_eq!(result.unwrap().status, JobStatus::Finished, "seed {seed}");
            match older.result().await {
                Ok(result) => assert_eq!(result.status, JobStatus::Finished, "seed {seed}: it was done before"),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Fenced, "seed {seed}: {error}");
                    assert!(error.to_string().contains("taken over"), "seed {seed}: {error}");
                    fenced.fetch_add(1, Ordering::Relaxed);
                }
            }
        })
        .unwrap();
        first.assert_exactly_once();
    }
    assert!(fenced.into_inner() > 80);
}

#[test]
fn an_older_jobmanager_that_is_cancelled_deletes_nothing_of_the_newer_one() {
    let delete = [("execution.checkpointing.externalized-checkpoint-retention", "DELETE_ON_CANCELLATION")];
    for seed in 0..30 {
        let (first, second) = two_of(seed);
        let (first, second) = (first.with(&delete), second);
        Env::run_simulation(seed, |env| async {
            let env = env;
            let older = start(&first, &env).await;
            until(&older, |view| view.checkpoints.counts.completed >= 2 || view.status.is_terminal()).await;
            let newer = start(&second, &env).await;
            older.cancel();
            // It may have found out already.
            let _ = older.result().await;
            until(&newer, |view| view.checkpoints.counts.completed >= 1 || view.status.is_terminal()).await;
            newer.suspend();
            newer.result().await.unwrap();
        })
        .unwrap();
        second.inspect(|_, storage| async move {
            let (job, metadata) = storage.find_latest("numbers").await.unwrap().unwrap();
            storage.job(job).verify(&metadata).await.unwrap();
        });
    }
}

#[test]
fn many_that_start_at_once_are_one_after_the_other() {
    let (first, _) = two_of(3);
    first.run(|_, handle, _| async move {
        until(&handle, |view| view.checkpoints.counts.completed >= 2).await;
    });
    Env::run_simulation(5, |env| async {
        let env = env;
        let worlds: Vec<World> = (1..=6)
            .map(|process| {
                let (_, mut world) = two_of(3);
                (world.output, world.objects) = (first.output.clone(), first.objects.clone());
                world.process = process;
                world
            })
            .collect();
        let runs = worlds.iter().map(|world| async { try_start(world, &env).await?.result().await });
        let mut finished = 0;
        for result in futures_util::future::join_all(runs).await {
            match result {
                Ok(result) => finished += usize::from(result.status == JobStatus::Finished),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Fenced, "{error}"),
            }
        }
        assert_eq!(finished, 1);
    })
    .unwrap();
    first.assert_exactly_once();
}
