//! A reader of splits whose rows are made in memory, without waiting for anything.

use crate::inbox::Inbox;
use flott_api::{ReaderEvent, SourceReader, Split};
use flott_core::{Data, Result};
use std::sync::Arc;
use std::task::{Context, Poll};

/// Makes the rows of a split.
pub trait MakeRows: Send {
    /// What is made.
    type Item: Data;
    /// What it is made from.
    type Split: Split;

    /// The next rows of `split`, at most `rows_max`, and moves its position behind them. No rows: it is finished.
    ///
    /// # Errors
    /// Fails the task.
    fn make(&mut self, split: &mut Self::Split, rows_max: usize) -> Result<Vec<Self::Item>>;
}

/// Reads one split after the other.
pub struct MemoryReader<M: MakeRows> {
    make: M,
    inbox: Inbox<M::Split>,
    /// Splits that are being read; more than one only if some are paused.
    open: Vec<(Arc<str>, M::Split)>,
}

impl<M: MakeRows> MemoryReader<M> {
    pub(crate) fn new(make: M) -> Self {
        MemoryReader { make, inbox: Inbox::new(), open: Vec::new() }
    }
}

impl<M: MakeRows> SourceReader for MemoryReader<M> {
    type Item = M::Item;
    type Split = M::Split;

    fn add_splits(&mut self, splits: Vec<M::Split>) -> Result<()> {
        self.inbox.add(splits);
        Ok(())
    }

    fn no_more_splits(&mut self) {
        self.inbox.close();
    }

    fn poll_next(&mut self, task: &mut Context<'_>, rows_max: usize) -> Poll<Result<ReaderEvent<M::Item>>> {
        let mut at = self.open.iter().position(|(id, _)| !self.inbox.is_paused(id));
        if at.is_none()
            && let Some(split) = self.inbox.take()
        {
            at = Some(self.open.len());
            self.open.push(split);
        }
        let Some(at) = at else { return self.inbox.run_dry(!self.open.is_empty(), task).map(Ok) };
        let (id, split) = &mut self.open[at];
        let rows = self.make.make(split, rows_max)?;
        let id = id.clone();
        if rows.is_empty() {
            self.open.remove(at);
            self.inbox.forget(&id);
            return Poll::Ready(Ok(ReaderEvent::SplitFinished(id)));
        }
        Poll::Ready(Ok(ReaderEvent::Rows { split: id, rows, times: None }))
    }

    fn snapshot(&mut self) -> Result<Vec<M::Split>> {
        Ok(self.open.iter().map(|(_, split)| split).chain(self.inbox.iter()).cloned().collect())
    }

    fn set_paused(&mut self, split: &str, paused: bool) -> bool {
        self.inbox.set_paused(split, paused);
        true
    }
}
