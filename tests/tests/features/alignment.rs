//! Watermark alignment within one source: a split that is ahead is not read until the others have come near.

use super::lab::{self, by_value};
use flott::prelude::*;

/// How many records of the fast split come before the last one of the slow split.
fn read_ahead(strategy: WatermarkStrategy<i64>) -> usize {
    let world = lab::world(4);
    let (ended, notes) = lab::run(&world, &[("pipeline.auto-watermark-interval", "1 ms")], |env, notes| {
        let slow = (0..100).collect();
        let fast = (1..=100).map(|n| n * 1000).collect();
        let notes = notes.clone();
        let numbers = env.from_source(world.replay(vec![slow, fast]), strategy, "splits");
        numbers.for_each(move |n| notes.note(if n < 100 { "slow" } else { "fast" }));
    });
    ended.unwrap();
    let lines = notes.lines();
    assert_eq!(lines.len(), 200, "all have come in the end");
    let last_slow = lines.iter().rposition(|line| line == "slow").unwrap();
    lines[..last_slow].iter().filter(|line| *line == "fast").count()
}

#[test]
fn a_split_that_is_ahead_waits_for_the_other_splits_of_its_source() {
    let alignment = || by_value().with_watermark_alignment("g", Duration::from_millis(50), Duration::from_millis(5));
    let (alone, aligned) = (read_ahead(by_value()), read_ahead(alignment()));
    assert!(alone > 80, "by themselves both are read in turn: {alone}");
    assert!(aligned < 10, "{aligned}");
}
