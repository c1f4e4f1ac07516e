//! Stores on real files.

#![expect(clippy::disallowed_methods, reason = "the tests look at the files of stores and damage them")]

mod checkpoints;
mod damage;
mod expiry;
mod restore;

use crate::{RocksBackend, RocksStore};
use flott_core::config::ByteSize;
use flott_core::{Configuration, ErrorKind, KeyGroup, KeyGroupRange, Result};
use flott_state::store::{
    KeyedStore, OpenStore, RestoredStore, Rows, StateNumber, StoreFile, WriteBatch, conformance, store_key,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const STATE: StateNumber = StateNumber(7);
const ALL: KeyGroupRange = KeyGroupRange { start: 0, end: 12 };

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

fn backend() -> RocksBackend {
    RocksBackend::new(&Configuration::new(), ByteSize(32 << 20)).unwrap()
}

fn open(
    folder: &Path,
    range: KeyGroupRange,
    restored: &[(KeyGroupRange, &Path)],
    config: &Configuration,
) -> Result<Arc<RocksStore>> {
    let restored =
        restored.iter().map(|(range, folder)| RestoredStore { range: *range, folder: folder.to_path_buf() }).collect();
    backend().open_store(&OpenStore { folder: folder.to_path_buf(), range, restored, config })
}

fn key(group: u16, number: u32) -> Vec<u8> {
    let mut key = Vec::new();
    store_key(KeyGroup(group), STATE, &mut key);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// Some entries in each of the groups.
fn entries(groups: KeyGroupRange, numbers: std::ops::Range<u32>, seed: u64) -> Entries {
    let mut chance = fastrand::Rng::with_seed(seed);
    let keys = groups.iter().flat_map(|group| numbers.clone().map(move |number| key(group.0, number)));
    keys.map(|key| (key, (0..100).map(|_| chance.u8(..)).collect())).collect()
}

fn put(store: &dyn KeyedStore, entries: &Entries) {
    let mut batch = WriteBatch::new();
    entries.iter().for_each(|(key, value)| batch.put(key, value));
    store.write(&batch).unwrap();
}

/// Everything that a store has.
fn contents(store: &dyn KeyedStore) -> Result<Entries> {
    let mut all = Entries::new();
    store.scan(&[], &[u8::MAX; 20], &mut |key, value| {
        all.insert(key.to_vec(), value.to_vec());
        Ok(true)
    })?;
    Ok(all)
}

/// What a store has for some keys.
fn values(store: &dyn KeyedStore, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>> {
    let mut rows = Rows::new();
    keys.iter().for_each(|key| rows.push(key));
    let mut values = Vec::new();
    store.get_all(&rows, &mut |_, value| {
        values.push(value.map(<[u8]>::to_vec));
        Ok(())
    })?;
    Ok(values)
}

/// Compacts everything, so that nothing that has expired is left.
fn compact(store: &RocksStore) {
    store.db().flush().unwrap();
    let mut all = rocksdb::CompactOptions::default();
    all.set_bottommost_level_compaction(rocksdb::BottommostLevelCompaction::Force);
    store.db().compact_range_opt(None::<&[u8]>, None::<&[u8]>, &all);
}

fn tables(files: &[StoreFile]) -> Vec<String> {
    files.iter().filter(|file| file.shared).map(|file| file.name.clone()).collect()
}

#[test]
fn rocksdb_keeps_the_contract() {
    for seed in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        conformance::run(&backend(), folder.path(), seed, 25_000).unwrap();
    }
}

#[test]
fn states_of_rows_on_rocksdb_are_what_maps_would_be() {
    for seed in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        conformance::run_rows(Some(&backend()), folder.path(), seed, 300).unwrap();
    }
}

#[test]
fn rocksdb_keeps_the_contract_when_it_is_set_up_otherwise() {
    let mut config = Configuration::new();
    config
        .set("state.backend.rocksdb.compaction.style", "LEVEL")
        .set("state.backend.rocksdb.compression.per.level", "NO_COMPRESSION;SNAPPY_COMPRESSION")
        .set("state.backend.rocksdb.memory.partitioned-index-filters", "true")
        .set("state.backend.rocksdb.compaction.level.target-file-size-base", "16 kb")
        .set("state.backend.rocksdb.writebuffer.size", "64 kb")
        .set("state.backend.rocksdb.use-bloom-filter", "false");
    let folder = tempfile::tempdir().unwrap();
    conformance::run_with(&backend(), &config, folder.path(), 3, 25_000).unwrap();
}

#[test]
fn a_value_that_is_none_names_the_option() {
    let folder = tempfile::tempdir().unwrap();
    for (option, value) in [
        ("state.backend.rocksdb.compaction.style", "FIFO"),
        ("state.backend.rocksdb.compression.per.level", "ZSTD_COMPRESSION"),
        ("state.backend.rocksdb.block.blocksize", "0 kb"),
        ("state.backend.rocksdb.log.level", "LOUD"),
        ("state.backend.rocksdb.memory.write-buffer-ratio", "2"),
        ("state.backend.rocksdb.memory.fixed-per-tm", "1 kb"),
    ] {
        let mut config = Configuration::new();
        config.set(option, value);
        let error = RocksBackend::new(&config, ByteSize(32 << 20))
            .and_then(|_| open(&folder.path().join("store"), ALL, &[], &config).map(drop))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains(option), "{error}");
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    for path in [folder.path().join("file/store"), folder.path().to_path_buf()] {
        let error = open(&path, ALL, &[], &Configuration::new()).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
    let store = open(&folder.path().join("store"), ALL, &[], &Configuration::new()).unwrap();
    let error = store.snapshot(folder.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
}

#[test]
fn figures_are_those_of_all_stores() {
    let folder = tempfile::tempdir().unwrap();
    let backend = backend();
    let config = Configuration::new();
    let stores: Vec<_> = (0..3)
        .map(|n| {
            let folder = folder.path().join(format!("store-{n}"));
            backend.open_store(&OpenStore { folder, range: ALL, restored: Vec::new(), config: &config }).unwrap()
        })
        .collect();
    stores.iter().for_each(|store| put(&**store, &entries(ALL, 0..1000, 1)));
    let before = backend.metrics();
    assert_eq!((before.stores, before.entries, before.disk), (3, 36_000, 0));
    assert!(before.write_buffers > 36_000 * 100 && backend.memory_used() >= before.write_buffers, "{before:?}");
    stores.iter().for_each(|store| compact(store));
    let after = backend.metrics();
    assert!(after.disk > 36_000 * 100 && after.write_buffers < before.write_buffers, "{after:?}");
    assert_eq!((after.files, stores[0].size().entries), (3, 12_000));
    drop(stores);
    assert_eq!(backend.metrics().stores, 0);
}
