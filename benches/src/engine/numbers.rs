//! What most cases begin with: an environment, numbers, and keys made of them. The jobs of the Flink peer begin alike.

use crate::bench::Failure;
use flott::connectors::SequenceSource;
use flott::prelude::*;

/// An environment of so many slots in which nothing else is set.
pub(crate) fn environment(slots: u64) -> Result<StreamExecutionEnvironment, Failure> {
    let env = StreamExecutionEnvironment::get_execution_environment()?;
    env.set_parallelism(u32::try_from(slots)?);
    Ok(env)
}

/// 0, 1, 2 and so on: `records` of them.
pub(crate) fn numbers(env: &StreamExecutionEnvironment, records: u64) -> DataStream<u64> {
    env.from_source(SequenceSource::new(0, records.saturating_sub(1)), WatermarkStrategy::no_watermarks(), "numbers")
}

/// The key of a number, below `keys`: neighbouring numbers have keys that have nothing to do with each other.
#[inline]
pub(crate) fn key(n: u64, keys: u64) -> u64 {
    mix(n) % keys
}

/// The finalizer of SplitMix64.
#[inline]
pub(crate) fn mix(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ (n >> 31)
}
