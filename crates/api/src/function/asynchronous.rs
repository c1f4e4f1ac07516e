//! Functions that ask something outside: called for many records at once, on the I/O runtime.

use crate::function::OpenContext;
use flott_core::{Data, Error, Result};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// A function whose answer takes time.
///
/// ```
/// use flott_api::function::AsyncFunction;
/// use flott_core::Result;
///
/// #[derive(Clone)]
/// struct LookUp;
///
/// impl AsyncFunction for LookUp {
///     type In = u64;
///     type Out = (u64, String);
///     async fn invoke(&self, user: u64) -> Result<Vec<(u64, String)>> {
///         Ok(vec![(user, format!("user {user}"))])
///     }
/// }
/// ```
pub trait AsyncFunction: Clone + Send + Sync + 'static {
    /// What comes in.
    type In: Data;
    /// What goes out.
    type Out: Data;

    /// Gets ready.
    ///
    /// # Errors
    /// Fails the task.
    fn open(&mut self, _cx: &mut OpenContext<'_>) -> Result<()> {
        Ok(())
    }

    /// The results of one record. After a failure the record may be given again: to a retry, or after a restart.
    ///
    /// # Errors
    /// Fails the task, unless the retry strategy tries again.
    fn invoke(&self, input: Self::In) -> impl Future<Output = Result<Vec<Self::Out>>> + Send;

    /// The results of a record whose answer took too long, all retries included.
    ///
    /// # Errors
    /// Fails the task; so it does if this method is not overridden.
    fn timeout(&self, _input: Self::In) -> Result<Vec<Self::Out>> {
        Err(Error::unavailable(
            "an asynchronous call took longer than its timeout; give it more time, or override `timeout` to go on without an answer",
        ))
    }
}

type OnResult<T> = Arc<dyn Fn(&[T]) -> bool + Send + Sync>;
type OnError = Arc<dyn Fn(&Error) -> bool + Send + Sync>;

/// Whether, how often and when an asynchronous call is made again. As in Flink, nothing is tried again until a
/// predicate says what is worth it.
///
/// ```
/// use flott_api::function::AsyncRetryStrategy;
/// use std::time::Duration;
///
/// let strategy = AsyncRetryStrategy::<String>::fixed_delay(3, Duration::from_millis(100))
///     .if_error(|e| e.kind().is_retryable())
///     .if_result(|answers| answers.is_empty());
/// assert_eq!(strategy.delay(3), Some(Duration::from_millis(100)));
/// assert_eq!(strategy.delay(4), None);
/// ```
pub struct AsyncRetryStrategy<T> {
    retries_max: u32,
    first: Duration,
    longest: Duration,
    multiplier: f64,
    on_result: Option<OnResult<T>>,
    on_error: Option<OnError>,
}

impl<T> Clone for AsyncRetryStrategy<T> {
    fn clone(&self) -> Self {
        AsyncRetryStrategy { on_result: self.on_result.clone(), on_error: self.on_error.clone(), ..*self }
    }
}

impl<T> AsyncRetryStrategy<T> {
    /// No second call.
    pub fn none() -> Self {
        Self::fixed_delay(0, Duration::ZERO)
    }

    /// Up to `retries_max` more calls, `delay` after each failure.
    pub fn fixed_delay(retries_max: u32, delay: Duration) -> Self {
        Self::exponential_backoff(retries_max, delay, delay, 1.0)
    }

    /// Up to `retries_max` more calls, the first after `first`, each later one after `multiplier` times as long as
    /// the one before but never more than `longest`.
    pub fn exponential_backoff(retries_max: u32, first: Duration, longest: Duration, multiplier: f64) -> Self {
        AsyncRetryStrategy { retries_max, first, longest, multiplier, on_result: None, on_error: None }
    }

    /// Tries again when the results look like this.
    #[must_use]
    pub fn if_result(mut self, predicate: impl Fn(&[T]) -> bool + Send + Sync + 'static) -> Self {
        self.on_result = Some(Arc::new(predicate));
        self
    }

    /// Tries again when the call failed like this.
    #[must_use]
    pub fn if_error(mut self, predicate: impl Fn(&Error) -> bool + Send + Sync + 'static) -> Self {
        self.on_error = Some(Arc::new(predicate));
        self
    }

    /// Whether another call is worth it after this answer.
    pub fn wants(&self, answer: &Result<Vec<T>>) -> bool {
        match answer {
            Ok(results) => self.on_result.as_ref().is_some_and(|p| p(results)),
            Err(error) => self.on_error.as_ref().is_some_and(|p| p(error)),
        }
    }

    /// How long to wait before the `retry`-th further call, counted from 1; none when there were enough.
    pub fn delay(&self, retry: u32) -> Option<Duration> {
        if retry == 0 || retry > self.retries_max {
            return None;
        }
        let factor = self.multiplier.powi(i32::try_from(retry - 1).unwrap_or(i32::MAX));
        let delay = Duration::try_from_secs_f64(self.first.as_secs_f64() * factor).unwrap_or(self.longest);
        Some(delay.min(self.longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_backoff_grows_to_its_limit() {
        let ms = Duration::from_millis;
        let strategy = AsyncRetryStrategy::<u8>::exponential_backoff(5, ms(10), ms(50), 2.0);
        let delays: Vec<_> = (1..=6).map(|n| strategy.delay(n)).collect();
        assert_eq!(delays, [Some(ms(10)), Some(ms(20)), Some(ms(40)), Some(ms(50)), Some(ms(50)), None]);
    }

    #[test]
    fn nothing_is_tried_again_without_a_predicate() {
        let strategy = AsyncRetryStrategy::<u8>::fixed_delay(3, Duration::ZERO);
        assert!(!strategy.wants(&Err(Error::data("x"))));
        assert!(!strategy.wants(&Ok(vec![])));
        let strategy = strategy.if_result(<[u8]>::is_empty).if_error(|_| true);
        assert!(strategy.wants(&Err(Error::data("x"))));
        assert!(strategy.wants(&Ok(vec![])));
        assert!(!strategy.wants(&Ok(vec![1])));
    }
}
