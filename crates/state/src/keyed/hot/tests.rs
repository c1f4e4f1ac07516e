//! Hot keys against exact counts, over time, by name.

use super::*;
use flott_core::{KeyHash, MaxParallelism};
use proptest::prelude::*;
use sketch::COUNTERS;
use std::collections::BTreeMap;

/// Draws keys of `0..keys` of which the n-th is `n^-skew` as frequent as the first.
struct Zipf {
    chance: fastrand::Rng,
    sums: Vec<f64>,
}

impl Zipf {
    fn new(keys: usize, skew: f64, seed: u64) -> Self {
        let mut sum = 0.0;
        let sums = (1..=keys).map(|n| {
            sum += (n as f64).powf(-skew);
            sum
        });
        Zipf { sums: sums.collect(), chance: fastrand::Rng::with_seed(seed) }
    }

    fn next(&mut self) -> u64 {
        let at = self.chance.f64() * self.sums[self.sums.len() - 1];
        self.sums.partition_point(|sum| *sum < at) as u64
    }
}

proptest! {
    #[test]
    fn a_sketch_has_every_frequent_key_and_is_off_by_a_counters_part_at_most(
        seed: u64,
        keys in 1usize..5000,
        skew in 0.0f64..2.0,
        rows in 1usize..6000,
        half in 0usize..6000,
    ) {
        let mut zipf = Zipf::new(keys, skew, seed);
        let (mut exact, mut all) = (BTreeMap::<u64, u64>::new(), 0);
        let mut sketches = [Sketch::new(), Sketch::new()];
        for n in 0..rows {
            let (key, weight) = (zipf.next(), 1 + zipf.chance.u64(0..3));
            *exact.entry(key).or_default() += weight;
            all += weight;
            sketches[usize::from(n < half)].add(&key, KeyHash::of(&key), weight);
        }
        prop_assert_eq!(sketches[0].total() + sketches[1].total(), all);
        let bound = all / COUNTERS as u64;
        let found = sketch::sum(&sketches[0], &sketches[1]);
        let named: BTreeMap<u64, &Found<'_, u64>> = found.iter().map(|found| (*found.key, found)).collect();
        prop_assert_eq!(named.len(), found.len(), "no key twice");
        for (key, count) in &exact {
            if *count > 2 * bound + 1 {
                prop_assert!(named.get(key).is_some_and(|found| found.is_certain()), "key {} is missing", key);
            }
        }
        for (key, found) in named {
            let count = exact[&key];
            prop_assert!(found.count - found.uncertain <= count, "no more is certain than there was");
            prop_assert!(found.count + bound >= count, "a half without a counter has missed a counter's part at most");
            prop_assert!(found.uncertain <= bound + 1);
            prop_assert!((found.estimate() - count as f64).abs() <= bound as f64 + 1.0);
        }
    }

    #[test]
    fn names_are_short(key: String, number: u64) {
        for name in [name::of(&key), name::of(&(number, key.clone()))] {
            prop_assert!(name.chars().count() <= 64);
        }
        if key.chars().count() <= 64 {
            prop_assert_eq!(name::of(&key), key);
        }
    }
}

#[test]
fn keys_have_names_for_people() {
    assert_eq!(name::of(&"ada".to_owned()), "ada");
    assert_eq!(name::of(&7u64), "7");
    assert_eq!(name::of(&("de".to_owned(), 7)), r#"["de",7]"#);
    assert_eq!(name::of(&"x".repeat(64)), "x".repeat(64));
    assert_eq!(name::of(&"x".repeat(65)), format!("{}…", "x".repeat(63)));
    assert_eq!(name::of(&"é".repeat(1_000_000)), format!("{}…", "é".repeat(63)));
    assert_eq!(name::of(&BTreeMap::from([((1, 2), 3)])), "a key that JSON does not have");
}

/// State whose hot keys are watched, driven by hand.
struct Watched {
    state: KeyedState<String>,
    now_ms: i64,
}

impl Watched {
    fn new() -> Self {
        let max = MaxParallelism::new(128).unwrap();
        let mut state = KeyedState::new(max, max.all());
        state.watch_hot_keys();
        Watched { state, now_ms: 1_000_000 }
    }

    /// So many seconds, each with `per_second` records in batches of 100.
    fn run(&mut self, seconds: usize, per_second: usize, mut key: impl FnMut(usize) -> String) {
        let batches = per_second / 100;
        for n in 0..seconds * batches {
            self.state.set_now(ProcessingTime(self.now_ms + (n * 1000 / batches) as i64));
            let keys: Vec<String> = (n * 100..(n + 1) * 100).map(&mut key).collect();
            let slots: Vec<KeySlot> = keys.iter().map(|key| self.state.slot(key)).collect();
            self.state.note_keys(&keys, &slots);
        }
        self.now_ms += seconds as i64 * 1000;
    }

    fn hot(&mut self) -> Vec<HotKey> {
        self.state.hot_keys(ProcessingTime(self.now_ms))
    }

    fn names(&mut self) -> Vec<String> {
        self.hot().into_iter().map(|hot| hot.key).collect()
    }
}

/// Every second record has the key `hot`, the others have many.
fn half_hot(n: usize) -> String {
    if n.is_multiple_of(2) { "hot".to_owned() } else { format!("cold {}", n * 7919 % 100_003) }
}

#[test]
fn a_key_that_half_of_the_records_have_is_first_at_any_rate() {
    for per_second in [100, 1000, 10_000, 100_000] {
        let mut watched = Watched::new();
        for seconds in [1, 3, 8, 8] {
            watched.run(seconds, per_second, half_hot);
            let hot = watched.hot();
            assert_eq!(hot[0].key, "hot", "{per_second} per second");
            assert!((0.47..0.53).contains(&hot[0].share), "{per_second}: {hot:?}");
            let ratio = hot[0].per_second / (per_second as f64 / 2.0);
            assert!((0.93..1.07).contains(&ratio), "{per_second}: {hot:?}");
        }
    }
}

#[test]
fn the_ten_hottest_keys_are_those_of_exact_counts() {
    // Shares of 2^-1, 2^-2 and so on; the tenth has a thousandth of all and is found too where records are counted.
    let mut watched = Watched::new();
    watched.run(4, 1000, |n| format!("key {}", (n + 1).trailing_zeros()));
    let expected: Vec<String> = (0..10).map(|n| format!("key {n}")).collect();
    assert_eq!(watched.names(), expected);
}

#[test]
fn where_no_key_stands_out_none_is_named() {
    let mut watched = Watched::new();
    let mut chance = fastrand::Rng::with_seed(3);
    watched.run(8, 20_000, |_| chance.u32(..).to_string());
    assert_eq!(watched.names(), Vec::<String>::new());
}

#[test]
fn keys_that_come_in_turns_are_not_seen_in_step() {
    let mut watched = Watched::new();
    watched.run(12, 100_000, |n| (n % 64).to_string());
    for hot in watched.hot() {
        assert!(hot.share < 0.03, "each has a 64th: {hot:?}");
    }
}

#[test]
fn a_key_that_has_cooled_down_is_gone_after_ten_seconds() {
    let mut watched = Watched::new();
    watched.run(7, 10_000, half_hot);
    watched.run(4, 10_000, |n| format!("new {}", n % 3));
    assert!(watched.names().contains(&"hot".to_owned()));
    watched.run(7, 10_000, |n| format!("new {}", n % 3));
    let names = watched.names();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("new")), "{names:?}");
}

#[test]
fn what_is_over_is_forgotten_without_records_too() {
    let mut watched = Watched::new();
    watched.run(1, 10_000, half_hot);
    for _ in 0..4 {
        watched.now_ms += 1000;
        assert_eq!(watched.names()[0], "hot");
    }
    watched.now_ms += 5500;
    assert!(watched.names().is_empty());
    watched.run(1, 1000, |_| "again".to_owned());
    assert_eq!(watched.names(), ["again"]);
    watched.now_ms -= 60_000;
    assert!(watched.names().is_empty(), "a clock that is set back");
}

#[test]
fn nothing_is_kept_where_nobody_watches_or_there_is_one_key_only() {
    let max = MaxParallelism::new(128).unwrap();
    let mut state = KeyedState::<u64>::new(max, max.all());
    let slots = [state.slot(&7)];
    state.note_keys(&[7], &slots);
    assert!(state.hot_keys(ProcessingTime(0)).is_empty());
    let mut state = KeyedState::<()>::new(max, max.all());
    state.watch_hot_keys();
    let slots = [state.slot(&())];
    state.note_keys(&[()], &slots);
    assert!(state.hot_keys(ProcessingTime(0)).is_empty());
}

#[test]
fn the_number_of_samples_does_not_grow_with_the_rate() {
    let mut watched = Watched::new();
    watched.run(20, 200_000, half_hot);
    let hot = watched.state.hot.as_ref().unwrap();
    assert!((300..350).contains(&hot.stride), "{}", hot.stride);
}
