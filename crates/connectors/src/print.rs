//! `print`: records to standard output or standard error, a line each. (Flink: `PrintSink`.)
//!
//! ```text
//! 2> record           subtask 2 of several
//! totals:2> record    with an identifier
//! totals> record      with an identifier, at parallelism 1
//! record              at parallelism 1
//! ```

#[cfg(test)]
mod tests;

use flott_api::sink::{NoCommitter, SinkContext};
use flott_api::{Sink, SinkWriter, TaskInfo};
use flott_core::{Data, Error, EventTime, Result};
use flott_env::Env;
use std::fmt::{Debug, Display, Write as _};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

type Format<T> = Arc<dyn Fn(&T, &mut String) + Send + Sync>;

/// Prints each record. At least once: what was printed stays printed when the job is restarted.
pub struct PrintSink<T> {
    identifier: String,
    target: Target,
    format: Format<T>,
}

#[derive(Clone)]
enum Target {
    StandardOutput,
    StandardError,
    Writer(Arc<Mutex<dyn Write + Send>>),
}

impl<T: Data> PrintSink<T> {
    /// Prints records to standard output as they display.
    pub fn new() -> Self
    where
        T: Display,
    {
        // Writing to a string cannot fail.
        Self::with_format(|row, out| {
            let _ = write!(out, "{row}");
        })
    }

    /// Prints records to standard output as `{:?}` shows them.
    pub fn debug() -> Self
    where
        T: Debug,
    {
        Self::with_format(|row, out| {
            let _ = write!(out, "{row:?}");
        })
    }

    /// Prints to standard output what `format` appends for a record.
    pub fn with_format(format: impl Fn(&T, &mut String) + Send + Sync + 'static) -> Self {
        PrintSink { identifier: String::new(), target: Target::StandardOutput, format: Arc::new(format) }
    }

    /// Puts `identifier` before each record.
    #[must_use]
    pub fn with_identifier(mut self, identifier: impl Into<String>) -> Self {
        self.identifier = identifier.into();
        self
    }

    /// Prints to standard error.
    #[must_use]
    pub fn to_standard_error(mut self) -> Self {
        self.target = Target::StandardError;
        self
    }

    /// Prints to `writer`.
    #[must_use]
    pub fn to_writer(mut self, writer: Arc<Mutex<dyn Write + Send>>) -> Self {
        self.target = Target::Writer(writer);
        self
    }

    fn prefix(&self, info: &TaskInfo) -> String {
        let subtask = (info.parallelism > 1).then(|| (info.subtask.0 + 1).to_string());
        let identifier = (!self.identifier.is_empty()).then(|| self.identifier.clone());
        match (identifier, subtask) {
            (None, None) => String::new(),
            (Some(one), None) | (None, Some(one)) => format!("{one}> "),
            (Some(identifier), Some(subtask)) => format!("{identifier}:{subtask}> "),
        }
    }
}

impl<T: Data + Display> Default for PrintSink<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Data> Sink for PrintSink<T> {
    type Item = T;
    type State = ();
    type Committable = ();
    type Writer = PrintWriter<T>;
    type Committer = NoCommitter<()>;

    async fn create_writer(&self, cx: &SinkContext, _: Vec<()>) -> Result<PrintWriter<T>> {
        Ok(PrintWriter {
            env: cx.env.clone(),
            prefix: self.prefix(&cx.info),
            target: self.target.clone(),
            format: self.format.clone(),
        })
    }

    fn create_committer(&self, _: &SinkContext) -> Result<Option<NoCommitter<()>>> {
        Ok(None)
    }
}

/// Prints.
pub struct PrintWriter<T> {
    env: Env,
    prefix: String,
    target: Target,
    format: Format<T>,
}

impl<T: Data> SinkWriter for PrintWriter<T> {
    type Item = T;
    type State = ();
    type Committable = ();

    async fn write(&mut self, rows: Vec<T>, _: Option<Vec<EventTime>>) -> Result<()> {
        let mut text = String::new();
        for row in &rows {
            text.push_str(&self.prefix);
            (self.format)(row, &mut text);
            text.push('\n');
        }
        // A full pipe blocks, so this is no work for the slot's thread.
        let target = self.target.clone();
        let printed = self.env.blocking(move || target.print(text.as_bytes())).await?;
        printed.map_err(|e| Error::io("records cannot be printed", e))
    }

    async fn flush(&mut self, _: bool) -> Result<()> {
        Ok(())
    }
}

impl Target {
    /// Prints whole lines: nobody else prints between them.
    fn print(&self, text: &[u8]) -> std::io::Result<()> {
        fn all(mut target: impl Write, text: &[u8]) -> std::io::Result<()> {
            target.write_all(text)?;
            target.flush()
        }
        match self {
            Target::StandardOutput => all(std::io::stdout().lock(), text),
            Target::StandardError => all(std::io::stderr().lock(), text),
            Target::Writer(writer) => all(&mut *writer.lock().unwrap_or_else(PoisonError::into_inner), text),
        }
    }
}
