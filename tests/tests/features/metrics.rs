//! Metrics by Flink's names, counted over a whole job.

use flott::prelude::*;
use std::collections::BTreeSet;

#[test]
fn operators_and_tasks_have_flinks_metrics() {
    let env = StreamExecutionEnvironment::get_execution_environment().unwrap();
    env.set_parallelism(2).enable_checkpointing(Duration::from_millis(10));
    let even = env.from_sequence(1, 1000).name("numbers").filter(|n| n % 2 == 0).name("even");
    even.key_by(|n| n % 10).sum(|n| n).name("sums").blackhole().name("nowhere");
    let result = env.execute("metrics").unwrap();
    for (operator, records_in, records_out) in
        [("Source: numbers", 1000, 1000), ("even", 1000, 500), ("sums", 500, 500), ("Sink: nowhere", 500, 500)]
    {
        assert_eq!(result.operator_metric(operator, "numRecordsIn"), records_in, "{operator}");
        assert_eq!(result.operator_metric(operator, "numRecordsOut"), records_out, "{operator}");
    }
    assert!(result.metric("numBytesOut") >= 500 * 8);
    assert_eq!(result.metric("numBytesIn"), result.metric("numBytesOut"));
    assert_eq!(result.metric("stateEntries"), 5);
    assert!(result.metric("numberOfCompletedCheckpoints") >= 1);
    assert_eq!(result.metric("numberOfFailedCheckpoints"), 0);
    assert_eq!(result.metric("numRestarts"), 0);
}

#[test]
fn the_names_are_flinks() {
    use flott_env::Env;
    use flott_sim::cluster;
    use flott_state::checkpoint::CheckpointStorage;
    let names = Env::run_simulation(1, |env| async move {
        let storage = CheckpointStorage::memory(&env);
        let job = cluster::start(&env, &storage, &[], |stream_env| {
            stream_env.from_sequence(1, 10).key_by(|n| *n).sum(|n| n).blackhole();
        });
        let job = job.await.unwrap();
        job.handle.result().await.unwrap();
        let mut names = BTreeSet::new();
        job.metrics.for_each(|name, _, _| {
            names.insert(name.to_owned());
        });
        names
    })
    .unwrap();
    for name in [
        "numRecordsIn",
        "numRecordsOut",
        "numRecordsInPerSecond",
        "numRecordsOutPerSecond",
        "numLateRecordsDropped",
        "numBytesIn",
        "numBytesOut",
        "busyTimeMsPerSecond",
        "idleTimeMsPerSecond",
        "backPressuredTimeMsPerSecond",
        "currentInputWatermark",
        "numberOfCompletedCheckpoints",
        "numberOfFailedCheckpoints",
        "numberOfInProgressCheckpoints",
        "totalNumberOfCheckpoints",
        "lastCompletedCheckpointId",
        "lastCheckpointDuration",
        "lastCheckpointSize",
        "lastCheckpointFullSize",
        "lastCheckpointRestoreTimestamp",
        "numRestarts",
        "fullRestarts",
        "uptime",
        "downtime",
    ] {
        assert!(names.contains(name), "`{name}` is missing among {names:?}");
    }
}

#[test]
fn late_records_are_counted() {
    let env = StreamExecutionEnvironment::get_execution_environment().unwrap();
    env.configure("pipeline.auto-watermark-interval", "0 ms").configure("flott.exchange.batch-rows", "1");
    let by_time = WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|n: &i64, _| EventTime(*n));
    let windows = env
        .from_elements([1i64, 100, 2, 3])
        .assign_timestamps_and_watermarks(by_time)
        .key_by(|_| 0u8)
        .window(TumblingEventTimeWindows::of(Duration::from_millis(10)));
    windows.sum(|n| n).name("windows").blackhole();
    assert_eq!(env.execute("late").unwrap().operator_metric("windows", "numLateRecordsDropped"), 2);
}

/// Measures with metrics of its own.
#[derive(Clone)]
struct Counting {
    events: Option<Meter>,
}

impl ProcessFunction for Counting {
    type In = i64;
    type Out = i64;

    fn open(&mut self, cx: &mut OpenContext<'_>) -> Result<()> {
        self.events = Some(cx.meter("events"));
        Ok(())
    }

    fn process(&mut self, n: i64, cx: &mut ProcessContext<'_>, _: &mut Collector<i64>) -> Result<()> {
        cx.counter("multiplesOfThree").add(u64::from(n % 3 == 0));
        cx.gauge("lastNumber").set(n);
        cx.histogram("numbers").update(n);
        self.events.iter().for_each(Meter::mark_event);
        Ok(())
    }
}

#[test]
fn users_have_metrics_of_their_own() {
    let env = StreamExecutionEnvironment::get_execution_environment().unwrap();
    env.from_sequence(1, 100).process(Counting { events: None }).name("counting").blackhole();
    let result = env.execute("own metrics").unwrap();
    assert_eq!(result.operator_metric("counting", "multiplesOfThree"), 33);
    assert_eq!(result.operator_metric("counting", "lastNumber"), 100);
    assert_eq!(result.operator_metric("counting", "numbers"), 100, "a histogram as a number is its count");
    assert!(result.operator_metric("counting", "events") >= 0, "per second");
    assert_eq!(result.operator_metric("counting", "currentOutputWatermark"), i64::MAX);
}
