//! What the stores of a process share, and how they divide one amount of memory.
//!
//! Write buffers are charged to the block cache, so the cache's capacity is the limit of both. Every store may fill two
//! buffers of its share; when all stores together have filled what write buffers may take, whoever writes next writes
//! its buffer to disk.

use crate::failure::failed;
use crate::restore;
use crate::store::RocksStore;
use crate::tuning::Pools;
use flott_core::config::ByteSize;
use flott_core::config::{ROCKSDB_MEMORY, ROCKSDB_THREADS, ROCKSDB_WRITE_BUFFER_RATIO};
use flott_core::{Configuration, Error, Result};
use flott_state::store::{KeyedStore, OpenStore, StateBackend};
use rocksdb::{Cache, Env, WriteBufferManager};
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The least memory that stores work with, in bytes.
const MEMORY_MIN: u64 = 4 << 20;
/// The smallest write buffer, in bytes.
const WRITE_BUFFER_MIN: u64 = 256 << 10;
/// The largest write buffer, in bytes: a larger one is slower to search than it saves in compactions.
const WRITE_BUFFER_MAX: u64 = 1 << 30;

/// Makes [`RocksStore`]s, all within one amount of memory.
pub struct RocksBackend {
    shared: Arc<Shared>,
    /// The most that the user allows, in bytes.
    memory_max: u64,
}

/// What stores know of each other.
pub(crate) struct Shared {
    pub(crate) pools: Pools,
    memory: AtomicU64,
    /// The part of the memory that write buffers may take.
    ratio: f64,
    stores: Mutex<Vec<Weak<RocksStore>>>,
    /// Stores that are open or being closed.
    open: AtomicUsize,
}

/// Counts a store as long as it is open or being closed.
pub(crate) struct OpenStores(Arc<Shared>);

impl OpenStores {
    pub(crate) fn one_more(shared: &Arc<Shared>) -> OpenStores {
        shared.open.fetch_add(1, Ordering::AcqRel);
        OpenStores(shared.clone())
    }
}

impl Drop for OpenStores {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What all open stores of a [`RocksBackend`] have and do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RocksMetrics {
    /// Open stores.
    pub stores: usize,
    /// Entries, estimated.
    pub entries: u64,
    /// Bytes on disk.
    pub disk: u64,
    /// Bytes in write buffers.
    pub write_buffers: u64,
    /// Bytes in the block cache, with write buffers.
    pub cache: u64,
    /// Bytes in the block cache that cannot be given up now.
    pub cache_pinned: u64,
    /// Files that hold state.
    pub files: u64,
    /// Bytes that compactions are going to rewrite.
    pub compaction_pending: u64,
    /// Flushes and compactions that run now.
    pub running: u64,
    /// Stores whose writes wait for compactions.
    pub stopped: usize,
}

impl RocksBackend {
    /// Stores that take up to `memory` together until they are told otherwise, and never more than `state.backend.rocksdb.memory.fixed-per-tm` says.
    ///
    /// # Errors
    /// `Invalid` when an option has a value that is none, or there is less memory than 4 MB.
    pub fn new(config: &Configuration, memory: ByteSize) -> Result<RocksBackend> {
        let fixed = config.get_optional(&ROCKSDB_MEMORY)?;
        let memory = fixed.map_or(memory, |fixed| fixed.min(memory));
        if memory.0 < MEMORY_MIN {
            return Err(Error::invalid(format!(
                "{memory} of memory for RocksDB is not enough; give it at least {} by `{}`",
                ByteSize(MEMORY_MIN),
                ROCKSDB_MEMORY.key
            )));
        }
        let ratio = config.get(&ROCKSDB_WRITE_BUFFER_RATIO)?;
        if !(0.01..=0.99).contains(&ratio) {
            return Err(Error::invalid(format!(
                "option `{}` cannot be {ratio}; write a number from 0.01 to 0.99",
                ROCKSDB_WRITE_BUFFER_RATIO.key
            )));
        }
        let cores = std::thread::available_parallelism().map_or(2, |n| n.get() as u32);
        let threads = config.get_optional(&ROCKSDB_THREADS)?.unwrap_or(cores.max(2)).clamp(1, 1024);
        let mut env = Env::new().map_err(|e| failed("be opened", Path::new("."), e))?;
        env.set_low_priority_background_threads(threads as i32);
        env.set_high_priority_background_threads((threads as i32 / 4).max(1));
        let cache = Cache::new_hyper_clock_cache(memory.0 as usize, 0);
        let write_buffers = WriteBufferManager::new_write_buffer_manager_with_cache(
            part(memory.0, ratio) as usize,
            false,
            cache.clone(),
        );
        let shared = Shared {
            pools: Pools { cache, write_buffers, env, threads },
            memory: AtomicU64::new(memory.0),
            ratio,
            stores: Mutex::default(),
            open: AtomicUsize::new(0),
        };
        Ok(RocksBackend { shared: Arc::new(shared), memory_max: fixed.map_or(u64::MAX, |fixed| fixed.0) })
    }

    /// Sets how much memory all stores may take, in bytes; it will not be more than the user allows. When it is less than before,
    /// the cache gives it up at once and write buffers soon.
    pub fn set_memory(&self, bytes: u64) {
        self.shared.set_memory(bytes.min(self.memory_max).max(MEMORY_MIN));
    }

    /// Bytes that all stores take now: cached blocks, indexes and filters, write buffers.
    pub fn memory_used(&self) -> u64 {
        self.shared.pools.cache.get_usage() as u64
    }

    /// Opens a store.
    pub(crate) fn open_store(&self, open: &OpenStore<'_>) -> Result<Arc<RocksStore>> {
        let store = Arc::new(restore::open(open, &self.shared)?);
        self.shared.add(&store);
        Ok(store)
    }

    /// Figures of all open stores together.
    pub fn metrics(&self) -> RocksMetrics {
        let pools = &self.shared.pools;
        let mut all = RocksMetrics {
            write_buffers: pools.write_buffers.get_usage() as u64,
            cache: pools.cache.get_usage() as u64,
            cache_pinned: pools.cache.get_pinned_usage() as u64,
            ..RocksMetrics::default()
        };
        self.shared.open_stores().iter().for_each(|store| store.add_to(&mut all));
        all
    }
}

impl StateBackend for RocksBackend {
    fn name(&self) -> &'static str {
        "rocksdb"
    }

    fn open(&self, open: OpenStore<'_>) -> Result<Arc<dyn KeyedStore>> {
        Ok(self.open_store(&open)?)
    }

    fn open_stores(&self) -> usize {
        self.shared.open.load(Ordering::Acquire)
    }

    fn memory_used(&self) -> u64 {
        RocksBackend::memory_used(self)
    }

    fn set_memory(&self, bytes: u64) {
        RocksBackend::set_memory(self, bytes);
    }
}

impl Shared {
    fn set_memory(&self, bytes: u64) {
        self.memory.store(bytes, Ordering::Relaxed);
        let mut cache = self.pools.cache.clone();
        cache.set_capacity(bytes as usize);
        self.pools.write_buffers.set_buffer_size(part(bytes, self.ratio) as usize);
        self.divide();
    }

    fn add(&self, store: &Arc<RocksStore>) {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(store));
        self.divide();
    }

    fn open_stores(&self) -> Vec<Arc<RocksStore>> {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        stores.retain(|store| store.strong_count() > 0);
        stores.iter().filter_map(Weak::upgrade).collect()
    }

    /// Gives every open store its share of the write buffers.
    pub(crate) fn divide(&self) {
        let stores = self.open_stores();
        let share = self.write_buffer(stores.len());
        stores.iter().for_each(|store| store.set_write_buffer(share));
    }

    /// Bytes of a write buffer of the store that is opened next.
    pub(crate) fn next_write_buffer(&self) -> u64 {
        self.write_buffer(self.open_stores().len() + 1)
    }

    /// Bytes of a write buffer with so many stores. That a store comes or goes changes it seldom, because RocksDB takes
    /// some milliseconds to change it.
    fn write_buffer(&self, stores: usize) -> u64 {
        let all = part(self.memory.load(Ordering::Relaxed), self.ratio);
        (all / 2 / stores.max(1).next_power_of_two() as u64).clamp(WRITE_BUFFER_MIN, WRITE_BUFFER_MAX)
    }
}

fn part(bytes: u64, ratio: f64) -> u64 {
    (bytes as f64 * ratio) as u64
}
