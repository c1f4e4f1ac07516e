//! Window join and co-group.

use super::*;
use crate::harness::Setup;
use crate::window::{
    CountEvictor, CountTrigger, EventTimeSessionWindows, JoinWindowed, Tagged, TumblingEventTimeWindows,
};
use flott_api::function::OutputTag;

type Other = (String, char);

fn joined<A: WindowAssigner<Tagged<Row, Other>>>(
    assigner: A,
) -> JoinWindowed<String, Row, Other, A, A::DefaultTrigger> {
    JoinWindowed::new(by(|row: &Row| row.0.clone()), by(|row: &Other| row.0.clone()), assigner)
}

fn others(list: &[(&str, char, i64)]) -> Vec<(Other, i64)> {
    list.iter().map(|(key, c, time)| (((*key).to_owned(), *c), *time)).collect()
}

fn two_inputs(factory: impl OperatorFactory) -> Harness {
    Harness::with(&factory, Setup { inputs: 2, ..Setup::default() }).unwrap()
}

#[test]
fn a_window_join_gives_the_pairs_of_a_key_in_a_window() {
    let windows = joined(TumblingEventTimeWindows::of(ms(10)));
    let mut h = two_inputs(windows.join(|row: &Row, other: &Other| format!("{}{}{}", row.0, row.1, other.1)));
    h.process_on(0, rows(&[("a", 1, 0), ("a", 2, 9), ("b", 3, 5), ("a", 4, 10)])).unwrap();
    h.process_on(1, others(&[("a", 'x', 3), ("a", 'y', 4), ("c", 'z', 4)])).unwrap();
    h.watermark(9).unwrap();
    let mut pairs = h.take_timed::<String>();
    pairs.sort();
    let expected = ["a1x", "a1y", "a2x", "a2y"].map(|p| (p.to_owned(), Some(9)));
    assert_eq!(pairs, expected, "inner only, and with the window's largest time");
    h.finish().unwrap();
    assert_eq!(h.told(), [] as [&str; 0]);
    assert_eq!(h.entries(), 0);
}

fn tell_groups(key: &String, ones: &[Row], twos: &[Other], out: &mut Collector<String>) {
    let ones: Vec<String> = ones.iter().map(|r| r.1.to_string()).collect();
    out.collect(format!("{key} [{}] [{}]", ones.join(","), twos.iter().map(|o| o.1).collect::<String>()));
}

#[test]
fn co_group_sees_both_sides_even_if_one_is_empty() {
    let mut h = two_inputs(joined(TumblingEventTimeWindows::of(ms(10))).co_group(tell_groups));
    h.process_on(0, rows(&[("a", 1, 0), ("a", 2, 9), ("b", 3, 5)])).unwrap();
    h.process_on(1, others(&[("a", 'x', 3), ("c", 'z', 4)])).unwrap();
    assert_eq!(h.fired(9), ["a [1,2] [x]", "b [3] []", "c [] [z]"]);
}

#[test]
fn sessions_of_both_sides_merge() {
    let mut h = two_inputs(joined(EventTimeSessionWindows::with_gap(ms(10))).co_group(tell_groups));
    h.process_on(0, rows(&[("a", 1, 0), ("a", 2, 15)])).unwrap();
    h.process_on(1, others(&[("a", 'x', 7)])).unwrap();
    assert_eq!(h.fired(100), ["a [1,2] [x]"]);
}

#[test]
fn trigger_evictor_and_flat_join() {
    let windows = joined(TumblingEventTimeWindows::of(ms(10))).trigger(CountTrigger::of(3));
    let mut h = two_inputs(windows.evict_and_co_group(CountEvictor::of(2), tell_groups));
    h.process_on(0, rows(&[("a", 1, 0), ("a", 2, 9)])).unwrap();
    h.process_on(1, others(&[("a", 'x', 3)])).unwrap();
    assert_eq!(h.told(), ["a [2] [x]"]);
    let twice = |row: &Row, other: &Other, out: &mut Collector<String>| {
        (0..2).for_each(|_| out.collect(format!("{}{}", row.1, other.1)));
    };
    let mut h = two_inputs(joined(TumblingEventTimeWindows::of(ms(10))).flat_join(twice));
    h.process_on(0, rows(&[("a", 1, 0)])).unwrap();
    h.process_on(1, others(&[("a", 'x', 3)])).unwrap();
    assert_eq!(h.fired(9), ["1x", "1x"]);
}

#[test]
fn late_records_of_either_side_are_tagged() {
    let tag = OutputTag::new("late");
    let windows = joined(TumblingEventTimeWindows::of(ms(10))).allowed_lateness(ms(2)).side_output_late_data(&tag);
    let mut h = two_inputs(windows.co_group(tell_groups));
    h.watermark(11).unwrap();
    h.process_on(0, rows(&[("a", 1, 9)])).unwrap();
    h.process_on(1, others(&[("a", 'x', 20)])).unwrap();
    let late = h.take_side::<Tagged<Row, Other>>("late");
    assert_eq!(late, [(Tagged::One(("a".to_owned(), 1)), Some(9))]);
}
