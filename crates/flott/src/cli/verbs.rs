//! The verbs of the `flott` binary. More of Flink's come with the cluster: `info`, `list`, `cancel`, `stop`,
//! `savepoint`.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_types,
    reason = "a command line talks on its standard output and starts processes"
)]

use super::USAGE;
use clap::{Parser, Subcommand};
use flott_core::{Error, Result};
use std::process::{Command, ExitCode};

/// Stateful stream processing with Flink's concepts: one binary, no JVM.
#[derive(Parser)]
#[command(name = "flott", version, about, disable_version_flag = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run a job: `flott run [OPTIONS] ./job [ARGUMENTS]`. Options are those of every Flott job.
    #[command(disable_help_flag = true)]
    Run {
        /// Options, then the job's executable, then its own arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS JOB ARGUMENTS")]
        arguments: Vec<String>,
    },
    /// Print the version.
    Version,
}

/// Runs the `flott` binary: reads the command line and does what it says.
pub fn main() -> ExitCode {
    let result = match Cli::parse().verb {
        Verb::Run { arguments } => run(&arguments),
        Verb::Version => {
            println!("Version: {}", env!("CARGO_PKG_VERSION"));
            Ok(ExitCode::SUCCESS)
        }
    };
    result.unwrap_or_else(|error| {
        eprintln!("flott: {error}");
        ExitCode::FAILURE
    })
}

/// Starts the job's executable with everything that was given, and ends as it ends.
fn run(arguments: &[String]) -> Result<ExitCode> {
    if arguments.iter().any(|a| a == "-h" || a == "--help") || arguments.is_empty() {
        println!("Usage: flott run [OPTIONS] JOB [ARGUMENTS]\n\n{USAGE}");
        return Ok(ExitCode::SUCCESS);
    }
    let job =
        arguments.iter().enumerate().find(|(n, argument)| !argument.starts_with('-') && !takes_value(arguments, *n));
    let (at, job) =
        job.ok_or_else(|| Error::invalid("no job is given; write flott run [OPTIONS] ./job [ARGUMENTS]"))?;
    let status = Command::new(job)
        .args(arguments[..at].iter().chain(&arguments[at + 1..]))
        .status()
        .map_err(|e| Error::io(format!("`{job}` cannot be run"), e))?;
    match status.code() {
        Some(code) => Ok(ExitCode::from(u8::try_from(code).unwrap_or(1))),
        None => Err(Error::data(format!("`{job}` was ended by a signal ({status})"))),
    }
}

/// Whether the argument at `n` is the value of the option before it.
fn takes_value(arguments: &[String], n: usize) -> bool {
    const WITH_VALUE: [&str; 9] = [
        "-p",
        "--parallelism",
        "-s",
        "--from",
        "--checkpoint-dir",
        "--checkpoint-interval",
        "-D",
        "--config",
        "--metrics-port",
    ];
    n > 0 && (WITH_VALUE.contains(&arguments[n - 1].as_str()) || arguments[n - 1] == "--log-level")
}
