//! Sources that end: checkpoints go on while some tasks have finished, and the last one commits the rest.

use flott::prelude::*;
use flott_env::Env;
use flott_sim::faults::{Faults, Pace};
use flott_sim::{Job, Life, Plan, Rows, Trace, Until, World, cluster, run};
use flott_state::checkpoint::CheckpointStorage;

const SHORT: u64 = 10;
const LONG: u64 = 300;

/// Two sources, one of which ends long before the other.
fn build(world: &World, env: &StreamExecutionEnvironment) {
    let short = env.from_source(world.replay(vec![(0..SHORT).collect()]), WatermarkStrategy::no_watermarks(), "short");
    let long = env.from_source(world.replay(vec![(0..LONG).collect()]), WatermarkStrategy::no_watermarks(), "long");
    short.uid("short").map(|n| n + 1000).sink_to(world.ledger("short")).uid("short sink");
    long.uid("long").key_by(|n| n % 3).sum(|n| n).uid("sums").sink_to(world.ledger("long")).uid("long sink");
}

fn expected(_: &World) -> Rows {
    let mut rows = Rows::new();
    rows.extend("short", (0..SHORT).map(|n| n + 1000));
    let mut sums = [0; 3];
    for n in 0..LONG {
        sums[(n % 3) as usize] += n;
        rows.add("long", &sums[(n % 3) as usize]);
    }
    rows
}

#[test]
fn checkpoints_go_on_when_some_tasks_have_finished_and_what_those_wrote_is_committed() {
    Env::run_simulation(3, |env| async move {
        let world = World::new(1, Trace::new());
        world.begin_life(&Faults {
            pace: Pace { rows_max: 3, pause_max: Duration::from_millis(20), stalls: 0.0 },
            ..Faults::default()
        });
        let storage = CheckpointStorage::memory(&env);
        let options = [("execution.checkpointing.interval", "50 ms")];
        let job = cluster::start(&env, &storage, &options, |stream_env| build(&world, stream_env)).await.unwrap();
        let mut view = job.handle.watch();
        view.wait_for(|view| view.checkpoints.counts.completed >= 10).await.unwrap();
        assert!(!view.borrow().status.is_terminal(), "the job was too short to show anything");
        let mut committed = Rows::new();
        committed.extend("short", (0..SHORT).map(|n| n + 1000));
        world.committed().of_sink("short").check(&committed).unwrap();
        job.handle.result().await.unwrap();
        world.committed().check(&expected(&world)).unwrap();
    })
    .unwrap();
}

#[test]
fn finished_tasks_are_not_run_again_after_a_restore_at_any_parallelism() {
    let job = Job::new("ending", build, expected);
    for (n, after) in [1, 2, 3, 7].into_iter().enumerate() {
        let crash = Life::quiet(2, Until::Checkpoints(4, Duration::from_millis(n as u64 * 7)));
        let lives = vec![crash, Life::quiet(after, Until::End), Life::quiet(3, Until::End)];
        let outcome =
            run(&job, &Plan { seed: n as u64, data_seed: 1, lives }).unwrap_or_else(|e| panic!("to {after}: {e}"));
        assert_eq!(outcome.restores, 2);
    }
}

#[test]
fn a_task_that_had_finished_holds_nobody_up_after_a_restore() {
    // With room for one element only between two tasks, whoever does not listen is soon waited for.
    let job = Job::new("ending", build, expected);
    let narrow = |until| {
        let mut life = Life::quiet(2, until);
        life.options.push(("flott.exchange.channel-batches", "1".to_owned()));
        life.options.push(("pipeline.operator-chaining.enabled", "false".to_owned()));
        life
    };
    let crash = narrow(Until::Checkpoints(6, Duration::ZERO));
    run(&job, &Plan { seed: 1, data_seed: 1, lives: vec![crash, narrow(Until::End), narrow(Until::End)] }).unwrap();
}

#[test]
fn the_end_of_bounded_input_is_the_largest_watermark() {
    let env = StreamExecutionEnvironment::get_execution_environment().unwrap();
    let by_time = WatermarkStrategy::for_bounded_out_of_orderness(Duration::from_secs(3600))
        .with_timestamp_assigner(|n: &i64, _| EventTime(*n));
    let windows = env
        .from_sequence(1, 30)
        .assign_timestamps_and_watermarks(by_time)
        .key_by(|_| 0u8)
        .window(TumblingEventTimeWindows::of(Duration::from_millis(10)));
    assert_eq!(windows.sum(|n| n).execute_and_collect("windows").unwrap(), [45, 145, 245, 30]);
}
