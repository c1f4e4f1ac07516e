//! The words of Flott: ids, batches with row kinds, event time, watermarks, key groups, errors, options.
//!
//! Pure data and pure functions: no async, no I/O, no clock. Everything above speaks in these words.

pub mod batch;
pub mod codec;
pub mod columns;
pub mod config;
pub mod data;
pub mod element;
pub mod error;
pub mod id;
pub mod key_group;
pub mod key_hash;
mod murmur3;
mod nearest;
pub mod row_kind;
pub mod schema;
pub mod time;

pub use batch::{AnyRows, Batch, Payload};
pub use columns::Columns;
pub use config::{ConfigOption, Configuration};
pub use data::{Data, Key};
pub use element::{AfterSavepoint, Barrier, BarrierKind, Element, SavepointFormat, SavepointRequest, SavepointTarget};
pub use error::{Error, ErrorKind, Result};
pub use id::{AttemptId, CheckpointId, JobId, OperatorId, SubtaskIndex, VertexId};
pub use key_group::{KeyGroup, KeyGroupRange, MaxParallelism, Owners};
pub use key_hash::KeyHash;
pub use nearest::nearest;
pub use row_kind::RowKind;
pub use time::{EventTime, ProcessingTime, Watermark};
