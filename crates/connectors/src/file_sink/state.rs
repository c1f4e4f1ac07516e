//! What a writer remembers, and what is committed.

use flott_core::ProcessingTime;
use serde::{Deserialize, Serialize};

/// What a writer remembers: who it is, and the files it has not closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileWriterState {
    /// The writer and those that go on with its files after restores.
    pub(super) writer: WriterId,
    /// The number of the writer's next file.
    pub(super) next_part: u64,
    /// Files in progress.
    pub(super) in_progress: Vec<InProgressFile>,
}

/// One run of a writer. `lineage` is passed on when a writer is restored, `epoch` is one more each time, and `attempt` tells
/// runs apart that were restored from the same checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WriterId {
    pub(super) lineage: u64,
    pub(super) epoch: u32,
    pub(super) attempt: u32,
}

/// A file in progress at a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InProgressFile {
    pub(super) bucket: String,
    /// Where it is.
    pub(super) path: String,
    /// Where it is to be when it is finished.
    pub(super) target: String,
    /// What belongs to the checkpoint; bytes behind it do not.
    pub(super) len: u64,
    pub(super) created: ProcessingTime,
}

/// A closed file that is published when its checkpoint is complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCommittable {
    /// Where it is.
    pub(super) path: String,
    /// Where it is to be.
    pub(super) target: String,
    pub(super) len: u64,
}
