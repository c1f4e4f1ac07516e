//! Checkpoints: when they are taken, when they are complete, what may be deleted.

mod config;
mod coordinator;
mod event;
mod files;
mod metadata;
mod stats;

pub use config::{CheckpointConfig, Retention};
pub use coordinator::CheckpointCoordinator;
pub use event::{Collected, Command, Event, Outcome, Retained, SavepointId};
pub use files::FileTable;
pub use metadata::metadata_of;
pub use stats::{CheckpointRecord, CheckpointState, CheckpointStats, Counts, Latest, Summaries, Summary};
