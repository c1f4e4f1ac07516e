//! Examples that are killed with SIGKILL on their way and started again with `--from latest`, each time at another
//! parallelism, give what an undisturbed run gives.
//!
//! When a run is killed depends on the seed and on its progress: at once, or after some of its checkpoints. Input that is
//! made in no time comes at a rate until the last run. The two batch jobs take no checkpoints: they start over.

use crate::PARALLELISMS;
use crate::process::{Run, expected, output, start};
use fastrand::Rng;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// An example, and how it is killed.
type Killed = (&'static str, fn(&str));

/// Every example.
pub const ALL: [Killed; 9] = [
    ("async_enrichment", starts_over),
    ("broadcast_rules", |name| goes_on(name, "120")),
    ("daily_files", cleans_files),
    ("fraud_detection", |name| goes_on(name, "40")),
    ("odd_even", splits_numbers),
    ("sensor_averages", |name| goes_on(name, "60")),
    ("session_analytics", |name| goes_on(name, "40")),
    ("socket_word_count", counts_words_of_a_socket),
    ("word_count", starts_over),
];

/// Kills the example as it is to be killed.
pub fn kill(name: &str) {
    ALL.iter().find(|(known, _)| *known == name).unwrap().1(name);
}

/// Where a job keeps its output and its checkpoints.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Place { folder: TempDir::new().unwrap() }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// What every run is given beside the example's own options.
    fn arguments<'a>(&'a self, parallelism: &'a str, own: &[&'a str]) -> Vec<String> {
        let checkpoints = self.path("checkpoints");
        let flott = ["-p", parallelism, "--from", "latest", "--checkpoint-dir", &checkpoints];
        let all = own.iter().chain(&flott).chain(&["--checkpoint-interval", "10 ms"]);
        all.map(|argument| (*argument).to_owned()).collect()
    }

    /// Starts the example at each parallelism in turn and kills it after some checkpoints, if it has not ended by then.
    fn kill_again_and_again(&self, name: &str, own: &[&str]) {
        let mut random = Rng::with_seed(name.bytes().map(u64::from).sum());
        let mut parallelisms = [PARALLELISMS, PARALLELISMS].concat();
        random.shuffle(&mut parallelisms);
        for parallelism in parallelisms {
            let arguments = self.arguments(parallelism, own);
            let mut run = start(name, &arguments);
            self.wait_for_checkpoints(random.u64(..6), &mut run);
            run.kill();
        }
    }

    /// Waits until the run has completed so many checkpoints more than there are, or has ended.
    fn wait_for_checkpoints(&self, more: u64, run: &mut Run) {
        let wanted = self.newest_checkpoint() + more;
        let number = |line: &str| line.split_once("checkpoint complete checkpoint=")?.1.split(' ').next()?.parse().ok();
        while more > 0
            && let Some(line) = run.next_log_line()
        {
            if number(&line).is_some_and(|number: u64| number >= wanted) {
                return;
            }
        }
    }

    /// The number of the newest completed checkpoint, 0 if there is none.
    fn newest_checkpoint(&self) -> u64 {
        let jobs = files(Path::new(&self.path("checkpoints")));
        let checkpoints = jobs.iter().flat_map(|job| files(job)).filter(|c| c.join("_metadata").exists());
        let number = |path: PathBuf| path.file_name()?.to_str()?.strip_prefix("chk-")?.parse().ok();
        checkpoints.filter_map(number).max().unwrap_or(0)
    }

    /// All lines of the finished files in a folder, sorted.
    fn lines(&self, folder: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for file in files(Path::new(&self.path(folder))) {
            if !file.file_name().unwrap().to_string_lossy().starts_with('.') {
                lines.extend(std::fs::read_to_string(file).unwrap().lines().map(str::to_owned));
            }
        }
        lines.sort();
        lines
    }
}

/// What is in a folder; nothing if it is not there.
fn files(folder: &Path) -> Vec<PathBuf> {
    // Another process makes and deletes what is here.
    std::fs::read_dir(folder).map_or_else(|_| Vec::new(), |files| files.flatten().map(|file| file.path()).collect())
}

/// A job that writes lines to a folder, from a generator with a rate.
fn goes_on(name: &str, rate: &str) {
    let place = Place::new();
    let result = place.path("result");
    place.kill_again_and_again(name, &["--output", &result, "--rate", rate]);
    assert_eq!(output(name, &place.arguments("2", &["--output", &result])), "");
    assert_eq!(place.lines("result"), expected(name).lines().collect::<Vec<_>>());
}

fn splits_numbers(name: &str) {
    let (place, last) = (Place::new(), 3_000_000);
    let (folder, to) = (place.path("result"), last.to_string());
    let own = ["--to", &to, "--output", &folder];
    place.kill_again_and_again(name, &own);
    output(name, &place.arguments("2", &own));
    for (folder, first) in [("result/even", 2), ("result/odd", 1)] {
        let mut numbers: Vec<u32> = place.lines(folder).iter().map(|line| line.parse().unwrap()).collect();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq((first..=last).step_by(2)), "{folder} has other numbers than it must");
    }
}

fn cleans_files(name: &str) {
    let place = Place::new();
    let dir = place.path("year");
    place.kill_again_and_again(name, &["--dir", &dir]);
    assert_eq!(output(name, &place.arguments("2", &["--dir", &dir])), expected(name));
}

fn starts_over(name: &str) {
    let place = Place::new();
    for log_lines in 0..4 {
        let mut run = start(name, &place.arguments("3", &[]));
        (0..log_lines).for_each(|_| drop(run.next_log_line()));
        run.kill();
    }
    assert_eq!(output(name, &place.arguments("7", &[])), expected(name));
}

/// A socket cannot be read twice, so the job is killed when all that it was sent is in a checkpoint.
fn counts_words_of_a_socket(name: &str) {
    let (place, server) = (Place::new(), TcpListener::bind("127.0.0.1:0").unwrap());
    let port = server.local_addr().unwrap().port().to_string();
    let mut counts = Vec::new();
    let text =
        ["row row row your boat", "gently down the stream", "merrily merrily merrily merrily", "life is but a dream"];
    for (line, parallelism) in text.into_iter().zip(PARALLELISMS) {
        let (mut run, mut socket) = connect(name, &place.arguments(parallelism, &["--port", &port]), &server);
        writeln!(socket, "{line}").unwrap();
        for _ in line.split(' ') {
            let count = run.next_line().expect("the job has ended");
            // With several subtasks a line says which of them it comes from.
            counts.push(count.rsplit("> ").next().unwrap().to_owned());
        }
        // One may have been under way.
        place.wait_for_checkpoints(2, &mut run);
        run.kill();
    }
    counts.sort();
    assert_eq!(counts, expected(name).lines().collect::<Vec<_>>());

    // When the server stops the job ends.
    let (mut run, socket) = connect(name, &place.arguments("1", &["--port", &port]), &server);
    drop(socket);
    assert_eq!(run.next_line(), None);
    assert!(run.end().0.success());
}

/// Starts the example and waits for its connection.
fn connect(name: &str, arguments: &[String], server: &TcpListener) -> (Run, TcpStream) {
    (start(name, arguments), server.accept().unwrap().0)
}
