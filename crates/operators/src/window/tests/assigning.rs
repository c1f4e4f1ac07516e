//! Which windows records are in, and when those fire by themselves.

use super::*;
use crate::window::{
    EventTimeTrigger, GlobalWindows, SlidingEventTimeWindows, SlidingProcessingTimeWindows, TumblingEventTimeWindows,
    TumblingProcessingTimeWindows, WindowStagger,
};

#[test]
fn tumbling_windows_fire_when_the_watermark_reaches_their_last_millisecond() {
    let mut h = Harness::new(tell(windowed(TumblingEventTimeWindows::of(ms(10)))));
    h.rows(&[("a", 1, 0), ("b", 2, 9), ("a", 3, 10), ("a", 4, 5)]);
    assert_eq!(h.fired(8), [] as [&str; 0]);
    assert_eq!(h.fired(9), ["a [0, 10) 1+4", "b [0, 10) 2"]);
    assert_eq!(h.fired(100), ["a [10, 20) 3"]);
    assert_eq!(h.entries(), 0, "nothing is left of windows that are over");
}

#[test]
fn results_have_the_windows_largest_time() {
    let mut h = Harness::new(tell(windowed(TumblingEventTimeWindows::of(ms(10)))));
    h.rows(&[("a", 1, 3)]);
    h.watermark(50).unwrap();
    assert_eq!(h.take_timed::<String>(), [("a [0, 10) 1".to_owned(), Some(9))]);
}

#[test]
fn windows_fire_before_the_watermark_goes_on() {
    let mut h = Harness::new(tell(windowed(TumblingEventTimeWindows::of(ms(10)))));
    h.rows(&[("a", 1, 3)]);
    h.watermark(9).unwrap();
    assert_eq!(crate::harness::describe::<String>(h.take_all()), ["\"a [0, 10) 1\"", "watermark 9"]);
}

#[test]
fn offsets_and_times_before_1970() {
    let mut h = Harness::new(tell(windowed(TumblingEventTimeWindows::of(ms(10)).with_offset(ms(3)))));
    h.rows(&[("a", 1, 2), ("a", 2, 3), ("a", 3, -8), ("a", 4, -7)]);
    assert_eq!(h.fired(100), ["a [-17, -7) 3", "a [-7, 3) 1+4", "a [3, 13) 2"]);
    let mut h = Harness::new(tell(windowed(TumblingEventTimeWindows::of(ms(10)).with_offset_millis(-1))));
    h.rows(&[("a", 1, 8), ("a", 2, 9)]);
    assert_eq!(h.fired(100), ["a [-1, 9) 1", "a [9, 19) 2"]);
}

#[test]
fn impossible_sizes_and_offsets_are_refused_before_the_job_runs() {
    let wrong = |assigner: TumblingEventTimeWindows| tell(windowed(assigner)).create().err().unwrap().to_string();
    assert!(wrong(TumblingEventTimeWindows::of(ms(0))).contains("at least 1 ms"));
    assert!(wrong(TumblingEventTimeWindows::of(ms(10)).with_offset(ms(10))).contains("offset"));
    assert!(tell(windowed(SlidingEventTimeWindows::of(ms(10), ms(0)))).create().is_err());
}

#[test]
fn a_record_is_in_each_sliding_window_that_is_open_at_its_time() {
    let mut h = Harness::new(tell(windowed(SlidingEventTimeWindows::of(ms(30), ms(10)))));
    h.rows(&[("a", 1, 25)]);
    assert_eq!(h.fired(100), ["a [0, 30) 1", "a [10, 40) 1", "a [20, 50) 1"]);
    let mut h = Harness::new(tell(windowed(SlidingEventTimeWindows::of(ms(30), ms(10)).with_offset(ms(5)))));
    h.rows(&[("a", 1, 25)]);
    assert_eq!(h.fired(100), ["a [15, 45) 1", "a [25, 55) 1", "a [5, 35) 1"]);
}

#[test]
fn where_sliding_windows_leave_gaps_records_are_in_none_and_not_late() {
    let mut h = Harness::new(tell(windowed(SlidingEventTimeWindows::of(ms(5), ms(10)))));
    h.rows(&[("a", 1, 4), ("a", 2, 5), ("a", 3, 10)]);
    assert_eq!(h.fired(100), ["a [0, 5) 1", "a [10, 15) 3"]);
    assert_eq!(h.late(), 0);
}

#[test]
fn event_time_windows_refuse_records_without_time() {
    let mut h = Harness::new(tell(windowed(TumblingEventTimeWindows::of(ms(10)))));
    let error = h.process(vec![("a".to_owned(), 1u32)]).unwrap_err();
    assert!(error.to_string().contains("assign_timestamps_and_watermarks"), "{error}");
    assert!(error.to_string().contains("record 1 of its input"), "{error}");
}

#[test]
fn times_at_the_ends_of_the_range_do_not_wrap_around() {
    let mut h = Harness::new(tell(windowed(TumblingEventTimeWindows::of(ms(10)))));
    h.rows(&[("a", 1, i64::MAX), ("a", 2, i64::MIN + 5)]);
    h.finish().unwrap();
    assert_eq!(h.told().len(), 2);
}

#[test]
fn processing_time_windows_go_by_the_clock() {
    simulate(|env| async move {
        // Simulated time starts at a multiple of 10 ms.
        let mut h = Harness::on(&env, tell_numbers(windowed(TumblingProcessingTimeWindows::of(ms(10)))));
        h.process(vec![("a".to_owned(), 1u32)]).unwrap();
        h.run_for(8).await;
        h.process(vec![("a".to_owned(), 2u32)]).unwrap();
        assert_eq!(h.told(), [] as [&str; 0]);
        h.run_for(1).await;
        assert_eq!(h.told(), ["a 1+2"], "the last millisecond has come");
        h.run_for(1).await;
        h.process(vec![("a".to_owned(), 3u32)]).unwrap();
        h.run_for(10).await;
        assert_eq!(h.told(), ["a 3"]);
        assert_eq!(h.entries(), 0);
    });
}

#[test]
fn sliding_processing_time_windows() {
    simulate(|env| async move {
        let mut h = Harness::on(&env, tell_numbers(windowed(SlidingProcessingTimeWindows::of(ms(20), ms(10)))));
        h.process(vec![("a".to_owned(), 1u32)]).unwrap();
        h.run_for(10).await;
        h.process(vec![("a".to_owned(), 2u32)]).unwrap();
        h.run_for(10).await;
        h.run_for(10).await;
        assert_eq!(h.take::<String>(), ["a 1", "a 1+2", "a 2"]);
    });
}

#[test]
fn natural_stagger_starts_windows_with_the_first_record() {
    simulate(|env| async move {
        let assigner = TumblingProcessingTimeWindows::of(ms(10)).with_stagger(WindowStagger::Natural);
        let mut h = Harness::on(&env, tell_numbers(windowed(assigner)));
        h.run_for(4).await;
        h.process(vec![("a".to_owned(), 1u32)]).unwrap();
        h.run_for(8).await;
        assert_eq!(h.told(), [] as [&str; 0]);
        h.run_for(1).await;
        assert_eq!(h.told(), ["a 1"]);
    });
}

#[test]
fn random_stagger_keeps_the_size() {
    simulate(|env| async move {
        let assigner = TumblingProcessingTimeWindows::of(ms(10)).with_stagger(WindowStagger::Random);
        let mut h = Harness::on(&env, tell_numbers(windowed(assigner)));
        h.process(vec![("a".to_owned(), 1u32)]).unwrap();
        h.run_for(10).await;
        assert_eq!(h.told(), ["a 1"]);
    });
}

#[test]
fn at_the_end_of_input_processing_time_windows_do_not_fire_in_streaming_mode() {
    let mut h = Harness::new(tell_numbers(windowed(TumblingProcessingTimeWindows::of(Duration::from_secs(3600)))));
    h.process(vec![("a".to_owned(), 1u32)]).unwrap();
    h.finish().unwrap();
    assert_eq!(h.told(), [] as [&str; 0]);
}

#[test]
fn at_the_end_of_input_processing_time_windows_fire_in_batch_mode_before_the_last_watermark() {
    let factory = tell_numbers(windowed(TumblingProcessingTimeWindows::of(Duration::from_secs(3600))));
    let mut h = Harness::batch_mode(factory, 1);
    h.process(vec![("a".to_owned(), 1u32)]).unwrap();
    h.finish().unwrap();
    assert_eq!(crate::harness::describe::<String>(h.take_all()), ["\"a 1\"", "watermark end"]);
}

#[test]
fn global_windows_never_fire_by_themselves() {
    let mut h = Harness::new(tell_numbers(windowed(GlobalWindows)));
    h.rows(&[("a", 1, 0)]);
    h.finish().unwrap();
    assert_eq!(h.told(), [] as [&str; 0]);
    let mut h = Harness::new(tell_numbers(windowed(GlobalWindows).trigger(EventTimeTrigger)));
    h.rows(&[("a", 1, 0), ("a", 2, 7)]);
    assert_eq!(h.fired(1000), [] as [&str; 0]);
    h.finish().unwrap();
    assert_eq!(h.told(), ["a 1+2"], "with an event-time trigger they fire at the end");
}

#[test]
fn many_keys_and_windows_at_once() {
    let sum = |a: Row, b: Row| (a.0, a.1 + b.1);
    let windows = windowed(SlidingEventTimeWindows::of(ms(20), ms(10)));
    let mut h = Harness::new(windows.reduce(sum));
    for round in 0..2 {
        let row = |n: u32| ((format!("k{n}"), 1u32), i64::from(round * 10 + n % 10));
        h.process_timed((0..20_000).map(row).collect()).unwrap();
    }
    h.watermark(i64::MAX).unwrap();
    let mut fired = h.take_timed::<Row>();
    fired.sort();
    // [-10, 10), [0, 20) with both rounds, [10, 30).
    assert_eq!(fired.len(), 60_000);
    assert_eq!(fired.iter().filter(|(row, time)| row.1 == 2 && *time == Some(19)).count(), 20_000);
    assert_eq!(h.entries(), 0);
}
