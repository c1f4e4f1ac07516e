//! The verbs of the `flott` binary. More of Flink's come with the cluster: `info`, `list`, `cancel`, `stop`.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a command line talks on its standard output and starts processes"
)]

use super::savepoint::DIFF;
use super::savepoint::{self, Output};
use super::{USAGE, flags};
use clap::{Parser, Subcommand};
use flott_core::config::SAVEPOINT_DIFF;
use flott_core::{Error, Result};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::{Command, ExitCode};

/// Stateful stream processing with Flink's concepts: one binary, no JVM.
#[derive(Parser)]
#[command(name = "flott", version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run a job: `flott run [OPTIONS] JOB [ARGUMENTS]`. JOB is a program; options are those of every Flott job.
    #[command(disable_help_flag = true, override_usage = RUN, after_help = USAGE)]
    Run {
        /// Options, then the job's executable, then its own arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        arguments: Vec<String>,
    },
    /// Look into savepoints and checkpoints.
    #[command(subcommand)]
    Savepoint(savepoint::Verb),
    /// Print the version.
    Version,
}

const RUN: &str = "flott run [OPTIONS] JOB [ARGUMENTS]";

/// Runs the `flott` binary: reads the command line and does what it says.
pub fn main() -> ExitCode {
    let result = match Cli::parse().verb {
        Verb::Run { arguments } => run(&arguments),
        Verb::Savepoint(savepoint::Verb::Diff { arguments }) => diff(&arguments),
        Verb::Savepoint(verb) => verb.run(&mut Output(std::io::stdout())).map(|()| ExitCode::SUCCESS),
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

/// Has the job's executable compare itself with a savepoint.
fn diff(arguments: &[String]) -> Result<ExitCode> {
    if arguments.iter().any(|argument| argument == "-h" || argument == "--help") {
        // Whoever has stopped reading has seen enough.
        let _ = writeln!(
            std::io::stdout(),
            "Says what would become of each operator and state if JOB were started from PATH.\n\nUsage: {DIFF}\n\n{USAGE}"
        );
        return Ok(ExitCode::SUCCESS);
    }
    let [path, job @ ..] = arguments else {
        return Err(Error::invalid(format!("no savepoint is given; write {DIFF}")));
    };
    if job.is_empty() {
        return Err(Error::invalid(format!("no job is given; write {DIFF}")));
    }
    let option = format!("-D{}={path}", SAVEPOINT_DIFF.key);
    run(&[&[option], job].concat())
}

/// Runs the job's executable with everything that was given.
fn run(arguments: &[String]) -> Result<ExitCode> {
    let mut at = 0;
    while let Some(option) = arguments.get(at).filter(|argument| argument.starts_with('-')) {
        if option == "-h" || option == "--help" {
            // Whoever has stopped reading has seen enough.
            let _ = writeln!(std::io::stdout(), "Usage: {RUN}\n\n{USAGE}");
            return Ok(ExitCode::SUCCESS);
        }
        at += flags::length(option).ok_or_else(|| {
            Error::invalid(format!(
                "`{option}` is no option of `flott run`, see flott run --help; a job's own options stand behind the job"
            ))
        })?;
    }
    let job = arguments.get(at).ok_or_else(|| Error::invalid(format!("no job is given; write {RUN}")))?;
    // A name alone would be looked for elsewhere.
    let path = Path::new(".").join(job);
    become_job(Command::new(&path).args(&arguments[..at]).args(&arguments[at + 1..])).map_err(|e| {
        Error::invalid(match e.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => {
                format!("there is no `{job}`; give the path of the job's program")
            }
            ErrorKind::PermissionDenied if path.is_dir() => {
                format!("`{job}` is a folder; give the path of the job's program")
            }
            ErrorKind::PermissionDenied => {
                format!("`{job}` may not be run: {e}; make it executable with `chmod +x {job}`")
            }
            _ => format!("`{job}` cannot be run: {e}; give the path of a program that was built for this machine"),
        })
    })
}

/// The job takes the place of this process, so that a signal to the one is a signal to the other.
#[cfg(unix)]
fn become_job(job: &mut Command) -> std::io::Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    Err(job.exec())
}

/// Starts the job and ends as it ends.
#[cfg(not(unix))]
fn become_job(job: &mut Command) -> std::io::Result<ExitCode> {
    let code = job.status()?.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
