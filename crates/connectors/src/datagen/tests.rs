use super::*;
use crate::harness::{Job, sorted};
use flott_api::SourceReader;
use flott_core::{CheckpointId, Configuration, ErrorKind};
use flott_env::Env;
use proptest::prelude::*;
use std::time::Duration;

fn squares() -> DataGeneratorSource<u64, impl Fn(u64) -> u64 + Send + Sync> {
    DataGeneratorSource::new(|n| n * n)
}

#[test]
fn records_come_in_order_at_parallelism_one() {
    let mut job = Job::start(&squares().with_count(100), 1).unwrap();
    job.run().unwrap();
    assert_eq!(job.rows(), (0..100).map(|n| n * n).collect::<Vec<_>>());
}

#[test]
fn a_source_with_a_count_is_bounded() {
    assert_eq!(squares().boundedness(), Boundedness::ContinuousUnbounded);
    assert_eq!(squares().with_count(0).boundedness(), Boundedness::Bounded);
    let mut job = Job::start(&squares().with_count(0), 2).unwrap();
    job.run().unwrap();
    assert!(job.rows().is_empty());
}

#[test]
fn readers_take_strides_of_the_same_phase() {
    let mut job = Job::start(&squares(), 3).unwrap();
    job.run_rows(300).unwrap();
    for (n, reader) in job.readers().iter().enumerate() {
        let rows = reader.rows.iter().map(|(_, row)| *row);
        let n = n as u64;
        assert!(rows.eq((0..reader.rows.len() as u64).map(|row| (3 * row + n) * (3 * row + n))));
        assert!(reader.rows.len() > 90);
    }
}

proptest! {
    #[test]
    fn every_record_comes_once_whatever_is_restored(
        count in 0..300u64, parallelisms in proptest::collection::vec(1..8u32, 1..4), stop in 0..150usize, phase in 1..100u64,
    ) {
        let source = squares().with_count(count).with_rate_limiter(RateLimiterStrategy::PerSecond(1e9));
        let mut found = Vec::new();
        let mut checkpoint = None;
        for (n, parallelism) in parallelisms.iter().enumerate() {
            let mut job = match &checkpoint {
                None => Job::start(&source, *parallelism).unwrap(),
                Some(checkpoint) => Job::restore(&source, *parallelism, checkpoint).unwrap(),
            };
            job.enumerator().phase_rows = phase;
            if n + 1 == parallelisms.len() { job.run().unwrap() } else { job.run_rows(stop).unwrap() }
            found.extend(job.rows());
            checkpoint = Some(job.checkpoint());
        }
        prop_assert_eq!(sorted(found), (0..count).map(|n| n * n).collect::<Vec<_>>());
    }
}

/// Rows of a reader, with the time at which each came, for so long.
fn timed_rows(rate: f64, parallelism: u32, subtask: u32, time: Duration) -> Vec<(u64, Duration)> {
    Env::run_simulation(1, |env| async move {
        let source = DataGeneratorSource::new(|n| n).with_rate_limiter(RateLimiterStrategy::PerSecond(rate));
        let metrics =
            flott_api::metrics::OperatorMetrics::new(&flott_api::metrics::MetricRegistry::new(), Arc::new([]));
        let config = Arc::new(Configuration::new());
        let info = crate::harness::task_info(subtask, parallelism);
        let cx = ReaderContext { env: env.clone(), info, config, metrics };
        let mut reader = source.create_reader(&cx).unwrap();
        let split = StrideSplit { first: 0, next: 0, step: 1, end: u64::MAX };
        reader.add_splits(vec![split]).unwrap();
        let start = env.elapsed();
        let mut rows = Vec::new();
        while env.elapsed() - start < time {
            let event = env.timeout(time, std::future::poll_fn(|task| reader.poll_next(task, 4096))).await;
            if let Some(Ok(flott_api::ReaderEvent::Rows { rows: new, .. })) = event {
                rows.extend(new.into_iter().map(|row| (row, env.elapsed() - start)));
            }
        }
        rows
    })
    .unwrap()
}

#[test]
fn a_rate_is_kept_in_steps_of_about_a_millisecond() {
    for (rate, parallelism) in [(50_000.0, 1), (50_000.0, 2), (1000.0, 1), (3.0, 1)] {
        let share = rate / f64::from(parallelism);
        let rows = timed_rows(rate, parallelism, 0, Duration::from_secs(2));
        let expected = 2.0 * share;
        assert!((rows.len() as f64 - expected).abs() <= expected * 0.002 + 1.0, "{} of {expected}", rows.len());
        for (row, at) in rows {
            let due = Duration::from_secs_f64(row as f64 / share);
            assert!(at >= due && at <= due + Duration::from_millis(2), "row {row} came at {at:?}, not {due:?}");
        }
    }
}

#[test]
fn time_in_which_nobody_asked_is_caught_up_on_for_a_second_only() {
    let rows = Env::run_simulation(1, |env| async move {
        let mut limiter = RateLimiter::new(RateLimiterStrategy::PerSecond(100.0), env.clone(), 0, 1);
        let mut take = async || {
            let due = std::future::poll_fn(|task| limiter.poll_due(task)).await;
            limiter.give(due);
            due
        };
        let mut rows = vec![take().await];
        for pause in [500, 10_000, 20] {
            env.sleep(Duration::from_millis(pause)).await;
            rows.push(take().await);
        }
        rows
    });
    assert_eq!(rows.unwrap(), [1, 50, 100, 2]);
}

#[test]
fn records_per_checkpoint_are_shared_and_come_again_when_it_is_complete() {
    let source = DataGeneratorSource::new(|n| n).with_rate_limiter(RateLimiterStrategy::PerCheckpoint(11));
    let mut job = Job::start(&source, 2).unwrap();
    for round in 1..=3 {
        job.run_rows(11 * round).unwrap();
        assert_eq!(job.readers().iter().map(|r| r.rows.len()).collect::<Vec<_>>(), [6 * round, 5 * round]);
        assert!(job.is_idle());
        job.readers().iter_mut().for_each(|r| r.reader.on_checkpoint_complete(CheckpointId(round as u64)).unwrap());
    }
}

#[test]
fn a_wrong_rate_is_an_error() {
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let source = squares().with_rate_limiter(RateLimiterStrategy::PerSecond(rate));
        assert_eq!(Job::start(&source, 1).err().unwrap().kind(), ErrorKind::Invalid);
    }
}
