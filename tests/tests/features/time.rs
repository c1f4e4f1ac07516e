//! Event time over a whole job: idle sources, alignment, what a restore forgets.

use flott::prelude::*;
use flott_env::Env;
use flott_sim::faults::{Faults, Pace};
use flott_sim::{Trace, World, cluster};
use flott_state::checkpoint::CheckpointStorage;
use std::sync::{Arc, Mutex};

fn world(pause_ms: u64) -> World {
    let world = World::new(1, Trace::new());
    let pace = Pace { rows_max: 1, pause_max: Duration::from_millis(pause_ms), stalls: 0.0 };
    world.begin_life(&Faults { pace, ..Faults::default() });
    world
}

fn strategy() -> WatermarkStrategy<i64> {
    WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|n: &i64, _| EventTime(*n))
}

/// Runs a job in a simulation, with rows for its sources, and returns what its sink has seen with the virtual time.
fn run(build: impl FnOnce(&World, &StreamExecutionEnvironment, Seen)) -> Vec<(u64, String)> {
    let seen = Seen::default();
    let result = seen.clone();
    Env::run_simulation(2, |env| async move {
        let storage = CheckpointStorage::memory(&env);
        seen.0.lock().unwrap().1 = Some(env.clone());
        let options = [("pipeline.auto-watermark-interval", "5 ms")];
        let job =
            cluster::start(&env, &storage, &options, |stream_env| build(&world(4), stream_env, seen)).await.unwrap();
        let limit = env.timeout(Duration::from_secs(30), job.handle.result()).await;
        if let Some(result) = limit {
            result.unwrap();
        }
    })
    .unwrap();
    let seen = &result.0.lock().unwrap().0;
    seen.clone()
}

/// What came, when.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Noted>>);

/// What was seen, and the world whose clock is asked.
type Noted = (Vec<(u64, String)>, Option<Env>);

impl Seen {
    fn note(&self, what: String) {
        let mut seen = self.0.lock().unwrap();
        let now = seen.1.as_ref().map_or(0, |env| env.elapsed().as_millis() as u64);
        seen.0.push((now, what));
    }
}

fn endless(env: &StreamExecutionEnvironment) -> DataStream<i64> {
    // One row, and then nothing for an hour.
    env.datagen(|n| n as i64, DataGenOptions::new().with_rate_per_second(1.0 / 3600.0))
}

fn window_starts(numbers: &DataStream<i64>, seen: Seen) {
    let windows = numbers.key_by(|_| 0u8).window(TumblingEventTimeWindows::of(Duration::from_millis(10)));
    let starts =
        windows.apply(|_: &u8, window: TimeWindow, _: &[i64], out: &mut Collector<i64>| out.collect(window.start.0));
    starts.for_each(move |start| seen.note(format!("window {start}")));
}

#[test]
fn a_source_without_data_holds_event_time_back_until_it_is_idle() {
    let fired = |idleness: Option<Duration>| {
        run(|world, env, seen| {
            let quiet = match idleness {
                Some(after) => strategy().with_idleness(after),
                None => strategy(),
            };
            let busy = env.from_source(world.replay(vec![(0..100).collect()]), strategy(), "busy");
            let quiet = endless(env).assign_timestamps_and_watermarks(quiet);
            window_starts(&busy.union([&quiet]), seen);
        })
    };
    assert_eq!(fired(None), []);
    let fired = fired(Some(Duration::from_millis(50)));
    assert_eq!(fired.len(), 10, "{fired:?}");
    assert!(fired[0].0 >= 50);
}

#[test]
fn a_source_that_is_far_ahead_waits_for_the_others_of_its_group() {
    let seen = run(|world, env, seen| {
        let aligned =
            || strategy().with_watermark_alignment("group", Duration::from_millis(20), Duration::from_millis(5));
        let fast = env.from_source(world.replay(vec![(0..3000).step_by(10).collect()]), aligned(), "fast");
        let slow = env.from_source(world.replay(vec![(0..300).collect()]), aligned(), "slow");
        let (ahead, behind) = (seen.clone(), seen);
        fast.for_each(move |n| ahead.note(format!("fast {n}")));
        slow.for_each(move |n| behind.note(format!("slow {n}")));
    });
    let (mut slowest, mut ahead_max) = (0, 0);
    for (_, text) in &seen {
        let (who, n) = text.split_once(' ').unwrap();
        let n: i64 = n.parse().unwrap();
        match who {
            "slow" => slowest = n,
            // When the slow one has ended nobody is waited for.
            _ if slowest < 299 => ahead_max = ahead_max.max(n - slowest),
            _ => {}
        }
    }
    assert_eq!(seen.len(), 600);
    // The drift, and what is read in two intervals of comparing.
    assert!(ahead_max < 150, "{ahead_max} ms ahead");
}

#[test]
fn watermarks_are_per_split_and_the_slowest_split_decides() {
    let fired = run(|world, env, seen| {
        let partitions = vec![(0..100).collect(), (0..100).map(|n| n / 2).collect()];
        window_starts(&env.from_source(world.replay(partitions), strategy(), "splits"), seen);
    });
    let starts: Vec<&str> = fired.iter().map(|(_, text)| text.as_str()).collect();
    let expected: Vec<String> = (0..10).map(|n| format!("window {}", n * 10)).collect();
    assert_eq!(starts, expected, "each window fires once, in order, with no record late");
}

#[test]
fn a_smaller_watermark_is_ignored() {
    /// Says one watermark after each row, now and then a smaller one.
    struct Jumpy;
    impl WatermarkGenerator<i64> for Jumpy {
        fn on_event(&mut self, n: &i64, _: EventTime) -> Option<Watermark> {
            Some(Watermark(if n % 3 == 0 { n - 20 } else { n - 1 }))
        }
        fn on_periodic(&mut self) -> Option<Watermark> {
            None
        }
    }
    let fired = run(|world, env, seen| {
        let jumpy = WatermarkStrategy::for_generator(|| Jumpy).with_timestamp_assigner(|n: &i64, _| EventTime(*n));
        window_starts(&env.from_source(world.replay(vec![(0..100).collect()]), jumpy, "jumpy"), seen);
    });
    assert_eq!(fired.len(), 10, "{fired:?}");
}

#[test]
fn processing_time_timers_fire_when_the_clock_says_so() {
    /// Fires half a second after each record.
    #[derive(Clone)]
    struct Later(Seen);
    impl KeyedProcessFunction for Later {
        type Key = i64;
        type In = i64;
        type Out = i64;
        fn process(&mut self, n: i64, cx: &mut KeyedContext<'_, i64>, _: &mut Collector<i64>) -> Result<()> {
            self.0.note(format!("record {n}"));
            let at = cx.current_processing_time().plus(Duration::from_millis(500));
            cx.timer_service().register_processing_time_timer(at)
        }
        fn on_timer(&mut self, _: Timer, cx: &mut KeyedContext<'_, i64>, _: &mut Collector<i64>) -> Result<()> {
            self.0.note(format!("timer {}", cx.current_key()?));
            Ok(())
        }
    }
    let seen = run(|world, env, seen| {
        let numbers = env.from_source(world.replay(vec![vec![1, 2, 3]]), strategy(), "numbers").union([&endless(env)]);
        numbers.key_by(|n| *n).process(Later(seen)).blackhole();
    });
    for key in 1..=3 {
        let at = |what: &str| seen.iter().find(|(_, text)| *text == format!("{what} {key}")).unwrap().0;
        assert_eq!(at("timer") - at("record"), 500, "{seen:?}");
    }
}
