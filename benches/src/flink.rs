//! Apache Flink as a peer: a harness outside of this repository runs the same jobs on a real Flink and prints a line of
//! JSON per run. Our engine runs between its runs, as the harness' own peer.

use crate::bench::{Bench, Failure};
use crate::child::Run;
use crate::report::median;
use flott::ParameterTool;
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Where Flink is, and how much it is given to do.
pub(crate) struct Flink {
    harness: PathBuf,
    cache: PathBuf,
    events: u64,
}

impl Flink {
    pub(crate) fn from_args(args: &ParameterTool) -> Result<Self, Failure> {
        Ok(Flink {
            harness: args.get_required("flink-peer")?.into(),
            cache: args.get("flink-cache").unwrap_or("target/flink").into(),
            events: args.get_or("flink-events", 10_000_000)?,
        })
    }

    /// Flink's median throughput in `job`, in millions of records per CPU-second, with runs of ours between its own.
    /// `ours` makes our run of so many records.
    fn throughput(
        &self,
        bench: &Bench,
        job: &str,
        parallelism: u32,
        text: Option<&str>,
        ours: &Run,
    ) -> Result<f64, Failure> {
        let program = std::env::current_exe()?;
        let quoted = |word: &str| format!("'{word}'");
        let peer: Vec<String> = std::iter::once(quoted(&program.display().to_string()))
            .chain(ours.arguments().iter().map(|a| quoted(a)))
            .collect();
        let mut command = Command::new("python3");
        command.arg(&self.harness).arg("--cache").arg(&self.cache);
        command.args(["--runs", &bench.runs.to_string(), "--events", &self.events.to_string()]);
        command.args(["--parallelism", &parallelism.to_string(), "--peer", &peer.join(" ")]);
        if let Some(text) = text {
            command.args(["--text", text]);
        }
        let output = command.arg(job).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?.wait_with_output()?;
        let lines = String::from_utf8(output.stdout)?;
        let runs: Vec<Value> = lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        if let Some(error) = runs.iter().find_map(|run| run["error"].as_str()) {
            return Err(format!("Flink: {error}").into());
        }
        let of_flink = runs.iter().filter(|run| run["engine"] == "flink");
        let per_second = of_flink.filter_map(|run| Some(run["events"].as_f64()? / run["cpu_s"].as_f64()? / 1e6));
        let value = median(per_second);
        if value.is_nan() { Err(format!("{} gave no run of Flink", self.harness.display()).into()) } else { Ok(value) }
    }
}

impl Bench {
    /// Flink's throughput in `job` if it is asked for; `ours` makes our run of so many records.
    pub(crate) fn flink(
        &self,
        job: &str,
        parallelism: u32,
        text: Option<&str>,
        ours: impl FnOnce(u64) -> Run,
    ) -> Result<Option<f64>, Failure> {
        let Some(flink) = &self.flink else { return Ok(None) };
        flink.throughput(self, job, parallelism, text, &ours(flink.events)).map(Some)
    }
}
