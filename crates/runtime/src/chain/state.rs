//! The keyed state of all operators of a task: how much of it is in memory, and what is to go.

use super::{Chain, Node};
use flott_core::error::ResultExt;
use flott_core::{ProcessingTime, Result, Watermark};
use flott_state::WorkingSet;
use std::task::{Context, Poll};

impl Chain {
    /// How many entries operators have had looked up in stores so far.
    pub(crate) fn looked_up(&self) -> u64 {
        self.nodes.iter().filter_map(|node| node.cx.keyed.as_ref()).map(|keyed| keyed.looked_up()).sum()
    }

    /// Shows the hot keys of all operators as they are now, and says whether there are any.
    pub(crate) fn show_hot_keys(&mut self, now: ProcessingTime) -> bool {
        let mut any = false;
        for node in &mut self.nodes {
            if let (Some(gauges), Some(keyed)) = (&mut node.hot_keys, &mut node.cx.keyed) {
                gauges.show(keyed.hot_keys(now));
                any |= !gauges.is_empty();
            }
        }
        any
    }

    /// Has keyed state make memory free where too much is in use.
    pub(crate) fn settle(&mut self) -> Result<()> {
        for node in &mut self.nodes {
            if let Some(keyed) = &mut node.cx.keyed {
                keyed.settle().in_context(|| format!("operator `{}`", node.cx.info.operator_name))?;
            }
        }
        Ok(())
    }

    /// Whether there is memory for more. The task is woken when that may have changed, and when memory is to be made free.
    pub(crate) fn poll_room(&self, task: &mut Context<'_>) -> Poll<()> {
        let mut room = Poll::Ready(());
        // All are asked, so that each knows whom to wake.
        for set in self.working_sets() {
            if set.poll_room(task).is_pending() {
                room = Poll::Pending;
            }
        }
        room
    }

    /// Whether [`Chain::settle`] would do something.
    pub(crate) fn is_to_settle(&self) -> bool {
        self.working_sets().any(WorkingSet::is_to_settle)
    }

    /// How many rows are best worked on at once, so that the state they need fits into memory.
    pub(crate) fn batch_rows(&self) -> usize {
        self.working_sets().map(WorkingSet::batch_rows).min().unwrap_or(usize::MAX)
    }

    fn working_sets(&self) -> impl Iterator<Item = &WorkingSet> {
        self.nodes.iter().filter_map(|node| node.cx.keyed.as_ref()).map(|keyed| keyed.working_set())
    }

    /// In batch mode, when all of the head's timers have fired: forgets the keys so far and begins with the next ones.
    pub(crate) fn forget_keys(&mut self) {
        if let Some(Node { cx, .. }) = self.nodes.first_mut() {
            if let Some(keyed) = &mut cx.keyed {
                keyed.clear();
            }
            cx.watermark = Watermark::MIN;
        }
    }
}
