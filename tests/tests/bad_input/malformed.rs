//! Files with lines that are no records, files that are not there, files that change.

#![expect(clippy::disallowed_methods, reason = "the input is real files")]

use super::{assert_says, environment};
use crate::process::Place;
use flott::datastream::{BadRecord, OnError};
use flott::prelude::*;
use serde::{Deserialize, Serialize};
use std::fs;
use tempfile::TempDir;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Reading {
    sensor: String,
    celsius: f64,
}

const CSV: &str = "sensor,celsius\na,20.5\nb\nc,warm\nd,21.5\n";
const JSON: &str = "{\"sensor\":\"a\",\"celsius\":20.5}\n{\"sensor\":\n{\"sensor\":\"c\",\"celsius\":\"warm\"}\n{\"sensor\":\"d\",\"celsius\":21.5}\n";

fn file(name: &str, text: impl AsRef<[u8]>) -> (TempDir, std::path::PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    (folder, path)
}

fn good() -> Vec<Reading> {
    let reading = |sensor: &str, celsius| Reading { sensor: sensor.to_owned(), celsius };
    vec![reading("a", 20.5), reading("d", 21.5)]
}

#[test]
fn a_malformed_line_fails_the_job_and_is_named() {
    let (_folder, path) = file("readings.csv", CSV);
    let error = environment().read_csv::<Reading>(&path).with_header().execute_and_collect("csv").unwrap_err();
    assert_says(&error, &["readings.csv", "line 3", "Source: CSV Files", "subtask 1 of 1", "`b`"]);
    assert_eq!(error.kind(), ErrorKind::Data);

    let (_folder, path) = file("readings.json", JSON);
    let error = environment().read_json::<Reading>(&path).execute_and_collect("json").unwrap_err();
    assert_says(&error, &["readings.json", "line 2", "Source: JSON Files"]);
}

#[test]
fn malformed_lines_are_skipped_and_counted() {
    let (_folder, path) = file("readings.csv", CSV);
    let env = environment();
    let mut results =
        env.read_csv::<Reading>(&path).with_header().on_error(OnError::Skip).execute_and_iterate("csv").unwrap();
    assert_eq!(results.by_ref().map(Result::unwrap).collect::<Vec<_>>(), good());
    assert_eq!(results.client().metric("numRecordsInErrors"), 2);

    let (_folder, path) = file("readings.json", JSON);
    let mut results = env.read_json::<Reading>(&path).on_error(OnError::Skip).execute_and_iterate("json").unwrap();
    assert_eq!(results.by_ref().map(Result::unwrap).collect::<Vec<_>>(), good());
    assert_eq!(results.client().metric("numRecordsInErrors"), 2);
}

#[test]
fn malformed_lines_go_to_a_side_output() {
    let (_folder, path) = file("readings.csv", CSV);
    let env = environment();
    let tag = OutputTag::<BadRecord>::new("bad");
    let readings = env.read_csv::<Reading>(&path).with_header().side_output_bad_records(&tag);
    let bad =
        readings.get_side_output(&tag).map(|bad: BadRecord| (bad.line, bad.text)).execute_and_collect("bad").unwrap();
    assert_eq!(bad, [(3, "b".to_owned()), (4, "c,warm".to_owned())]);
    assert_eq!(readings.execute_and_collect("good").unwrap(), good());
}

#[test]
fn a_line_that_is_not_utf_8_is_malformed() {
    let (_folder, path) = file("lines.txt", b"one\n\xff\xfe\nthree\n");
    let env = environment();
    let error = env.read_text(&path).execute_and_collect("text").unwrap_err();
    assert_says(&error, &["lines.txt", "line 2"]);
    let lines = env.read_text(&path).on_error(OnError::Skip).execute_and_collect("text").unwrap();
    assert_eq!(lines, ["one", "three"]);
}

#[test]
fn a_missing_file_is_named() {
    let folder = TempDir::new().unwrap();
    let error = environment().read_text(folder.path().join("none.txt")).execute_and_collect("text").unwrap_err();
    assert_says(&error, &["none.txt", "check the path"]);
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let error = environment().read_text(folder.path().join("*.log")).execute_and_collect("text").unwrap_err();
    assert_says(&error, &["no file matches", "*.log"]);
}

#[test]
fn a_file_that_changes_under_a_checkpoint_is_named() {
    let place = Place::new(1, 20_000, 1_000_000);
    let options = ["--checkpoint-interval", "10 ms", "--rate", "5000", "-Dflott.exchange.batch-rows=16"];
    let mut run = place.start(&options);
    // Progress of the file and of what is generated: by now there is a checkpoint in the middle.
    while !fs::read_dir(place.path("checkpoints"))
        .is_ok_and(|jobs| jobs.flatten().any(|job| has_checkpoint(&job.path())))
    {
        run.progress().unwrap();
    }
    run.kill();
    fs::write(place.path("in/0.txt"), "cut short\n").unwrap();
    let (status, said, errors) = place.start(&options).end();
    assert!(!status.success(), "{said:?}");
    assert!(errors.contains("0.txt has changed since it was found"), "{errors}");
}

/// Whether a job's folder of checkpoints has a complete one.
fn has_checkpoint(job: &std::path::Path) -> bool {
    fs::read_dir(job).is_ok_and(|files| files.flatten().any(|file| file.path().join("_metadata").exists()))
}
