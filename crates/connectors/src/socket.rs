//! `socket_text_stream`: lines of text that a server sends. (Flink: `SocketTextStreamFunction`.)
//!
//! A socket cannot be read again. What was received and not yet covered by a checkpoint is lost when the job is
//! restarted, and so is what the server sent while nobody listened: at most once, for trying things out.

mod connection;
mod reader;

#[cfg(test)]
mod tests;

pub use reader::SocketReader;

use crate::split_queue::SplitQueue;
use flott_api::source::{EnumeratorContext, ReaderContext};
use flott_api::{Boundedness, Source, Split};
use flott_core::{Error, Result};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Text from a server, cut at a delimiter. There is one connection, so it makes sense at parallelism 1 only.
///
/// ```
/// use flott_connectors::SocketTextSource;
/// use std::time::Duration;
///
/// let lines = SocketTextSource::new("localhost", 9999).with_max_retry(Some(10)).with_retry_delay(Duration::from_secs(1));
/// ```
#[derive(Clone, Debug)]
pub struct SocketTextSource {
    host: String,
    port: u16,
    delimiter: String,
    max_retry: Option<u32>,
    retry_delay: Duration,
    line_bytes_max: usize,
}

impl SocketTextSource {
    /// Lines from the server at `host`:`port`. The stream ends when the server closes the connection.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        SocketTextSource {
            host: host.into(),
            port,
            delimiter: "\n".to_owned(),
            max_retry: Some(0),
            retry_delay: Duration::from_millis(500),
            line_bytes_max: 64 * 1024 * 1024,
        }
    }

    /// What stands between two records. A carriage return before it is dropped if it is a line feed.
    #[must_use]
    pub fn with_delimiter(mut self, delimiter: impl Into<String>) -> Self {
        self.delimiter = delimiter.into();
        self
    }

    /// How often in a row a connection is tried again that was closed or could not be made; `None` for without end.
    /// After that the stream ends if the server closed the connection, and fails if it did not answer.
    #[must_use]
    pub fn with_max_retry(mut self, max_retry: Option<u32>) -> Self {
        self.max_retry = max_retry;
        self
    }

    /// How long to wait before a connection is tried again.
    #[must_use]
    pub fn with_retry_delay(mut self, retry_delay: Duration) -> Self {
        self.retry_delay = retry_delay;
        self
    }
}

/// The one connection. It has no position.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct SocketSplit;

impl Split for SocketSplit {
    fn id(&self) -> String {
        "socket".to_owned()
    }
}

impl Source for SocketTextSource {
    type Item = String;
    type Split = SocketSplit;
    type Checkpoint = Vec<SocketSplit>;
    type Enumerator = SplitQueue<SocketSplit>;
    type Reader = SocketReader;

    fn boundedness(&self) -> Boundedness {
        Boundedness::ContinuousUnbounded
    }

    fn create_enumerator(
        &self,
        cx: &EnumeratorContext,
        restored: Option<Vec<SocketSplit>>,
    ) -> Result<SplitQueue<SocketSplit>> {
        if self.delimiter.is_empty() {
            return Err(Error::invalid("the delimiter of a socket source is empty; give at least one character"));
        }
        if cx.env.is_simulated() {
            return Err(Error::invalid("there are no sockets in a simulation; use another source"));
        }
        Ok(SplitQueue::new(restored.unwrap_or_else(|| vec![SocketSplit])))
    }

    fn create_reader(&self, cx: &ReaderContext) -> Result<SocketReader> {
        Ok(SocketReader::new(self.clone(), cx))
    }
}
