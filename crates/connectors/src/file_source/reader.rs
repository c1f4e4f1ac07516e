//! Reads files: one split after the other, several only while watermark alignment holds some of them back.

use super::open_split::OpenSplit;
use super::{FileSplit, ReadOptions, RowMode};
use crate::inbox::Inbox;
use flott_api::format::{DecodingFormat, OnError, Records};
use flott_api::metrics::Counter;
use flott_api::source::ReaderContext;
use flott_api::{ReaderEvent, SourceReader};
use flott_core::{Data, Result};
use flott_env::Env;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Bad records that are logged; the others are counted.
const LOGGED_MAX: u64 = 10;

/// Reads splits of files.
pub struct FileReader<T, M> {
    format: Arc<dyn DecodingFormat<Item = T>>,
    options: ReadOptions,
    env: Env,
    inbox: Inbox<FileSplit>,
    open: Vec<OpenSplit<T>>,
    bytes_in: Counter,
    errors: Counter,
    logged: u64,
    mode: PhantomData<fn() -> M>,
}

impl<T: Data, M: RowMode<T>> FileReader<T, M> {
    pub(super) fn new(format: Arc<dyn DecodingFormat<Item = T>>, options: ReadOptions, cx: &ReaderContext) -> Self {
        FileReader {
            format,
            options,
            env: cx.env.clone(),
            inbox: Inbox::new(),
            open: Vec::new(),
            bytes_in: cx.metrics.counter("numBytesIn"),
            errors: cx.metrics.counter("numRecordsInErrors"),
            logged: 0,
            mode: PhantomData,
        }
    }

    /// Index of the split to be read.
    fn readable(&mut self) -> Result<Option<usize>> {
        if let Some(at) = self.open.iter().position(|open| !self.inbox.is_paused(&open.id)) {
            return Ok(Some(at));
        }
        let Some((id, split)) = self.inbox.take() else { return Ok(None) };
        self.open.push(OpenSplit::new(id, split, &*self.format, self.options)?);
        Ok(Some(self.open.len() - 1))
    }

    /// Does about bad records what was asked for, and returns the rows.
    fn rows(&mut self, records: Records<T>) -> Result<Vec<M::Item>> {
        self.errors.add(records.bad.len() as u64);
        match self.options.on_error {
            OnError::SideOutput => {}
            OnError::Fail => {
                if let Some((_, bad)) = records.bad.first() {
                    return Err(bad.to_error());
                }
            }
            OnError::Skip => {
                for (_, bad) in records.bad.iter().take((LOGGED_MAX - self.logged) as usize) {
                    self.logged += 1;
                    let rest =
                        if self.logged == LOGGED_MAX { "; more of them will be counted and not logged" } else { "" };
                    tracing::warn!("bad record passed over: {bad}{rest}");
                }
            }
        }
        Ok(M::rows(records))
    }
}

impl<T: Data, M: RowMode<T>> SourceReader for FileReader<T, M> {
    type Item = M::Item;
    type Split = FileSplit;

    fn add_splits(&mut self, splits: Vec<FileSplit>) -> Result<()> {
        self.inbox.add(splits);
        Ok(())
    }

    fn no_more_splits(&mut self) {
        self.inbox.close();
    }

    fn poll_next(&mut self, task: &mut Context<'_>, rows_max: usize) -> Poll<Result<ReaderEvent<M::Item>>> {
        loop {
            let Some(at) = self.readable()? else { return self.inbox.run_dry(!self.open.is_empty(), task).map(Ok) };
            // A split that is paused or added wakes the task too.
            self.inbox.wait(task);
            let logs = self.options.on_error != OnError::Skip || self.logged < LOGGED_MAX;
            let needs_lines = |records: &Records<T>| logs && !records.bad.is_empty();
            let open = &mut self.open[at];
            let Some(records) = ready!(open.poll_records(task, &self.env, rows_max.max(1), needs_lines))? else {
                let id = open.id.clone();
                self.open.remove(at);
                self.inbox.forget(&id);
                return Poll::Ready(Ok(ReaderEvent::SplitFinished(id)));
            };
            let split = open.id.clone();
            self.bytes_in.add(records.end.offset - records.start);
            let end = records.end.clone();
            let rows = self.rows(records)?;
            self.open[at].split.position = end;
            if !rows.is_empty() {
                return Poll::Ready(Ok(ReaderEvent::Rows { split, rows, times: None }));
            }
        }
    }

    fn snapshot(&mut self) -> Result<Vec<FileSplit>> {
        Ok(self.open.iter().map(|open| &open.split).chain(self.inbox.iter()).cloned().collect())
    }

    fn set_paused(&mut self, split: &str, paused: bool) -> bool {
        self.inbox.set_paused(split, paused);
        true
    }
}
