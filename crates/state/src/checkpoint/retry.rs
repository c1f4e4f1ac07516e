//! Requests to storage that are made again until they succeed, their error is one that stays, or patience is at an end.

use super::failure::store_error;
use flott_core::{ErrorKind, Result};
use flott_env::Env;
use object_store::Error as StoreError;
use std::time::Duration;

/// How often, and for how long, a request is made again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Most attempts.
    pub attempts_max: u32,
    /// No attempt starts later than this after the first.
    pub time_max: Duration,
    /// The wait before the second attempt.
    pub first_wait: Duration,
    /// How much longer each further wait is.
    pub factor: u32,
    /// The longest wait.
    pub wait_max: Duration,
}

impl Patience {
    /// With a disk, which answers at once or not at all.
    pub const NEAR: Patience = Patience {
        attempts_max: 4,
        time_max: Duration::from_secs(60),
        first_wait: Duration::from_millis(50),
        factor: 5,
        wait_max: Duration::from_secs(10),
    };

    /// With a store behind a network, for so long.
    pub const fn remote(time_max: Duration) -> Patience {
        Patience {
            attempts_max: u32::MAX,
            time_max,
            first_wait: Duration::from_millis(100),
            factor: 2,
            wait_max: Duration::from_secs(10),
        }
    }
}

/// Makes requests. A request to a network runs on the I/O runtime: its connection outlives the slot that asked.
#[derive(Clone)]
pub(super) struct Requests {
    pub env: Env,
    pub patience: Patience,
    pub is_remote: bool,
}

impl Requests {
    /// Makes a request, which is to have `done` something to `what`: "written", "`s3://bucket/x`".
    pub async fn make<T, F>(&self, done: &str, what: &str, mut attempt: impl FnMut() -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let start = self.env.elapsed();
        let mut wait = self.patience.first_wait;
        let mut tried = 1;
        loop {
            let outcome = if self.is_remote { self.env.spawn(attempt()).await? } else { attempt().await };
            let error = match outcome {
                Ok(value) => return Ok(value),
                Err(error) => store_error(done, what, &error),
            };
            // All waits are varied, so that many tasks do not come again all at once.
            let pause = wait.min(self.patience.wait_max).mul_f64(0.5 + self.env.random_f64());
            let is_late = self.env.elapsed() - start + pause > self.patience.time_max;
            if error.kind() != ErrorKind::Unavailable || tried >= self.patience.attempts_max || is_late {
                return Err(error);
            }
            tracing::debug!(%error, attempt = tried, "checkpoint storage does not answer; trying again");
            self.env.sleep(pause).await;
            wait = wait.min(self.patience.wait_max) * self.patience.factor;
            tried += 1;
        }
    }
}
