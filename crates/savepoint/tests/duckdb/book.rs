//! The book says what is so: the manifest of `docs/savepoints.md` is the one of the savepoint that it describes, and the
//! queries of `docs/inspecting-state.md` find what is in there.

use super::query_in;
use flott_core::schema::Schema;
use flott_core::{CheckpointId, Data, JobId, KeyHash, MaxParallelism, OperatorId, ProcessingTime, codec};
use flott_savepoint::{Manifest, OperatorEntry, Row, StateEntry, TableFile, TableKind, TableSchema, TableWriter};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::Path;

const FORMAT: &str = include_str!("../../../../docs/savepoints.md");
const QUERIES: &str = include_str!("../../../../docs/inspecting-state.md");

#[derive(Clone, Serialize, Deserialize)]
struct Totals {
    count: u64,
    #[serde(default)]
    seconds: f64,
    plan: Plan,
}

#[derive(Clone, Serialize, Deserialize)]
enum Plan {
    Free,
    Paid(u32),
}

/// The code blocks of a language in a chapter.
fn blocks(chapter: &'static str, language: &str) -> Vec<&'static str> {
    let mut blocks = Vec::new();
    for part in chapter.split(&format!("\n```{language}\n")).skip(1) {
        blocks.push(part.split("\n```").next().unwrap());
    }
    blocks
}

/// Writes rows of (key, map key, time, value).
fn table<M: Data, V: Data>(folder: &Path, name: &str, schema: &TableSchema, rows: &[(&str, M, i64, V)]) -> TableFile {
    let mut writer = TableWriter::new(schema, File::create(folder.join(name)).unwrap()).unwrap();
    for (key, map_key, time, value) in rows {
        let group = MaxParallelism::new(128).unwrap().key_group(KeyHash::of(key)).0.into();
        let key = codec::to_bytes(key).unwrap();
        let map_key = codec::to_bytes(map_key).unwrap();
        let value = codec::to_bytes(value).unwrap();
        writer
            .write_row(Row { group, key: &key, map_key: &map_key, time: *time, value: &value, ..Row::default() })
            .unwrap();
    }
    TableFile::new(name, writer.finish().unwrap().1)
}

/// Writes the savepoint of the book.
fn savepoint(folder: &Path) -> Manifest {
    std::fs::create_dir(folder.join("counts")).unwrap();
    let of = |kind, value| TableSchema::new(kind, value).key(Schema::String);
    let totals = of(TableKind::Value, Schema::of::<Totals>());
    let pages = of(TableKind::Map, Schema::U32).map_key(Schema::String).stamped(true);
    let timers = of(TableKind::EventTimers, Schema::Unit);
    let total = |count, seconds, plan| Totals { count, seconds, plan };
    let at = 1_699_999_000_000;
    let files = [
        vec![
            table(
                folder,
                "counts/totals-0.parquet",
                &totals,
                &[("ada", (), 0, total(3, 12.0, Plan::Paid(900))), ("bob", (), 0, total(1, 0.5, Plan::Free))],
            ),
            table(folder, "counts/totals-1.parquet", &totals, &[("eve", (), 0, total(2, 8.0, Plan::Paid(100)))]),
        ],
        vec![table(
            folder,
            "counts/pages-0.parquet",
            &pages,
            &[("ada", "/".to_owned(), at, 2u32), ("ada", "/about".to_owned(), at - 10_000_000_000, 1)],
        )],
        vec![table(folder, "counts/timers-0.parquet", &timers, &[("ada", (), at + 60_000, ())])],
    ];
    let mut files = files.into_iter();
    let mut state = |name: &str, table: &TableSchema, ttl_ms| StateEntry {
        name: name.to_owned(),
        table: table.clone(),
        ttl_ms,
        redistribution: None,
        files: files.next().unwrap(),
    };
    let operator = OperatorEntry {
        id: OperatorId::from_uid("counts"),
        uid: Some("counts".into()),
        name: "Count by user".into(),
        parallelism: 2,
        max_parallelism: MaxParallelism::new(128).unwrap(),
        finished: vec![false, false],
        coordinator: None,
        states: vec![
            state("totals", &totals, None),
            state("pages", &pages, Some(3_600_000)),
            state("_timers/event/user", &timers, None),
        ],
    };
    let completed_at = ProcessingTime(1_700_000_000_000);
    Manifest::new(JobId([7; 16]), "Page views", CheckpointId(12), completed_at, vec![operator])
}

/// Takes out what is different with every version.
fn settle(mut manifest: Manifest) -> Manifest {
    manifest.flott_version.clear();
    for file in manifest.operators.iter_mut().flat_map(|o| &mut o.states).flat_map(|s| &mut s.files) {
        (file.bytes, file.checksum) = (0, 0);
    }
    manifest
}

#[test]
fn the_manifest_is_that_of_the_savepoint() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = savepoint(folder.path());
    let shown = Manifest::decode("docs/savepoints.md", blocks(FORMAT, "json")[0].as_bytes()).unwrap();
    assert_eq!(settle(shown), settle(manifest));
}

#[test]
fn the_queries_find_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    savepoint(folder.path());
    let found: Vec<serde_json::Value> = blocks(QUERIES, "sql").iter().map(|sql| query_in(folder.path(), sql)).collect();
    assert_eq!(found[0], serde_json::json!([["ada", 3, 4.0], ["eve", 2, 4.0], ["bob", 1, 0.5]]));
    let mut plans = found[1].as_array().unwrap().clone();
    plans.sort_by_key(ToString::to_string);
    assert_eq!(plans, [serde_json::json!(["Free", 1, null]), serde_json::json!(["Paid", 2, 1000])]);
    assert_eq!(found[2], serde_json::json!([["ada", "/", 2]]));
    assert_eq!(found[3], serde_json::json!([["2023-11-14 21:57:40+00:00"]]));
}
