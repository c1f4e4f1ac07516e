//! Asynchronous calls: many records are asked about at once, on the I/O runtime, without holding up the slot.
//!
//! ```text
//! process -> waiting -> (capacity) -> queue + call on the I/O runtime
//! poll    <- results, watermarks, in the order that the queue gives
//! ```
//!
//! As long as records wait for a free place the operator takes no input, so `capacity` bounds what is under way. What
//! has no results yet is written into checkpoints as input and asked about anew after a restore.

mod call;
mod queue;

use call::{Asking, Call};
use flott_api::function::position::{Place, Position};
use flott_api::function::{AsyncFunction, AsyncRetryStrategy, Collector, OpenContext};
use flott_api::operator::{Progress, Readiness};
use flott_api::{Operator, OperatorContext, OperatorFactory, Output};
use flott_core::error::ResultExt;
use flott_core::{Batch, Error, EventTime, Result, Watermark};
use flott_state::{OperatorListState, Redistribution};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use queue::{Control, Given, Queue, Released};
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Calls under way unless another number is set.
const CAPACITY: usize = 100;

/// In which order results come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputMode {
    /// In the order of the records.
    Ordered,
    /// As they come; but none passes a watermark.
    Unordered,
}

/// Runs an [`AsyncFunction`].
///
/// ```
/// # use flott_api::function::{AsyncFunction, AsyncRetryStrategy};
/// # use flott_core::Result;
/// # #[derive(Clone)]
/// # struct LookUp;
/// # impl AsyncFunction for LookUp {
/// #     type In = u64;
/// #     type Out = String;
/// #     async fn invoke(&self, id: u64) -> Result<Vec<String>> {
/// #         Ok(vec![id.to_string()])
/// #     }
/// # }
/// use flott_operators::AsyncWait;
/// use std::time::Duration;
///
/// let retry = AsyncRetryStrategy::fixed_delay(3, Duration::from_millis(100)).if_error(|_| true);
/// let operator = AsyncWait::unordered(LookUp, Duration::from_secs(5)).capacity(200).retry(retry);
/// ```
pub struct AsyncWait<F: AsyncFunction> {
    function: F,
    mode: OutputMode,
    timeout: Duration,
    capacity: usize,
    retry: AsyncRetryStrategy<F::Out>,
}

impl<F: AsyncFunction> AsyncWait<F> {
    /// Results in the order of the records. A call may take `timeout`, retries included; zero is without limit.
    pub fn ordered(function: F, timeout: Duration) -> Self {
        Self::new(function, timeout, OutputMode::Ordered)
    }

    /// Results as they come. A call may take `timeout`, retries included; zero is without limit.
    pub fn unordered(function: F, timeout: Duration) -> Self {
        Self::new(function, timeout, OutputMode::Unordered)
    }

    fn new(function: F, timeout: Duration, mode: OutputMode) -> Self {
        AsyncWait { function, mode, timeout, capacity: CAPACITY, retry: AsyncRetryStrategy::none() }
    }

    /// Sets how many calls may be under way; then no more input is taken. 100 if not set.
    #[must_use]
    pub fn capacity(mut self, calls: usize) -> Self {
        self.capacity = calls;
        self
    }

    /// Sets when a call is made again.
    #[must_use]
    pub fn retry(mut self, strategy: AsyncRetryStrategy<F::Out>) -> Self {
        self.retry = strategy;
        self
    }
}

impl<F: AsyncFunction> OperatorFactory for AsyncWait<F> {
    fn create(&self) -> Result<Box<dyn Operator>> {
        if self.capacity == 0 {
            return Err(Error::invalid(
                "an asynchronous operator with a capacity of 0 can do nothing; allow at least 1 call",
            ));
        }
        Ok(Box::new(AsyncWaitOperator {
            function: Some(self.function.clone()),
            asking: None,
            timeout: Some(self.timeout).filter(|t| !t.is_zero()),
            retry: self.retry.clone(),
            capacity: self.capacity,
            waiting: VecDeque::new(),
            queue: Queue::new(self.mode),
            calls: FuturesUnordered::new(),
            state: None,
            has_ended: false,
            position: Position::default(),
            collector: Collector::new(),
        }))
    }
}

struct AsyncWaitOperator<F: AsyncFunction> {
    /// Until the operator has opened.
    function: Option<F>,
    /// Afterwards.
    asking: Option<Arc<Asking<F>>>,
    timeout: Option<Duration>,
    retry: AsyncRetryStrategy<F::Out>,
    capacity: usize,
    /// What came in while all places were taken.
    waiting: VecDeque<Given<F::In>>,
    queue: Queue<F::In, F::Out>,
    calls: FuturesUnordered<Call<F::Out>>,
    /// What has no results yet, as of the last barrier.
    state: Option<OperatorListState<(F::In, Option<EventTime>)>>,
    has_ended: bool,
    position: Position,
    collector: Collector<F::Out>,
}

impl<F: AsyncFunction> AsyncWaitOperator<F> {
    fn asking(&self) -> Result<Arc<Asking<F>>> {
        self.asking.clone().ok_or_else(|| Error::internal("an asynchronous operator is used before it was opened"))
    }

    /// Starts calls for what is waiting, as long as there are places.
    fn start_calls(&mut self, cx: &OperatorContext, out: &mut dyn Output) -> Result<()> {
        while let Some(given) = self.waiting.pop_front() {
            match given {
                Given::Control(control) => {
                    self.queue.push_control(control);
                    self.release(out)?;
                }
                Given::Record(record) if self.queue.len() >= self.capacity => {
                    self.waiting.push_front(Given::Record(record));
                    break;
                }
                Given::Record(record) => {
                    let asking = self.asking()?;
                    let input = record.input.clone();
                    let id = self.queue.push(record);
                    self.calls.push(Call::new(id, cx.env.spawn(asking.ask(input))));
                }
            }
        }
        Ok(())
    }

    /// Passes on what the queue lets go.
    fn release(&mut self, out: &mut dyn Output) -> Result<()> {
        while let Some(released) = self.queue.pop() {
            match released {
                Released::Results(results, time) => {
                    self.collector.set_time(time);
                    results.into_iter().for_each(|row| self.collector.collect(row));
                    self.collector.flush_if_full(out)?;
                }
                Released::Control(Control::Watermark(watermark)) => {
                    self.collector.flush(out)?;
                    out.watermark(watermark)?;
                }
                Released::Control(Control::Idle) => {
                    self.collector.flush(out)?;
                    out.idle()?;
                }
            }
        }
        Ok(())
    }

    /// Puts into the state what has no results yet.
    fn remember(&self, cx: &mut OperatorContext) {
        if let Some(state) = &self.state {
            let waiting = self.waiting.iter().filter_map(Given::input);
            state.update(&mut cx.state, self.queue.inputs().chain(waiting).collect());
        }
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.queue.is_empty()
    }

    fn push_control(&mut self, control: Control, cx: &OperatorContext, out: &mut dyn Output) -> Result<()> {
        self.waiting.push_back(Given::Control(control));
        self.start_calls(cx, out)
    }
}

impl<F: AsyncFunction> Operator for AsyncWaitOperator<F> {
    fn open(&mut self, cx: &mut OperatorContext) -> Result<()> {
        let Some(mut function) = self.function.take() else {
            return Err(Error::internal("an asynchronous operator is opened twice"));
        };
        function.open(&mut OpenContext::new(cx))?;
        self.asking =
            Some(Arc::new(Asking { function, retry: self.retry.clone(), timeout: self.timeout, env: cx.env.clone() }));
        let state = cx.state.list("async in flight", Redistribution::Split)?;
        let restored = std::mem::take(state.get_mut(&mut cx.state));
        self.waiting.extend(restored.into_iter().map(|(input, time)| Given::restored(input, time)));
        self.state = Some(state);
        Ok(())
    }

    fn process(&mut self, _: usize, batch: Batch, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        let (rows, times) = batch.into_rows::<F::In>()?;
        let mut at = self.position.batch(rows.len());
        for (n, row) in rows.into_iter().enumerate() {
            at.next();
            self.waiting.push_back(Given::record(row, times.as_ref().map(|t| t[n]), at.place()));
        }
        drop(at);
        self.start_calls(cx, out)
    }

    fn poll(&mut self, task: &mut Context<'_>, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<Readiness> {
        self.start_calls(cx, out)?;
        while let Poll::Ready(Some((id, answer))) = self.calls.poll_next_unpin(task) {
            let place = self.queue.place(id);
            let results =
                answer.in_context(|| place.map_or("a restored record".to_owned(), |p| Place::to_string(&p)))?;
            self.queue.complete(id, results);
            self.release(out)?;
            self.start_calls(cx, out)?;
        }
        self.collector.flush(out)?;
        let is_busy = !self.waiting.is_empty() || (self.has_ended && !self.is_empty());
        Ok(if is_busy { Readiness::Busy } else { Readiness::Ready })
    }

    fn on_watermark(&mut self, watermark: Watermark, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        self.push_control(Control::Watermark(watermark), cx, out)
    }

    fn on_idle(&mut self, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        self.push_control(Control::Idle, cx, out)
    }

    fn before_barrier(&mut self, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        self.remember(cx);
        // What has come out of the queue is not in the state and belongs before the barrier.
        self.collector.flush(out)
    }

    fn end_input(&mut self, _: usize, _: &mut OperatorContext, _: &mut dyn Output) -> Result<()> {
        self.has_ended = true;
        Ok(())
    }

    fn finish(&mut self, cx: &mut OperatorContext, _: &mut dyn Output) -> Result<Progress> {
        if !self.is_empty() {
            return Ok(Progress::More);
        }
        // No barrier comes any more: what was under way at the last one must not be in the last checkpoints.
        self.remember(cx);
        Ok(Progress::Done)
    }
}

#[cfg(test)]
mod tests;
