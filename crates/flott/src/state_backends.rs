//! The state backends that this Flott was built with, beside the heap.

use flott_core::config::ByteSize;
use flott_core::{Configuration, Error, Result};
use flott_state::store::StateBackend;
use std::sync::Arc;

/// What `state.backend.type` can be.
#[cfg(feature = "rocksdb")]
pub(crate) const WHICH: &str = "there are hashmap and rocksdb";
/// What `state.backend.type` can be.
#[cfg(not(feature = "rocksdb"))]
pub(crate) const WHICH: &str =
    "this Flott was built without others than hashmap; for rocksdb build it with the cargo feature `rocksdb`";

/// The backend of this name, if there is one, whose stores may have so much memory at first.
#[cfg(feature = "rocksdb")]
pub(crate) fn by_name(name: &str, config: &Configuration, memory: ByteSize) -> Result<Option<Arc<dyn StateBackend>>> {
    if name != "rocksdb" {
        return Ok(None);
    }
    let backend = flott_rocksdb::RocksBackend::new(config, memory)?;
    Ok(Some(Arc::new(backend)))
}

/// The backend of this name, if there is one.
#[cfg(not(feature = "rocksdb"))]
pub(crate) fn by_name(_: &str, _: &Configuration, _: ByteSize) -> Result<Option<Arc<dyn StateBackend>>> {
    Ok(None)
}

/// What a state backend may take to read a checkpoint, beside what its options say.
const READING_BYTES: ByteSize = ByteSize(64 << 20);

/// The backend that has written a checkpoint, to read it.
///
/// # Errors
/// `Invalid` when it is not compiled in.
pub(crate) fn for_reading(name: &str, config: &Configuration) -> Result<Arc<dyn StateBackend>> {
    by_name(name, config, READING_BYTES)?
        .ok_or_else(|| Error::invalid(format!("its state is that of the state backend `{name}`: {WHICH}")))
}
