//! Whether a store does what the contract says: random operations on a backend's stores and on a map.
//!
//! Every backend's tests call [`run`]. Several stores stand for the subtasks of one operator. They are written, read,
//! scanned, snapshotted, and restored at another parallelism, from nothing but the files that their snapshots list.

#![expect(clippy::disallowed_methods, reason = "the files of snapshots are compared and copied; only tests call this")]

mod model;
mod rows;

pub use rows::run_rows;

use super::{ABOUT_GROUP, KeyedStore, OpenStore, RestoredStore, Rows, StateBackend, WriteBatch, store_key};
use flott_core::{Configuration, Error, KeyGroup, KeyGroupRange, MaxParallelism, ProcessingTime, Result};
use model::{Model, STATES, TTL, TTL_STATE};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// Key groups of the operator.
const GROUPS: u32 = 16;
/// Different keys of one state in one group.
const KEYS: u32 = 40;

/// Runs so many random operations, always the same ones for one `seed`, in new folders below `folder`.
///
/// # Errors
/// `Internal` when a store does something else than it should, saying what and after how many operations; and the
/// errors of the store.
pub fn run(backend: &dyn StateBackend, folder: &Path, seed: u64, operations: usize) -> Result<()> {
    run_with(backend, &Configuration::new(), folder, seed, operations)
}

/// As [`run`], with options that stores are opened with.
///
/// # Errors
/// As [`run`].
pub fn run_with(
    backend: &dyn StateBackend,
    config: &Configuration,
    folder: &Path,
    seed: u64,
    operations: usize,
) -> Result<()> {
    let mut run = Run {
        backend,
        config,
        folder,
        chance: fastrand::Rng::with_seed(seed),
        stores: Vec::new(),
        model: Model::default(),
        last: None,
        folders: 0,
        shared: BTreeMap::new(),
    };
    run.open(1, Vec::new())?;
    for n in 0..operations {
        run.step().map_err(|e| e.in_context(format!("operation {n} of seed {seed}")))?;
    }
    run.compare_all()
}

struct Run<'a> {
    backend: &'a dyn StateBackend,
    config: &'a Configuration,
    folder: &'a Path,
    chance: fastrand::Rng,
    stores: Vec<Store>,
    model: Model,
    /// The last snapshot, and what was in the stores then.
    last: Option<(Vec<RestoredStore>, Model)>,
    /// Number of folders that were made.
    folders: usize,
    /// Every shared file that was ever in a snapshot, and the hash of its content.
    shared: BTreeMap<String, u64>,
}

struct Store {
    range: KeyGroupRange,
    store: Arc<dyn KeyedStore>,
    folder: PathBuf,
}

impl Run<'_> {
    fn step(&mut self) -> Result<()> {
        match self.chance.u32(0..1000) {
            0..400 => self.write(),
            400..700 => self.get(),
            700..900 => self.scan(),
            900..940 => self.delete_range(),
            940..960 => self.about(),
            960..996 => self.pass_time(),
            996..999 => self.snapshot(),
            _ => self.restore(),
        }
    }

    fn max() -> Result<MaxParallelism> {
        MaxParallelism::new(GROUPS)
    }

    fn next_folder(&mut self, what: &str) -> PathBuf {
        self.folders += 1;
        self.folder.join(format!("{what}-{}", self.folders))
    }

    fn open(&mut self, parallelism: u32, from: Vec<RestoredStore>) -> Result<()> {
        for subtask in 0..parallelism {
            let range = Self::max()?.range(subtask, parallelism);
            let folder = self.next_folder("store");
            let restored = from.iter().filter(|snapshot| snapshot.range.intersects(range)).cloned().collect();
            let open = OpenStore { folder: folder.clone(), range, restored, config: self.config };
            let store = self.backend.open(open)?;
            store.expire_after(STATES[TTL_STATE], TTL);
            store.set_now(self.model.now);
            self.stores.push(Store { range, store, folder });
        }
        Ok(())
    }

    /// Any store.
    fn store(&mut self) -> (KeyGroupRange, Arc<dyn KeyedStore>) {
        let store = &self.stores[self.chance.usize(0..self.stores.len())];
        (store.range, store.store.clone())
    }

    /// A key that may be there.
    fn key(&mut self, range: KeyGroupRange) -> Vec<u8> {
        let mut key = Vec::new();
        store_key(
            KeyGroup(self.chance.u16(range.start..range.end)),
            STATES[self.chance.usize(0..STATES.len())],
            &mut key,
        );
        let number = self.chance.u32(0..KEYS);
        key.extend(std::iter::repeat_n(number as u8, number as usize % 12));
        key.extend_from_slice(&number.to_be_bytes());
        key
    }

    /// The beginning of a key that may be there; of a whole group or state as well.
    fn bound(&mut self, range: KeyGroupRange) -> Vec<u8> {
        let mut key = self.key(range);
        let len = key.len();
        key.truncate(*self.chance.choice(&[2, 6, len]).unwrap_or(&len));
        key
    }

    fn sorted_keys(&mut self, range: KeyGroupRange) -> Vec<Vec<u8>> {
        let count = if self.chance.u32(0..10) == 0 { self.chance.usize(0..1000) } else { self.chance.usize(0..20) };
        let mut keys: Vec<Vec<u8>> = (0..count).map(|_| self.key(range)).collect();
        keys.sort();
        keys.dedup();
        keys
    }

    fn write(&mut self) -> Result<()> {
        let (range, store) = self.store();
        let mut batch = WriteBatch::new();
        for key in self.sorted_keys(range) {
            if self.chance.u32(0..4) == 0 {
                batch.delete(&key);
                self.model.remove(&key);
            } else {
                let value = self.value();
                batch.put(&key, &value);
                self.model.put(key, value);
            }
        }
        store.write(&batch)
    }

    /// A stamp, as values of the state with TTL have to have, and some bytes.
    fn value(&mut self) -> Vec<u8> {
        let mut value = self.model.now.0.to_le_bytes().to_vec();
        value.extend((0..self.chance.usize(0..60)).map(|_| self.chance.u8(..)));
        value
    }

    fn get(&mut self) -> Result<()> {
        let (range, store) = self.store();
        let sorted = self.sorted_keys(range);
        let mut keys = Rows::new();
        sorted.iter().for_each(|key| keys.push(key));
        let mut next = 0;
        store.get_all(&keys, &mut |n, value| {
            ensure(n == next, || format!("key {n} was answered when it was the turn of key {next}"))?;
            next += 1;
            self.model.check(&sorted[n], value)
        })?;
        ensure(next == sorted.len(), || format!("{next} of {} keys were answered", sorted.len()))
    }

    fn scan(&mut self) -> Result<()> {
        let (range, store) = self.store();
        let (from, to) = (self.bound(range), self.bound(range));
        let most = if self.chance.bool() { usize::MAX } else { self.chance.usize(1..20) };
        self.model.check_scan(&*store, &from, &to, most)
    }

    fn delete_range(&mut self) -> Result<()> {
        let (range, store) = self.store();
        let (from, mut to) = (self.bound(range), self.bound(range));
        if self.chance.bool() {
            to = from.clone();
            to.push(u8::MAX);
        }
        self.model.remove_range(&from, &to);
        store.delete_range(&from, &to)
    }

    /// All stores are told the same about a state.
    fn about(&mut self) -> Result<()> {
        let mut key = Vec::new();
        store_key(ABOUT_GROUP, STATES[self.chance.usize(0..STATES.len())], &mut key);
        let value = self.value();
        let mut batch = WriteBatch::new();
        batch.put(&key, &value);
        self.model.put(key, value);
        self.stores.iter().try_for_each(|store| store.store.write(&batch))
    }

    fn pass_time(&mut self) -> Result<()> {
        let millis = self.chance.i64(0..TTL.as_millis() as i64 / 4);
        self.model.now = ProcessingTime(self.model.now.0 + millis);
        self.stores.iter().for_each(|store| store.store.set_now(self.model.now));
        Ok(())
    }

    fn snapshot(&mut self) -> Result<()> {
        let mut taken = Vec::new();
        for n in 0..self.stores.len() {
            let folder = self.next_folder("snapshot");
            let files = self.stores[n].store.snapshot(&folder)?;
            // What comes out of storage is the files that were listed, under their names, and nothing else.
            let copied = self.next_folder("copied");
            std::fs::create_dir(&copied).map_err(|e| Error::io(copied.display(), e))?;
            for file in &files {
                let path = folder.join(&file.name);
                let bytes = std::fs::read(&path).map_err(|e| Error::io(path.display(), e))?;
                ensure(bytes.len() as u64 == file.len, || {
                    format!("`{}` has {} bytes: {file:?}", file.name, bytes.len())
                })?;
                let hash = xxh3_64(&bytes);
                let known = if file.shared { *self.shared.entry(file.name.clone()).or_insert(hash) } else { hash };
                ensure(known == hash, || {
                    format!("two shared files with different content are called `{}`", file.name)
                })?;
                let copy = copied.join(&file.name);
                std::fs::write(&copy, bytes).map_err(|e| Error::io(copy.display(), e))?;
            }
            remove(&folder)?;
            taken.push(RestoredStore { range: self.stores[n].range, folder: copied });
        }
        if let Some((old, _)) = self.last.replace((taken, self.model.clone())) {
            old.iter().try_for_each(|snapshot| remove(&snapshot.folder))?;
        }
        Ok(())
    }

    fn restore(&mut self) -> Result<()> {
        let (from, model) = self.last.clone().unwrap_or_default();
        let model = model.at(self.model.now);
        for store in std::mem::take(&mut self.stores) {
            drop(store.store);
            if store.folder.is_dir() {
                remove(&store.folder)?;
            }
        }
        self.model = model;
        let parallelism = *self.chance.choice(&[1, 2, 3, 5]).unwrap_or(&1);
        self.open(parallelism, from)?;
        self.compare_all()
    }

    fn compare_all(&self) -> Result<()> {
        for store in &self.stores {
            let ends = [store.range.start, store.range.end].map(u16::to_be_bytes);
            let others = [[0, 0], ABOUT_GROUP.0.to_be_bytes()];
            self.model.check_scan(&*store.store, &ends[0], &ends[1], usize::MAX)?;
            self.model.check_scan(&*store.store, &others[1], &[u8::MAX; 20], usize::MAX)?;
            for (from, to) in [(others[0], ends[0]), (ends[1], others[1])] {
                store.store.scan(&from, &to, &mut |key, _| {
                    Err(wrong(format!("the store of {} has the key {key:?} of another one", store.range)))
                })?;
            }
        }
        Ok(())
    }
}

fn remove(folder: &Path) -> Result<()> {
    std::fs::remove_dir_all(folder).map_err(|e| Error::io(folder.display(), e))
}

fn wrong(what: String) -> Error {
    Error::internal(format!("the store does not keep its contract: {what}"))
}

fn ensure(is_so: bool, otherwise: impl FnOnce() -> String) -> Result<()> {
    if is_so { Ok(()) } else { Err(wrong(otherwise())) }
}
