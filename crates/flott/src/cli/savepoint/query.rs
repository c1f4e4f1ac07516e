//! `flott savepoint query`: SQL over the tables of a savepoint.

use super::Options;
use clap::{Args, ValueEnum};
use flott_core::Result;
use std::io::Write;

#[derive(Args)]
#[command(
    after_help = "A state is the table <uid of its operator>.<its name>, in lower case and with _ for what is no \
                        letter or digit. `DESCRIBE table` shows its columns."
)]
pub(in crate::cli) struct Query {
    /// The folder of a savepoint or a checkpoint: a path or a URL
    path: String,
    /// The statement; without one the tables are listed
    sql: Option<String>,
    /// How the answer is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    options: Options,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For people, up to 10,000 rows
    Table,
    /// Comma-separated values with a line of names
    Csv,
    /// A JSON object a line
    Json,
}

#[cfg(feature = "query")]
impl Query {
    pub fn run(&self, out: &mut (dyn Write + Send)) -> Result<()> {
        let config = self.options.configuration()?;
        // A checkpoint has no tables; they are made for the time of the question.
        let (savepoint, _made) = match flott_savepoint::Snapshot::open(&self.path, &config)? {
            flott_savepoint::Snapshot::Savepoint(savepoint) => (*savepoint, None),
            flott_savepoint::Snapshot::Checkpoint { .. } => {
                let made = tempfile::tempdir().map_err(|e| flott_core::Error::io("a temporary folder", e))?;
                let target = made.path().display().to_string();
                super::convert::to_tables(&self.path, &target, &config)?;
                (flott_savepoint::Savepoint::open(&target, &config)?, Some(made))
            }
        };
        let format = match self.format {
            Format::Table => flott_savepoint::AnswerFormat::Table,
            Format::Csv => flott_savepoint::AnswerFormat::Csv,
            Format::Json => flott_savepoint::AnswerFormat::JsonLines,
        };
        match &self.sql {
            Some(sql) => savepoint.query(sql, format, out),
            None => {
                let tables = savepoint.tables()?;
                tables
                    .iter()
                    .try_for_each(|table| writeln!(out, "{table}"))
                    .map_err(|e| flott_core::Error::io("the answer", e))
            }
        }
    }
}

#[cfg(not(feature = "query"))]
impl Query {
    #[expect(clippy::unused_self, reason = "it is as with the feature")]
    pub fn run(&self, _: &mut (dyn Write + Send)) -> Result<()> {
        Err(flott_core::Error::invalid(
            "this `flott` was built without SQL; build it with the cargo feature `query` of the crate `flott`, as in `cargo \
             build --release -p flott --features query`, or ask DuckDB, which reads the files of a savepoint",
        ))
    }
}
