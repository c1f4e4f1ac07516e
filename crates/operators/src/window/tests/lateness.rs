//! What is late, and what still counts.

use super::*;
use crate::window::{SlidingEventTimeWindows, TumblingEventTimeWindows};
use flott_api::function::OutputTag;

#[test]
fn without_allowed_lateness_a_window_is_gone_with_its_last_millisecond() {
    let mut h = Harness::new(tell(windowed(TumblingEventTimeWindows::of(ms(10)))));
    h.watermark(8).unwrap();
    h.rows(&[("a", 1, 2)]);
    assert_eq!(h.fired(9), ["a [0, 10) 1"], "late for the watermark, but the window is there");
    h.rows(&[("a", 2, 9), ("a", 3, 2)]);
    assert_eq!(h.fired(100), [] as [&str; 0]);
    assert_eq!(h.late(), 2);
}

#[test]
fn within_allowed_lateness_each_record_fires_the_window_again_with_all_of_its_content() {
    let mut h = Harness::new(tell(windowed(TumblingEventTimeWindows::of(ms(10))).allowed_lateness(ms(5))));
    h.rows(&[("a", 1, 0)]);
    assert_eq!(h.fired(9), ["a [0, 10) 1"]);
    h.rows(&[("a", 2, 3), ("a", 3, 4)]);
    assert_eq!(h.take::<String>(), ["a [0, 10) 1+2", "a [0, 10) 1+2+3"]);
    h.watermark(13).unwrap();
    h.rows(&[("a", 4, 0)]);
    assert_eq!(h.take::<String>(), ["a [0, 10) 1+2+3+4"], "9 + 5 is not reached yet");
    assert_eq!(h.fired(14), [] as [&str; 0], "the window goes without a word");
    assert_eq!(h.entries(), 0);
    h.rows(&[("a", 5, 9)]);
    assert_eq!((h.told(), h.late()), (vec![], 1));
}

#[test]
fn a_window_that_is_late_but_allowed_fires_with_its_first_record_too() {
    let mut h = Harness::new(tell(windowed(TumblingEventTimeWindows::of(ms(10))).allowed_lateness(ms(5))));
    h.watermark(11).unwrap();
    h.rows(&[("a", 1, 1)]);
    assert_eq!(h.told(), ["a [0, 10) 1"]);
    assert_eq!(h.fired(14), [] as [&str; 0]);
    assert_eq!(h.entries(), 0);
}

#[test]
fn late_records_go_to_a_side_output_with_their_times() {
    let tag = OutputTag::new("late");
    let factory = tell(windowed(TumblingEventTimeWindows::of(ms(10))).side_output_late_data(&tag));
    let mut h = Harness::new(factory);
    h.watermark(9).unwrap();
    h.rows(&[("a", 1, 10), ("a", 2, 9), ("b", 3, 4)]);
    let late = h.take_side::<Row>("late");
    assert_eq!(late, [(("a".to_owned(), 2), Some(9)), (("b".to_owned(), 3), Some(4))]);
    assert_eq!(h.late(), 0, "they are not counted as dropped");
    assert_eq!(h.fired(50), ["a [10, 20) 1"]);
}

#[test]
fn a_record_that_is_in_one_live_window_is_not_late() {
    let mut h = Harness::new(tell(windowed(SlidingEventTimeWindows::of(ms(30), ms(10)))));
    h.watermark(35).unwrap();
    h.rows(&[("a", 1, 25)]);
    assert_eq!(h.fired(100), ["a [10, 40) 1", "a [20, 50) 1"], "[0, 30) is gone");
    assert_eq!(h.late(), 0);
    h.rows(&[("a", 2, 25)]);
    assert_eq!(h.late(), 1);
}

#[test]
fn a_record_in_a_gap_is_late_only_if_its_own_time_is() {
    // [0, 5), [10, 15), ...: time 7 is in no window.
    let mut h = Harness::new(tell(windowed(SlidingEventTimeWindows::of(ms(5), ms(10))).allowed_lateness(ms(3))));
    h.watermark(9).unwrap();
    h.rows(&[("a", 1, 7)]);
    assert_eq!(h.late(), 0, "7 + 3 > 9");
    h.watermark(10).unwrap();
    h.rows(&[("a", 2, 7)]);
    assert_eq!(h.late(), 1, "7 + 3 <= 10");
}

#[test]
fn a_cleanup_time_beyond_the_end_of_time_is_the_end_of_time() {
    let forever = Duration::from_millis(i64::MAX as u64);
    let mut h = Harness::new(tell(windowed(TumblingEventTimeWindows::of(ms(10))).allowed_lateness(forever)));
    h.rows(&[("a", 1, 5)]);
    assert_eq!(h.fired(1_000_000), ["a [0, 10) 1"]);
    h.rows(&[("a", 2, 5)]);
    assert_eq!(h.told(), ["a [0, 10) 1+2"], "it is never too late");
    assert_eq!(h.late(), 0);
}

#[test]
fn processing_time_knows_no_lateness() {
    let windows = crate::window::TumblingProcessingTimeWindows::of(Duration::from_secs(3600));
    let mut h = Harness::new(tell(windowed(windows).allowed_lateness(ms(5))));
    h.watermark(1_000_000_000_000_000).unwrap();
    h.rows(&[("a", 1, 5)]);
    assert_eq!(h.late(), 0);
}
