//! A keyed process function with event timers: counts events per slot of time and says so when the slot is over.

use crate::jobs::events::{self, Event};
use flott::prelude::*;
use flott::state::StateAccess;
use flott_sim::{Job, Rows, World};
use std::collections::BTreeMap;

pub const JOB: Job = Job::new("process_timers", build, expected);
const SLOT_MS: i64 = 70;

fn slot_end(time: i64) -> i64 {
    (time.div_euclid(SLOT_MS) + 1) * SLOT_MS - 1
}

#[derive(Clone, Default)]
struct CountPerSlot {
    counts: MapState<i64, u64>,
}

impl KeyedProcessFunction for CountPerSlot {
    type Key = u32;
    type In = Event;
    type Out = (u32, i64, u64);

    fn open(&mut self, cx: &mut KeyedOpenContext<'_, u32>) -> Result<()> {
        self.counts = MapState::register(cx.keyed_state(), "counts", None)?;
        Ok(())
    }

    fn process(&mut self, event: Event, cx: &mut KeyedContext<'_, u32>, _: &mut Collector<Self::Out>) -> Result<()> {
        let slot = slot_end(event.time);
        self.counts.update(cx, slot, || 0, |count| *count += 1)?;
        let mut timers = cx.timer_service();
        timers.register_event_time_timer(EventTime(slot))?;
        // One that is taken back must never fire.
        timers.register_event_time_timer(EventTime(slot + 1))?;
        timers.delete_event_time_timer(EventTime(slot + 1))
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut KeyedContext<'_, u32>, out: &mut Collector<Self::Out>) -> Result<()> {
        let key = *cx.current_key()?;
        let count = self.counts.remove(cx, &timer.millis())?.unwrap_or(0);
        out.collect((key, timer.millis(), count));
        Ok(())
    }
}

fn build(world: &World, env: &StreamExecutionEnvironment) {
    events::stream(world, env)
        .key_by(|event| event.key)
        .process(CountPerSlot::default())
        .uid("count-per-slot")
        .sink_to(world.ledger("counts"));
}

fn expected(world: &World) -> Rows {
    let mut counts: BTreeMap<(u32, i64), u64> = BTreeMap::new();
    for event in events::all(world) {
        *counts.entry((event.key, slot_end(event.time))).or_default() += 1;
    }
    let mut rows = Rows::new();
    rows.extend("counts", counts.into_iter().map(|((key, slot), count)| (key, slot, count)));
    rows
}
