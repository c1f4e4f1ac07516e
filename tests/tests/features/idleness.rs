//! Who is idle and who only waits: a source that is held back, by backpressure or by its group, keeps its place in event
//! time.

use super::lab::{self, Notes, by_value};
use flott::connectors::DataGeneratorSource;
use flott::prelude::*;
use flott_env::Env;

const IDLE_AFTER: Duration = Duration::from_millis(50);

/// Sums of windows of 10 ms, and how many records came too late for theirs.
fn sums(numbers: &DataStream<i64>, notes: &Notes) {
    let late = OutputTag::new("late");
    let windows = numbers.key_by(|_| 0u8).window(TumblingEventTimeWindows::of(Duration::from_millis(10)));
    let sums = windows.side_output_late_data(&late).sum(|n| n);
    let (ours, theirs) = (notes.clone(), notes.clone());
    sums.get_side_output(&late).for_each(move |n: i64| theirs.note(format!("late {n}")));
    sums.for_each(move |sum| ours.note(sum.to_string()));
}

/// Takes its time for each record, one after the other.
#[derive(Clone)]
struct Slowly(Env, Duration);

impl AsyncFunction for Slowly {
    type In = i64;
    type Out = i64;

    async fn invoke(&self, n: i64) -> Result<Vec<i64>> {
        self.0.sleep(self.1).await;
        Ok(vec![n])
    }
}

#[test]
fn a_source_under_backpressure_is_not_idle() {
    // Of the source's records one goes on every 200 ms, and it could give them all at once.
    let options = [
        ("pipeline.auto-watermark-interval", "5 ms"),
        ("pipeline.operator-chaining.enabled", "false"),
        ("flott.exchange.batch-rows", "1"),
        ("flott.exchange.channel-batches", "1"),
    ];
    let notes = Notes::default();
    let noted = notes.clone();
    let world = lab::world(0);
    Env::run_simulation(3, |env| async move {
        let storage = flott_state::checkpoint::CheckpointStorage::memory(&env);
        let clock = env.clone();
        let job = flott_sim::cluster::start(&env, &storage, &options, |stream_env| {
            let numbers = stream_env.from_source(
                world.replay(vec![(0..30).collect()]),
                by_value().with_idleness(IDLE_AFTER),
                "held",
            );
            let slow =
                numbers.ordered_wait(Slowly(clock, Duration::from_millis(200)), Duration::from_secs(60)).capacity(1);
            let ahead = stream_env.from_source(world.replay(vec![vec![1_000_000]]), by_value(), "ahead");
            sums(&slow.union([&ahead]), &noted);
        });
        job.await.unwrap().handle.result().await.unwrap();
    })
    .unwrap();
    assert_eq!(notes.lines(), ["45", "145", "245", "1000000"]);
}

#[test]
fn a_source_that_waits_for_its_group_is_not_idle() {
    let aligned = || by_value().with_watermark_alignment("group", Duration::from_millis(20), Duration::from_millis(5));
    let options = [("pipeline.auto-watermark-interval", "5 ms")];
    let world = lab::world(2);
    let (ended, notes) = lab::run(&world, &options, |env, notes| {
        // For a second it goes on by 10 ms every 100 ms; the others could be done long before.
        let slow = DataGeneratorSource::new(|n| n as i64 * 10)
            .with_count(11)
            .with_rate_limiter(RateLimiterStrategy::PerSecond(10.0));
        let slow = env.from_source(slow, aligned(), "slow").filter(|_| false);
        let held = world.replay(vec![(0..60).collect()]);
        let held = env.from_source(held, aligned().with_idleness(IDLE_AFTER), "held");
        let ahead = env.from_source(world.replay(vec![vec![1_000_000]]), by_value(), "ahead");
        sums(&held.union([&ahead]), notes);
        slow.blackhole();
    });
    ended.unwrap();
    assert_eq!(notes.lines(), ["45", "145", "245", "345", "445", "545", "1000000"]);
}
