//! Checkpoints of a whole job: when they are taken, what is kept of them, what they look like on the disk.

use flott::prelude::*;
use flott_env::Env;
use flott_jobmanager::checkpoint::CheckpointState;
use flott_jobmanager::job::JobView;
use flott_sim::faults::{Faults, Pace};
use flott_sim::store::Disk;
use flott_sim::{Trace, World, cluster};
use flott_state::checkpoint::CheckpointStorage;

/// A job of about a second of virtual time with keyed state, to be run in a simulation.
fn counting(world: &World) -> impl FnOnce(&StreamExecutionEnvironment) + use<> {
    let world = world.clone();
    move |env| {
        let rows = world.events(2, 400, |partition, n, _| u64::from(partition) * 1000 + n);
        let numbers = env.from_source(world.replay(rows), WatermarkStrategy::no_watermarks(), "numbers").uid("numbers");
        let counts = numbers
            .key_by(|n| n % 50)
            .map_with_state(|n: u64, count: &mut Option<u64>| (n % 50, *count.insert(count.unwrap_or(0) + 1)));
        counts.uid("counts").sink_to(world.ledger("counts"));
    }
}

pub fn world() -> World {
    let world = World::new(1, Trace::new());
    world.begin_life(&Faults {
        pace: Pace { rows_max: 8, pause_max: Duration::from_millis(20), stalls: 0.0 },
        ..Faults::default()
    });
    world
}

/// Runs the counting job with these options until `until` says so, or to its end, and then calls `look` with it.
fn with_job<T>(
    options: &[(&str, &str)],
    disk: &Disk,
    until: fn(&JobView) -> bool,
    look: impl AsyncFnOnce(cluster::Started, &Env) -> T,
) -> T {
    with_job_in(&world(), options, disk, until, look)
}

/// As [`with_job`], in a world that was there before.
pub fn with_job_in<T>(
    world: &World,
    options: &[(&str, &str)],
    disk: &Disk,
    until: fn(&JobView) -> bool,
    look: impl AsyncFnOnce(cluster::Started, &Env) -> T,
) -> T {
    Env::run_simulation(5, |env| async move {
        let storage = CheckpointStorage::with_store(&env, disk.objects(), "");
        let job = cluster::start(&env, &storage, options, counting(world)).await.unwrap();
        let mut view = job.handle.watch();
        view.wait_for(|view| view.status.is_terminal() || until(view)).await.unwrap();
        look(job, &env).await
    })
    .unwrap()
}

const EVERY_50_MS: (&str, &str) = ("execution.checkpointing.interval", "50 ms");

/// What belongs to checkpoints; what says who runs the job stays beside them.
fn files(disk: &Disk) -> Vec<String> {
    disk.paths().into_iter().filter(|path| !path.contains("/fence/")).collect()
}

fn metadata(disk: &Disk) -> Vec<String> {
    disk.paths().into_iter().filter(|path| path.ends_with("_metadata")).collect()
}

#[test]
fn without_an_interval_there_are_no_checkpoints() {
    let disk = Disk::new();
    with_job(
        &[],
        &disk,
        |_| false,
        async |job, _| {
            job.handle.result().await.unwrap();
            assert_eq!(job.handle.checkpoint_stats().counts.total, 0);
        },
    );
    assert_eq!(disk.paths(), [""; 0]);
}

#[test]
fn checkpoints_come_at_their_interval_and_one_at_a_time() {
    with_job(
        &[EVERY_50_MS],
        &Disk::new(),
        |view| view.checkpoints.counts.completed == 5,
        async |job, env| {
            let stats = job.handle.checkpoint_stats();
            let triggers: Vec<i64> = stats.history.iter().rev().map(|record| record.trigger_timestamp.0).collect();
            assert!(triggers.windows(2).all(|pair| pair[1] - pair[0] >= 50), "{triggers:?}");
            assert!(stats.counts.in_progress <= 1);
            assert_eq!(stats.history.iter().map(|record| record.id.0).max(), Some(stats.counts.total));
            assert!(env.elapsed() < Duration::from_millis(600));
        },
    );
}

#[test]
fn a_pause_is_kept_between_checkpoints() {
    let options = [EVERY_50_MS, ("execution.checkpointing.min-pause", "120 ms")];
    with_job(
        &options,
        &Disk::new(),
        |view| view.checkpoints.counts.completed == 4,
        async |job, _| {
            let stats = job.handle.checkpoint_stats();
            let done: Vec<_> =
                stats.history.iter().rev().filter(|record| record.status == CheckpointState::Completed).collect();
            for pair in done.windows(2) {
                let end = pair[0].trigger_timestamp.plus(pair[0].end_to_end_duration);
                assert!(end.until(pair[1].trigger_timestamp) >= Duration::from_millis(120), "{pair:?}");
            }
        },
    );
}

#[test]
fn so_many_checkpoints_are_kept_as_wanted_and_all_others_deleted() {
    for (wanted, kept) in [("1", 1), ("3", 3)] {
        let disk = Disk::new();
        let options = [EVERY_50_MS, ("execution.checkpointing.num-retained", wanted)];
        with_job(
            &options,
            &disk,
            |_| false,
            async |job, _| {
                job.handle.result().await.unwrap();
                assert!(job.handle.checkpoint_stats().counts.completed > 5);
            },
        );
        assert_eq!(metadata(&disk).len(), kept, "{:?}", disk.paths());
    }
}

#[test]
fn a_cancelled_job_keeps_its_checkpoints_unless_told_otherwise() {
    for (retention, kept) in
        [("RETAIN_ON_CANCELLATION", 1), ("DELETE_ON_CANCELLATION", 0), ("NO_EXTERNALIZED_CHECKPOINTS", 0)]
    {
        let disk = Disk::new();
        let options = [EVERY_50_MS, ("execution.checkpointing.externalized-checkpoint-retention", retention)];
        with_job(
            &options,
            &disk,
            |view| view.checkpoints.counts.completed == 2,
            async |job, _| {
                job.handle.cancel();
                assert_eq!(job.handle.result().await.unwrap().status, JobStatus::Canceled);
            },
        );
        assert_eq!(metadata(&disk).len(), kept, "{retention}: {:?}", disk.paths());
        if kept == 0 {
            assert_eq!(files(&disk), [""; 0], "{retention}");
        }
    }
}

#[test]
fn checkpoints_lie_on_the_disk_as_flinks_do() {
    let disk = Disk::new();
    let options = [EVERY_50_MS, ("execution.checkpointing.data-inline-threshold", "0 b")];
    let id = with_job(&options, &disk, |view| view.checkpoints.counts.completed == 3, async |job, _| job.handle.id());
    for path in disk.paths() {
        let parts: Vec<&str> = path.split('/').collect();
        assert_eq!(parts[0], id.to_string(), "{path}");
        let is_known = ["shared", "fence"].contains(&parts[1])
            || parts[1].strip_prefix("chk-").is_some_and(|n| n.parse::<u64>().is_ok());
        assert!(is_known && parts.len() == 3, "{path}");
    }
    assert!(!metadata(&disk).is_empty());
}

#[test]
fn small_state_is_inside_of_the_metadata() {
    let disk = Disk::new();
    with_job(&[EVERY_50_MS], &disk, |view| view.checkpoints.counts.completed == 3, async |_, _| ());
    assert_eq!(files(&disk), metadata(&disk));
}

#[test]
fn merged_files_are_few_and_go_with_their_checkpoints() {
    let mut counts = Vec::new();
    for merging in ["false", "true"] {
        let options = [
            EVERY_50_MS,
            ("execution.checkpointing.data-inline-threshold", "0 b"),
            ("execution.checkpointing.file-merging.enabled", merging),
        ];
        let (world, disk) = (world(), Disk::new());
        let count = Env::run_simulation(5, |env| async move {
            let storage = CheckpointStorage::with_store(&env, disk.objects(), "");
            let job = cluster::start(&env, &storage, &options, |env| {
                let rows = world.events(1, 400, |_, n, _| n);
                let numbers = env.from_source(world.replay(rows), WatermarkStrategy::no_watermarks(), "numbers");
                // Each has something to remember, all are in one task.
                for name in (0..20).map(|n| format!("ledger {n}")) {
                    numbers.sink_to(world.ledger(&name)).uid(&name);
                }
            });
            let job = job.await.unwrap();
            let mut view = job.handle.watch();
            view.wait_for(|view| view.checkpoints.counts.completed == 5).await.unwrap();
            job.handle.suspend();
            job.handle.result().await.unwrap();
            assert_eq!(metadata(&disk).len(), 1, "{:?}", disk.paths());
            files(&disk).len()
        });
        counts.push(count.unwrap());
    }
    // The task's, the enumerator's, the metadata, and what may be left of a checkpoint that was given up.
    assert!(counts[0] > 20 && counts[1] <= 6, "{counts:?} files");
}

#[test]
fn a_checkpoint_that_is_named_is_read_and_never_changed() {
    // One world: the second run commits what the first has staged.
    let (world, disk) = (world(), Disk::new());
    let options = [EVERY_50_MS, ("execution.checkpointing.data-inline-threshold", "0 b")];
    with_job_in(
        &world,
        &options,
        &disk,
        |view| view.checkpoints.counts.completed == 3,
        async |job, _| {
            job.handle.suspend();
            job.handle.result().await.unwrap();
        },
    );
    let before = disk.paths();
    let path = metadata(&disk).pop().unwrap();
    let from = [EVERY_50_MS, ("execution.state-recovery.path", path.as_str())];
    with_job_in(
        &world,
        &from,
        &disk,
        |_| false,
        async |job, _| {
            assert!(job.handle.restore_report().is_some());
            job.handle.result().await.unwrap();
        },
    );
    let after = disk.paths();
    let missing: Vec<&String> = before.iter().filter(|path| !after.contains(path)).collect();
    assert!(missing.is_empty(), "the job was given {path} to read and has deleted {missing:?}");
}

#[test]
fn ids_of_checkpoints_are_never_used_twice() {
    let disk = Disk::new();
    let world = world();
    let mut last = 0;
    for _ in 0..3 {
        let options = [EVERY_50_MS, ("execution.state-recovery.path", "latest")];
        last = with_job_in(
            &world,
            &options,
            &disk,
            |view| view.checkpoints.counts.completed == 2,
            async |job, _| {
                let stats = job.handle.checkpoint_stats();
                let first = stats.history.iter().map(|record| record.id.0).min().unwrap();
                assert!(first > last, "{first} after {last}");
                job.handle.suspend();
                job.handle.result().await.unwrap();
                job.handle.checkpoint_stats().history[0].id.0
            },
        );
    }
}

/// Many keys that come once, and then a few again and again, in so many records.
fn growing(world: &World, keys: u64, records: u64) -> impl FnOnce(&StreamExecutionEnvironment) + use<> {
    let world = world.clone();
    move |env| {
        let rows = world.events(1, records, move |_, n, _| if n < keys { n } else { n % 3 });
        let keys = env.from_source(world.replay(rows), WatermarkStrategy::no_watermarks(), "keys");
        let counts = keys.key_by(|key| *key).map_with_state(|key: u64, seen: &mut Option<String>| {
            seen.get_or_insert_with(|| "x".repeat(100)).len() as u64 + key
        });
        counts.uid("counts").sink_to(world.ledger("counts"));
    }
}

#[test]
fn incremental_checkpoints_write_less_than_whole_ones() {
    for (incremental, less) in [("false", false), ("true", true)] {
        Env::run_simulation(5, |env| async move {
            let storage = CheckpointStorage::with_store(&env, Disk::new().objects(), "");
            let options = [
                EVERY_50_MS,
                ("execution.checkpointing.incremental", incremental),
                ("execution.checkpointing.data-inline-threshold", "0 b"),
            ];
            let job = cluster::start(&env, &storage, &options, growing(&world(), 600, 800)).await.unwrap();
            job.handle.result().await.unwrap();
            let last = job.handle.checkpoint_stats().latest.completed.clone().unwrap();
            let (written, state) = (last.checkpointed_size_bytes, last.state_size_bytes);
            assert!(state > 600 * 100, "{state} bytes of state");
            assert_eq!(written < state / 2, less, "incremental {incremental}: {written} bytes written of {state}");
        })
        .unwrap();
    }
}

/// Runs the growing job on a store from there until it has so many checkpoints, and gives the bytes that the first of them
/// wrote and those of its state.
fn first_written(
    (world, disk, seed): (&World, &Disk, u64),
    from: Option<&str>,
    parallelism: &str,
    count: u64,
) -> (u64, u64) {
    let mut options = vec![
        EVERY_50_MS,
        ("parallelism.default", parallelism),
        ("state.backend.type", "memory"),
        ("execution.checkpointing.data-inline-threshold", "0 b"),
    ];
    options.extend(from.map(|from| ("execution.state-recovery.path", from)));
    Env::run_simulation(seed, |env| async move {
        let storage = CheckpointStorage::with_store(&env, disk.objects(), "");
        let job = cluster::start(&env, &storage, &options, growing(world, 300, 5000)).await.unwrap();
        let mut view = job.handle.watch();
        let is_far = |view: &JobView| view.status.is_terminal() || view.checkpoints.counts.completed == count;
        view.wait_for(is_far).await.unwrap();
        job.handle.suspend();
        job.handle.result().await.unwrap();
        let stats = job.handle.checkpoint_stats();
        let done = stats.history.iter().filter(|record| record.status == CheckpointState::Completed);
        let first = done.min_by_key(|record| record.id).unwrap();
        (first.checkpointed_size_bytes, first.state_size_bytes)
    })
    .unwrap()
}

#[test]
fn the_first_checkpoint_after_a_restore_writes_what_is_new_unless_it_starts_from_somebody_elses() {
    let (world, disk) = (world(), Disk::new());
    first_written((&world, &disk, 0), None, "1", 25);
    for (seed, parallelism) in [(1, "1"), (2, "2"), (3, "4"), (4, "1")] {
        let (written, state) = first_written((&world, &disk, seed), Some("latest"), parallelism, 2);
        assert!(state > 300 * 100 && written < state / 2, "{parallelism}: {written} bytes written of {state}");
    }
    let path = metadata(&disk).pop().unwrap();
    let (written, state) = first_written((&world, &disk, 5), Some(&path), "1", 2);
    assert!(written > state * 9 / 10, "{written} bytes written of {state}");
}
