//! A process function that parts its input into a main output and two side outputs of other types.

use crate::jobs::events::{self, Event};
use flott::prelude::*;
use flott_sim::{Job, Rows, World};

pub const JOB: Job = Job::new("side_outputs", build, expected);

#[derive(Clone)]
struct Part {
    negative: OutputTag<i64>,
    named: OutputTag<(u32, String)>,
}

impl ProcessFunction for Part {
    type In = Event;
    type Out = Event;

    fn process(&mut self, event: Event, cx: &mut ProcessContext<'_>, out: &mut Collector<Event>) -> Result<()> {
        if event.value < 0 {
            cx.output(&self.negative, event.value);
        }
        if event.key == 0 {
            cx.output(&self.named, (event.partition, format!("event {}", event.n)));
        } else {
            out.collect(event);
        }
        Ok(())
    }
}

fn build(world: &World, env: &StreamExecutionEnvironment) {
    let (negative, named) = (OutputTag::new("negative"), OutputTag::new("named"));
    let main = events::stream(world, env).process(Part { negative: negative.clone(), named: named.clone() });
    main.get_side_output(&negative).rebalance().map(|value| -value).sink_to(world.ledger("negative"));
    main.get_side_output(&named).sink_to(world.ledger("named"));
    main.map(|event| (event.partition, event.n)).sink_to(world.ledger("main"));
}

fn expected(world: &World) -> Rows {
    let mut rows = Rows::new();
    for event in events::all(world) {
        if event.value < 0 {
            rows.add("negative", &-event.value);
        }
        if event.key == 0 {
            rows.add("named", &(event.partition, format!("event {}", event.n)));
        } else {
            rows.add("main", &(event.partition, event.n));
        }
    }
    rows
}
