use super::*;
use crate::exchange::channel::{Sender, gate};
use crate::in_flight::replay::{Edge, Replay, Taker};
use flott_core::BarrierKind;
use std::task::Waker;
use std::time::Duration;

/// Channels of one edge into each of some inputs, numbered through.
pub(crate) fn channels(inputs: &[usize], dealing: Option<InFlightDealing>) -> Vec<InputChannel> {
    let of = |(input, count): (u32, &usize)| {
        (0..*count as u32).map(move |sender| InputChannel { name: ChannelName { input, edge: 0, sender }, dealing })
    };
    (0..).zip(inputs).flat_map(of).collect()
}

fn input(inputs: &[usize]) -> (Input, Vec<Sender>) {
    let (gate, senders) = gate(inputs.iter().sum(), 100);
    (Input::new(gate, channels(inputs, None), inputs.len(), BarrierRule::ALIGNED), senders)
}

fn poll(input: &mut Input) -> Poll<InputEvent> {
    input.poll_next(&mut Context::from_waker(Waker::noop()), || ProcessingTime(0)).map(|event| event.unwrap())
}

/// Everything that can be had now, in short.
fn drain(input: &mut Input) -> Vec<String> {
    let mut events = Vec::new();
    while let Poll::Ready(event) = poll(input) {
        events.push(match event {
            InputEvent::Batch(n, batch) => format!("rows {n} {:?}", batch.into_rows::<u32>().unwrap().0),
            InputEvent::Watermark(w) => format!("watermark {}", w.0),
            InputEvent::Barrier(b) => format!("barrier {}", b.checkpoint),
            InputEvent::EndInput(n) => format!("end {n}"),
            other => format!("{other:?}"),
        });
    }
    events
}

fn rows(n: u32) -> Element {
    Element::Batch(Batch::of(vec![n]))
}

fn barrier(n: u64) -> Element {
    Element::Barrier(Barrier {
        checkpoint: CheckpointId(n),
        kind: BarrierKind::Checkpoint,
        triggered: ProcessingTime(0),
        then: Default::default(),
    })
}

fn send(sender: &Sender, elements: impl IntoIterator<Item = Element>) {
    for element in elements {
        sender.try_send(element).unwrap();
    }
}

#[test]
fn rows_behind_a_barrier_wait_for_the_other_channels() {
    let (mut input, senders) = input(&[2]);
    send(&senders[0], [rows(1), barrier(1), rows(2)]);
    assert_eq!(drain(&mut input), ["rows 0 [1]"]);
    send(&senders[1], [rows(10), barrier(1), rows(11)]);
    assert_eq!(drain(&mut input), ["rows 0 [10]", "barrier 1", "rows 0 [11]", "rows 0 [2]"]);
}

#[test]
fn an_aborted_checkpoint_lets_rows_through_again() {
    let (mut input, senders) = input(&[2]);
    send(&senders[0], [barrier(1), rows(1)]);
    assert!(drain(&mut input).is_empty());
    input.abort(CheckpointId(1));
    assert_eq!(drain(&mut input), ["rows 0 [1]"]);
}

#[test]
fn the_end_of_a_channel_completes_an_alignment_and_the_last_one_ends_the_input() {
    let (mut input, senders) = input(&[1, 1]);
    send(&senders[0], [Element::Watermark(flott_core::Watermark(5)), barrier(1)]);
    send(&senders[1], [Element::End]);
    assert_eq!(drain(&mut input), ["watermark 5", "end 1", "barrier 1"]);
    send(&senders[0], [Element::End]);
    assert_eq!(drain(&mut input), [format!("watermark {}", i64::MAX).as_str(), "end 0", "End"]);
}

#[test]
fn rows_that_are_ready_are_gathered_up_to_what_is_something_else() {
    let (input, senders) = input(&[2, 1]);
    let mut input = input.with_gathered(3);
    input.gather(true);
    send(&senders[0], [rows(1), rows(2), barrier(1), rows(3)]);
    send(&senders[1], [rows(10), rows(11), barrier(1), rows(12)]);
    send(&senders[2], [barrier(1)]);
    assert_eq!(drain(&mut input)[..2], ["rows 0 [1, 10]", "rows 0 [2, 11]"]);

    send(&senders[2], [rows(20), rows(21), rows(22), rows(23), Element::Watermark(flott_core::Watermark(5)), rows(24)]);
    assert_eq!(drain(&mut input), ["rows 1 [20, 21, 22]", "rows 1 [23]", "rows 1 [24]"]);
    input.gather(false);
    send(&senders[2], [rows(25), rows(26)]);
    assert_eq!(drain(&mut input), ["rows 1 [25]", "rows 1 [26]"]);
}

#[test]
fn in_batch_mode_the_broadcast_input_is_read_first() {
    let (input, senders) = input(&[1, 1]);
    let mut input = input.broadcast_first();
    send(&senders[0], [rows(1), Element::End]);
    send(&senders[1], [rows(10)]);
    assert_eq!(drain(&mut input), ["rows 1 [10]"]);
    send(&senders[1], [rows(11), Element::End]);
    assert_eq!(drain(&mut input)[..3], ["rows 1 [11]", "end 1", "rows 0 [1]"]);
}

/// Barriers overtake after 10 ms.
fn overtaking(dealings: &[Option<InFlightDealing>]) -> (Input, Vec<Sender>) {
    let (gate, senders) = gate(dealings.len(), 2);
    let of = |(sender, dealing): (u32, &Option<InFlightDealing>)| InputChannel {
        name: ChannelName { input: sender, edge: 0, sender: 0 },
        dealing: *dealing,
    };
    let rule = BarrierRule {
        barriers: Barriers::Overtaking,
        overtake_after: Duration::from_millis(10),
        interrupts_timers: true,
    };
    (Input::new(gate, (0..).zip(dealings).map(of).collect(), dealings.len(), rule), senders)
}

fn urgent(input: &mut Input, now: i64) -> Option<InputEvent> {
    match input.poll_urgent(&mut Context::from_waker(Waker::noop()), || ProcessingTime(now)) {
        Poll::Ready(event) => Some(event.unwrap()),
        Poll::Pending => None,
    }
}

const WHOLE: Option<InFlightDealing> = Some(InFlightDealing::Whole);

fn first() -> Barrier {
    Barrier {
        checkpoint: CheckpointId(1),
        kind: BarrierKind::Checkpoint,
        triggered: ProcessingTime(0),
        then: Default::default(),
    }
}

/// All rows that a checkpoint holds, by input.
fn held(in_flight: InFlight) -> Vec<(usize, u32)> {
    let edge = || Edge { partitioning: None, decode: flott_core::batch::decode_rows::<u32> };
    let taker = Taker {
        name: "op".into(),
        subtask: 0,
        parallelism: 1,
        max_parallelism: flott_core::MaxParallelism::new(4).unwrap(),
        edges: vec![vec![edge()], vec![edge()]],
    };
    let mut replay = Replay::new(taker, &[(0, 1, in_flight.encode().unwrap().into())]).unwrap();
    let mut rows = Vec::new();
    while let Some(event) = replay.next().unwrap() {
        if let InputEvent::Batch(input, batch) = event {
            rows.extend(batch.into_rows::<u32>().unwrap().0.into_iter().map(|row| (input, row)));
        }
    }
    rows.sort_unstable();
    rows
}

#[test]
fn one_input_is_blocked_and_the_other_is_full_and_the_checkpoint_ends() {
    let (mut input, senders) = overtaking(&[WHOLE, WHOLE]);
    send(&senders[0], [barrier(1), rows(10)]);
    send(&senders[1], [rows(20), rows(21)]);
    assert!(senders[1].try_send(barrier(1)).is_err(), "the channel is full");
    // The barrier comes through on the first, which is blocked; the second is not read, as by a task that is held up.
    assert!(urgent(&mut input, 5).is_none());
    assert_eq!(drain(&mut input), ["rows 1 [20]", "rows 1 [21]"]);
    send(&senders[1], [rows(22), rows(23)]);
    assert_eq!(input.next_wakeup(), Some(ProcessingTime(10)));
    assert!(matches!(urgent(&mut input, 10), Some(InputEvent::Overtake(b)) if b == first()));
    let mut in_flight = input.record(first(), true, Watermark(7), None, None).unwrap();
    assert!(in_flight.try_recv().is_err(), "the second barrier is missing");
    // What is read meanwhile belongs to the checkpoint on the second channel, and not on the first.
    assert_eq!(drain(&mut input), ["rows 1 [22]", "rows 0 [10]", "rows 1 [23]"]);
    send(&senders[1], [rows(24)]);
    senders[1].send_over([rows(25), rows(26), barrier(1), rows(27)]);
    assert!(senders[1].poll_within(&mut Context::from_waker(Waker::noop())).is_pending());
    assert!(urgent(&mut input, 11).is_none());
    let in_flight = in_flight.try_recv().expect("all barriers have come");
    assert_eq!(in_flight.times.watermark, Watermark(7));
    assert_eq!(held(in_flight), [(1, 22), (1, 23), (1, 24), (1, 25), (1, 26)]);
    assert_eq!(drain(&mut input), ["rows 1 [24]", "rows 1 [25]", "rows 1 [26]", "rows 1 [27]"]);
    assert!(senders[1].poll_within(&mut Context::from_waker(Waker::noop())).is_ready());
}

#[test]
fn what_was_begun_and_what_was_not_told_yet_belongs_to_the_checkpoint() {
    let (mut input, senders) = overtaking(&[WHOLE]);
    send(&senders[0], [rows(1), Element::Watermark(Watermark(3))]);
    let Poll::Ready(InputEvent::Batch(0, batch)) = poll(&mut input) else { panic!("rows come first") };
    senders[0].send_over([Element::Watermark(Watermark(5)), barrier(1), rows(2)]);
    assert!(matches!(urgent(&mut input, 10), Some(InputEvent::Overtake(_))));
    let mut in_flight = input.record(first(), true, Watermark::MIN, Some(Watermark(-1)), Some(&batch)).unwrap();
    let in_flight = in_flight.try_recv().unwrap();
    assert_eq!(in_flight.times.pending, [Merged::Watermark(Watermark(-1))]);
    assert_eq!(in_flight.elements(), 3, "the rest of the batch and two watermarks");
    assert_eq!(held(in_flight), [(0, 1)]);
}

#[test]
fn an_aborted_checkpoint_is_not_written_and_the_next_one_is_whole() {
    let (mut input, senders) = overtaking(&[WHOLE, WHOLE]);
    send(&senders[0], [rows(1), barrier(1)]);
    assert!(matches!(urgent(&mut input, 10), Some(InputEvent::Overtake(_))));
    let mut given_up = input.record(first(), true, Watermark::MIN, None, None).unwrap();
    input.abort(CheckpointId(1));
    assert!(matches!(given_up.try_recv(), Err(oneshot::error::TryRecvError::Closed)));
    // The first checkpoint's barrier comes late on the second channel and is part of nothing.
    senders[1].send_over([rows(20), barrier(1), rows(21), barrier(2)]);
    senders[0].send_over([barrier(2)]);
    assert!(matches!(urgent(&mut input, 10), Some(InputEvent::Overtake(b)) if b.checkpoint == CheckpointId(2)));
    let second = Barrier { checkpoint: CheckpointId(2), ..first() };
    let mut in_flight = input.record(second, true, Watermark::MIN, None, None).unwrap();
    assert!(urgent(&mut input, 10).is_none());
    assert_eq!(held(in_flight.try_recv().unwrap()), [(0, 1), (1, 20), (1, 21)]);
}
