//! `flott savepoint ...`: savepoints and checkpoints from outside a job. One file for each verb.

mod convert;
mod inspect;
mod query;
mod text;
mod verify;

use super::Flags;
use clap::{Args, Subcommand};
use flott_core::{Configuration, Result};
use std::io::{ErrorKind, Write};

/// What can be done with a savepoint.
#[derive(Subcommand)]
pub(super) enum Verb {
    /// Show what a savepoint or a checkpoint consists of
    Inspect(inspect::Inspect),
    /// Ask the tables of a savepoint, or what is in a checkpoint, in SQL
    Query(query::Query),
    /// Read the files of a savepoint or a checkpoint through and say whether they are what was written
    Verify(verify::Verify),
    /// Write a checkpoint or a native savepoint as tables
    Convert(convert::Convert),
    /// Say what would become of each state if a job were started from a savepoint or a checkpoint; nothing runs
    #[command(disable_help_flag = true, override_usage = DIFF)]
    Diff {
        /// The folder of the savepoint or checkpoint, then what `flott run` takes: options, the job, its own arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        arguments: Vec<String>,
    },
}

pub(super) const DIFF: &str = "flott savepoint diff PATH [OPTIONS] JOB [ARGUMENTS]";

impl Verb {
    /// Does it. `Diff` is a run of the job and has been done before.
    ///
    /// # Errors
    /// Those of the verb.
    pub fn run(&self, out: &mut (dyn Write + Send)) -> Result<()> {
        match self {
            Verb::Inspect(inspect) => inspect.run(out),
            Verb::Query(query) => query.run(out),
            Verb::Verify(verify) => verify.run(out),
            Verb::Convert(convert) => convert.run(out),
            Verb::Diff { .. } => Ok(()),
        }
    }
}

/// Options by which object stores are reached.
#[derive(Args)]
struct Options {
    /// An option of the configuration, such as s3.access-key=...
    #[arg(short = 'D', value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// A config.yaml; FLOTT_CONF_DIR/config.yaml when not given
    #[arg(long, value_name = "FILE")]
    config: Option<String>,
}

impl Options {
    fn configuration(&self) -> Result<Configuration> {
        let file = self.config.iter().flat_map(|file| ["--config".to_owned(), file.clone()]);
        let settings = self.settings.iter().map(|setting| format!("-D{setting}"));
        let config = Flags::parse(file.chain(settings))?.config;
        for (key, nearest) in config.check()? {
            let hint = nearest.map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default();
            eprintln!("flott: option `{key}` is not known to Flott and has no effect{hint}");
        }
        Ok(config)
    }
}

/// Writes to standard output pass through it: whoever has stopped reading has seen enough.
pub(super) struct Output<W>(pub W);

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self.0.write(bytes) {
            Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(bytes.len()),
            other => other,
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self.0.flush() {
            Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }
}
