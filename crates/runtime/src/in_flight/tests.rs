use super::replay::{Edge, Replay, Taker};
use super::*;
use crate::input::InputEvent;
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use flott_api::Partitioning;
use flott_api::key_selector::Owned;
use flott_api::partitioner::KeyRouter;
use flott_core::batch::decode_rows;
use flott_core::{Batch, Columns, Element, EventTime, KeyHash, MaxParallelism, Payload};
use std::sync::Arc;

fn rows(times: &[i64]) -> Element {
    let rows: Vec<u64> = times.iter().map(|time| *time as u64).collect();
    Element::Batch(Batch::timed(rows, Some(times.iter().map(|time| EventTime(*time)).collect())))
}

fn wm(time: i64) -> Element {
    Element::Watermark(Watermark(time))
}

fn encode(elements: &[Element]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for element in elements {
        element::encode(element, &mut bytes).unwrap();
    }
    bytes
}

#[test]
fn elements_come_back_as_they_went_in() {
    let array: ArrayRef = Arc::new(Int64Array::from(vec![Some(7), None]));
    let columns = Columns { batch: RecordBatch::try_from_iter([("n", array)]).unwrap(), kinds: Some(vec![0, 3]) };
    let columns = Batch::columns(columns, Some(vec![EventTime(-5), EventTime(i64::MAX)]));
    let plain = Batch::of(vec!["a".to_owned(), String::new()]);
    let given = [Element::Batch(columns.clone()), wm(3), Element::Idle, Element::Batch(plain), Element::End];
    let bytes = encode(&given);
    let mut rest = &bytes[..];
    let mut next = || element::decode(&mut rest, decode_rows::<String>).unwrap();
    let Element::Batch(batch) = next() else { panic!("a batch comes first") };
    assert_eq!(batch.times(), columns.times());
    let (Payload::Columns(found), Payload::Columns(given)) = (batch.payload(), columns.payload()) else {
        panic!("columns were given")
    };
    assert_eq!((&found.batch, &found.kinds), (&given.batch, &given.kinds));
    assert!(matches!(next(), Element::Watermark(Watermark(3))));
    assert!(matches!(next(), Element::Idle));
    let Element::Batch(batch) = next() else { panic!("then another batch") };
    assert_eq!(batch.into_rows::<String>().unwrap(), (vec!["a".to_owned(), String::new()], None));
    assert!(matches!(next(), Element::End));
    assert!(rest.is_empty());
}

#[test]
fn damaged_bytes_are_corrupt_and_never_a_panic() {
    let bytes = encode(&[rows(&[1, 2, 300]), wm(3)]);
    for end in 0..bytes.len() {
        let mut rest = &bytes[..end];
        while !rest.is_empty() {
            if let Err(error) = element::decode(&mut rest, decode_rows::<u64>) {
                assert_eq!(error.kind(), flott_core::ErrorKind::Corrupt);
                break;
            }
        }
    }
    assert!(InFlight::decode(&Bytes::from_static(&[9, 1, 2])).unwrap_err().to_string().contains("format version 9"));
    assert!(InFlight::decode(&Bytes::new()).is_err());
}

/// Two senders of one edge; `at` is how far each of their channels has come.
fn in_flight(watermark: i64, at: [i64; 2], elements: [&[Element]; 2]) -> Bytes {
    let mut valve = WatermarkValve::new(2);
    let mut combined = CombinedWatermark::new(1);
    for (channel, at) in at.into_iter().enumerate() {
        if let Some(merged) = valve.on_watermark(channel, Watermark(at)) {
            combined.on_merged(0, merged);
        }
    }
    let channels = (0..2).map(|sender| ChannelName { input: 0, edge: 0, sender }).collect();
    let times =
        EventTimes { watermark: Watermark(watermark), valves: vec![valve], combined, channels, pending: vec![] };
    let overtaken = elements.into_iter().enumerate().map(|(channel, elements)| Overtaken {
        channel,
        elements: elements.len() as u64,
        bytes: encode(elements),
    });
    InFlight { times, overtaken: overtaken.collect() }.encode().unwrap().into()
}

fn max() -> MaxParallelism {
    MaxParallelism::new(8).unwrap()
}

fn taker(subtask: u32, parallelism: u32, partitioning: Partitioning) -> Taker {
    let edge = Edge { partitioning: Some(partitioning), decode: decode_rows::<u64> };
    Taker { name: "op".into(), subtask, parallelism, max_parallelism: max(), edges: vec![vec![edge]] }
}

fn hash() -> Partitioning {
    Partitioning::Hash(Arc::new(KeyRouter::<u64, u64>::new(Arc::new(Owned::new(|n: &u64| *n)))))
}

/// What is replayed, in short, and how far event time has come on the channels in the end.
fn drain(mut replay: Replay) -> (Vec<String>, Vec<EventTimes>) {
    let mut events = vec![format!("at {}", replay.watermark().0)];
    while let Some(event) = replay.next().unwrap() {
        events.push(match event {
            InputEvent::Batch(_, batch) => format!("rows {:?}", batch.into_rows::<u64>().unwrap().0),
            InputEvent::Watermark(w) => format!("watermark {}", w.0),
            other => format!("{other:?}"),
        });
    }
    (events, replay.finish())
}

#[test]
fn an_old_subtask_is_replayed_channel_by_channel_in_their_order() {
    let bytes = in_flight(2, [2, 5], [&[rows(&[3]), wm(4), rows(&[6])], &[rows(&[7]), wm(9)]]);
    let (events, times) = drain(Replay::new(taker(0, 1, hash()), &[(0, 1, bytes)]).unwrap());
    assert_eq!(events, ["at 2", "rows [7]", "rows [3]", "watermark 4", "rows [6]"]);
    assert_eq!(times[0].combined.watermark(), Watermark(4));
}

#[test]
fn several_old_subtasks_are_kept_in_step() {
    // The second had come further: to it the record at 7 is late, and the first must not pass 5 to it before.
    let first = in_flight(5, [5, 5], [&[rows(&[6]), wm(12), rows(&[11])], &[wm(12)]]);
    let second = in_flight(10, [10, 12], [&[rows(&[7]), wm(12)], &[]]);
    let olds = [(0, 2, first), (1, 2, second)];
    let (events, _) = drain(Replay::new(taker(0, 1, hash()), &olds).unwrap());
    assert_eq!(events, ["at 5", "rows [6]", "watermark 10", "rows [7]", "watermark 12", "rows [11]"]);
}

#[test]
fn at_another_parallelism_each_record_goes_to_one_subtask() {
    let numbers: Vec<i64> = (0..100).collect();
    let olds: Vec<(u32, u32, Bytes)> = (0..2)
        .map(|old| {
            let own = |n: &&i64| max().owner(max().key_group(KeyHash::of(&(**n as u64))), 2) == old;
            let own: Vec<i64> = numbers.iter().filter(own).copied().collect();
            (old, 2, in_flight(-1, [-1, -1], [&[rows(&own)], &[]]))
        })
        .collect();
    for (partitioning, parallelism) in
        [(hash(), 3), (hash(), 1), (Partitioning::Rebalance, 3), (Partitioning::Global, 3)]
    {
        let mut seen: Vec<u64> = Vec::new();
        for subtask in 0..parallelism {
            let mut replay = Replay::new(taker(subtask, parallelism, partitioning.clone()), &olds).unwrap();
            while let Some(event) = replay.next().unwrap() {
                let InputEvent::Batch(_, batch) = event else { continue };
                let rows = batch.into_rows::<u64>().unwrap().0;
                if matches!(partitioning, Partitioning::Hash(_)) {
                    let owner = |n: &u64| max().owner(max().key_group(KeyHash::of(n)), parallelism);
                    assert!(rows.iter().all(|n| owner(n) == subtask));
                }
                seen.extend(rows);
            }
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..100).collect::<Vec<u64>>(), "{partitioning:?}");
    }
}

#[test]
fn records_whose_edge_is_gone_are_not_lost_in_silence() {
    let bytes = in_flight(0, [0, 0], [&[rows(&[1])], &[]]);
    let nowhere = Taker { edges: Vec::new(), ..taker(0, 1, hash()) };
    let error = Replay::new(nowhere, &[(0, 1, bytes)]).err().unwrap();
    assert!(error.to_string().contains("no such edge"), "{error}");
}
