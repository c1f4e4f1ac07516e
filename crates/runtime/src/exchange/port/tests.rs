use super::*;
use crate::exchange::channel::{Arrival, Gate, gate};
use flott_api::key_selector::Owned;
use flott_api::partitioner::{CustomRouter, KeyRouter};
use flott_core::{KeyHash, Watermark};
use proptest::prelude::*;
use std::sync::Arc;
use std::task::Waker;

const BATCH_ROWS: usize = 8;

fn max() -> MaxParallelism {
    MaxParallelism::default_for(4)
}

/// A port to `receivers` gates of one channel each.
fn port(partitioning: Partitioning, receivers: usize) -> (Port, Vec<Gate>) {
    let (gates, senders): (Vec<Gate>, Vec<Sender>) =
        (0..receivers).map(|_| gate(1, 1000)).map(|(gate, mut senders)| (gate, senders.remove(0))).unzip();
    (Port::new(partitioning, max(), senders, Arc::new(BatchRows::new(BATCH_ROWS)), fastrand::Rng::with_seed(1)), gates)
}

fn flush(port: &mut Port) {
    port.seal().unwrap();
    assert!(port.poll_flush(&mut Context::from_waker(Waker::noop())).is_ready());
}

/// Rows and batch sizes that have come through a gate.
fn received(gate: &Gate) -> (Vec<u64>, Vec<usize>) {
    let (mut rows, mut sizes) = (Vec::new(), Vec::new());
    while let Poll::Ready(Arrival::Element(_, element)) = gate.poll_next(&mut Context::from_waker(Waker::noop())) {
        if let Element::Batch(batch) = element {
            sizes.push(batch.len());
            rows.extend(batch.into_rows::<u64>().unwrap().0);
        }
    }
    (rows, sizes)
}

#[test]
fn rebalance_deals_out_evenly_even_one_by_one() {
    let (mut port, gates) = port(Partitioning::Rebalance, 3);
    for n in 0..30u64 {
        port.emit(Batch::of(vec![n])).unwrap();
    }
    port.emit(Batch::of((0..30u64).collect())).unwrap();
    flush(&mut port);
    for gate in &gates {
        assert_eq!(received(gate).0.len(), 20);
    }
}

#[test]
fn rebalance_starts_with_any_channel() {
    let first = |seed| {
        let (gates, senders): (Vec<Gate>, Vec<Sender>) =
            (0..3).map(|_| gate(1, 1000)).map(|(gate, mut senders)| (gate, senders.remove(0))).unzip();
        let random = fastrand::Rng::with_seed(seed);
        let mut port = Port::new(Partitioning::Rebalance, max(), senders, Arc::new(BatchRows::new(BATCH_ROWS)), random);
        port.emit(Batch::of(vec![1u64])).unwrap();
        flush(&mut port);
        gates.iter().position(|gate| !received(gate).0.is_empty()).unwrap()
    };
    let firsts: std::collections::BTreeSet<usize> = (0..20).map(first).collect();
    assert_eq!(firsts.len(), 3);
}

#[test]
fn shuffle_gives_each_row_to_one_channel_by_chance() {
    let (mut port, gates) = port(Partitioning::Shuffle, 3);
    port.emit(Batch::of((0..300u64).collect())).unwrap();
    flush(&mut port);
    let mut all: Vec<Vec<u64>> = gates.iter().map(|gate| received(gate).0).collect();
    assert!(all.iter().all(|rows| rows.is_sorted() && (50..150).contains(&rows.len())), "{all:?}");
    assert!(!all.iter().any(|rows| rows.windows(2).all(|pair| pair[1] == pair[0] + 3)), "not in turn");
    let mut rows = all.drain(..).flatten().collect::<Vec<_>>();
    rows.sort_unstable();
    assert_eq!(rows, (0..300).collect::<Vec<_>>());
}

#[test]
fn broadcast_gives_everything_to_everyone_and_global_to_the_first() {
    let (mut everyone, gates) = port(Partitioning::Broadcast, 3);
    everyone.emit(Batch::of(vec![1u64, 2])).unwrap();
    flush(&mut everyone);
    assert!(gates.iter().all(|g| received(g).0 == [1, 2]));

    let (mut first, gates) = port(Partitioning::Global, 3);
    first.emit(Batch::of(vec![1u64, 2])).unwrap();
    flush(&mut first);
    assert_eq!(gates.iter().map(|g| received(g).0.len()).collect::<Vec<_>>(), [2, 0, 0]);
}

#[test]
fn a_custom_partitioner_chooses_and_a_wrong_choice_is_refused() {
    let (mut chosen, gates) =
        port(Partitioning::Custom(Arc::new(CustomRouter::<u64, _>::new(|n: &u64, p: u32| *n as u32 % p))), 2);
    chosen.emit(Batch::of((0..10u64).collect())).unwrap();
    flush(&mut chosen);
    assert_eq!(received(&gates[1]).0, [1, 3, 5, 7, 9]);

    let (mut wrong, _gates) = port(Partitioning::Custom(Arc::new(CustomRouter::<u64, _>::new(|_: &u64, _: u32| 7))), 2);
    assert!(wrong.emit(Batch::of(vec![1u64])).unwrap_err().to_string().contains("channel 7 of 2"));
}

#[test]
fn small_batches_are_joined_and_go_out_before_a_watermark() {
    let (mut joined, gates) = port(Partitioning::Forward, 1);
    for n in 0..20u64 {
        joined.emit(Batch::of(vec![n])).unwrap();
    }
    joined.broadcast(&Element::Watermark(Watermark(5))).unwrap();
    flush(&mut joined);
    assert_eq!(received(&gates[0]), ((0..20).collect(), vec![8, 8, 4]));
}

#[test]
fn a_full_channel_keeps_the_rest_until_there_is_room() {
    let (gate, senders) = gate(1, 1);
    let mut port =
        Port::new(Partitioning::Forward, max(), senders, Arc::new(BatchRows::new(1)), fastrand::Rng::with_seed(1));
    let mut task = Context::from_waker(Waker::noop());
    for n in 0..3u64 {
        port.emit(Batch::of(vec![n])).unwrap();
    }
    assert!(port.poll_flush(&mut task).is_pending());
    let mut rows = Vec::new();
    while rows.len() < 3 {
        rows.extend(received(&gate).0);
        let _ = port.poll_flush(&mut task);
    }
    assert_eq!(rows, [0, 1, 2]);
    assert!(!port.has_sealed());
}

proptest! {
    /// Whatever comes in whatever batches: each row arrives once, with its time, in its key's order, at the owner of
    /// its key.
    #[test]
    fn hash_keeps_rows_times_and_order(
        batches in prop::collection::vec((prop::collection::vec(0u64..50, 0..30), any::<bool>()), 0..20),
        receivers in 1usize..5,
    ) {
        let router = KeyRouter::new(Arc::new(Owned::new(|n: &u64| *n)));
        let (mut port, gates) = port(Partitioning::Hash(Arc::new(router)), receivers);
        let mut sent: Vec<(u64, Option<i64>)> = Vec::new();
        for (n, (rows, timed)) in batches.iter().enumerate() {
            let times = timed.then(|| rows.iter().map(|r| EventTime(*r as i64 + n as i64)).collect());
            sent.extend(rows.iter().map(|r| (*r, timed.then_some(*r as i64 + n as i64))));
            port.emit(Batch::timed(rows.clone(), times)).unwrap();
        }
        flush(&mut port);
        for (receiver, gate) in gates.iter().enumerate() {
            let mut got = Vec::new();
            while let Poll::Ready(Arrival::Element(_, Element::Batch(batch))) = gate.poll_next(&mut Context::from_waker(Waker::noop())) {
                let (rows, times) = batch.into_rows::<u64>().unwrap();
                got.extend(rows.iter().enumerate().map(|(i, r)| (*r, times.as_ref().map(|t| t[i].0))));
            }
            let owner = |key: u64| max().owner(max().key_group(KeyHash::of(&key)), receivers as u32) as usize;
            let expected: Vec<_> = sent.iter().copied().filter(|(key, _)| owner(*key) == receiver).collect();
            for key in 0..50 {
                let of_key = |rows: &[(u64, Option<i64>)]| rows.iter().copied().filter(|(k, _)| *k == key).collect::<Vec<_>>();
                prop_assert_eq!(of_key(&got), of_key(&expected));
            }
        }
    }
}

/// Columns of numbers, flags and optional text.
fn columns(rows: &[(u64, i32, Option<String>)]) -> Columns {
    use arrow_array::{Array, BooleanArray, Int32Array, RecordBatch, StringArray, UInt64Array};
    let numbers = UInt64Array::from_iter_values(rows.iter().map(|r| r.0));
    // Null where it is 0, so that some pieces have nulls and some have none.
    let small: Int32Array = rows.iter().map(|r| (r.1 != 0).then_some(r.1)).collect();
    let even: BooleanArray = rows.iter().map(|r| Some(r.0 % 2 == 0)).collect();
    let text: StringArray = rows.iter().map(|r| r.2.clone()).collect();
    let arrays: [(&str, Arc<dyn Array>); 4] =
        [("number", Arc::new(numbers)), ("small", Arc::new(small)), ("even", Arc::new(even)), ("text", Arc::new(text))];
    Columns::inserts(RecordBatch::try_from_iter_with_nullable(arrays.map(|(name, array)| (name, array, true))).unwrap())
}

/// Sends columns by their number.
struct ByNumber;

impl flott_api::Router for ByNumber {
    fn route(&self, batch: &Batch, _: MaxParallelism, parallelism: u32, channels: &mut Vec<u32>) -> Result<()> {
        use arrow_array::cast::AsArray;
        let Payload::Columns(columns) = batch.payload() else { return Err(mixed()) };
        let numbers = columns.batch.column(0).as_primitive::<arrow_array::types::UInt64Type>();
        channels.clear();
        channels.extend(numbers.values().iter().map(|n| (n % u64::from(parallelism)) as u32));
        Ok(())
    }
}

proptest! {
    #[test]
    fn columns_come_through_in_order_with_times_and_kinds(
        pieces in proptest::collection::vec(
            (proptest::collection::vec((0..9u64, 0..3i32, proptest::option::of("[a-c]{0,3}")), 0..30), any::<bool>()),
            1..8,
        ),
        receivers in 2..7usize,
        with_times: bool,
    ) {
        let (mut port, gates) = port(Partitioning::Hash(Arc::new(ByNumber)), receivers);
        let mut expected = vec![(Vec::new(), Vec::new(), Vec::new()); receivers];
        let mut time = 0;
        for (rows, with_kinds) in &pieces {
            let mut batch = columns(rows);
            batch.kinds = with_kinds.then(|| rows.iter().map(|r| r.0 as u8).collect());
            let times: Vec<EventTime> = rows.iter().map(|_| { time += 1; EventTime(time) }).collect();
            for (row, time) in rows.iter().zip(&times) {
                let (to_rows, to_kinds, to_times) = &mut expected[row.0 as usize % receivers];
                to_rows.push(row.clone());
                to_kinds.push(if *with_kinds { row.0 as u8 } else { 0 });
                to_times.push(*time);
            }
            port.emit(Batch::columns(batch, with_times.then_some(times))).unwrap();
        }
        flush(&mut port);
        for (gate, (rows, kinds, times)) in gates.iter().zip(expected) {
            let (mut found, mut found_kinds, mut found_times) = (Vec::new(), Vec::new(), Vec::new());
            while let Poll::Ready(Arrival::Element(_, Element::Batch(batch))) = gate.poll_next(&mut Context::from_waker(Waker::noop())) {
                let (columns, times) = batch.into_columns().unwrap();
                found_kinds.extend(columns.kinds.clone().unwrap_or_else(|| vec![0; columns.len()]));
                found_times.extend(times.unwrap_or_default());
                found.push(columns.batch);
            }
            let all = columns(&rows).batch;
            prop_assert_eq!(arrow_select::concat::concat_batches(&all.schema(), &found).unwrap(), all);
            prop_assert_eq!(found_kinds, kinds);
            prop_assert_eq!(found_times, if with_times { times } else { Vec::new() });
        }
    }
}
