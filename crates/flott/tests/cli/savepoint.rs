//! `flott savepoint ...`, on savepoints that the tests make.

use super::{Ended, assert_fails, example, flott_in};
use flott::core::{CheckpointId, Configuration, EventTime, MaxParallelism};
use flott::savepoint::{NewState, SavepointWriter, StateRow, TableKind};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

#[derive(Clone, Serialize, Deserialize)]
struct Totals {
    count: u64,
    #[serde(default)]
    plan: Option<String>,
}

/// The savepoint `sp-1` in a folder.
fn savepoint(folder: &Path) {
    let mut writer =
        SavepointWriter::create(folder.join("sp-1").to_str().unwrap(), &Configuration::new(), "Page views").unwrap();
    let users = || ["ada", "bob", "eve"].map(str::to_owned).into_iter();
    let max = MaxParallelism::new(128).unwrap();
    writer
        .add_operator("user-counts", max)
        .unwrap()
        .set_name("Count by user")
        .value("totals", users().zip(1..).map(|(key, count)| (key, Totals { count, plan: None })))
        .unwrap()
        .event_timers("user", users().map(|key| (key, (), EventTime(1_700_000_000_000))))
        .unwrap()
        .rows(
            NewState::new("seen", TableKind::Map).ttl(Duration::from_secs(3600)),
            [StateRow::<_, (), _, _> {
                key: 7u32,
                map_key: "a,b".to_owned(),
                time: 5,
                value: 2u8,
                ..StateRow::default()
            }],
        )
        .unwrap();
    writer.add_operator("empty", max).unwrap();
    writer.finish().unwrap();
}

/// Calls `flott savepoint` in a folder.
fn call(folder: &Path, arguments: &[&str]) -> Ended {
    flott_in(folder, folder, &[&["savepoint"], arguments].concat())
}

/// What a call says that ends well.
#[track_caller]
fn said(folder: &Path, arguments: &[&str]) -> String {
    let ended = call(folder, arguments);
    assert_eq!((ended.code, &*ended.errors), (0, ""));
    ended.said
}

#[test]
fn a_savepoint_is_shown() {
    let folder = TempDir::new().unwrap();
    savepoint(folder.path());
    let shown = said(folder.path(), &["inspect", "sp-1"]);
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[0].starts_with("savepoint 1 of job `Page views` ("), "{shown}");
    assert!(lines[1].starts_with("  completed  20") && lines[1].contains(" UTC, by Flott "), "{shown}");
    assert!(lines[2].starts_with("  folder     /") && lines[2].ends_with("/sp-1"), "{shown}");
    assert!(lines[3].starts_with("  holds      2 operators, 3 states, 7 rows, ") && lines[3].ends_with(" in 3 files"));
    assert_eq!(lines[5], "operator `user-counts`: Count by user");
    assert!(lines[6].starts_with("  id ") && lines[6].ends_with(", parallelism 1, 128 key groups"), "{shown}");
    assert!(lines[7].starts_with("  state `totals` (value): 3 rows, ") && lines[7].contains(" in 1 file, key groups "));
    let types =
        "    key: String\n    value: struct Totals {\n        count: u64,\n        plan: Option<String>,\n    }\n";
    assert!(shown.contains(types), "{shown}");
    assert!(shown.contains("  state `_timers/event/user` (timers by event time): 3 rows, "), "{shown}");
    assert!(shown.contains(", time to live 1 h\n    key: u32\n    map key: String\n    value: u8\n"), "{shown}");
    assert!(shown.contains("\noperator `empty`\n  id "), "{shown}");
    let manifest = folder.path().join("sp-1/manifest.json");
    assert_eq!(said(folder.path(), &["inspect", manifest.to_str().unwrap()]), shown);

    let misspelt = call(folder.path(), &["inspect", "sp-1", "-D", "s3.acces-key=x", "-Ds3.secret-key=y"]);
    assert_eq!((misspelt.code, misspelt.said), (0, shown));
    let warning =
        "flott: option `s3.acces-key` is not known to Flott and has no effect; did you mean `s3.access-key`?\n";
    assert_eq!(misspelt.errors, warning);
    assert_fails(
        &call(folder.path(), &["inspect", "sp-1", "--config", "missing.yaml"]),
        1,
        &["missing.yaml", "check the path"],
    );

    let shown: serde_json::Value = serde_json::from_str(&said(folder.path(), &["inspect", "sp-1", "--json"])).unwrap();
    assert_eq!(shown["kind"], "savepoint");
    let manifest: serde_json::Value = serde_json::from_str(&fs::read_to_string(manifest).unwrap()).unwrap();
    assert_eq!(shown["manifest"], manifest);
}

#[test]
fn what_is_damaged_is_named() {
    let folder = TempDir::new().unwrap();
    savepoint(folder.path());
    let verified = said(folder.path(), &["verify", "sp-1"]);
    assert!(verified.starts_with("`sp-1` is whole: ") && verified.ends_with(" in 3 files\n"), "{verified}");
    let mut files = Vec::new();
    for entry in fs::read_dir(folder.path().join("sp-1/user-counts")).unwrap() {
        files.push(entry.unwrap().path());
    }
    files.sort();
    let mut content = fs::read(&files[0]).unwrap();
    content[100] ^= 1;
    fs::write(&files[0], content).unwrap();
    fs::remove_file(&files[1]).unwrap();
    let name = |n: usize| files[n].file_name().unwrap().to_str().unwrap();
    let damaged = call(folder.path(), &["verify", "sp-1"]);
    assert_fails(&damaged, 3, &["of 3 files of `sp-1` 2 cannot be used", name(0), "checksum", name(1), "is missing"]);
    assert_fails(&call(folder.path(), &["verify", "nowhere"]), 1, &["`nowhere`", "check the path"]);
}

#[test]
fn a_checkpoint_is_shown() {
    let (folder, job) = (TempDir::new().unwrap(), example("daily_files"));
    let run = [
        "run",
        "-p",
        "2",
        "--checkpoint-dir",
        "kept",
        "-Dexecution.checkpointing.interval=20 ms",
        &job,
        "--dir",
        "year",
    ];
    assert_eq!(flott_in(folder.path(), folder.path(), &run).code, 0);
    let only = |path: &Path, start: &str| {
        let mut entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        entries.find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(start)).unwrap()
    };
    let checkpoint = only(&only(&folder.path().join("kept"), ""), "chk-");
    let path = checkpoint.to_str().unwrap();
    let shown = said(folder.path(), &["inspect", path]);
    assert!(shown.starts_with("checkpoint ") && shown.contains("parallelism 2, 128 key groups, finished\n"), "{shown}");
    assert_eq!(said(folder.path(), &["inspect", &format!("{path}/_metadata")]), shown);
    assert!(said(folder.path(), &["verify", path]).contains(" is whole: "));
    let shown: serde_json::Value = serde_json::from_str(&said(folder.path(), &["inspect", path, "--json"])).unwrap();
    let id: CheckpointId = serde_json::from_value(shown["metadata"]["checkpoint"].clone()).unwrap();
    assert!(id.0 > 0 && shown["kind"] == "checkpoint", "{shown}");
}

#[test]
fn what_is_no_savepoint_is_an_error_that_says_what_to_do() {
    let folder = TempDir::new().unwrap();
    savepoint(folder.path());
    for verb in ["inspect", "query"].into_iter().filter(|verb| *verb != "query" || cfg!(feature = "query")) {
        let call = |path: &str| call(folder.path(), &[verb, path]);
        assert_fails(&call("nowhere"), 1, &["`nowhere`", "check the path"]);
        assert_fails(&call("sp-*"), 1, &["`sp-*`", "check the path", "there are no wildcards here"]);
        assert_fails(&call("hdfs://name/sp"), 1, &["hdfs://name/sp", "give a path, or a URL"]);
        fs::create_dir_all(folder.path().join("empty")).unwrap();
        assert_fails(&call("empty"), 1, &["holds neither `manifest.json` nor `_metadata`", "check the path"]);
        fs::create_dir_all(folder.path().join("damaged")).unwrap();
        fs::write(folder.path().join("damaged/manifest.json"), "{").unwrap();
        assert_fails(&call("damaged"), 1, &["damaged/manifest.json` cannot be used", "it is no manifest"]);
        if cfg!(not(feature = "s3")) {
            assert_fails(&call("s3://bucket/sp"), 1, &["cargo feature `s3`"]);
        }
        assert_fails(
            &flott_in(folder.path(), folder.path(), &["savepoint", verb, "sp-1", "-D", "x"]),
            1,
            &["-D key=value"],
        );
        assert_fails(&flott_in(folder.path(), folder.path(), &["savepoint", verb]), 6, &["PATH", "--help"]);
    }
    assert_fails(&call(folder.path(), &["inspct"]), 7, &["inspct", "inspect", "--help"]);
}

#[cfg(not(feature = "query"))]
#[test]
fn without_the_feature_it_says_how_to_get_sql() {
    use flott::prelude::*;
    let folder = TempDir::new().unwrap();
    assert_fails(
        &call(folder.path(), &["query", "sp-1", "SELECT 1"]),
        1,
        &["cargo feature `query`", "--features query"],
    );
    let env = StreamExecutionEnvironment::get_execution_environment().unwrap();
    env.from_sequence(1, 3).blackhole();
    let job = env.execute_async("three").unwrap();
    let error = job.query_sql(StateOf::Now, "SELECT 1", &mut Vec::new()).unwrap_err();
    assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains("cargo feature `query`"), "{error}");
    job.wait().unwrap();
}

#[cfg(feature = "query")]
#[test]
fn a_savepoint_is_asked_in_sql() {
    let folder = TempDir::new().unwrap();
    savepoint(folder.path());
    let ask = |arguments: &[&str]| said(folder.path(), &[&["query", "sp-1"], arguments].concat());
    assert_eq!(ask(&[]), "user_counts.totals\nuser_counts.timers_event_user\nuser_counts.seen\n");
    let sql = "SELECT key, count FROM user_counts.totals WHERE count > 1 ORDER BY count DESC";
    let expected = "\
+-----+-------+
| key | count |
+-----+-------+
| eve | 3     |
| bob | 2     |
+-----+-------+
2 rows
";
    assert_eq!(ask(&[sql]), expected);
    assert_eq!(ask(&[sql, "--format", "csv"]), "key,count\neve,3\nbob,2\n");
    assert_eq!(ask(&["--format=json", sql]), "{\"key\":\"eve\",\"count\":3}\n{\"key\":\"bob\",\"count\":2}\n");
    let seen = ask(&["SELECT * FROM user_counts.seen", "--format", "csv"]);
    assert!(seen.ends_with(",7,\"a,b\",1970-01-01T00:00:00.005Z,,2\n"), "{seen}");

    let wrong = |sql: &str| call(folder.path(), &["query", "sp-1", sql]);
    let tables = "the tables are user_counts.totals, user_counts.timers_event_user, user_counts.seen";
    assert_fails(&wrong("SELECT 1 FROM user_counts.total"), 1, &["did you mean `user_counts.totals`?", tables]);
    assert_fails(&wrong("SELEC 1"), 1, &["SELEC", tables]);
    assert_fails(&wrong("DROP TABLE user_counts.totals"), 1, &[tables]);
    let file = fs::read_dir(folder.path().join("sp-1/user-counts")).unwrap().next().unwrap().unwrap().path();
    fs::remove_file(&file).unwrap();
    assert_fails(&wrong("SELECT 1"), 1, &[file.file_name().unwrap().to_str().unwrap(), "is missing"]);
}

#[test]
fn the_example_puts_state_right() {
    let folder = TempDir::new().unwrap();
    let call = |arguments: &[&str]| flott_in(folder.path(), folder.path(), &[&["run"], arguments].concat());
    let job = example("repair_state");
    let ended = call(&[&job]);
    let expected = "ada     1200\nbob        0  to be looked at\neve       80\n";
    assert_eq!((ended.code, &*ended.said, &*ended.errors), (0, expected, ""));
    fs::write(folder.path().join("balances.csv"), "zoe,1\nyan,x\n").unwrap();
    let ended = call(&[&job, "--balances", "balances.csv"]);
    assert_fails(&ended, 1, &["line 2 is not account,cents: `yan,x`", "state `balance` of operator `accounts`"]);
    fs::write(folder.path().join("balances.csv"), "zoe,1\nyan,-2\n").unwrap();
    let ended = call(&[&job, "--balances", "balances.csv", "--output", "made"]);
    assert_eq!(ended.said, "yan        0  to be looked at\nzoe        1\nwritten to made\n");
    for name in ["before", "after"] {
        assert!(said(folder.path(), &["inspect", &format!("made/{name}")]).contains("operator `accounts`"));
    }
}
