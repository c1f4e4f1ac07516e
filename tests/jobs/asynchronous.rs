//! Asynchronous calls: answers in the order of the records and in the order in which they come, with calls that fail at
//! first and are made again.

use crate::jobs::events::{self, Event};
use flott::prelude::*;
use flott_sim::{Job, Rows, World};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub const ORDERED: Job = Job::new("async_ordered", build_ordered, expected_ordered);
pub const UNORDERED: Job = Job::new("async_unordered", build_unordered, expected_unordered);
const CALLS_MAX: usize = 5;
const TIMEOUT: Duration = Duration::from_secs(60);

/// A service that takes its time and fails now and then. It answers with nothing to some, with two answers to others.
#[derive(Clone, Default)]
struct Service {
    calls: Arc<AtomicU64>,
}

fn answers(event: &Event) -> Vec<(Event, u64)> {
    (0..event.value.unsigned_abs() % 3).map(|n| (event.clone(), n)).collect()
}

impl AsyncFunction for Service {
    type In = Event;
    type Out = (Event, u64);

    async fn invoke(&self, event: Event) -> Result<Vec<(Event, u64)>> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(event.value.unsigned_abs() % 13)).await;
        if call.is_multiple_of(7) { Err(Error::unavailable("the service is busy")) } else { Ok(answers(&event)) }
    }
}

fn again() -> AsyncRetryStrategy<(Event, u64)> {
    AsyncRetryStrategy::fixed_delay(10, Duration::from_millis(3)).if_error(|error| error.kind().is_retryable())
}

fn fold(so_far: i64, next: i64) -> i64 {
    so_far.wrapping_mul(31).wrapping_add(next)
}

fn build_ordered(world: &World, env: &StreamExecutionEnvironment) {
    let answered =
        events::stream(world, env).ordered_wait(Service::default(), TIMEOUT).capacity(CALLS_MAX).retry(again());
    // Calls under way are dealt out anew when the parallelism changes, and their order with them.
    let in_order = (*answered).clone().set_parallelism(1);
    in_order
        .map(|(event, n)| (event.local_key(), event.value * 10 + n as i64))
        .set_parallelism(1)
        .key_by(|answer| answer.0)
        .reduce(|so_far: ((u32, u32), i64), next: ((u32, u32), i64)| (next.0, fold(so_far.1, next.1)))
        .sink_to(world.ledger("folded"));
}

fn build_unordered(world: &World, env: &StreamExecutionEnvironment) {
    let answered =
        events::stream(world, env).unordered_wait(Service::default(), TIMEOUT).capacity(CALLS_MAX).retry(again());
    answered.map(|(event, n)| (event.partition, event.n, n)).sink_to(world.ledger("answers"));
}

fn expected_ordered(world: &World) -> Rows {
    let (mut rows, mut values) = (Rows::new(), BTreeMap::new());
    for (event, n) in events::all(world).flat_map(|event| answers(&event)) {
        let next = event.value * 10 + n as i64;
        let value = values.get(&event.local_key()).map_or(next, |so_far| fold(*so_far, next));
        values.insert(event.local_key(), value);
        rows.add("folded", &(event.local_key(), value));
    }
    rows
}

fn expected_unordered(world: &World) -> Rows {
    let answered = events::all(world).flat_map(|event| answers(&event));
    let mut rows = Rows::new();
    rows.extend("answers", answered.map(|(event, n)| (event.partition, event.n, n)));
    rows
}
