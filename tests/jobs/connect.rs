//! Union and connect: two streams as one, then beside another stream of the same key.

use crate::jobs::events::{self, Event, source_of};
use flott::prelude::*;
use flott::state::StateAccess;
use flott_sim::{Job, Rows, World};
use serde::{Deserialize, Serialize};

pub const JOB: Job = Job::new("connect", build, expected);

/// An order, to be paid once.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Order {
    id: (u32, u64),
    price: i64,
}

fn orders(world: &World, part: u32) -> Vec<Vec<Order>> {
    let order =
        |partition, n, random: &mut fastrand::Rng| Order { id: (part * 2 + partition, n), price: random.i64(1..1000) };
    world.events(2, 60, order)
}

/// Waits for both the order and its payment, whichever comes first.
#[derive(Clone, Default)]
struct Settle {
    price: ValueState<i64>,
    paid: ValueState<i64>,
}

impl Settle {
    fn both(&mut self, cx: &mut KeyedContext<'_, (u32, u64)>, out: &mut Collector<((u32, u64), i64)>) -> Result<()> {
        if let (Some(price), Some(paid)) = (self.price.get(cx)?.copied(), self.paid.get(cx)?.copied()) {
            self.price.clear(cx)?;
            self.paid.clear(cx)?;
            out.collect((*cx.current_key()?, paid - price));
        }
        Ok(())
    }
}

impl KeyedCoProcessFunction for Settle {
    type Key = (u32, u64);
    type In1 = Order;
    type In2 = Event;
    type Out = ((u32, u64), i64);

    fn open(&mut self, cx: &mut KeyedOpenContext<'_, (u32, u64)>) -> Result<()> {
        self.price = ValueState::register(cx.keyed_state(), "price", None)?;
        self.paid = ValueState::register(cx.keyed_state(), "paid", None)?;
        Ok(())
    }

    fn process1(
        &mut self,
        order: Order,
        cx: &mut KeyedContext<'_, Self::Key>,
        out: &mut Collector<Self::Out>,
    ) -> Result<()> {
        self.price.set(cx, order.price)?;
        self.both(cx, out)
    }

    fn process2(
        &mut self,
        event: Event,
        cx: &mut KeyedContext<'_, Self::Key>,
        out: &mut Collector<Self::Out>,
    ) -> Result<()> {
        self.paid.set(cx, event.value)?;
        self.both(cx, out)
    }
}

fn build(world: &World, env: &StreamExecutionEnvironment) {
    let one = source_of(env, world.replay(orders(world, 0)).dealt_out_on_request(), "orders-1");
    let two = source_of(env, world.replay(orders(world, 1)).dealt_out_on_request(), "orders-2");
    let orders = one.union([&two]).key_by(|order| order.id);
    let payments = events::stream(world, env).key_by(|event| (event.partition, event.n));
    orders.connect(&payments).process(Settle::default()).uid("settle").sink_to(world.ledger("settled"));
}

fn expected(world: &World) -> Rows {
    let payments: Vec<Event> = events::all(world).collect();
    let mut rows = Rows::new();
    for order in orders(world, 0).into_iter().chain(orders(world, 1)).flatten() {
        let payment = payments.iter().find(|event| (event.partition, event.n) == order.id);
        rows.extend("settled", payment.map(|event| (order.id, event.value - order.price)));
    }
    rows
}
