//! What a snapshot consists of: the small, serialisable descriptions that travel from task to coordinator, into the
//! checkpoint's metadata, and back to a task at restore.

use crate::canonical::StateDescription;
use flott_core::schema::Schema;
use flott_core::{KeyGroupRange, OperatorId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes of a snapshot: here, or in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blob {
    /// Small enough to be kept in the metadata.
    Inline(#[serde(with = "hex_bytes")] Vec<u8>),
    /// A file below the job's checkpoint folder.
    File {
        /// Path relative to the job's folder, such as `shared/1f…` or `chk-7/2a…`.
        path: String,
        /// Bytes.
        len: u64,
        /// XXH3-64 of the bytes, as hexadecimal text.
        #[serde(with = "hex_sum")]
        sum: u64,
    },
    /// A stretch of a file that several blobs of a task are in.
    Segment {
        /// Path relative to the job's folder.
        path: String,
        /// The first byte.
        offset: u64,
        /// Bytes.
        len: u64,
        /// XXH3-64 of these bytes, as hexadecimal text.
        #[serde(with = "hex_sum")]
        sum: u64,
    },
}

impl Blob {
    /// Bytes, wherever they are.
    pub fn len(&self) -> u64 {
        match self {
            Blob::Inline(bytes) => bytes.len() as u64,
            Blob::File { len, .. } | Blob::Segment { len, .. } => *len,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the bytes end in the file that it is, or is in.
    pub(crate) fn end(&self) -> u64 {
        match self {
            Blob::Inline(_) | Blob::File { .. } => self.len(),
            Blob::Segment { offset, len, .. } => offset.saturating_add(*len),
        }
    }

    /// The path of the file that it is, or is in.
    pub fn path(&self) -> Option<&str> {
        match self {
            Blob::Inline(_) => None,
            Blob::File { path, .. } | Blob::Segment { path, .. } => Some(path),
        }
    }
}

/// What [`Blob::File`] keeps to find damage: XXH3-64.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}

/// Keyed state of one operator in one subtask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyedSnapshot {
    /// The key groups that the files hold.
    pub range: KeyGroupRange,
    /// The files: of a table in memory a full one and then what changed, oldest first; of a store its own.
    pub files: Vec<Blob>,
    /// What the states are that are in the files. In a checkpoint's metadata it stands with the operator.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<Arc<StateDescription>>,
    /// Set if the files are those of a store ([`crate::store::KeyedStore`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreFiles>,
    /// Set if the files are tables of a canonical savepoint: what each holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<TablePart>,
}

/// What a file holds that is (part of) a table of a canonical savepoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TablePart {
    /// The state.
    pub state: String,
    /// Rows.
    pub rows: u64,
    /// The key groups of its rows, if it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_groups: Option<KeyGroupRange>,
}

/// What is to be known of the files of a store's snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreFiles {
    /// The backend that wrote them ([`crate::store::StateBackend::name`]).
    pub backend: String,
    /// The name of each file, which the store looks for.
    pub names: Vec<String>,
}

/// How the items of an operator's list are dealt out when the parallelism changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Redistribution {
    /// Item by item, in turn, over the new subtasks.
    Split,
    /// Every subtask gets all items of all subtasks.
    Union,
    /// Every subtask has the same content and keeps one copy of it.
    Broadcast,
}

/// One list of an operator's non-keyed state in one subtask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListSnapshot {
    /// What happens to the items at another parallelism.
    pub redistribution: Redistribution,
    /// What the items are, if they are more than bytes; of a broadcast map pairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Arc<Schema>>,
    /// Each item's length in the blob, in bytes.
    pub lengths: Vec<u32>,
    /// The encoded items, one after the other.
    pub items: Blob,
}

/// How the records that were on their way to an operator are dealt out when its parallelism changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InFlightDealing {
    /// Record by record, to the subtasks that own their keys.
    Keys,
    /// Record by record, to any subtask.
    Rows,
    /// All that was on its way to one subtask goes to one subtask.
    Whole,
}

/// What was on its way to an operator in one subtask when the barriers of an unaligned checkpoint overtook it, and how
/// far event time had come there. Only the runtime knows what the bytes mean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlightSnapshot {
    /// What happens to the records at another parallelism.
    pub dealing: InFlightDealing,
    /// Elements that were overtaken: batches, watermarks and the like. If there are none the bytes only say how far
    /// event time had come.
    pub elements: u64,
    /// The bytes.
    pub data: Blob,
}

/// Everything one operator remembers in one subtask.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorSnapshot {
    /// Keyed state and timers, if it has any.
    pub keyed: Option<KeyedSnapshot>,
    /// Non-keyed state by name: lists, broadcast maps, source splits, sink writers' state, committables.
    pub lists: BTreeMap<String, ListSnapshot>,
    /// What was on its way to the operator, if it is the first of its task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<InFlightSnapshot>,
}

impl OperatorSnapshot {
    /// Every blob of the snapshot.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        let in_flight = self.in_flight.iter().map(|in_flight| &in_flight.data);
        self.keyed.iter().flat_map(|k| &k.files).chain(self.lists.values().map(|l| &l.items)).chain(in_flight)
    }

    /// Bytes of all blobs.
    pub fn byte_count(&self) -> u64 {
        self.blobs().map(Blob::len).sum()
    }
}

/// Everything one subtask remembers: a snapshot for each operator of its chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtaskSnapshot {
    /// In the order of the chain.
    pub operators: Vec<(OperatorId, OperatorSnapshot)>,
    /// Whether the subtask had seen the end of its input and has nothing left to do.
    pub finished: bool,
}

impl SubtaskSnapshot {
    /// Bytes of all blobs.
    pub fn byte_count(&self) -> u64 {
        self.operators.iter().map(|(_, o)| o.byte_count()).sum()
    }
}

/// Bytes as hexadecimal text, so that metadata stays readable JSON.
mod hex_bytes {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let text: String = bytes
            .iter()
            .flat_map(|b| [DIGITS[usize::from(b >> 4)] as char, DIGITS[usize::from(b & 15)] as char])
            .collect();
        serializer.serialize_str(&text)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digit = |c: u8| (c as char).to_digit(16).map(|d| d as u8);
        text.as_bytes()
            .chunks(2)
            .map(|pair| match pair {
                [high, low] => digit(*high).zip(digit(*low)).map(|(h, l)| h << 4 | l),
                _ => None,
            })
            .collect::<Option<Vec<u8>>>()
            .ok_or_else(|| D::Error::custom("inline bytes are not pairs of hexadecimal digits"))
    }
}

/// A checksum as hexadecimal text: as a number it would lose digits in most readers of JSON.
mod hex_sum {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(sum: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{sum:016x}"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        u64::from_str_radix(&text, 16).map_err(|_| D::Error::custom("a checksum is not hexadecimal"))
    }
}
