//! DuckDB reads the tables of a savepoint: what it finds is what was written.
//!
//! `cargo xtask services` installs it.

#![cfg(test)]
#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "the test starts DuckDB and writes files")]

mod book;

use flott_core::schema::Schema;
use flott_core::{Configuration, Data, KeyHash, MaxParallelism, codec};
use flott_savepoint::{Chunk, NewState, Row, Rows, SavepointWriter, TableKind, TableReader, TableSchema, TableWriter};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

/// As in `xtask/src/services/duckdb.rs`.
const VERSION: &str = "2.0.0";

/// Runs the query given as the first argument and prints rows as JSON; what JSON does not know as text.
const SCRIPT: &str = "
import duckdb, json, sys
connection = duckdb.connect()
connection.execute(\"SET TimeZone = 'UTC'\")
print(json.dumps(connection.execute(sys.argv[1]).fetchall(), default=str))
";

fn python() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache"))).unwrap();
    let python = base.join(format!("flott/duckdb-{VERSION}/bin/python"));
    assert!(python.exists(), "DuckDB {VERSION} is not installed; run `cargo xtask services`");
    python
}

/// What DuckDB answers, as JSON.
fn query(sql: &str) -> serde_json::Value {
    query_in(Path::new("."), sql)
}

/// As [`query`], in a folder.
fn query_in(folder: &Path, sql: &str) -> serde_json::Value {
    let output = Command::new(python()).args(["-c", SCRIPT, sql]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{sql}\n{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Writes rows of (key, namespace, time, value) as a file.
fn write<K: Data, N: Data, V: Data>(path: &Path, table: &TableSchema, rows: impl IntoIterator<Item = (K, N, i64, V)>) {
    let mut writer = TableWriter::new(table, File::create(path).unwrap()).unwrap();
    let max = MaxParallelism::new(128).unwrap();
    for (key, namespace, time, value) in rows {
        let group = max.key_group(KeyHash::of(&key)).0.into();
        let [key, namespace] = [codec::to_bytes(&key).unwrap(), codec::to_bytes(&namespace).unwrap()];
        let value = codec::to_bytes(&value).unwrap();
        let row = Row { group, key: &key, namespace: &namespace, time, value: &value, ..Row::default() };
        writer.write_row(row).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn counters_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let table = TableSchema::new(TableKind::Value, Schema::of::<u64>()).key(Schema::of::<String>());
    let count = |n: u64| n * n % 1009;
    // Two subtasks have written a file each.
    for half in 0..2u64 {
        let rows = (0..10_000u64).filter(|n| n % 2 == half).map(|n| (format!("user-{n}"), (), 0, count(n)));
        write(&folder.path().join(format!("count-{half}.parquet")), &table, rows);
    }
    let files = format!("'{}/count-*.parquet'", folder.path().display());
    let sum: u64 = (0..10_000).map(count).sum();
    let found =
        query(&format!("SELECT sum(value)::BIGINT, count(*), count(DISTINCT key), max(key_group) < 128 FROM {files}"));
    assert_eq!(found, serde_json::json!([[sum, 10_000, 10_000, true]]));
    let found = query(&format!("SELECT value FROM {files} WHERE key = 'user-77'"));
    assert_eq!(found, serde_json::json!([[count(77)]]));
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
    large: u64,
    wide: i128,
    tags: Vec<String>,
    prices: BTreeMap<String, f32>,
    nested: Vec<Option<(i8, char)>>,
    state: State,
    mode: Mode,
    id: [u8; 4],
    nothing: Option<()>,
    tree: Tree,
}

#[derive(Clone, Serialize, Deserialize)]
enum State {
    Idle,
    Running { since: i64 },
    Failed(String),
}

#[derive(Clone, Serialize, Deserialize)]
enum Mode {
    Slow,
    Fast,
}

#[derive(Clone, Serialize, Deserialize)]
struct Tree(Vec<Tree>);

/// A file with every kind of column.
fn totals(path: &Path) -> TableSchema {
    let table = TableSchema::new(TableKind::Value, Schema::of::<Totals>())
        .key(Schema::of::<Key>())
        .namespace(Schema::of::<TimeWindow>())
        .stamped(true);
    let totals = |state, mode| Totals {
        sum: 0.5,
        large: u64::MAX,
        wide: i128::MIN + 1,
        tags: vec!["a".into(), "b".into()],
        prices: [("x".to_owned(), 1.5), ("y".to_owned(), 2.5)].into(),
        nested: vec![None, Some((-1, 'ß'))],
        state,
        mode,
        id: [1, 2, 3, 255],
        nothing: None,
        tree: Tree(vec![Tree(vec![])]),
    };
    let key = |user, region: Option<&str>| Key { user, region: region.map(str::to_owned) };
    let window = |start, end| TimeWindow { start, end };
    write(
        path,
        &table,
        [
            (key(1, None), window(0, 60_000), 1_700_000_000_123, totals(State::Idle, Mode::Slow)),
            (key(2, Some("eu")), window(60_000, 120_000), 0, totals(State::Running { since: 9 }, Mode::Fast)),
            (key(3, Some("eu")), window(i64::MIN, i64::MAX), 0, totals(State::Failed("disk".into()), Mode::Fast)),
        ],
    );
    table
}

#[test]
fn every_kind_of_column_can_be_queried() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("totals.parquet");
    totals(&path);
    let ask = |what: &str| query(&format!("SELECT {what} FROM '{}' ORDER BY key_user", path.display()));
    assert_eq!(ask("key_user, key_region"), serde_json::json!([[1, null], [2, "eu"], [3, "eu"]]));
    assert_eq!(ask("sum(sum) OVER (), large")[0], serde_json::json!([1.5, u64::MAX]));
    assert_eq!(ask("wide::HUGEINT::VARCHAR")[0][0], (i128::MIN + 1).to_string());
    assert_eq!(
        ask("tags[2], len(tags), prices['y'], nested[2]._0, nested[1]")[0],
        serde_json::json!(["b", 2, 2.5, -1, null])
    );
    assert_eq!(
        ask("state.variant, state.Running.since, state.Failed"),
        serde_json::json!([["Idle", null, null], ["Running", 9, null], ["Failed", null, "disk"]])
    );
    assert_eq!(ask("mode, hex(id), nothing, hex(tree)")[1], serde_json::json!(["Fast", "010203FF", null, "0100"]));
    assert_eq!(
        ask("epoch_ms(window_start), epoch_ms(window_end), window_end_ms, epoch_ms(last_access)"),
        serde_json::json!([
            [0, 60_000, null, 1_700_000_000_123i64],
            [60_000, 120_000, null, 0],
            [null, null, i64::MAX, 0]
        ])
    );
    assert_eq!(ask("last_access::VARCHAR")[0][0], "2023-11-14 22:13:20.123+00");
    let found =
        query(&format!("SELECT count(*) FROM '{}' WHERE window_end <= '1970-01-01 00:02:00+00'", path.display()));
    assert_eq!(found, serde_json::json!([[2]]));
}

/// The rows of a file.
fn rows(path: &Path, table: &TableSchema) -> Chunk {
    let mut reader = TableReader::open_as(File::open(path).unwrap(), table, None).unwrap();
    let rows = reader.next_chunk().unwrap().unwrap();
    assert!(reader.next_chunk().unwrap().is_none());
    rows
}

#[test]
fn what_duckdb_has_changed_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let table = totals(&folder.path().join("totals.parquet"));
    let change = "COPY (FROM 'totals.parquet') TO 'copied.parquet' (FORMAT parquet)";
    query_in(folder.path(), change);
    let [written, copied] =
        ["totals", "copied"].map(|name| rows(&folder.path().join(format!("{name}.parquet")), &table));
    assert_eq!(written, copied);

    let change = "COPY (SELECT * REPLACE (sum + 1 AS sum, 'Slow' AS mode) FROM 'totals.parquet' WHERE key_user = 2) \
                  TO 'changed.parquet' (FORMAT parquet)";
    query_in(folder.path(), change);
    let changed = rows(&folder.path().join("changed.parquet"), &table);
    assert_eq!(changed.len(), 1);
    let value: Totals = codec::from_bytes(changed.get(0).value).unwrap();
    assert!(value.sum == 1.5 && matches!(value.mode, Mode::Slow) && matches!(value.state, State::Running { since: 9 }));
}

#[test]
fn what_duckdb_has_made_becomes_a_savepoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (config, max) = (Configuration::new(), MaxParallelism::new(128).unwrap());
    let mut writer = SavepointWriter::create(&path("sp-1"), &config, "Page views").unwrap();
    let counts = (0..1000u32).map(|n| (format!("user-{n}"), n));
    writer.add_operator("counts", max).unwrap().value("total", counts).unwrap();
    let before = writer.finish().unwrap();

    // New keys need no key group: it comes from the key.
    let change = "COPY (SELECT * REPLACE (value * 2 AS value) FROM 'sp-1/counts/total-*.parquet' WHERE value < 500 \
                  UNION ALL SELECT 0::USMALLINT, 'new', 7::UINTEGER) TO 'changed.parquet' (FORMAT parquet)";
    query_in(folder.path(), change);
    let table = before.operator("counts").unwrap().entry().states[0].table.clone();
    let file = File::open(folder.path().join("changed.parquet")).unwrap();
    let mut writer = SavepointWriter::from_existing(&before, &path("sp-2"), &config).unwrap();
    let rows = Rows::<String, (), (), u32>::of_file(file, &table).unwrap();
    let mut operator = writer.operator("counts").unwrap();
    operator.remove_state("total").unwrap().rows(NewState::new("total", TableKind::Value), rows).unwrap();
    let after = writer.finish().unwrap();

    let rows = after.operator("counts").unwrap().rows::<String, (), (), u32>("total").unwrap();
    let rows: Vec<_> = rows.map(Result::unwrap).collect();
    assert_eq!((rows.len(), rows.iter().map(|row| row.value).sum::<u32>()), (501, 499 * 500 + 7));
    assert!(rows.iter().all(|row| row.group == u32::from(max.key_group(KeyHash::of(&row.key)).0)));
    assert!(rows.is_sorted_by_key(|row| row.group));
}
