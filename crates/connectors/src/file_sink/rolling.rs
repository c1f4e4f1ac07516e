//! When a file is closed and the next one begun.

use flott_core::ProcessingTime;
use std::time::Duration;

/// A file is rolled when one of these is reached. (Flink's `DefaultRollingPolicy` and `OnCheckpointRollingPolicy`; defaults
/// are Flink's.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollingPolicy {
    part_bytes: Option<u64>,
    rollover_interval: Option<Duration>,
    inactivity_interval: Option<Duration>,
    rolls_on_checkpoint: bool,
}

impl Default for RollingPolicy {
    /// 128 MiB, or open for 60 s, or without a record for 60 s.
    fn default() -> Self {
        RollingPolicy {
            part_bytes: Some(128 * 1024 * 1024),
            rollover_interval: Some(Duration::from_secs(60)),
            inactivity_interval: Some(Duration::from_secs(60)),
            rolls_on_checkpoint: false,
        }
    }
}

impl RollingPolicy {
    /// At every checkpoint and at no other time.
    pub fn on_checkpoint() -> Self {
        RollingPolicy {
            part_bytes: None,
            rollover_interval: None,
            inactivity_interval: None,
            rolls_on_checkpoint: true,
        }
    }

    /// The size from which on a file gets no more records; `None` for any.
    #[must_use]
    pub fn with_part_bytes(mut self, part_bytes: impl Into<Option<u64>>) -> Self {
        self.part_bytes = part_bytes.into();
        self
    }

    /// How long a file is written to; `None` for any time.
    #[must_use]
    pub fn with_rollover_interval(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.rollover_interval = interval.into();
        self
    }

    /// How long a file waits for the next record; `None` for any time.
    #[must_use]
    pub fn with_inactivity_interval(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.inactivity_interval = interval.into();
        self
    }

    /// Whether every checkpoint closes all files.
    #[must_use]
    pub fn with_roll_on_checkpoint(mut self, rolls_on_checkpoint: bool) -> Self {
        self.rolls_on_checkpoint = rolls_on_checkpoint;
        self
    }

    pub(super) fn is_full(&self, bytes: u64) -> bool {
        self.part_bytes.is_some_and(|max| bytes >= max)
    }

    pub(super) fn rolls_on_checkpoint(&self, bytes: u64) -> bool {
        self.rolls_on_checkpoint || self.is_full(bytes)
    }

    /// When a file is due that was begun at `created` and got its last record at `updated`.
    pub(super) fn due(&self, created: ProcessingTime, updated: ProcessingTime) -> Option<ProcessingTime> {
        let rollover = self.rollover_interval.map(|interval| created.plus(interval));
        let inactivity = self.inactivity_interval.map(|interval| updated.plus(interval));
        [rollover, inactivity].into_iter().flatten().min()
    }
}
