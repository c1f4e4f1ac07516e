//! States of rows: against maps, and what snapshots say about them.

use super::*;
use crate::store::MemoryBackend;
use crate::store::conformance::run_rows;
use flott_core::schema::{Column, ColumnType, Schema};
use flott_core::{ErrorKind, KeyHash, Result};
use std::collections::BTreeSet;

#[test]
fn rows_on_the_heap_are_what_maps_would_be() {
    let folder = tempfile::tempdir().unwrap();
    (0..20).for_each(|seed| run_rows(None, folder.path(), seed, 400).unwrap());
}

#[test]
fn rows_on_a_store_are_what_maps_would_be() {
    for seed in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        run_rows(Some(&MemoryBackend), folder.path(), seed, 400).unwrap();
    }
}

fn columns(names: &[&str]) -> Vec<Column> {
    names.iter().map(|name| Column::new(*name, ColumnType::I64)).collect()
}

fn register(state: &mut KeyedState<BinaryRow>, key: &[&str], value: &[&str]) -> Result<ValueState<BinaryRow>> {
    state.set_key_columns(columns(key));
    ValueState::register_rows(state, "sums", columns(value), None)
}

#[test]
fn snapshots_say_what_rows_are_and_other_columns_are_refused() {
    let mut state = single::<BinaryRow>();
    let sums = register(&mut state, &["user"], &["sum"]).unwrap();
    let bytes = [1, 128, 0, 0, 0, 0, 0, 0, 7];
    let mut keys = KeyRows::new();
    keys.fill(&state, [(KeyHash::of_bytes(&bytes), &bytes[..])].into_iter());
    let set = |_, mut entry: StateEntry<'_, BinaryRow, (), BinaryRow>| {
        assert!(entry.get()?.is_none());
        entry.update(BinaryRow::default, |row| row.set(&bytes))
    };
    sums.update_all(&mut state, keys.keys(), keys.slots(), set).unwrap();
    let mut disk = Disk::default();
    let files = disk.snapshot(&mut state, true);
    assert_eq!(files.states[0].table.key, Schema::row(columns(&["user"])));
    assert_eq!(files.states[0].table.value, Schema::row(columns(&["sum"])));
    let saved = disk.save(&files);
    let again = |key: &[&str], value: &[&str]| {
        let mut state = KeyedState::<BinaryRow>::new(groups(128), groups(128).all());
        AnyKeyedState::describe_restored(&mut state, &files.states);
        saved.paths.iter().for_each(|path| AnyKeyedState::restore(&mut state, disk.files[path].clone()).unwrap());
        let sums = register(&mut state, key, value)?;
        sums.keys(&mut state)
    };
    let found: BTreeSet<BinaryRow> = again(&["user"], &["sum"]).unwrap().into_iter().collect();
    assert_eq!(found, BTreeSet::from([BinaryRow::from(&bytes[..])]));
    let refused = again(&["user"], &["sum", "count"]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    assert!(refused.message().contains("column 2 of the job, `count: i64`, was not there"), "{refused}");
    assert!(again(&["other"], &["sum"]).unwrap_err().message().contains("column 1 was `user: i64`"));
}

#[test]
fn what_is_only_looked_at_is_not_written_again() {
    let mut state = single::<BinaryRow>();
    let sums = register(&mut state, &["user"], &["sum"]).unwrap();
    let rows: Vec<[u8; 9]> = (0..100).map(|n| [1, 128, 0, 0, 0, 0, 0, 0, n]).collect();
    let mut keys = KeyRows::new();
    keys.fill(&state, rows.iter().map(|row| (KeyHash::of_bytes(row), &row[..])));
    sums.update_all(&mut state, keys.keys(), keys.slots(), |n, mut entry| {
        entry.update(BinaryRow::default, |row| row.set(&rows[n]))
    })
    .unwrap();
    let mut disk = Disk::default();
    let full = disk.snapshot(&mut state, true);
    sums.update_all(&mut state, keys.keys(), keys.slots(), |n, mut entry| {
        assert_eq!(entry.get()?.unwrap().bytes(), rows[n]);
        Ok(())
    })
    .unwrap();
    let next = disk.snapshot(&mut state, false);
    assert_eq!(next.files.len(), full.files.len());
}

#[test]
fn a_row_is_hashed_and_written_as_its_bytes() {
    let row = BinaryRow::from(&b"some bytes that do not fit inline"[..]);
    assert_eq!(KeyHash::of(&row), KeyHash::of_bytes(row.bytes()));
    let bytes = flott_core::codec::to_bytes(&row).unwrap();
    assert_eq!(bytes, [&[row.bytes().len() as u8][..], row.bytes()].concat());
    assert_eq!(flott_core::codec::from_bytes::<BinaryRow>(&bytes).unwrap(), row);
    let json = serde_json::to_string(&row).unwrap();
    assert_eq!(serde_json::from_str::<BinaryRow>(&json).unwrap(), row);
    assert_eq!(size_of::<BinaryRow>(), size_of::<String>());
}
