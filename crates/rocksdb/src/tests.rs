//! Stores on real files.

#![expect(clippy::disallowed_methods, reason = "the tests look at the files of stores and damage them")]

use crate::{RocksBackend, RocksStore};
use flott_core::config::ByteSize;
use flott_core::{Configuration, ErrorKind, KeyGroup, KeyGroupRange, ProcessingTime, Result};
use flott_state::store::{
    ABOUT_GROUP, KeyedStore, OpenStore, RestoredStore, Rows, StateBackend, StateNumber, WriteBatch, conformance,
    store_key,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

#[test]
fn rocksdb_keeps_the_contract() {
    for seed in 0..4 {
        let folder = tempfile::tempdir().unwrap();
        let backend = RocksBackend::new(&Configuration::new(), ByteSize(32 << 20)).unwrap();
        conformance::run(&backend, folder.path(), seed, 25_000).unwrap();
    }
}
