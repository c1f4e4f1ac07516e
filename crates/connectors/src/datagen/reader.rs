//! Makes the records of strides.

use super::StrideSplit;
use super::rate::RateLimiter;
use crate::inbox::Inbox;
use flott_api::{ReaderEvent, SourceReader};
use flott_core::{CheckpointId, Data, Result};
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Reads all its strides at once, so that its records come nearly in the order of their numbers.
pub struct GeneratorReader<T, F> {
    generate: Arc<F>,
    limiter: RateLimiter,
    inbox: Inbox<StrideSplit>,
    open: Vec<(Arc<str>, StrideSplit)>,
    types: PhantomData<fn() -> T>,
}

impl<T, F> GeneratorReader<T, F> {
    pub(super) fn new(generate: Arc<F>, limiter: RateLimiter) -> Self {
        GeneratorReader { generate, limiter, inbox: Inbox::new(), open: Vec::new(), types: PhantomData }
    }
}

impl<T: Data, F: Fn(u64) -> T + Send + Sync + 'static> SourceReader for GeneratorReader<T, F> {
    type Item = T;
    type Split = StrideSplit;

    fn add_splits(&mut self, splits: Vec<StrideSplit>) -> Result<()> {
        self.inbox.add(splits);
        Ok(())
    }

    fn no_more_splits(&mut self) {
        self.inbox.close();
    }

    fn poll_next(&mut self, task: &mut Context<'_>, rows_max: usize) -> Poll<Result<ReaderEvent<T>>> {
        while let Some(split) = self.inbox.take() {
            self.open.push(split);
        }
        let inbox = &self.inbox;
        let readable = self.open.iter().enumerate().filter(|(_, (id, _))| !inbox.is_paused(id));
        let Some(at) = readable.min_by_key(|(_, (_, split))| split.next).map(|(at, _)| at) else {
            return self.inbox.run_dry(!self.open.is_empty(), task).map(Ok);
        };
        let (id, split) = &mut self.open[at];
        if split.rows() == 0 {
            let id = id.clone();
            self.open.remove(at);
            self.inbox.forget(&id);
            return Poll::Ready(Ok(ReaderEvent::SplitFinished(id)));
        }
        self.inbox.wait(task);
        let due = ready!(self.limiter.poll_due(task));
        let count = due.min(rows_max.max(1) as u64).min(split.rows());
        let (first, step) = (split.next, split.step);
        let rows = (0..count as usize).map(|n| (self.generate)(first + n as u64 * step)).collect();
        split.next = first.saturating_add(count * step);
        self.limiter.give(count);
        Poll::Ready(Ok(ReaderEvent::Rows { split: id.clone(), rows, times: None }))
    }

    fn snapshot(&mut self) -> Result<Vec<StrideSplit>> {
        Ok(self.open.iter().map(|(_, split)| split).chain(self.inbox.iter()).cloned().collect())
    }

    fn on_checkpoint_complete(&mut self, _: CheckpointId) -> Result<()> {
        self.limiter.on_checkpoint_complete();
        Ok(())
    }

    fn set_paused(&mut self, split: &str, paused: bool) -> bool {
        self.inbox.set_paused(split, paused);
        true
    }
}
