//! User code that fails at its k-th call.

use crate::faults::{Mishap, MishapKind};
use flott_core::{Error, Result};
use std::collections::VecDeque;

/// Calls of user code in one life, and those that are to fail.
#[derive(Default)]
pub(super) struct Mishaps {
    calls: u64,
    planned: VecDeque<Mishap>,
}

impl Mishaps {
    pub(super) fn new(planned: Vec<Mishap>) -> Self {
        Mishaps { calls: 0, planned: planned.into() }
    }

    /// Counts a call and says whether, and how, it fails.
    pub(super) fn step(&mut self) -> Option<(u64, MishapKind)> {
        self.calls += 1;
        let next = self.planned.front()?;
        if self.calls < next.at {
            return None;
        }
        let kind = next.kind;
        self.planned.pop_front();
        Some((self.calls, kind))
    }
}

/// Fails.
pub(super) fn happen(call: u64, kind: MishapKind) -> Result<()> {
    let message = format!("simulated mishap at call {call}");
    match kind {
        MishapKind::Error => Err(Error::data(message)),
        // Does not go through the panic hook, which would print thousands of these.
        MishapKind::Panic => std::panic::resume_unwind(Box::new(message)),
    }
}
