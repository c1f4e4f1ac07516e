//! Paths that cannot be read or written: one error that says where, why, and what to do.
//!
//! Most are such that nobody could, so that the tests are the same for every user. Who may do everything, root, lends its
//! rights to nobody where rights are what is missing.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "the input is real files")]

use super::{assert_says, environment};
use crate::process::{Place, Run};
use flott::prelude::*;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The user with the fewest rights.
const NOBODY: u32 = 65534;

/// A folder with `text`, which is a file, `folder`, and `loop`, which is a link to itself.
fn folder() -> (TempDir, impl Fn(&str) -> PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().to_owned();
    fs::write(path.join("text"), "line\n").unwrap();
    fs::create_dir(path.join("folder")).unwrap();
    symlink("loop", path.join("loop")).unwrap();
    (folder, move |name| path.join(name))
}

#[test]
fn a_source_that_cannot_be_read_is_named() {
    let (_folder, path) = folder();
    for (name, why) in [
        ("text/inner", "Not a directory"),
        ("loop", "symbolic links"),
        ("loop/inner", "symbolic links"),
        ("none", "No such file"),
    ] {
        let error = environment().read_text(path(name)).execute_and_collect("text").unwrap_err();
        assert_says(&error, &[path(name).to_str().unwrap(), why, "check the path", "Source: Text Files"]);
        assert_eq!(error.kind(), ErrorKind::Invalid, "{name}");
    }
}

#[test]
fn a_sink_that_cannot_be_written_is_named() {
    let (_folder, path) = folder();
    for (name, why) in [("text", "File exists"), ("text/inner", "Not a directory"), ("loop/inner", "symbolic links")] {
        let env = environment();
        env.from_sequence(1, 10).write_text(path(name));
        let error = env.execute("numbers").unwrap_err();
        assert_says(&error, &[path(name).to_str().unwrap(), why, "check the path", "Sink: "]);
        assert_eq!(error.kind(), ErrorKind::Invalid, "{name}");
    }
}

#[test]
fn a_checkpoint_folder_that_cannot_be_written_is_named() {
    let (_folder, path) = folder();
    for (name, why) in [("text", "File exists"), ("text/inner", "Not a directory"), ("loop/inner", "symbolic links")] {
        let env = environment();
        env.enable_checkpointing(Duration::from_millis(10));
        env.configure("execution.checkpointing.dir", path(name).display().to_string());
        env.from_sequence(1, 10).blackhole();
        let error = env.execute("numbers").unwrap_err();
        assert_says(&error, &[path(name).to_str().unwrap(), why, "check the path"]);
        assert_eq!(error.kind(), ErrorKind::Invalid, "{name}");
    }
}

#[test]
fn a_checkpoint_that_cannot_be_read_is_named() {
    let (_folder, path) = folder();
    fs::create_dir_all(path("folder/chk-1/_metadata")).unwrap();
    for (name, why) in [
        ("folder/chk-1", "no complete checkpoint"),
        ("folder", "is no checkpoint"),
        ("text/chk-1", "Not a directory"),
        ("loop/chk-1", "symbolic links"),
    ] {
        let env = environment();
        env.configure("execution.state-recovery.path", path(name).display().to_string());
        env.from_sequence(1, 10).blackhole();
        let error = env.execute("numbers").unwrap_err();
        assert_says(&error, &[path(name).to_str().unwrap(), why]);
        assert_eq!(error.kind(), ErrorKind::Invalid, "{name}");
    }
}

#[test]
fn an_input_without_the_right_to_read_it_is_named_and_read_when_the_right_is_there() {
    let place = Place::new(3, 300, 300);
    for (locked, unlocked_mode) in [(place.path("in/1.txt"), 0o644), (place.path("in"), 0o755)] {
        fs::set_permissions(&locked, Permissions::from_mode(0o000)).unwrap();
        let (status, _, errors) = start_without_rights(&place).end();
        assert!(!status.success());
        let said: Vec<&str> = errors.lines().filter(|line| line.starts_with("Error: ")).collect();
        let [error] = said[..] else { panic!("{} errors: {errors}", said.len()) };
        for part in [locked.to_str().unwrap(), "Permission denied", "give this user access to it", "Source: Text Files"]
        {
            assert!(error.contains(part), "`{part}` is missing in: {error}");
        }
        fs::set_permissions(&locked, Permissions::from_mode(unlocked_mode)).unwrap();
    }
    let (status, _, errors) = start_without_rights(&place).end();
    assert!(status.success(), "{errors}");
    place.check();
}

/// Starts the job as somebody who has no more rights than files give to everyone.
fn start_without_rights(place: &Place) -> Run {
    let command = place.command(&["--checkpoint-interval", "10 ms"]);
    if fs::metadata(place.path("in")).unwrap().uid() != 0 {
        return place.watch(command);
    }
    // Nobody may not enter the folder in which the program was built.
    let program = place.path("job");
    fs::copy(command.get_program(), &program).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(program.parent().unwrap_or(Path::new("/")), Permissions::from_mode(0o777)).unwrap();
    let mut without_rights = Command::new(program);
    without_rights.args(command.get_args()).current_dir("/").uid(NOBODY).gid(NOBODY);
    place.watch(without_rights)
}
