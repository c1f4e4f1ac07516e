//! Tests of keyed process functions: state, and above all timers.

use super::*;
use crate::harness::{Harness, Setup, by, describe};
use flott_api::function::Timer;
use flott_core::EventTime;
use flott_env::Env;
use flott_state::ValueState;
use proptest::prelude::*;

/// What a record asks for, in the form `(key, command, number)`.
type Ask = (String, String, i64);

/// Does what records ask for, and tells of each timer that fires.
#[derive(Clone, Default)]
struct OnDemand {
    sum: ValueState<i64>,
}

impl KeyedProcessFunction for OnDemand {
    type Key = String;
    type In = Ask;
    type Out = String;

    fn open(&mut self, cx: &mut KeyedOpenContext<'_, String>) -> Result<()> {
        self.sum = ValueState::register(cx.keyed_state(), "sum", None)?;
        Ok(())
    }

    fn process(&mut self, ask: Ask, cx: &mut KeyedContext<'_, String>, out: &mut Collector<String>) -> Result<()> {
        let (_, command, n) = ask;
        match command.as_str() {
            "event" => cx.timer_service().register_event_time_timer(EventTime(n))?,
            "clock" => {
                let time = cx.timer_service().current_processing_time().0 + n;
                cx.timer_service().register_processing_time_timer(ProcessingTime(time))?;
            }
            "delete event" => cx.timer_service().delete_event_time_timer(EventTime(n))?,
            "add" => self.sum.update(cx, || 0, |sum| *sum += n)?,
            "tell" => {
                let sum = self.sum.get(cx)?.copied();
                out.collect(format!("{} {sum:?} at {}", cx.current_key()?, cx.current_watermark().0));
            }
            "fail" => return Err(Error::data("as asked")),
            other => panic!("{other}"),
        }
        Ok(())
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut KeyedContext<'_, String>, out: &mut Collector<String>) -> Result<()> {
        let (key, sum) = (cx.current_key()?.clone(), self.sum.get(cx)?.copied().unwrap_or(0));
        match timer {
            Timer::EventTime(time) => {
                assert_eq!(cx.timestamp(), Some(time));
                out.collect(format!("{key} {time} sum {sum} at {}", cx.current_watermark().0));
                // Times in the hundreds ask for more.
                if time.0 == 100 {
                    cx.timer_service().register_event_time_timer(EventTime(110))?;
                    cx.timer_service().register_event_time_timer(EventTime(990))?;
                }
            }
            Timer::ProcessingTime(_) => {
                assert_eq!(cx.timestamp(), None);
                out.collect(format!("{key} by the clock, sum {sum}"));
            }
        }
        Ok(())
    }

    fn finish(&mut self, cx: &mut KeyedContext<'_, String>, out: &mut Collector<String>) -> Result<()> {
        assert!(cx.current_key().is_err(), "there is no current key");
        out.collect("finished".to_owned());
        Ok(())
    }
}

fn factory() -> KeyedProcess<OnDemand> {
    KeyedProcess::new(by(|ask: &Ask| ask.0.clone()), OnDemand::default())
}

fn ask(list: &[(&str, &str, i64)]) -> Vec<Ask> {
    list.iter().map(|(key, command, n)| ((*key).to_owned(), (*command).to_owned(), *n)).collect()
}

#[test]
fn state_is_the_keys_own() {
    let mut h = Harness::new(factory());
    h.process(ask(&[("a", "add", 1), ("b", "add", 5), ("a", "add", 2), ("a", "tell", 0), ("c", "tell", 0)])).unwrap();
    let start = i64::MIN;
    assert_eq!(h.take::<String>(), [format!("a Some(3) at {start}"), format!("c None at {start}")]);
}

#[test]
fn event_timers_fire_in_order_of_time_when_the_watermark_reaches_them_and_before_it_goes_on() {
    let mut h = Harness::new(factory());
    h.process(ask(&[("a", "add", 7), ("b", "event", 20), ("a", "event", 10), ("c", "event", 21)])).unwrap();
    h.watermark(9).unwrap();
    h.watermark(20).unwrap();
    let told = describe::<String>(h.take_all());
    assert_eq!(told, ["watermark 9", "\"a 10 sum 7 at 20\"", "\"b 20 sum 0 at 20\"", "watermark 20"]);
}

#[test]
fn the_same_timer_twice_is_one_timer_and_a_deleted_one_is_none() {
    let mut h = Harness::new(factory());
    h.process(ask(&[("a", "event", 10), ("a", "event", 10), ("b", "event", 10), ("a", "event", 11)])).unwrap();
    h.process(ask(&[("a", "delete event", 11), ("b", "delete event", 99)])).unwrap();
    h.watermark(50).unwrap();
    assert_eq!(h.take::<String>(), ["a 10 sum 0 at 50", "b 10 sum 0 at 50"]);
    h.process(ask(&[("a", "event", 10)])).unwrap();
    h.watermark(60).unwrap();
    assert_eq!(h.take::<String>(), ["a 10 sum 0 at 60"], "it has fired and may be registered again");
}

#[test]
fn a_timer_registered_while_firing_fires_in_the_same_go_if_it_is_due() {
    let mut h = Harness::new(factory());
    h.process(ask(&[("a", "event", 100), ("b", "event", 105)])).unwrap();
    h.watermark(500).unwrap();
    let expected = ["a 100 sum 0 at 500", "b 105 sum 0 at 500", "a 110 sum 0 at 500"];
    assert_eq!(h.take::<String>(), expected, "110 comes in its order, 990 later");
    h.watermark(990).unwrap();
    assert_eq!(h.take::<String>(), ["a 990 sum 0 at 990"]);
}

#[test]
fn a_timer_registered_for_the_past_by_a_record_fires_with_the_next_watermark() {
    let mut h = Harness::new(factory());
    h.watermark(50).unwrap();
    h.process(ask(&[("a", "event", 10)])).unwrap();
    assert_eq!(h.take::<String>(), [] as [&str; 0]);
    h.watermark(51).unwrap();
    assert_eq!(h.take::<String>(), ["a 10 sum 0 at 51"]);
}

#[test]
fn results_of_event_timers_have_their_time_and_those_of_the_clock_have_none() {
    Env::run_simulation(1, |env| async move {
        let mut h = Harness::on(&env, factory());
        h.process(ask(&[("a", "event", 10), ("a", "clock", 5)])).unwrap();
        h.run_for(10).await;
        h.watermark(10).unwrap();
        let expected = [("a by the clock, sum 0".to_owned(), None), ("a 10 sum 0 at 10".to_owned(), Some(10))];
        assert_eq!(h.take_timed::<String>(), expected);
    })
    .unwrap();
}

#[test]
fn processing_timers_fire_by_the_clock_in_order() {
    Env::run_simulation(1, |env| async move {
        let mut h = Harness::on(&env, factory());
        h.process(ask(&[("b", "clock", 20), ("a", "clock", 10)])).unwrap();
        h.run_for(9).await;
        assert_eq!(h.take::<String>(), [] as [&str; 0]);
        h.run_for(1).await;
        assert_eq!(h.take::<String>(), ["a by the clock, sum 0"]);
        h.run_for(10).await;
        assert_eq!(h.take::<String>(), ["b by the clock, sum 0"]);
    })
    .unwrap();
}

#[test]
fn at_the_end_of_input_event_timers_fire_and_processing_timers_are_dropped() {
    let mut h = Harness::new(factory());
    h.process(ask(&[("a", "clock", 3_600_000), ("b", "event", 1_000_000)])).unwrap();
    h.finish().unwrap();
    let told = describe::<String>(h.take_all());
    let fired = format!("\"b 1000000 sum 0 at {}\"", i64::MAX);
    assert_eq!(told, [fired.as_str(), "watermark end", "\"finished\""]);
}

#[test]
fn in_batch_mode_processing_timers_fire_too_before_the_last_watermark() {
    let mut h = Harness::batch_mode(factory(), 1);
    h.process(ask(&[("a", "clock", 3_600_000), ("b", "event", 7), ("a", "add", 2)])).unwrap();
    h.tick().unwrap();
    h.finish().unwrap();
    let told = describe::<String>(h.take_all());
    let fired = format!("\"b 7 sum 0 at {}\"", i64::MAX);
    assert_eq!(told, [fired.as_str(), "\"a by the clock, sum 2\"", "watermark end", "\"finished\""]);
}

#[test]
fn state_and_timers_are_restored_and_overdue_timers_of_the_clock_fire_at_once() {
    Env::run_simulation(1, |env| async move {
        let mut h = Harness::on(&env, factory());
        let keys = ["a", "b", "c", "d", "e"];
        for key in keys {
            h.process(ask(&[(key, "add", 3), (key, "event", 10), (key, "clock", 50)])).unwrap();
        }
        let snapshot = h.snapshot();
        env.sleep(std::time::Duration::from_secs(1)).await;
        let mut told = Vec::new();
        for subtask in 0..3 {
            let restore = vec![snapshot.clone()];
            let setup = Setup { env: Some(env.clone()), subtask, parallelism: 3, restore, ..Setup::default() };
            let mut h = Harness::with(&factory(), setup).unwrap();
            h.tick().unwrap();
            h.watermark(10).unwrap();
            told.extend(h.take::<String>());
        }
        told.sort();
        let both = |key| [format!("{key} 10 sum 3 at 10"), format!("{key} by the clock, sum 3")];
        assert_eq!(told, keys.into_iter().flat_map(both).collect::<Vec<_>>());
    })
    .unwrap();
}

#[test]
fn many_timers_fire_in_slices() {
    let mut h = Harness::new(factory());
    let asks: Vec<Ask> = (0..10_000).map(|n| (format!("k{n}"), "event".to_owned(), n % 7)).collect();
    h.process(asks).unwrap();
    h.cx.watermark = Watermark(100);
    h.watermark(101).unwrap();
    assert!(h.batches() >= 10_000 / crate::fire::SLICE);
    assert_eq!(h.take::<String>().len(), 10_000);
}

#[test]
fn errors_name_the_record() {
    let mut h = Harness::new(factory());
    let error = h.process(ask(&[("a", "add", 1), ("a", "fail", 1)])).unwrap_err();
    assert_eq!(error.to_string(), "as asked (in record 2 of its input)");
}

proptest! {
    /// Timers against a set that is kept by hand.
    #[test]
    fn timers_fire_once_each_in_order(
        steps in proptest::collection::vec((0..4u8, 0..3u8, 0..40i64), 0..80),
    ) {
        let mut h = Harness::new(factory());
        let mut expected_set = std::collections::BTreeSet::new();
        let mut watermark = -1;
        for (what, key, time) in steps {
            let key = format!("k{key}");
            match what {
                0 | 1 => {
                    h.process(ask(&[(&key, "event", time)])).unwrap();
                    expected_set.insert((time, key));
                }
                2 => {
                    h.process(ask(&[(&key, "delete event", time)])).unwrap();
                    expected_set.remove(&(time, key));
                }
                _ if time > watermark => {
                    watermark = time;
                    h.watermark(watermark).unwrap();
                    let later = expected_set.split_off(&(watermark + 1, String::new()));
                    let due = std::mem::replace(&mut expected_set, later);
                    let fired = h.take_timed::<String>();
                    let times: Vec<i64> = fired.iter().map(|(_, time)| time.unwrap()).collect();
                    prop_assert!(times.is_sorted());
                    let mut fired: Vec<String> = fired.into_iter().map(|(told, _)| told).collect();
                    fired.sort();
                    let mut due: Vec<String> =
                        due.into_iter().map(|(time, key)| format!("{key} {time} sum 0 at {watermark}")).collect();
                    due.sort();
                    prop_assert_eq!(fired, due);
                }
                _ => {}
            }
        }
    }
}
