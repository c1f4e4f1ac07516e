//! What most jobs read: events in a few partitions, out of order within a bound.

use flott::api::{Source, WatermarkStrategy};
use flott::datastream::{DataStream, StreamExecutionEnvironment};
use flott_sim::World;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Partitions of the input.
pub const PARTITIONS: u32 = 5;
/// Events in each.
pub const EVENTS: u64 = 100;
/// Keys of the events.
pub const KEYS: u32 = 7;
/// Time from one event to the next, disorder left aside.
pub const STEP_MS: i64 = 10;
/// An event may be so much later than its place says, and hence so much out of order.
pub const DISORDER_MS: i64 = 60;

/// An event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Event {
    /// Where it is read from.
    pub partition: u32,
    /// Its number there.
    pub n: u64,
    /// Its key.
    pub key: u32,
    /// A value.
    pub value: i64,
    /// When it happened.
    pub time: i64,
}

impl Event {
    /// A key of which all events are in one partition, so that they come in order.
    pub fn local_key(&self) -> (u32, u32) {
        (self.partition, self.key)
    }
}

/// The input, partition by partition.
pub fn partitions(world: &World) -> Vec<Vec<Event>> {
    world.events(PARTITIONS, EVENTS, |partition, n, random| Event {
        partition,
        n,
        key: random.u32(..KEYS),
        value: random.i64(-100..100),
        time: n as i64 * STEP_MS + random.i64(0..=DISORDER_MS),
    })
}

/// All events of the input.
pub fn all(world: &World) -> impl Iterator<Item = Event> {
    partitions(world).into_iter().flatten()
}

/// Event times within the bound: no event is late.
pub fn strategy<T: 'static>() -> WatermarkStrategy<T> {
    WatermarkStrategy::for_bounded_out_of_orderness(Duration::from_millis(DISORDER_MS as u64))
}

/// The input as a stream, in which user code may fail.
pub fn stream(world: &World, env: &StreamExecutionEnvironment) -> DataStream<Event> {
    let source = world.replay_timed(partitions(world), |event| event.time);
    stepping(world, &source_of(env, source, "events"))
}

/// A source of the world as a stream.
pub fn source_of<S: Source>(env: &StreamExecutionEnvironment, source: S, name: &str) -> DataStream<S::Item> {
    env.from_source(source, strategy(), name).uid(name)
}

/// The stream itself, each record a call of user code.
pub fn stepping<T: flott::core::Data>(world: &World, stream: &DataStream<T>) -> DataStream<T> {
    let world = world.clone();
    stream.try_map(move |record: T| world.step().map(|()| record)).name("step")
}
