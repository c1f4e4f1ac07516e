//! Tests of the interval join.

use super::*;
use crate::harness::{Fleet, Harness, Move, Setup, Snapshot, by};
use proptest::prelude::*;

type Left = (u8, u32);
type Right = (u8, char);

#[derive(Clone)]
struct Pair;

impl ProcessJoinFunction for Pair {
    type Left = Left;
    type Right = Right;
    type Out = String;

    fn process(
        &mut self,
        left: &Left,
        right: &Right,
        cx: &mut JoinContext<'_, '_>,
        out: &mut Collector<String>,
    ) -> Result<()> {
        assert_eq!(cx.timestamp(), Some(cx.left_timestamp().max(cx.right_timestamp())));
        out.collect(format!("{}{}", left.1, right.1));
        Ok(())
    }
}

fn join(lower: i64, upper: i64) -> IntervalJoin<u8, Pair> {
    IntervalJoin::new(by(|l: &Left| l.0), by(|r: &Right| r.0), lower, upper, Pair).unwrap()
}

fn start(factory: &IntervalJoin<u8, Pair>, restore: Vec<Snapshot>) -> Harness {
    Harness::with(factory, Setup { inputs: 2, restore, ..Setup::default() }).unwrap()
}

impl Harness {
    fn left(&mut self, rows: &[(u8, u32, i64)]) {
        self.process_on(0, rows.iter().map(|(k, n, t)| ((*k, *n), *t)).collect()).unwrap();
    }
    fn right(&mut self, rows: &[(u8, char, i64)]) {
        self.process_on(1, rows.iter().map(|(k, c, t)| ((*k, *c), *t)).collect()).unwrap();
    }
}

#[test]
fn both_bounds_are_included_and_results_have_the_later_time() {
    let mut h = start(&join(-2, 1), vec![]);
    h.left(&[(1, 1, 10)]);
    h.right(&[(1, 'a', 7), (1, 'b', 8), (1, 'c', 11), (1, 'd', 12), (2, 'e', 10)]);
    assert_eq!(h.take_timed::<String>(), [("1b".to_owned(), Some(10)), ("1c".to_owned(), Some(11))]);
    h.left(&[(1, 2, 9), (1, 3, 13)]);
    assert_eq!(h.take::<String>(), ["2a", "2b", "3c", "3d"]);
}

#[test]
fn bounds_may_be_left_out() {
    let mut h = start(&join(-2, 1).lower_bound_exclusive().upper_bound_exclusive(), vec![]);
    h.left(&[(1, 1, 10)]);
    h.right(&[(1, 'a', 8), (1, 'b', 9), (1, 'c', 10), (1, 'd', 11)]);
    assert_eq!(h.take::<String>(), ["1b", "1c"]);
    let mut h = start(&join(5, 5).lower_bound_exclusive().upper_bound_exclusive(), vec![]);
    h.left(&[(1, 1, 10)]);
    h.right(&[(1, 'a', 15)]);
    assert_eq!(h.take::<String>(), [] as [&str; 0], "an empty interval");
    assert!(IntervalJoin::new(by(|l: &Left| l.0), by(|r: &Right| r.0), 2, 1, Pair).is_err());
}

#[test]
fn a_record_is_late_below_the_watermark_and_not_at_it() {
    let (left, right) = (OutputTag::new("left"), OutputTag::new("right"));
    let factory = join(-5, 5).side_output_left_late_data(&left).side_output_right_late_data(&right);
    let mut h = start(&factory, vec![]);
    h.watermark(10).unwrap();
    h.left(&[(1, 1, 9), (1, 2, 10)]);
    h.right(&[(1, 'a', 9), (1, 'b', 10)]);
    assert_eq!(h.take_side::<Left>("left"), [((1, 1), Some(9))]);
    assert_eq!(h.take_side::<Right>("right"), [((1, 'a'), Some(9))]);
    assert_eq!(h.take::<String>(), ["2b"]);
    let mut h = start(&join(-5, 5), vec![]);
    h.watermark(10).unwrap();
    h.left(&[(1, 1, 9)]);
    assert_eq!(h.cx.metrics.late_records_dropped.get(), 1);
}

#[test]
fn records_are_dropped_when_no_partner_can_come_any_more() {
    let mut h = start(&join(-2, 3), vec![]);
    h.left(&[(1, 1, 10)]);
    h.right(&[(2, 'a', 10)]);
    h.watermark(11).unwrap();
    assert_eq!(h.entries(), 2);
    h.watermark(12).unwrap();
    assert_eq!(h.entries(), 1, "a left record can come up to 2 after the right one");
    h.watermark(13).unwrap();
    assert_eq!(h.entries(), 0, "a right record can come up to 3 after the left one");
}

#[test]
fn records_without_time_are_refused() {
    let mut h = start(&join(0, 0), vec![]);
    let error = h.process(vec![(1u8, 1u32)]).unwrap_err();
    assert!(error.to_string().contains("assign_timestamps_and_watermarks"), "{error}");
}

#[derive(Clone, Debug)]
enum Step {
    Left(u8, i64),
    Right(u8, i64),
    Watermark(i64),
    Checkpoint(Move),
}

fn course() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..12u8, 0..3u8, 0..40i64, Move::any()).prop_map(|(what, key, time, to)| match what {
        0 => Step::Checkpoint(to),
        1 | 2 => Step::Watermark(time),
        3..7 => Step::Left(key, time),
        _ => Step::Right(key, time),
    });
    proptest::collection::vec(step, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Against lists of the records that were not late, from which those go that the watermark has passed. A partner
    /// that comes at exactly the watermark is not late, and may yet find the other one gone, as in Flink.
    #[test]
    fn joins_what_a_plain_computation_joins(steps in course(), on_store: bool, lower in -8..8i64, width in 0..8i64) {
        let upper = lower + width;
        let factory = join(lower, upper);
        let mut fleet = Fleet::new(&factory, 2, on_store);
        let (mut lefts, mut rights, mut watermark, mut number) = (Vec::new(), Vec::new(), i64::MIN, 0u32);
        let (mut found, mut expected) = (Vec::new(), Vec::new());
        let fits = |left: i64, right: i64| (left + lower..=left + upper).contains(&right);
        for step in &steps {
            number += 1;
            let mut has_moved = false;
            let name = char::from_u32(0x4E00 + number).unwrap();
            match *step {
                Step::Left(key, time) => {
                    fleet.send(0, vec![((key, number), time)], |row: &Left| row.0);
                    if time >= watermark {
                        lefts.push((key, number, time));
                        let partners = rights.iter().filter(|(k, _, right)| *k == key && fits(time, *right));
                        expected.extend(partners.map(|(_, c, _): &(u8, char, i64)| format!("{number}{c}")));
                    }
                }
                Step::Right(key, time) => {
                    fleet.send(1, vec![((key, name), time)], |row: &Right| row.0);
                    if time >= watermark {
                        rights.push((key, name, time));
                        let partners = lefts.iter().filter(|(k, _, left)| *k == key && fits(*left, time));
                        expected.extend(partners.map(|(_, n, _)| format!("{n}{name}")));
                    }
                }
                Step::Watermark(to) if to <= watermark => {}
                Step::Watermark(to) => {
                    watermark = to;
                    has_moved = true;
                    fleet.watermark(to);
                }
                Step::Checkpoint(ref to) => {
                    found.extend(fleet.take::<String>());
                    fleet.go_on(to);
                    has_moved = true;
                }
            }
            if has_moved {
                lefts.retain(|(.., left)| left + upper.max(0) > watermark);
                rights.retain(|(.., right)| right + (-lower).max(0) > watermark);
            }
        }
        fleet.watermark(i64::MAX);
        found.extend(fleet.take::<String>());
        found.sort();
        expected.sort();
        prop_assert_eq!(found, expected);
        prop_assert_eq!(fleet.entries(), 0);
    }
}

#[test]
fn a_restored_join_cleans_up_as_well() {
    let factory = join(-2, 3);
    let mut h = start(&factory, vec![]);
    h.left(&[(1, 1, 10), (2, 2, 20)]);
    let snapshot = h.snapshot();
    let mut h = start(&factory, vec![snapshot]);
    h.watermark(13).unwrap();
    assert_eq!(h.entries(), 1);
    h.right(&[(2, 'a', 21)]);
    assert_eq!(h.take::<String>(), ["2a"]);
}

fn on_store(factory: &IntervalJoin<u8, Pair>, restore: Vec<Snapshot>) -> Harness {
    Harness::with(factory, Setup { inputs: 2, restore, store: Some(0), ..Setup::default() }).unwrap()
}

#[test]
fn on_a_store_each_time_of_a_key_is_an_entry() {
    let factory = join(0, 1000);
    let mut h = on_store(&factory, vec![]);
    for n in 0..500u32 {
        h.left(&[(1, n, i64::from(n))]);
    }
    h.left(&[(1, 500, 7)]);
    // Each with an entry that says when it is due.
    assert_eq!(h.entries(), 2 * 500);
    h.right(&[(1, 'a', 7), (2, 'b', 7)]);
    assert_eq!(h.take::<String>(), ["0a", "1a", "2a", "3a", "4a", "5a", "6a", "7a", "500a"], "the earliest first");
    h.watermark(1399).unwrap();
    assert_eq!(h.entries(), 2 * 100);
    let snapshot = h.snapshot();
    let mut h = on_store(&factory, vec![snapshot]);
    h.right(&[(1, 'c', 1400)]);
    assert_eq!(h.take::<String>().len(), 100);
    h.finish().unwrap();
    assert_eq!(h.entries(), 0);
}

#[test]
fn what_a_store_holds_as_one_value_for_each_key_is_taken_over() {
    let factory = join(-2, 3);
    let mut h = on_store(&factory, vec![]);
    let keyed = h.cx.keyed::<u8>().unwrap();
    // As it was kept before each time was an entry.
    let whole = keyed.register::<(), whole::Sides<Left, Right>>(whole::WHOLE).unwrap();
    for key in 0..100u8 {
        let mut sides = whole::Sides::new();
        sides.left.insert(10, vec![(key, 1), (key, 2)]);
        sides.right.insert(20, vec![(key, 'a')]);
        let slot = keyed.slot(&key);
        keyed.table(whole).insert(slot, &key, &(), sides).unwrap();
    }
    let snapshot = h.snapshot();
    // The second time there is nothing left to be taken over.
    let mut again = on_store(&factory, vec![snapshot]);
    assert_eq!(again.entries(), 100 * 2 * 2);
    let snapshot = again.snapshot();
    let mut h = on_store(&factory, vec![snapshot]);
    h.right(&[(7, 'b', 12)]);
    h.left(&[(8, 3, 21)]);
    assert_eq!(h.take::<String>(), ["1b", "2b", "3a"]);
    h.watermark(19).unwrap();
    assert_eq!(h.entries(), (100 + 1) * 2, "left ones have gone");
    h.finish().unwrap();
    assert_eq!(h.entries(), 0);
}

#[test]
fn other_bounds_on_a_store_clean_up_at_other_times() {
    let mut h = on_store(&join(0, 100), vec![]);
    h.left(&[(1, 1, 10)]);
    let snapshot = h.snapshot();
    let mut h = on_store(&join(0, 5), vec![snapshot]);
    h.watermark(14).unwrap();
    assert_eq!(h.entries(), 2);
    h.watermark(15).unwrap();
    assert_eq!(h.entries(), 0);
}
