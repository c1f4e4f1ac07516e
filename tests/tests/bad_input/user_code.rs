//! User code that returns errors and user code that panics.

use super::{assert_says, environment};
use flott::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

fn parse(text: String) -> Result<i32, std::num::ParseIntError> {
    text.parse()
}

#[test]
fn an_error_names_operator_subtask_and_record() {
    let env = environment();
    let texts = env.from_elements(["1", "2", "x"].map(String::from));
    let error = texts.try_map(parse).name("parse").execute_and_collect("numbers").unwrap_err();
    assert_says(&error, &["invalid digit", "record 3 of its input", "operator `parse`", "subtask 1 of 1"]);
    assert_eq!(error.kind(), ErrorKind::Data);
}

#[test]
fn a_panic_names_operator_subtask_and_record_and_the_process_lives_on() {
    let env = environment();
    let divided = env.from_elements([4, 2, 0]).map(|n: i32| 8 / n).name("divide");
    let error = divided.execute_and_collect("divided").unwrap_err();
    assert_says(
        &error,
        &["panicked", "divide by zero", "record 3 of its input", "operator `divide`", "subtask 1 of 1"],
    );
    assert_eq!(env.from_elements([4, 2]).map(|n: i32| 8 / n).execute_and_collect("again").unwrap(), [2, 4]);
}

#[test]
fn a_panic_in_a_key_selector_names_operator_and_record() {
    let env = environment();
    let keyed = env.from_elements([1u32, 5]).key_by(|n| [10, 20][*n as usize]);
    let error = keyed.sum(|n| n).execute_and_collect("keyed").unwrap_err();
    assert_says(&error, &["panicked", "index out of bounds", "subtask 1 of 1"]);
}

#[derive(Clone)]
struct FailsOnTimer;

impl KeyedProcessFunction for FailsOnTimer {
    type Key = i64;
    type In = i64;
    type Out = i64;

    fn process(&mut self, n: i64, cx: &mut KeyedContext<'_, i64>, _: &mut Collector<i64>) -> Result<()> {
        cx.timer_service().register_event_time_timer(EventTime(n))
    }

    fn on_timer(&mut self, timer: Timer, _: &mut KeyedContext<'_, i64>, _: &mut Collector<i64>) -> Result<()> {
        if timer.millis() == 2 { Err(Error::data("no")) } else { Ok(()) }
    }
}

#[test]
fn an_error_in_a_timer_names_the_timer() {
    let env = environment();
    let error =
        env.from_sequence(1, 3).key_by(|n| *n).process(FailsOnTimer).name("timers").execute_and_collect("timers");
    assert_says(&error.unwrap_err(), &["no", "timer at 2", "operator `timers`"]);
}

#[derive(Clone)]
struct FailsToOpen;

impl ProcessFunction for FailsToOpen {
    type In = i64;
    type Out = i64;

    fn open(&mut self, _: &mut OpenContext<'_>) -> Result<()> {
        Err(Error::unavailable("the service does not answer"))
    }

    fn process(&mut self, _: i64, _: &mut ProcessContext<'_>, _: &mut Collector<i64>) -> Result<()> {
        Ok(())
    }
}

#[test]
fn an_error_in_open_names_the_operator() {
    let error =
        environment().from_sequence(1, 3).process(FailsToOpen).name("opens").execute_and_collect("open").unwrap_err();
    assert_says(&error, &["the service does not answer", "operator `opens`"]);
}

/// A job that fails at its hundredth record the first `failures` times, then goes through.
fn run_failing(failures: u32, strategy: &[(&str, &str)], panics: bool) -> (Result<Vec<i64>>, u32) {
    let env = environment();
    env.enable_checkpointing(Duration::from_millis(10));
    for (key, value) in strategy {
        env.configure(key, *value);
    }
    let failed = Arc::new(AtomicU32::new(0));
    let count = failed.clone();
    let numbers = env.from_sequence(1, 200).try_map(move |n| {
        if n == 100 && count.fetch_add(1, Ordering::Relaxed) < failures {
            assert!(!panics, "the hundredth");
            return Err("the hundredth");
        }
        Ok(n)
    });
    let result = numbers.execute_and_collect("fails at first");
    (result, failed.load(Ordering::Relaxed))
}

#[test]
fn a_failure_goes_through_the_restart_strategy_and_nothing_is_lost_or_doubled() {
    let fixed = [
        ("restart-strategy.type", "fixed-delay"),
        ("restart-strategy.fixed-delay.attempts", "3"),
        ("restart-strategy.fixed-delay.delay", "1 ms"),
    ];
    for panics in [false, true] {
        let (result, failed) = run_failing(3, &fixed, panics);
        assert_eq!(result.unwrap(), (1..=200).collect::<Vec<_>>());
        assert_eq!(failed, 4);
    }
    let (result, _) = run_failing(4, &fixed, false);
    assert_says(
        &result.unwrap_err(),
        &["the hundredth", "record 100", "not restarted", "restart-strategy.fixed-delay.attempts"],
    );
}

#[test]
fn without_a_restart_strategy_the_first_failure_is_the_last() {
    let (result, failed) = run_failing(1, &[("restart-strategy.type", "none")], false);
    assert_says(&result.unwrap_err(), &["the hundredth", "not restarted"]);
    assert_eq!(failed, 1);
}

#[test]
fn failures_that_were_survived_are_listed() {
    let env = environment();
    env.enable_checkpointing(Duration::from_millis(10))
        .configure("restart-strategy.exponential-delay.initial-backoff", "1 ms");
    let failed = Arc::new(AtomicU32::new(0));
    env.from_sequence(1, 10)
        .try_map(move |n| if n == 7 && failed.fetch_add(1, Ordering::Relaxed) < 2 { Err("seven") } else { Ok(n) })
        .blackhole();
    let job = env.execute_async("survives").unwrap();
    assert_eq!(job.wait().unwrap().status(), JobStatus::Finished);
    let exceptions = job.exceptions();
    assert_eq!(exceptions.len(), 2);
    assert!(exceptions.iter().all(|e| e.contains("seven") && e.contains("record 7")), "{exceptions:?}");
}
