use super::*;
use crate::harness::{Job, sorted};
use proptest::prelude::*;

fn all<N: SequenceNumber>(from: N, to: N, parallelism: u32) -> Vec<N> {
    let mut job = Job::start(&SequenceSource::new(from, to), parallelism).unwrap();
    job.run().unwrap();
    job.rows()
}

#[test]
fn both_ends_are_included_and_the_order_is_kept() {
    assert_eq!(all(-3i64, 3, 1), [-3, -2, -1, 0, 1, 2, 3]);
    assert_eq!(all(5u64, 5, 1), [5]);
    assert_eq!(all(i64::MAX - 1, i64::MAX, 1), [i64::MAX - 1, i64::MAX]);
}

#[test]
fn a_range_that_goes_down_is_an_error() {
    let error = Job::start(&SequenceSource::new(3i64, 2), 1).err().unwrap();
    assert_eq!(error.to_string(), "a sequence cannot go from 3 to 2; write the smaller number first");
}

#[test]
fn readers_share_the_range() {
    assert_eq!(sorted(all(1i64, 1000, 3)), (1..=1000).collect::<Vec<_>>());
    assert_eq!(sorted(all(0u64, 1, 7)), [0, 1]);
}

/// First and last number of each split.
fn splits(from: i64, to: i64, parallelism: u32) -> Vec<(i64, i64)> {
    SequenceSource::new(from, to).splits(parallelism).iter().map(|s| (s.next, s.next.plus(s.left.rows))).collect()
}

#[test]
fn long_ranges_have_splits_to_spare() {
    assert_eq!(splits(0, 99, 2), [(0, 49), (50, 99)]);
    assert_eq!(splits(0, 1 << 40, 2).len(), 8);
}

#[test]
fn the_whole_type_is_a_range() {
    let splits = splits(i64::MIN, i64::MAX, 3);
    assert_eq!((splits[0].0, splits[11].1, splits.len()), (i64::MIN, i64::MAX, 12));
    assert!(splits.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0));
    let mut split = SequenceSource::new(u64::MAX - 9, u64::MAX).splits(1).remove(0);
    let mut make = CountRows::<u64>(PhantomData);
    assert_eq!(make.make(&mut split, 10).unwrap().last(), Some(&u64::MAX));
    assert!(make.make(&mut split, 10).unwrap().is_empty());
}

proptest! {
    #[test]
    fn every_number_comes_once_whatever_is_restored(
        rows in 0..300i64, first in 1..4u32, second in 1..8u32, stop in 0..300usize, rows_max in 1..50usize,
    ) {
        let source = SequenceSource::new(-50, rows - 50);
        let mut job = Job::start(&source, first).unwrap();
        job.rows_max = rows_max;
        job.run_rows(stop).unwrap();
        let mut found = job.rows();
        let mut job = Job::restore(&source, second, &job.checkpoint()).unwrap();
        job.run().unwrap();
        found.extend(job.rows());
        prop_assert_eq!(sorted(found), (-50..=rows - 50).collect::<Vec<_>>());
    }
}
