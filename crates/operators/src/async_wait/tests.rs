//! Tests of asynchronous calls.

use super::*;
use crate::harness::{Harness, Setup, describe};
use flott_core::ErrorKind;
use flott_env::Env;
use proptest::prelude::*;
use std::sync::atomic::{AtomicU32, Ordering};

/// Waits for as many milliseconds as the record says, then gives it twice.
#[derive(Clone)]
struct Slow {
    env: Env,
    running: Arc<AtomicU32>,
    most: Arc<AtomicU32>,
    calls: Arc<AtomicU32>,
}

impl Slow {
    fn new(env: &Env) -> Self {
        Slow { env: env.clone(), running: Arc::default(), most: Arc::default(), calls: Arc::default() }
    }
}

impl AsyncFunction for Slow {
    type In = (u32, u64);
    type Out = u32;

    async fn invoke(&self, (number, wait_ms): (u32, u64)) -> Result<Vec<u32>> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let running = self.running.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(running, Ordering::Relaxed);
        self.env.sleep(Duration::from_millis(wait_ms)).await;
        self.running.fetch_sub(1, Ordering::Relaxed);
        match number {
            666 => Err(Error::unavailable("no answer")),
            777 => panic!("user code"),
            _ => Ok(vec![number, number]),
        }
    }
}

fn simulate<F: Future<Output = ()>>(body: impl FnOnce(Env) -> F) {
    Env::run_simulation(7, body).unwrap();
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn ordered_results_keep_order_and_time() {
    simulate(|env| async move {
        let mut h = Harness::on(&env, AsyncWait::ordered(Slow::new(&env), MINUTE));
        h.process_timed(vec![((1u32, 30u64), 100), ((2, 10), 200), ((3, 20), 300)]).unwrap();
        h.finish_waiting().await.unwrap();
        let expected = [(1, 100), (1, 100), (2, 200), (2, 200), (3, 300), (3, 300)].map(|(n, t)| (n, Some(t)));
        assert_eq!(h.take_timed::<u32>(), expected);
    });
}

#[test]
fn unordered_results_come_as_they_complete_but_pass_no_watermark() {
    simulate(|env| async move {
        let mut h = Harness::on(&env, AsyncWait::unordered(Slow::new(&env), MINUTE));
        h.process_timed(vec![((1u32, 30u64), 100), ((2, 10), 200)]).unwrap();
        h.watermark(200).unwrap();
        h.process_timed(vec![((3u32, 5u64), 300)]).unwrap();
        h.idle();
        h.finish_waiting().await.unwrap();
        let told = describe::<u32>(h.take_all());
        assert_eq!(told, ["2", "2", "1", "1", "watermark 200", "3", "3", "idle", "watermark end"]);
    });
}

#[test]
fn a_watermark_goes_on_at_once_when_nothing_is_under_way() {
    simulate(|env| async move {
        let mut h = Harness::on(&env, AsyncWait::ordered(Slow::new(&env), MINUTE));
        h.watermark(5).unwrap();
        assert_eq!(h.take_watermarks(), [5]);
    });
}

#[test]
fn no_more_calls_than_the_capacity_are_under_way_and_then_no_input_is_taken() {
    simulate(|env| async move {
        let function = Slow::new(&env);
        let mut h = Harness::on(&env, AsyncWait::ordered(function.clone(), MINUTE).capacity(3));
        h.process((0..2u32).map(|n| (n, 10u64)).collect()).unwrap();
        assert_eq!(h.poll().unwrap(), Readiness::Ready, "a place is free");
        h.process((2..10u32).map(|n| (n, 10u64)).collect()).unwrap();
        assert_eq!(h.poll().unwrap(), Readiness::Busy);
        let start = env.now();
        h.ready().await.unwrap();
        assert_eq!(start.until(env.now()), Duration::from_millis(30), "until the last three are under way");
        h.finish_waiting().await.unwrap();
        assert_eq!(h.take::<u32>(), (0..10).flat_map(|n| [n, n]).collect::<Vec<_>>());
        assert_eq!(function.most.load(Ordering::Relaxed), 3);
        assert!(AsyncWait::ordered(function, MINUTE).capacity(0).create().is_err());
    });
}

#[test]
fn a_failed_call_fails_the_task_and_names_the_record() {
    simulate(|env| async move {
        let mut h = Harness::on(&env, AsyncWait::ordered(Slow::new(&env), MINUTE));
        h.process(vec![(1u32, 0u64), (666, 0)]).unwrap();
        let error = h.finish_waiting().await.unwrap_err();
        assert_eq!(error.to_string(), "no answer (in record 2 of its input)");
        let mut h = Harness::on(&env, AsyncWait::unordered(Slow::new(&env), MINUTE));
        h.process(vec![(777u32, 0u64)]).unwrap();
        let error = h.finish_waiting().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        assert_eq!(error.to_string(), "user code panicked: user code (in record 1 of its input)");
    });
}

#[test]
fn a_call_that_takes_too_long_fails_the_task() {
    simulate(|env| async move {
        let mut h = Harness::on(&env, AsyncWait::ordered(Slow::new(&env), Duration::from_millis(20)));
        h.process(vec![(1u32, 19u64), (2, 21)]).unwrap();
        let error = h.finish_waiting().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains("longer than its timeout"), "{error}");
        assert!(error.to_string().contains("record 2"), "{error}");
    });
}

/// Fails as often as the record says before it answers; tells how often it was asked when time runs out.
#[derive(Clone)]
struct Shaky {
    attempts: Arc<AtomicU32>,
}

impl AsyncFunction for Shaky {
    type In = u32;
    type Out = String;

    async fn invoke(&self, failures: u32) -> Result<Vec<String>> {
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed) + 1;
        match attempt > failures {
            true => Ok(vec![format!("answer {attempt}")]),
            false if failures == 1000 => Ok(vec![]),
            false => Err(Error::unavailable(format!("failure {attempt}"))),
        }
    }

    fn timeout(&self, failures: u32) -> Result<Vec<String>> {
        Ok(vec![format!("{failures}: no answer after {} attempts", self.attempts.load(Ordering::Relaxed))])
    }
}

async fn ask(
    env: &Env,
    failures: u32,
    retry: AsyncRetryStrategy<String>,
    timeout: Duration,
) -> (Result<Vec<String>>, Duration) {
    let factory = AsyncWait::ordered(Shaky { attempts: Arc::default() }, timeout).retry(retry);
    let mut h = Harness::on(env, factory);
    let start = env.now();
    h.process(vec![failures]).unwrap();
    let ended = h.finish_waiting().await;
    (ended.map(|()| h.take::<String>()), start.until(env.now()))
}

#[test]
fn calls_are_retried_as_the_strategy_says() {
    simulate(|env| async move {
        let ms = Duration::from_millis;
        let fixed = || AsyncRetryStrategy::fixed_delay(3, ms(10)).if_error(|e| e.kind() == ErrorKind::Unavailable);
        let (answer, took) = ask(&env, 3, fixed(), MINUTE).await;
        assert_eq!((answer.unwrap(), took), (vec!["answer 4".to_owned()], ms(30)));
        let (answer, _) = ask(&env, 4, fixed(), MINUTE).await;
        assert!(answer.unwrap_err().to_string().starts_with("failure 4"), "three retries are not enough");
        let (answer, _) = ask(&env, 1, AsyncRetryStrategy::fixed_delay(3, ms(10)), MINUTE).await;
        assert!(answer.unwrap_err().to_string().starts_with("failure 1"), "nothing says that it is worth it");
        let growing = AsyncRetryStrategy::exponential_backoff(9, ms(10), ms(35), 2.0).if_error(|_| true);
        let (answer, took) = ask(&env, 4, growing, MINUTE).await;
        assert_eq!((answer.unwrap(), took), (vec!["answer 5".to_owned()], ms(10 + 20 + 35 + 35)));
        let empty = AsyncRetryStrategy::fixed_delay(2, ms(10)).if_result(|results: &[String]| results.is_empty());
        let (answer, took) = ask(&env, 1000, empty, MINUTE).await;
        assert_eq!((answer.unwrap(), took), (vec![], ms(20)), "the last answer counts");
    });
}

#[test]
fn the_timeout_covers_all_retries_and_may_have_an_answer_of_its_own() {
    simulate(|env| async move {
        let ms = Duration::from_millis;
        let retry = AsyncRetryStrategy::fixed_delay(1_000_000, ms(10)).if_error(|_| true);
        let (answer, took) = ask(&env, 100_000, retry, ms(55)).await;
        assert_eq!(answer.unwrap(), ["100000: no answer after 6 attempts"]);
        assert_eq!(took, ms(55));
    });
}

#[test]
fn what_is_under_way_is_kept_as_input_and_asked_again_after_a_restore() {
    simulate(|env| async move {
        let function = Slow::new(&env);
        let factory = AsyncWait::ordered(function.clone(), MINUTE).capacity(2);
        let mut h = Harness::with(&factory, Setup { env: Some(env.clone()), ..Setup::default() }).unwrap();
        h.process_timed(vec![((1u32, 50u64), 10), ((2, 0), 20), ((3, 0), 30), ((4, 0), 40)]).unwrap();
        h.run_for(5).await;
        assert_eq!(h.poll().unwrap(), Readiness::Busy);
        let snapshot = h.snapshot();
        assert_eq!(h.take::<u32>(), [] as [u32; 0], "2 is complete and waits for 1");
        drop(h);
        let setup = Setup { env: Some(env.clone()), restore: vec![snapshot.clone()], ..Setup::default() };
        let mut h = Harness::with(&factory, setup).unwrap();
        h.process_timed(vec![((5u32, 0u64), 50)]).unwrap();
        h.finish_waiting().await.unwrap();
        let expected: Vec<_> = (1..6u32).flat_map(|n| [(n, Some(i64::from(n) * 10)); 2]).collect();
        assert_eq!(h.take_timed::<u32>(), expected);
        let mut all = Vec::new();
        for subtask in 0..3 {
            let restore = vec![snapshot.clone()];
            let setup = Setup { env: Some(env.clone()), subtask, parallelism: 3, restore, ..Setup::default() };
            let mut h = Harness::with(&factory, setup).unwrap();
            h.finish_waiting().await.unwrap();
            all.extend(h.take::<u32>());
        }
        all.sort_unstable();
        assert_eq!(all, [1, 1, 2, 2, 3, 3, 4, 4], "dealt out over the subtasks");
    });
}

#[test]
fn what_is_done_is_not_in_the_next_checkpoint() {
    simulate(|env| async move {
        let function = Slow::new(&env);
        let factory = AsyncWait::unordered(function.clone(), MINUTE);
        let mut h = Harness::with(&factory, Setup { env: Some(env.clone()), ..Setup::default() }).unwrap();
        h.process(vec![(1u32, 50u64), (2, 5)]).unwrap();
        h.run_for(10).await;
        h.poll().unwrap();
        assert_eq!(h.take::<u32>(), [2, 2]);
        let snapshot = h.snapshot();
        let setup = Setup { env: Some(env.clone()), restore: vec![snapshot], ..Setup::default() };
        let mut h = Harness::with(&factory, setup).unwrap();
        h.finish_waiting().await.unwrap();
        assert_eq!(h.take::<u32>(), [1, 1]);
    });
}

#[test]
fn completion_wakes_the_task_on_real_threads() {
    let env = Env::real().unwrap();
    env.block_on(async {
        let mut h = Harness::on(&env, AsyncWait::unordered(Slow::new(&env), MINUTE).capacity(4));
        h.process((0..50u32).map(|n| (n, u64::from(n % 3))).collect()).unwrap();
        h.finish_waiting().await.unwrap();
        let mut all = h.take::<u32>();
        all.sort_unstable();
        assert_eq!(all, (0..50).flat_map(|n| [n, n]).collect::<Vec<_>>());
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Records with any waiting times and watermarks between them, in both modes.
    #[test]
    fn results_keep_their_order_whatever_completes_first(
        steps in proptest::collection::vec(proptest::option::weighted(0.85, 0..20u64), 0..40),
        capacity in 1..6usize,
        is_ordered in any::<bool>(),
    ) {
        let told = Env::run_simulation(3, |env| async move {
            let function = Slow::new(&env);
            let factory = match is_ordered {
                true => AsyncWait::ordered(function, MINUTE),
                false => AsyncWait::unordered(function, MINUTE),
            };
            let mut h = Harness::on(&env, factory.capacity(capacity));
            let mut number = 0;
            let mut segments = vec![Vec::new()];
            for step in &steps {
                number += 1;
                h.ready().await.unwrap();
                match step {
                    Some(wait) => {
                        segments.last_mut().unwrap().push(number);
                        h.process(vec![(number, *wait)]).unwrap();
                    }
                    None => {
                        segments.push(Vec::new());
                        h.watermark(i64::from(number)).unwrap();
                    }
                }
            }
            h.finish_waiting().await.unwrap();
            (describe::<u32>(h.take_all()), segments)
        });
        let (told, segments) = told.unwrap();
        let mut found: Vec<Vec<u32>> = vec![Vec::new()];
        for line in told {
            match line.strip_prefix("watermark") {
                Some(_) => found.push(Vec::new()),
                None => found.last_mut().unwrap().push(line.parse().unwrap()),
            }
        }
        prop_assert_eq!(found.pop().unwrap(), [] as [u32; 0], "nothing comes after the end");
        for (mut found, segment) in found.into_iter().zip(segments) {
            if !is_ordered {
                found.sort_unstable();
            }
            prop_assert_eq!(found, segment.into_iter().flat_map(|n| [n, n]).collect::<Vec<u32>>());
        }
    }
}
