//! What went wrong, newest first: Flink's exception history (`/jobs/:jobid/exceptions`), as data.

use super::error::chain_of;
use flott_api::control::TaskId;
use flott_core::{Error, ErrorKind, ProcessingTime};
use serde::Serialize;
use std::collections::VecDeque;

/// How many failures of the job are remembered: Flink's `web.exception-history-size`.
const ROOTS_MAX: usize = 16;
/// How many failures that came with another are remembered, each time.
const CONCURRENT_MAX: usize = 16;

/// One failure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExceptionEntry {
    /// Flink's `exceptionName`: here the kind of the error.
    pub kind: ErrorKind,
    /// Flink's `stacktrace`: the error, where it happened, and what caused it.
    pub text: String,
    /// When it was noticed.
    pub timestamp: ProcessingTime,
    /// The task that failed; none when the job failed as a whole.
    pub task: Option<TaskId>,
    /// The task's name.
    pub task_name: Option<String>,
}

/// A failure that made the job fail or restart, and those that came with it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RootException {
    /// The first failure.
    pub root: ExceptionEntry,
    /// Failures of other tasks until all had stopped.
    pub concurrent: Vec<ExceptionEntry>,
}

/// The latest failures of a job.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ExceptionHistory {
    /// Newest first.
    pub entries: VecDeque<RootException>,
    /// Whether older ones have been forgotten.
    pub truncated: bool,
}

impl ExceptionEntry {
    /// `error` of `task`, or of the job as a whole.
    pub(super) fn new(error: &Error, now: ProcessingTime, task: Option<(TaskId, String)>) -> Self {
        let (task, task_name) = task.unzip();
        ExceptionEntry { kind: error.kind(), text: chain_of(error), timestamp: now, task, task_name }
    }
}

impl ExceptionHistory {
    /// The job fails because of this.
    pub(super) fn root(&mut self, root: ExceptionEntry) {
        self.truncated |= self.entries.len() >= ROOTS_MAX;
        self.entries.truncate(ROOTS_MAX - 1);
        self.entries.push_front(RootException { root, concurrent: Vec::new() });
    }

    /// This failed too, while the job was failing.
    pub(super) fn concurrent(&mut self, entry: ExceptionEntry) {
        let latest = self.entries.front_mut().filter(|latest| latest.concurrent.len() < CONCURRENT_MAX);
        if let Some(latest) = latest {
            latest.concurrent.push(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_company_is_limited() {
        let mut history = ExceptionHistory::default();
        let entry = |n: i64| ExceptionEntry::new(&Error::data(format!("{n}")), ProcessingTime(n), None);
        for n in 0..20 {
            history.root(entry(n));
            (0..50).for_each(|m| history.concurrent(entry(100 + m)));
        }
        assert_eq!(history.entries.len(), ROOTS_MAX);
        assert!(history.truncated);
        assert_eq!(history.entries[0].root.timestamp, ProcessingTime(19));
        assert_eq!(history.entries[0].concurrent.len(), CONCURRENT_MAX);
    }
}
