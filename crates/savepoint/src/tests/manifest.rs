//! Tests of manifests.

use crate::{Manifest, OperatorEntry, StateEntry, TableFile, TableKind, TableSchema, WrittenTable};
use flott_core::schema::Schema;
use flott_core::{CheckpointId, ErrorKind, JobId, KeyGroupRange, MaxParallelism, OperatorId, ProcessingTime};
use flott_state::Redistribution;

/// A manifest as the book shows it.
pub(super) fn manifest() -> Manifest {
    #[derive(serde::Deserialize)]
    #[expect(dead_code, reason = "only traced")]
    struct Totals {
        count: u64,
        #[serde(default)]
        sum: f64,
    }
    let file = |path: &str, key_groups| {
        TableFile::new(path, WrittenTable { bytes: 1234, rows: 3, key_groups, checksum: 0xABC })
    };
    let groups = Some(KeyGroupRange { start: 0, end: 128 });
    let keyed = StateEntry {
        name: "totals".into(),
        table: TableSchema::new(TableKind::Value, Schema::of::<Totals>()).key(Schema::of::<String>()).stamped(true),
        ttl_ms: Some(3_600_000),
        redistribution: None,
        files: vec![file("counts/totals-0.parquet", groups)],
    };
    let list = StateEntry {
        name: "splits".into(),
        table: TableSchema::new(TableKind::OperatorList, Schema::Opaque("bytes".into())),
        ttl_ms: None,
        redistribution: Some(Redistribution::Split),
        files: vec![file("counts/splits-0.parquet", None)],
    };
    let operator = OperatorEntry {
        id: OperatorId::from_uid("counts"),
        uid: Some("counts".into()),
        name: "Count by user".into(),
        parallelism: 2,
        max_parallelism: MaxParallelism::new(128).unwrap(),
        finished: vec![false, false],
        coordinator: Some(file("counts/coordinator.bin", None)),
        states: vec![keyed, list],
    };
    Manifest::new(JobId([7; 16]), "Word count", CheckpointId(12), ProcessingTime(1_700_000_000_000), vec![operator])
}

#[test]
fn a_manifest_is_json_that_comes_back() {
    let manifest = manifest();
    let text = manifest.encode().unwrap();
    assert_eq!(Manifest::decode("x/manifest.json", &text).unwrap(), manifest);
    assert_eq!(manifest.files().count(), 3);
    let json: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let state = &json["operators"][0]["states"][0];
    assert_eq!(state["kind"], "value");
    assert_eq!(state["key"], "string");
    assert_eq!(state["value"]["struct"]["fields"][1]["optional"], true);
    assert_eq!(state["files"][0]["checksum"], "0000000000000abc");
}

#[test]
fn what_is_wrong_is_said_with_the_path() {
    let good = String::from_utf8(manifest().encode().unwrap()).unwrap();
    let error = |text: &str| {
        let error = Manifest::decode("s3://a/manifest.json", text.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains("`s3://a/manifest.json`"), "{error}");
        error.to_string()
    };
    assert!(error("").contains("it is empty"));
    assert!(error("{}").contains("no manifest"));
    assert!(error(&good[..good.len() / 2]).contains("EOF"));
    assert!(error(&good.replace("\"format-version\": 1", "\"format-version\": 9")).contains("format version 9"));
    assert!(error(&good.replace("\"key-hash-version\": 1", "\"key-hash-version\": 2")).contains("hashed by version 2"));
    assert!(error(&good.replace("\"parallelism\": 2", "\"parallelism\": 3")).contains("parallelism 3"));
    assert!(error(&good.replace("\"splits\"", "\"totals\"").replace("operator-list", "value")).contains("two states"));
    assert!(error(&good.replace("counts/coordinator.bin", "../outside")).contains("`../outside`"));
    assert!(error(&good.replace("\"kind\": \"value\"", "\"kind\": \"bag\"")).contains("bag"));
    assert!(error(&good.replace("\"max-parallelism\": 128", "\"max-parallelism\": 0")).contains("max parallelism 0"));
}

#[test]
fn damaged_files_are_found() {
    let written = WrittenTable { bytes: 3, rows: 0, key_groups: None, checksum: xxhash_rust::xxh3::xxh3_64(b"abc") };
    let file = TableFile::new("a.parquet", written);
    assert!(file.check(b"abc").is_ok());
    assert!(file.check(b"abd").unwrap_err().to_string().contains("`a.parquet` of the savepoint is damaged"));
    assert!(file.check(b"ab").unwrap_err().to_string().contains("has 2 bytes and had 3"));
}
