//! Deals out phases of numbers, each divided into strides.

use flott_api::{Split, SplitAssigner, SplitEnumerator};
use flott_core::{Result, SubtaskIndex};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Every `step`th number from `next` on, below `end`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrideSplit {
    /// The first number of the stride.
    pub(super) first: u64,
    pub(super) next: u64,
    pub(super) step: u64,
    pub(super) end: u64,
}

impl Split for StrideSplit {
    fn id(&self) -> String {
        format!("{}+{}n<{}", self.first, self.step, self.end)
    }
}

impl StrideSplit {
    /// How many numbers are to come.
    pub(super) fn rows(&self) -> u64 {
        self.end.saturating_sub(self.next).div_ceil(self.step)
    }
}

/// What is remembered of a generator's numbers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GeneratorCheckpoint {
    /// Numbers from here on are in no split yet.
    next: u64,
    /// Splits that nobody has been given.
    pending: Vec<StrideSplit>,
}

/// Deals out strides, one for each request.
pub struct GeneratorEnumerator {
    /// Numbers from here on are not made.
    end: u64,
    pub(super) phase_rows: u64,
    parallelism: u64,
    next: u64,
    pending: VecDeque<StrideSplit>,
}

impl GeneratorEnumerator {
    pub(super) fn new(
        count: Option<u64>,
        phase_rows: u64,
        parallelism: u32,
        restored: Option<GeneratorCheckpoint>,
    ) -> Self {
        let (next, pending) = restored.map_or((0, Vec::new()), |r| (r.next, r.pending));
        GeneratorEnumerator {
            end: count.unwrap_or(u64::MAX),
            phase_rows: phase_rows.max(1),
            parallelism: u64::from(parallelism.max(1)),
            next,
            pending: pending.into(),
        }
    }

    fn start_phase(&mut self) {
        let start = self.next;
        self.next = start.saturating_add(self.phase_rows).min(self.end);
        let end = self.next;
        let step = self.parallelism.min(end.saturating_sub(start));
        self.pending.extend((start..start + step).map(|first| StrideSplit { first, next: first, step, end }));
    }
}

impl SplitEnumerator for GeneratorEnumerator {
    type Split = StrideSplit;
    type Checkpoint = GeneratorCheckpoint;

    fn on_split_request(&mut self, reader: SubtaskIndex, assigner: &mut SplitAssigner<StrideSplit>) -> Result<()> {
        if self.pending.is_empty() && self.next < self.end {
            self.start_phase();
        }
        match self.pending.pop_front() {
            Some(split) => assigner.assign(reader, split),
            None => assigner.no_more_splits(reader),
        }
        Ok(())
    }

    fn snapshot(&self) -> Result<GeneratorCheckpoint> {
        Ok(GeneratorCheckpoint { next: self.next, pending: self.pending.iter().cloned().collect() })
    }
}
