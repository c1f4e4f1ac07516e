//! One call: attempts, the time they may take together, and the way back.

use flott_api::function::{AsyncFunction, AsyncRetryStrategy};
use flott_core::Result;
use flott_env::{Env, Task};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// What all calls of an operator share.
pub(super) struct Asking<F: AsyncFunction> {
    pub function: F,
    pub retry: AsyncRetryStrategy<F::Out>,
    /// For all attempts together.
    pub timeout: Option<Duration>,
    pub env: Env,
}

impl<F: AsyncFunction> Asking<F> {
    /// The results of one record.
    pub async fn ask(self: Arc<Self>, input: F::In) -> Result<Vec<F::Out>> {
        let Some(timeout) = self.timeout else { return self.attempts(input).await };
        match self.env.timeout(timeout, self.attempts(input.clone())).await {
            Some(answer) => answer,
            None => self.function.timeout(input),
        }
    }

    async fn attempts(&self, input: F::In) -> Result<Vec<F::Out>> {
        let mut retry = 0;
        loop {
            let answer = self.function.invoke(input.clone()).await;
            if !self.retry.wants(&answer) {
                return answer;
            }
            retry += 1;
            let Some(delay) = self.retry.delay(retry) else { return answer };
            drop(answer);
            self.env.sleep(delay).await;
        }
    }
}

/// A call on the I/O runtime, with the place of its record in the queue.
pub(super) struct Call<T> {
    id: usize,
    task: Task<Result<Vec<T>>>,
}

impl<T> Call<T> {
    pub fn new(id: usize, task: Task<Result<Vec<T>>>) -> Self {
        Call { id, task }
    }
}

impl<T> Future for Call<T> {
    type Output = (usize, Result<Vec<T>>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.task).poll(cx).map(|ended| (self.id, ended.and_then(|answer| answer)))
    }
}
