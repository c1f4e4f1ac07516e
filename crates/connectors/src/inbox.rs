//! What every reader keeps of its splits: those that wait, those that are paused, and what it says when none can be
//! read.

use flott_api::{ReaderEvent, Split};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// The splits of a reader that wait for their turn.
pub(crate) struct Inbox<S> {
    splits: VecDeque<(Arc<str>, S)>,
    paused: BTreeSet<String>,
    is_closed: bool,
    has_asked: bool,
    waker: Option<Waker>,
}

impl<S: Split> Inbox<S> {
    pub(crate) fn new() -> Self {
        Inbox { splits: VecDeque::new(), paused: BTreeSet::new(), is_closed: false, has_asked: false, waker: None }
    }

    pub(crate) fn add(&mut self, splits: Vec<S>) {
        self.splits.extend(splits.into_iter().map(|split| (split.id().into(), split)));
        self.has_asked = false;
        self.wake();
    }

    /// No more splits will come.
    pub(crate) fn close(&mut self) {
        self.is_closed = true;
        self.wake();
    }

    pub(crate) fn set_paused(&mut self, split: &str, paused: bool) {
        if !paused {
            self.paused.remove(split);
            self.wake();
        } else if !self.paused.contains(split) {
            self.paused.insert(split.to_owned());
        }
    }

    pub(crate) fn is_paused(&self, split: &str) -> bool {
        !self.paused.is_empty() && self.paused.contains(split)
    }

    /// Takes the first split that is not paused.
    pub(crate) fn take(&mut self) -> Option<(Arc<str>, S)> {
        let at = self.splits.iter().position(|(id, _)| !self.is_paused(id))?;
        self.splits.remove(at)
    }

    /// A split has been read to its end.
    pub(crate) fn forget(&mut self, split: &str) {
        self.paused.remove(split);
    }

    /// The splits that wait.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &S> {
        self.splits.iter().map(|(_, split)| split)
    }

    /// What a reader says that has nothing to read. `has_open` tells whether it has splits beside those here, all of
    /// them paused.
    pub(crate) fn run_dry<T>(&mut self, has_open: bool, task: &Context<'_>) -> Poll<ReaderEvent<T>> {
        if self.splits.is_empty() && !has_open {
            if self.is_closed {
                return Poll::Ready(ReaderEvent::End);
            }
            if !self.has_asked {
                self.has_asked = true;
                return Poll::Ready(ReaderEvent::RequestSplit);
            }
        }
        self.wait(task);
        Poll::Pending
    }

    /// Wakes `task` when splits come or go on.
    pub(crate) fn wait(&mut self, task: &Context<'_>) {
        if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(task.waker())) {
            self.waker = Some(task.waker().clone());
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}
