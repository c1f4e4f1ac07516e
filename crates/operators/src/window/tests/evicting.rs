//! Windows with evictors.

use super::*;
use crate::window::{
    CountEvictor, CountTrigger, DeltaEvictor, EventTimeSessionWindows, EvictingWindowed, GlobalWindows, TimeEvictor,
    TumblingEventTimeWindows,
};
use flott_api::function::{AggregateFunction, Evictor};

fn tell_evicted<A, Tr, E>(windowed: EvictingWindowed<String, Row, A, Tr, E>) -> impl OperatorFactory
where
    A: WindowAssigner<Row>,
    Tr: Trigger<Row, A::Window>,
    E: Evictor<Row, A::Window>,
{
    windowed.process(telling(|_: A::Window| String::new()))
}

#[test]
fn sliding_count_windows_are_global_windows_with_count_trigger_and_count_evictor() {
    let windows = windowed(GlobalWindows).trigger(CountTrigger::of(2)).evictor(CountEvictor::of(3));
    let mut h = Harness::new(tell_evicted(windows));
    h.rows(&[("a", 1, 0), ("a", 2, 0), ("a", 3, 0), ("a", 4, 0), ("a", 5, 0), ("a", 6, 0)]);
    assert_eq!(h.take::<String>(), ["a 1+2", "a 2+3+4", "a 4+5+6"]);
}

#[test]
fn what_is_evicted_before_or_after_does_not_come_back() {
    let windows = windowed(GlobalWindows).trigger(CountTrigger::of(2)).evictor(CountEvictor::of(1).evict_after());
    let mut h = Harness::new(tell_evicted(windows));
    h.rows(&[("a", 1, 0), ("a", 2, 0), ("a", 3, 0), ("a", 4, 0)]);
    assert_eq!(h.take::<String>(), ["a 1+2", "a 2+3+4"], "evicted after the function has seen it");
}

#[test]
fn time_evictor_goes_by_the_records_times() {
    let windows = windowed(GlobalWindows).trigger(CountTrigger::of(3)).evictor(TimeEvictor::of(ms(10)));
    let mut h = Harness::new(tell_evicted(windows));
    h.rows(&[("a", 1, 0), ("a", 2, 10), ("a", 3, 4)]);
    assert_eq!(h.take::<String>(), ["a 2+3"], "0 is 10 - 10 and goes");
}

#[test]
fn delta_evictor_goes_by_the_distance_from_the_last_record() {
    let distance = |a: &Row, last: &Row| (f64::from(a.1) - f64::from(last.1)).abs();
    let windows = windowed(TumblingEventTimeWindows::of(ms(10))).evictor(DeltaEvictor::of(3.0, distance));
    let mut h = Harness::new(tell_evicted(windows));
    h.rows(&[("a", 1, 0), ("a", 5, 1), ("a", 9, 2), ("a", 7, 3)]);
    assert_eq!(h.fired(9), ["a 5+9+7"]);
}

#[derive(Clone)]
struct Sum;

impl AggregateFunction for Sum {
    type In = Row;
    type Acc = u32;
    type Out = String;
    fn create(&self) -> u32 {
        0
    }
    fn add(&self, acc: &mut u32, row: Row) {
        *acc += row.1;
    }
    fn result(&self, acc: &u32) -> String {
        acc.to_string()
    }
    fn merge(&self, into: &mut u32, other: u32) {
        *into += other;
    }
}

#[test]
fn with_an_evictor_reduce_and_aggregate_see_what_is_left() {
    let windows = || windowed(TumblingEventTimeWindows::of(ms(10))).evictor(CountEvictor::of(2));
    let mut h = Harness::new(windows().reduce(|a: Row, b: Row| (a.0, a.1 + b.1)));
    h.rows(&[("a", 1, 0), ("a", 5, 1), ("a", 9, 2)]);
    h.watermark(9).unwrap();
    assert_eq!(h.take::<Row>(), [("a".to_owned(), 14)]);
    let mut h = Harness::new(windows().aggregate(Sum));
    h.rows(&[("a", 1, 0), ("a", 5, 1), ("a", 9, 2)]);
    assert_eq!(h.fired(9), ["14"]);
    let mut h = Harness::new(
        windows().reduce_with(|a: Row, b: Row| (a.0, a.1 + b.1), telling(|window: TimeWindow| window.to_string())),
    );
    h.rows(&[("a", 1, 0), ("a", 5, 1), ("a", 9, 2)]);
    assert_eq!(h.fired(9), ["a [0, 10) 14"]);
    let told = Apply::new(|key: &String, window: TimeWindow, sums: &[String], out: &mut Collector<String>| {
        out.collect(format!("{key} {window} {sums:?}"));
    });
    let mut h = Harness::new(windows().aggregate_with(Sum, told));
    h.rows(&[("a", 1, 0), ("a", 5, 1), ("a", 9, 2)]);
    assert_eq!(h.fired(9), [r#"a [0, 10) ["14"]"#]);
}

#[test]
fn sessions_with_an_evictor_merge_their_records() {
    let windows = windowed(EventTimeSessionWindows::with_gap(ms(10))).evictor(CountEvictor::of(2));
    let mut h = Harness::new(tell_evicted(windows));
    h.rows(&[("a", 1, 0), ("a", 2, 15), ("a", 3, 7)]);
    assert_eq!(h.fired(100), ["a 2+3"]);
}
