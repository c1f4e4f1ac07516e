//! What comes into a task from other tasks: the next thing to do, after barriers and watermarks have been merged.

pub mod barrier;
pub mod watermark;

use crate::exchange::channel::Gate;
use barrier::{Alignment, BarrierAligner};
use flott_core::{Barrier, Batch, CheckpointId, Element, Watermark};
use std::collections::VecDeque;
use std::task::{Context, Poll};
use watermark::{CombinedWatermark, Merged, WatermarkValve};

/// The next thing for a task to do.
#[derive(Debug)]
pub enum InputEvent {
    /// Records for an input of the head operator.
    Batch(usize, Batch),
    /// In batch mode: records that have to be sorted before the operator gets them.
    Unsorted(usize, Batch),
    /// In batch mode: all records of the keys so far have come.
    EndKeys,
    /// The event time of all inputs together has moved on.
    Watermark(Watermark),
    /// All inputs are idle.
    Idle,
    /// The barrier has come on all channels: take the checkpoint now.
    Barrier(Barrier),
    /// An input has ended.
    EndInput(usize),
    /// All inputs have ended.
    End,
    /// A source has nothing left to read and wants a split.
    RequestSplit,
    /// How far a source's event time has come, for alignment.
    SourceWatermark(Watermark),
}

/// The channels of a task, all inputs together.
pub struct Input {
    gate: Gate,
    /// Which input each channel belongs to, and its number within it.
    places: Vec<(usize, usize)>,
    /// One per input.
    valves: Vec<WatermarkValve>,
    open_channels: Vec<usize>,
    combined: CombinedWatermark,
    aligner: BarrierAligner,
    /// What one element led to beyond the first event.
    queue: VecDeque<InputEvent>,
    /// In batch mode, until the broadcast input has ended: what has come for the other one.
    waiting: Option<VecDeque<(usize, Element)>>,
}

impl Input {
    /// The channels of `gate`; `inputs` says how many belong to each input, in order.
    pub fn new(gate: Gate, inputs: &[usize], exactly_once: bool) -> Self {
        let places =
            inputs.iter().enumerate().flat_map(|(input, &n)| (0..n).map(move |channel| (input, channel))).collect();
        Input {
            aligner: BarrierAligner::new(gate.channels(), exactly_once),
            valves: inputs.iter().map(|&n| WatermarkValve::new(n)).collect(),
            open_channels: inputs.to_vec(),
            combined: CombinedWatermark::new(inputs.len()),
            places,
            gate,
            queue: VecDeque::new(),
            waiting: None,
        }
    }

    /// The second input, which is broadcast, is read to its end before anything of the first is: Flink's rule for
    /// batch mode. What comes for the first meanwhile is kept here rather than in its channels, whose sender may be
    /// the same as the second's and must not be held up.
    #[must_use]
    pub fn broadcast_first(mut self) -> Self {
        self.waiting = Some(VecDeque::new());
        self
    }

    /// The inputs are read as they come, whatever was said before.
    #[must_use]
    pub fn in_any_order(mut self) -> Self {
        self.waiting = None;
        self
    }

    /// The next event. Pending when no channel has anything.
    pub fn poll_next(&mut self, task: &mut Context<'_>) -> Poll<InputEvent> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Poll::Ready(event);
            }
            let broadcast_ended = self.open_channels.get(1).is_none_or(|open| *open == 0);
            let kept = self.waiting.as_mut().filter(|_| broadcast_ended).and_then(VecDeque::pop_front);
            let (channel, element) = match kept {
                Some(next) => next,
                None => match self.gate.poll_next(task) {
                    Poll::Ready(next) => next,
                    Poll::Pending => return Poll::Pending,
                },
            };
            let (input, place) = self.places[channel];
            if let Some(waiting) = &mut self.waiting
                && input == 0
                && !broadcast_ended
            {
                waiting.push_back((channel, element));
                continue;
            }
            match element {
                Element::Batch(batch) => {
                    self.valves[input].on_active(place);
                    self.combined.on_active(input);
                    return Poll::Ready(InputEvent::Batch(input, batch));
                }
                Element::Watermark(watermark) => {
                    let merged = self.valves[input].on_watermark(place, watermark);
                    self.merge(input, merged);
                }
                Element::Idle => {
                    for merged in self.valves[input].on_idle(place) {
                        self.merge(input, merged);
                    }
                }
                Element::Barrier(barrier) => {
                    let outcome = self.aligner.on_barrier(channel, barrier);
                    self.align(channel, outcome);
                }
                Element::End => self.end(channel, input, place),
            }
        }
    }

    /// A checkpoint was aborted.
    pub fn abort(&mut self, checkpoint: CheckpointId) {
        let outcome = self.aligner.on_abort(checkpoint);
        self.align(0, outcome);
    }

    /// Whether a checkpoint is being aligned.
    pub fn is_aligning(&self) -> bool {
        self.aligner.is_aligning()
    }

    fn merge(&mut self, input: usize, merged: Option<Merged>) {
        let combined = merged.and_then(|m| self.combined.on_merged(input, m));
        self.queue.extend(combined.map(|m| match m {
            Merged::Watermark(watermark) => InputEvent::Watermark(watermark),
            Merged::Idle => InputEvent::Idle,
        }));
    }

    fn align(&mut self, channel: usize, outcome: Alignment) {
        match outcome {
            Alignment::Continue => {}
            Alignment::Block => self.gate.block(channel),
            Alignment::Restart => {
                self.gate.unblock_all();
                self.gate.block(channel);
            }
            Alignment::Release => self.gate.unblock_all(),
            Alignment::Complete(barrier) => {
                self.gate.unblock_all();
                self.queue.push_back(InputEvent::Barrier(barrier));
            }
        }
    }

    fn end(&mut self, channel: usize, input: usize, place: usize) {
        // A channel that has ended holds nothing back: its last watermark was the largest there is, unless it ended
        // without one, as a stream without event time may.
        let merged = self.valves[input].on_watermark(place, Watermark::MAX);
        self.merge(input, merged);
        let outcome = self.aligner.on_end(channel);
        self.align(channel, outcome);
        self.open_channels[input] -= 1;
        if self.open_channels[input] == 0 {
            self.queue.push_back(InputEvent::EndInput(input));
        }
        if self.aligner.all_ended() {
            self.queue.push_back(InputEvent::End);
        }
    }
}

#[cfg(test)]
mod tests;
