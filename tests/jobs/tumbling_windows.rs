//! Tumbling event-time windows with an incremental aggregate.

use crate::jobs::events::{self, Event};
use flott::operators::window::TumblingEventTimeWindows;
use flott::prelude::*;
use flott_sim::{Job, Rows, World};
use std::collections::BTreeMap;

pub const JOB: Job = Job::new("tumbling_windows", build, expected);
const SIZE_MS: i64 = 100;
const OFFSET_MS: i64 = 30;

/// Number and sum of values, and the key, which all events of a window share.
#[derive(Clone)]
struct CountAndSum;

impl AggregateFunction for CountAndSum {
    type In = Event;
    type Acc = (u32, u64, i64);
    type Out = (u32, u64, i64);

    fn create(&self) -> Self::Acc {
        (0, 0, 0)
    }

    fn add(&self, acc: &mut Self::Acc, event: Event) {
        *acc = (event.key, acc.1 + 1, acc.2 + event.value);
    }

    fn result(&self, acc: &Self::Acc) -> Self::Out {
        *acc
    }

    fn merge(&self, into: &mut Self::Acc, other: Self::Acc) {
        *into = (other.0, into.1 + other.1, into.2 + other.2);
    }
}

/// Adds the window to its aggregate.
#[derive(Clone)]
struct WithWindow;

impl ProcessWindowFunction for WithWindow {
    type Key = u32;
    type Window = TimeWindow;
    type In = (u32, u64, i64);
    type Out = (u32, i64, u64, i64);

    fn process(
        &mut self,
        elements: &[Self::In],
        cx: &mut WindowContext<'_, u32, TimeWindow>,
        out: &mut Collector<Self::Out>,
    ) -> Result<()> {
        let start = cx.window().start.0;
        out.collect((*cx.current_key()?, start, elements[0].1, elements[0].2));
        Ok(())
    }
}

fn build(world: &World, env: &StreamExecutionEnvironment) {
    let windows = TumblingEventTimeWindows::of(Duration::from_millis(SIZE_MS as u64)).with_offset_millis(OFFSET_MS);
    let results =
        events::stream(world, env).key_by(|event| event.key).window(windows).aggregate_with(CountAndSum, WithWindow);
    events::stepping(world, &results).sink_to(world.ledger("windows"));
}

fn expected(world: &World) -> Rows {
    let mut windows: BTreeMap<(u32, i64), (u64, i64)> = BTreeMap::new();
    for event in events::all(world) {
        let start = (event.time - OFFSET_MS).div_euclid(SIZE_MS) * SIZE_MS + OFFSET_MS;
        let window = windows.entry((event.key, start)).or_default();
        *window = (window.0 + 1, window.1 + event.value);
    }
    let mut rows = Rows::new();
    rows.extend("windows", windows.into_iter().map(|((key, start), (count, sum))| (key, start, count, sum)));
    rows
}
