//! Window operators against a plain computation over the whole input, with disorder, lateness and checkpoints.

use super::*;
use crate::harness::{Fleet, Move};
use crate::window::{EventTimeSessionWindows, SlidingEventTimeWindows, TumblingEventTimeWindows};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// One step: a record of a key, or the watermark.
#[derive(Clone, Debug)]
enum Step {
    Record { key: u8, time: i64 },
    Watermark(i64),
    Checkpoint(Move),
}

/// Records whose times wander forward with some disorder, and watermarks that trail them by less than the disorder.
fn course() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..10u8, 0..4u8, 0..12i64, 0..25i64, Move::any());
    proptest::collection::vec(step, 1..120).prop_map(|steps| {
        let mut now = 0;
        let step = |(what, key, ahead, behind, to): (u8, u8, i64, i64, Move)| match what {
            0 => Step::Checkpoint(to),
            1 | 2 => Step::Watermark(now - behind / 2),
            _ => {
                now += ahead;
                Step::Record { key, time: now - behind }
            }
        };
        steps.into_iter().map(step).collect()
    })
}

/// Runs a course, in batches that end where the watermark moves.
fn run(factory: &dyn OperatorFactory, steps: &[Step], is_on_store: bool) -> (Vec<String>, u64) {
    let mut fleet = Fleet::new(factory, 1, is_on_store);
    let (mut batch, mut told) = (Vec::new(), Vec::new());
    let mut number = 0u32;
    for step in steps.iter().chain(&[Step::Watermark(i64::MAX)]) {
        if let Step::Record { key, time } = step {
            number += 1;
            batch.push(((format!("k{key}"), number), *time));
            continue;
        }
        fleet.send(0, std::mem::take(&mut batch), |row: &Row| row.0.clone());
        match step {
            Step::Watermark(to) => fleet.watermark(*to),
            Step::Checkpoint(to) => {
                told.extend(fleet.take::<String>());
                fleet.go_on(to);
            }
            Step::Record { .. } => {}
        }
    }
    told.extend(fleet.take::<String>());
    assert_eq!(fleet.entries(), 0, "nothing is left behind");
    told.sort();
    (told, fleet.late())
}

/// The records of a course, each with its number and the watermark that it met.
fn records(steps: &[Step]) -> Vec<(String, u32, i64, i64)> {
    let (mut watermark, mut number, mut records) = (i64::MIN, 0, Vec::new());
    for step in steps {
        match step {
            Step::Watermark(to) => watermark = watermark.max(*to),
            Step::Checkpoint(_) => {}
            Step::Record { key, time } => {
                number += 1;
                records.push((format!("k{key}"), number, *time, watermark));
            }
        }
    }
    records
}

fn numbers(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join("+")
}

/// What windows on a grid tell, and how many records are late.
fn on_grid(steps: &[Step], size: i64, slide: i64, lateness: i64) -> (Vec<String>, u64) {
    let mut windows: BTreeMap<(String, i64), Vec<u32>> = BTreeMap::new();
    let (mut told, mut late) = (Vec::new(), 0);
    for (key, number, time, watermark) in records(steps) {
        let mut start = time - time.rem_euclid(slide);
        let mut placed = false;
        while start > time - size {
            let end = start + size - 1;
            if end + lateness > watermark {
                placed = true;
                let content = windows.entry((key.clone(), start)).or_default();
                content.push(number);
                if end <= watermark {
                    told.push(format!("{key} [{start}, {}) {}", start + size, numbers(content)));
                }
            }
            start -= slide;
        }
        late += u64::from(!placed && time + lateness <= watermark);
    }
    // What was in a window when the watermark passed its end.
    for (key, start) in windows.keys() {
        let end = start + size - 1;
        let on_time: Vec<u32> = (records(steps).into_iter())
            .filter(|(k, _, time, met)| k == key && (*start..=end).contains(time) && *met < end)
            .map(|(_, number, ..)| number)
            .collect();
        if !on_time.is_empty() {
            told.push(format!("{key} [{start}, {}) {}", start + size, numbers(&on_time)));
        }
    }
    told.sort();
    (told, late)
}

/// What sessions tell: a session is over when the watermark passes its end.
fn in_sessions(steps: &[Step], gap: i64) -> (Vec<String>, u64) {
    let mut open: Vec<(String, i64, i64, Vec<u32>)> = Vec::new();
    let (mut told, mut late) = (Vec::new(), 0);
    let mut close = |open: &mut Vec<(String, i64, i64, Vec<u32>)>, watermark: i64| {
        open.retain(|(key, start, end, content)| {
            let is_over = end - 1 <= watermark;
            if is_over {
                told.push((key.clone(), *start, *end, content.clone()));
            }
            !is_over
        });
    };
    for (key, number, time, watermark) in records(steps) {
        close(&mut open, watermark);
        let (mut start, mut end, mut content) = (time, time + gap, Vec::new());
        let mut touched = false;
        for (_, s, e, c) in open.extract_if(.., |(k, s, e, _)| *k == key && *s <= time + gap && *e >= time) {
            touched = true;
            start = start.min(s);
            end = end.max(e);
            content.extend(c);
        }
        if !touched && end - 1 <= watermark {
            late += u64::from(time <= watermark);
            continue;
        }
        content.push(number);
        open.push((key, start, end, content));
    }
    close(&mut open, i64::MAX);
    let mut told: Vec<String> = told
        .into_iter()
        .map(|(key, start, end, mut content)| {
            content.sort_unstable();
            format!("{key} [{start}, {end}) {}", numbers(&content))
        })
        .collect();
    told.sort();
    (told, late)
}

/// As `tell`, with the numbers in order: where sessions merge their records come in no particular one.
fn tell_sorted<A: WindowAssigner<Row, Window = TimeWindow>, Tr: Trigger<Row, TimeWindow>>(
    windowed: Windowed<String, Row, A, Tr>,
) -> impl OperatorFactory {
    windowed.process(Apply::new(|key: &String, window: TimeWindow, rows: &[Row], out: &mut Collector<String>| {
        let mut found: Vec<u32> = rows.iter().map(|r| r.1).collect();
        found.sort_unstable();
        out.collect(format!("{key} {window} {}", numbers(&found)));
    }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn tumbling_windows(steps in course(), on_store: bool, size in 1..30u64, lateness in 0..15u64) {
        let windows = windowed(TumblingEventTimeWindows::of(ms(size))).allowed_lateness(ms(lateness));
        prop_assert_eq!(run(&tell(windows), &steps, on_store), on_grid(&steps, size as i64, size as i64, lateness as i64));
    }

    #[test]
    fn sliding_windows(steps in course(), on_store: bool, size in 1..40u64, slide in 1..20u64, lateness in 0..15u64) {
        let windows = windowed(SlidingEventTimeWindows::of(ms(size), ms(slide))).allowed_lateness(ms(lateness));
        prop_assert_eq!(run(&tell(windows), &steps, on_store), on_grid(&steps, size as i64, slide as i64, lateness as i64));
    }

    #[test]
    fn sessions(steps in course(), on_store: bool, gap in 1..30u64) {
        let windows = windowed(EventTimeSessionWindows::with_gap(ms(gap)));
        prop_assert_eq!(run(&tell_sorted(windows), &steps, on_store), in_sessions(&steps, gap as i64));
    }
}
