//! BATCH mode, keyed operators: one key after the other, sorted by time, with the results of STREAMING mode. The
//! memory for sorting is so small that nearly all goes through temporary files. The state backend is one that forgets what
//! it has in memory at once, which must make no difference: in BATCH mode state stays on the heap.

#![expect(clippy::disallowed_methods, reason = "the tests look whether files are left")]

use flott::core::Data;
use flott::prelude::*;
use flott::state::StateAccess;
use std::collections::BTreeMap;
use std::fmt::Debug;

/// Key, time, value.
type Row = (u32, i64, i64);

fn environment(mode: RuntimeExecutionMode, parallelism: u32) -> StreamExecutionEnvironment {
    let env = StreamExecutionEnvironment::get_execution_environment().unwrap();
    env.set_runtime_mode(mode).set_parallelism(parallelism).configure("execution.sorted-inputs.memory", "1 kb");
    if mode == RuntimeExecutionMode::Batch {
        env.configure("state.backend.type", "rocksdb").configure("flott.state.working-set.size", "1 b");
    }
    env
}

fn batch() -> StreamExecutionEnvironment {
    environment(RuntimeExecutionMode::Batch, 2)
}

/// Rows of 50 keys in no order, no two with the same time.
fn rows(seed: u64, count: i64) -> Vec<Row> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut rows: Vec<Row> = (0..count).map(|n| (random.u32(..50), 10 * n, random.i64(1..100))).collect();
    random.shuffle(&mut rows);
    rows
}

/// The rows as a stream; none is late.
fn timed(env: &StreamExecutionEnvironment, rows: Vec<Row>) -> DataStream<Row> {
    let by_time = WatermarkStrategy::for_bounded_out_of_orderness(Duration::from_secs(86_400));
    env.from_collection(rows)
        .assign_timestamps_and_watermarks(by_time.with_timestamp_assigner(|row: &Row, _| EventTime(row.1)))
}

fn collect<T: Data + Ord>(stream: &DataStream<T>) -> Vec<T> {
    let mut results = stream.execute_and_collect("job").unwrap();
    results.sort();
    results
}

/// The job has the same results in both modes.
fn both_agree<T: Data + Ord + Debug>(job: impl Fn(&StreamExecutionEnvironment) -> DataStream<T>) {
    for parallelism in [1, 3] {
        let streaming = collect(&job(&environment(RuntimeExecutionMode::Streaming, parallelism)));
        let batch = collect(&job(&environment(RuntimeExecutionMode::Batch, parallelism)));
        assert!(!streaming.is_empty());
        assert_eq!(batch, streaming, "at parallelism {parallelism}");
    }
}

#[test]
fn a_reduction_gives_each_keys_last_value_once() {
    let sums = |env: &StreamExecutionEnvironment| {
        let sums = timed(env, rows(1, 2000)).key_by(|r| r.0).sum(|r| &mut r.2);
        sums.execute_and_collect("sums").unwrap().into_iter().map(|r| (r.0, r.2)).collect::<Vec<_>>()
    };
    let streaming = sums(&environment(RuntimeExecutionMode::Streaming, 1));
    let last: BTreeMap<u32, i64> = streaming.into_iter().collect();
    let mut batch = sums(&batch());
    batch.sort_unstable();
    assert_eq!(batch, last.into_iter().collect::<Vec<_>>());
}

#[test]
fn windows_agree() {
    let tumbling = || TumblingEventTimeWindows::of(Duration::from_millis(500));
    both_agree(|env| {
        timed(env, rows(2, 2000)).key_by(|r| r.0).window(tumbling()).sum(|r| &mut r.2).map(|r| (r.0, r.2))
    });
    let sliding = || SlidingEventTimeWindows::of(Duration::from_millis(500), Duration::from_millis(200));
    both_agree(|env| timed(env, rows(3, 1000)).key_by(|r| r.0).window(sliding()).sum(|r| &mut r.2).map(|r| (r.0, r.2)));
    let sessions = || EventTimeSessionWindows::with_gap(Duration::from_millis(300));
    both_agree(|env| {
        timed(env, rows(4, 2000)).key_by(|r| r.0).window(sessions()).sum(|r| &mut r.2).map(|r| (r.0, r.2))
    });
    // All together, which is a key too.
    both_agree(|env| timed(env, rows(5, 500)).window_all(tumbling()).sum(|r| &mut r.2).map(|r| r.2));
}

#[test]
fn count_windows_count_in_order_of_time() {
    let in_threes = |env: &StreamExecutionEnvironment, rows| {
        collect(&timed(env, rows).key_by(|r| r.0).count_window(3).sum(|r| &mut r.2).map(|r| (r.0, r.2)))
    };
    let mut in_order = rows(6, 1000);
    in_order.sort_by_key(|row| row.1);
    let streaming = in_threes(&environment(RuntimeExecutionMode::Streaming, 1), in_order);
    assert!(!streaming.is_empty());
    assert_eq!(in_threes(&batch(), rows(6, 1000)), streaming);
}

#[test]
fn joins_agree() {
    let key = |r: &Row| r.0;
    let pair = |left: &Row, right: &Row| (left.0, left.1, right.1);
    both_agree(|env| {
        let (left, right) = (timed(env, rows(7, 1000)), timed(env, rows(8, 1000)));
        left.key_by(key).interval_join(&right.key_by(key)).between(-200, 300).apply(pair)
    });
    let windows = || TumblingEventTimeWindows::of(Duration::from_millis(500));
    both_agree(|env| {
        let (left, right) = (timed(env, rows(9, 1000)), timed(env, rows(10, 1000)));
        left.join(&right).where_(key).equal_to(key).window(windows()).apply(pair)
    });
}

/// Says of each key what it has seen, in order, at the last timer of all.
#[derive(Clone, Default)]
struct Course(ListState<String>);

impl Course {
    fn see(&self, row: Row, name: &str, cx: &mut KeyedContext<'_, u32>) -> Result<()> {
        let watermark = if cx.current_watermark() == Watermark::MIN { "" } else { " after the watermark" };
        self.0.add(cx, format!("{name}{}{watermark}", row.1))?;
        let mut timers = cx.timer_service();
        timers.register_event_time_timer(EventTime(row.1 + 1000))?;
        timers.register_processing_time_timer(ProcessingTime::MAX)
    }

    fn call(
        &self,
        timer: Timer,
        cx: &mut KeyedContext<'_, u32>,
        out: &mut Collector<(u32, Vec<String>)>,
    ) -> Result<()> {
        if cx.current_watermark() != Watermark::MAX {
            return Err(Error::data("a timer fires before the watermark is at its end"));
        }
        // Flink ignores both.
        let mut timers = cx.timer_service();
        timers.register_event_time_timer(EventTime(timer.millis()))?;
        timers.register_processing_time_timer(ProcessingTime(timer.millis()))?;
        match timer {
            Timer::EventTime(time) => self.0.add(cx, format!("timer{}", time.0))?,
            Timer::ProcessingTime(_) => {
                let seen = self.0.get(cx)?.to_vec();
                out.collect((*cx.current_key()?, seen));
            }
        }
        Ok(())
    }
}

impl KeyedProcessFunction for Course {
    type Key = u32;
    type In = Row;
    type Out = (u32, Vec<String>);

    fn open(&mut self, cx: &mut KeyedOpenContext<'_, u32>) -> Result<()> {
        self.0 = ListState::register(cx.keyed_state(), "seen", None)?;
        Ok(())
    }

    fn process(&mut self, row: Row, cx: &mut KeyedContext<'_, u32>, _: &mut Collector<Self::Out>) -> Result<()> {
        self.see(row, "a", cx)
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut KeyedContext<'_, u32>, out: &mut Collector<Self::Out>) -> Result<()> {
        self.call(timer, cx, out)
    }
}

impl KeyedCoProcessFunction for Course {
    type Key = u32;
    type In1 = Row;
    type In2 = Row;
    type Out = (u32, Vec<String>);

    fn open(&mut self, cx: &mut KeyedOpenContext<'_, u32>) -> Result<()> {
        self.0 = ListState::register(cx.keyed_state(), "seen", None)?;
        Ok(())
    }

    fn process1(&mut self, row: Row, cx: &mut KeyedContext<'_, u32>, _: &mut Collector<Self::Out>) -> Result<()> {
        self.see(row, "a", cx)
    }

    fn process2(&mut self, row: Row, cx: &mut KeyedContext<'_, u32>, _: &mut Collector<Self::Out>) -> Result<()> {
        self.see(row, "b", cx)
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut KeyedContext<'_, u32>, out: &mut Collector<Self::Out>) -> Result<()> {
        self.call(timer, cx, out)
    }
}

/// What each key has to see: its rows by time, then its event timers by time; the processing timer says so.
fn courses(sides: &[(&str, Vec<Row>)]) -> Vec<(u32, Vec<String>)> {
    let mut by_key: BTreeMap<u32, Vec<(i64, &str)>> = BTreeMap::new();
    for (name, rows) in sides {
        rows.iter().for_each(|row| by_key.entry(row.0).or_default().push((row.1, name)));
    }
    let course = |(key, mut rows): (u32, Vec<(i64, &str)>)| {
        rows.sort_unstable();
        let mut course: Vec<String> = rows.iter().map(|(time, name)| format!("{name}{time}")).collect();
        rows.dedup_by_key(|(time, _)| *time);
        course.extend(rows.iter().map(|(time, _)| format!("timer{}", time + 1000)));
        (key, course)
    };
    by_key.into_iter().map(course).collect()
}

#[test]
fn a_function_sees_a_key_by_time_then_its_timers_and_timers_of_timers_are_ignored() {
    let seen = timed(&batch(), rows(11, 3000)).key_by(|r| r.0).process(Course::default());
    assert_eq!(collect(&seen), courses(&[("a", rows(11, 3000))]));
}

#[test]
fn two_inputs_are_merged_by_key_and_time() {
    let env = batch();
    let (one, two) = (timed(&env, rows(12, 1000)), timed(&env, rows(13, 2000)));
    let seen = one.connect(&two).key_by(|r| r.0, |r| r.0).process(Course::default());
    assert_eq!(collect(&seen), courses(&[("a", rows(12, 1000)), ("b", rows(13, 2000))]));
}

#[test]
fn a_trigger_that_asks_for_timer_after_timer_ends() {
    let trigger = ContinuousProcessingTimeTrigger::of(Duration::from_secs(60));
    let sums = timed(&batch(), rows(14, 500)).key_by(|r| r.0).window(GlobalWindows).trigger(trigger);
    let sums = collect(&sums.sum(|r| &mut r.2).map(|r| (r.0, r.2)));
    let mut expected: BTreeMap<u32, i64> = BTreeMap::new();
    rows(14, 500).into_iter().for_each(|row| *expected.entry(row.0).or_default() += row.2);
    assert_eq!(sums, expected.into_iter().collect::<Vec<_>>());
}

/// Numbers the records of a key, by the number that was broadcast.
#[derive(Clone, Default)]
struct Numbered {
    count: ValueState<i64>,
    step: Opened<BroadcastState<(), i64>>,
}

impl KeyedBroadcastProcessFunction for Numbered {
    type Key = u32;
    type In = Row;
    type Broadcast = i64;
    type Out = (u32, i64, i64);

    fn open(&mut self, cx: &mut KeyedOpenContext<'_, u32>) -> Result<()> {
        self.count = ValueState::register(cx.keyed_state(), "count", None)?;
        self.step = cx.operator_state().broadcast("step")?.into();
        Ok(())
    }

    fn process(
        &mut self,
        row: Row,
        cx: &mut KeyedReadOnlyContext<'_, u32>,
        out: &mut Collector<Self::Out>,
    ) -> Result<()> {
        let step = self.step.get(cx.broadcast_state(), &()).copied().unwrap_or(0);
        let count = self.count.get(cx)?.copied().unwrap_or(0) + step;
        self.count.set(cx, count)?;
        out.collect((row.0, row.1, count));
        Ok(())
    }

    fn process_broadcast(
        &mut self,
        step: i64,
        cx: &mut KeyedBroadcastContext<'_, u32>,
        _: &mut Collector<Self::Out>,
    ) -> Result<()> {
        self.step.put(cx.broadcast_state(), (), step);
        Ok(())
    }
}

#[test]
fn beside_a_broadcast_stream_keys_are_sorted_and_it_is_consumed_first() {
    let env = batch();
    let slow = env.datagen(|n| n as i64 + 1, DataGenOptions::new().with_count(7).with_rate_per_second(100.0));
    let numbered = timed(&env, rows(15, 1000)).key_by(|r| r.0).connect(&slow.broadcast_state());
    let mut in_order = rows(15, 1000);
    in_order.sort_unstable();
    let mut counts = BTreeMap::new();
    let numbers = in_order.into_iter().map(|(key, time, _)| {
        let count = counts.entry(key).or_insert(0);
        *count += 7;
        (key, time, *count)
    });
    assert_eq!(collect(&numbered.process(Numbered::default())), numbers.collect::<Vec<_>>());
}

#[test]
fn far_more_keys_than_memory_come_through_and_no_file_stays() {
    let folder = tempfile::tempdir().unwrap();
    let env = batch();
    env.configure("execution.sorted-inputs.memory", "64 kb").configure("io.tmp.dirs", folder.path().to_str().unwrap());
    let keys = 60_000i64;
    let pairs = env.from_sequence(0, 2 * keys - 1).map(move |n| (n * 7919 % keys, format!("{n:050}"), 1));
    let counts = pairs.key_by(|pair| pair.0).sum(|pair| &mut pair.2);
    let mut counts: Vec<(i64, i32)> =
        counts.execute_and_collect("counts").unwrap().into_iter().map(|p| (p.0, p.2)).collect();
    counts.sort_unstable();
    assert!(counts.iter().zip(0..).all(|(pair, key)| *pair == (key, 2)));
    assert_eq!(counts.len() as i64, keys);
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_failure_among_sorted_records_leaves_no_file_and_a_missing_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let failing = |dirs: &std::path::Path| {
        let env = batch();
        env.configure("io.tmp.dirs", dirs.to_str().unwrap());
        let keyed = timed(&env, rows(16, 5000)).key_by(|r| r.0);
        let checked = keyed.map_with_state(|row, seen: &mut Option<u32>| {
            *seen.get_or_insert(0) += 1;
            assert!(*seen < Some(30), "the thirtieth");
            row
        });
        checked.execute_and_collect("failing").unwrap_err().to_string()
    };
    let error = failing(folder.path());
    assert!(error.contains("the thirtieth"), "{error}");
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    let error = failing(&folder.path().join("missing"));
    assert!(error.contains("missing") && error.contains("io.tmp.dirs") && error.contains("Map"), "{error}");
}
