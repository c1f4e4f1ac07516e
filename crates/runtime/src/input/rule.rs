//! What barriers do, as the user's options say.

use super::barrier::Barriers;
use flott_core::config::{ALIGNED_TIMEOUT, CHECKPOINTING_MODE, INTERRUPTIBLE_TIMERS, UNALIGNED};
use flott_core::{Barrier, BarrierKind, Configuration, Error, ProcessingTime, Result};
use std::time::Duration;

/// What barriers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierRule {
    /// Which guarantee they give.
    pub barriers: Barriers,
    /// How long a checkpoint is tried without overtaking.
    pub overtake_after: Duration,
    /// Whether they overtake while the timers of one watermark fire.
    pub interrupts_timers: bool,
}

impl BarrierRule {
    /// Barriers that are aligned, and overtake nothing.
    pub const ALIGNED: BarrierRule =
        BarrierRule { barriers: Barriers::Aligned, overtake_after: Duration::ZERO, interrupts_timers: false };

    /// What `config` asks for.
    ///
    /// # Errors
    /// `Invalid` when the mode is none, or when barriers are to overtake with at-least-once.
    pub fn from_config(config: &Configuration) -> Result<BarrierRule> {
        let (mode, unaligned) = (config.get(&CHECKPOINTING_MODE)?, config.get(&UNALIGNED)?);
        let barriers = match (mode.to_ascii_uppercase().as_str(), unaligned) {
            ("EXACTLY_ONCE", false) => Barriers::Aligned,
            ("EXACTLY_ONCE", true) => Barriers::Overtaking,
            ("AT_LEAST_ONCE", false) => Barriers::AtLeastOnce,
            ("AT_LEAST_ONCE", true) => {
                return Err(Error::invalid(format!(
                    "`{}` needs `{}` = EXACTLY_ONCE: with AT_LEAST_ONCE no barrier waits for another; leave one of the two \
                     out",
                    UNALIGNED.key, CHECKPOINTING_MODE.key
                )));
            }
            _ => {
                return Err(Error::invalid(format!(
                    "option `{}` cannot be `{mode}`: write EXACTLY_ONCE or AT_LEAST_ONCE",
                    CHECKPOINTING_MODE.key
                )));
            }
        };
        let overtake_after = config.get(&ALIGNED_TIMEOUT)?;
        Ok(BarrierRule { barriers, overtake_after, interrupts_timers: config.get(&INTERRUPTIBLE_TIMERS)? })
    }

    /// When the barriers of a checkpoint may overtake, if ever: a savepoint is aligned.
    pub fn overtakes_at(&self, barrier: Barrier) -> Option<ProcessingTime> {
        let may = self.barriers == Barriers::Overtaking && barrier.kind == BarrierKind::Checkpoint;
        may.then(|| barrier.triggered.plus(self.overtake_after))
    }
}
