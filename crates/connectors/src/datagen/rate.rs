//! How fast records are made: a rate for all readers together, of which each has an equal share.

use flott_env::Env;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A phase of limited records takes this long.
const PHASE_SECONDS: f64 = 10.0;
/// Numbers of a phase for each reader when nothing limits the rate.
const PHASE_ROWS_PER_READER: u64 = 1 << 28;
/// After a time in which a reader was held back it may catch up on this much of it.
const CATCH_UP_SECONDS: f64 = 1.0;

/// How many records are made. Names are Flink's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RateLimiterStrategy {
    /// As many as are taken.
    NoOp,
    /// So many a second. They come evenly, in steps as small as the clock of the machine allows (about a
    /// millisecond), not in one burst a second.
    PerSecond(f64),
    /// So many between two completed checkpoints. Without checkpoints the source stops after that many.
    PerCheckpoint(u64),
}

impl RateLimiterStrategy {
    pub(super) fn check(self) -> Result<(), String> {
        match self {
            RateLimiterStrategy::PerSecond(rate) if !(rate.is_finite() && rate > 0.0) => {
                Err(format!("{rate} records a second is no rate; give a number above 0"))
            }
            RateLimiterStrategy::PerCheckpoint(0) => {
                Err("0 records per checkpoint is no rate; give a number above 0".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// How many numbers are dealt out at a time to `parallelism` readers.
    pub(super) fn phase_rows(self, parallelism: u32) -> u64 {
        let readers = u64::from(parallelism.max(1));
        match self {
            RateLimiterStrategy::PerSecond(rate) => ((rate * PHASE_SECONDS).ceil() as u64).max(readers),
            RateLimiterStrategy::NoOp | RateLimiterStrategy::PerCheckpoint(_) => readers * PHASE_ROWS_PER_READER,
        }
    }
}

/// One reader's share of the rate.
pub(super) enum RateLimiter {
    Unlimited,
    PerSecond(PerSecond),
    PerCheckpoint { share: u64, left: u64, waker: Option<Waker> },
}

/// Record n of this limiter is due n / `rate` seconds after `start`.
pub(super) struct PerSecond {
    env: Env,
    rate: f64,
    start: Option<Duration>,
    given: u64,
    sleep: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl RateLimiter {
    pub(super) fn new(strategy: RateLimiterStrategy, env: Env, subtask: u32, parallelism: u32) -> Self {
        let readers = parallelism.max(1);
        match strategy {
            RateLimiterStrategy::NoOp => RateLimiter::Unlimited,
            RateLimiterStrategy::PerSecond(rate) => {
                let rate = rate / f64::from(readers);
                RateLimiter::PerSecond(PerSecond { env, rate, start: None, given: 0, sleep: None })
            }
            RateLimiterStrategy::PerCheckpoint(rows) => {
                let readers = u64::from(readers);
                let share = rows / readers + u64::from(u64::from(subtask) < rows % readers);
                RateLimiter::PerCheckpoint { share, left: share, waker: None }
            }
        }
    }

    /// How many records may be given now: at least one. Wakes `task` when that is so.
    pub(super) fn poll_due(&mut self, task: &mut Context<'_>) -> Poll<u64> {
        match self {
            RateLimiter::Unlimited => Poll::Ready(u64::MAX),
            RateLimiter::PerSecond(limiter) => limiter.poll_due(task),
            RateLimiter::PerCheckpoint { left: 0, waker, .. } => {
                *waker = Some(task.waker().clone());
                Poll::Pending
            }
            RateLimiter::PerCheckpoint { left, .. } => Poll::Ready(*left),
        }
    }

    /// So many records have been given.
    pub(super) fn give(&mut self, rows: u64) {
        match self {
            RateLimiter::Unlimited => {}
            RateLimiter::PerSecond(limiter) => limiter.given += rows,
            RateLimiter::PerCheckpoint { left, .. } => *left -= rows,
        }
    }

    /// A checkpoint is complete.
    pub(super) fn on_checkpoint_complete(&mut self) {
        if let RateLimiter::PerCheckpoint { share, left, waker } = self {
            *left = *share;
            if let Some(waker) = waker.take() {
                waker.wake();
            }
        }
    }
}

impl PerSecond {
    fn poll_due(&mut self, task: &mut Context<'_>) -> Poll<u64> {
        loop {
            let now = self.env.elapsed();
            let start = *self.start.get_or_insert(now);
            let due = ((now - start).as_secs_f64() * self.rate) as u64 + 1;
            if due > self.given {
                self.sleep = None;
                return Poll::Ready(self.catch_up(now, due - self.given));
            }
            let sleep = self.sleep.get_or_insert_with(|| {
                let at = start + Duration::from_secs_f64(self.given as f64 / self.rate);
                // At least something, or rounding could make this a loop that waits for nothing.
                let (env, pause) = (self.env.clone(), at.saturating_sub(now).max(Duration::from_micros(1)));
                Box::pin(async move { env.sleep(pause).await })
            });
            match sleep.as_mut().poll(task) {
                Poll::Ready(()) => self.sleep = None,
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Forgets what is due for longer than may be caught up on.
    fn catch_up(&mut self, now: Duration, due: u64) -> u64 {
        let due_max = ((self.rate * CATCH_UP_SECONDS) as u64).max(1);
        if due <= due_max {
            return due;
        }
        self.start = Some(now.saturating_sub(Duration::from_secs_f64((due_max - 1) as f64 / self.rate)));
        self.given = 0;
        due_max
    }
}
