#![expect(clippy::disallowed_methods, reason = "files are what a file sink writes")]

mod crashes;
pub(super) mod faults;
mod job;
mod restoring;
mod rolling;

use super::*;
use crate::plain_text::Printed;
use faults::Faults;
use flott_core::ErrorKind;
use job::{Job, Op, finished, hidden, rows};
use std::fs;
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A sink that rolls at a few lines and nothing else.
fn sink(path: &Path) -> FileSink<u32> {
    let rolling =
        RollingPolicy::default().with_part_bytes(40).with_rollover_interval(None).with_inactivity_interval(None);
    FileSink::new(path, Printed::new("")).with_rolling_policy(rolling)
}

fn job(folder: &TempDir, ops: Vec<Op>, change: impl Fn(FileSink<u32>) -> FileSink<u32> + 'static) -> Job {
    let path = folder.path().join("out");
    Job::new(ops, move || change(sink(&path)))
}

fn out(folder: &TempDir) -> PathBuf {
    folder.path().join("out")
}

#[test]
fn a_bounded_job_finishes_all_files_at_its_end() {
    let folder = folder();
    job(&folder, vec![Op::Rows(0..20), Op::Rows(20..30)], |sink| sink).run(2, Faults::default()).unwrap();
    assert_eq!(rows(&out(&folder)), (0..30).collect::<Vec<_>>());
    assert!(hidden(&out(&folder)).is_empty());
}

#[test]
fn nothing_is_finished_before_a_checkpoint() {
    let folder = folder();
    let mut job = job(&folder, vec![Op::Rows(0..50), Op::Checkpoint, Op::Rows(50..60)], |sink| sink);
    job.run_until(1, Faults::default(), 1).unwrap();
    assert!(finished(&out(&folder)).is_empty());
    job.run_until(1, Faults::default(), 2).unwrap();
    let finished = finished(&out(&folder));
    assert_eq!(finished.len(), 3);
    // The fourth file is in progress, and durable as far as the checkpoint goes.
    assert_eq!(hidden(&out(&folder)).len(), 1);
}

#[test]
fn names_have_prefix_subtask_counter_and_suffix() {
    let folder = folder();
    let named = |sink: FileSink<u32>| sink.with_part_prefix("day").with_part_suffix(".txt");
    job(&folder, vec![Op::Rows(0..40)], named).run(2, Faults::default()).unwrap();
    let names: Vec<String> = finished(&out(&folder)).into_keys().collect();
    assert!(names.iter().all(|name| name.starts_with("day-") && name.ends_with(".txt")), "{names:?}");
    for end in ["-0.txt", "-1.txt"] {
        assert_eq!(names.iter().filter(|name| name.ends_with(end)).count(), 2, "{names:?}");
    }
    assert!(names.iter().any(|name| name.starts_with("day-0-")) && names.iter().any(|name| name.starts_with("day-1-")));
}

#[test]
fn records_go_to_the_folder_of_their_bucket() {
    let folder = folder();
    let by_time = |sink: FileSink<u32>| {
        sink.with_bucket_assigner(|row: &u32, cx: &BucketContext, bucket: &mut String| {
            assert_eq!(cx.event_time, Some(flott_core::EventTime(i64::from(*row))));
            bucket.push_str(&format!("mod={}/x", row % 3));
        })
    };
    job(&folder, vec![Op::Rows(0..10), Op::Checkpoint, Op::Rows(10..30)], by_time).run(1, Faults::default()).unwrap();
    for (path, lines) in finished(&out(&folder)) {
        let bucket: u32 = path.strip_prefix("mod=").unwrap().split('/').next().unwrap().parse().unwrap();
        assert!(lines.iter().all(|line| line.parse::<u32>().unwrap() % 3 == bucket));
    }
    assert_eq!(rows(&out(&folder)), (0..30).collect::<Vec<_>>());
}

#[test]
fn a_bucket_outside_of_the_folder_is_an_error() {
    for bad in ["../x", "/x", "a/../b", "."] {
        let folder = folder();
        let assign = move |sink: FileSink<u32>| {
            sink.with_bucket_assigner(move |_: &u32, _: &BucketContext, bucket: &mut String| bucket.push_str(bad))
        };
        let error = job(&folder, vec![Op::Rows(0..1)], assign).run(1, Faults::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        assert!(error.to_string().contains(bad), "{error}");
    }
}

#[test]
fn no_more_files_are_open_than_allowed() {
    let folder = folder();
    let many = |sink: FileSink<u32>| {
        sink.with_open_files_max(3)
            .with_bucket_assigner(|row: &u32, _: &BucketContext, bucket: &mut String| bucket.push_str(&row.to_string()))
    };
    let mut job = job(&folder, vec![Op::Rows(0..20), Op::Checkpoint, Op::Rows(20..25)], many);
    job.run_until(1, Faults::default(), 2).unwrap();
    assert_eq!((finished(&out(&folder)).len(), hidden(&out(&folder)).len()), (17, 3));
    job.run(1, Faults::default()).unwrap();
    assert_eq!(rows(&out(&folder)), (0..25).collect::<Vec<_>>());
}

#[test]
fn wrong_names_and_patterns_are_errors() {
    let wrong: [fn(FileSink<u32>) -> FileSink<u32>; 4] = [
        |sink| sink.with_part_prefix("a/b"),
        |sink| sink.with_part_prefix("_a"),
        |sink| sink.with_part_suffix("/b"),
        |sink| sink.with_bucket_assigner(DateTimeBucketAssigner::with_pattern("QQ")),
    ];
    for change in wrong {
        let error = job(&folder(), vec![], change).run(1, Faults::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_that_names_it() {
    let folder = folder();
    fs::write(out(&folder), "in the way").unwrap();
    let error = job(&folder, vec![Op::Rows(0..1)], |sink| sink).run(1, Faults::default()).unwrap_err();
    assert!(error.to_string().contains("/out/.part-0-"), "{error}");
}
