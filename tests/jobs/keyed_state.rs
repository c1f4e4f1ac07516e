//! Every kind of keyed state in one function.

use crate::jobs::events::{self, Event};
use flott::prelude::*;
use flott::state::StateAccess;
use flott_sim::{Job, Rows, World};
use std::collections::BTreeMap;

pub const JOB: Job = Job::new("keyed_state", build, expected);
type Key = (u32, u32);
/// Key, count, product of signs and sums, the last three values, how often the value modulo 4 was there, the mean.
type Seen = (Key, u64, i64, Vec<i64>, u32, i64);

/// Sum and number.
#[derive(Clone)]
struct Mean;

impl AggregateFunction for Mean {
    type In = i64;
    type Acc = (i64, i64);
    type Out = i64;

    fn create(&self) -> (i64, i64) {
        (0, 0)
    }

    fn add(&self, acc: &mut (i64, i64), value: i64) {
        *acc = (acc.0 + value, acc.1 + 1);
    }

    fn result(&self, acc: &(i64, i64)) -> i64 {
        acc.0 / acc.1
    }

    fn merge(&self, into: &mut (i64, i64), other: (i64, i64)) {
        *into = (into.0 + other.0, into.1 + other.1);
    }
}

#[derive(Clone, Default)]
struct Remember {
    count: ValueState<u64>,
    fold: ReducingState<i64>,
    last: ListState<i64>,
    classes: MapState<i64, u32>,
    mean: AggregatingState<Mean>,
}

impl KeyedProcessFunction for Remember {
    type Key = Key;
    type In = Event;
    type Out = Seen;

    fn open(&mut self, cx: &mut KeyedOpenContext<'_, Key>) -> Result<()> {
        let keyed = cx.keyed_state();
        self.count = ValueState::register(keyed, "count", None)?;
        self.fold = ReducingState::register(keyed, "fold", |a: &mut i64, b| *a = fold(*a, b), None)?;
        self.last = ListState::register(keyed, "last", None)?;
        self.classes = MapState::register(keyed, "classes", None)?;
        self.mean = AggregatingState::register(keyed, "mean", Mean, None)?;
        Ok(())
    }

    fn process(&mut self, event: Event, cx: &mut KeyedContext<'_, Key>, out: &mut Collector<Seen>) -> Result<()> {
        let count = self.count.get(cx)?.copied().unwrap_or(0) + 1;
        // Now and then everything is forgotten.
        if count.is_multiple_of(10) {
            self.count.clear(cx)?;
            self.fold.clear(cx)?;
            self.last.clear(cx)?;
            self.classes.clear(cx)?;
            return self.mean.clear(cx);
        }
        self.count.set(cx, count)?;
        self.fold.add(cx, event.value)?;
        self.last.add(cx, event.value)?;
        let last = self.last.get(cx)?.to_vec();
        if last.len() > 3 {
            self.last.update(cx, last[1..].to_vec())?;
        }
        let class = event.value.rem_euclid(4);
        self.classes.update(cx, class, || 0, |n| *n += 1)?;
        self.mean.add(cx, event.value)?;
        let seen = (
            event.local_key(),
            count,
            self.fold.get(cx)?.copied().unwrap_or(0),
            self.last.get(cx)?.to_vec(),
            self.classes.get(cx, &class)?.copied().unwrap_or(0),
            self.mean.get(cx)?.unwrap_or(0),
        );
        out.collect(seen);
        Ok(())
    }
}

fn fold(a: i64, b: i64) -> i64 {
    a.wrapping_mul(7) ^ b
}

fn build(world: &World, env: &StreamExecutionEnvironment) {
    events::stream(world, env).key_by(Event::local_key).process(Remember::default()).sink_to(world.ledger("seen"));
}

fn expected(world: &World) -> Rows {
    let mut rows = Rows::new();
    let mut since: BTreeMap<Key, Vec<i64>> = BTreeMap::new();
    for event in events::all(world) {
        let values = since.entry(event.local_key()).or_default();
        if values.len() == 9 {
            values.clear();
            continue;
        }
        values.push(event.value);
        let class = |value: &&i64| value.rem_euclid(4) == event.value.rem_euclid(4);
        rows.add(
            "seen",
            &(
                event.local_key(),
                values.len() as u64,
                values.iter().copied().reduce(fold).unwrap_or(0),
                values[values.len().saturating_sub(3)..].to_vec(),
                values.iter().filter(class).count() as u32,
                values.iter().sum::<i64>() / values.len() as i64,
            ),
        );
    }
    rows
}
