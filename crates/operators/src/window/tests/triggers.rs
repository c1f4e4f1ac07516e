//! When windows fire, by other triggers than their own.

use super::*;
use crate::window::{
    ContinuousEventTimeTrigger, ContinuousProcessingTimeTrigger, CountTrigger, DeltaTrigger, EventTimeTrigger,
    GlobalWindows, NeverTrigger, ProcessingTimeTrigger, ProcessingTimeoutTrigger, PurgingTrigger,
    TumblingEventTimeWindows,
};
use flott_api::function::{TriggerContext, TriggerResult};
use flott_core::{EventTime, Result};

fn tumbling() -> Windowed<String, Row, TumblingEventTimeWindows, EventTimeTrigger> {
    windowed(TumblingEventTimeWindows::of(ms(10)))
}

#[test]
fn count_trigger_fires_with_every_so_many_records_and_keeps_the_content() {
    let mut h = Harness::new(tell(tumbling().trigger(CountTrigger::of(2))));
    h.rows(&[("a", 1, 0), ("b", 2, 0), ("a", 3, 1), ("a", 4, 2), ("a", 5, 3)]);
    assert_eq!(h.take::<String>(), ["a [0, 10) 1+3", "a [0, 10) 1+3+4+5"]);
    assert_eq!(h.fired(100), [] as [&str; 0], "it does not fire at the end of the window");
    assert_eq!(h.entries(), 0, "which is cleaned up all the same");
}

#[test]
fn purging_trigger_empties_the_window_when_it_fires() {
    let mut h = Harness::new(tell(tumbling().trigger(PurgingTrigger::of(CountTrigger::of(2)))));
    h.rows(&[("a", 1, 0), ("a", 2, 0), ("a", 3, 1), ("a", 4, 2), ("a", 5, 3)]);
    assert_eq!(h.take::<String>(), ["a [0, 10) 1+2", "a [0, 10) 3+4"]);
    let late = tumbling().allowed_lateness(ms(5)).trigger(PurgingTrigger::of(EventTimeTrigger));
    let mut h = Harness::new(tell(late));
    h.rows(&[("a", 1, 0)]);
    assert_eq!(h.fired(9), ["a [0, 10) 1"]);
    h.rows(&[("a", 2, 0)]);
    assert_eq!(h.told(), ["a [0, 10) 2"]);
}

#[test]
fn count_windows_are_global_windows_with_a_purging_count_trigger() {
    let count = windowed(GlobalWindows).trigger(PurgingTrigger::of(CountTrigger::of(2)));
    let mut h = Harness::new(tell_numbers(count));
    h.rows(&[("a", 1, 0), ("b", 2, 0), ("a", 3, 1), ("a", 4, 2)]);
    h.watermark(1000).unwrap();
    assert_eq!(h.take_timed::<String>(), [("a 1+3".to_owned(), Some(i64::MAX))]);
    assert_eq!(h.entries(), 2, "one record of each key waits");
    h.rows(&[("b", 5, 0)]);
    assert_eq!(h.told(), ["b 2+5"]);
    assert_eq!(h.entries(), 1, "an empty window without a past takes no memory");
}

#[test]
fn never_trigger_never_fires() {
    let mut h = Harness::new(tell(tumbling().trigger(NeverTrigger)));
    h.rows(&[("a", 1, 0)]);
    h.finish().unwrap();
    assert_eq!(h.told(), [] as [&str; 0]);
    assert_eq!(h.entries(), 0);
}

#[test]
fn continuous_event_time_trigger_fires_at_multiples_of_its_interval_and_at_the_end() {
    let windows = windowed(TumblingEventTimeWindows::of(ms(100))).trigger(ContinuousEventTimeTrigger::of(ms(30)));
    let mut h = Harness::new(tell(windows));
    h.rows(&[("a", 1, 5), ("a", 2, 35)]);
    assert_eq!(h.fired(29), [] as [&str; 0]);
    assert_eq!(h.fired(30), ["a [0, 100) 1+2"]);
    assert_eq!(h.fired(59), [] as [&str; 0]);
    h.rows(&[("a", 3, 50)]);
    assert_eq!(h.fired(95), ["a [0, 100) 1+2+3"; 2], "at 60 and at 90");
    assert_eq!(h.fired(99), ["a [0, 100) 1+2+3"], "at the end");
    assert_eq!(h.entries(), 0);
}

#[test]
fn continuous_event_time_trigger_fires_with_records_that_come_late() {
    let windows = windowed(TumblingEventTimeWindows::of(ms(100))).trigger(ContinuousEventTimeTrigger::of(ms(30)));
    let mut h = Harness::new(tell(windows.allowed_lateness(ms(50))));
    h.rows(&[("a", 1, 70)]);
    assert_eq!(h.fired(120), ["a [0, 100) 1"; 2], "at 90 and at the end");
    h.rows(&[("a", 2, 80)]);
    assert_eq!(h.told(), ["a [0, 100) 1+2"]);
    assert_eq!(h.fired(1000), [] as [&str; 0]);
    assert_eq!(h.entries(), 0);
}

#[test]
fn continuous_event_time_trigger_follows_sessions() {
    let windows = windowed(crate::window::EventTimeSessionWindows::with_gap(ms(50)));
    let mut h = Harness::new(tell(windows.trigger(ContinuousEventTimeTrigger::of(ms(20)))));
    h.rows(&[("a", 1, 5)]);
    h.rows(&[("a", 2, 25)]);
    assert_eq!(h.fired(20), ["a [5, 75) 1+2"], "the earlier of the two times");
    assert_eq!(h.fired(74), ["a [5, 75) 1+2"; 3], "at 40, 60 and at the end");
    assert_eq!(h.fired(1000), [] as [&str; 0]);
    assert_eq!(h.entries(), 0);
}

#[test]
fn continuous_processing_time_trigger_fires_at_multiples_of_its_interval() {
    simulate(|env| async move {
        let windows = windowed(GlobalWindows).trigger(ContinuousProcessingTimeTrigger::of(ms(10)));
        let mut h = Harness::on(&env, tell_numbers(windows));
        h.run_for(3).await;
        h.process(vec![("a".to_owned(), 1u32)]).unwrap();
        h.run_for(6).await;
        assert_eq!(h.told(), [] as [&str; 0]);
        h.run_for(1).await;
        assert_eq!(h.told(), ["a 1"]);
        h.process(vec![("a".to_owned(), 2u32)]).unwrap();
        h.run_for(20).await;
        assert_eq!(h.told(), ["a 1+2"; 2]);
    });
}

#[test]
fn continuous_processing_time_trigger_ends_with_its_window() {
    simulate(|env| async move {
        let windows = windowed(crate::window::TumblingProcessingTimeWindows::of(ms(25)));
        let mut h = Harness::on(&env, tell_numbers(windows.trigger(ContinuousProcessingTimeTrigger::of(ms(10)))));
        h.process(vec![("a".to_owned(), 1u32)]).unwrap();
        h.run_for(100).await;
        assert_eq!(h.told(), ["a 1"; 3], "at 10, 20 and 24");
        assert_eq!(h.entries(), 0);
    });
}

#[test]
fn delta_trigger_fires_when_records_have_moved_more_than_the_threshold() {
    let delta = DeltaTrigger::of(5.0, |last: &Row, row: &Row| f64::from(row.1) - f64::from(last.1));
    let mut h = Harness::new(tell_numbers(windowed(GlobalWindows).trigger(PurgingTrigger::of(delta))));
    h.rows(&[("a", 1, 0), ("a", 6, 0), ("a", 7, 0), ("a", 8, 0), ("a", 12, 0), ("a", 13, 0)]);
    assert_eq!(h.take::<String>(), ["a 1+6+7", "a 8+12+13"], "more than 5 from 1, then from 7");
}

#[test]
fn processing_time_trigger_on_event_time_windows() {
    simulate(|env| async move {
        let mut h = Harness::on(&env, tell(tumbling().trigger(ProcessingTimeTrigger)));
        let now = env.now().0;
        h.rows(&[("a", 1, now + 3)]);
        h.run_for(20).await;
        assert_eq!(h.told().len(), 1, "the clock has passed the window's end");
        assert_eq!(h.fired(now + 100), [] as [&str; 0]);
        assert_eq!(h.entries(), 0);
    });
}

#[test]
fn timeout_trigger_fires_when_the_inner_one_has_been_silent_for_too_long() {
    simulate(|env| async move {
        let trigger = ProcessingTimeoutTrigger::of(CountTrigger::of(3), ms(10));
        let mut h = Harness::on(&env, tell_numbers(windowed(GlobalWindows).trigger(trigger)));
        h.rows(&[("a", 1, 0)]);
        h.run_for(6).await;
        h.rows(&[("a", 2, 0)]);
        h.run_for(3).await;
        assert_eq!(h.told(), [] as [&str; 0]);
        h.run_for(1).await;
        assert_eq!(h.told(), ["a 1+2"], "10 ms after the first");
        h.rows(&[("a", 3, 0), ("a", 4, 0)]);
        assert_eq!(h.told(), [] as [&str; 0], "the timeout has set the count to nothing");
        h.rows(&[("a", 5, 0)]);
        assert_eq!(h.told(), ["a 1+2+3+4+5"]);
        h.run_for(100).await;
        assert_eq!(h.told(), [] as [&str; 0], "firing has stopped the time");
    });
}

#[test]
fn timeout_trigger_may_start_anew_with_every_record_and_keep_the_inner_state() {
    simulate(|env| async move {
        let trigger = ProcessingTimeoutTrigger::of(PurgingTrigger::of(CountTrigger::of(4)), ms(10))
            .reset_timer_on_new_record(true)
            .clear_on_timeout(false);
        let mut h = Harness::on(&env, tell_numbers(windowed(GlobalWindows).trigger(trigger)));
        h.rows(&[("a", 1, 0)]);
        h.run_for(6).await;
        h.rows(&[("a", 2, 0)]);
        h.run_for(9).await;
        assert_eq!(h.told(), [] as [&str; 0]);
        h.run_for(1).await;
        assert_eq!(h.told(), ["a 1+2"]);
        h.rows(&[("a", 3, 0), ("a", 4, 0)]);
        assert_eq!(h.told(), ["a 1+2+3+4"], "the inner count went on");
    });
}

/// Fires at time 25 and purges at 35, whatever the window; registers the same timer again and again.
#[derive(Clone)]
struct AtFixedTimes;

impl<W: Window> Trigger<Row, W> for AtFixedTimes {
    type State = ();

    fn on_element(
        &mut self,
        _: &Row,
        _: Option<EventTime>,
        _: &W,
        cx: &mut TriggerContext<'_, ()>,
    ) -> Result<TriggerResult> {
        for _ in 0..3 {
            cx.register_event_time_timer(EventTime(25));
            cx.register_event_time_timer(EventTime(35));
            cx.register_event_time_timer(EventTime(45));
            cx.delete_event_time_timer(EventTime(45));
        }
        Ok(TriggerResult::Continue)
    }

    fn on_event_time(&mut self, time: EventTime, _: &W, cx: &mut TriggerContext<'_, ()>) -> Result<TriggerResult> {
        assert_eq!(cx.current_watermark().0, 1000, "the watermark has moved on already");
        Ok(match time.0 {
            25 => TriggerResult::Fire,
            35 => TriggerResult::Purge,
            45 => panic!("deleted"),
            _ => TriggerResult::Continue,
        })
    }

    fn clear(&mut self, _: &W, _: &mut TriggerContext<'_, ()>) -> Result<()> {
        Ok(())
    }
}

#[test]
fn triggers_of_ones_own_have_timers_of_their_own() {
    let mut h = Harness::new(tell(windowed(TumblingEventTimeWindows::of(ms(100))).trigger(AtFixedTimes)));
    h.rows(&[("a", 1, 5), ("a", 2, 6)]);
    assert_eq!(h.fired(1000), ["a [0, 100) 1+2"], "the same timer is one timer");
    assert_eq!(h.entries(), 0);
}

#[test]
fn a_timer_that_a_trigger_left_behind_finds_the_window_gone() {
    let mut h = Harness::new(tell(windowed(TumblingEventTimeWindows::of(ms(10))).trigger(AtFixedTimes)));
    h.rows(&[("a", 1, 5)]);
    assert_eq!(h.fired(1000), [] as [&str; 0]);
    assert_eq!(h.entries(), 0);
}

/// Wants to be called at time 5, and only then at the window's end, which it fires.
#[derive(Clone)]
struct EndLater;

impl Trigger<Row, TimeWindow> for EndLater {
    type State = ();

    fn on_element(
        &mut self,
        _: &Row,
        _: Option<EventTime>,
        _: &TimeWindow,
        cx: &mut TriggerContext<'_, ()>,
    ) -> Result<TriggerResult> {
        cx.register_event_time_timer(EventTime(5));
        Ok(TriggerResult::Continue)
    }

    fn on_event_time(
        &mut self,
        time: EventTime,
        window: &TimeWindow,
        cx: &mut TriggerContext<'_, ()>,
    ) -> Result<TriggerResult> {
        if time == window.max_timestamp() {
            return Ok(TriggerResult::Fire);
        }
        cx.register_event_time_timer(window.max_timestamp());
        Ok(TriggerResult::Continue)
    }

    fn clear(&mut self, _: &TimeWindow, _: &mut TriggerContext<'_, ()>) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_timer_may_ask_for_the_windows_end() {
    let windows = windowed(TumblingEventTimeWindows::of(ms(10))).trigger(EndLater).allowed_lateness(ms(20));
    let mut h = Harness::new(tell(windows));
    h.rows(&[("a", 1, 3)]);
    assert_eq!(h.fired(7), [] as [&str; 0]);
    assert_eq!(h.fired(9), ["a [0, 10) 1"]);
    assert_eq!(h.fired(28), [] as [&str; 0]);
    assert_eq!(h.entries(), 1);
    h.fired(29);
    assert_eq!(h.entries(), 0);
}

#[test]
fn windows_may_fire_anywhere_in_a_long_batch() {
    let mut h = Harness::new(tell_numbers(windowed(GlobalWindows).trigger(PurgingTrigger::of(CountTrigger::of(3)))));
    let rows: Vec<Row> = (0..1000u32).map(|n| (format!("k{}", n % 7), n)).collect();
    h.process(rows).unwrap();
    let expected: Vec<String> =
        (14..1000).filter(|n| n % 21 >= 14).map(|n| format!("k{} {}+{}+{n}", n % 7, n - 14, n - 7)).collect();
    assert_eq!(h.take::<String>(), expected);
}
