//! Merging the watermarks of several channels, as a pure machine. (Flink: StatusWatermarkValve,
//! IndexedCombinedWatermarkStatus.)
//!
//! The merged watermark is the least of all channels that are active and aligned. An idle channel does not count; if
//! all are idle, the largest watermark of any goes out and then idleness does. A channel that becomes active again
//! counts once its watermark has caught up with what went out, so that the output never goes back.

use flott_core::Watermark;
use serde::{Deserialize, Serialize};

/// What the merged stream says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Merged {
    /// Event time has moved on.
    Watermark(Watermark),
    /// All channels are idle.
    Idle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Channel {
    watermark: Watermark,
    idle: bool,
    /// Counts for the least: active, and not behind what went out.
    aligned: bool,
}

/// The watermarks of the channels into one input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatermarkValve {
    channels: Vec<Channel>,
    last: Watermark,
    idle: bool,
}

impl WatermarkValve {
    /// All of `channels` active, nothing seen.
    pub fn new(channels: usize) -> Self {
        Self::at(channels, Watermark::MIN)
    }

    /// All of `channels` active and at `watermark`.
    pub fn at(channels: usize, watermark: Watermark) -> Self {
        let channel = Channel { watermark, idle: false, aligned: true };
        WatermarkValve { channels: vec![channel; channels], last: watermark, idle: false }
    }

    /// How far the merged event time has come.
    pub fn watermark(&self) -> Watermark {
        self.last
    }

    /// A watermark has come on `channel`, which is active by that.
    pub fn on_watermark(&mut self, channel: usize, watermark: Watermark) -> Option<Merged> {
        self.on_active(channel);
        let state = &mut self.channels[channel];
        if watermark <= state.watermark {
            return None;
        }
        state.watermark = watermark;
        if !state.aligned && watermark >= self.last {
            state.aligned = true;
        }
        self.advance()
    }

    /// Data has come on `channel`, which is active by that.
    #[inline]
    pub fn on_active(&mut self, channel: usize) {
        let state = &mut self.channels[channel];
        if state.idle {
            state.idle = false;
            state.aligned = state.watermark >= self.last;
            self.idle = false;
        }
    }

    /// `channel` has become idle. At most two things go out, in order.
    pub fn on_idle(&mut self, channel: usize) -> [Option<Merged>; 2] {
        let state = &mut self.channels[channel];
        if state.idle {
            return [None, None];
        }
        state.idle = true;
        state.aligned = false;
        if self.channels.iter().all(|c| c.idle) {
            let largest = self.channels.iter().map(|c| c.watermark).max().unwrap_or(Watermark::MIN);
            let flushed = (largest > self.last).then_some(Merged::Watermark(largest));
            self.last = self.last.max(largest);
            self.idle = true;
            return [flushed, Some(Merged::Idle)];
        }
        [self.advance(), None]
    }

    /// Whether all channels are idle.
    pub fn is_idle(&self) -> bool {
        self.idle
    }

    fn advance(&mut self) -> Option<Merged> {
        let least = self.channels.iter().filter(|c| c.aligned).map(|c| c.watermark).min()?;
        if least > self.last {
            self.last = least;
            return Some(Merged::Watermark(least));
        }
        None
    }
}

/// The watermarks of the two inputs of an operator: the lesser of those that are not idle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CombinedWatermark {
    inputs: Vec<(Watermark, bool)>,
    last: Watermark,
}

impl CombinedWatermark {
    /// Nothing seen on any of `inputs`.
    pub fn new(inputs: usize) -> Self {
        Self::at(&vec![Watermark::MIN; inputs], Watermark::MIN)
    }

    /// All inputs active, each this far, and all together at `watermark`.
    pub fn at(inputs: &[Watermark], watermark: Watermark) -> Self {
        CombinedWatermark { inputs: inputs.iter().map(|input| (*input, false)).collect(), last: watermark }
    }

    /// How far the event time of all inputs has come.
    pub fn watermark(&self) -> Watermark {
        self.last
    }

    /// Whether all inputs are idle.
    pub fn is_idle(&self) -> bool {
        self.inputs.iter().all(|(_, idle)| *idle)
    }

    /// What an input's channels say together.
    pub fn on_merged(&mut self, input: usize, merged: Merged) -> Option<Merged> {
        match merged {
            Merged::Watermark(watermark) => self.inputs[input] = (watermark, false),
            Merged::Idle => self.inputs[input].1 = true,
        }
        let active = self.inputs.iter().filter(|(_, idle)| !idle).map(|(w, _)| *w).min();
        match active {
            None => (merged == Merged::Idle).then_some(Merged::Idle),
            Some(least) if least > self.last => {
                self.last = least;
                Some(Merged::Watermark(least))
            }
            Some(_) => None,
        }
    }

    /// Data has come on an input.
    pub fn on_active(&mut self, input: usize) {
        self.inputs[input].1 = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wm(n: i64) -> Option<Merged> {
        Some(Merged::Watermark(Watermark(n)))
    }

    #[test]
    fn the_least_of_all_channels_goes_out() {
        let mut valve = WatermarkValve::new(2);
        assert_eq!(valve.on_watermark(0, Watermark(5)), None);
        assert_eq!(valve.on_watermark(1, Watermark(3)), wm(3));
        assert_eq!(valve.on_watermark(1, Watermark(2)), None, "a smaller watermark is ignored");
        assert_eq!(valve.on_watermark(1, Watermark(9)), wm(5));
    }

    #[test]
    fn an_idle_channel_leaves_the_least() {
        let mut valve = WatermarkValve::new(2);
        valve.on_watermark(0, Watermark(7));
        assert_eq!(valve.on_idle(1), [wm(7), None]);
    }

    #[test]
    fn when_all_are_idle_the_largest_goes_out_and_then_idleness() {
        let mut valve = WatermarkValve::new(2);
        valve.on_watermark(0, Watermark(7));
        valve.on_watermark(1, Watermark(3));
        assert_eq!(valve.on_idle(1), [wm(7), None]);
        assert_eq!(valve.on_idle(0), [None, Some(Merged::Idle)]);

        let mut valve = WatermarkValve::new(2);
        valve.on_watermark(0, Watermark(7));
        valve.on_watermark(1, Watermark(3));
        assert_eq!(valve.on_idle(0), [None, None]);
        assert_eq!(valve.on_idle(1), [wm(7), Some(Merged::Idle)]);
    }

    #[test]
    fn a_channel_that_comes_back_counts_when_it_has_caught_up() {
        let mut valve = WatermarkValve::new(2);
        valve.on_watermark(0, Watermark(10));
        assert_eq!(valve.on_idle(1), [wm(10), None]);
        assert_eq!(valve.on_watermark(1, Watermark(4)), None, "behind: not aligned");
        assert_eq!(valve.on_watermark(0, Watermark(12)), wm(12), "does not hold back the other");
        assert_eq!(valve.on_watermark(1, Watermark(12)), None, "caught up: aligned again");
        assert_eq!(valve.on_watermark(0, Watermark(20)), None);
        assert_eq!(valve.on_watermark(1, Watermark(15)), wm(15));
    }

    #[test]
    fn two_inputs_combine_to_the_lesser() {
        let mut combined = CombinedWatermark::new(2);
        assert_eq!(combined.on_merged(0, Merged::Watermark(Watermark(5))), None);
        assert_eq!(combined.on_merged(1, Merged::Watermark(Watermark(3))), wm(3));
        assert_eq!(combined.on_merged(1, Merged::Idle), wm(5));
        assert_eq!(combined.on_merged(0, Merged::Idle), Some(Merged::Idle));
    }

    proptest! {
        #[test]
        fn the_output_never_goes_back_and_never_passes_an_active_aligned_channel(
            channels in 1usize..5,
            steps in prop::collection::vec((0usize..5, 0u8..4, -50i64..50), 1..100),
        ) {
            let mut valve = WatermarkValve::new(channels);
            let mut out = i64::MIN;
            for (channel, action, value) in steps {
                let channel = channel % channels;
                let said: Vec<Merged> = match action {
                    0 => valve.on_idle(channel).into_iter().flatten().collect(),
                    1 => { valve.on_active(channel); vec![] }
                    _ => valve.on_watermark(channel, Watermark(value)).into_iter().collect(),
                };
                for merged in said {
                    if let Merged::Watermark(w) = merged {
                        prop_assert!(w.0 > out);
                        out = w.0;
                    }
                }
                for state in valve.channels.iter().filter(|c| c.aligned && !valve.idle) {
                    prop_assert!(state.watermark.0 >= out);
                }
            }
        }
    }
}
