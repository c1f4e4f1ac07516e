//! The resumable job as a second process: started, watched, killed.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "real processes on real files are what is tested"
)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use tempfile::TempDir;

/// Lines, with how often each is there.
pub type Lines = BTreeMap<String, u64>;

/// A folder with the job's input, output and checkpoints.
pub struct Place {
    folder: TempDir,
    count: u64,
}

/// A run of the job.
pub struct Run {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    errors: PathBuf,
}

impl Place {
    /// Input of some files and `count` generated records.
    pub fn new(files: u64, lines: u64, count: u64) -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        for file in 0..files {
            let text: String = (0..lines).map(|line| format!("{}\n", line_of(file, line))).collect();
            std::fs::write(folder.path().join(format!("in/{file}.txt")), text).unwrap();
        }
        Place { folder, count }
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The job's command line, from the latest checkpoint, with more of it in `args`.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_resumable-job"));
        command.arg("--in").arg(self.path("in")).arg("--out").arg(self.path("out"));
        command.arg("--count").arg(self.count.to_string());
        command.arg("--checkpoint-dir").arg(self.path("checkpoints")).args(["--from", "latest"]).args(args);
        command
    }

    /// Starts the job.
    pub fn start(&self, args: &[&str]) -> Run {
        self.watch(self.command(args))
    }

    /// Starts a command of the job.
    pub fn watch(&self, mut command: Command) -> Run {
        // Not a pipe: nobody reads it before the end, and a full one would hold the job up.
        let errors = self.path("errors");
        command.stdout(Stdio::piped()).stderr(File::create(&errors).unwrap());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Run { child, lines, errors }
    }

    /// What the finished files of a folder of the output hold.
    pub fn committed(&self, output: &str) -> Lines {
        let mut lines = Lines::new();
        read_finished(&self.path("out").join(output), &mut lines);
        lines
    }

    /// The records that the job must have written.
    pub fn expected_records(&self) -> Lines {
        let mut lines = Lines::new();
        for file in std::fs::read_dir(self.path("in")).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            text.lines().for_each(|line| *lines.entry(line.to_owned()).or_default() += 1);
        }
        (0..self.count).for_each(|n| *lines.entry(flott_tests::generated(n)).or_default() += 1);
        lines
    }

    /// The counts that the job must have written.
    pub fn expected_counts(&self) -> Lines {
        let (mut lines, mut counts) = (Lines::new(), BTreeMap::new());
        for (record, times) in self.expected_records() {
            for _ in 0..times {
                let count = counts.entry(flott_tests::key_of(&record)).or_insert(0u64);
                *count += 1;
                *lines.entry(format!("{} {count}", flott_tests::key_of(&record))).or_default() += 1;
            }
        }
        lines
    }

    /// Everything that was committed, record by record.
    pub fn check(&self) {
        assert_same(&self.committed("records"), &self.expected_records());
        assert_same(&self.committed("counts"), &self.expected_counts());
    }
}

impl Run {
    /// Waits for the next line of progress. `None` when the job has ended.
    pub fn progress(&mut self) -> Option<String> {
        self.lines.next().map(|line| line.unwrap())
    }

    /// The most memory that the process has had, in KiB; `None` when it has ended.
    pub fn peak_kib(&self) -> Option<u64> {
        flott_tests::memory_of(&self.child.id().to_string(), "VmHWM:")
    }

    /// Kills the process, as `kill -9` does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end of the process. Returns how it ended, what it said on standard output and on standard error.
    pub fn end(mut self) -> (ExitStatus, Vec<String>, String) {
        let said = self.lines.by_ref().map(|line| line.unwrap()).collect();
        let status = self.child.wait().unwrap();
        (status, said, std::fs::read_to_string(self.errors).unwrap())
    }
}

fn line_of(file: u64, line: u64) -> String {
    format!("file {file} line {line} {}", "=".repeat((file * 7 + line) as usize % 40))
}

/// Files whose names do not start with a dot are finished.
fn read_finished(folder: &Path, lines: &mut Lines) {
    let Ok(files) = std::fs::read_dir(folder) else { return };
    for file in files.map(|file| file.unwrap().path()) {
        if !file.file_name().unwrap().to_string_lossy().starts_with('.') {
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(text.ends_with('\n'), "{} ends in the middle of a record", file.display());
            text.lines().for_each(|line| *lines.entry(line.to_owned()).or_default() += 1);
        }
    }
}

/// Compares two multisets of lines and names what differs.
pub fn assert_same(found: &Lines, expected: &Lines) {
    let mut wrong = Vec::new();
    for line in found.keys().chain(expected.keys()) {
        let (is, wanted) = (found.get(line).unwrap_or(&0), expected.get(line).unwrap_or(&0));
        if is != wanted {
            wrong.push(format!("`{line}` is there {is} times instead of {wanted}"));
        }
    }
    wrong.dedup();
    assert!(wrong.is_empty(), "{} lines differ: {:#?}", wrong.len(), &wrong[..wrong.len().min(20)]);
}
