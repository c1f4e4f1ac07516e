//! Broadcast state: rules that every subtask knows, applied to records that may come before their rule.

use crate::jobs::events::{self, Event, source_of};
use flott::prelude::*;
use flott::state::{OperatorListState, Redistribution, StateAccess};
use flott_sim::{Job, Rows, World};
use serde::{Deserialize, Serialize};

pub const PLAIN: Job = Job::new("broadcast", build_plain, expected);
pub const KEYED: Job = Job::new("keyed_broadcast", build_keyed, expected);

/// What a value of a key is multiplied with.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Rule {
    key: u32,
    factor: i64,
}

fn rules(world: &World) -> Vec<Vec<Rule>> {
    let factors =
        world.events(1, u64::from(events::KEYS), |_, key, random| Rule { key: key as u32, factor: random.i64(2..50) });
    // In two partitions, so that two sources broadcast.
    let (even, odd) = factors.into_iter().flatten().partition(|rule| rule.key % 2 == 0);
    vec![even, odd]
}

type Priced = (u32, u64, i64);

fn priced(event: &Event, factor: i64) -> Priced {
    (event.partition, event.n, event.value * factor)
}

/// Keeps what has no rule yet in a list of the subtask.
#[derive(Clone, Default)]
struct Apply {
    factors: Opened<BroadcastState<u32, i64>>,
    waiting: Opened<OperatorListState<Event>>,
}

impl BroadcastProcessFunction for Apply {
    type In = Event;
    type Broadcast = Rule;
    type Out = Priced;

    fn open(&mut self, cx: &mut OpenContext<'_>) -> Result<()> {
        self.factors = cx.operator_state().broadcast("factors")?.into();
        self.waiting = cx.operator_state().list("waiting", Redistribution::Split)?.into();
        Ok(())
    }

    fn process(&mut self, event: Event, cx: &mut ReadOnlyContext<'_>, out: &mut Collector<Priced>) -> Result<()> {
        match self.factors.get(cx.broadcast_state(), &event.key) {
            Some(factor) => out.collect(priced(&event, *factor)),
            None => self.waiting.add(cx.base_mut().operator_state(), event),
        }
        Ok(())
    }

    fn process_broadcast(
        &mut self,
        rule: Rule,
        cx: &mut BroadcastContext<'_>,
        out: &mut Collector<Priced>,
    ) -> Result<()> {
        self.factors.put(cx.broadcast_state(), rule.key, rule.factor);
        let waiting = self.waiting.get_mut(cx.broadcast_state());
        waiting
            .extract_if(.., |event| event.key == rule.key)
            .for_each(|event| out.collect(priced(&event, rule.factor)));
        Ok(())
    }
}

/// Keeps what has no rule yet in a list of the key.
#[derive(Clone, Default)]
struct ApplyKeyed {
    factors: Opened<BroadcastState<u32, i64>>,
    waiting: ListState<Event>,
}

impl KeyedBroadcastProcessFunction for ApplyKeyed {
    type Key = (u32, u32);
    type In = Event;
    type Broadcast = Rule;
    type Out = Priced;

    fn open(&mut self, cx: &mut KeyedOpenContext<'_, (u32, u32)>) -> Result<()> {
        self.factors = cx.operator_state().broadcast("factors")?.into();
        self.waiting = ListState::register(cx.keyed_state(), "waiting", None)?;
        Ok(())
    }

    fn process(
        &mut self,
        event: Event,
        cx: &mut KeyedReadOnlyContext<'_, (u32, u32)>,
        out: &mut Collector<Priced>,
    ) -> Result<()> {
        match self.factors.get(cx.broadcast_state(), &event.key).copied() {
            Some(factor) => out.collect(priced(&event, factor)),
            None => self.waiting.add(cx, event)?,
        }
        Ok(())
    }

    fn process_broadcast(
        &mut self,
        rule: Rule,
        cx: &mut KeyedBroadcastContext<'_, (u32, u32)>,
        out: &mut Collector<Priced>,
    ) -> Result<()> {
        self.factors.put(cx.broadcast_state(), rule.key, rule.factor);
        let waiting = &self.waiting;
        cx.apply_to_keyed_state(
            |keyed| waiting.keys(keyed),
            |key, keyed| {
                if key.1 == rule.key {
                    waiting.take(keyed)?.iter().for_each(|event| out.collect(priced(event, rule.factor)));
                }
                Ok(())
            },
        )
    }
}

fn build_plain(world: &World, env: &StreamExecutionEnvironment) {
    let rules = source_of(env, world.replay(rules(world)), "rules").broadcast_state();
    events::stream(world, env).connect(&rules).process(Apply::default()).uid("apply").sink_to(world.ledger("priced"));
}

fn build_keyed(world: &World, env: &StreamExecutionEnvironment) {
    let rules = source_of(env, world.replay(rules(world)), "rules").broadcast_state();
    events::stream(world, env)
        .key_by(Event::local_key)
        .connect(&rules)
        .process(ApplyKeyed::default())
        .uid("apply")
        .sink_to(world.ledger("priced"));
}

fn expected(world: &World) -> Rows {
    let rules: Vec<Rule> = rules(world).into_iter().flatten().collect();
    let factor = |key: u32| rules.iter().find(|rule| rule.key == key).map_or(0, |rule| rule.factor);
    let mut rows = Rows::new();
    rows.extend("priced", events::all(world).map(|event| priced(&event, factor(event.key))));
    rows
}
