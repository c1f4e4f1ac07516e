//! The sink of columns that keeps nothing.

use flott_api::AnySink;
use flott_api::sink::{AnyCommitter, AnyWriter, SinkContext};
use flott_core::{Batch, ProcessingTime, Result};
use std::future::{Future, ready};
use std::pin::Pin;

type Wait<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + 'a>>;

pub(super) struct ColumnsBlackhole;

impl AnySink for ColumnsBlackhole {
    fn writer<'a>(&'a self, _: &'a SinkContext, _: Vec<Vec<u8>>) -> Wait<'a, Box<dyn AnyWriter>> {
        Box::pin(ready(Ok(Box::new(Drain) as Box<dyn AnyWriter>)))
    }

    fn committer(&self, _: &SinkContext) -> Result<Option<Box<dyn AnyCommitter>>> {
        Ok(None)
    }
}

struct Drain;

impl AnyWriter for Drain {
    fn write(&mut self, _: Batch) -> Wait<'_, ()> {
        Box::pin(ready(Ok(())))
    }

    fn flush(&mut self, _: bool) -> Wait<'_, ()> {
        Box::pin(ready(Ok(())))
    }

    fn prepare_commit(&mut self) -> Wait<'_, Vec<Vec<u8>>> {
        Box::pin(ready(Ok(Vec::new())))
    }

    fn snapshot(&mut self) -> Wait<'_, Vec<Vec<u8>>> {
        Box::pin(ready(Ok(Vec::new())))
    }

    fn next_wakeup(&self) -> Option<ProcessingTime> {
        None
    }

    fn on_time(&mut self, _: ProcessingTime) -> Wait<'_, ()> {
        Box::pin(ready(Ok(())))
    }
}
