//! Event times that cannot be meant: far in the future, far in the past, at the ends of the range.

use super::environment;
use flott::prelude::*;

type Row = (u32, i64);

fn by_time(bound_ms: u64) -> WatermarkStrategy<Row> {
    WatermarkStrategy::for_bounded_out_of_orderness(Duration::from_millis(bound_ms))
        .with_timestamp_assigner(|row: &Row, _| EventTime(row.1))
}

/// A job over these rows that gathers them in windows, with a watermark after every row.
fn windows<A>(rows: &[Row], windows: A) -> (Vec<(u32, usize)>, i64)
where
    A: WindowAssigner<Row, Window = TimeWindow>,
{
    let env = environment();
    env.configure("pipeline.auto-watermark-interval", "0 ms").configure("flott.exchange.batch-rows", "1");
    let gathered = env
        .from_collection(rows.to_vec())
        .assign_timestamps_and_watermarks(by_time(5))
        .key_by(|row| row.0)
        .window(windows)
        .apply(|key: &u32, _: TimeWindow, rows: &[Row], out: &mut Collector<(u32, usize)>| {
            out.collect((*key, rows.len()))
        });
    let mut results = gathered.execute_and_iterate("windows").unwrap();
    let rows = results.by_ref().map(Result::unwrap).collect();
    (rows, results.client().metric("numLateRecordsDropped"))
}

#[test]
fn a_time_far_in_the_future_makes_later_ones_late_and_they_are_counted() {
    let far = 253_402_300_799_999; // the end of the year 9999
    let rows = [(1, 10), (1, 20), (2, far), (1, 30), (1, 40), (2, far + 1)];
    let (results, late) = windows(&rows, TumblingEventTimeWindows::of(Duration::from_secs(1)));
    assert_eq!(results, [(1, 2), (2, 1), (2, 1)]);
    assert_eq!(late, 2);
}

#[test]
fn times_at_the_ends_of_the_range_break_nothing() {
    let second = Duration::from_secs(1);
    for time in [i64::MAX, i64::MAX - 1, i64::MIN, i64::MIN + 1] {
        let rows = [(1, time), (1, time)];
        let count = |(results, _): (Vec<(u32, usize)>, i64)| results.iter().map(|(_, count)| *count).sum::<usize>();
        assert!(count(windows(&rows, TumblingEventTimeWindows::of(second))) <= 2, "{time}");
        assert!(count(windows(&rows, SlidingEventTimeWindows::of(second, second / 2))) <= 4, "{time}");
        assert!(count(windows(&rows, EventTimeSessionWindows::with_gap(second))) <= 2, "{time}");
    }
}

#[test]
fn records_without_a_time_are_refused_by_event_time_windows() {
    let env = environment();
    let gathered = env
        .from_elements([(1u32, 1i64)])
        .key_by(|row| row.0)
        .window(TumblingEventTimeWindows::of(Duration::from_secs(1)));
    let error = gathered.sum(|row| &mut row.1).name("windows").execute_and_collect("no times").unwrap_err();
    super::assert_says(&error, &["operator `windows`", "record 1"]);
}
