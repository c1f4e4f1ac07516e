//! An example as a process.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

/// Far more than any example takes, on a busy machine too.
const LIMIT: Duration = Duration::from_secs(120);

/// An example under way.
pub struct Run {
    child: Child,
    said: Receiver<String>,
    log: Receiver<String>,
}

/// What an example prints, if it ends well.
pub fn output<S: AsRef<str>>(name: &str, arguments: &[S]) -> String {
    let mut run = start(name, arguments);
    let mut text = String::new();
    while let Some(line) = run.next_line() {
        text += &line;
        text.push('\n');
    }
    let (status, log) = run.end();
    assert!(status.success(), "{name} ended with {status}: {log}");
    text
}

/// Starts an example.
pub fn start<S: AsRef<str>>(name: &str, arguments: &[S]) -> Run {
    let program = program(name);
    let mut child = Command::new(&program)
        .args(arguments.iter().map(AsRef::as_ref))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{}: {e}; `cargo test -p flott` builds the examples too", program.display()));
    let (said, log) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    Run { child, said: lines(said), log: lines(log) }
}

/// The lines that come from a process. Far more have room than an example gives.
fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = sync_channel(1 << 16);
    std::thread::spawn(move || BufReader::new(from).lines().try_for_each(|line| sender.send(line.unwrap())));
    receiver
}

/// The next line, `None` after the last one.
fn next(lines: &Receiver<String>) -> Option<String> {
    match lines.recv_timeout(LIMIT) {
        Ok(line) => Some(line),
        Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => None,
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("nothing has come for {LIMIT:?}"),
    }
}

impl Run {
    /// The next line on standard output, `None` when the example has ended.
    pub fn next_line(&mut self) -> Option<String> {
        next(&self.said)
    }

    /// The next line of the log, `None` when the example has ended.
    pub fn next_log_line(&mut self) -> Option<String> {
        next(&self.log)
    }

    /// Ends the process as `kill -9` does, if it has not ended.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end. Returns how it ended and what it has logged.
    pub fn end(mut self) -> (ExitStatus, String) {
        let log = std::iter::from_fn(|| self.next_log_line()).collect::<Vec<_>>().join("\n");
        (self.child.wait().unwrap(), log)
    }
}

/// What an example must print.
pub fn expected(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/expected").join(name).with_extension("txt");
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// `target/debug/deps/examples-0123` is this test, `target/debug/examples/NAME` the example.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    profile.join("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION)
}
