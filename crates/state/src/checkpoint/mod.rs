//! Checkpoints on storage: written, found again, dealt out to the subtasks of a restored job.
//!
//! ```text
//! <dir>/<job-id>/chk-7/_metadata     what the checkpoint consists of; written last: it makes the checkpoint complete
//! <dir>/<job-id>/chk-7/<name>        files of this checkpoint alone
//! <dir>/<job-id>/shared/<name>       files of keyed state, which later checkpoints build on
//! <dir>/<job-id>/fence/<number>      who runs the job: `fence.rs`
//! <dir>/<job-id>/uploads/<name>      uploads in parts that are under way: `uploads.rs`
//! ```
//!
//! A task writes its files ([`JobCheckpoints::write_snapshot`]) and reports what it wrote; when all have, the
//! coordinator completes the checkpoint ([`JobCheckpoints::complete`]). At restore [`CheckpointStorage`] finds the
//! metadata, [`compare()`] says what becomes of each operator, [`redistribute()`] deals the state out, and each task
//! reads its part ([`JobCheckpoints::read_keyed`], [`JobCheckpoints::restore_operator_state`]).

mod copies;
mod failure;
mod fence;
mod find;
mod folder;
mod job;
mod local;
mod local_stores;
mod location;
mod merging;
mod metadata;
mod read;
mod remote;
mod retry;
mod savepoint;
mod state_fates;
mod state_file;
mod storage;
mod store;
mod transfer;
mod uploads;
mod write;

pub mod compare;
pub mod redistribute;

pub use compare::{Fate, JobOperator, RestoreReport, compare};
pub use folder::{DiskFolder, StorageFolder};
pub use job::JobCheckpoints;
pub use local_stores::{LocalStore, LocalStores, SnapshotFolder, StoreFolder, check_backend};
pub use merging::FileMerging;
pub use metadata::{CheckpointMetadata, OperatorMetadata};
pub use redistribute::{InFlightRestore, ItemRange, ListPiece, ListRestore, SubtaskRestore, redistribute};
pub use state_fates::{JobStates, StateFate, StateReport, compare_states};
pub use state_file::{KeyedFiles, SharedFiles, StateFile};
pub use storage::CheckpointStorage;

#[cfg(test)]
mod tests;
