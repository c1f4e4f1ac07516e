//! The `flott` binary, as a user calls it: what it prints, how it ends, and what reaches the job.

#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the binary is run as a process, on real files"
)]

#[path = "cli/book.rs"]
mod book;
#[cfg(feature = "query")]
#[path = "cli/running.rs"]
mod running;
#[path = "cli/savepoint.rs"]
mod savepoint;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// How a call ended.
struct Ended {
    code: i32,
    said: String,
    errors: String,
}

/// Calls `flott` in a folder with a place for its configuration.
fn flott_in(folder: &Path, configuration: &Path, arguments: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flott"));
    command.args(arguments).current_dir(folder).env("FLOTT_CONF_DIR", configuration).stdin(Stdio::null());
    let output = command.output().unwrap();
    Ended {
        code: output.status.code().unwrap(),
        said: String::from_utf8(output.stdout).unwrap(),
        errors: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Calls `flott` in an empty folder.
fn flott(arguments: &[&str]) -> Ended {
    let folder = TempDir::new().unwrap();
    flott_in(folder.path(), folder.path(), arguments)
}

/// Asserts that a call has failed and that its error, of so many lines at most, says all of this.
#[track_caller]
fn assert_fails(ended: &Ended, lines: usize, parts: &[&str]) {
    assert!(ended.code != 0 && ended.said.is_empty(), "{}: {}", ended.code, ended.said);
    for part in parts {
        assert!(ended.errors.contains(part), "`{part}` is missing in: {}", ended.errors);
    }
    assert!(ended.errors.lines().count() <= lines, "more than {lines} lines: {}", ended.errors);
}

/// An example, which `cargo test` builds next to this test.
fn example(name: &str) -> String {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().and_then(Path::parent).unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is not there; `cargo test -p flott` builds the examples too", path.display());
    path.display().to_string()
}

#[test]
fn it_tells_its_version_and_its_verbs() {
    let version = flott(&["version"]);
    assert_eq!((version.code, version.said), (0, format!("Version: {}\n", env!("CARGO_PKG_VERSION"))));
    assert_eq!(flott(&["--version"]).said, format!("flott {}\n", env!("CARGO_PKG_VERSION")));
    for arguments in [&["help"], &["--help"]] {
        let help = flott(arguments);
        assert_eq!(help.code, 0);
        for verb in ["run", "savepoint", "version", "help"] {
            assert!(help.said.contains(&format!("\n  {verb} ")), "{verb} is missing in {}", help.said);
        }
    }
    for arguments in [["run", "--help"], ["help", "run"]] {
        let help = flott(&arguments);
        assert_eq!(help.code, 0);
        assert!(help.said.contains("flott run [OPTIONS] JOB [ARGUMENTS]"), "{}", help.said);
        assert!(help.said.contains("--checkpoint-dir DIR"), "{}", help.said);
    }
}

#[test]
fn what_it_does_not_know_is_an_error_that_says_what_to_do() {
    for wrong in ["frobnicate", "--frobnicate"] {
        assert_fails(&flott(&[wrong]), 5, &[wrong, "Usage: flott <COMMAND>", "--help"]);
    }
    assert_fails(&flott(&["version", "--long"]), 5, &["--long", "Usage: flott version", "--help"]);
    assert_fails(&flott(&["run", "--frobnicate", "job"]), 1, &["--frobnicate", "flott run --help", "behind the job"]);
    assert!(flott(&[]).errors.contains("Usage: flott <COMMAND>"));
    assert_ne!(flott(&[]).code, 0);
}

#[test]
fn a_job_that_cannot_be_run_is_an_error_that_says_what_to_do() {
    for arguments in [&["run"][..], &["run", "-p", "2"], &["run", "--from", "latest"], &["run", "-n"]] {
        assert_fails(&flott(arguments), 1, &["no job is given", "flott run [OPTIONS] JOB [ARGUMENTS]"]);
    }
    let folder = TempDir::new().unwrap();
    let call = |job: &str| flott_in(folder.path(), folder.path(), &["run", "--parallelism", "2", job, "--input", "x"]);
    assert_fails(&call("./no-such-job"), 1, &["`./no-such-job`", "give the path of the job's program"]);
    fs::create_dir(folder.path().join("folder")).unwrap();
    assert_fails(&call("folder"), 1, &["`folder` is a folder", "give the path of the job's program"]);

    let text = folder.path().join("text");
    fs::write(&text, "no program").unwrap();
    fs::set_permissions(&text, PermissionsExt::from_mode(0o644)).unwrap();
    assert_fails(&call("text"), 1, &["`text`", "chmod +x text"]);
    assert_fails(&call("text/job"), 1, &["`text/job`", "give the path of the job's program"]);
    symlink("loop", folder.path().join("loop")).unwrap();
    assert_fails(&call("loop"), 1, &["`loop`", "symbolic links", "built for this machine"]);
}

#[test]
fn a_job_is_run_with_everything_that_was_given() {
    let folder = TempDir::new().unwrap();
    // It says what it is given and ends as it likes. A name without a folder is that of a file here.
    let script = folder.path().join("job");
    fs::write(&script, "#!/bin/sh\nfor argument; do printf '%s\\n' \"$argument\"; done\nexit 7\n").unwrap();
    fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let before =
        ["-p", "2", "--from=latest", "-D", "a=b", "-Dc=d", "--fromSavepoint", "chk-1", "-n", "--config", "c.yaml"];
    let after = ["--input", "texts", "-p", "3", "--help", "a b"];
    let ended = flott_in(folder.path(), folder.path(), &[&["run"], &before[..], &["job"], &after].concat());
    assert_eq!(ended.said.lines().collect::<Vec<_>>(), [&before[..], &after].concat());
    assert_eq!(ended.code, 7);
}

#[test]
fn a_job_takes_the_place_of_the_process_that_runs_it() {
    let folder = TempDir::new().unwrap();
    let script = folder.path().join("job");
    fs::write(&script, "#!/bin/sh\necho $$\n").unwrap();
    fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_flott"));
    let child = command.arg("run").arg(&script).stdout(Stdio::piped()).spawn().unwrap();
    let process = child.id();
    let said = child.wait_with_output().unwrap().stdout;
    assert_eq!(String::from_utf8(said).unwrap(), format!("{process}\n"), "a signal would not reach the job");
}

#[test]
fn errors_of_a_job_are_its_own() {
    let job = example("word_count");
    assert_fails(&flott(&["run", "-p", "many", &job]), 1, &["parallelism.default", "`many`", "write a number"]);
    assert_fails(&flott(&["run", &job, "stray"]), 1, &["`stray` belongs to no option", "--help"]);
    assert_fails(&flott(&["run", &job, "-D", "novalue"]), 1, &["novalue", "-D key=value"]);
    assert_fails(&flott(&["run", "--config", "missing.yaml", &job]), 1, &["missing.yaml", "check the path"]);
    assert_fails(&flott(&["run", "--config", "/", &job]), 1, &["/: Is a directory", "check the path"]);
    let unknown = flott(&["run", "-Dparallelism.defaul=2", &job]);
    assert!(unknown.errors.contains("did you mean `parallelism.default`?"), "{}", unknown.errors);
    assert_eq!(unknown.code, 0);
}

#[test]
fn options_come_from_the_file_in_its_place_and_the_command_line_is_stronger() {
    let (folder, job) = (TempDir::new().unwrap(), example("word_count"));
    let configuration = folder.path().join("conf");
    fs::create_dir(&configuration).unwrap();
    let name = |arguments: &[&str]| {
        let ended = flott_in(folder.path(), &configuration, &[&["run"], arguments, &[&job]].concat());
        assert_eq!(ended.code, 0, "{}", ended.errors);
        let name = ended.errors.split_once("job_name=").unwrap().1;
        name.split_once('}').unwrap().0.to_owned()
    };
    assert_eq!(name(&[]), "word count");
    fs::write(configuration.join("config.yaml"), "pipeline:\n  name: from the file\n").unwrap();
    assert_eq!(name(&[]), "from the file");
    assert_eq!(name(&["-D", "pipeline.name=from the command line"]), "from the command line");
    fs::write(folder.path().join("other.yaml"), "pipeline.name: from another file").unwrap();
    assert_eq!(name(&["--config", "other.yaml"]), "from another file");

    fs::write(configuration.join("config.yaml"), "pipeline: [").unwrap();
    assert_fails(&flott_in(folder.path(), &configuration, &["run", &job]), 1, &["conf/config.yaml", "not YAML"]);
}

#[test]
fn a_job_is_run_with_its_parallelism_and_goes_on_from_its_latest_checkpoint() {
    let (folder, job) = (TempDir::new().unwrap(), example("daily_files"));
    let call = |parallelism: &str, from: &[&str]| {
        let run = ["run", "--parallelism", parallelism, "--checkpoint-dir", "kept", "-D"];
        let own = [&["execution.checkpointing.interval=20 ms"], from, &[job.as_str(), "--dir", "year"]].concat();
        let ended = flott_in(folder.path(), folder.path(), &[&run[..], &own].concat());
        assert_eq!(ended.code, 0, "{}", ended.errors);
        ended
    };
    let first = call("3", &[]);
    assert!(first.said.contains("52035 readings kept"), "{}", first.said);
    let subtask = |file: PathBuf| file.file_name().unwrap().to_str().unwrap().split('-').nth(1).unwrap().to_owned();
    let files = || -> BTreeSet<PathBuf> {
        fs::read_dir(folder.path().join("year/clean")).unwrap().map(|file| file.unwrap().path()).collect()
    };
    let written = files();
    let subtasks: BTreeSet<String> = written.iter().cloned().map(subtask).collect();
    assert_eq!(subtasks.into_iter().collect::<Vec<_>>(), ["0", "1", "2"]);
    assert!(folder.path().join("kept").read_dir().unwrap().next().is_some(), "no checkpoint is kept");

    // It has ended: nothing is left to be done, and nothing is done again.
    let second = call("2", &["--from", "latest"]);
    assert_eq!(second.said, first.said);
    assert_eq!(files(), written);
}

/// Runs a job in a folder and returns it with its last checkpoint.
fn with_checkpoint(folder: &Path) -> (String, String) {
    let job = example("fraud_detection");
    let options = ["--checkpoint-dir", "kept", "--checkpoint-interval", "50 ms"];
    let ran = flott_in(folder, folder, &[&["run"][..], &options, &[&job, "--output", "out"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.errors);
    let mut found = Vec::new();
    for job in fs::read_dir(folder.join("kept")).unwrap() {
        let entries = fs::read_dir(job.unwrap().path()).unwrap().map(|entry| entry.unwrap().path());
        found.extend(entries.filter(|path| path.display().to_string().contains("/chk-")));
    }
    (job, found.pop().unwrap().display().to_string())
}

#[cfg(feature = "query")]
#[test]
fn sql_is_asked_of_a_checkpoint() {
    let folder = TempDir::new().unwrap();
    let (_, checkpoint) = with_checkpoint(folder.path());
    let ask = |sql: &str| {
        let arguments = ["savepoint", "query", &checkpoint, sql, "--format", "csv"];
        let asked = flott_in(folder.path(), folder.path(), &arguments);
        assert_eq!(asked.code, 0, "{}", asked.errors);
        asked.said
    };
    // What is left at the end of the job: what its sink has to say.
    assert_eq!(ask("SELECT count(*) AS n FROM sink__text_files.sink_writer"), "n\n1\n");
}

#[test]
fn a_checkpoint_is_compared_with_jobs_and_made_into_tables() {
    let folder = TempDir::new().unwrap();
    let call = |arguments: &[&str]| flott_in(folder.path(), folder.path(), arguments);
    let (job, checkpoint) = with_checkpoint(folder.path());

    let same = call(&["savepoint", "diff", &checkpoint, "-p", "2", &job]);
    assert_eq!(same.code, 0, "{}", same.errors);
    for part in ["kept    operator `KeyedProcess` (uid fraud detector)", "kept         value `tried`", "can be started"]
    {
        assert!(same.said.contains(part), "`{part}` is missing in: {}", same.said);
    }
    let other = example("word_count");
    let dropped = call(&["savepoint", "diff", &checkpoint, &other]);
    assert_eq!(dropped.code, 1, "{}", dropped.errors);
    assert!(dropped.said.contains("dropped operator") && dropped.said.contains("without -n"), "{}", dropped.said);
    assert_eq!(call(&["savepoint", "diff", &checkpoint, "-n", &other]).code, 0);

    let made = call(&["savepoint", "convert", &checkpoint, "tables"]);
    assert!(made.code == 0 && made.said.contains("of job `fraud detection`"), "{}{}", made.said, made.errors);
    let same = call(&["savepoint", "diff", "tables", &job]);
    assert!(same.code == 0 && same.said.contains("kept         value `tried`"), "{}{}", same.said, same.errors);
    assert_fails(&call(&["savepoint", "convert", "tables", "again"]), 1, &["`tables`", "tables already"]);
    assert_fails(&call(&["savepoint", "convert", &checkpoint, "tables"]), 1, &["holds a savepoint already"]);
    assert_fails(&call(&["savepoint", "diff", "nowhere", &job]), 1, &["there is no folder `nowhere`"]);
    assert_fails(&call(&["savepoint", "diff", "tables"]), 1, &["no job is given", "flott savepoint diff PATH"]);
}
