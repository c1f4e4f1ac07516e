//! Barriers that overtake, seen from outside: that checkpoints end under backpressure, and that a record that was overtaken
//! is late or on time as it would have been.

use super::lab;
use flott::api::WatermarkGenerator;
use flott::operators::window::TumblingEventTimeWindows;
use flott::prelude::*;
use flott_env::Env;
use flott_sim::faults::{Faults, Pace};
use flott_sim::{Job, Life, Plan, Rows, Trace, Until, World, cluster, run};
use flott_state::checkpoint::CheckpointStorage;

const KEYS: u32 = 10;
const UNALIGNED: (&str, &str) = ("execution.checkpointing.unaligned.enabled", "true");

/// Key and time; without a key a mark: event time has come this far.
type Row = (Option<u32>, i64);

/// Windows of many keys, one mark that fires them all, and then a record that is late, one that is late and allowed, one
/// that is on time. Nothing says again how far event time has come.
fn input() -> Vec<Row> {
    let mut rows: Vec<Row> = (0..KEYS).map(|key| (Some(key), 10)).collect();
    rows.push((None, 200));
    rows.extend((0..KEYS).flat_map(|key| [(Some(key), 50), (Some(key), 180), (Some(key), 250)]));
    rows
}

#[derive(Clone)]
struct Marks;

impl WatermarkGenerator<Row> for Marks {
    fn on_event(&mut self, row: &Row, _: EventTime) -> Option<Watermark> {
        row.0.is_none().then_some(Watermark(row.1))
    }

    fn on_periodic(&mut self) -> Option<Watermark> {
        None
    }
}

fn build(world: &World, env: &StreamExecutionEnvironment) {
    let late = OutputTag::new("late");
    let source = world.replay_timed(vec![input()], |row| row.1);
    let rows = env.from_source(source, WatermarkStrategy::for_generator(|| Marks), "marked").uid("marked");
    let records =
        rows.set_parallelism(1).flat_map(|(key, time), out| key.into_iter().for_each(|key| out.collect((key, time))));
    let windows = records
        .set_parallelism(1)
        .key_by(|row: &(u32, i64)| row.0)
        .window(TumblingEventTimeWindows::of(Duration::from_millis(100)))
        .allowed_lateness(Duration::from_millis(30))
        .side_output_late_data(&late)
        .apply(|key: &u32, window: TimeWindow, rows: &[(u32, i64)], out: &mut Collector<(u32, i64, Vec<i64>)>| {
            out.collect((*key, window.start.0, rows.iter().map(|row| row.1).collect()));
        })
        .uid("windows");
    windows.get_side_output(&late).rebalance().sink_to(world.ledger("late")).uid("late");
    windows.rebalance().sink_to(world.ledger("windows")).uid("sink");
}

fn expected(_: &World) -> Rows {
    let mut rows = Rows::new();
    for key in 0..KEYS {
        rows.extend("windows", [(key, 0, vec![10]), (key, 100, vec![180]), (key, 200, vec![250])]);
        rows.extend("late", [(key, 50)]);
    }
    rows
}

fn slow(parallelism: u32, until: Until) -> Life {
    let mut life = Life::quiet(parallelism, until);
    life.options.push((UNALIGNED.0, UNALIGNED.1.to_owned()));
    life.options.push(("flott.exchange.batch-rows", "1".to_owned()));
    life.options.push(("flott.exchange.channel-batches", "1".to_owned()));
    life.faults.ledger.write_max = Duration::from_millis(100);
    life
}

#[test]
fn a_record_that_was_overtaken_is_late_or_on_time_as_it_would_have_been() {
    let job = Job::new("marked once", build, expected);
    let (mut in_flight_bytes, mut restores) = (0, 0);
    for seed in 0..40 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut parallelism = || [1, 2, 3, 7][random.usize(..4)];
        let (before, after) = (parallelism(), parallelism());
        let until = Until::Checkpoints(1 + seed % 6, Duration::from_millis(seed % 30));
        let plan =
            Plan { seed, data_seed: 1, lives: vec![slow(before, until), slow(after, until), slow(1, Until::End)] };
        let outcome = run(&job, &plan).unwrap_or_else(|e| panic!("seed {seed}, from {before} to {after}: {e}"));
        in_flight_bytes += outcome.in_flight_bytes;
        restores += outcome.restores;
    }
    assert!(in_flight_bytes > 10_000 && restores > 40, "{in_flight_bytes} bytes, {restores} restores");
}

/// The longest of the checkpoints of a job whose sink takes a batch of up to 8 rows every 40 ms or so, how many there
/// were in 2 seconds, and the bytes of records that were overtaken.
fn longest(options: &[(&str, &str)], build: impl FnOnce(&World, &StreamExecutionEnvironment)) -> (Duration, u64, u64) {
    let world = World::new(1, Trace::new());
    let mut faults = Faults { pace: Pace { rows_max: 64, ..Pace::default() }, ..Faults::default() };
    faults.ledger.write_max = Duration::from_millis(80);
    world.begin_life(&faults);
    let base = [
        ("execution.checkpointing.interval", "100 ms"),
        ("flott.exchange.batch-rows", "8"),
        ("flott.exchange.channel-batches", "4"),
    ];
    let options: Vec<_> = base.iter().chain(options).copied().collect();
    Env::run_simulation(3, |env| async move {
        let storage = CheckpointStorage::memory(&env);
        let job = cluster::start(&env, &storage, &options, |env| build(&world, env)).await.unwrap();
        env.sleep(Duration::from_secs(2)).await;
        let stats = job.handle.checkpoint_stats();
        job.handle.cancel();
        job.handle.result().await.unwrap();
        let done = stats.history.iter().filter(|record| record.latest_ack_timestamp.is_some());
        let bytes = stats.history.iter().map(|record| record.persisted_in_flight_bytes).sum();
        (done.map(|record| record.end_to_end_duration).max().unwrap_or_default(), stats.counts.completed, bytes)
    })
    .unwrap()
}

/// More numbers than the sink takes.
fn numbers(world: &World, env: &StreamExecutionEnvironment) {
    let numbers = world.replay(vec![(0..4000u64).collect()]);
    let numbers = env.from_source(numbers, WatermarkStrategy::no_watermarks(), "n");
    numbers.rebalance().map(|n| n + 1).rebalance().sink_to(world.ledger("numbers"));
}

#[test]
fn checkpoints_are_short_behind_a_slow_sink() {
    let (aligned, _, none) = longest(&[], numbers);
    let (unaligned, count, bytes) = longest(&[UNALIGNED], numbers);
    assert!(aligned > Duration::from_millis(250) && none == 0, "aligned: {aligned:?}, {none} bytes in flight");
    // No longer than the sink takes for the batch that it has in hand.
    assert!(unaligned <= Duration::from_millis(160) && count > 12, "{count} checkpoints of up to {unaligned:?}");
    assert!(bytes > 0);
    let (after_a_while, _, bytes) =
        longest(&[UNALIGNED, ("execution.checkpointing.aligned-checkpoint-timeout", "100 ms")], numbers);
    assert!(after_a_while > unaligned && after_a_while <= Duration::from_millis(260), "{after_a_while:?}");
    assert!(bytes > 0);
}

/// Emits its key when event time has come to 100.
#[derive(Clone)]
struct AtHundred;

impl KeyedProcessFunction for AtHundred {
    type Key = u32;
    type In = Row;
    type Out = u32;

    fn process(&mut self, _: Row, cx: &mut KeyedContext<'_, u32>, _: &mut Collector<u32>) -> Result<()> {
        cx.timer_service().register_event_time_timer(EventTime(100))
    }

    fn on_timer(&mut self, _: Timer, cx: &mut KeyedContext<'_, u32>, out: &mut Collector<u32>) -> Result<()> {
        out.collect(*cx.current_key()?);
        Ok(())
    }
}

/// One watermark that fires more timers than the sink takes records in the time.
fn many_timers(world: &World, env: &StreamExecutionEnvironment) {
    let rows: Vec<Row> = (0..150_000).map(|key| (Some(key), 10)).chain([(None, 200)]).collect();
    let rows = world.replay_timed(vec![rows], |row| row.1);
    let rows = env.from_source(rows, WatermarkStrategy::for_generator(|| Marks), "rows");
    rows.key_by(|row| row.0.unwrap_or_default()).process(AtHundred).rebalance().sink_to(world.ledger("keys"));
}

#[test]
fn barriers_overtake_while_the_timers_of_a_watermark_fire() {
    let (interrupted, count, _) = longest(&[UNALIGNED], many_timers);
    assert!(interrupted <= Duration::from_millis(160) && count > 12, "{count} checkpoints of up to {interrupted:?}");
    let not = ("execution.checkpointing.unaligned.interruptible-timers.enabled", "false");
    let (_, few, _) = longest(&[UNALIGNED, not], many_timers);
    assert!(few < 3, "{few} checkpoints");
}

#[test]
fn barriers_do_not_overtake_where_nothing_waits_for_them() {
    let options = [UNALIGNED, ("execution.checkpointing.mode", "AT_LEAST_ONCE")];
    let (result, _) = lab::run(&lab::world(1), &options, |env, _| {
        env.from_elements([1]).blackhole();
    });
    let error = result.unwrap_err().to_string();
    assert!(error.contains("needs `execution.checkpointing.mode` = EXACTLY_ONCE"), "{error}");
}
