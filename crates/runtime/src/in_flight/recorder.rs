//! What is in front of a task's barriers, written down while the task goes on.

use super::element;
use super::{EventTimes, InFlight, Overtaken};
use flott_core::{Batch, CheckpointId, Element, Result};
use std::collections::BTreeMap;
use tokio::sync::oneshot;

/// A checkpoint that overtook, until the last barrier has come.
pub(crate) struct Recorder {
    pub checkpoint: CheckpointId,
    times: EventTimes,
    channels: BTreeMap<usize, Overtaken>,
    /// Whoever writes it. It is told nothing if the checkpoint is given up.
    done: oneshot::Sender<InFlight>,
}

impl Recorder {
    /// Nothing written down yet, and where it will be given to in the end.
    pub fn new(checkpoint: CheckpointId, times: EventTimes) -> (Recorder, oneshot::Receiver<InFlight>) {
        let (done, in_flight) = oneshot::channel();
        (Recorder { checkpoint, times, channels: BTreeMap::new(), done }, in_flight)
    }

    /// An element of a channel belongs to the checkpoint.
    ///
    /// # Errors
    /// As [`element::encode`].
    pub fn add(&mut self, channel: usize, element: &Element) -> Result<()> {
        let overtaken = self.of(channel);
        if element::encode(element, &mut overtaken.bytes)? {
            overtaken.elements += 1;
        }
        Ok(())
    }

    /// What is left of a batch of a channel belongs to the checkpoint.
    ///
    /// # Errors
    /// As [`element::encode`].
    pub fn add_rest(&mut self, channel: usize, batch: &Batch) -> Result<()> {
        let overtaken = self.of(channel);
        overtaken.elements += 1;
        element::encode_batch(batch, &mut overtaken.bytes)
    }

    /// All barriers have come.
    pub fn finish(self) {
        let overtaken = self.channels.into_values().filter(|overtaken| overtaken.elements > 0).collect();
        // A checkpoint that nobody writes any more needs nothing.
        let _ = self.done.send(InFlight { times: self.times, overtaken });
    }

    fn of(&mut self, channel: usize) -> &mut Overtaken {
        self.channels.entry(channel).or_insert_with(|| Overtaken { channel, ..Overtaken::default() })
    }
}
