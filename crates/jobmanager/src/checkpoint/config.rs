//! How checkpoints are taken, read from the user's options.

use flott_core::config::{
    CHECKPOINT_RETENTION, CHECKPOINTING_INTERVAL, CHECKPOINTING_MIN_PAUSE, CHECKPOINTING_TIMEOUT,
    CHECKPOINTING_TOLERABLE_FAILURES, CHECKPOINTS_RETAINED,
};
use flott_core::{Configuration, Error, Result};
use std::time::Duration;

/// Whether checkpoints outlive a job that was cancelled or has finished. A failed job always keeps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// They stay.
    RetainOnCancellation,
    /// They are deleted.
    DeleteOnCancellation,
}

/// How checkpoints are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointConfig {
    /// Time between the starts of two checkpoints; `None`: no checkpoints unless asked for.
    pub interval: Option<Duration>,
    /// A checkpoint that takes longer is aborted.
    pub timeout: Duration,
    /// Least time between the end of one checkpoint and the start of the next.
    pub min_pause: Duration,
    /// How many may fail in a row before the job fails.
    pub tolerable_failures: u32,
    /// How many completed ones are kept.
    pub retained_max: usize,
    /// Whether they outlive the job.
    pub retention: Retention,
}

impl CheckpointConfig {
    /// What `config` asks for.
    ///
    /// # Errors
    /// `Invalid` for a value that makes no sense.
    pub fn from_config(config: &Configuration) -> Result<Self> {
        let interval = config.get_optional(&CHECKPOINTING_INTERVAL)?;
        // Flink's own way to say that there are none is to leave the option out; zero is what people try first.
        let interval = interval.filter(|i| !i.is_zero());
        let timeout = config.get(&CHECKPOINTING_TIMEOUT)?;
        require(!timeout.is_zero(), CHECKPOINTING_TIMEOUT.key, "longer than 0 ms")?;
        let retained_max = config.get(&CHECKPOINTS_RETAINED)?;
        require(retained_max >= 1, CHECKPOINTS_RETAINED.key, "at least 1")?;
        Ok(CheckpointConfig {
            interval,
            timeout,
            min_pause: config.get(&CHECKPOINTING_MIN_PAUSE)?,
            tolerable_failures: config.get(&CHECKPOINTING_TOLERABLE_FAILURES)?,
            retained_max,
            retention: retention(&config.get(&CHECKPOINT_RETENTION)?)?,
        })
    }
}

fn retention(text: &str) -> Result<Retention> {
    match text.to_ascii_uppercase().as_str() {
        "RETAIN_ON_CANCELLATION" => Ok(Retention::RetainOnCancellation),
        "DELETE_ON_CANCELLATION" | "NO_EXTERNALIZED_CHECKPOINTS" => Ok(Retention::DeleteOnCancellation),
        _ => Err(Error::invalid(format!(
            "option `{}` cannot be `{text}`: choose RETAIN_ON_CANCELLATION or DELETE_ON_CANCELLATION",
            CHECKPOINT_RETENTION.key
        ))),
    }
}

fn require(holds: bool, key: &str, what: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::invalid(format!("option `{key}` must be {what}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_set_means_no_checkpoints_and_flinks_defaults() {
        let config = CheckpointConfig::from_config(&Configuration::new()).unwrap();
        let expected = CheckpointConfig {
            interval: None,
            timeout: Duration::from_secs(600),
            min_pause: Duration::ZERO,
            tolerable_failures: 0,
            retained_max: 1,
            retention: Retention::RetainOnCancellation,
        };
        assert_eq!(config, expected);
    }

    #[test]
    fn a_value_without_sense_names_its_option() {
        for (key, value) in [
            ("execution.checkpointing.timeout", "0 ms"),
            ("execution.checkpointing.num-retained", "0"),
            ("execution.checkpointing.externalized-checkpoint-retention", "SOMETIMES"),
        ] {
            let mut config = Configuration::new();
            config.set(key, value);
            let error = CheckpointConfig::from_config(&config).unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        }
    }
}
