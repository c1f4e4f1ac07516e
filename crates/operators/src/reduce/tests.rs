//! Tests of the rolling reduction.

use super::*;
use crate::harness::{Harness, Setup, by, describe};
use flott_api::function::aggregations::{max_by, min, sum};

type Row = (String, u64, char);

fn rows(list: &[(&str, u64, char)]) -> Vec<Row> {
    list.iter().map(|(key, n, c)| ((*key).to_owned(), *n, *c)).collect()
}

fn reduce<F: ReduceFunction<Row>>(function: F) -> Reduce<Row, String, F> {
    Reduce::new(by(|row: &Row| row.0.clone()), function)
}

const ROWS: &[(&str, u64, char)] = &[("a", 3, 'x'), ("b", 7, 'y'), ("a", 1, 'z'), ("a", 2, 'u'), ("b", 9, 'v')];

#[test]
fn each_record_yields_the_reduction_so_far_with_its_own_time() {
    let mut h = Harness::new(reduce(|a: Row, b: Row| (a.0, a.1 + b.1, b.2)));
    h.process_timed(rows(ROWS).into_iter().zip(10..).collect()).unwrap();
    let expected = rows(&[("a", 3, 'x'), ("b", 7, 'y'), ("a", 4, 'z'), ("a", 6, 'u'), ("b", 16, 'v')]);
    assert_eq!(h.take_timed::<Row>(), expected.into_iter().zip((10..15).map(Some)).collect::<Vec<_>>());
}

#[test]
fn sum_and_min_keep_the_first_record_and_max_by_gives_the_whole_one() {
    let run = |mut h: Harness| {
        h.process(rows(ROWS)).unwrap();
        h.take::<Row>()
    };
    let summed = run(Harness::new(reduce(sum(|row: &mut Row| &mut row.1))));
    assert_eq!(summed, rows(&[("a", 3, 'x'), ("b", 7, 'y'), ("a", 4, 'x'), ("a", 6, 'x'), ("b", 16, 'y')]));
    let smallest = run(Harness::new(reduce(min(|row: &mut Row| &mut row.1))));
    assert_eq!(smallest, rows(&[("a", 3, 'x'), ("b", 7, 'y'), ("a", 1, 'x'), ("a", 1, 'x'), ("b", 7, 'y')]));
    let largest = run(Harness::new(reduce(max_by(|row: &Row| row.1))));
    assert_eq!(largest, rows(&[("a", 3, 'x'), ("b", 7, 'y'), ("a", 3, 'x'), ("a", 3, 'x'), ("b", 9, 'v')]));
}

#[test]
fn in_batch_mode_only_the_last_value_of_each_key_is_emitted_before_the_last_watermark() {
    let mut h = Harness::batch_mode(reduce(sum(|row: &mut Row| &mut row.1)), 1);
    h.process(rows(ROWS)).unwrap();
    assert_eq!(h.batches(), 0);
    h.finish().unwrap();
    let mut told = describe::<Row>(h.take_all());
    assert_eq!(told.pop().unwrap(), "watermark end");
    told.sort();
    assert_eq!(told, ["(\"a\", 6, 'x')", "(\"b\", 16, 'y')"]);
}

#[test]
fn in_batch_mode_many_keys_come_in_slices() {
    let mut h = Harness::batch_mode(Reduce::new(by(|n: &u64| *n), |a: u64, _: u64| a), 1);
    h.process((0..10_000u64).collect()).unwrap();
    h.process((0..10_000u64).collect()).unwrap();
    h.finish().unwrap();
    assert_eq!(h.batches(), 3);
    let mut all = h.take::<u64>();
    all.sort_unstable();
    assert_eq!(all, (0..10_000).collect::<Vec<_>>());
}

#[test]
fn the_reduction_survives_at_another_parallelism() {
    let factory = || Reduce::new(by(|n: &u64| n % 100), |a: u64, b: u64| a + b);
    let mut h = Harness::new(factory());
    h.process((0..100u64).collect()).unwrap();
    let snapshot = h.snapshot();
    let max = MaxParallelism::new(crate::harness::MAX).unwrap();
    let mut all = Vec::new();
    for subtask in 0..3 {
        let setup = Setup { subtask, parallelism: 3, restore: vec![snapshot.clone()], ..Setup::default() };
        let mut h = Harness::with(&factory(), setup).unwrap();
        let owner = |n: &u64| max.owner(max.key_group(flott_core::KeyHash::of(&(n % 100))), 3);
        h.process((100..200u64).filter(|n| owner(n) == subtask).collect()).unwrap();
        all.extend(h.take::<u64>());
    }
    all.sort_unstable();
    assert_eq!(all, (0..100).map(|n| n + n + 100).collect::<Vec<u64>>());
}
