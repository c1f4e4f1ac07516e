//! Asynchronous calls for the records of a stream: look-ups in databases and services, many at once. (Flink:
//! `AsyncDataStream`.)

use crate::stream::DataStream;
use flott_api::OperatorFactory;
use flott_api::function::{AsyncFunction, AsyncRetryStrategy};
use flott_core::{Data, Result};
use flott_graph::{NodeId, NodeKind};
use flott_operators::AsyncWait;
use flott_operators::async_wait::OutputMode;
use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

impl<T: Data> DataStream<T> {
    /// Replaces each record by the results of an [`AsyncFunction`], in the order of the records. A call may take
    /// `timeout`, retries included; zero is without limit. Up to 100 calls are under way at once.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # use std::time::Duration;
    /// #[derive(Clone)]
    /// struct LookUp;
    ///
    /// impl AsyncFunction for LookUp {
    ///     type In = i64;
    ///     type Out = (i64, String);
    ///     async fn invoke(&self, user: i64) -> Result<Vec<(i64, String)>> {
    ///         Ok(vec![(user, format!("user {user}"))])
    ///     }
    /// }
    ///
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let users = env.from_sequence(7, 8).ordered_wait(LookUp, Duration::from_secs(5));
    /// assert_eq!(users.execute_and_collect("users")?, [(7, "user 7".to_owned()), (8, "user 8".to_owned())]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn ordered_wait<F: AsyncFunction<In = T>>(&self, function: F, timeout: Duration) -> AsyncStream<F> {
        AsyncStream::new(self, Calls { function, timeout, mode: OutputMode::Ordered, capacity: None, retry: None })
    }

    /// As [`DataStream::ordered_wait`], with results as they come; but none passes a watermark.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # use std::time::Duration;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let double = async_function(|n: i64| async move { Ok(vec![n * 2]) });
    /// let doubled = env.from_sequence(1, 3).unordered_wait(double, Duration::from_secs(5));
    /// let mut doubled = doubled.execute_and_collect("double")?;
    /// doubled.sort();
    /// assert_eq!(doubled, [2, 4, 6]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn unordered_wait<F: AsyncFunction<In = T>>(&self, function: F, timeout: Duration) -> AsyncStream<F> {
        AsyncStream::new(self, Calls { function, timeout, mode: OutputMode::Unordered, capacity: None, retry: None })
    }
}

/// The results of asynchronous calls, and how the calls are made. It is a [`DataStream`]; set what is to be set before
/// it is used.
pub struct AsyncStream<F: AsyncFunction> {
    stream: DataStream<F::Out>,
    node: NodeId,
    calls: Calls<F>,
}

/// How calls are made.
struct Calls<F: AsyncFunction> {
    function: F,
    timeout: Duration,
    mode: OutputMode,
    capacity: Option<usize>,
    retry: Option<AsyncRetryStrategy<F::Out>>,
}

impl<F: AsyncFunction> Deref for AsyncStream<F> {
    type Target = DataStream<F::Out>;
    fn deref(&self) -> &DataStream<F::Out> {
        &self.stream
    }
}

impl<F: AsyncFunction> AsyncStream<F> {
    fn new(input: &DataStream<F::In>, calls: Calls<F>) -> Self {
        let factory = calls.operator();
        let node = input.env().add_node("async wait operator", NodeKind::Operator(factory), &[input.outlets()]);
        AsyncStream { stream: DataStream::of_node(input.env().clone(), node), node, calls }
    }

    /// How many calls may be under way in a subtask; then no more records are taken.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # use std::time::Duration;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let echo = async_function(|n: i64| async move { Ok(vec![n]) });
    /// let one_by_one = env.from_sequence(1, 3).ordered_wait(echo, Duration::from_secs(5)).capacity(1);
    /// assert_eq!(one_by_one.execute_and_collect("echo")?, [1, 2, 3]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn capacity(self, calls: usize) -> Self {
        if calls == 0 {
            self.stream.env().draft().mistake(Some(self.node), "its capacity is 0; allow at least 1 call");
            return self;
        }
        self.with(|set| set.capacity = Some(calls))
    }

    /// Whether, how often and when a call is made again.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # use std::time::Duration;
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU32, Ordering};
    ///
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let calls = Arc::new(AtomicU32::new(0));
    /// let third_time_lucky = async_function(move |n: i64| {
    ///     let call = calls.fetch_add(1, Ordering::Relaxed);
    ///     async move { if call < 2 { Err(Error::unavailable("not now")) } else { Ok(vec![n]) } }
    /// });
    /// let retry = AsyncRetryStrategy::fixed_delay(5, Duration::from_millis(1)).if_error(|e| e.kind().is_retryable());
    /// let answers = env.from_elements([7i64]).ordered_wait(third_time_lucky, Duration::from_secs(5)).retry(retry);
    /// assert_eq!(answers.execute_and_collect("answers")?, [7]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn retry(self, strategy: AsyncRetryStrategy<F::Out>) -> Self {
        self.with(|set| set.retry = Some(strategy))
    }

    /// Changes how calls are made.
    fn with(mut self, change: impl FnOnce(&mut Calls<F>)) -> Self {
        change(&mut self.calls);
        if let Some(node) = self.stream.env().draft().node_mut(self.node) {
            node.kind = NodeKind::Operator(self.calls.operator());
        }
        self
    }
}

impl<F: AsyncFunction> Calls<F> {
    fn operator(&self) -> Arc<dyn OperatorFactory> {
        let mut operator = match self.mode {
            OutputMode::Ordered => AsyncWait::ordered(self.function.clone(), self.timeout),
            OutputMode::Unordered => AsyncWait::unordered(self.function.clone(), self.timeout),
        };
        if let Some(capacity) = self.capacity {
            operator = operator.capacity(capacity);
        }
        if let Some(retry) = &self.retry {
            operator = operator.retry(retry.clone());
        }
        Arc::new(operator)
    }
}

/// A closure that returns a future, as an [`AsyncFunction`].
///
/// ```
/// use flott::prelude::*;
/// use std::time::Duration;
///
/// # fn main() -> Result<()> {
/// let env = StreamExecutionEnvironment::get_execution_environment()?;
/// let names = async_function(|user: u32| async move { Ok(vec![format!("user {user}")]) });
/// let named = env.from_elements([1, 2]).ordered_wait(names, Duration::from_secs(1));
/// assert_eq!(named.execute_and_collect("names")?, ["user 1", "user 2"]);
/// # Ok(())
/// # }
/// ```
pub fn async_function<T, U, Fut, C>(call: C) -> AsyncClosure<T, C>
where
    T: Data,
    U: Data + Sync,
    Fut: Future<Output = Result<Vec<U>>> + Send,
    C: Fn(T) -> Fut + Clone + Send + Sync + 'static,
{
    AsyncClosure { call, input: PhantomData }
}

/// Made by [`async_function`].
pub struct AsyncClosure<T, C> {
    call: C,
    input: PhantomData<fn(T)>,
}

impl<T, C: Clone> Clone for AsyncClosure<T, C> {
    fn clone(&self) -> Self {
        AsyncClosure { call: self.call.clone(), input: PhantomData }
    }
}

impl<T, U, Fut, C> AsyncFunction for AsyncClosure<T, C>
where
    T: Data,
    U: Data + Sync,
    Fut: Future<Output = Result<Vec<U>>> + Send,
    C: Fn(T) -> Fut + Clone + Send + Sync + 'static,
{
    type In = T;
    type Out = U;

    fn invoke(&self, input: T) -> impl Future<Output = Result<Vec<U>>> + Send {
        (self.call)(input)
    }
}
