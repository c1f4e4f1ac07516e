//! The keyed state of one operator in one subtask, in a RocksDB database.

use crate::backend::{OpenStores, RocksMetrics, Shared};
use crate::expiry::Expiry;
use crate::failure::{failed_on, stalled};
use crate::files::{self, Names};
use flott_core::error::ResultExt;
use flott_core::{Error, ProcessingTime, Result};
use flott_state::store::{Found, KeyedStore, Rows, StateNumber, StoreFile, StoreSize, Visit, WriteBatch};
use rocksdb::checkpoint::Checkpoint;
use rocksdb::{ColumnFamily, DB, FlushOptions, ReadOptions, WriteOptions, properties};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Keys that are looked up by one call: what is found pins its block, so more would take memory beyond the limit.
const LOOKED_UP_KEYS: usize = 1024;
/// Bytes that are written by one call: more would overfill the write buffer.
const WRITTEN_BYTES: usize = 1 << 20;
/// A range with fewer entries is deleted one by one: every later read has to look at a deleted range.
const DELETED_SINGLY: usize = 4096;
/// The only column family.
pub(crate) const FAMILY: &str = "default";

/// A RocksDB database that is a [`KeyedStore`].
pub struct RocksStore {
    db: DB,
    folder: PathBuf,
    names: Names,
    expiry: Arc<Expiry>,
    /// For looking up keys, and for going over entries.
    read: ReadOptions,
    write: WriteOptions,
    shared: Arc<Shared>,
    /// The user's limit of one write buffer, in bytes.
    write_buffer_max: u64,
    /// Bytes of one write buffer as set last.
    write_buffer: AtomicU64,
    /// Failed flushes and compactions that have been got over.
    background_errors: AtomicU64,
    /// Dropped after the database.
    _open: OpenStores,
}

impl RocksStore {
    pub(crate) fn new(db: DB, folder: PathBuf, names: Names, expiry: Arc<Expiry>, shared: Arc<Shared>) -> RocksStore {
        let mut read = ReadOptions::default();
        // A block that was read for one key is seldom needed again: the layer above keeps the keys that are.
        read.fill_cache(false);
        let write_buffer = AtomicU64::new(0);
        let open = OpenStores::one_more(&shared);
        RocksStore {
            db,
            folder,
            names,
            expiry,
            read,
            write: write_options(true),
            shared,
            write_buffer_max: u64::MAX,
            write_buffer,
            background_errors: AtomicU64::new(0),
            _open: open,
        }
    }

    /// Limits the size of a write buffer.
    pub(crate) fn with_write_buffer(mut self, now: u64, max: Option<u64>) -> RocksStore {
        self.write_buffer_max = max.unwrap_or(u64::MAX);
        self.write_buffer = AtomicU64::new(now);
        self
    }

    /// The database.
    pub(crate) fn db(&self) -> &DB {
        &self.db
    }

    fn failed(&self, doing: &str, error: rocksdb::Error) -> Error {
        failed_on(doing, &self.folder, &self.names.inherited, error)
    }

    fn family(&self) -> Result<&ColumnFamily> {
        family(&self.db)
    }

    /// Writes a batch as RocksDB takes it. While RocksDB takes nothing because it is behind, this waits; RocksDB itself
    /// would wait on for ever when it is behind because the disk is full.
    fn write_part(&self, part: rocksdb::WriteBatch) -> Result<()> {
        let mut waited = false;
        loop {
            let again = rocksdb::WriteBatch::from_data(part.data());
            match self.db.write_opt(again, &self.write) {
                Err(error) if error.kind() == rocksdb::ErrorKind::Incomplete => {
                    if self.number(properties::BACKGROUND_ERRORS) > self.background_errors.load(Ordering::Relaxed) {
                        return Err(stalled(&self.folder));
                    }
                    waited = true;
                    wait();
                }
                Err(error) => return Err(self.failed("be written", error)),
                Ok(()) if waited => {
                    let errors = self.number(properties::BACKGROUND_ERRORS);
                    self.background_errors.store(errors, Ordering::Relaxed);
                    return Ok(());
                }
                Ok(()) => return Ok(()),
            }
        }
    }

    /// Writes everything that is in write buffers to disk. RocksDB itself would wait on while the disk is full.
    fn flush(&self) -> Result<()> {
        let errors = self.number(properties::BACKGROUND_ERRORS);
        let mut begin = FlushOptions::default();
        begin.set_wait(false);
        self.db.flush_opt(&begin).map_err(|e| self.failed("be written", e))?;
        while self.number(properties::NUM_IMMUTABLE_MEM_TABLE) > 0 {
            if self.number(properties::BACKGROUND_ERRORS) > errors {
                return Err(stalled(&self.folder));
            }
            wait();
        }
        Ok(())
    }

    /// Sets the size of a write buffer. One that is larger now is written to disk.
    pub(crate) fn set_write_buffer(&self, bytes: u64) {
        let bytes = bytes.min(self.write_buffer_max);
        let before = self.write_buffer.swap(bytes, Ordering::Relaxed);
        if before == bytes {
            return;
        }
        if let Err(error) = self.db.set_options(&[("write_buffer_size", &bytes.to_string())]) {
            // The folder may have been deleted, because the store is about to be dropped. Otherwise the next write says what
            // is wrong with the disk.
            tracing::debug!("the write buffer of `{}` keeps its size: {error}", self.folder.display());
            return;
        }
        if self.number(properties::CUR_SIZE_ALL_MEM_TABLES) > bytes {
            let mut flush = FlushOptions::default();
            flush.set_wait(false);
            // When this fails so does the next write, which says it.
            let _ = self.db.flush_opt(&flush);
        }
    }

    fn number(&self, property: &properties::PropName) -> u64 {
        self.db.property_int_value(property).ok().flatten().unwrap_or(0)
    }

    /// Adds the figures of this store.
    pub(crate) fn add_to(&self, all: &mut RocksMetrics) {
        all.stores += 1;
        all.entries += self.number(properties::ESTIMATE_NUM_KEYS);
        all.disk += self.number(properties::TOTAL_SST_FILES_SIZE);
        all.files += self.db.get_column_family_metadata().file_count as u64;
        all.compaction_pending += self.number(properties::ESTIMATE_PENDING_COMPACTION_BYTES);
        all.running += self.number(properties::NUM_RUNNING_COMPACTIONS) + self.number(properties::NUM_RUNNING_FLUSHES);
        all.stopped += usize::from(self.number(properties::IS_WRITE_STOPPED) > 0);
    }
}

/// Lets compactions catch up a little.
#[expect(
    clippy::disallowed_methods,
    reason = "RocksDB can only be asked again; the writer would wait inside of it else"
)]
fn wait() {
    std::thread::sleep(Duration::from_millis(1));
}

/// The column family of a database.
pub(crate) fn family(db: &DB) -> Result<&ColumnFamily> {
    db.cf_handle(FAMILY).ok_or_else(|| Error::internal("a RocksDB database without its column family is open"))
}

/// A checkpoint is the source of truth, so nothing is logged. When RocksDB is behind, it says so or waits.
pub(crate) fn write_options(says_when_behind: bool) -> WriteOptions {
    let mut options = WriteOptions::default();
    options.disable_wal(true);
    options.set_no_slowdown(says_when_behind);
    options
}

/// Visits the entries of a range, in order, until `visit` returns false.
pub(crate) fn scan(
    db: &DB,
    from: &[u8],
    to: &[u8],
    visit: &mut Visit<'_>,
    failed: &dyn Fn(rocksdb::Error) -> Error,
) -> Result<()> {
    if from >= to {
        return Ok(());
    }
    let mut options = ReadOptions::default();
    options.fill_cache(false);
    options.set_iterate_upper_bound(to);
    let mut entries = db.raw_iterator_opt(options);
    entries.seek(from);
    while let Some((key, value)) = entries.item() {
        if !visit(key, value)? {
            return Ok(());
        }
        entries.next();
    }
    entries.status().map_err(failed)
}

impl KeyedStore for RocksStore {
    fn get_all(&self, keys: &Rows, found: &mut Found<'_>) -> Result<()> {
        let family = self.family()?;
        for start in (0..keys.len()).step_by(LOOKED_UP_KEYS) {
            let end = keys.len().min(start + LOOKED_UP_KEYS);
            let some = (start..end).map(|row| keys.get(row));
            let values = self.db.batched_multi_get_cf_opt(family, some, true, &self.read);
            for (row, value) in (start..end).zip(values) {
                let value = value.map_err(|e| self.failed("be read", e))?;
                found(row, value.as_deref())?;
            }
        }
        Ok(())
    }

    fn write(&self, batch: &WriteBatch) -> Result<()> {
        let room = |left: usize| rocksdb::WriteBatch::with_capacity_bytes(left.min(WRITTEN_BYTES + (64 << 10)));
        let mut part = room(batch.byte_count() + 16 * batch.len());
        for (key, value) in batch.iter() {
            match value {
                Some(value) => part.put(key, value),
                None => part.delete(key),
            }
            if part.size_in_bytes() >= WRITTEN_BYTES {
                self.write_part(std::mem::replace(&mut part, room(WRITTEN_BYTES)))?;
            }
        }
        if part.is_empty() { Ok(()) } else { self.write_part(part) }
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<()> {
        scan(&self.db, from, to, visit, &|e| self.failed("be read", e))
    }

    fn delete_range(&self, from: &[u8], to: &[u8]) -> Result<()> {
        let mut single = WriteBatch::new();
        self.scan(from, to, &mut |key, _| {
            single.delete(key);
            Ok(single.len() <= DELETED_SINGLY)
        })?;
        if single.len() <= DELETED_SINGLY {
            return self.write(&single);
        }
        let mut all = rocksdb::WriteBatch::default();
        all.delete_range(from, to);
        self.write_part(all)
    }

    fn snapshot(&self, folder: &Path) -> Result<Vec<StoreFile>> {
        files::make_room(folder)?;
        self.flush()?;
        Checkpoint::new(&self.db)
            .and_then(|checkpoint| checkpoint.create_checkpoint(folder))
            .map_err(|e| self.failed("be written", e))?;
        files::seal(folder, &self.names).in_context(|| format!("the RocksDB store in `{}`", self.folder.display()))
    }

    fn expire_after(&self, state: StateNumber, ttl: Duration) {
        self.expiry.expire_after(state, ttl);
    }

    fn set_now(&self, now: ProcessingTime) {
        self.expiry.set_now(now);
    }

    fn size(&self) -> StoreSize {
        let memory = self.number(properties::SIZE_ALL_MEM_TABLES) + self.number(properties::ESTIMATE_TABLE_READERS_MEM);
        StoreSize {
            entries: self.number(properties::ESTIMATE_NUM_KEYS),
            disk: self.number(properties::TOTAL_SST_FILES_SIZE),
            memory,
        }
    }
}

impl Drop for RocksStore {
    fn drop(&mut self) {
        self.db.cancel_all_background_work(true);
        self.shared.divide();
    }
}
