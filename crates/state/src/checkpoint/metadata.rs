//! What a checkpoint consists of: the content of its `_metadata` file.
//!
//! The file is one line, `FLOTT-CHECKPOINT <format version> <XXH3-64 of the rest, 16 hexadecimal digits>`, and then
//! JSON.

use crate::canonical::StateDescription;
use crate::snapshot::{Blob, OperatorSnapshot, checksum};
use flott_core::key_hash::KEY_HASH_VERSION;
use flott_core::{BarrierKind, CheckpointId, Error, JobId, MaxParallelism, OperatorId, ProcessingTime, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const MAGIC: &str = "FLOTT-CHECKPOINT";
/// The format of checkpoints whose blobs are whole files. It is written where it is enough, so that earlier Flotts read it.
const WHOLE_FILES_VERSION: u32 = 1;
/// The format with blobs that are stretches of files, the newest that this Flott reads.
const SEGMENTS_VERSION: u32 = 2;

/// Everything that is needed to restore a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CheckpointMetadata {
    /// The format of this file.
    pub format_version: u32,
    /// The Flott that wrote it.
    pub flott_version: String,
    /// The job that it is of.
    pub job_id: JobId,
    /// The job's name, by which `latest` finds it.
    pub job_name: String,
    /// Which checkpoint of the job.
    pub checkpoint: CheckpointId,
    /// Checkpoint or savepoint.
    pub kind: BarrierKind,
    /// When it was complete: milliseconds since the epoch.
    pub completed_at_ms: i64,
    /// The definition of the key hash that decided which key group a key's state is in.
    pub key_hash_version: u32,
    /// Every operator that had something to remember, or a finished subtask.
    pub operators: Vec<OperatorMetadata>,
}

/// One operator in a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OperatorMetadata {
    /// What state is bound to.
    pub id: OperatorId,
    /// The uid that the id was made of, if the user gave one.
    pub uid: Option<String>,
    /// For people.
    pub name: String,
    /// Number of subtasks.
    pub parallelism: u32,
    /// Number of key groups.
    pub max_parallelism: MaxParallelism,
    /// The state of the operator's coordinator, such as a source's enumerator.
    pub coordinator: Option<Blob>,
    /// What its keyed states are. Empty in checkpoints of earlier Flotts, which do not say it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<Arc<StateDescription>>,
    /// What each subtask remembers, by index.
    pub subtasks: Vec<OperatorSnapshot>,
    /// Whether each subtask had finished, by index.
    pub finished: Vec<bool>,
}

impl OperatorMetadata {
    /// Takes what the subtasks say about their states, which is the same for all, to stand here once.
    #[must_use]
    pub fn with_common_states(mut self) -> OperatorMetadata {
        let mut states: BTreeMap<String, Arc<StateDescription>> = BTreeMap::new();
        for keyed in self.subtasks.iter_mut().filter_map(|subtask| subtask.keyed.as_mut()) {
            for state in std::mem::take(&mut keyed.states) {
                states.entry(state.name.clone()).or_insert(state);
            }
        }
        self.states.extend(states.into_values());
        self
    }

    /// Whether there is anything that a restored job could miss.
    pub fn has_state(&self) -> bool {
        let was_on_its_way = |s: &OperatorSnapshot| s.in_flight.as_ref().is_some_and(|f| f.elements > 0);
        let remembers =
            |s: &OperatorSnapshot| s.keyed.is_some() || s.lists.values().any(|list| !list.lengths.is_empty());
        self.coordinator.is_some() || self.subtasks.iter().any(|s| remembers(s) || was_on_its_way(s))
    }

    /// Whether there is anything at all to be restored: of an operator without state it may be known how far event time
    /// had come.
    pub fn is_worth_keeping(&self) -> bool {
        self.has_state() || self.finished.contains(&true) || self.subtasks.iter().any(|s| s.in_flight.is_some())
    }

    /// Whether the operator must keep its number of key groups.
    pub fn needs_max_parallelism(&self) -> bool {
        self.has_state() || self.finished.contains(&true)
    }

    /// Bytes of all state.
    pub fn byte_count(&self) -> u64 {
        let subtasks: u64 = self.subtasks.iter().map(OperatorSnapshot::byte_count).sum();
        subtasks + self.coordinator.as_ref().map_or(0, Blob::len)
    }
}

impl CheckpointMetadata {
    /// The metadata of a checkpoint that is complete now, in the format of this Flott.
    pub fn new(
        job_id: JobId,
        job_name: impl Into<String>,
        checkpoint: CheckpointId,
        kind: BarrierKind,
        completed_at: ProcessingTime,
        operators: Vec<OperatorMetadata>,
    ) -> Self {
        let mut metadata = CheckpointMetadata {
            format_version: WHOLE_FILES_VERSION,
            flott_version: env!("CARGO_PKG_VERSION").to_owned(),
            job_id,
            job_name: job_name.into(),
            checkpoint,
            kind,
            completed_at_ms: completed_at.0,
            key_hash_version: KEY_HASH_VERSION,
            operators,
        };
        if metadata.blobs().any(|blob| matches!(blob, Blob::Segment { .. })) {
            metadata.format_version = SEGMENTS_VERSION;
        }
        metadata
    }

    /// The operator with this id.
    pub fn operator(&self, id: OperatorId) -> Option<&OperatorMetadata> {
        self.operators.iter().find(|o| o.id == id)
    }

    /// Every blob of the checkpoint.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        self.operators
            .iter()
            .flat_map(|o| o.coordinator.iter().chain(o.subtasks.iter().flat_map(OperatorSnapshot::blobs)))
    }

    /// The paths of every file of the checkpoint but `_metadata`, relative to the job's folder.
    pub fn referenced_files(&self) -> BTreeSet<String> {
        self.blobs().filter_map(Blob::path).map(str::to_owned).collect()
    }

    /// Bytes of all state.
    pub fn byte_count(&self) -> u64 {
        self.operators.iter().map(OperatorMetadata::byte_count).sum()
    }

    /// The content of `_metadata`.
    ///
    /// # Errors
    /// `Internal` when it cannot be encoded.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let body = serde_json::to_vec(self)
            .map_err(|e| Error::internal("the metadata of a checkpoint cannot be encoded").with_source(e))?;
        let mut bytes = format!("{MAGIC} {} {:016x}\n", self.format_version, checksum(&body)).into_bytes();
        bytes.extend_from_slice(&body);
        Ok(bytes)
    }

    /// Reads the content of `_metadata`.
    ///
    /// # Errors
    /// `Corrupt`, saying what is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let (version, sum, body) = split(bytes)?;
        if !(WHOLE_FILES_VERSION..=SEGMENTS_VERSION).contains(&version) {
            return Err(Error::corrupt(format!(
                "it has format version {version} and this Flott reads {WHOLE_FILES_VERSION} to {SEGMENTS_VERSION}"
            )));
        }
        if checksum(body) != sum {
            return Err(Error::corrupt("it is damaged or cut off: its checksum is wrong"));
        }
        let metadata: CheckpointMetadata =
            serde_json::from_slice(body).map_err(|e| Error::corrupt(format!("its content cannot be read: {e}")))?;
        if metadata.key_hash_version != KEY_HASH_VERSION {
            return Err(Error::corrupt(format!(
                "its keys are hashed by version {} and this Flott knows {KEY_HASH_VERSION}",
                metadata.key_hash_version
            )));
        }
        metadata.check_operators()?;
        Ok(metadata)
    }

    fn check_operators(&self) -> Result<()> {
        for operator in &self.operators {
            let subtasks = operator.parallelism as usize;
            if operator.subtasks.len() != subtasks || operator.finished.len() != subtasks {
                return Err(Error::corrupt(format!(
                    "operator `{}` has parallelism {subtasks} and the state of {} subtasks",
                    operator.name,
                    operator.subtasks.len()
                )));
            }
        }
        Ok(())
    }
}

/// Format version, checksum and body.
fn split(bytes: &[u8]) -> Result<(u32, u64, &[u8])> {
    if bytes.is_empty() {
        return Err(Error::corrupt("it is empty"));
    }
    let other = || Error::corrupt("it is not the metadata of a Flott checkpoint");
    let line_end = bytes.iter().position(|b| *b == b'\n').ok_or_else(other)?;
    let line = std::str::from_utf8(&bytes[..line_end]).map_err(|_| other())?;
    let [magic, version, sum] = line.split(' ').collect::<Vec<_>>()[..] else { return Err(other()) };
    if magic != MAGIC {
        return Err(other());
    }
    let version = version.parse().map_err(|_| other())?;
    let sum = u64::from_str_radix(sum, 16).map_err(|_| other())?;
    Ok((version, sum, &bytes[line_end + 1..]))
}
