use super::*;
use crate::exchange::channel::{Sender, gate};
use flott_core::BarrierKind;
use std::task::Waker;

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
fn in_batch_mode_the_broadcast_input_is_read_first() {
    let (input, senders) = input(&[1, 1]);
    let mut input = input.broadcast_first();
    send(&senders[0], [rows(1), Element::End]);
    send(&senders[1], [rows(10)]);
    assert_eq!(drain(&mut input), ["rows 1 [10]"]);
    send(&senders[1], [rows(11), Element::End]);
    assert_eq!(drain(&mut input)[..3], ["rows 1 [11]", "end 1", "rows 0 [1]"]);
}
