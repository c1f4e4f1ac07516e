//! Nothing is unbounded: a sink that takes nothing stops what is in front of it and nobody else.
//!
//! Sinks here have a gate that the test opens by a number of batches. Where time has to pass it is the simulator's, which
//! passes only when nothing more can happen: a source that stands still then would stand still for ever.

#![expect(clippy::disallowed_types, reason = "a real process shows its memory")]

use flott::api::sink::{NoCommitter, SinkContext};
use flott::api::{Sink, SinkWriter};
use flott::prelude::*;
use flott_env::Env;
use flott_sim::cluster::{self, Started};
use flott_sim::{Trace, World};
use flott_state::checkpoint::CheckpointStorage;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::slice::from_ref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Semaphore;

/// Most rows of a batch, and most batches of a channel.
const BATCH_ROWS: u64 = 100;
const CHANNEL_BATCHES: u64 = 4;
const LIMITS: [(&str, &str); 2] = [("flott.exchange.batch-rows", "100"), ("flott.exchange.channel-batches", "4")];
/// Of virtual time.
const LONG: Duration = Duration::from_secs(20);

/// Holds a sink back, and counts what the sink has taken.
#[derive(Clone)]
struct Gate {
    batches: Arc<Semaphore>,
    written: Arc<AtomicU64>,
}

impl Gate {
    fn closed() -> Self {
        Gate { batches: Arc::new(Semaphore::new(0)), written: Arc::default() }
    }

    fn open() -> Self {
        let gate = Gate::closed();
        gate.let_all_through();
        gate
    }

    fn let_all_through(&self) {
        // A gate that is closed for good in the sense of the semaphore holds nobody back.
        self.batches.close();
    }

    fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}

/// A sink with a gate for each of its subtasks.
struct GatedSink<T> {
    gates: Vec<Gate>,
    types: std::marker::PhantomData<fn(T)>,
}

struct GatedWriter<T> {
    gate: Gate,
    types: std::marker::PhantomData<fn(T)>,
}

fn gated<T>(gates: &[Gate]) -> GatedSink<T> {
    GatedSink { gates: gates.to_vec(), types: std::marker::PhantomData }
}

impl<T: flott::core::Data> Sink for GatedSink<T> {
    type Item = T;
    type State = ();
    type Committable = ();
    type Writer = GatedWriter<T>;
    type Committer = NoCommitter<()>;

    async fn create_writer(&self, cx: &SinkContext, _: Vec<()>) -> Result<GatedWriter<T>> {
        Ok(GatedWriter { gate: self.gates[cx.info.subtask.0 as usize].clone(), types: self.types })
    }

    fn create_committer(&self, _: &SinkContext) -> Result<Option<NoCommitter<()>>> {
        Ok(None)
    }
}

impl<T: flott::core::Data> SinkWriter for GatedWriter<T> {
    type Item = T;
    type State = ();
    type Committable = ();

    async fn write(&mut self, rows: Vec<T>, _: Option<Vec<EventTime>>) -> Result<()> {
        if let Ok(batch) = self.gate.batches.acquire().await {
            batch.forget();
        }
        self.gate.written.fetch_add(rows.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    async fn flush(&mut self, _: bool) -> Result<()> {
        Ok(())
    }
}

fn gates(count: u32) -> Vec<Gate> {
    (0..count).map(|_| Gate::closed()).collect()
}

fn written(gates: &[Gate]) -> u64 {
    gates.iter().map(Gate::written).sum()
}

/// What can be under way between `subtasks` senders and as many receivers: what is in the channels, a batch on its way
/// into each, and one in the hands of each receiver. Rows that wait to become a batch and those of one more batch can
/// go together, so a batch has up to twice its rows.
fn under_way_max(subtasks: u64) -> u64 {
    let (channels, batch) = (subtasks * subtasks, 2 * BATCH_ROWS);
    channels * (CHANNEL_BATCHES + 1) * batch + subtasks * batch
}

/// The sum of a task metric over the subtasks that contain the job's sources.
fn of_sources(job: &Started, wanted: &str) -> i64 {
    let mut sum = 0;
    job.metrics.for_each(|name, labels, value| {
        let is_source = labels.iter().any(|(label, value)| *label == "task_name" && value.starts_with("Source"));
        if name == wanted
            && is_source
            && let flott::api::metrics::Metric::Gauge(gauge) = value
        {
            sum += gauge.get();
        }
    });
    sum
}

#[test]
fn a_slow_sink_holds_an_endless_source_back() {
    for subtasks in [1, 2, 3] {
        Env::run_simulation(1, |env| async move {
            let (gates, read, furthest) = (gates(subtasks), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
            let storage = CheckpointStorage::memory(&env);
            let parallelism = subtasks.to_string();
            let options = [LIMITS[0], LIMITS[1], ("parallelism.default", &parallelism)];
            let job = cluster::start(&env, &storage, &options, |stream_env| {
                let (gates, read, furthest) = (gates.clone(), read.clone(), furthest.clone());
                let watch = gates.clone();
                let seen = stream_env.datagen(|n| n, DataGenOptions::new()).map(move |n: u64| {
                    let read = read.fetch_add(1, Ordering::Relaxed) + 1;
                    furthest.fetch_max(read - written(&watch), Ordering::Relaxed);
                    n
                });
                seen.rebalance().map(|n| n + 1).rebalance().sink_to(gated(&gates));
            });
            let job = job.await.unwrap();
            // Two exchanges, and what each source has in hand.
            let bound = 2 * under_way_max(subtasks.into()) + u64::from(subtasks) * BATCH_ROWS;
            for round in 0..50 {
                env.sleep(LONG).await;
                let (is_read, is_written) = (read.load(Ordering::Relaxed), written(&gates));
                env.sleep(LONG).await;
                assert_eq!(read.load(Ordering::Relaxed), is_read, "round {round}: the source went on");
                assert_eq!(written(&gates), is_written, "round {round}");
                assert_eq!(
                    of_sources(&job, "backPressuredTimeMsPerSecond"),
                    1000 * i64::from(subtasks),
                    "round {round}"
                );
                assert_eq!(of_sources(&job, "idleTimeMsPerSecond"), 0, "round {round}");
                gates.iter().for_each(|gate| gate.batches.add_permits(3));
                env.sleep(LONG).await;
                assert!(written(&gates) > is_written, "round {round}: the sink got nothing more");
                assert!(read.load(Ordering::Relaxed) > is_read, "round {round}: the source stood still");
            }
            let furthest = furthest.load(Ordering::Relaxed);
            assert!(furthest <= bound, "{subtasks} subtasks: {furthest} records under way, {bound} allowed");
            assert!(written(&gates) > bound, "too little has passed to tell");

            // What is held back can be cancelled all the same.
            job.handle.cancel();
            assert_eq!(job.handle.result().await.unwrap().status, JobStatus::Canceled);
        })
        .unwrap();
    }
}

#[test]
fn a_function_that_makes_many_records_of_one_does_not_pile_them_up() {
    const COPIES: u64 = 20_000;
    Env::run_simulation(1, |env| async move {
        let (made, furthest, gate) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)), Gate::open());
        let storage = CheckpointStorage::memory(&env);
        let job = cluster::start(&env, &storage, &LIMITS, |stream_env| {
            let (made, furthest, watch) = (made.clone(), furthest.clone(), gate.clone());
            let copies = stream_env.from_sequence(1, 400).flat_map(move |n, out: &mut Collector<i64>| {
                (0..COPIES).for_each(|_| out.collect(n));
                let made = made.fetch_add(COPIES, Ordering::Relaxed) + COPIES;
                // The first batch is worked on as a whole: nobody knows yet what comes of it.
                if made > BATCH_ROWS * COPIES {
                    furthest.fetch_max(made - watch.written(), Ordering::Relaxed);
                }
            });
            copies.sink_to(gated(from_ref(&gate)));
        });
        job.await.unwrap().handle.result().await.unwrap();
        assert_eq!(gate.written(), 400 * COPIES);
        let furthest = furthest.load(Ordering::Relaxed);
        assert!(furthest <= 10 * COPIES, "{furthest} records in memory");
    })
    .unwrap();
}

/// `partitions` of so many records, one for each subtask of a source.
fn partitions(count: u32, rows: u64) -> Vec<Vec<(u32, u64)>> {
    (0..count).map(|partition| (0..rows).map(|n| (partition, n)).collect()).collect()
}

#[test]
fn a_pipeline_whose_sink_takes_nothing_holds_up_none_beside_it() {
    const ROWS: u64 = 5000;
    Env::run_simulation(2, |env| async move {
        let gates = [Gate::open(), Gate::open(), Gate::closed(), Gate::open()];
        let storage = CheckpointStorage::memory(&env);
        let world = World::new(1, Trace::new());
        let options = [LIMITS[0], LIMITS[1], ("parallelism.default", "4")];
        let job = cluster::start(&env, &storage, &options, |stream_env| {
            let source = world.replay(partitions(4, ROWS));
            let rows = stream_env.from_source(source, WatermarkStrategy::no_watermarks(), "rows");
            // Forward to a task of its own.
            rows.map(|row| row).sink_to(gated(&gates)).disable_chaining();
        });
        let job = job.await.unwrap();
        env.sleep(LONG).await;
        let counts: Vec<u64> = gates.iter().map(Gate::written).collect();
        assert_eq!(counts, [ROWS, ROWS, 0, ROWS]);
        assert!(job.operator_metric("rows", "numRecordsOut") < 4 * ROWS as i64, "the one source was not stopped");
        gates[2].let_all_through();
        assert_eq!(job.handle.result().await.unwrap().status, JobStatus::Finished);
        assert_eq!(gates[2].written(), ROWS);
    })
    .unwrap();
}

#[test]
fn a_full_channel_of_a_keyed_exchange_stops_its_sender_alone() {
    const ROWS: u64 = 5000;
    Env::run_simulation(3, |env| async move {
        let gates = [Gate::closed(), Gate::open(), Gate::open()];
        let storage = CheckpointStorage::memory(&env);
        let world = World::new(1, Trace::new());
        let options = [LIMITS[0], LIMITS[1], ("parallelism.default", "3")];
        let job = cluster::start(&env, &storage, &options, |stream_env| {
            let source = world.replay(partitions(3, ROWS));
            let rows = stream_env.from_source(source, WatermarkStrategy::no_watermarks(), "rows");
            // The first two sources write to a receiver each, the third to all three: it is stopped with the first.
            let receiver = |row: &(u32, u64)| if row.0 == 2 { row.1 as u32 % 3 } else { row.0 };
            let dealt = rows.partition_custom(|receiver, _| *receiver, receiver);
            dealt.sink_to(gated(&gates));
        });
        let job = job.await.unwrap();
        env.sleep(LONG).await;
        assert_eq!(gates[0].written(), 0);
        // All that the second source has, and as much of the third's as went out before its way to the first was full.
        let second = gates[1].written();
        assert!((ROWS + 1..ROWS + ROWS / 3).contains(&second), "{second}");
        gates[0].let_all_through();
        job.handle.result().await.unwrap();
        assert_eq!(written(&gates), 3 * ROWS);
    })
    .unwrap();
}

/// Emits a number every second of processing time.
#[derive(Clone, Default)]
struct Ticks;

impl KeyedProcessFunction for Ticks {
    type Key = u8;
    type In = u64;
    type Out = u64;

    fn process(&mut self, n: u64, cx: &mut KeyedContext<'_, u8>, out: &mut Collector<u64>) -> Result<()> {
        let next = cx.timer_service().current_processing_time().plus(Duration::from_secs(1));
        cx.timer_service().register_processing_time_timer(next)?;
        out.collect(n);
        Ok(())
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut KeyedContext<'_, u8>, out: &mut Collector<u64>) -> Result<()> {
        self.process(timer.millis() as u64, cx, out)
    }
}

#[test]
fn timers_of_the_same_job_and_checkpoints_of_others_go_on_beside_a_blocked_sink() {
    Env::run_simulation(4, |env| async move {
        let (stuck, ticking) = (Gate::closed(), Gate::open());
        let storage = CheckpointStorage::memory(&env);
        let blocked = cluster::start(&env, &storage, &LIMITS, |stream_env| {
            stream_env.datagen(|n| n, DataGenOptions::new()).rebalance().sink_to(gated(from_ref(&stuck)));
            let once = stream_env.datagen(|n| n, DataGenOptions::new().with_rate_per_second(0.001));
            once.key_by(|_| 0u8).process(Ticks).sink_to(gated(from_ref(&ticking)));
        });
        let blocked = blocked.await.unwrap();
        let options = [LIMITS[0], LIMITS[1], ("execution.checkpointing.interval", "1 s")];
        let other = CheckpointStorage::memory(&env);
        let checkpointed = cluster::start(&env, &other, &options, |stream_env| {
            let options = DataGenOptions::new().with_rate_per_second(1000.0);
            stream_env.datagen(|n| n, options).key_by(|n| n % 7).sum(|n| n).blackhole();
        });
        let checkpointed = checkpointed.await.unwrap();
        env.sleep(LONG).await;
        assert_eq!(stuck.written(), 0);
        assert!(ticking.written() >= 19, "{} ticks", ticking.written());
        let completed = checkpointed.metric("numberOfCompletedCheckpoints");
        assert!(completed >= 19, "{completed} checkpoints");
        for job in [blocked, checkpointed] {
            job.handle.cancel();
            assert_eq!(job.handle.result().await.unwrap().status, JobStatus::Canceled);
        }
    })
    .unwrap();
}

#[test]
fn a_sink_that_takes_nothing_does_not_hold_up_the_thread_that_it_shares() {
    const ROWS: u64 = 200_000;
    let env = StreamExecutionEnvironment::get_execution_environment().unwrap();
    for (key, value) in LIMITS {
        env.configure(key, value);
    }
    let stuck = Gate::closed();
    let (all, finished) = std::sync::mpsc::sync_channel(3);
    // Eight tasks in one slot, which is one thread.
    env.from_sequence(1, ROWS as i64).rebalance().sink_to(gated(from_ref(&stuck)));
    for _ in 0..3 {
        let (all, seen) = (all.clone(), AtomicU64::new(0));
        env.from_sequence(1, ROWS as i64).rebalance().for_each(move |_| {
            if seen.fetch_add(1, Ordering::Relaxed) + 1 == ROWS {
                all.send(()).unwrap();
            }
        });
    }
    let client = env.execute_async("one thread").unwrap();
    for _ in 0..3 {
        finished.recv_timeout(Duration::from_secs(120)).expect("the neighbours stand still");
    }
    assert_eq!(stuck.written(), 0);
    stuck.let_all_through();
    assert_eq!(client.wait().unwrap().status(), JobStatus::Finished);
    assert_eq!(stuck.written(), ROWS);
}

#[test]
fn memory_stays_flat_behind_a_slow_sink() {
    const EVERY: u64 = 10_000;
    let mut job = Command::new(env!("CARGO_BIN_EXE_slow-sink-job"))
        .args(["--every", "10000", "--log-level", "warn", "-Dflott.exchange.batch-rows=100"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut go_on, said) = (job.stdin.take().unwrap(), BufReader::new(job.stdout.take().unwrap()));
    let mut first_kib = 0;
    // 400 MB of records go through.
    for (round, line) in said.lines().map(|line| line.unwrap()).take(40).enumerate() {
        let [read, written, kib] = *line.split(' ').map(|n| n.parse().unwrap()).collect::<Vec<u64>>() else {
            panic!("`{line}`")
        };
        assert_eq!(written, round as u64 * EVERY);
        assert!(read - written <= under_way_max(1) + BATCH_ROWS, "{read} are read, {written} written");
        if round == 4 {
            first_kib = kib;
        }
        assert!(round < 4 || kib < first_kib + 32 * 1024, "{kib} KiB after {written} records, {first_kib} at first");
        go_on.write_all(b"\n").unwrap();
    }
    assert!(first_kib > 0, "the job has ended");
    job.kill().unwrap();
    job.wait().unwrap();
}
