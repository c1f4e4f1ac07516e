//! The keyed count on timely-dataflow: what it costs without checkpoints, event time and types that are erased.

use super::numbers::key;
use crate::bench::Failure;
use hashbrown::HashMap;
use std::hint::black_box;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::vec::Map;
use timely::dataflow::operators::{Operator, Probe};
use timely::dataflow::{InputHandle, ProbeHandle};

/// Numbers that go in between two steps of the worker. Of 1,024 to 262,144 this was the fastest.
const BATCH: u64 = 4096;
/// How far the input may run ahead of the result, as a bounded channel would have it.
const AHEAD_MAX: u64 = 1_000_000;

/// Counts `records` numbers by their keys on so many workers. Returns the number of records.
pub(super) fn run(records: u64, workers: usize, keys: u64) -> Result<u64, Failure> {
    let guards = timely::execute(timely::Config::process(workers), move |worker| {
        let mut input = InputHandle::new();
        let probe = ProbeHandle::new();
        worker.dataflow::<u64, _, _>(|scope| {
            input
                .to_stream(scope)
                .map(move |n: u64| key(n, keys))
                .unary(Exchange::new(|key: &u64| *key), "count", |_, _| {
                    let mut counts: HashMap<u64, u64> = HashMap::new();
                    move |input, output| {
                        input.for_each(|time, keys| {
                            let mut session = output.session(&time);
                            for key in keys.drain(..) {
                                let count = counts.entry(key).or_insert(0);
                                *count += 1;
                                session.give((key, *count));
                            }
                        });
                    }
                })
                .container::<Vec<(u64, u64)>>()
                .unary::<CapacityContainerBuilder<Vec<u64>>, _, _, _>(Pipeline, "sink", |_, _| {
                    move |input, _| {
                        input.for_each(|_, counts| {
                            black_box(&counts);
                        });
                    }
                })
                .probe_with(&probe);
        });
        let (index, workers) = (worker.index() as u64, workers as u64);
        let (start, end) = (records * index / workers, records * (index + 1) / workers);
        let mut batch = Vec::new();
        let mut at = start;
        while at < end {
            let next = (at + BATCH).min(end);
            batch.extend(at..next);
            input.send_batch(&mut batch);
            at = next;
            // Times are those of the worker's own progress: all have the same number of records to do.
            let done = at - start;
            input.advance_to(done);
            worker.step();
            while probe.less_than(&done.saturating_sub(AHEAD_MAX)) {
                worker.step();
            }
        }
    })?;
    for result in guards.join() {
        result?;
    }
    Ok(records)
}
