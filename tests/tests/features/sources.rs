//! Sources: splits that come back, sources of one's own, pacing.

use flott::prelude::*;
use flott_env::Env;
use flott_sim::faults::{Mishap, MishapKind};
use flott_sim::{Job, Life, Plan, Rows, Until, World, cluster, run};
use flott_state::checkpoint::CheckpointStorage;

fn build(world: &World, env: &StreamExecutionEnvironment) {
    let rows = world.events(9, 40, |partition, n, _| u64::from(partition) * 1000 + n);
    let source = world.replay(rows).dealt_out_on_request();
    let numbers = env.from_source(source, WatermarkStrategy::no_watermarks(), "numbers");
    let user_code = world.clone();
    numbers.try_map(move |n| user_code.step().map(|()| n)).sink_to(world.ledger("numbers"));
}

fn expected(world: &World) -> Rows {
    let mut rows = Rows::new();
    rows.extend(
        "numbers",
        world.events(9, 40, |partition, n, _| u64::from(partition) * 1000 + n).into_iter().flatten(),
    );
    rows
}

#[test]
fn splits_of_readers_that_failed_come_back_wherever_they_were() {
    // Before the first checkpoint, between two, and with splits that nobody had yet.
    for at in [1, 30, 100, 200, 359] {
        for kind in [MishapKind::Panic, MishapKind::Error] {
            let mut life = Life::quiet(3, Until::End);
            life.options.push(("restart-strategy.exponential-delay.initial-backoff", "5 ms".to_owned()));
            life.faults.mishaps = vec![Mishap { at, kind }, Mishap { at: at + 100, kind }];
            let outcome =
                run(&Job::new("splits", build, expected), &Plan { seed: at, data_seed: 1, lives: vec![life] });
            let outcome = outcome.unwrap_or_else(|e| panic!("at {at}: {e}"));
            assert!(outcome.restarts >= 1, "at {at}");
        }
    }
}

#[test]
fn a_generator_keeps_its_rate() {
    let time = Env::run_simulation(1, |env| async move {
        let storage = CheckpointStorage::memory(&env);
        let options = [("parallelism.default", "3")];
        let job = cluster::start(&env, &storage, &options, |stream_env| {
            let options = DataGenOptions::new().with_count(5000).with_rate_per_second(1000.0);
            stream_env.datagen(|n| n, options).blackhole();
        });
        job.await.unwrap().handle.result().await.unwrap();
        env.elapsed()
    });
    let time = time.unwrap();
    assert!((Duration::from_millis(4900)..Duration::from_millis(5100)).contains(&time), "{time:?}");
}

#[test]
fn bounded_sources_make_automatic_mode_batch_and_others_streaming() {
    let last_only = |env: &StreamExecutionEnvironment| {
        env.set_runtime_mode(RuntimeExecutionMode::Automatic);
        env.from_sequence(1, 10).key_by(|_| 0u8).sum(|n| n)
    };
    let bounded = StreamExecutionEnvironment::get_execution_environment().unwrap();
    assert_eq!(last_only(&bounded).execute_and_collect("bounded").unwrap(), [55]);
    let mixed = StreamExecutionEnvironment::get_execution_environment().unwrap();
    let endless = mixed.datagen(|n| n as i64, DataGenOptions::new().with_rate_per_second(10.0)).filter(|_| false);
    let sums = last_only(&mixed).union([&endless]).execute_and_collect_first("mixed", 10).unwrap();
    assert_eq!(sums, [1, 3, 6, 10, 15, 21, 28, 36, 45, 55]);
}
