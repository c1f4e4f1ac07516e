//! How tasks spend their time: every second is busy, idle or backpressured, and none is counted twice.

use super::lab::{self, by_value};
use flott::api::metrics::Metric;
use flott::prelude::*;
use flott_env::Env;
use flott_sim::cluster;
use flott_state::checkpoint::CheckpointStorage;
use std::collections::BTreeMap;

/// Registers a timer for each record, all of which fire at the end.
#[derive(Clone)]
struct AtTheEnd;

impl KeyedProcessFunction for AtTheEnd {
    type Key = i64;
    type In = i64;
    type Out = i64;

    fn process(&mut self, _: i64, cx: &mut KeyedContext<'_, i64>, _: &mut Collector<i64>) -> Result<()> {
        cx.timer_service().register_event_time_timer(EventTime(1_000_000))
    }

    fn on_timer(&mut self, _: Timer, cx: &mut KeyedContext<'_, i64>, out: &mut Collector<i64>) -> Result<()> {
        out.collect(*cx.current_key()?);
        Ok(())
    }
}

/// Takes 100 ms for each record.
#[derive(Clone)]
struct Slow(Env);

impl AsyncFunction for Slow {
    type In = i64;
    type Out = i64;

    async fn invoke(&self, n: i64) -> Result<Vec<i64>> {
        self.0.sleep(Duration::from_millis(100)).await;
        Ok(vec![n])
    }
}

/// The shares of time of each task, by its name and then by their own.
fn shares(job: &cluster::Started) -> BTreeMap<String, BTreeMap<String, i64>> {
    let mut shares: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
    job.metrics.for_each(|name, labels, value| {
        if let (Some(share), Metric::Gauge(gauge)) = (name.strip_suffix("TimeMsPerSecond"), value) {
            let task = labels.iter().find(|(label, _)| *label == "task_name").unwrap().1.clone();
            shares.entry(task).or_default().insert(share.to_owned(), gauge.get());
        }
    });
    shares
}

/// The shares of time so many seconds after the start of a job whose input is over at once, and whose timers take five
/// seconds to get rid of what they emit.
fn shares_after(seconds: u64) -> BTreeMap<String, BTreeMap<String, i64>> {
    let options = [
        ("pipeline.operator-chaining.enabled", "false"),
        ("flott.exchange.batch-rows", "1"),
        ("flott.exchange.channel-batches", "1"),
    ];
    Env::run_simulation(3, |env| async move {
        let storage = CheckpointStorage::memory(&env);
        let (world, clock) = (lab::world(0), env.clone());
        let job = cluster::start(&env, &storage, &options, |stream_env| {
            let numbers = stream_env.from_source(world.replay(vec![(0..50).collect()]), by_value(), "numbers");
            let timers = numbers.key_by(|n| *n).process(AtTheEnd).name("timers").disable_chaining();
            let endless = stream_env.datagen(|n| n as i64, DataGenOptions::new().with_rate_per_second(1.0 / 3600.0));
            let slow = timers.ordered_wait(Slow(clock), Duration::from_secs(60)).capacity(1);
            slow.union([&endless]).blackhole();
        });
        let job = job.await.unwrap();
        env.sleep(Duration::from_secs(seconds)).await;
        shares(&job)
    })
    .unwrap()
}

#[test]
fn busy_idle_and_backpressured_time_add_up_to_the_whole() {
    let shares = shares_after(60);
    assert!(shares.len() > 4, "{shares:?}");
    for (task, shares) in &shares {
        assert_eq!(shares.values().sum::<i64>(), 1000, "{task}: {shares:?}");
    }
}

#[test]
fn a_task_that_waits_for_others_is_backpressured_and_not_busy() {
    // The task emits without a pause for five seconds. Virtual time stands still while anything is computed.
    let shares = shares_after(5);
    assert_eq!(shares["timers"]["busy"], 0, "{shares:?}");
    assert!(shares["timers"]["backPressured"] > 900, "{shares:?}");
}

#[test]
fn a_task_that_has_nothing_to_do_any_more_is_idle() {
    let shares = shares_after(60);
    assert_eq!((shares["timers"]["idle"], shares["timers"]["backPressured"]), (1000, 0), "{shares:?}");
}
