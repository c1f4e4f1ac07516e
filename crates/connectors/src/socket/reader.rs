//! Cuts what the connection receives into records.

use super::connection::{Received, receive};
use super::{SocketSplit, SocketTextSource};
use crate::inbox::Inbox;
use flott_api::metrics::Counter;
use flott_api::source::ReaderContext;
use flott_api::{ReaderEvent, SourceReader};
use flott_core::{Error, Result};
use flott_env::{Env, Task};
use memchr::memmem::Finder;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc;

/// Receipts that wait for the reader; then the connection waits, and so does the server.
const RECEIPTS_MAX: usize = 4;

/// Reads the one connection.
pub struct SocketReader {
    source: SocketTextSource,
    env: Env,
    /// Records with bytes that are not UTF-8.
    errors: Counter,
    delimiter: Finder<'static>,
    inbox: Inbox<SocketSplit>,
    open: Option<(Arc<str>, Connection)>,
}

struct Connection {
    received: mpsc::Receiver<Received>,
    /// Dropped with the reader, which ends the connection.
    _task: Task<()>,
    bytes: Vec<u8>,
    /// Bytes that were given on as records.
    head: usize,
    /// Bytes in which no delimiter starts.
    searched: usize,
    /// What came before belongs to a connection that was lost, so its last record is as whole as it will be.
    is_lost: bool,
    is_ended: bool,
}

impl SocketReader {
    pub(super) fn new(source: SocketTextSource, cx: &ReaderContext) -> Self {
        SocketReader {
            env: cx.env.clone(),
            errors: cx.metrics.counter("numRecordsInErrors"),
            delimiter: Finder::new(source.delimiter.as_bytes()).into_owned(),
            inbox: Inbox::new(),
            open: None,
            source,
        }
    }

    fn connect(&self) -> Connection {
        let (to, received) = mpsc::channel(RECEIPTS_MAX);
        let task = self.env.spawn(receive(self.source.clone(), self.env.clone(), to));
        Connection { received, _task: task, bytes: Vec::new(), head: 0, searched: 0, is_lost: false, is_ended: false }
    }
}

impl SourceReader for SocketReader {
    type Item = String;
    type Split = SocketSplit;

    fn add_splits(&mut self, splits: Vec<SocketSplit>) -> Result<()> {
        self.inbox.add(splits);
        Ok(())
    }

    fn no_more_splits(&mut self) {
        self.inbox.close();
    }

    fn poll_next(&mut self, task: &mut Context<'_>, rows_max: usize) -> Poll<Result<ReaderEvent<String>>> {
        if self.open.is_none() {
            let Some((id, _)) = self.inbox.take() else { return self.inbox.run_dry(false, task).map(Ok) };
            self.open = Some((id, self.connect()));
        }
        let Some((id, connection)) = &mut self.open else { return Poll::Pending };
        if self.inbox.is_paused(id) {
            self.inbox.wait(task);
            return Poll::Pending;
        }
        loop {
            let rows = connection.cut(&self.delimiter, rows_max.max(1), &self.errors);
            if !rows.is_empty() {
                return Poll::Ready(Ok(ReaderEvent::Rows { split: id.clone(), rows, times: None }));
            }
            if connection.is_ended {
                let id = id.clone();
                self.open = None;
                return Poll::Ready(Ok(ReaderEvent::SplitFinished(id)));
            }
            ready!(connection.poll_receive(task, self.source.line_bytes_max))?;
        }
    }

    fn snapshot(&mut self) -> Result<Vec<SocketSplit>> {
        Ok(self.open.iter().map(|_| SocketSplit).chain(self.inbox.iter().copied()).collect())
    }

    fn set_paused(&mut self, split: &str, paused: bool) -> bool {
        self.inbox.set_paused(split, paused);
        true
    }
}

impl Connection {
    fn poll_receive(&mut self, task: &mut Context<'_>, line_bytes_max: usize) -> Poll<Result<()>> {
        match ready!(self.received.poll_recv(task)) {
            Some(Received::Bytes(bytes)) => {
                self.bytes.drain(..self.head);
                self.searched -= self.head;
                self.head = 0;
                if self.bytes.len() + bytes.len() > line_bytes_max {
                    return Poll::Ready(Err(Error::limit(format!(
                        "a record from the socket is longer than {line_bytes_max} bytes; check the delimiter"
                    ))));
                }
                self.bytes.extend_from_slice(&bytes);
            }
            Some(Received::Lost) => self.is_lost = true,
            Some(Received::Failed(e)) => return Poll::Ready(Err(e)),
            None => {
                self.is_lost = true;
                self.is_ended = true;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// The next records, at most `rows_max`.
    fn cut(&mut self, delimiter: &Finder<'_>, rows_max: usize, errors: &Counter) -> Vec<String> {
        let mut rows = Vec::new();
        let width = delimiter.needle().len();
        while rows.len() < rows_max
            && let Some(at) = delimiter.find(&self.bytes[self.searched..])
        {
            let end = self.searched + at;
            let mut record = &self.bytes[self.head..end];
            if delimiter.needle() == b"\n" {
                record = record.strip_suffix(b"\r").unwrap_or(record);
            }
            rows.push(text(record, errors));
            self.head = end + width;
            self.searched = self.head;
        }
        if rows.len() < rows_max {
            self.searched = self.searched.max((self.bytes.len() + 1).saturating_sub(width));
            if self.is_lost {
                if self.head < self.bytes.len() {
                    rows.push(text(&self.bytes[self.head..], errors));
                }
                self.bytes.clear();
                self.head = 0;
                self.searched = 0;
                self.is_lost = false;
            }
        }
        rows
    }
}

/// A record as text. What is not UTF-8 is replaced, as Flink does, and counted.
fn text(record: &[u8], errors: &Counter) -> String {
    match std::str::from_utf8(record) {
        Ok(text) => text.to_owned(),
        Err(_) => {
            errors.increment();
            String::from_utf8_lossy(record).into_owned()
        }
    }
}
