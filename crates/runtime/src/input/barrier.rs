//! Barrier alignment, as a pure machine.
//!
//! ```text
//! barrier on a channel     exactly-once: the channel is blocked until the barrier has come on all others
//!                          at-least-once: nothing is blocked
//! last open channel's      the checkpoint is taken, all channels are unblocked
//! barrier, or its end
//! a later barrier          the alignment for the earlier one is given up
//! ```

use flott_core::{Barrier, CheckpointId};

/// What to do after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alignment {
    /// Go on.
    Continue,
    /// Take nothing more from the channel that the barrier came on.
    Block,
    /// Unblock all channels, then take the checkpoint.
    Complete(Barrier),
    /// Unblock all channels, then block the one that the barrier came on: an older checkpoint was given up.
    Restart,
    /// Unblock all channels: the checkpoint was given up.
    Release,
}

/// Which channels have delivered the barrier of the current checkpoint.
#[derive(Clone, Debug)]
pub struct BarrierAligner {
    exactly_once: bool,
    current: Option<Barrier>,
    arrived: Vec<bool>,
    ended: Vec<bool>,
    /// The newest checkpoint that was taken or given up; barriers up to it are stale.
    settled: Option<CheckpointId>,
}

impl BarrierAligner {
    /// No checkpoint under way, all of `channels` open.
    pub fn new(channels: usize, exactly_once: bool) -> Self {
        BarrierAligner {
            exactly_once,
            current: None,
            arrived: vec![false; channels],
            ended: vec![false; channels],
            settled: None,
        }
    }

    /// A barrier has come on `channel`.
    pub fn on_barrier(&mut self, channel: usize, barrier: Barrier) -> Alignment {
        if self.settled.is_some_and(|s| barrier.checkpoint <= s) {
            return Alignment::Continue;
        }
        let restarted = match self.current {
            Some(current) if current.checkpoint == barrier.checkpoint => false,
            Some(current) if current.checkpoint > barrier.checkpoint => return Alignment::Continue,
            Some(current) => {
                self.settled = Some(current.checkpoint);
                self.begin(barrier);
                true
            }
            None => {
                self.begin(barrier);
                false
            }
        };
        self.arrived[channel] = true;
        if self.is_complete() {
            return self.complete();
        }
        match (self.exactly_once, restarted) {
            (true, false) => Alignment::Block,
            (true, true) => Alignment::Restart,
            (false, _) => Alignment::Continue,
        }
    }

    /// A channel has ended: no barrier will come on it any more.
    pub fn on_end(&mut self, channel: usize) -> Alignment {
        self.ended[channel] = true;
        if self.current.is_some() && self.is_complete() { self.complete() } else { Alignment::Continue }
    }

    /// The checkpoint was aborted.
    pub fn on_abort(&mut self, checkpoint: CheckpointId) -> Alignment {
        let aligning = self.current.is_some_and(|c| c.checkpoint <= checkpoint);
        if self.settled.is_none_or(|s| s < checkpoint) {
            self.settled = Some(checkpoint);
        }
        if aligning {
            self.current = None;
            Alignment::Release
        } else {
            Alignment::Continue
        }
    }

    /// Whether every channel has ended.
    pub fn all_ended(&self) -> bool {
        self.ended.iter().all(|e| *e)
    }

    /// Whether a checkpoint is being aligned.
    pub fn is_aligning(&self) -> bool {
        self.current.is_some()
    }

    fn begin(&mut self, barrier: Barrier) {
        self.current = Some(barrier);
        self.arrived.fill(false);
    }

    fn is_complete(&self) -> bool {
        self.arrived.iter().zip(&self.ended).all(|(arrived, ended)| *arrived || *ended)
    }

    fn complete(&mut self) -> Alignment {
        match self.current.take() {
            Some(barrier) => {
                self.settled = Some(barrier.checkpoint);
                Alignment::Complete(barrier)
            }
            None => Alignment::Continue,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flott_core::BarrierKind;
    use proptest::prelude::*;

    fn barrier(n: u64) -> Barrier {
        Barrier { checkpoint: CheckpointId(n), kind: BarrierKind::Checkpoint }
    }

    #[test]
    fn a_checkpoint_is_taken_when_the_last_channel_delivers() {
        let mut aligner = BarrierAligner::new(3, true);
        assert_eq!(aligner.on_barrier(1, barrier(1)), Alignment::Block);
        assert_eq!(aligner.on_barrier(0, barrier(1)), Alignment::Block);
        assert_eq!(aligner.on_barrier(2, barrier(1)), Alignment::Complete(barrier(1)));
        assert!(!aligner.is_aligning());
    }

    #[test]
    fn at_least_once_blocks_nothing() {
        let mut aligner = BarrierAligner::new(2, false);
        assert_eq!(aligner.on_barrier(0, barrier(1)), Alignment::Continue);
        assert_eq!(aligner.on_barrier(1, barrier(1)), Alignment::Complete(barrier(1)));
    }

    #[test]
    fn an_ended_channel_is_not_waited_for() {
        let mut aligner = BarrierAligner::new(2, true);
        assert_eq!(aligner.on_barrier(0, barrier(1)), Alignment::Block);
        assert_eq!(aligner.on_end(1), Alignment::Complete(barrier(1)));
        assert_eq!(aligner.on_barrier(0, barrier(2)), Alignment::Complete(barrier(2)));
    }

    #[test]
    fn a_later_barrier_gives_up_the_earlier_checkpoint() {
        let mut aligner = BarrierAligner::new(2, true);
        assert_eq!(aligner.on_barrier(0, barrier(1)), Alignment::Block);
        assert_eq!(aligner.on_barrier(1, barrier(2)), Alignment::Restart);
        assert_eq!(aligner.on_barrier(0, barrier(1)), Alignment::Continue, "stale");
        assert_eq!(aligner.on_barrier(0, barrier(2)), Alignment::Complete(barrier(2)));
    }

    #[test]
    fn an_aborted_checkpoint_is_released_and_stays_so() {
        let mut aligner = BarrierAligner::new(2, true);
        assert_eq!(aligner.on_barrier(0, barrier(1)), Alignment::Block);
        assert_eq!(aligner.on_abort(CheckpointId(1)), Alignment::Release);
        assert_eq!(aligner.on_barrier(1, barrier(1)), Alignment::Continue);
        assert_eq!(aligner.on_abort(CheckpointId(2)), Alignment::Continue);
        assert_eq!(aligner.on_barrier(1, barrier(2)), Alignment::Continue);
    }

    proptest! {
        /// Channels deliver barriers 1, 2, 3... in order, interleaved at random, some end, some checkpoints are
        /// aborted. Under exactly-once no channel may deliver past a barrier before the checkpoint is taken or given up.
        #[test]
        fn no_channel_runs_ahead_of_a_checkpoint_that_is_taken(
            channels in 1usize..5,
            steps in prop::collection::vec((0usize..5, 0u8..12), 1..200),
        ) {
            let mut aligner = BarrierAligner::new(channels, true);
            let mut blocked = vec![false; channels];
            let mut ended = vec![false; channels];
            let mut position = vec![0u64; channels];
            let mut taken = 0;
            for (channel, action) in steps {
                let channel = channel % channels;
                let outcome = if action == 11 {
                    let newest = position.iter().copied().max().unwrap_or(0);
                    aligner.on_abort(CheckpointId(newest))
                } else if blocked[channel] || ended[channel] {
                    continue;
                } else if action == 10 {
                    ended[channel] = true;
                    aligner.on_end(channel)
                } else {
                    position[channel] += 1;
                    aligner.on_barrier(channel, barrier(position[channel]))
                };
                match outcome {
                    Alignment::Continue => {}
                    Alignment::Block => blocked[channel] = true,
                    Alignment::Restart => {
                        blocked.fill(false);
                        blocked[channel] = true;
                    }
                    Alignment::Release => blocked.fill(false),
                    Alignment::Complete(barrier) => {
                        prop_assert!(barrier.checkpoint.0 > taken, "ids only grow");
                        taken = barrier.checkpoint.0;
                        for c in 0..channels {
                            prop_assert!(ended[c] || position[c] == taken, "channel {} is at {} of {}", c, position[c], taken);
                        }
                        blocked.fill(false);
                    }
                }
            }
        }
    }
}
