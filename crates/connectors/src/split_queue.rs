//! The enumerator of sources whose splits are known from the start: deals them out in order, one for each request.

use flott_api::{Split, SplitAssigner, SplitEnumerator};
use flott_core::{Result, SubtaskIndex};
use std::collections::VecDeque;

/// Splits that are not assigned yet. They are also what is remembered.
pub struct SplitQueue<S>(VecDeque<S>);

impl<S> SplitQueue<S> {
    /// Splits in the order in which they are dealt out.
    pub(crate) fn new(splits: Vec<S>) -> Self {
        SplitQueue(splits.into())
    }
}

impl<S: Split> SplitEnumerator for SplitQueue<S> {
    type Split = S;
    type Checkpoint = Vec<S>;

    fn on_split_request(&mut self, reader: SubtaskIndex, assigner: &mut SplitAssigner<S>) -> Result<()> {
        match self.0.pop_front() {
            Some(split) => assigner.assign(reader, split),
            None => assigner.no_more_splits(reader),
        }
        Ok(())
    }

    fn snapshot(&self) -> Result<Vec<S>> {
        Ok(self.0.iter().cloned().collect())
    }
}
