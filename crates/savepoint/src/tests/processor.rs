//! Tests of reading, making and changing savepoints.

mod change;
mod damage;
mod model;
mod read;

use crate::{Folder, Savepoint, SavepointWriter};
use flott_core::{Error, ErrorKind, MaxParallelism, Result};
use flott_env::Env;
use object_store::memory::InMemory;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A store in memory with folders for savepoints.
pub(super) struct Place {
    env: Env,
    store: Arc<InMemory>,
}

impl Place {
    fn new() -> Place {
        Place { env: Env::real().unwrap(), store: Arc::new(InMemory::new()) }
    }

    fn folder(&self, name: &str) -> Folder {
        Folder::new(self.store.clone(), name).unwrap()
    }

    fn create(&self, name: &str) -> SavepointWriter {
        SavepointWriter::create_in(&self.env, self.folder(name), "Page views").unwrap()
    }

    fn change(&self, savepoint: &Savepoint, name: &str) -> SavepointWriter {
        SavepointWriter::from_existing_in(savepoint, self.folder(name)).unwrap()
    }

    fn open(&self, name: &str) -> Result<Savepoint> {
        Savepoint::open_folder(&self.env, self.folder(name))
    }
}

fn max() -> MaxParallelism {
    MaxParallelism::new(128).unwrap()
}

/// What an iterator gives, in order.
fn sorted<T: Ord>(rows: impl Iterator<Item = Result<T>>) -> Vec<T> {
    let mut rows: Vec<T> = rows.collect::<Result<_>>().unwrap();
    rows.sort();
    rows
}

/// Asserts that something has failed in this way and that its error says all of this.
#[track_caller]
fn assert_fails<T>(result: Result<T>, kind: ErrorKind, parts: &[&str]) {
    let error: Error = result.err().unwrap();
    assert_eq!(error.kind(), kind, "{error}");
    for part in parts {
        assert!(error.to_string().contains(part), "`{part}` is missing in: {error}");
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Totals {
    count: u32,
    plan: Plan,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Plan {
    Free,
    Paid(u32),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct TimeWindow {
    start: i64,
    end: i64,
}

fn names() -> Vec<String> {
    ["ada", "bob", "eve"].map(str::to_owned).to_vec()
}
