//! The hottest keys of a keyed operator, by name, while the job runs.

use flott::prelude::*;
use flott_env::Env;
use flott_sim::cluster;
use flott_state::checkpoint::CheckpointStorage;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A hot key as a subtask shows it.
#[derive(Debug, PartialEq)]
struct Shown {
    key: String,
    rank: usize,
    per_second: i64,
}

/// All hot keys that are shown, the hottest first.
fn shown(job: &cluster::Started) -> Vec<Shown> {
    let mut shown = Vec::new();
    job.metrics.for_each(|name, labels, metric| {
        let label = |wanted| labels.iter().find(|(label, _)| *label == wanted).unwrap().1.clone();
        if name == "hotKeyRecordsPerSecond" {
            assert_eq!(label("operator_name"), "counts");
            let rank = label("rank").parse().unwrap();
            shown.push(Shown { key: label("key"), rank, per_second: metric.value() });
        }
    });
    shown.sort_by_key(|shown| -shown.per_second);
    shown
}

fn keys(job: &cluster::Started) -> Vec<String> {
    shown(job).into_iter().map(|shown| shown.key).collect()
}

/// Runs a job that counts words by themselves, a thousand in a second, and looks at it every now and then.
fn watch<T>(
    options: &[(&str, &str)],
    (words, count): (impl Fn(u64) -> String + Send + Sync + 'static, u64),
    look: impl AsyncFnOnce(&Env, &cluster::Started) -> T,
) -> T {
    Env::run_simulation(5, |env| async move {
        let storage = CheckpointStorage::memory(&env);
        let job = cluster::start(&env, &storage, options, |stream_env| {
            stream_env.set_parallelism(2);
            let options = DataGenOptions::new().with_rate_per_second(1000.0).with_count(count);
            let counts = stream_env.datagen(words, options).key_by(|word: &String| word.clone()).map_with_state(
                |word, count: &mut Option<u64>| {
                    *count = Some(count.unwrap_or(0) + 1);
                    word
                },
            );
            counts.name("counts").blackhole();
        });
        let job = job.await.unwrap();
        look(&env, &job).await
    })
    .unwrap()
}

#[test]
fn a_hot_key_is_named_first_and_is_gone_when_it_has_cooled_down() {
    // Every second word is the same, for 20 seconds; then there are three.
    let word = |n| match n {
        0..20_000 if n % 2 == 0 => "hot".to_owned(),
        0..20_000 => format!("cold {}", n % 5000),
        _ => format!("new {}", n % 3),
    };
    watch(&[], (word, 40_000), async |env, job| {
        env.sleep(Duration::from_secs(3)).await;
        let early = &shown(job)[0];
        assert_eq!((early.key.as_str(), early.rank), ("hot", 1));
        env.sleep(Duration::from_secs(12)).await;
        let hottest = &shown(job)[0];
        assert_eq!((hottest.key.as_str(), hottest.rank), ("hot", 1));
        assert!((430..570).contains(&hottest.per_second), "half of a thousand: {hottest:?}");
        env.sleep(Duration::from_secs(18)).await;
        let mut later = keys(job);
        later.sort();
        assert_eq!(later, ["new 0", "new 1", "new 2"]);
        job.handle.result().await.unwrap();
        assert_eq!(keys(job), [""; 0], "the job has ended");
    });
}

#[test]
fn nobody_names_keys_where_that_is_switched_off() {
    let options = [("flott.metrics.hot-keys.enabled", "false")];
    watch(&options, (|_| "secret".to_owned(), 5000), async |env, job| {
        env.sleep(Duration::from_secs(4)).await;
        assert_eq!(keys(job), [""; 0]);
    });
}

#[test]
fn a_restarted_job_watches_anew() {
    let has_failed = Arc::new(AtomicBool::new(false));
    let word = move |n| {
        if n == 5000 {
            assert!(has_failed.swap(true, Ordering::Relaxed), "on purpose, once");
        }
        if has_failed.load(Ordering::Relaxed) { "after".to_owned() } else { "before".to_owned() }
    };
    let options = [("restart-strategy.type", "fixed-delay"), ("restart-strategy.fixed-delay.delay", "500 ms")];
    watch(&options, (word, 30_000), async |env, job| {
        env.sleep(Duration::from_secs(4)).await;
        assert_eq!(keys(job), ["before"]);
        env.sleep(Duration::from_millis(2500)).await;
        assert_eq!(job.metric("numRestarts"), 1);
        assert!(!keys(job).contains(&"before".to_owned()));
        env.sleep(Duration::from_secs(2)).await;
        assert_eq!(keys(job), ["after"]);
    });
}
