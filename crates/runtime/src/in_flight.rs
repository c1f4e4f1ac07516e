//! What was on its way to a task when the barriers of an unaligned checkpoint overtook it, and how far event time had
//! come there.
//!
//! ```text
//! input says Overtake -> recorder: what is in front of the barriers -> InFlight -> bytes -> the checkpoint
//! the checkpoint      -> bytes -> InFlight -> replay: the old subtasks' input, before anything else is read
//! ```
//!
//! Event time is part of it, which Flink's unaligned checkpoints lack: a record that is replayed is late or on time as it
//! would have been without the failure.

pub(crate) mod element;
pub(crate) mod recorder;
pub(crate) mod replay;

use crate::input::watermark::{CombinedWatermark, Merged, WatermarkValve};
use bytes::Bytes;
use flott_core::{Error, Result, Watermark, codec};
use serde::{Deserialize, Serialize};

/// The format of the bytes, which stands in front of them.
const FORMAT_VERSION: u8 = 1;

/// A channel into a task, named so that it means the same in the next run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelName {
    /// Which input of the head operator.
    pub input: u32,
    /// Which of the edges into that input.
    pub edge: u32,
    /// Which subtask sends.
    pub sender: u32,
}

/// How far event time has come in a task: of each channel, of each input, of all.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EventTimes {
    /// What the head operator has been told.
    pub watermark: Watermark,
    /// One per input, with its channels in the order of `channels`.
    pub valves: Vec<WatermarkValve>,
    pub combined: CombinedWatermark,
    pub channels: Vec<ChannelName>,
    /// What the operator has not been told, or has not done with: a watermark whose timers are firing comes first.
    pub pending: Vec<Merged>,
}

/// What was overtaken on one channel.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overtaken {
    /// Where the channel stands among all channels of the task.
    pub channel: usize,
    pub elements: u64,
    /// The elements, one behind the other ([`element`]).
    pub bytes: Vec<u8>,
}

/// Everything that belongs to a checkpoint of what is in front of a task's operators.
#[derive(Clone, Debug)]
pub(crate) struct InFlight {
    pub times: EventTimes,
    pub overtaken: Vec<Overtaken>,
}

/// The front of the bytes.
#[derive(Serialize, Deserialize)]
struct Head {
    times: EventTimes,
    /// Of each channel with elements: where it stands, and the number of its bytes.
    overtaken: Vec<(u64, u64)>,
}

impl InFlight {
    /// Number of elements.
    pub fn elements(&self) -> u64 {
        self.overtaken.iter().map(|channel| channel.elements).sum()
    }

    /// Bytes of all elements.
    pub fn byte_count(&self) -> u64 {
        self.overtaken.iter().map(|channel| channel.bytes.len() as u64).sum()
    }

    /// As bytes.
    ///
    /// # Errors
    /// `Internal` when it cannot be encoded.
    pub fn encode(self) -> Result<Vec<u8>> {
        let overtaken = self.overtaken.iter().map(|o| (o.channel as u64, o.bytes.len() as u64)).collect();
        let mut bytes = vec![FORMAT_VERSION];
        codec::encode(&Head { times: self.times, overtaken }, &mut bytes)?;
        self.overtaken.into_iter().for_each(|o| bytes.extend(o.bytes));
        Ok(bytes)
    }

    /// From bytes: event times, and of each channel where it stands and its elements.
    ///
    /// # Errors
    /// `Corrupt` when they are not what [`InFlight::encode`] writes.
    pub fn decode(bytes: &Bytes) -> Result<(EventTimes, Vec<(usize, Bytes)>)> {
        let Some((version, mut rest)) = bytes.split_first() else { return Err(damaged("they are empty")) };
        if *version != FORMAT_VERSION {
            return Err(damaged(&format!("they have format version {version} and this Flott reads {FORMAT_VERSION}")));
        }
        let head: Head = codec::decode(&mut rest)?;
        let mut start = bytes.len() - rest.len();
        let mut channels = Vec::with_capacity(head.overtaken.len());
        for (channel, len) in head.overtaken {
            let end = usize::try_from(len).ok().and_then(|len| start.checked_add(len));
            let end = end.filter(|end| *end <= bytes.len()).ok_or_else(|| damaged("they are cut off"))?;
            let channel = usize::try_from(channel).ok().filter(|channel| *channel < head.times.channels.len());
            channels.push((channel.ok_or_else(|| damaged("a channel is unknown"))?, bytes.slice(start..end)));
            start = end;
        }
        Ok((head.times, channels))
    }
}

fn damaged(why: &str) -> Error {
    Error::corrupt(format!(
        "the bytes of records in flight in the checkpoint cannot be read: {why}; restore another checkpoint"
    ))
}

#[cfg(test)]
mod tests;
