#![expect(clippy::disallowed_methods, reason = "files are what a file source reads")]

mod changes;
mod watching;

use super::*;
use crate::harness::{Job, sorted};
use crate::plain_text::{LINES, PlainText};
use flott_api::SourceReader;
use flott_core::ErrorKind;
use proptest::prelude::*;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// A folder with these files in it, `(path, content)`.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    files.iter().for_each(|(path, content)| write(&folder, path, content));
    folder
}

fn write(folder: &TempDir, path: &str, content: &str) {
    let path = folder.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn source(folder: &TempDir, path: &str) -> FileSource<String> {
    FileSource::new(folder.path().join(path), LINES)
}

fn read(source: &FileSource<String>, parallelism: u32) -> Vec<String> {
    let mut job = Job::start(source, parallelism).unwrap();
    job.run().unwrap();
    job.rows()
}

fn error(source: &FileSource<String>) -> flott_core::Error {
    match Job::start(source, 1) {
        Err(e) => e,
        Ok(mut job) => job.run().unwrap_err(),
    }
}

fn numbers(range: std::ops::Range<u32>) -> String {
    range.map(|n| format!("{n}\n")).collect()
}

#[test]
fn a_file_a_folder_and_a_pattern_can_be_read() {
    let folder = folder(&[("b.txt", "3\n4"), ("a.txt", "1\n2\n"), ("c.csv", "5\n"), ("sub/d.txt", "6\n")]);
    assert_eq!(read(&source(&folder, "a.txt"), 1), ["1", "2"]);
    assert_eq!(read(&source(&folder, ""), 1), ["1", "2", "3", "4", "5", "6"]);
    assert_eq!(read(&source(&folder, "*.txt"), 1), ["1", "2", "3", "4"]);
    assert_eq!(read(&source(&folder, "**/*.txt"), 1), ["1", "2", "3", "4", "6"]);
    assert_eq!(read(&source(&folder, "[ac].*"), 1), ["1", "2", "5"]);
}

#[test]
fn folders_in_folders_are_left_out_if_wanted() {
    let folder = folder(&[("a.txt", "1\n"), ("sub/b.txt", "2\n")]);
    assert_eq!(read(&source(&folder, "").recursive(false), 1), ["1"]);
}

#[test]
fn hidden_files_and_those_in_progress_are_passed_over() {
    let folder = folder(&[
        ("a", "1\n"),
        (".b", "2\n"),
        ("_c", "3\n"),
        ("d.inprogress", "4\n"),
        (".e/f", "5\n"),
        ("_g/h", "6\n"),
    ]);
    assert_eq!(read(&source(&folder, ""), 1), ["1"]);
    // A file that is named is wanted.
    assert_eq!(read(&source(&folder, "_c"), 1), ["3"]);
}

#[test]
fn a_file_whose_name_looks_like_a_pattern_is_a_file() {
    let folder = folder(&[("a[1].txt", "1\n"), ("a1.txt", "2\n")]);
    assert_eq!(read(&source(&folder, "a[1].txt"), 1), ["1"]);
}

#[test]
fn empty_files_and_folders_have_no_records() {
    let folder = folder(&[("a", ""), ("b", "\n"), ("c", "1\n")]);
    assert_eq!(read(&source(&folder, ""), 2), ["", "1"]);
    assert_eq!(read(&FileSource::new(tempfile::tempdir().unwrap().path(), LINES), 2), [""; 0]);
}

#[cfg(unix)]
#[test]
fn links_are_followed_once() {
    let folder = folder(&[("a", "1\n"), ("sub/b", "2\n")]);
    std::os::unix::fs::symlink(folder.path(), folder.path().join("sub/back")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("gone")).unwrap();
    assert_eq!(read(&source(&folder, ""), 1), ["1", "2"]);
}

#[test]
fn what_is_not_there_is_an_error_that_names_it() {
    let folder = folder(&[("a.txt", "1\n"), ("_b.csv", "1\n"), ("c.gz", "")]);
    for (path, text) in [
        ("gone.txt", "gone.txt cannot be read: No such file or directory (os error 2); check the path"),
        ("gone/", "gone/ cannot be read: No such file"),
        ("*.csv", "(1 names match, 1 of them hidden or in progress)"),
        ("*.json", "no file matches `"),
        ("[a", "is no pattern for files: "),
    ] {
        let error = error(&source(&folder, path));
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(text), "{error}");
        assert!(error.to_string().contains(path), "{error}");
    }
    write(&folder, "c.gz", "x");
    assert!(error(&source(&folder, "c.gz")).to_string().contains("is compressed"));
}

#[test]
fn long_files_are_shared_by_readers_if_the_format_allows() {
    let folder = folder(&[("a", &numbers(0..1000))]);
    let mut job = Job::start(&source(&folder, "").with_range_bytes(100), 3).unwrap();
    job.run().unwrap();
    assert!(job.readers().iter().all(|r| r.rows.len() > 100));
    assert_eq!(sorted(job.rows()), sorted((0..1000).map(|n| n.to_string()).collect()));
    let whole = FileSource::new(folder.path(), PlainText { has_title: true }).with_range_bytes(100);
    let mut job = Job::start(&whole, 3).unwrap();
    job.run().unwrap();
    assert_eq!(job.rows(), (1..1000).map(|n| format!("0{n}")).collect::<Vec<_>>());
}

#[test]
fn splits_are_dealt_out_one_at_a_time() {
    let folder = folder(&[("a", "1\n"), ("b", "2\n"), ("c", "3\n")]);
    let mut job = Job::start(&source(&folder, ""), 1).unwrap();
    job.run().unwrap();
    assert_eq!(job.readers()[0].requests, 4);
    assert_eq!(job.readers()[0].finished.len(), 3);
    assert_eq!(job.metric("numBytesIn"), 6);
}

#[test]
fn a_paused_split_lets_the_others_go_on() {
    let folder = folder(&[("a", &numbers(0..20)), ("b", &numbers(20..40))]);
    let source = source(&folder, "");
    let mut job = Job::start(&source, 2).unwrap();
    job.run_until(|readers| readers.iter().all(|r| r.requests == 1)).unwrap();
    let mut job = Job::restore(&source, 1, &job.checkpoint()).unwrap();
    job.run_rows(7).unwrap();
    let first = job.readers()[0].rows[0].0.clone();
    assert!(job.readers()[0].reader.set_paused(&first, true));
    job.run_rows(27).unwrap();
    assert!(job.is_idle());
    let after = job.readers()[0].rows.iter().skip(7).all(|(split, _)| *split != first);
    assert!(after && job.readers()[0].finished.len() == 1);
    assert_eq!(job.checkpoint_splits(), 1);
    job.readers()[0].reader.set_paused(&first, false);
    job.run().unwrap();
    assert_eq!(job.rows().len(), 40);
}

#[test]
fn bad_records_fail_the_task_unless_told_otherwise() {
    let folder = folder(&[("a.txt", "1\n!x\n2\n")]);
    let error = error(&source(&folder, ""));
    assert_eq!(error.kind(), ErrorKind::Data);
    let text = error.to_string();
    assert!(text.contains("a.txt, line 2 (byte 2): a bad line in `!x`; ") && text.contains("OnError::Skip"), "{text}");
}

#[test]
fn bad_records_can_be_passed_over_and_are_counted() {
    let bad: String = (0..30).map(|n| format!("{n}\n!{n}\n")).collect();
    let folder = folder(&[("a.txt", &bad)]);
    let mut job = Job::start(&source(&folder, "").on_error(OnError::Skip).with_range_bytes(20), 2).unwrap();
    job.run().unwrap();
    assert_eq!(sorted(job.rows()), sorted((0..30).map(|n| n.to_string()).collect()));
    assert_eq!(job.metric("numRecordsInErrors"), 30);
}

#[test]
fn bad_records_can_be_rows_with_file_line_and_byte() {
    let lines: String = (0..50).map(|n| if n % 3 == 0 { format!("!{n}\n") } else { format!("{n}\n") }).collect();
    let folder = folder(&[("a.txt", &lines)]);
    for range_bytes in [1000, 17, 3] {
        let source = source(&folder, "").with_bad_records().with_range_bytes(range_bytes);
        let mut job = Job::start(&source, 1).unwrap();
        job.run().unwrap();
        let rows = job.rows();
        assert_eq!(rows.len(), 50);
        let mut offset = 0;
        for (n, row) in rows.into_iter().enumerate() {
            match row {
                Ok(text) => assert_eq!(text, n.to_string()),
                Err(bad) => {
                    assert_eq!((bad.line, bad.offset, bad.text), (n as u64 + 1, offset, format!("!{n}")));
                    assert!(bad.path.ends_with("a.txt"));
                }
            }
            offset += n.to_string().len() as u64 + 1 + u64::from(n % 3 == 0);
        }
        assert_eq!(job.metric("numRecordsInErrors"), 17);
    }
}

#[test]
fn side_output_needs_rows_that_can_be_bad() {
    let folder = folder(&[("a", "1\n")]);
    let error = error(&source(&folder, "").on_error(OnError::SideOutput));
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("with_bad_records()"), "{error}");
}

#[test]
fn a_line_that_is_too_long_is_a_limit_error() {
    let folder = folder(&[("a", &"x".repeat(1000))]);
    let error = error(&source(&folder, "").with_record_bytes_max(100).with_chunk_bytes(64));
    assert_eq!(error.kind(), ErrorKind::Limit);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn every_line_comes_once_whatever_is_cut_and_restored(
        lens in proptest::collection::vec(0..30usize, 0..60),
        ends_with_line_end: bool, has_title: bool,
        (range_bytes, chunk_bytes) in (1..200u64, 1..100usize),
        (first, second, third) in (1..4u32, 1..4u32, 1..4u32),
        (stop, more) in (0..60usize, 0..60usize), rows_max in 1..9usize,
    ) {
        let title = if has_title { "t\n" } else { "" };
        let mut text: String = title.to_owned();
        lens.iter().enumerate().for_each(|(n, len)| text += &format!("{n}{}\n", "x".repeat(*len)));
        if !ends_with_line_end && !lens.is_empty() {
            text.pop();
        }
        let folder = folder(&[("a", &text), ("b", title)]);
        let format = PlainText { has_title };
        let source = FileSource::new(folder.path(), format).with_range_bytes(range_bytes).with_chunk_bytes(chunk_bytes);
        let mut found = Vec::new();
        let mut checkpoint = None;
        for (parallelism, stop) in [(first, Some(stop)), (second, Some(more)), (third, None)] {
            let mut job = match &checkpoint {
                None => Job::start(&source, parallelism).unwrap(),
                Some(checkpoint) => Job::restore(&source, parallelism, checkpoint).unwrap(),
            };
            job.rows_max = rows_max;
            match stop {
                Some(stop) => job.run_rows(stop).unwrap(),
                None => job.run().unwrap(),
            }
            found.extend(job.rows());
            checkpoint = Some(job.checkpoint());
        }
        let prefix = title.trim();
        let expected = lens.iter().enumerate().map(|(n, len)| format!("{prefix}{n}{}", "x".repeat(*len)));
        prop_assert_eq!(sorted(found), sorted(expected.collect()));
    }
}
