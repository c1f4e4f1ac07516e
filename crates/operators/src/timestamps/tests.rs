//! Tests of timestamps and watermarks assigned in mid-stream.

use super::*;
use crate::harness::{Harness, Setup, describe};
use flott_core::Configuration;
use flott_env::Env;

type Row = (u32, i64);

fn bounded(bound_ms: u64) -> WatermarkStrategy<Row> {
    WatermarkStrategy::for_bounded_out_of_orderness(Duration::from_millis(bound_ms))
        .with_timestamp_assigner(|row: &Row, _| EventTime(row.1))
}

fn simulate<F: Future<Output = ()>>(body: impl FnOnce(Env) -> F) {
    Env::run_simulation(7, body).unwrap();
}

#[test]
fn times_come_from_the_records_and_watermarks_trail_the_largest_every_200_ms() {
    simulate(|env| async move {
        let mut h = Harness::on(&env, AssignTimestamps::new(bounded(10)));
        h.process(vec![(1u32, 100i64), (2, 50)]).unwrap();
        assert_eq!(h.take_timed::<Row>(), [((1, 100), Some(100)), ((2, 50), Some(50))]);
        h.run_for(199).await;
        assert_eq!(h.take_watermarks(), [] as [i64; 0]);
        h.run_for(1).await;
        assert_eq!(h.take_watermarks(), [89], "100 - 10 - 1");
        h.process(vec![(3u32, 60i64)]).unwrap();
        h.run_for(1000).await;
        assert_eq!(h.take_watermarks(), [] as [i64; 0], "it does not go back and is not repeated");
    });
}

#[test]
fn an_interval_of_zero_emits_after_every_batch() {
    let mut config = Configuration::new();
    config.set("pipeline.auto-watermark-interval", "0 ms");
    let factory = AssignTimestamps::new(bounded(0));
    let mut h = Harness::with(&factory, Setup { config, ..Setup::default() }).unwrap();
    h.process(vec![(1u32, 100i64), (2, 120)]).unwrap();
    h.process(vec![(1u32, 130i64)]).unwrap();
    assert_eq!(h.take_watermarks(), [119, 129]);
}

#[test]
fn watermarks_and_idleness_from_upstream_are_ignored_but_for_the_end() {
    let mut h = Harness::new(AssignTimestamps::new(bounded(0)));
    h.watermark(1_000_000).unwrap();
    h.idle();
    assert!(h.take_all().is_empty());
    h.finish().unwrap();
    assert_eq!(h.take_watermarks(), [i64::MAX]);
}

/// Each record with an odd number makes a watermark of its time.
struct Punctuated;

impl WatermarkGenerator<Row> for Punctuated {
    fn on_event(&mut self, row: &Row, time: EventTime) -> Option<Watermark> {
        (row.0 % 2 == 1).then_some(Watermark(time.0))
    }
    fn on_periodic(&mut self) -> Option<Watermark> {
        None
    }
}

#[test]
fn a_batch_is_cut_where_a_record_makes_a_watermark() {
    let strategy = WatermarkStrategy::for_generator(|| Punctuated).with_timestamp_assigner(|r: &Row, _| EventTime(r.1));
    let mut h = Harness::new(AssignTimestamps::new(strategy));
    h.process(vec![(2u32, 10i64), (1, 20), (3, 15), (4, 30), (5, 40)]).unwrap();
    let expected = ["(2, 10)", "(1, 20)", "watermark 20", "(3, 15)", "(4, 30)", "(5, 40)", "watermark 40"];
    assert_eq!(describe::<Row>(h.take_all()), expected, "15 would go back");
}

#[test]
fn idleness_is_said_once_the_input_has_been_dry_for_the_timeout() {
    simulate(|env| async move {
        let strategy = bounded(0).with_idleness(Duration::from_millis(1000));
        let mut h = Harness::on(&env, AssignTimestamps::new(strategy));
        h.process(vec![(1u32, 100i64)]).unwrap();
        h.run_for(900).await;
        h.process(vec![(2u32, 200i64)]).unwrap();
        h.run_for(999).await;
        let told = describe::<Row>(h.take_all());
        assert_eq!(told, ["(1, 100)", "watermark 99", "(2, 200)", "watermark 199"]);
        h.run_for(1).await;
        assert_eq!(describe::<Row>(h.take_all()), ["idle"]);
        h.run_for(10_000).await;
        assert!(h.take_all().is_empty(), "it is said once");
        h.process(vec![(3u32, 300i64)]).unwrap();
        h.run_for(1000).await;
        assert_eq!(describe::<Row>(h.take_all()), ["(3, 300)", "watermark 299", "idle"]);
    });
}

#[test]
fn the_watermark_is_brought_up_to_date_before_idleness_is_said() {
    simulate(|env| async move {
        let strategy = bounded(0).with_idleness(Duration::from_millis(100));
        let mut h = Harness::on(&env, AssignTimestamps::new(strategy));
        h.process(vec![(1u32, 100i64)]).unwrap();
        h.run_for(100).await;
        assert_eq!(describe::<Row>(h.take_all()), ["(1, 100)", "watermark 99", "idle"]);
    });
}

#[test]
fn time_in_which_the_task_could_not_run_does_not_make_it_idle() {
    simulate(|env| async move {
        let strategy = bounded(0).with_idleness(Duration::from_millis(1000));
        let mut h = Harness::on(&env, AssignTimestamps::new(strategy));
        h.process(vec![(1u32, 100i64)]).unwrap();
        // Held back for a minute, with data waiting behind: called once, and then given the data.
        env.sleep(Duration::from_secs(60)).await;
        h.tick().unwrap();
        h.process(vec![(2u32, 200i64)]).unwrap();
        assert!(!describe::<Row>(h.take_all()).contains(&"idle".to_owned()));
    });
}

#[test]
fn a_stream_without_any_data_becomes_idle_too() {
    simulate(|env| async move {
        let strategy = bounded(0).with_idleness(Duration::from_millis(100));
        let mut h = Harness::on(&env, AssignTimestamps::new(strategy));
        h.run_for(100).await;
        let told = describe::<Row>(h.take_all());
        assert_eq!(told.last().unwrap(), "idle");
    });
}

#[test]
fn in_batch_mode_only_times_are_assigned() {
    let strategy = WatermarkStrategy::for_generator(|| Punctuated).with_timestamp_assigner(|r: &Row, _| EventTime(r.1));
    let mut h = Harness::batch_mode(AssignTimestamps::new(strategy), 1);
    h.process(vec![(1u32, 10i64), (3, 20)]).unwrap();
    h.finish().unwrap();
    assert_eq!(describe::<Row>(h.take_all()), ["(1, 10)", "(3, 20)", "watermark end"]);
}

#[test]
fn ingestion_time_is_the_clock() {
    simulate(|env| async move {
        let mut h = Harness::on(&env, AssignTimestamps::new(WatermarkStrategy::<Row>::for_ingestion_time()));
        let start = env.now().0;
        h.process(vec![(1u32, 10i64)]).unwrap();
        h.run_for(300).await;
        assert_eq!(describe::<Row>(h.take_all()), ["(1, 10)".to_owned(), format!("watermark {}", start - 1)]);
    });
}
