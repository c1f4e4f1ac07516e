//! When a task takes part in a checkpoint, as a pure machine.
//!
//! ```text
//! a barrier is read         exactly-once: its channel is blocked until the barrier has been read on all others
//! the last one is read,     Take: all channels are unblocked, the snapshot is taken (aligned)
//! or the channel ends
//! a barrier is announced    it stands in its channel's queue, behind records
//! the checkpoint is due     from now on announced barriers overtake: Overtake as soon as every channel on which none may
//!                           has delivered its barrier. What is left in front of the others is recorded
//! recording, a barrier is   Recorded: up to there the channel belongs to the checkpoint
//! announced or read
//! a later barrier, or an    the earlier checkpoint is given up, recording or not
//! abort
//! ```
//!
//! At-least-once blocks nothing. Channels of one task are of two kinds: those on which a barrier may overtake, and those
//! on which it must not, whose records could not be dealt out at another parallelism.

use flott_core::{Barrier, CheckpointId};

/// What to do after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alignment {
    /// Go on.
    Continue,
    /// Every channel is at the barrier: take the snapshot.
    Take(Barrier),
    /// Take the snapshot now. What stands in front of the barriers that are announced belongs to it, and what will
    /// come on channels that are being recorded.
    Overtake(Barrier),
    /// The barrier has come on this channel, which was being recorded.
    Recorded(usize),
}

/// Which guarantee barriers give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barriers {
    /// Nothing is blocked.
    AtLeastOnce,
    /// Channels wait for one another.
    Aligned,
    /// Channels wait for one another until the checkpoint is due; then barriers overtake.
    Overtaking,
}

/// What is known of a channel.
#[derive(Clone, Copy, Debug, Default)]
struct Channel {
    can_be_overtaken: bool,
    /// The newest checkpoint whose barrier has been put into the channel.
    announced: Option<CheckpointId>,
    end_announced: bool,
    /// The current checkpoint's barrier has been read.
    arrived: bool,
    ended: bool,
    /// The barrier of the checkpoint that is being recorded has not come yet.
    recording: bool,
}

/// Which channels have delivered the barrier of the current checkpoint.
#[derive(Clone, Debug)]
pub struct BarrierAligner {
    barriers: Barriers,
    channels: Vec<Channel>,
    current: Option<Barrier>,
    /// The current checkpoint may overtake.
    is_due: bool,
    /// What was restored has to be worked off first.
    is_held: bool,
    /// The newest checkpoint that was taken or given up; barriers up to it are stale.
    settled: Option<CheckpointId>,
    /// The checkpoint that overtook last, unless it was given up since.
    overtook: Option<CheckpointId>,
}

impl BarrierAligner {
    /// No checkpoint under way, all channels open; for each of them whether barriers may overtake there.
    pub fn new(can_be_overtaken: impl IntoIterator<Item = bool>, barriers: Barriers) -> Self {
        let channels = can_be_overtaken.into_iter().map(|can| Channel { can_be_overtaken: can, ..Channel::default() });
        BarrierAligner {
            barriers,
            channels: channels.collect(),
            current: None,
            is_due: false,
            is_held: false,
            settled: None,
            overtook: None,
        }
    }

    /// A barrier has been put into `channel`; `is_due`: it may overtake.
    pub fn on_announced(&mut self, channel: usize, barrier: Barrier, is_due: bool) -> Alignment {
        let state = &mut self.channels[channel];
        state.announced = state.announced.max(Some(barrier.checkpoint));
        if self.ends_recording(channel, barrier) {
            return Alignment::Recorded(channel);
        }
        if !self.join(barrier) {
            return Alignment::Continue;
        }
        self.is_due |= is_due;
        self.decide()
    }

    /// The end has been put into `channel`: no barrier will come behind it.
    pub fn on_end_announced(&mut self, channel: usize) -> Alignment {
        self.channels[channel].end_announced = true;
        self.end_recording(channel)
    }

    /// A barrier has been read from `channel`.
    pub fn on_barrier(&mut self, channel: usize, barrier: Barrier) -> Alignment {
        let state = &mut self.channels[channel];
        state.announced = state.announced.max(Some(barrier.checkpoint));
        if self.ends_recording(channel, barrier) {
            return Alignment::Recorded(channel);
        }
        if !self.join(barrier) {
            return Alignment::Continue;
        }
        self.channels[channel].arrived = true;
        self.decide()
    }

    /// The end of a channel has been read.
    pub fn on_end(&mut self, channel: usize) -> Alignment {
        let state = &mut self.channels[channel];
        (state.ended, state.end_announced) = (true, true);
        match self.end_recording(channel) {
            Alignment::Continue => self.decide(),
            recorded => recorded,
        }
    }

    /// A checkpoint that is due was triggered, and no barrier will come for it: every channel's end is there.
    pub fn on_triggered(&mut self, barrier: Barrier) -> Alignment {
        if !self.is_ending() || !self.join(barrier) {
            return Alignment::Continue;
        }
        self.is_due = true;
        self.decide()
    }

    /// The checkpoint has waited long enough for its barriers to come through.
    pub fn on_due(&mut self, checkpoint: CheckpointId) -> Alignment {
        if self.current.is_none_or(|current| current.checkpoint != checkpoint) {
            return Alignment::Continue;
        }
        self.is_due = true;
        self.decide()
    }

    /// The checkpoint was aborted.
    pub fn on_abort(&mut self, checkpoint: CheckpointId) {
        self.settled = self.settled.max(Some(checkpoint));
        if self.current.is_some_and(|current| current.checkpoint <= checkpoint) {
            self.current = None;
        }
        if self.overtook.is_some_and(|overtook| overtook <= checkpoint) {
            self.give_up_recording();
        }
    }

    /// No snapshot overtakes until [`BarrierAligner::release`].
    pub fn hold(&mut self) {
        self.is_held = true;
    }

    /// What was restored has been worked off.
    pub fn release(&mut self) -> Alignment {
        self.is_held = false;
        self.decide()
    }

    /// Whether nothing is to be read from `channel` for now.
    pub fn is_blocked(&self, channel: usize) -> bool {
        let (Some(current), Channel { can_be_overtaken, announced, arrived, .. }) =
            (self.current, self.channels[channel])
        else {
            return false;
        };
        // A checkpoint that is due waits for other channels only: what is in front of this barrier would be overtaken.
        let waits = self.is_due && can_be_overtaken && announced >= Some(current.checkpoint);
        self.barriers != Barriers::AtLeastOnce && (arrived || waits)
    }

    /// Whether every channel has ended.
    pub fn all_ended(&self) -> bool {
        self.channels.iter().all(|channel| channel.ended)
    }

    /// Whether every channel has ended or will end, with no barrier before.
    pub fn is_ending(&self) -> bool {
        self.channels.iter().all(|channel| channel.end_announced)
    }

    /// Whether the checkpoint is under way or over.
    pub fn knows(&self, checkpoint: CheckpointId) -> bool {
        let is_current = self.current.is_some_and(|current| current.checkpoint >= checkpoint);
        is_current || self.settled.is_some_and(|settled| settled >= checkpoint)
    }

    /// Whether a barrier has been read and others are waited for.
    pub fn is_aligning(&self) -> bool {
        self.current.is_some() && self.channels.iter().any(|channel| channel.arrived)
    }

    /// The checkpoint whose barriers are waited for, unless it is due already.
    pub fn undue(&self) -> Option<Barrier> {
        self.current.filter(|_| !self.is_due && self.barriers == Barriers::Overtaking)
    }

    /// The checkpoint that overtook last, unless it was given up since.
    pub fn overtook(&self) -> Option<CheckpointId> {
        self.overtook
    }

    /// Whether barriers of the checkpoint that overtook have not come yet.
    pub fn has_to_record(&self) -> bool {
        self.channels.iter().any(|channel| channel.recording)
    }

    /// Whether what is read from `channel` belongs to the checkpoint that is being recorded.
    pub fn is_recording(&self, channel: usize) -> bool {
        self.channels[channel].recording
    }

    /// Of a checkpoint that overtakes: whether its barrier, or the end, stands in the queue of `channel`, so that what
    /// is in front of it belongs to the checkpoint and nothing else.
    pub fn is_overtaken(&self, channel: usize) -> bool {
        let Channel { can_be_overtaken, arrived, ended, recording, .. } = self.channels[channel];
        can_be_overtaken && !arrived && !ended && !recording
    }

    /// Makes `barrier`'s checkpoint the current one, if it is newer. Returns whether it is current.
    fn join(&mut self, barrier: Barrier) -> bool {
        if self.settled.is_some_and(|settled| barrier.checkpoint <= settled) {
            return false;
        }
        match self.current {
            Some(current) if current.checkpoint == barrier.checkpoint => true,
            Some(current) if current.checkpoint > barrier.checkpoint => false,
            older => {
                self.settled = self.settled.max(older.map(|older| older.checkpoint));
                self.give_up_recording();
                self.current = Some(barrier);
                self.is_due = false;
                self.channels.iter_mut().for_each(|channel| channel.arrived = false);
                true
            }
        }
    }

    fn decide(&mut self) -> Alignment {
        let Some(current) = self.current else { return Alignment::Continue };
        let has_come = |channel: &Channel| channel.arrived || channel.ended;
        if self.channels.iter().all(has_come) {
            self.settle(current);
            return Alignment::Take(current);
        }
        let may_overtake = self.barriers == Barriers::Overtaking && self.is_due && !self.is_held;
        if !may_overtake || !self.channels.iter().all(|channel| channel.can_be_overtaken || has_come(channel)) {
            return Alignment::Continue;
        }
        self.settle(current);
        for channel in &mut self.channels {
            let is_near = channel.end_announced || channel.announced >= Some(current.checkpoint);
            channel.recording = !has_come(channel) && !is_near;
        }
        self.overtook = Some(current.checkpoint);
        Alignment::Overtake(current)
    }

    fn settle(&mut self, current: Barrier) {
        self.settled = Some(current.checkpoint);
        self.current = None;
    }

    fn ends_recording(&mut self, channel: usize, barrier: Barrier) -> bool {
        self.overtook == Some(barrier.checkpoint) && self.end_recording(channel) != Alignment::Continue
    }

    fn end_recording(&mut self, channel: usize) -> Alignment {
        if std::mem::take(&mut self.channels[channel].recording) {
            Alignment::Recorded(channel)
        } else {
            Alignment::Continue
        }
    }

    fn give_up_recording(&mut self) {
        self.overtook = None;
        self.channels.iter_mut().for_each(|channel| channel.recording = false);
    }
}

#[cfg(test)]
mod tests;
