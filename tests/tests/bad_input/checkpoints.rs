//! Checkpoints that are damaged, half there, or another job's.

#![expect(clippy::disallowed_methods, reason = "real checkpoints are damaged")]

use crate::process::Place;
use std::fs;
use std::path::{Path, PathBuf};

const QUICK: [&str; 4] = ["--checkpoint-interval", "10 ms", "--rate", "3000"];

/// A place whose job was killed when it had at least two checkpoints, newest first.
fn killed() -> (Place, Vec<PathBuf>) {
    let place = Place::new(2, 100, 3000);
    let retained = "-Dexecution.checkpointing.num-retained=3";
    let mut run = place.start(&[&QUICK[..], &[retained]].concat());
    while checkpoints(&place).len() < 3 {
        run.progress().unwrap();
    }
    run.kill();
    let found = checkpoints(&place);
    (place, found)
}

/// The complete checkpoints of a place, newest first.
fn checkpoints(place: &Place) -> Vec<PathBuf> {
    let folders = |path: &Path| -> Vec<PathBuf> {
        fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
    };
    let mut found: Vec<PathBuf> = folders(&place.path("checkpoints"))
        .iter()
        .flat_map(|job| folders(job))
        .filter(|folder| folder.join("_metadata").exists())
        .collect();
    let number = |path: &PathBuf| path.file_name().unwrap().to_string_lossy()["chk-".len()..].parse::<u64>().unwrap();
    found.sort_by_key(|path| std::cmp::Reverse(number(path)));
    found
}

fn cut_in_half(file: &Path) {
    let bytes = fs::read(file).unwrap();
    fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
}

#[test]
fn a_half_written_checkpoint_is_named_and_the_next_older_one_is_used() {
    let (place, found) = killed();
    // As it looks when the power fails while the metadata is written: nothing of it was committed.
    let half = found[0].with_file_name("chk-9999");
    fs::create_dir(&half).unwrap();
    fs::copy(found[0].join("_metadata"), half.join("_metadata")).unwrap();
    cut_in_half(&half.join("_metadata"));
    let (status, _, errors) = place.start(&QUICK).end();
    assert!(status.success(), "{errors}");
    assert!(errors.contains("chk-9999/_metadata") && errors.contains("cut off"), "{errors}");
    let used = found[0].file_name().unwrap().to_string_lossy();
    assert!(errors.contains(&format!("{used}`")) && errors.contains("goes on from checkpoint"), "{errors}");
    place.check();
}

#[test]
fn a_damaged_checkpoint_is_named_and_the_next_older_one_is_used() {
    let (place, found) = killed();
    fs::write(found[0].join("_metadata"), "nonsense").unwrap();
    let (status, _, errors) = place.start(&QUICK).end();
    assert!(status.success(), "{errors}");
    let (damaged, used) = (found[0].join("_metadata"), found[1].file_name().unwrap().to_string_lossy());
    assert!(errors.contains(&damaged.display().to_string()) && errors.contains("is not used"), "{errors}");
    assert!(errors.contains(&format!("{used}`")), "{errors}");
    // What the damaged checkpoint had committed is there twice, but nothing is lost.
    let committed = place.committed("records");
    assert!(
        place.expected_records().iter().all(|(line, times)| committed.get(line).is_some_and(|found| found >= times))
    );
}

#[test]
fn when_no_checkpoint_can_be_read_the_job_does_not_start_from_nothing_by_itself() {
    let (place, found) = killed();
    found.iter().for_each(|folder| cut_in_half(&folder.join("_metadata")));
    let (status, _, errors) = place.start(&QUICK).end();
    assert!(!status.success());
    assert!(
        errors.contains("no checkpoint of job `resumable job`") && errors.contains("start without `latest`"),
        "{errors}"
    );
}

#[test]
fn a_checkpoint_of_another_job_is_refused() {
    let (place, found) = killed();
    let path = found[0].display().to_string();
    let other = Place::new(1, 10, 10);
    let mut command = other.command(&["--other", "true"]);
    command.args(["--from", &path]);
    let (status, _, errors) = other.watch(command).end();
    assert!(!status.success());
    assert!(errors.contains("holds state of operator") && errors.contains("does not claim"), "{errors}");
    assert!(other.committed("records").is_empty());
    // By name it is not even looked at.
    let mut command = other.command(&["--other", "true", "--name", "another job"]);
    command.arg("--checkpoint-dir").arg(place.path("checkpoints"));
    let (status, _, errors) = other.watch(command).end();
    assert!(status.success(), "{errors}");
    assert!(errors.contains("no checkpoint of job `another job`"), "{errors}");
}

#[test]
fn a_path_that_is_no_checkpoint_is_named() {
    let place = Place::new(1, 10, 10);
    fs::create_dir_all(place.path("empty/chk-7")).unwrap();
    for (path, why) in [("empty/chk-7", "_metadata"), ("empty", "no checkpoint"), ("nowhere/chk-1", "cannot be found")]
    {
        let path = place.path(path).display().to_string();
        let mut command = place.command(&[]);
        command.args(["--from", &path]);
        let (status, _, errors) = place.watch(command).end();
        assert!(!status.success() && errors.contains(&path) && errors.contains(why), "{path}: {errors}");
    }
}
