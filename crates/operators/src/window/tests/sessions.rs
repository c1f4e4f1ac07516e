//! Windows that merge.

use super::*;
use crate::window::{
    CountTrigger, EventTimeSessionWindows, EventTimeTrigger, ProcessingTimeSessionWindows, PurgingTrigger,
};
use flott_api::function::{AssignContext, OutputTag, TriggerContext, TriggerResult};
use flott_core::{EventTime, Result};

#[test]
fn sessions_that_overlap_or_touch_become_one() {
    let mut h = Harness::new(tell(windowed(EventTimeSessionWindows::with_gap(ms(10)))));
    h.rows(&[("a", 1, 0), ("a", 2, 10), ("a", 3, 21), ("b", 4, 5)]);
    assert_eq!(h.fired(19), ["a [0, 20) 1+2", "b [5, 15) 4"], "10 touches [0, 10), 21 does not touch [0, 20)");
    assert_eq!(h.fired(100), ["a [21, 31) 3"]);
    assert_eq!(h.entries(), 0);
}

#[test]
fn a_record_in_between_joins_two_sessions_with_all_they_hold() {
    let mut h = Harness::new(tell(windowed(EventTimeSessionWindows::with_gap(ms(10)))));
    h.rows(&[("a", 1, 0), ("a", 2, 15), ("a", 3, 17)]);
    h.rows(&[("a", 4, 7)]);
    assert_eq!(h.fired(26), ["a [0, 27) 1+2+3+4"]);
    assert_eq!(h.entries(), 0);
}

#[test]
fn a_session_that_grows_does_not_fire_at_its_old_end() {
    let mut h = Harness::new(tell(windowed(EventTimeSessionWindows::with_gap(ms(10)))));
    h.rows(&[("a", 1, 0)]);
    h.rows(&[("a", 2, 5)]);
    assert_eq!(h.fired(9), [] as [&str; 0]);
    assert_eq!(h.fired(13), [] as [&str; 0]);
    assert_eq!(h.fired(14), ["a [0, 15) 1+2"]);
}

#[test]
fn a_late_record_that_reaches_a_live_session_counts_and_another_does_not() {
    let tag = OutputTag::new("late");
    let windows = windowed(EventTimeSessionWindows::with_gap(ms(10))).side_output_late_data(&tag);
    let mut h = Harness::new(tell(windows));
    h.rows(&[("a", 1, 20)]);
    h.watermark(25).unwrap();
    h.rows(&[("a", 2, 11), ("a", 3, 5), ("b", 4, 15)]);
    let late = h.take_side::<Row>("late");
    assert_eq!(late, [(("b".to_owned(), 4), Some(15))], "[15, 25) has no session to live in; 5 reaches [11, 30)");
    assert_eq!(h.fired(29), ["a [5, 30) 1+2+3"]);
    assert_eq!(h.entries(), 0, "a late record leaves nothing behind");
}

#[test]
fn within_allowed_lateness_a_session_that_has_fired_may_still_grow() {
    let mut h = Harness::new(tell(windowed(EventTimeSessionWindows::with_gap(ms(10))).allowed_lateness(ms(100))));
    h.rows(&[("a", 1, 0)]);
    assert_eq!(h.fired(15), ["a [0, 10) 1"]);
    h.rows(&[("a", 2, 4)]);
    assert_eq!(h.told(), ["a [0, 14) 1+2"], "its new end has passed too");
    h.rows(&[("a", 3, 8)]);
    assert_eq!(h.told(), [] as [&str; 0], "its new end has not passed");
    assert_eq!(h.fired(17), ["a [0, 18) 1+2+3"]);
    assert_eq!(h.fired(116), [] as [&str; 0]);
    assert!(h.entries() > 0);
    assert_eq!(h.fired(117), [] as [&str; 0]);
    assert_eq!(h.entries(), 0);
}

#[test]
fn the_gap_may_depend_on_the_record() {
    let gap = |row: &Row| ms(u64::from(row.1));
    let mut h = Harness::new(tell(windowed(EventTimeSessionWindows::with_dynamic_gap(gap))));
    h.rows(&[("a", 30, 0), ("a", 2, 10), ("a", 5, 40)]);
    assert_eq!(h.fired(29), ["a [0, 30) 30+2"]);
    assert_eq!(h.fired(44), ["a [40, 45) 5"]);
    let error = h.process_timed(rows(&[("a", 0, 50)])).unwrap_err();
    assert!(error.to_string().contains("at least 1 ms"), "{error}");
}

#[test]
fn sessions_by_the_clock() {
    simulate(|env| async move {
        let mut h = Harness::on(&env, tell_numbers(windowed(ProcessingTimeSessionWindows::with_gap(ms(10)))));
        h.process(vec![("a".to_owned(), 1u32)]).unwrap();
        h.run_for(8).await;
        h.process(vec![("a".to_owned(), 2u32)]).unwrap();
        h.run_for(8).await;
        assert_eq!(h.told(), [] as [&str; 0]);
        h.run_for(1).await;
        assert_eq!(h.told(), ["a 1+2"]);
        assert_eq!(h.entries(), 0);
    });
}

#[test]
fn triggers_state_merges_with_the_windows() {
    let trigger = PurgingTrigger::of(CountTrigger::of(3));
    let mut h = Harness::new(tell(windowed(EventTimeSessionWindows::with_gap(ms(10))).trigger(trigger)));
    h.rows(&[("a", 1, 0), ("a", 2, 15)]);
    assert_eq!(h.told(), [] as [&str; 0]);
    h.rows(&[("a", 3, 7)]);
    assert_eq!(h.told(), ["a [0, 25) 1+2+3"]);
    h.rows(&[("a", 4, 8), ("a", 5, 9)]);
    assert_eq!(h.fired(100), [] as [&str; 0], "counted anew");
}

#[test]
fn a_trigger_that_cannot_follow_is_refused_before_the_job_runs() {
    let delta = crate::window::DeltaTrigger::of(1.0, |a: &Row, b: &Row| f64::from(a.1) - f64::from(b.1));
    let factory = tell(windowed(EventTimeSessionWindows::with_gap(ms(10))).trigger(delta));
    assert!(factory.create().err().unwrap().to_string().contains("merge"));
}

/// Fires at the end, and notes in its state how it was called.
#[derive(Clone)]
struct Noting;

impl Trigger<Row, TimeWindow> for Noting {
    type State = u32;

    fn on_element(
        &mut self,
        _: &Row,
        _: Option<EventTime>,
        window: &TimeWindow,
        cx: &mut TriggerContext<'_, u32>,
    ) -> Result<TriggerResult> {
        cx.register_event_time_timer(window.max_timestamp());
        Ok(TriggerResult::Continue)
    }

    fn on_event_time(
        &mut self,
        _: EventTime,
        _: &TimeWindow,
        cx: &mut TriggerContext<'_, u32>,
    ) -> Result<TriggerResult> {
        Ok(if *cx.state() == 2 { TriggerResult::Fire } else { TriggerResult::Continue })
    }

    fn can_merge(&self) -> bool {
        true
    }

    fn on_merge(&mut self, window: &TimeWindow, cx: &mut TriggerContext<'_, u32>) -> Result<()> {
        *cx.state() += 1;
        cx.register_event_time_timer(window.max_timestamp());
        Ok(())
    }

    fn merge_state(&self, into: &mut u32, from: u32) {
        *into += from;
    }

    fn clear(&mut self, window: &TimeWindow, cx: &mut TriggerContext<'_, u32>) -> Result<()> {
        cx.delete_event_time_timer(window.max_timestamp());
        Ok(())
    }
}

#[test]
fn triggers_are_told_of_merges() {
    let mut h = Harness::new(tell(windowed(EventTimeSessionWindows::with_gap(ms(10))).trigger(Noting)));
    h.rows(&[("one", 1, 0), ("one", 2, 5), ("two", 1, 0), ("two", 2, 15), ("two", 3, 7), ("two", 4, 24)]);
    h.rows(&[("none", 1, 0), ("none", 2, 0)]);
    assert_eq!(h.fired(1000), ["two [0, 34) 1+2+3+4"], "two merges of `two`; `none` only lies within");
}

/// Windows [0, 100) and [200, 300), which merge into one that ends at 10.
#[derive(Clone)]
struct Shrinking;

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Shrunk(i64);

impl Window for Shrunk {
    fn max_timestamp(&self) -> EventTime {
        EventTime(self.0)
    }
    fn merged(&self, _: &Self) -> Option<Self> {
        Some(Shrunk(10))
    }
}

impl WindowAssigner<Row> for Shrinking {
    type Window = Shrunk;
    type DefaultTrigger = EventTimeTrigger;
    fn default_trigger(&self) -> EventTimeTrigger {
        EventTimeTrigger
    }
    fn is_event_time(&self) -> bool {
        true
    }
    fn is_merging(&self) -> bool {
        true
    }
    fn assign(
        &mut self,
        row: &Row,
        _: Option<EventTime>,
        _: &AssignContext<'_>,
        windows: &mut Vec<Shrunk>,
    ) -> Result<()> {
        windows.push(Shrunk(i64::from(row.1)));
        Ok(())
    }
}

#[test]
fn merging_into_a_window_that_is_over_is_an_error() {
    let mut h = Harness::new(tell_numbers(windowed(Shrinking)));
    h.watermark(50).unwrap();
    h.rows(&[("a", 100, 0)]);
    let error = h.process_timed(rows(&[("a", 200, 0)])).unwrap_err();
    assert!(error.to_string().contains("ends before the watermark 50"), "{error}");
}
