//! Whether a failed job runs again, and after which delay. A pure machine: chance is a number that the caller draws.
//!
//! Options, defaults and rules are Flink's (`NoRestartBackoffTimeStrategy`, `FixedDelay...`, `FailureRate...` and
//! `ExponentialDelayRestartBackoffTimeStrategy`). Different on purpose: the kind of an error is looked at first, and
//! what a restart cannot help (`Invalid`, `Fenced`, `Corrupt`, `Limit`) is not tried again.

use flott_core::config::{
    EXPONENTIAL_DELAY_ATTEMPTS, EXPONENTIAL_DELAY_INITIAL, EXPONENTIAL_DELAY_JITTER, EXPONENTIAL_DELAY_MAX,
    EXPONENTIAL_DELAY_MULTIPLIER, EXPONENTIAL_DELAY_RESET, FAILURE_RATE_DELAY, FAILURE_RATE_INTERVAL, FAILURE_RATE_MAX,
    FIXED_DELAY_ATTEMPTS, FIXED_DELAY_DELAY, RESTART_STRATEGY,
};
use flott_core::{Configuration, Error, ErrorKind, ProcessingTime, Result};
use std::collections::VecDeque;
use std::time::Duration;

/// What to do about a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Run the job again after the delay.
    Restart(Duration),
    /// Let the job fail for good, for this reason.
    Fail(String),
}

/// When a failed job runs again.
#[derive(Clone, Debug)]
pub enum RestartStrategy {
    /// Never.
    None,
    /// A number of times, always after the same delay.
    FixedDelay(FixedDelay),
    /// As long as failures are rare enough.
    FailureRate(FailureRate),
    /// After delays that grow while failures follow one another.
    ExponentialDelay(ExponentialDelay),
}

impl RestartStrategy {
    /// The strategy that `config` asks for; when it names none, exponential-delay for a job with checkpoints and
    /// none for one without.
    ///
    /// # Errors
    /// `Invalid` for an unknown strategy or a value that makes no sense.
    pub fn from_config(config: &Configuration, checkpointing: bool) -> Result<Self> {
        let default = if checkpointing { "exponential-delay" } else { "none" };
        let name = config.get_optional(&RESTART_STRATEGY)?;
        // The long list is Flink's: each strategy has its old names.
        match name.as_deref().unwrap_or(default).to_ascii_lowercase().as_str() {
            "none" | "off" | "disable" => Ok(RestartStrategy::None),
            "fixed-delay" | "fixeddelay" => FixedDelay::from_config(config).map(RestartStrategy::FixedDelay),
            "failure-rate" | "failurerate" => FailureRate::from_config(config).map(RestartStrategy::FailureRate),
            "exponential-delay" | "exponentialdelay" => {
                ExponentialDelay::from_config(config).map(RestartStrategy::ExponentialDelay)
            }
            other => Err(Error::invalid(format!(
                "option `{}` cannot be `{other}`: choose none, fixed-delay, failure-rate or exponential-delay",
                RESTART_STRATEGY.key
            ))),
        }
    }

    /// Flink's name of the strategy.
    pub fn name(&self) -> &'static str {
        match self {
            RestartStrategy::None => "none",
            RestartStrategy::FixedDelay(_) => "fixed-delay",
            RestartStrategy::FailureRate(_) => "failure-rate",
            RestartStrategy::ExponentialDelay(_) => "exponential-delay",
        }
    }

    /// Decides about a failure of `kind` at `now`. `chance` is a random number in `[0, 1)`, for the jitter.
    pub fn on_failure(&mut self, kind: ErrorKind, now: ProcessingTime, chance: f64) -> Decision {
        if !kind.is_retryable() {
            return Decision::Fail(format!("an error of kind {kind} does not go away by a restart"));
        }
        match self {
            RestartStrategy::None => Decision::Fail(format!(
                "the job has no restart strategy; set `{}` or turn checkpoints on to have it restarted",
                RESTART_STRATEGY.key
            )),
            RestartStrategy::FixedDelay(strategy) => strategy.on_failure(),
            RestartStrategy::FailureRate(strategy) => strategy.on_failure(now),
            RestartStrategy::ExponentialDelay(strategy) => strategy.on_failure(now, chance),
        }
    }
}

/// A number of restarts, each after the same delay.
#[derive(Clone, Debug)]
pub struct FixedDelay {
    attempts_max: u32,
    delay: Duration,
    attempts: u32,
}

impl FixedDelay {
    fn from_config(config: &Configuration) -> Result<Self> {
        Ok(FixedDelay {
            attempts_max: config.get(&FIXED_DELAY_ATTEMPTS)?,
            delay: config.get(&FIXED_DELAY_DELAY)?,
            attempts: 0,
        })
    }

    fn on_failure(&mut self) -> Decision {
        if self.attempts >= self.attempts_max {
            return Decision::Fail(format!(
                "it has been restarted {} times, as often as `{}` allows",
                self.attempts, FIXED_DELAY_ATTEMPTS.key
            ));
        }
        self.attempts += 1;
        Decision::Restart(self.delay)
    }
}

/// Restarts unless more than so many failures fall into an interval.
#[derive(Clone, Debug)]
pub struct FailureRate {
    failures_max: usize,
    interval: Duration,
    delay: Duration,
    /// The latest failures, oldest first: one more than are allowed.
    failures: VecDeque<ProcessingTime>,
}

impl FailureRate {
    fn from_config(config: &Configuration) -> Result<Self> {
        let failures_max = config.get(&FAILURE_RATE_MAX)?;
        require(failures_max >= 1, FAILURE_RATE_MAX.key, "at least 1")?;
        let interval = config.get(&FAILURE_RATE_INTERVAL)?;
        require(!interval.is_zero(), FAILURE_RATE_INTERVAL.key, "longer than 0 ms")?;
        Ok(FailureRate {
            failures_max: failures_max as usize,
            interval,
            delay: config.get(&FAILURE_RATE_DELAY)?,
            failures: VecDeque::new(),
        })
    }

    fn on_failure(&mut self, now: ProcessingTime) -> Decision {
        if self.failures.len() > self.failures_max {
            self.failures.pop_front();
        }
        self.failures.push_back(now);
        let too_often = self.failures.len() > self.failures_max
            && self.failures.front().is_some_and(|oldest| oldest.until(now) <= self.interval);
        if too_often {
            Decision::Fail(format!(
                "it failed more than {} times within {:?}, the most that `{}` allows",
                self.failures_max, self.interval, FAILURE_RATE_MAX.key
            ))
        } else {
            Decision::Restart(self.delay)
        }
    }
}

/// Restarts after delays that grow by a factor, and start again after a time without failure.
#[derive(Clone, Debug)]
pub struct ExponentialDelay {
    initial: Duration,
    max: Duration,
    multiplier: f64,
    reset_after: Duration,
    jitter: f64,
    attempts_max: Option<u32>,
    attempts: u32,
    /// When the latest restart was due.
    restarted: Option<ProcessingTime>,
}

impl ExponentialDelay {
    fn from_config(config: &Configuration) -> Result<Self> {
        let strategy = ExponentialDelay {
            initial: config.get(&EXPONENTIAL_DELAY_INITIAL)?,
            max: config.get(&EXPONENTIAL_DELAY_MAX)?,
            multiplier: config.get(&EXPONENTIAL_DELAY_MULTIPLIER)?,
            reset_after: config.get(&EXPONENTIAL_DELAY_RESET)?,
            jitter: config.get(&EXPONENTIAL_DELAY_JITTER)?,
            attempts_max: config.get_optional(&EXPONENTIAL_DELAY_ATTEMPTS)?,
            attempts: 0,
            restarted: None,
        };
        let millisecond = Duration::from_millis(1);
        require(strategy.initial >= millisecond, EXPONENTIAL_DELAY_INITIAL.key, "at least 1 ms")?;
        require(strategy.max >= strategy.initial, EXPONENTIAL_DELAY_MAX.key, "at least the initial backoff")?;
        require(strategy.multiplier > 1.0, EXPONENTIAL_DELAY_MULTIPLIER.key, "greater than 1")?;
        require(strategy.reset_after >= millisecond, EXPONENTIAL_DELAY_RESET.key, "at least 1 ms")?;
        require((0.0..=1.0).contains(&strategy.jitter), EXPONENTIAL_DELAY_JITTER.key, "from 0 to 1")?;
        require(strategy.attempts_max != Some(0), EXPONENTIAL_DELAY_ATTEMPTS.key, "at least 1")?;
        Ok(strategy)
    }

    fn on_failure(&mut self, now: ProcessingTime, chance: f64) -> Decision {
        if self.restarted.is_some_and(|restarted| restarted.until(now) >= self.reset_after) {
            self.attempts = 0;
        }
        if let Some(most) = self.attempts_max.filter(|most| self.attempts >= *most) {
            return Decision::Fail(format!(
                "it has been restarted {most} times, as often as `{}` allows",
                EXPONENTIAL_DELAY_ATTEMPTS.key
            ));
        }
        let delay = self.delay(chance);
        self.attempts = self.attempts.saturating_add(1);
        self.restarted = Some(now.plus(delay));
        Decision::Restart(delay)
    }

    /// `initial * multiplier ^ attempts`, give or take the jitter, within `[initial, max]`.
    fn delay(&self, chance: f64) -> Duration {
        let exponent = i32::try_from(self.attempts).unwrap_or(i32::MAX);
        let plain_ms = self.initial.as_secs_f64() * 1e3 * self.multiplier.powi(exponent);
        let varied_ms = plain_ms + plain_ms * self.jitter * (2.0 * chance - 1.0);
        // An infinite number of milliseconds becomes the longest delay: `min` of it and a finite one.
        let clamped_ms = varied_ms.min(self.max.as_secs_f64() * 1e3).max(self.initial.as_secs_f64() * 1e3);
        Duration::from_millis(clamped_ms as u64)
    }
}

fn require(holds: bool, key: &str, what: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::invalid(format!("option `{key}` must be {what}"))) }
}

#[cfg(test)]
mod tests;
