//! One measured run: this program, started again as `flott-benches run CASE ENGINE [KEY=VALUE ...]`. What it measures of
//! itself it prints as one line of JSON, which is also what the harness of the Flink peer expects of an engine.

use crate::bench::{Case, Failure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The verb of the command line that makes a child of this program.
pub(crate) const VERB: &str = "run";

/// Ticks of a CPU second in `/proc/PID/stat`, the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// What is to be run.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    case: String,
    /// Which of the engines that the case compares.
    pub(crate) engine: String,
    options: BTreeMap<String, String>,
}

/// What a run has taken.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Records.
    pub(crate) events: u64,
    /// CPU seconds of all threads, from the job's start to its end.
    pub(crate) cpu_s: f64,
    pub(crate) wall_s: f64,
    /// The most memory that the process has had, in MiB.
    pub(crate) rss_mb: f64,
    /// What the case measures if it is none of the above.
    #[serde(default)]
    pub(crate) value: f64,
    /// What it measures beside that.
    #[serde(default)]
    pub(crate) beside: Vec<f64>,
}

impl Sample {
    /// Millions of records per CPU-second.
    pub(crate) fn mega_per_cpu_second(&self) -> f64 {
        self.events as f64 / self.cpu_s.max(1.0 / TICKS_PER_SECOND) / 1e6
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sample { cpu_s, wall_s, rss_mb, .. } = self;
        write!(f, "{:.1} M/CPU-s, {cpu_s:.2} s CPU, {wall_s:.2} s, {rss_mb:.0} MiB", self.mega_per_cpu_second())
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.case, self.engine)
    }
}

impl Run {
    pub(crate) fn new(case: &str, engine: &str) -> Self {
        Run { case: case.to_owned(), engine: engine.to_owned(), options: BTreeMap::new() }
    }

    #[must_use]
    pub(crate) fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.options.insert(key.to_owned(), value.to_string());
        self
    }

    pub(crate) fn text(&self, key: &str) -> Result<&str, Failure> {
        self.options.get(key).map(String::as_str).ok_or_else(|| format!("the run has no `{key}`").into())
    }

    pub(crate) fn number(&self, key: &str) -> Result<u64, Failure> {
        Ok(self.text(key)?.parse()?)
    }

    /// The child's command line, without the program.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let options = self.options.iter().map(|(key, value)| format!("{key}={value}"));
        [VERB.to_owned(), self.case.clone(), self.engine.clone()].into_iter().chain(options).collect()
    }

    fn from_arguments(arguments: &[String]) -> Result<Self, Failure> {
        let [case, engine, options @ ..] = arguments else {
            return Err("a run needs a case and an engine".into());
        };
        let mut run = Run::new(case, engine);
        for option in options {
            let (key, value) = option.split_once('=').ok_or_else(|| format!("`{option}` is no KEY=VALUE"))?;
            run = run.with(key, value);
        }
        Ok(run)
    }

    /// Starts a child and waits for its sample.
    pub(crate) fn start(&self) -> Result<Sample, Failure> {
        let mut started = self.spawn()?;
        let line = started.line(|line| line.starts_with('{'))?;
        started.child.wait()?;
        Ok(serde_json::from_str(&line)?)
    }

    /// Starts a child to watch it.
    pub(crate) fn spawn(&self) -> Result<Started, Failure> {
        let start = Instant::now();
        let mut child = Command::new(std::env::current_exe()?)
            .args(self.arguments())
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("a child without standard output")?;
        Ok(Started { child, stdout: BufReader::new(stdout), start, run: self.clone() })
    }
}

/// A child under way; killed when it is dropped.
pub(crate) struct Started {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
    start: Instant,
    run: Run,
}

impl Started {
    /// Waits for a line of output.
    pub(crate) fn line(&mut self, is_it: impl Fn(&str) -> bool) -> Result<String, Failure> {
        let mut line = String::new();
        while self.stdout.read_line(&mut line)? > 0 {
            if is_it(&line) {
                return Ok(line);
            }
            line.clear();
        }
        let status = self.child.wait()?;
        Err(format!("the run `{}` ended without its result ({status})", self.run.arguments().join(" ")).into())
    }

    /// The time since the process was started.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// The memory that the process has now, in MiB.
    pub(crate) fn rss_mib(&self) -> Result<f64, Failure> {
        memory_mib(&self.child.id().to_string(), "VmRSS:")
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The child's side: runs what the command line says and prints the sample.
pub(crate) fn main(cases: &[&Case], arguments: &[String]) -> Result<(), Failure> {
    let run = Run::from_arguments(arguments)?;
    let case = cases.iter().find(|case| case.name == run.case).ok_or_else(|| format!("no case `{}`", run.case))?;
    let sample = (case.child)(&run)?;
    println!("{}", serde_json::to_string(&sample)?);
    Ok(())
}

/// The child's side: what `work` takes. It returns the number of its records.
pub(crate) fn measure(work: impl FnOnce() -> Result<u64, Failure>) -> Result<Sample, Failure> {
    let meter = Meter::start()?;
    let events = work()?;
    meter.stop(events)
}

/// The child's side: measures from one moment to another.
pub(crate) struct Meter {
    start: Instant,
    cpu_s: f64,
}

impl Meter {
    /// From now on.
    pub(crate) fn start() -> Result<Self, Failure> {
        Ok(Meter { start: Instant::now(), cpu_s: cpu_seconds()? })
    }

    /// What so many records have taken until now.
    pub(crate) fn stop(&self, events: u64) -> Result<Sample, Failure> {
        let (wall_s, cpu_s) = (self.start.elapsed().as_secs_f64(), cpu_seconds()? - self.cpu_s);
        Ok(Sample { events, cpu_s, wall_s, rss_mb: memory_mib("self", "VmHWM:")?, value: 0.0, beside: Vec::new() })
    }
}

/// CPU seconds of this process, user and system, of all threads, ended ones too.
fn cpu_seconds() -> Result<f64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The name in parentheses may hold spaces.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |n: usize| -> Result<f64, Failure> { Ok(fields.get(n).ok_or("a short /proc/self/stat")?.parse()?) };
    Ok((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
}

fn memory_mib(process: &str, field: &str) -> Result<f64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).ok_or_else(|| format!("no {field}"))?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}
