//! What the cases with large state have in common: a count for each of many keys, with some text beside it, in a job that
//! first makes all keys and then changes some of them.

use crate::bench::Failure;
use crate::engine::numbers::{environment, mix};
use flott::prelude::*;
use flott_core::config::ByteSize;
use std::time::Duration;

/// A count, and something beside it.
pub(super) type Account = (u64, String);

/// About so many bytes a key and its account take in a store.
pub(super) const ACCOUNT_BYTES: u64 = 120;
/// What RocksDB is given for its cache and write buffers, in bytes for each account: less than a quarter of what it has.
const MEMORY: u64 = 32;
/// What is kept ready above it.
const WORKING_SET: u64 = 4;
const MEMORY_MIN: u64 = 32 << 20;
const WORKING_SET_MIN: u64 = 4 << 20;
const POLL: Duration = Duration::from_millis(1);

/// A new account: half of its text is the same for all keys.
pub(super) fn opened(key: u64) -> Account {
    (0, format!("{:016x}{:016x}{:016x}{:048}", mix(key), mix(key + 1), mix(key + 2), 0))
}

/// What RocksDB is given for so many accounts.
pub(super) fn memory(keys: u64) -> ByteSize {
    ByteSize((keys * MEMORY).max(MEMORY_MIN))
}

/// An environment with its state on `backend` and checkpoints in a folder or at a URL, for so many accounts.
pub(super) fn on(
    backend: &str,
    slots: u64,
    keys: u64,
    checkpoints: &str,
    interval: Option<Duration>,
) -> Result<StreamExecutionEnvironment, Failure> {
    let env = environment(slots)?;
    if let Some(interval) = interval {
        env.enable_checkpointing(interval);
    }
    let working_set = ByteSize((keys * WORKING_SET).max(WORKING_SET_MIN) / slots);
    env.configure("execution.checkpointing.dir", checkpoints);
    env.configure("state.backend.type", backend);
    env.configure("state.backend.rocksdb.memory.fixed-per-tm", memory(keys).to_string());
    env.configure("flott.state.working-set.size", working_set.to_string());
    Ok(env)
}

/// Counts the records of each key; the counts go out.
pub(super) fn count(keys: DataStream<u64>) -> DataStream<u64> {
    keys.key_by(|key| *key)
        .map_with_state(|key, account: &mut Option<Account>| {
            let account = account.get_or_insert_with(|| opened(key));
            account.0 += 1;
            account.0
        })
        .uid("count")
        .name("count")
}

/// Records that have been counted.
pub(super) fn counted(job: &JobClient) -> u64 {
    job.operator_metric("count", "numRecordsIn").cast_unsigned()
}

/// Waits until something is so.
pub(super) fn wait(job: &JobClient, mut is_so: impl FnMut() -> bool) -> Result<(), Failure> {
    while !is_so() {
        if let Some(end) = job.wait_for(POLL)? {
            return Err(format!("the job is {} before it was measured", end.status()).into());
        }
    }
    Ok(())
}
