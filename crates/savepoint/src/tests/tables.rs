//! Tables of real types: which columns they have, and that bytes come back.

use crate::{Chunk, Row, TableKind, TableReader, TableSchema, TableWriter, WrittenTable};
use arrow_array::cast::AsArray;
use arrow_array::types::{TimestampMillisecondType, UInt64Type};
use arrow_array::{Array, RecordBatch};
use bytes::Bytes;
use flott_core::schema::Schema;
use flott_core::{Data, ErrorKind, KeyGroupRange, codec};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The file of these rows.
pub(super) fn write(table: &TableSchema, rows: &Chunk) -> (Bytes, WrittenTable) {
    let mut writer = TableWriter::new(table, Vec::new()).unwrap();
    writer.write(rows).unwrap();
    let (file, written) = writer.finish().unwrap();
    assert_eq!(file.len() as u64, written.bytes);
    (Bytes::from(file), written)
}

/// The rows of a file.
pub(super) fn read(file: Bytes) -> Chunk {
    let mut all = Chunk::new();
    for chunk in TableReader::open(file).unwrap() {
        chunk.unwrap().iter().for_each(|row| all.push(row));
    }
    all
}

/// The columns of a file as `name: type`, and its first batch.
pub(super) fn columns(file: Bytes) -> (Vec<String>, RecordBatch) {
    let mut reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let batch = reader.next().unwrap().unwrap();
    let schema = batch.schema();
    let columns = schema.fields().iter().map(|field| format!("{}: {}", field.name(), field.data_type())).collect();
    (columns, batch)
}

/// Rows of typed keys, namespaces and values.
fn rows<K: Data, N: Data, V: Data>(rows: &[(u32, K, N, i64, V)]) -> Chunk {
    let mut chunk = Chunk::new();
    for (group, key, namespace, time, value) in rows {
        let bytes = |of: flott_core::Result<Vec<u8>>| of.unwrap();
        let (key, namespace) = (bytes(codec::to_bytes(key)), bytes(codec::to_bytes(namespace)));
        let value = bytes(codec::to_bytes(value));
        chunk.push(Row {
            group: *group,
            key: &key,
            namespace: &namespace,
            time: *time,
            value: &value,
            ..Row::default()
        });
    }
    chunk
}

#[test]
fn a_counter() {
    let table = TableSchema::new(TableKind::Value, Schema::of::<u64>()).key(Schema::of::<String>());
    let chunk = rows(&[(3, "ada".to_owned(), (), 0, 7u64), (9, "bob".to_owned(), (), 0, u64::MAX)]);
    let (file, written) = write(&table, &chunk);
    assert_eq!((written.rows, written.key_groups), (2, Some(KeyGroupRange { start: 3, end: 10 })));
    assert_eq!(written.checksum, xxhash_rust::xxh3::xxh3_64(&file));
    let (names, batch) = columns(file.clone());
    assert_eq!(names, ["key_group: UInt16", "key: Utf8", "value: UInt64"]);
    assert_eq!(batch["value"].as_primitive::<UInt64Type>().values(), &[7, u64::MAX]);
    assert_eq!(read(file.clone()), chunk);
    assert_eq!(TableReader::open(file).unwrap().table(), &table);
}

#[derive(Clone, Serialize, Deserialize)]
struct Key {
    user: u32,
    region: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
struct TimeWindow {
    start: i64,
    end: i64,
}

#[derive(Clone, Serialize, Deserialize)]
struct Totals {
    sum: f64,
    count: u32,
    key: char,
    tags: Vec<String>,
    by_day: BTreeMap<u16, (i64, i64)>,
    state: State,
    mode: Mode,
    wide: i128,
    id: [u8; 16],
    raw: Vec<u8>,
    tree: Tree,
    deep: Option<Option<()>>,
}

#[derive(Clone, Serialize, Deserialize)]
enum State {
    Idle,
    Running { since: i64, tries: Option<u8> },
    Failed(String),
    Pair(u8, bool),
}

#[derive(Clone, Serialize, Deserialize)]
enum Mode {
    Slow,
    Fast,
}

#[derive(Clone, Serialize, Deserialize)]
struct Tree {
    children: Vec<Tree>,
}

fn totals(state: State, mode: Mode) -> Totals {
    let leaf = || Tree { children: vec![] };
    Totals {
        sum: -0.5,
        count: 3,
        key: 'ß',
        tags: vec!["a".into(), String::new()],
        by_day: [(1, (2, -3)), (4, (i64::MIN, i64::MAX))].into(),
        state,
        mode,
        wide: i128::MIN,
        id: [7; 16],
        raw: vec![0, 255],
        tree: Tree { children: vec![leaf(), Tree { children: vec![leaf()] }] },
        deep: Some(None),
    }
}

#[test]
fn keys_windows_and_values_are_columns() {
    let table = TableSchema::new(TableKind::Value, Schema::of::<Totals>())
        .key(Schema::of::<Key>())
        .namespace(Schema::of::<TimeWindow>())
        .stamped(true);
    let key = |region: Option<&str>| Key { user: 1, region: region.map(str::to_owned) };
    let window = |end| TimeWindow { start: 60_000, end };
    let chunk = rows(&[
        (0, key(None), window(120_000), 5, totals(State::Idle, Mode::Fast)),
        (0, key(Some("x")), window(i64::MAX), 6, totals(State::Running { since: 1, tries: None }, Mode::Slow)),
        (1, key(Some("")), window(i64::MIN), i64::MAX, totals(State::Failed("no".into()), Mode::Slow)),
        (2, key(None), window(0), -7, totals(State::Pair(1, true), Mode::Slow)),
    ]);
    let (file, _) = write(&table, &chunk);
    let (names, batch) = columns(file.clone());
    let expected = [
        "key_group: UInt16",
        "key_user: UInt32",
        "key_region: Utf8",
        r#"window_start: Timestamp(ms, "UTC")"#,
        "window_start_ms: Int64",
        r#"window_end: Timestamp(ms, "UTC")"#,
        "window_end_ms: Int64",
        r#"last_access: Timestamp(ms, "UTC")"#,
        "last_access_ms: Int64",
        "sum: Float64",
        "count: UInt32",
        "key: Utf8",
    ];
    assert_eq!(names[..12], expected, "{names:#?}");
    assert_eq!(names[names.len() - 3..], ["raw: Binary", "tree: Binary", r#"deep: Struct("some": Boolean)"#]);
    assert!(names.contains(&"id: FixedSizeBinary(16)".to_owned()) && names.contains(&"wide: Utf8".to_owned()));
    assert_eq!(batch["wide"].as_string::<i32>().value(0), i128::MIN.to_string());
    assert_eq!(batch["mode"].as_string::<i32>().value(0), "Fast");
    let ends = batch["window_end"].as_primitive::<TimestampMillisecondType>();
    assert_eq!((ends.value(0), ends.is_null(1), ends.is_null(2)), (120_000, true, true));
    let state = batch["state"].as_struct();
    assert_eq!(state.column_names(), ["variant", "Running", "Failed", "Pair"]);
    assert_eq!(state.column(0).as_string::<i32>().value(2), "Failed");
    assert_eq!(state.column(2).as_string::<i32>().value(2), "no");
    assert!(state.column(1).is_null(2) && state.column(1).is_valid(1));
    assert_eq!(read(file), chunk);
}

#[test]
fn names_that_meet_are_told_apart() {
    #[derive(Clone, Serialize, Deserialize)]
    struct Value {
        key: u8,
        #[serde(rename = "Key_Group")]
        group: u8,
        a: u8,
        #[serde(rename = "A")]
        upper: u8,
    }
    let table = TableSchema::new(TableKind::Value, Schema::of::<Value>()).key(Schema::of::<(u8, u8)>());
    let chunk = rows(&[(0, (1u8, 2u8), (), 0, Value { key: 3, group: 4, a: 5, upper: 6 })]);
    let (file, _) = write(&table, &chunk);
    let names: Vec<String> = columns(file.clone()).0.iter().map(|n| n.split(':').next().unwrap().to_owned()).collect();
    assert_eq!(names, ["key_group", "key_0", "key_1", "key", "value_Key_Group", "a", "A_"]);
    assert_eq!(read(file), chunk);
}

#[test]
fn lists_maps_timers_and_operator_state() {
    let check = |table: TableSchema, row: Row<'_>, names: &[&str]| {
        let mut chunk = Chunk::new();
        chunk.push(row);
        let (file, _) = write(&table, &chunk);
        assert_eq!(columns(file.clone()).0, names);
        assert_eq!(read(file), chunk);
    };
    let of = |kind| TableSchema::new(kind, Schema::I64);
    check(
        of(TableKind::List).key(Schema::U8),
        Row { group: 1, key: &[2], position: 3, value: &[4], ..Row::default() },
        &["key_group: UInt16", "key: UInt8", "position: UInt32", "value: Int64"],
    );
    check(
        of(TableKind::Map).key(Schema::U8).map_key(Schema::String),
        Row { group: 1, key: &[2], map_key: &[1, b'k'], value: &[4], ..Row::default() },
        &["key_group: UInt16", "key: UInt8", "map_key: Utf8", "value: Int64"],
    );
    check(
        TableSchema::new(TableKind::EventTimers, Schema::Unit).key(Schema::U8),
        Row { group: 1, key: &[2], time: i64::MAX, ..Row::default() },
        &["key_group: UInt16", "key: UInt8", r#"time: Timestamp(ms, "UTC")"#, "time_ms: Int64"],
    );
    check(
        of(TableKind::OperatorList),
        Row { group: 1, position: 2, value: &[4], ..Row::default() },
        &["subtask: UInt32", "position: UInt32", "value: Int64"],
    );
    check(
        of(TableKind::Broadcast).map_key(Schema::String),
        Row { map_key: &[1, b'k'], value: &[4], ..Row::default() },
        &["subtask: UInt32", "key: Utf8", "value: Int64"],
    );
    check(
        TableSchema::new(TableKind::OperatorList, Schema::Opaque("user::Type".into())),
        Row { value: &[9, 9, 9], ..Row::default() },
        &["subtask: UInt32", "position: UInt32", "value: Binary"],
    );
}

#[test]
fn many_rows_are_read_by_key_group() {
    let table = TableSchema::new(TableKind::Value, Schema::of::<(u64, String)>()).key(Schema::of::<u64>());
    let mut writer = TableWriter::new(&table, Vec::new()).unwrap();
    let mut chunk = Chunk::new();
    for n in 0..100_000u64 {
        let (key, value) = (codec::to_bytes(&n).unwrap(), codec::to_bytes(&(n * 3, format!("value {n}"))).unwrap());
        chunk.push(Row { group: (n / 1000) as u32, key: &key, value: &value, ..Row::default() });
    }
    writer.write(&chunk).unwrap();
    let (file, written) = writer.finish().unwrap();
    assert_eq!((written.rows, written.key_groups), (100_000, Some(KeyGroupRange { start: 0, end: 100 })));
    let file = Bytes::from(file);
    assert_eq!(read(file.clone()), chunk);
    let range = KeyGroupRange { start: 40, end: 42 };
    let found: usize = TableReader::open_groups(file, range).unwrap().map(|c| c.unwrap().len()).sum();
    assert_eq!(found, 2000);
}

#[test]
fn wrong_rows_and_files_are_refused() {
    let table = TableSchema::new(TableKind::Value, Schema::U64).key(Schema::String);
    let mut writer = TableWriter::new(&table, Vec::new()).unwrap();
    let wrong = [
        Row { key: &[9, 1], value: &[1], ..Row::default() },
        Row { key: &[0], value: &[1, 1], ..Row::default() },
        Row { key: &[0], value: &[], ..Row::default() },
        Row { group: 70_000, key: &[0], value: &[1], ..Row::default() },
    ];
    for row in wrong {
        let mut writer = TableWriter::new(&table, Vec::new()).unwrap();
        assert_eq!(writer.write_row(row).unwrap_err().kind(), ErrorKind::Corrupt, "{row:?}");
    }
    writer.write_row(Row { key: &[1, b'k'], value: &[5], ..Row::default() }).unwrap();
    let file = writer.finish().unwrap().0;
    for end in (0..file.len()).step_by(7) {
        let cut = TableReader::open(Bytes::copy_from_slice(&file[..end]));
        assert_eq!(cut.err().unwrap().kind(), ErrorKind::Corrupt);
    }
    let open = |table: &TableSchema| TableReader::open_as(Bytes::from(file.clone()), table, None).unwrap().next_chunk();
    assert!(open(&table).unwrap().is_some());
    let error = open(&TableSchema::new(TableKind::Value, Schema::I8).key(Schema::String)).unwrap_err();
    assert!(error.to_string().contains("column `value` is of type UInt64 instead of Int8"), "{error}");
    let error = open(&table.clone().stamped(true)).unwrap_err();
    assert!(error.to_string().contains("column `last_access` is missing"), "{error}");
}
