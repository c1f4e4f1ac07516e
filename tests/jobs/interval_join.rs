//! An interval join: pairs of one key whose times are near each other.

use crate::jobs::events::{self, Event, source_of};
use flott::prelude::*;
use flott_sim::{Job, Rows, World};

pub const JOB: Job = Job::new("interval_join", build, expected);
const LOWER_MS: i64 = -35;
const UPPER_MS: i64 = 20;

type Pair = ((u32, u64), (u32, u64), i64);

#[derive(Clone)]
struct Both;

impl ProcessJoinFunction for Both {
    type Left = Event;
    type Right = Event;
    type Out = Pair;

    fn process(
        &mut self,
        left: &Event,
        right: &Event,
        cx: &mut JoinContext<'_, '_>,
        out: &mut Collector<Pair>,
    ) -> Result<()> {
        let time = cx.timestamp().map_or(i64::MIN, |time| time.0);
        out.collect(((left.partition, left.n), (right.partition, right.n), time));
        Ok(())
    }
}

fn others(world: &World) -> Vec<Vec<Event>> {
    world.events(2, 150, |partition, n, random| Event {
        partition: 100 + partition,
        n,
        key: random.u32(..events::KEYS),
        value: 0,
        time: n as i64 * 7 + random.i64(0..=events::DISORDER_MS),
    })
}

fn build(world: &World, env: &StreamExecutionEnvironment) {
    let right = source_of(env, world.replay_timed(others(world), |event| event.time), "others");
    events::stream(world, env)
        .key_by(|event| event.key)
        .interval_join(&right.key_by(|event| event.key))
        .between(LOWER_MS, UPPER_MS)
        .upper_bound_exclusive()
        .process(Both)
        .sink_to(world.ledger("pairs"));
}

fn expected(world: &World) -> Rows {
    let mut rows = Rows::new();
    let others: Vec<Event> = others(world).into_iter().flatten().collect();
    for left in events::all(world) {
        let near = |right: &&Event| {
            right.key == left.key && (left.time + LOWER_MS..left.time + UPPER_MS).contains(&right.time)
        };
        let pair = |right: &Event| ((left.partition, left.n), (right.partition, right.n), left.time.max(right.time));
        rows.extend("pairs", others.iter().filter(near).map(pair));
    }
    rows
}
