//! State that belongs to a subtask and not to a key: a list that is dealt out, and a list that everybody gets all of.

use crate::jobs::events::{self, Event};
use flott::prelude::*;
use flott::state::{OperatorListState, Redistribution};
use flott_sim::{Job, Rows, World};
use std::collections::BTreeMap;

pub const LIST: Job = Job::new("operator_list", build_list, expected_list);
pub const UNION: Job = Job::new("operator_union", build_union, expected_union);
const HELD_MAX: usize = 8;

/// Holds events back and lets them go several at a time: none may stay or go twice, whichever subtask has them in the end.
#[derive(Clone, Default)]
struct HoldBack {
    held: Opened<OperatorListState<(u32, u64)>>,
}

impl ProcessFunction for HoldBack {
    type In = Event;
    type Out = (u32, u64);

    fn open(&mut self, cx: &mut OpenContext<'_>) -> Result<()> {
        self.held = cx.operator_state().list("held", Redistribution::Split)?.into();
        Ok(())
    }

    fn process(&mut self, event: Event, cx: &mut ProcessContext<'_>, out: &mut Collector<(u32, u64)>) -> Result<()> {
        self.held.add(cx.operator_state(), (event.partition, event.n));
        if self.held.get(cx.operator_state()).len() >= HELD_MAX {
            self.held.get_mut(cx.operator_state()).drain(..).for_each(|event| out.collect(event));
        }
        Ok(())
    }

    fn finish(&mut self, cx: &mut ProcessContext<'_>, out: &mut Collector<(u32, u64)>) -> Result<()> {
        self.held.get_mut(cx.operator_state()).drain(..).for_each(|event| out.collect(event));
        Ok(())
    }
}

fn build_list(world: &World, env: &StreamExecutionEnvironment) {
    events::stream(world, env)
        .rebalance()
        .process(HoldBack::default())
        .uid("hold-back")
        .sink_to(world.ledger("events"));
}

fn expected_list(world: &World) -> Rows {
    let mut rows = Rows::new();
    rows.extend("events", events::all(world).map(|event| (event.partition, event.n)));
    rows
}

/// Sums up the values of the partitions that it is given. After a restore each subtask sees the sums of all and keeps
/// those of its own partitions, which may be others than before.
#[derive(Clone, Default)]
struct SumPartitions {
    sums: Opened<OperatorListState<(u32, i64)>>,
}

impl ProcessFunction for SumPartitions {
    type In = Event;
    type Out = (u32, i64);

    fn open(&mut self, cx: &mut OpenContext<'_>) -> Result<()> {
        let (subtask, parallelism) = (cx.subtask_index(), cx.parallelism());
        self.sums = cx.operator_state().list("sums", Redistribution::Union)?.into();
        self.sums.get_mut(cx.operator_state()).retain(|(partition, _)| partition % parallelism == subtask);
        Ok(())
    }

    fn process(&mut self, event: Event, cx: &mut ProcessContext<'_>, _: &mut Collector<(u32, i64)>) -> Result<()> {
        let sums = self.sums.get_mut(cx.operator_state());
        match sums.iter_mut().find(|(partition, _)| *partition == event.partition) {
            Some((_, sum)) => *sum += event.value,
            None => sums.push((event.partition, event.value)),
        }
        Ok(())
    }

    fn finish(&mut self, cx: &mut ProcessContext<'_>, out: &mut Collector<(u32, i64)>) -> Result<()> {
        self.sums.get_mut(cx.operator_state()).drain(..).for_each(|sum| out.collect(sum));
        Ok(())
    }
}

fn build_union(world: &World, env: &StreamExecutionEnvironment) {
    events::stream(world, env)
        .partition_custom(|partition: &u32, subtasks| partition % subtasks, |event| event.partition)
        .process(SumPartitions::default())
        .uid("sum-partitions")
        .sink_to(world.ledger("sums"));
}

fn expected_union(world: &World) -> Rows {
    let mut sums: BTreeMap<u32, i64> = BTreeMap::new();
    for event in events::all(world) {
        *sums.entry(event.partition).or_default() += event.value;
    }
    let mut rows = Rows::new();
    rows.extend("sums", sums);
    rows
}
