//! Keyed state larger than memory: the state backend on RocksDB.
//!
//! [`RocksBackend`] is what the stores of a process share: one block cache, one measure of write buffers, one pool of
//! threads, in one amount of memory that may change while they run. [`RocksStore`] is the keyed state of one operator
//! in one subtask. A checkpoint is the source of truth and not the store's folder, so there is no write-ahead log.
//!
//! Why it is set up as it is, with the figures, stands in `docs/adr/0020-rocksdb.md`.

mod backend;
mod expiry;
mod failure;
mod files;
mod restore;
mod store;
mod tuning;

pub use backend::{RocksBackend, RocksMetrics};
pub use store::RocksStore;

#[cfg(test)]
mod tests;
