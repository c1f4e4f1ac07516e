//! The ways out of a task: what waits there to be sent to other tasks, or to be written by sinks.

use super::{Chain, Exit};
use flott_core::{Element, Result};
use std::task::{Context, Poll};

impl Chain {
    /// Puts `element` behind everything emitted, on every channel out of the task.
    pub(crate) fn broadcast(&mut self, element: &Element) -> Result<()> {
        self.exits.iter_mut().try_for_each(|e| e.broadcast(element))
    }

    /// How many rows have come to a way out so far, on the average of all of them.
    pub(crate) fn rows_emitted(&self) -> u64 {
        self.exits.iter().map(Exit::rows_emitted).sum::<u64>() / self.exits.len().max(1) as u64
    }

    /// Makes batches of all rows on their way out.
    pub(crate) fn seal(&mut self) -> Result<()> {
        self.exits.iter_mut().try_for_each(|e| match e {
            Exit::Port(port) => port.seal(),
            Exit::Sink(_) => Ok(()),
        })
    }

    /// Whether rows wait to become a batch.
    pub(crate) fn has_open(&self) -> bool {
        self.exits.iter().any(|e| matches!(e, Exit::Port(port) if port.has_open()))
    }

    /// Whether something waits to be sent.
    pub(crate) fn has_sealed(&self) -> bool {
        self.exits.iter().any(|e| matches!(e, Exit::Port(port) if port.has_sealed()))
    }

    /// Whether something waits to be written by a sink.
    pub(crate) fn has_pending(&self) -> bool {
        self.exits.iter().any(|e| matches!(e, Exit::Sink(sink) if sink.has_pending()))
    }

    /// Lets sinks write what they have been given.
    pub(crate) async fn write_pending(&mut self) -> Result<()> {
        for exit in &mut self.exits {
            if let Exit::Sink(sink) = exit {
                sink.write_pending().await?;
            }
        }
        Ok(())
    }

    /// Whether a barrier or the end waits to be sent on a way on which it may overtake.
    pub(crate) fn can_overtake(&self) -> bool {
        self.exits.iter().any(|e| matches!(e, Exit::Port(port) if port.can_overtake()))
    }

    /// Sends barriers and ends that wait, and all before them, room or not, where they may overtake.
    pub(crate) fn overtake(&mut self) {
        for exit in &mut self.exits {
            if let Exit::Port(port) = exit {
                port.overtake();
            }
        }
    }

    /// Sends what can be sent without waiting.
    pub(crate) fn try_flush(&mut self, task: &mut Context<'_>) -> Poll<()> {
        let mut done = Poll::Ready(());
        for exit in &mut self.exits {
            if let Exit::Port(port) = exit
                && port.poll_flush(task).is_pending()
            {
                done = Poll::Pending;
            }
        }
        done
    }
}
