//! What windows say: reductions, aggregations, functions of all records, and their state.

use super::*;
use crate::keys::constant_key;
use crate::window::{EventTimeSessionWindows, TumblingEventTimeWindows};
use flott_api::function::{
    AggregateFunction, AllWindows, KeyedOpenContext, OutputTag, ProcessAllWindowFunction, ProcessWindowFunction,
    WindowContext, WindowState,
};
use flott_core::Result;
use flott_state::{StateAccess, ValueState};

/// The mean, from sum and count.
#[derive(Clone)]
struct Mean;

impl AggregateFunction for Mean {
    type In = Row;
    type Acc = (u32, u32);
    type Out = String;

    fn create(&self) -> (u32, u32) {
        (0, 0)
    }
    fn add(&self, acc: &mut (u32, u32), row: Row) {
        acc.0 += row.1;
        acc.1 += 1;
    }
    fn result(&self, acc: &(u32, u32)) -> String {
        format!("{}/{}", acc.0, acc.1)
    }
    fn merge(&self, into: &mut (u32, u32), other: (u32, u32)) {
        into.0 += other.0;
        into.1 += other.1;
    }
}

#[test]
fn reduce_and_aggregate_keep_one_value_per_window() {
    let sum = |a: Row, b: Row| (a.0, a.1 + b.1);
    let mut h = Harness::new(windowed(TumblingEventTimeWindows::of(ms(10))).reduce(sum));
    h.rows(&[("a", 1, 0), ("a", 2, 5), ("a", 4, 7)]);
    h.watermark(9).unwrap();
    assert_eq!(h.take_timed::<Row>(), [(("a".to_owned(), 7), Some(9))]);
    let mut h = Harness::new(windowed(TumblingEventTimeWindows::of(ms(10))).aggregate(Mean));
    h.rows(&[("a", 1, 0), ("a", 2, 5)]);
    assert_eq!(h.fired(9), ["3/2"]);
}

#[test]
fn accumulators_merge_with_sessions() {
    let mut h = Harness::new(windowed(EventTimeSessionWindows::with_gap(ms(10))).aggregate(Mean));
    h.rows(&[("a", 1, 0), ("a", 2, 15), ("a", 3, 7)]);
    assert_eq!(h.fired(100), ["6/3"]);
    let sum = |a: Row, b: Row| (a.0, a.1 + b.1);
    let mut h = Harness::new(windowed(EventTimeSessionWindows::with_gap(ms(10))).reduce(sum));
    h.rows(&[("a", 1, 0), ("a", 2, 15), ("a", 3, 7)]);
    h.watermark(100).unwrap();
    assert_eq!(h.take::<Row>(), [("a".to_owned(), 6)]);
}

#[test]
fn a_process_function_may_follow_a_reduction_or_an_aggregation() {
    let name = |key: &String, window: TimeWindow, rows: &[Row], out: &mut Collector<String>| {
        out.collect(format!("{key} {window} {} of {}", rows[0].1, rows.len()));
    };
    let max = |a: Row, b: Row| if b.1 > a.1 { b } else { a };
    let factory = windowed(TumblingEventTimeWindows::of(ms(10))).reduce_with(max, Apply::new(name));
    let mut h = Harness::new(factory);
    h.rows(&[("a", 1, 0), ("a", 5, 5), ("a", 3, 6)]);
    assert_eq!(h.fired(9), ["a [0, 10) 5 of 1"]);
    let name = |key: &String, _: TimeWindow, means: &[String], out: &mut Collector<String>| {
        out.collect(format!("{key} {}", means.join(",")));
    };
    let factory = windowed(TumblingEventTimeWindows::of(ms(10))).aggregate_with(Mean, Apply::new(name));
    let mut h = Harness::new(factory);
    h.rows(&[("a", 1, 0), ("a", 5, 5), ("b", 1, 1)]);
    assert_eq!(h.fired(9), ["a 6/2", "b 1/1"]);
}

/// Tells how often the window has fired before, and how often any window of the key has.
#[derive(Clone, Default)]
struct Firings {
    of_window: WindowState<TimeWindow, u32>,
    of_key: ValueState<u32>,
}

impl ProcessWindowFunction for Firings {
    type Key = String;
    type Window = TimeWindow;
    type In = Row;
    type Out = String;

    fn open(&mut self, cx: &mut KeyedOpenContext<'_, String>) -> Result<()> {
        self.of_window = WindowState::register(cx.keyed_state(), "of window")?;
        self.of_key = ValueState::register(cx.keyed_state(), "of key", None)?;
        Ok(())
    }

    fn process(
        &mut self,
        rows: &[Row],
        cx: &mut WindowContext<'_, String, TimeWindow>,
        out: &mut Collector<String>,
    ) -> Result<()> {
        let before = self.of_window.get(cx)?.copied().unwrap_or(0);
        self.of_window.set(cx, before + 1)?;
        let all = self.of_key.update(
            cx,
            || 0,
            |n| {
                *n += 1;
                *n
            },
        )?;
        let (key, window, time) = (cx.current_key()?.clone(), cx.window(), cx.timestamp());
        assert_eq!(time, Some(window.max_timestamp()));
        out.collect(format!("{key} {window} {} rows, fired {before} before, {all} in all", rows.len()));
        cx.output(&OutputTag::new("side"), key);
        Ok(())
    }

    fn clear(&mut self, cx: &mut WindowContext<'_, String, TimeWindow>) -> Result<()> {
        self.of_window.clear(cx)
    }
}

#[test]
fn window_state_is_the_windows_and_global_state_the_keys() {
    let windows = windowed(TumblingEventTimeWindows::of(ms(10))).allowed_lateness(ms(5));
    let mut h = Harness::new(windows.process(Firings::default()));
    h.rows(&[("a", 1, 0)]);
    assert_eq!(h.fired(9), ["a [0, 10) 1 rows, fired 0 before, 1 in all"]);
    h.rows(&[("a", 2, 0)]);
    assert_eq!(h.told(), ["a [0, 10) 2 rows, fired 1 before, 2 in all"]);
    h.rows(&[("a", 3, 12)]);
    assert_eq!(h.fired(19), ["a [10, 20) 1 rows, fired 0 before, 3 in all"]);
    h.watermark(1000).unwrap();
    assert_eq!(h.entries(), 1, "clear was called for both windows; the key's own state stays");
}

#[test]
fn side_outputs_of_window_functions_have_the_windows_time() {
    let windows = windowed(TumblingEventTimeWindows::of(ms(10)));
    let mut h = Harness::new(windows.process(Firings::default()));
    h.rows(&[("a", 1, 0)]);
    h.watermark(9).unwrap();
    assert_eq!(h.take_side::<String>("side"), [("a".to_owned(), Some(9))]);
}

#[test]
fn there_is_no_state_per_window_where_windows_merge() {
    let windows = windowed(EventTimeSessionWindows::with_gap(ms(10)));
    let mut h = Harness::new(windows.process(Firings::default()));
    h.rows(&[("a", 1, 0)]);
    let error = h.watermark(9).unwrap_err();
    assert!(error.to_string().contains("where windows merge"), "{error}");
    assert!(error.to_string().contains("timer at 9"), "{error}");
}

/// All numbers, of all keys.
#[derive(Clone)]
struct Everything;

impl ProcessAllWindowFunction for Everything {
    type Window = TimeWindow;
    type In = Row;
    type Out = String;

    fn process(
        &mut self,
        rows: &[Row],
        cx: &mut WindowContext<'_, (), TimeWindow>,
        out: &mut Collector<String>,
    ) -> Result<()> {
        out.collect(format!("{} {}", cx.window(), rows.iter().map(|r| r.0.as_str()).collect::<String>()));
        Ok(())
    }
}

#[test]
fn windows_over_all_records_are_windows_over_one_key() {
    let windows = Windowed::new(constant_key(), TumblingEventTimeWindows::of(ms(10)));
    let mut h = Harness::new(windows.process(AllWindows(Everything)));
    h.rows(&[("a", 1, 0), ("b", 2, 3), ("c", 2, 11)]);
    assert_eq!(h.fired(50), ["[0, 10) ab", "[10, 20) c"]);
}

#[test]
fn a_panic_in_a_window_function_leaves_its_place() {
    let fail = |_: &String, _: TimeWindow, _: &[Row], _: &mut Collector<String>| panic!("user code");
    let mut h = Harness::new(windowed(TumblingEventTimeWindows::of(ms(10))).process(Apply::new(fail)));
    h.rows(&[("a", 1, 0)]);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| h.watermark(50))).is_err());
    assert_eq!(crate::position::take(), Some(crate::position::Place::Timer(9)));
}
