//! Windows in checkpoints: restored in one subtask or in several, they go on as if nothing had been.

use super::*;
use crate::harness::{MAX, Setup, Snapshot};
use crate::window::{
    ContinuousEventTimeTrigger, CountTrigger, EventTimeSessionWindows, EventTimeTrigger, PurgingTrigger,
    TumblingEventTimeWindows, TumblingProcessingTimeWindows,
};
use flott_core::{KeyHash, MaxParallelism};

fn restore(factory: &dyn OperatorFactory, snapshots: &[Snapshot], parallelism: u32) -> Vec<Harness> {
    let subtask = |subtask| {
        let setup = Setup { subtask, parallelism, restore: snapshots.to_vec(), ..Setup::default() };
        Harness::with(factory, setup).unwrap()
    };
    (0..parallelism).map(subtask).collect()
}

/// Sends each row to the subtask that owns its key.
fn send(subtasks: &mut [Harness], list: &[(&str, u32, i64)]) {
    let max = MaxParallelism::new(MAX).unwrap();
    for row in list {
        let owner = max.owner(max.key_group(KeyHash::of(row.0)), subtasks.len() as u32);
        subtasks[owner as usize].rows(&[*row]);
    }
}

fn fired(subtasks: &mut [Harness], watermark: i64) -> Vec<String> {
    let mut all: Vec<String> = subtasks.iter_mut().flat_map(|h| h.fired(watermark)).collect();
    all.sort();
    all
}

const KEYS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// Rows before and after a checkpoint, the same for every parallelism.
fn runs_alike(factory: &dyn OperatorFactory, expected: &[&[&str]]) {
    let watermarks = [15, 29, 1000];
    for (before, after) in [(1, 1), (1, 2), (1, 3), (2, 1), (3, 2), (2, 7)] {
        let mut subtasks = restore(factory, &[], before);
        for (n, key) in KEYS.iter().enumerate() {
            send(&mut subtasks, &[(key, n as u32, 3), (key, 10 + n as u32, 18)]);
        }
        let mut told = vec![fired(&mut subtasks, watermarks[0])];
        let snapshots: Vec<Snapshot> = subtasks.iter_mut().map(Harness::snapshot).collect();
        let mut subtasks = restore(factory, &snapshots, after);
        // Watermarks are not part of checkpoints: they come anew.
        told.push(fired(&mut subtasks, watermarks[0]));
        send(&mut subtasks, &[("a", 20, 19), ("f", 21, 41)]);
        for watermark in &watermarks[1..] {
            told.push(fired(&mut subtasks, *watermark));
        }
        assert_eq!(told, expected, "from {before} to {after} subtasks");
        assert!(subtasks.iter_mut().all(|h| h.entries() == 0), "nothing is left behind");
    }
}

#[test]
fn tumbling_windows_survive_at_any_parallelism() {
    let factory = tell(windowed(TumblingEventTimeWindows::of(ms(10))));
    runs_alike(
        &factory,
        &[
            &["a [0, 10) 0", "b [0, 10) 1", "c [0, 10) 2", "d [0, 10) 3", "e [0, 10) 4", "f [0, 10) 5"],
            &[],
            &["a [10, 20) 10+20", "b [10, 20) 11", "c [10, 20) 12", "d [10, 20) 13", "e [10, 20) 14", "f [10, 20) 15"],
            &["f [40, 50) 21"],
        ],
    );
}

#[test]
fn windows_within_their_allowed_lateness_survive() {
    let factory = tell(windowed(TumblingEventTimeWindows::of(ms(10))).allowed_lateness(ms(12)));
    let mut h = Harness::new(tell(windowed(TumblingEventTimeWindows::of(ms(10))).allowed_lateness(ms(12))));
    h.rows(&[("a", 1, 3)]);
    assert_eq!(h.fired(15), ["a [0, 10) 1"]);
    let snapshot = h.snapshot();
    let mut h = restore(&factory, &[snapshot], 1).remove(0);
    assert_eq!(h.fired(15), [] as [&str; 0], "it has fired already");
    h.rows(&[("a", 2, 4)]);
    assert_eq!(h.told(), ["a [0, 10) 1+2"]);
    assert_eq!(h.fired(21), [] as [&str; 0]);
    assert_eq!(h.entries(), 0, "cleaned up at 9 + 12");
}

#[test]
fn sessions_survive_with_the_windows_they_have_merged_into() {
    let factory = tell(windowed(EventTimeSessionWindows::with_gap(ms(16))));
    runs_alike(
        &factory,
        &[
            &[],
            &[],
            &[],
            &[
                "a [3, 35) 0+10+20",
                "b [3, 34) 1+11",
                "c [3, 34) 2+12",
                "d [3, 34) 3+13",
                "e [3, 34) 4+14",
                "f [3, 34) 5+15",
                "f [41, 57) 21",
            ],
        ],
    );
}

#[test]
fn triggers_state_and_timers_survive() {
    let factory = tell(
        windowed(TumblingEventTimeWindows::of(ms(100)))
            .trigger(PurgingTrigger::of(ContinuousEventTimeTrigger::of(ms(25)))),
    );
    let content = ["a [0, 100) 0+10+20", "b [0, 100) 1+11", "c [0, 100) 2+12", "d [0, 100) 3+13", "e [0, 100) 4+14"];
    let f = "f [0, 100) 5+15+21";
    runs_alike(&factory, &[&[], &[], &[content.as_slice(), &[f]].concat(), &[]]);
    let factory = tell(windowed(TumblingEventTimeWindows::of(ms(100))).trigger(CountTrigger::of(3)));
    let mut h = restore(&factory, &[], 1).remove(0);
    h.rows(&[("a", 1, 0), ("a", 2, 0)]);
    let snapshot = h.snapshot();
    let mut h = restore(&factory, &[snapshot], 1).remove(0);
    h.rows(&[("a", 3, 0)]);
    assert_eq!(h.told(), ["a [0, 100) 1+2+3"]);
}

#[test]
fn processing_time_windows_that_are_overdue_fire_at_once() {
    simulate(|env| async move {
        let factory = tell_numbers(windowed(TumblingProcessingTimeWindows::of(ms(10))));
        let mut h = Harness::with(&factory, Setup { env: Some(env.clone()), ..Setup::default() }).unwrap();
        h.process(vec![("a".to_owned(), 1u32)]).unwrap();
        let snapshot = h.snapshot();
        env.sleep(Duration::from_secs(60)).await;
        let setup = Setup { env: Some(env.clone()), restore: vec![snapshot], ..Setup::default() };
        let mut h = Harness::with(&factory, setup).unwrap();
        h.tick().unwrap();
        assert_eq!(h.told(), ["a 1"]);
        assert_eq!(h.entries(), 0);
    });
}

#[test]
fn an_event_time_trigger_on_global_windows_survives() {
    let factory = tell_numbers(windowed(crate::window::GlobalWindows).trigger(EventTimeTrigger));
    let mut h = restore(&factory, &[], 1).remove(0);
    h.rows(&[("a", 1, 0)]);
    let snapshot = h.snapshot();
    let mut h = restore(&factory, &[snapshot], 1).remove(0);
    h.rows(&[("a", 2, 0)]);
    h.finish().unwrap();
    assert_eq!(h.told(), ["a 1+2"]);
}

/// Keys with one window each, of which more are due than are in memory at once.
const MANY: u32 = 200_000;
/// Entries of state that one subtask has in memory at most, whatever there is: those that are due first, a slice of panes,
/// and what one batch needs.
const IN_MEMORY_MAX: usize = (1 << 17) + (1 << 15);

#[test]
fn on_a_store_only_the_first_windows_that_are_due_are_in_memory() {
    let factory = Windowed::new(by(|row: &(u32, i64)| row.0), TumblingEventTimeWindows::of(ms(10)))
        .reduce(|a: (u32, i64), b: (u32, i64)| (a.0, a.1 + b.1));
    let start = |restore| Harness::with(&factory, Setup { store: Some(1 << 20), restore, ..Setup::default() }).unwrap();
    let mut h = start(vec![]);
    let time = |n: u32| i64::from(n % 1000) * 10;
    let mut most = 0;
    for from in (0..MANY).step_by(1000) {
        let row = |n: u32| ((n.wrapping_mul(7919) % MANY, 1i64), time(n));
        h.process_timed((from..from + 1000).map(row).collect()).unwrap();
        most = most.max(h.in_memory());
    }
    assert!(most <= IN_MEMORY_MAX, "{most} entries were in memory");
    let mut fired = 0;
    for restored in [false, true] {
        if restored {
            let snapshot = h.snapshot();
            h = start(vec![snapshot]);
            assert!(h.in_memory() < MANY as usize / 4, "{} entries are in memory after a restore", h.in_memory());
        }
        for _ in 0..5 {
            h.watermark(h.cx.watermark.0.max(0) + 1000).unwrap();
            let rows: Vec<((u32, i64), Option<i64>)> = h.take_timed();
            assert!(rows.iter().map(|(_, time)| time).is_sorted(), "the earliest first");
            fired += rows.len();
            most = most.max(h.in_memory());
        }
        if !restored {
            assert_eq!(fired, MANY as usize / 2);
        }
    }
    h.finish().unwrap();
    fired += h.take::<(u32, i64)>().len();
    assert_eq!((fired, h.entries()), (MANY as usize, 0));
    assert!(most <= IN_MEMORY_MAX, "{most} entries were in memory");
}

#[test]
fn an_index_on_a_store_is_made_again_when_the_allowed_lateness_changes() {
    let of = |lateness| tell(windowed(TumblingEventTimeWindows::of(ms(10))).allowed_lateness(ms(lateness)));
    let start = |factory: &dyn OperatorFactory, restore| {
        Harness::with(factory, Setup { store: Some(0), restore, ..Setup::default() }).unwrap()
    };
    for (before, after, left) in [(30, 5, 0), (5, 30, 2), (0, 20, 1), (20, 1, 0)] {
        let mut h = start(&of(before), vec![]);
        h.rows(&[("a", 1, 3), ("b", 2, 13)]);
        assert_eq!(h.fired(11), ["a [0, 10) 1"]);
        let snapshot = h.snapshot();
        let mut h = start(&of(after), vec![snapshot]);
        assert_eq!(h.fired(19), ["b [10, 20) 2"]);
        h.fired(24);
        // A pane, and when it is due.
        assert_eq!(h.entries(), 2 * left, "from {before} to {after}");
        h.fired(i64::MAX);
        assert_eq!(h.entries(), 0);
    }
}
