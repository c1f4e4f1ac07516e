use super::*;
use flott_core::{BarrierKind, ProcessingTime};
use proptest::prelude::*;

fn barrier(n: u64) -> Barrier {
    Barrier {
        checkpoint: CheckpointId(n),
        kind: BarrierKind::Checkpoint,
        triggered: ProcessingTime(0),
        then: Default::default(),
    }
}

fn aligner(channels: usize, barriers: Barriers) -> BarrierAligner {
    BarrierAligner::new(vec![true; channels], barriers)
}

fn blocked(aligner: &BarrierAligner) -> Vec<usize> {
    (0..aligner.channels.len()).filter(|channel| aligner.is_blocked(*channel)).collect()
}

#[test]
fn a_checkpoint_is_taken_when_the_last_channel_delivers() {
    for barriers in [Barriers::Aligned, Barriers::Overtaking] {
        let mut aligner = aligner(3, barriers);
        assert_eq!(aligner.on_barrier(1, barrier(1)), Alignment::Continue);
        assert_eq!(aligner.on_barrier(0, barrier(1)), Alignment::Continue);
        assert_eq!(blocked(&aligner), [0, 1]);
        assert_eq!(aligner.on_barrier(2, barrier(1)), Alignment::Take(barrier(1)));
        assert!(!aligner.is_aligning() && blocked(&aligner).is_empty());
    }
}

#[test]
fn at_least_once_blocks_nothing() {
    let mut aligner = aligner(2, Barriers::AtLeastOnce);
    assert_eq!(aligner.on_barrier(0, barrier(1)), Alignment::Continue);
    assert!(blocked(&aligner).is_empty());
    assert_eq!(aligner.on_barrier(1, barrier(1)), Alignment::Take(barrier(1)));
}

#[test]
fn an_ended_channel_is_not_waited_for() {
    let mut aligner = aligner(2, Barriers::Aligned);
    assert_eq!(aligner.on_barrier(0, barrier(1)), Alignment::Continue);
    assert_eq!(aligner.on_end(1), Alignment::Take(barrier(1)));
    assert_eq!(aligner.on_barrier(0, barrier(2)), Alignment::Take(barrier(2)));
}

#[test]
fn a_later_barrier_gives_up_the_earlier_checkpoint() {
    let mut aligner = aligner(2, Barriers::Aligned);
    aligner.on_barrier(0, barrier(1));
    assert_eq!(aligner.on_barrier(1, barrier(2)), Alignment::Continue);
    assert_eq!(blocked(&aligner), [1]);
    assert_eq!(aligner.on_barrier(0, barrier(1)), Alignment::Continue, "stale");
    assert_eq!(aligner.on_barrier(0, barrier(2)), Alignment::Take(barrier(2)));
}

#[test]
fn an_aborted_checkpoint_is_released_and_stays_so() {
    let mut aligner = aligner(2, Barriers::Aligned);
    aligner.on_barrier(0, barrier(1));
    aligner.on_abort(CheckpointId(1));
    assert!(blocked(&aligner).is_empty());
    assert_eq!(aligner.on_barrier(1, barrier(1)), Alignment::Continue);
    assert!(blocked(&aligner).is_empty());
    aligner.on_abort(CheckpointId(2));
    aligner.on_barrier(1, barrier(2));
    assert!(blocked(&aligner).is_empty());
}

#[test]
fn a_barrier_that_is_due_overtakes_as_soon_as_it_is_in_a_channel() {
    let mut aligner = aligner(3, Barriers::Overtaking);
    aligner.on_end(2);
    assert_eq!(aligner.on_announced(0, barrier(1), true), Alignment::Overtake(barrier(1)));
    assert!(aligner.is_overtaken(0) && !aligner.is_overtaken(1) && !aligner.is_overtaken(2));
    assert!(aligner.is_recording(1) && !aligner.is_recording(0) && aligner.has_to_record());
    assert_eq!(aligner.on_barrier(0, barrier(1)), Alignment::Continue, "it was overtaken");
    assert_eq!(aligner.on_announced(1, barrier(1), true), Alignment::Recorded(1));
    assert!(!aligner.has_to_record() && aligner.overtook() == Some(CheckpointId(1)));
}

#[test]
fn an_alignment_that_takes_too_long_goes_on_without_waiting() {
    let mut aligner = aligner(2, Barriers::Overtaking);
    assert_eq!(aligner.on_announced(0, barrier(1), false), Alignment::Continue);
    assert_eq!(aligner.undue(), Some(barrier(1)));
    aligner.on_barrier(0, barrier(1));
    assert_eq!(blocked(&aligner), [0]);
    assert_eq!(aligner.on_due(CheckpointId(1)), Alignment::Overtake(barrier(1)));
    assert!(blocked(&aligner).is_empty() && aligner.is_recording(1) && !aligner.is_overtaken(0));
    assert_eq!(aligner.on_end_announced(1), Alignment::Recorded(1));
}

#[test]
fn channels_on_which_no_barrier_may_overtake_are_waited_for() {
    let mut aligner = BarrierAligner::new([true, false], Barriers::Overtaking);
    assert_eq!(aligner.on_announced(0, barrier(1), true), Alignment::Continue);
    assert_eq!(blocked(&aligner), [0], "it need not be read any further");
    assert_eq!(aligner.on_announced(1, barrier(1), true), Alignment::Continue);
    assert_eq!(aligner.on_barrier(1, barrier(1)), Alignment::Overtake(barrier(1)));
    assert!(aligner.is_overtaken(0) && !aligner.is_overtaken(1));
}

#[test]
fn a_checkpoint_is_taken_without_barriers_when_all_that_will_come_is_the_end() {
    let mut aligner = aligner(2, Barriers::Overtaking);
    aligner.on_end_announced(0);
    assert_eq!(aligner.on_triggered(barrier(1)), Alignment::Continue, "a barrier may come on the other channel");
    aligner.on_end_announced(1);
    assert_eq!(aligner.on_triggered(barrier(1)), Alignment::Overtake(barrier(1)));
    assert!(aligner.is_overtaken(0) && aligner.is_overtaken(1) && !aligner.has_to_record());
    assert!(aligner.knows(CheckpointId(1)) && !aligner.knows(CheckpointId(2)));
}

#[test]
fn what_was_restored_is_worked_off_before_a_barrier_overtakes() {
    let mut aligner = aligner(1, Barriers::Overtaking);
    aligner.hold();
    assert_eq!(aligner.on_announced(0, barrier(1), true), Alignment::Continue);
    assert_eq!(aligner.release(), Alignment::Overtake(barrier(1)));
}

#[test]
fn a_later_barrier_or_an_abort_gives_up_what_is_recorded() {
    for is_aborted in [false, true] {
        let mut aligner = aligner(2, Barriers::Overtaking);
        aligner.on_announced(0, barrier(1), true);
        assert!(aligner.is_recording(1));
        if is_aborted {
            aligner.on_abort(CheckpointId(1));
        } else {
            assert_eq!(aligner.on_announced(1, barrier(2), true), Alignment::Overtake(barrier(2)));
            assert!(aligner.is_recording(0), "the second barrier has not come there");
        }
        assert!(!aligner.is_recording(1));
        assert_ne!(aligner.overtook(), Some(CheckpointId(1)));
    }
}

/// A channel as its receiver sees it: what has been put into it and how much of that has been read.
#[derive(Clone, Default)]
struct Model {
    /// Records by number, barriers, the end.
    queue: Vec<Item>,
    read: usize,
    /// What the checkpoint that overtook last holds of it.
    recorded: Vec<u64>,
    next: u64,
    last_barrier: u64,
    has_ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Item {
    Record(u64),
    Barrier(u64),
    End,
}

proptest! {
    /// Records, barriers and ends come in any order on channels of both kinds, checkpoints become due or are aborted at
    /// any time. Whatever is taken consists of the records in front of the barriers and of no other: those that had been
    /// read at the snapshot, and those that were recorded.
    #[test]
    fn a_checkpoint_holds_what_came_before_its_barriers(
        kinds in prop::collection::vec(any::<bool>(), 1..5),
        steps in prop::collection::vec((0usize..5, 0u8..16), 1..400),
    ) {
        let mut aligner = BarrierAligner::new(kinds.clone(), Barriers::Overtaking);
        let mut channels = vec![Model::default(); kinds.len()];
        let (mut triggered, mut due, mut settled) = (0u64, 0u64, 0u64);
        // Of the snapshot that overtook: its checkpoint, and how many records of each channel had been read by then.
        let mut overtook: Option<(u64, Vec<u64>)> = None;
        for (channel, action) in steps {
            let c = channel % channels.len();
            let outcome = match action {
                // A record is put into the channel.
                0..=3 if !channels[c].has_ended => {
                    let n = channels[c].next;
                    channels[c].queue.push(Item::Record(n));
                    channels[c].next += 1;
                    continue;
                }
                // The next barrier: one checkpoint at a time, a new one only when the one before is over everywhere.
                4..=5 if !channels[c].has_ended => {
                    if channels[c].last_barrier == triggered {
                        triggered += 1;
                    }
                    channels[c].last_barrier = triggered;
                    channels[c].queue.push(Item::Barrier(triggered));
                    aligner.on_announced(c, barrier(triggered), due >= triggered)
                }
                6 if !channels[c].has_ended && channels[c].next > 5 => {
                    channels[c].has_ended = true;
                    channels[c].queue.push(Item::End);
                    aligner.on_end_announced(c)
                }
                7 => {
                    due = triggered;
                    aligner.on_due(CheckpointId(triggered))
                }
                8 => {
                    aligner.on_abort(CheckpointId(triggered));
                    settled = settled.max(triggered);
                    overtook = None;
                    continue;
                }
                // The next element is read, if the channel is not blocked.
                _ if channels[c].read < channels[c].queue.len() && !aligner.is_blocked(c) => {
                    let item = channels[c].queue[channels[c].read];
                    if let (Item::Record(n), true) = (item, aligner.is_recording(c)) {
                        channels[c].recorded.push(n);
                    }
                    channels[c].read += 1;
                    match item {
                        Item::Record(_) => continue,
                        Item::Barrier(n) => aligner.on_barrier(c, barrier(n)),
                        Item::End => aligner.on_end(c),
                    }
                }
                _ => continue,
            };
            // Records in front of a checkpoint's barrier or the end, from where the channel is read.
            let ahead = |model: &Model, checkpoint: u64| -> Vec<u64> {
                let rest = model.queue[model.read..].iter();
                rest.take_while(|i| **i != Item::Barrier(checkpoint)).filter_map(|i| match i {
                    Item::Record(n) => Some(*n),
                    Item::Barrier(_) | Item::End => None,
                }).collect()
            };
            let read = |model: &Model| model.queue[..model.read].iter().filter(|i| matches!(i, Item::Record(_))).count() as u64;
            match outcome {
                Alignment::Continue => {}
                Alignment::Take(taken) => {
                    let id = taken.checkpoint.0;
                    prop_assert!(id > settled, "{id} after {settled}");
                    settled = id;
                    for model in &channels {
                        let at = model.queue[..model.read].iter().rposition(|i| matches!(i, Item::Record(_)));
                        let barrier_at = model.queue.iter().position(|i| *i == Item::Barrier(id));
                        prop_assert!(model.has_ended || barrier_at.is_some_and(|b| at.is_none_or(|at| at < b) && b < model.read));
                    }
                }
                Alignment::Overtake(taken) => {
                    let id = taken.checkpoint.0;
                    prop_assert!(id > settled && id <= due, "{id} after {settled}, due {due}");
                    settled = id;
                    for (c, model) in channels.iter_mut().enumerate() {
                        model.recorded = if aligner.is_overtaken(c) { ahead(model, id) } else { Vec::new() };
                        prop_assert!(kinds[c] || (!aligner.is_overtaken(c) && !aligner.is_recording(c)));
                    }
                    overtook = Some((id, channels.iter().map(read).collect()));
                }
                Alignment::Recorded(c) => {
                    // What has been read was written down when it was.
                    if let Some((id, _)) = overtook.as_ref().filter(|_| (4..=6).contains(&action)) {
                        let more = ahead(&channels[c], *id);
                        channels[c].recorded.extend(more);
                    }
                }
            }
            if aligner.overtook().map(|id| id.0) != overtook.as_ref().map(|(id, _)| *id) {
                overtook = None;
            }
            if let Some((id, read_by_then)) = overtook.as_ref().filter(|_| !aligner.has_to_record()) {
                for (model, read) in channels.iter().zip(read_by_then) {
                    let end = model.queue.iter().position(|i| *i == Item::Barrier(*id)).unwrap_or(model.queue.len());
                    let before = model.queue[..end].iter().filter(|i| matches!(i, Item::Record(_))).count() as u64;
                    let expected: Vec<u64> = (*read..before.max(*read)).collect();
                    prop_assert_eq!(&model.recorded, &expected, "checkpoint {}", id);
                }
                overtook = None;
            }
        }
    }
}
