//! BATCH mode: final results only, one watermark at the end, no checkpoints, the broadcast side first.

use flott::prelude::*;
use flott::state::StateAccess;
use flott_env::Env;
use flott_sim::cluster;
use flott_state::checkpoint::CheckpointStorage;

fn batch() -> StreamExecutionEnvironment {
    let env = StreamExecutionEnvironment::get_execution_environment().unwrap();
    env.set_runtime_mode(RuntimeExecutionMode::Batch);
    env
}

#[test]
fn a_rolling_aggregate_emits_the_last_value_of_each_key_only() {
    let sums = batch().from_sequence(1, 100).key_by(|n| n % 3).sum(|n| n);
    let mut sums = sums.execute_and_collect("sums").unwrap();
    sums.sort_unstable();
    // 2 + 5 + ... + 98, 3 + 6 + ... + 99, 1 + 4 + ... + 100.
    assert_eq!(sums, [1650, 1683, 1717]);
}

/// Says when it is called back, and what the watermark was at each record.
#[derive(Clone)]
struct Timers;

impl KeyedProcessFunction for Timers {
    type Key = i64;
    type In = i64;
    type Out = String;

    fn process(&mut self, n: i64, cx: &mut KeyedContext<'_, i64>, out: &mut Collector<String>) -> Result<()> {
        let now = cx.current_processing_time();
        if cx.current_watermark() != Watermark::MIN {
            out.collect(format!("watermark at {n}"));
        }
        let mut timers = cx.timer_service();
        timers.register_event_time_timer(EventTime(n))?;
        timers.register_processing_time_timer(now.plus(Duration::from_secs(3600)))
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut KeyedContext<'_, i64>, out: &mut Collector<String>) -> Result<()> {
        let kind = match timer {
            Timer::EventTime(_) => "event",
            Timer::ProcessingTime(_) => "processing",
        };
        out.collect(format!("{kind} timer of {}", cx.current_key()?));
        Ok(())
    }
}

fn timed(env: &StreamExecutionEnvironment) -> DataStream<String> {
    let by_time = WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|n: &i64, _| EventTime(*n));
    env.from_elements([3i64, 1, 2]).assign_timestamps_and_watermarks(by_time).key_by(|n| *n).process(Timers)
}

#[test]
fn in_batch_all_timers_fire_at_the_end_and_no_watermark_comes_before() {
    let mut said = timed(&batch()).execute_and_collect("timers").unwrap();
    said.sort();
    assert_eq!(
        said,
        [1, 2, 3]
            .map(|n| format!("event timer of {n}"))
            .into_iter()
            .chain([1, 2, 3].map(|n| format!("processing timer of {n}")))
            .collect::<Vec<_>>()
    );
}

#[test]
fn in_streaming_processing_timers_that_are_not_due_are_dropped_at_the_end() {
    let env = StreamExecutionEnvironment::get_execution_environment().unwrap();
    let mut said = timed(&env).filter(|text| text.contains("timer")).execute_and_collect("timers").unwrap();
    said.sort();
    assert_eq!(said, [1, 2, 3].map(|n| format!("event timer of {n}")));
}

#[test]
fn processing_time_windows_fire_at_the_end_in_batch_and_not_in_streaming() {
    let windows = |env: &StreamExecutionEnvironment| {
        let windows = TumblingProcessingTimeWindows::of(Duration::from_secs(86_400));
        env.from_elements([1, 2, 3]).key_by(|_| 0u8).window(windows).sum(|n| n).execute_and_collect("windows").unwrap()
    };
    assert_eq!(windows(&batch()), [6]);
    assert_eq!(windows(&StreamExecutionEnvironment::get_execution_environment().unwrap()), [0; 0]);
}

/// Knows whether a number was broadcast before the record came.
#[derive(Clone, Default)]
struct Known {
    numbers: Opened<BroadcastState<i64, ()>>,
}

impl BroadcastProcessFunction for Known {
    type In = i64;
    type Broadcast = i64;
    type Out = (i64, bool);

    fn open(&mut self, cx: &mut OpenContext<'_>) -> Result<()> {
        self.numbers = cx.operator_state().broadcast("numbers")?.into();
        Ok(())
    }

    fn process(&mut self, n: i64, cx: &mut ReadOnlyContext<'_>, out: &mut Collector<(i64, bool)>) -> Result<()> {
        out.collect((n, self.numbers.contains(cx.broadcast_state(), &n)));
        Ok(())
    }

    fn process_broadcast(
        &mut self,
        n: i64,
        cx: &mut BroadcastContext<'_>,
        _: &mut Collector<(i64, bool)>,
    ) -> Result<()> {
        self.numbers.put(cx.broadcast_state(), n, ());
        Ok(())
    }
}

#[test]
fn in_batch_the_broadcast_side_is_consumed_first() {
    let env = batch();
    // The stream is there at once, the broadcast side takes its time.
    let slow = env.datagen(|n| n as i64, DataGenOptions::new().with_count(50).with_rate_per_second(1000.0));
    let known = env.from_sequence(0, 49).connect(&slow.broadcast_state()).process(Known::default());
    let known = known.execute_and_collect("known").unwrap();
    assert_eq!(known.len(), 50);
    assert!(known.iter().all(|(_, known)| *known));
}

#[test]
fn batch_takes_no_checkpoints_and_commits_at_the_end() {
    Env::run_simulation(1, |env| async move {
        let storage = CheckpointStorage::memory(&env);
        let world = flott_sim::World::new(1, flott_sim::Trace::new());
        world.begin_life(&flott_sim::faults::Faults::quiet());
        let options = [("execution.runtime-mode", "BATCH"), ("execution.checkpointing.interval", "10 ms")];
        let job = cluster::start(&env, &storage, &options, |stream_env| {
            let rows = vec![(0..200u64).collect::<Vec<_>>()];
            let numbers = stream_env.from_source(world.replay(rows), WatermarkStrategy::no_watermarks(), "numbers");
            numbers.sink_to(world.ledger("numbers"));
        });
        let job = job.await.unwrap();
        job.handle.result().await.unwrap();
        assert_eq!(job.handle.checkpoint_stats().counts.total, 0);
        assert_eq!(world.committed().len(), 200);
    })
    .unwrap();
}

#[derive(Clone, Default)]
struct CountPerKey(ValueState<u64>);

impl KeyedProcessFunction for CountPerKey {
    type Key = i64;
    type In = i64;
    type Out = (i64, u64);

    fn open(&mut self, cx: &mut KeyedOpenContext<'_, i64>) -> Result<()> {
        self.0 = ValueState::register(cx.keyed_state(), "count", None)?;
        Ok(())
    }

    fn process(&mut self, n: i64, cx: &mut KeyedContext<'_, i64>, out: &mut Collector<(i64, u64)>) -> Result<()> {
        let count = self.0.get(cx)?.copied().unwrap_or(0) + 1;
        self.0.set(cx, count)?;
        out.collect((n % 5, count));
        Ok(())
    }
}

#[test]
fn batch_and_streaming_agree_on_final_results() {
    let last = |env: &StreamExecutionEnvironment| {
        let counts = env.from_sequence(1, 1000).key_by(|n| n % 5).process(CountPerKey::default());
        let mut last = std::collections::BTreeMap::new();
        counts.execute_and_collect("counts").unwrap().into_iter().for_each(|(key, count)| {
            let largest: &mut u64 = last.entry(key).or_default();
            *largest = count.max(*largest);
        });
        last
    };
    let streaming = StreamExecutionEnvironment::get_execution_environment().unwrap();
    streaming.set_parallelism(3);
    assert_eq!(last(&batch()), last(&streaming));
}
