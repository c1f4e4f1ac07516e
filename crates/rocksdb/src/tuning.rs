//! How RocksDB is set up: Flink's options, and what Flott decides. The figures behind it stand in
//! `docs/adr/0020-rocksdb.md`.

use crate::expiry::{Expiry, ExpiryFilters};
use flott_core::config::{
    ROCKSDB_BLOCK_SIZE, ROCKSDB_BLOOM_FILTER, ROCKSDB_BLOOM_FILTER_BITS, ROCKSDB_COMPACTION_STYLE, ROCKSDB_COMPRESSION,
    ROCKSDB_FILE_SIZE, ROCKSDB_LEVEL_BASE_SIZE, ROCKSDB_LEVEL_DYNAMIC, ROCKSDB_LOG_DIR, ROCKSDB_LOG_FILE_SIZE,
    ROCKSDB_LOG_FILES, ROCKSDB_LOG_LEVEL, ROCKSDB_METADATA_BLOCK_SIZE, ROCKSDB_OPEN_FILES, ROCKSDB_PARTITIONED_INDEX,
    ROCKSDB_PERIODIC_COMPACTION, ROCKSDB_WRITE_BUFFER_COUNT, ROCKSDB_WRITE_BUFFER_MERGE, ROCKSDB_WRITE_BUFFER_SIZE,
};
use flott_core::{ConfigOption, Configuration, Error, Result};
use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, BlockBasedTablePinningTier, Cache, ChecksumType, DBCompactionStyle,
    DBCompressionType, DataBlockIndexType, Env, LogLevel, Options, UniversalCompactOptions, WriteBufferManager,
};
use std::sync::Arc;

/// Sorted runs that may be there before compaction makes fewer of them. A read asks each of them.
const RUNS_MAX: i32 = 8;
/// When newer runs together have so much of the oldest one's size, in percent, all become one.
const SIZE_AMPLIFICATION_PERCENT: i32 = 100;
/// What a compaction reads ahead of each file.
const READ_AHEAD_BYTES: usize = 1 << 20;
/// What a file that is being written keeps in memory.
const FILE_BUFFER_BYTES: u64 = 1 << 20;

/// Part of a write buffer that is a filter of its keys.
const BUFFER_FILTER_RATIO: f64 = 0.02;
/// What can be set as text only: what is in write buffers is not written when a store is dropped, and keys that are
/// looked up in order are found from one another.
const ONLY_AS_TEXT: &str = "avoid_flush_during_shutdown=true;memtable_batch_lookup_optimization=true";

/// What all stores of a process share.
#[derive(Clone)]
pub(crate) struct Pools {
    pub(crate) cache: Cache,
    pub(crate) write_buffers: WriteBufferManager,
    pub(crate) env: Env,
    /// Threads for flushes and compactions.
    pub(crate) threads: u32,
}

/// What one store is set up with.
pub(crate) struct Tuning {
    pub(crate) options: Options,
    /// Bytes of a file.
    pub(crate) file_size: u64,
    /// The user's limit of one write buffer, in bytes.
    pub(crate) write_buffer_max: Option<u64>,
}

/// Reads the options of a store.
///
/// # Errors
/// `Invalid` when an option has a value that is none.
pub(crate) fn tuning(config: &Configuration, pools: &Pools, expiry: &Arc<Expiry>) -> Result<Tuning> {
    // What has no method of its own is set first, because this makes new options.
    let mut options = Options::default()
        .get_options_from_string(ONLY_AS_TEXT)
        .map_err(|e| Error::internal(format!("RocksDB does not take an option that it should know: {e}")))?;
    options.create_if_missing(true);
    // Else a restored store would have the id of the one that it was restored from.
    options.set_write_dbid_to_manifest(false);
    options.set_env(&pools.env);
    options.set_write_buffer_manager(&pools.write_buffers);
    options.set_max_background_jobs(pools.threads as i32 + 1);
    options.set_block_based_table_factory(&tables(config, pools)?);
    options.set_compaction_filter_factory(ExpiryFilters(expiry.clone()));
    set_writing(config, &mut options)?;
    let file_size = set_compaction(config, &mut options)?;
    set_log(config, &mut options)?;
    let write_buffer_max = config.get_optional(&ROCKSDB_WRITE_BUFFER_SIZE)?.map(|size| size.0);
    Ok(Tuning { options, file_size, write_buffer_max })
}

/// The form of files: for looking up single keys, in batches.
fn tables(config: &Configuration, pools: &Pools) -> Result<BlockBasedOptions> {
    let mut tables = BlockBasedOptions::default();
    tables.set_block_cache(&pools.cache);
    tables.set_block_size(in_memory(&ROCKSDB_BLOCK_SIZE, config.get(&ROCKSDB_BLOCK_SIZE)?.0)?);
    tables.set_format_version(6);
    tables.set_checksum_type(ChecksumType::XXH3);
    tables.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
    if config.get(&ROCKSDB_BLOOM_FILTER)? {
        tables.set_bloom_filter(config.get(&ROCKSDB_BLOOM_FILTER_BITS)?, false);
        tables.set_optimize_filters_for_memory(true);
    }
    // Indexes and filters are part of the one memory.
    tables.set_cache_index_and_filter_blocks(true);
    tables.set_cache_index_and_filter_blocks_with_high_priority(true);
    if config.get(&ROCKSDB_PARTITIONED_INDEX)? {
        tables.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
        tables.set_partition_filters(true);
        tables.set_metadata_block_size(in_memory(
            &ROCKSDB_METADATA_BLOCK_SIZE,
            config.get(&ROCKSDB_METADATA_BLOCK_SIZE)?.0,
        )?);
        tables.set_top_level_index_pinning_tier(BlockBasedTablePinningTier::All);
    }
    Ok(tables)
}

/// A size as RocksDB takes it.
fn in_memory<T>(option: &ConfigOption<T>, bytes: u64) -> Result<usize> {
    usize::try_from(bytes)
        .ok()
        .filter(|bytes| (1..=1 << 31).contains(bytes))
        .ok_or_else(|| Error::invalid(format!("option `{}` cannot be {bytes} bytes; write at most 2 gb", option.key)))
}

fn set_writing(config: &Configuration, options: &mut Options) -> Result<()> {
    options.set_max_write_buffer_number(config.get(&ROCKSDB_WRITE_BUFFER_COUNT)?.clamp(2, 64) as i32);
    options.set_min_write_buffer_number_to_merge(config.get(&ROCKSDB_WRITE_BUFFER_MERGE)?.clamp(1, 63) as i32);
    options.set_memtable_prefix_bloom_ratio(BUFFER_FILTER_RATIO);
    options.set_memtable_whole_key_filtering(true);
    options.set_writable_file_max_buffer_size(FILE_BUFFER_BYTES);
    // A store has one writer.
    options.set_allow_concurrent_memtable_write(false);
    options.set_enable_write_thread_adaptive_yield(false);
    options.set_max_open_files(config.get(&ROCKSDB_OPEN_FILES)?);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    Ok(())
}

/// Returns the size of files.
fn set_compaction(config: &Configuration, options: &mut Options) -> Result<u64> {
    let style = config.get(&ROCKSDB_COMPACTION_STYLE)?;
    match style.as_str() {
        "UNIVERSAL" => {
            options.set_compaction_style(DBCompactionStyle::Universal);
            let mut universal = UniversalCompactOptions::default();
            universal.set_max_size_amplification_percent(SIZE_AMPLIFICATION_PERCENT);
            options.set_universal_compaction_options(&universal);
            options.set_level_zero_file_num_compaction_trigger(RUNS_MAX);
            // Writing is slowed down only when compaction is far behind.
            options.set_level_zero_slowdown_writes_trigger(RUNS_MAX * 4);
            options.set_level_zero_stop_writes_trigger(RUNS_MAX * 6);
        }
        "LEVEL" => {
            options.set_compaction_style(DBCompactionStyle::Level);
            options.set_max_bytes_for_level_base(config.get(&ROCKSDB_LEVEL_BASE_SIZE)?.0);
            options.set_level_compaction_dynamic_level_bytes(config.get(&ROCKSDB_LEVEL_DYNAMIC)?);
        }
        other => {
            return Err(Error::invalid(format!(
                "option `{}` cannot be `{other}`; write UNIVERSAL or LEVEL: others would lose state or never give \
                 back disk",
                ROCKSDB_COMPACTION_STYLE.key
            )));
        }
    }
    let levels: Vec<DBCompressionType> =
        config.get(&ROCKSDB_COMPRESSION)?.split([';', ',']).map(compression).collect::<Result<_>>()?;
    match levels.as_slice() {
        [all] => options.set_compression_type(*all),
        several => options.set_compression_per_level(several),
    }
    let file_size = in_memory(&ROCKSDB_FILE_SIZE, config.get(&ROCKSDB_FILE_SIZE)?.0)? as u64;
    options.set_target_file_size_base(file_size);
    options.set_compaction_readahead_size(READ_AHEAD_BYTES);
    options.set_periodic_compaction_seconds(config.get(&ROCKSDB_PERIODIC_COMPACTION)?.as_secs());
    Ok(file_size)
}

fn compression(name: &str) -> Result<DBCompressionType> {
    match name.trim() {
        "NO_COMPRESSION" => Ok(DBCompressionType::None),
        "LZ4_COMPRESSION" | "SNAPPY_COMPRESSION" => Ok(DBCompressionType::Lz4),
        other => Err(Error::invalid(format!(
            "option `{}` cannot be `{other}`; write NO_COMPRESSION or LZ4_COMPRESSION, which is all that this Flott has",
            ROCKSDB_COMPRESSION.key
        ))),
    }
}

fn set_log(config: &Configuration, options: &mut Options) -> Result<()> {
    let level = config.get(&ROCKSDB_LOG_LEVEL)?;
    options.set_log_level(match level.as_str() {
        "DEBUG_LEVEL" => LogLevel::Debug,
        "INFO_LEVEL" => LogLevel::Info,
        "WARN_LEVEL" => LogLevel::Warn,
        "ERROR_LEVEL" => LogLevel::Error,
        "FATAL_LEVEL" => LogLevel::Fatal,
        "HEADER_LEVEL" => LogLevel::Header,
        other => {
            return Err(Error::invalid(format!(
                "option `{}` cannot be `{other}`; write a level such as WARN_LEVEL",
                ROCKSDB_LOG_LEVEL.key
            )));
        }
    });
    if let Some(folder) = config.get_optional(&ROCKSDB_LOG_DIR)? {
        options.set_db_log_dir(folder);
    }
    options.set_keep_log_file_num(config.get(&ROCKSDB_LOG_FILES)?.max(1) as usize);
    options.set_max_log_file_size(in_memory(&ROCKSDB_LOG_FILE_SIZE, config.get(&ROCKSDB_LOG_FILE_SIZE)?.0)?);
    Ok(())
}
