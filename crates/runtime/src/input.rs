//! What comes into a task from other tasks: the next thing to do, after barriers and watermarks have been merged.

pub mod barrier;
mod rule;
pub mod watermark;

pub use rule::BarrierRule;

use crate::exchange::channel::{Arrival, Gate, Mark};
use crate::in_flight::recorder::Recorder;
use crate::in_flight::{ChannelName, EventTimes, InFlight};
use barrier::{Alignment, BarrierAligner, Barriers};
use flott_core::{Barrier, Batch, CheckpointId, Element, Error, ProcessingTime, Result, Watermark};
use flott_state::InFlightDealing;
use std::collections::VecDeque;
use std::task::{Context, Poll};
use tokio::sync::oneshot;
use watermark::{CombinedWatermark, Merged, WatermarkValve};

/// No more is added to a batch that has so many bytes.
const GATHERED_BYTES: usize = 8 << 20;

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
    /// Take the checkpoint now: its barriers overtake what is in the channels.
    Overtake(Barrier),
    /// An input has ended.
    EndInput(usize),
    /// All inputs have ended.
    End,
    /// A source has nothing left to read and wants a split.
    RequestSplit,
    /// How far a source's event time has come, for alignment.
    SourceWatermark(Watermark),
}

/// A channel into a task.
#[derive(Clone, Copy, Debug)]
pub struct InputChannel {
    /// Which one.
    pub name: ChannelName,
    /// How its records can be dealt out at another parallelism; none if barriers must not overtake there.
    pub dealing: Option<InFlightDealing>,
}

/// The channels of a task, all inputs together.
pub struct Input {
    gate: Gate,
    channels: Vec<InputChannel>,
    /// Where each channel stands in its input.
    places: Vec<(usize, usize)>,
    rule: BarrierRule,
    /// One per input.
    valves: Vec<WatermarkValve>,
    open_channels: Vec<usize>,
    combined: CombinedWatermark,
    aligner: BarrierAligner,
    /// What one element led to beyond the first event.
    queue: VecDeque<InputEvent>,
    /// In batch mode, until the broadcast input has ended: what has come for the other one.
    waiting: Option<VecDeque<(usize, Element)>>,
    /// Where the last batch came from.
    current: usize,
    /// So many rows are made one batch, if they are ready and that is wanted.
    gathered_rows: usize,
    is_gathering: bool,
    /// What was taken from a channel and did not go into a batch.
    behind: Option<Box<(usize, Element)>>,
    /// Of the checkpoint that has overtaken last.
    recorder: Option<Recorder>,
}

impl Input {
    /// The channels of `gate`, in order, into so many inputs.
    pub fn new(gate: Gate, channels: Vec<InputChannel>, inputs: usize, rule: BarrierRule) -> Self {
        let mut open_channels = vec![0; inputs];
        let mut places = Vec::with_capacity(channels.len());
        for channel in &channels {
            let input = channel.name.input as usize;
            places.push((input, open_channels[input]));
            open_channels[input] += 1;
        }
        if rule.barriers == Barriers::Overtaking {
            gate.tell_of_marks();
        }
        Input {
            aligner: BarrierAligner::new(channels.iter().map(|channel| channel.dealing.is_some()), rule.barriers),
            valves: open_channels.iter().map(|&n| WatermarkValve::new(n)).collect(),
            combined: CombinedWatermark::new(inputs),
            places,
            channels,
            rule,
            open_channels,
            gate,
            queue: VecDeque::new(),
            waiting: None,
            current: 0,
            gathered_rows: 0,
            is_gathering: false,
            behind: None,
            recorder: None,
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
    ///
    /// # Errors
    /// `Internal` when what a barrier has overtaken cannot be encoded.
    pub fn poll_next(&mut self, task: &mut Context<'_>, now: impl Fn() -> ProcessingTime) -> Poll<Result<InputEvent>> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Poll::Ready(Ok(event));
            }
            let broadcast_ended = self.open_channels.get(1).is_none_or(|open| *open == 0);
            let kept = self.waiting.as_mut().filter(|_| broadcast_ended).and_then(VecDeque::pop_front);
            let (channel, element) = match kept.or_else(|| self.behind.take().map(|behind| *behind)) {
                Some(next) => next,
                None => match self.gate.poll_next(task) {
                    Poll::Ready(Arrival::Element(channel, element)) => (channel, element),
                    Poll::Ready(Arrival::Mark(channel, mark)) => {
                        self.on_mark(channel, mark, now())?;
                        continue;
                    }
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
            if let Some(recorder) = self.recorder.as_mut().filter(|_| self.aligner.is_recording(channel)) {
                recorder.add(channel, &element)?;
            }
            match element {
                Element::Batch(mut batch) => {
                    self.valves[input].on_active(place);
                    self.combined.on_active(input);
                    self.current = channel;
                    self.add_ready(task, input, &mut batch)?;
                    return Poll::Ready(Ok(InputEvent::Batch(input, batch)));
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
                    self.align(outcome)?;
                }
                Element::End => self.end(channel, input, place)?,
            }
        }
    }

    /// Batches may be made of up to so many rows, or a little more, when that is wanted.
    #[must_use]
    pub fn with_gathered(mut self, rows: usize) -> Self {
        self.gathered_rows = rows;
        self
    }

    /// Whether what is ready is to be made one batch: whoever has to look up much for each row is faster at it. Where
    /// barriers overtake, batches stay as they are, so that it can be told what is in front of one.
    pub(crate) fn gather(&mut self, is_wanted: bool) {
        self.is_gathering = is_wanted && self.rule.barriers != Barriers::Overtaking;
    }

    /// Adds to a batch what is ready for the same input, up to the first element that is something else.
    fn add_ready(&mut self, task: &mut Context<'_>, input: usize, batch: &mut Batch) -> Result<()> {
        while self.is_gathering && batch.len() < self.gathered_rows && batch.byte_count() < GATHERED_BYTES {
            let Poll::Ready(arrival) = self.gate.poll_next(task) else { return Ok(()) };
            let behind = match arrival {
                Arrival::Element(channel, Element::Batch(more)) if self.places[channel].0 == input => {
                    self.valves[input].on_active(self.places[channel].1);
                    batch.append(more)?.map(|more| (channel, Element::Batch(more)))
                }
                Arrival::Element(channel, element) => Some((channel, element)),
                Arrival::Mark(..) => return Err(Error::internal("a channel tells of barriers that do not overtake")),
            };
            if let Some(behind) = behind {
                self.behind = Some(Box::new(behind));
                return Ok(());
            }
        }
        Ok(())
    }

    /// A snapshot that cannot wait until the task reads its input again. Pending when there is none.
    ///
    /// # Errors
    /// As [`Input::poll_next`].
    pub fn poll_urgent(
        &mut self,
        task: &mut Context<'_>,
        now: impl Fn() -> ProcessingTime,
    ) -> Poll<Result<InputEvent>> {
        if self.rule.barriers != Barriers::Overtaking {
            return Poll::Pending;
        }
        while let Poll::Ready((channel, mark)) = self.gate.poll_mark(task) {
            self.on_mark(channel, mark, now())?;
        }
        if let Some(barrier) = self.aligner.undue().filter(|b| self.overtakes_at(*b).is_some_and(|at| at <= now())) {
            let outcome = self.aligner.on_due(barrier.checkpoint);
            self.align(outcome)?;
        }
        let is_due = |barrier: &Barrier| self.overtakes_at(*barrier).is_some_and(|at| at <= now());
        // A barrier that has come through may stand behind a watermark whose timers take long.
        let urgent = self.queue.iter().position(|event| match event {
            InputEvent::Overtake(_) => true,
            InputEvent::Barrier(barrier) => is_due(barrier),
            _ => false,
        });
        match urgent.and_then(|place| self.queue.remove(place)) {
            Some(event) => Poll::Ready(Ok(event)),
            None => Poll::Pending,
        }
    }

    /// When barriers that are waited for may overtake.
    pub fn next_wakeup(&self) -> Option<ProcessingTime> {
        let queued = self.queue.iter().find_map(|event| match event {
            InputEvent::Barrier(barrier) => Some(*barrier),
            _ => None,
        });
        [self.aligner.undue(), queued].into_iter().flatten().filter_map(|b| self.overtakes_at(b)).min()
    }

    /// Whether it belongs to a checkpoint how far event time has come.
    pub fn keeps_times(&self, barrier: Barrier) -> bool {
        self.overtakes_at(barrier).is_some()
    }

    /// How what is in flight can be dealt out.
    pub fn dealing(&self) -> InFlightDealing {
        let mut all = self.channels.iter().filter_map(|channel| channel.dealing);
        match all.next() {
            None => InFlightDealing::Whole,
            Some(first) if all.all(|other| other == first) => first,
            Some(_) => InFlightDealing::Rows,
        }
    }

    /// What belongs to a checkpoint that is being taken: how far event time has come, and if its barriers overtake,
    /// what is in front of them. `rest` is what is left of the last batch, `firing` the watermark whose timers fire.
    /// The receiver is told when all barriers have come.
    ///
    /// # Errors
    /// As [`Input::poll_next`].
    pub(crate) fn record(
        &mut self,
        barrier: Barrier,
        overtakes: bool,
        watermark: Watermark,
        firing: Option<Watermark>,
        rest: Option<&Batch>,
    ) -> Result<oneshot::Receiver<InFlight>> {
        let queued = self.queue.iter().filter_map(|event| match event {
            InputEvent::Watermark(watermark) => Some(Merged::Watermark(*watermark)),
            InputEvent::Idle => Some(Merged::Idle),
            _ => None,
        });
        let times = EventTimes {
            watermark,
            valves: self.valves.clone(),
            combined: self.combined.clone(),
            channels: self.channels.iter().map(|channel| channel.name).collect(),
            pending: firing.map(Merged::Watermark).into_iter().chain(queued).collect(),
        };
        let (mut recorder, in_flight) = Recorder::new(barrier.checkpoint, times);
        if let Some(rest) = rest {
            recorder.add_rest(self.current, rest)?;
        }
        if overtakes {
            for channel in (0..self.channels.len()).filter(|channel| self.aligner.is_overtaken(*channel)) {
                self.gate.look_ahead(channel, barrier.checkpoint, |element| recorder.add(channel, element))?;
            }
        }
        if overtakes {
            self.recorder = Some(recorder);
            self.finish_recorder();
        } else {
            recorder.finish();
        }
        Ok(in_flight)
    }

    /// A checkpoint was aborted.
    pub fn abort(&mut self, checkpoint: CheckpointId) {
        self.aligner.on_abort(checkpoint);
        self.queue.retain(|event| !matches!(event, InputEvent::Overtake(b) if b.checkpoint <= checkpoint));
        self.block();
    }

    /// Records that were in flight come first: no snapshot overtakes before [`Input::go_on`].
    pub(crate) fn hold(&mut self) {
        self.aligner.hold();
    }

    /// What was in flight has been worked off, and event time has come this far on the channels of the old subtasks.
    /// If they are the same channels, each goes on from there; otherwise all go on from where the least of the old
    /// subtasks was.
    ///
    /// # Errors
    /// As [`Input::poll_next`].
    pub(crate) fn go_on(&mut self, olds: Vec<EventTimes>) -> Result<()> {
        let is_same = |old: &EventTimes| old.channels.iter().eq(self.channels.iter().map(|channel| &channel.name));
        match <[EventTimes; 1]>::try_from(olds) {
            Ok([old]) if is_same(&old) => (self.valves, self.combined) = (old.valves, old.combined),
            Ok(one) => self.go_on_from(&one),
            Err(several) => self.go_on_from(&several),
        }
        let outcome = self.aligner.release();
        self.align(outcome)
    }

    fn go_on_from(&mut self, olds: &[EventTimes]) {
        for (input, valve) in self.valves.iter_mut().enumerate() {
            let least = olds.iter().filter_map(|old| old.valves.get(input)).map(WatermarkValve::watermark).min();
            let channels = self.places.iter().filter(|(other, _)| *other == input).count();
            *valve = WatermarkValve::at(channels, least.unwrap_or(Watermark::MIN));
        }
        let inputs: Vec<Watermark> = self.valves.iter().map(WatermarkValve::watermark).collect();
        let all = olds.iter().map(|old| old.combined.watermark()).min();
        self.combined = CombinedWatermark::at(&inputs, all.unwrap_or(Watermark::MIN));
    }

    /// Whether a checkpoint's barriers have come on some channels and not on all.
    pub fn is_aligning(&self) -> bool {
        self.aligner.is_aligning()
    }

    /// When a checkpoint that was triggered may be taken without any barrier, because all that will come is the end.
    pub fn answers_at(&self, barrier: Barrier) -> Option<ProcessingTime> {
        let may = self.aligner.is_ending() && !self.aligner.knows(barrier.checkpoint);
        self.overtakes_at(barrier).filter(|_| may)
    }

    /// A checkpoint was triggered for which no barrier will come.
    ///
    /// # Errors
    /// As [`Input::poll_next`].
    pub fn trigger(&mut self, barrier: Barrier) -> Result<()> {
        let outcome = self.aligner.on_triggered(barrier);
        self.align(outcome)
    }

    fn overtakes_at(&self, barrier: Barrier) -> Option<ProcessingTime> {
        self.rule.overtakes_at(barrier)
    }

    fn merge(&mut self, input: usize, merged: Option<Merged>) {
        let combined = merged.and_then(|m| self.combined.on_merged(input, m));
        self.queue.extend(combined.map(|m| match m {
            Merged::Watermark(watermark) => InputEvent::Watermark(watermark),
            Merged::Idle => InputEvent::Idle,
        }));
    }

    fn on_mark(&mut self, channel: usize, mark: Mark, now: ProcessingTime) -> Result<()> {
        let outcome = match mark {
            // A savepoint's barrier is in no hurry: it is met when it is read.
            Mark::Barrier(barrier) if !self.keeps_times(barrier) => return Ok(()),
            Mark::Barrier(barrier) => {
                let is_due = self.overtakes_at(barrier).is_some_and(|at| at <= now);
                self.aligner.on_announced(channel, barrier, is_due)
            }
            Mark::End => self.aligner.on_end_announced(channel),
        };
        if let (Alignment::Recorded(_), Some(recorder)) = (outcome, &mut self.recorder) {
            self.gate.look_ahead(channel, recorder.checkpoint, |element| recorder.add(channel, element))?;
        }
        self.align(outcome)
    }

    fn align(&mut self, outcome: Alignment) -> Result<()> {
        match outcome {
            Alignment::Continue | Alignment::Recorded(_) => {}
            Alignment::Take(barrier) => self.queue.push_back(InputEvent::Barrier(barrier)),
            Alignment::Overtake(barrier) => self.queue.push_back(InputEvent::Overtake(barrier)),
        }
        self.block();
        Ok(())
    }

    /// Brings the gate and the recorder in line with the aligner.
    fn block(&mut self) {
        self.gate.block(|channel| self.aligner.is_blocked(channel));
        self.finish_recorder();
    }

    fn finish_recorder(&mut self) {
        let overtook = self.aligner.overtook();
        // One that was given up is dropped, and whoever waits for it finds that out.
        self.recorder.take_if(|recorder| overtook != Some(recorder.checkpoint));
        if !self.aligner.has_to_record()
            && let Some(recorder) = self.recorder.take()
        {
            recorder.finish();
        }
    }

    fn end(&mut self, channel: usize, input: usize, place: usize) -> Result<()> {
        // A channel that has ended holds nothing back: its last watermark was the largest there is, unless it ended
        // without one, as a stream without event time may.
        let merged = self.valves[input].on_watermark(place, Watermark::MAX);
        self.merge(input, merged);
        let outcome = self.aligner.on_end(channel);
        self.align(outcome)?;
        self.open_channels[input] -= 1;
        if self.open_channels[input] == 0 {
            self.queue.push_back(InputEvent::EndInput(input));
        }
        if self.aligner.all_ended() {
            self.queue.push_back(InputEvent::End);
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;
