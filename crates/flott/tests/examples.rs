//! Every example prints what `examples/expected/` holds, at parallelism 1 and 2, and knows `--help`.
//!
//! The examples are run as programs of their own. Nothing is built here: `cargo test` builds them, next to this test.

#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "examples are run as processes, with a limit of time"
)]

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Far more than any example takes, on a busy machine too.
const LIMIT: Duration = Duration::from_secs(120);

/// What an example prints, if it ends well.
fn output(name: &str, arguments: &[&str]) -> String {
    let program = program(name);
    let mut child = Command::new(&program)
        .args(arguments)
        .args(["--log-level", "warn"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{}: {e}; `cargo test -p flott` builds the examples too", program.display()));
    let mut stdout = child.stdout.take().unwrap();
    let (sender, receiver) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut text = String::new();
        let read = stdout.read_to_string(&mut text).map(|_| text);
        sender.send(read)
    });
    let Ok(text) = receiver.recv_timeout(LIMIT) else {
        child.kill().unwrap();
        child.wait().unwrap();
        panic!("{name} {arguments:?} has not ended after {LIMIT:?}");
    };
    let status = child.wait().unwrap();
    assert!(status.success(), "{name} {arguments:?} ended with {status}");
    text.unwrap()
}

/// `target/debug/deps/examples-0123` is this test, `target/debug/examples/NAME` the example.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    profile.join("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION)
}

fn expected(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/expected").join(name).with_extension("txt");
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

macro_rules! examples {
    ($($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            let name = stringify!($name);
            for parallelism in ["1", "2"] {
                assert_eq!(output(name, &["-p", parallelism]), expected(name), "{name} at parallelism {parallelism}");
            }
            let help = output(name, &["--help"]);
            assert!(help.contains("--checkpoint-dir"), "{name} --help prints {help}");
        })*

        #[test]
        fn every_example_is_tested() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
            let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            let examples = files.filter(|path| path.extension().is_some_and(|e| e == "rs"));
            let mut names: Vec<_> = examples.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
            names.sort();
            assert_eq!(names, [$(stringify!($name)),*], "list every example here, in order");
        }
    };
}

examples! {
    async_enrichment,
    broadcast_rules,
    daily_files,
    fraud_detection,
    odd_even,
    sensor_averages,
    session_analytics,
    socket_word_count,
    word_count,
}
