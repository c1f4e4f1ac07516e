//! Panics become errors: user code may panic, the process goes on.

use flott_core::{Error, Result};
use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Runs `work`; a panic in it comes back as a `Data` error with the panic's message.
///
/// # Errors
/// What `work` returns, or its panic.
pub fn catch<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    std::panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| Err(error_of(&*payload)))
}

/// A future whose panics come back as errors.
pub struct CatchPanic<F>(pub Pin<Box<F>>);

impl<F> CatchPanic<F> {
    /// Guards `future`.
    pub fn new(future: F) -> Self {
        CatchPanic(Box::pin(future))
    }
}

impl<T, F: Future<Output = Result<T>>> Future for CatchPanic<F> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match std::panic::catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(poll) => poll,
            Err(payload) => Poll::Ready(Err(error_of(&*payload))),
        }
    }
}

/// The error that stands for a panic.
pub(crate) fn error_of(payload: &(dyn Any + Send)) -> Error {
    let text = payload
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    Error::data(format!("user code panicked: {text}"))
}
