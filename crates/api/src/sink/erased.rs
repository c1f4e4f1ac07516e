//! Sinks without their types: what the runtime holds.

use super::{Committer, Sink, SinkContext, SinkWriter};
use flott_core::{Batch, Data, ProcessingTime, Result, codec};
use std::future::Future;
use std::pin::Pin;

type Wait<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + 'a>>;

/// A sink without its types.
pub trait AnySink: Send + Sync {
    /// As [`Sink::create_writer`], with states encoded.
    fn writer<'a>(&'a self, cx: &'a SinkContext, restored: Vec<Vec<u8>>) -> Wait<'a, Box<dyn AnyWriter>>;
    /// As [`Sink::create_committer`].
    ///
    /// # Errors
    /// Fails the task.
    fn committer(&self, cx: &SinkContext) -> Result<Option<Box<dyn AnyCommitter>>>;
}

/// A writer without its types.
pub trait AnyWriter {
    /// As [`SinkWriter::write`].
    fn write(&mut self, batch: Batch) -> Wait<'_, ()>;
    /// As [`SinkWriter::flush`].
    fn flush(&mut self, end_of_input: bool) -> Wait<'_, ()>;
    /// As [`SinkWriter::prepare_commit`], encoded.
    fn prepare_commit(&mut self) -> Wait<'_, Vec<Vec<u8>>>;
    /// As [`SinkWriter::snapshot`], encoded.
    fn snapshot(&mut self) -> Wait<'_, Vec<Vec<u8>>>;
    /// As [`SinkWriter::next_wakeup`].
    fn next_wakeup(&self) -> Option<ProcessingTime>;
    /// As [`SinkWriter::on_time`].
    fn on_time(&mut self, now: ProcessingTime) -> Wait<'_, ()>;
}

/// A committer without its types.
pub trait AnyCommitter {
    /// As [`Committer::commit`].
    fn commit(&mut self, committables: Vec<Vec<u8>>) -> Wait<'_, ()>;
}

/// A typed sink as an [`AnySink`].
pub struct SinkAdapter<S>(pub S);

impl<S: Sink> AnySink for SinkAdapter<S> {
    fn writer<'a>(&'a self, cx: &'a SinkContext, restored: Vec<Vec<u8>>) -> Wait<'a, Box<dyn AnyWriter>> {
        Box::pin(async move {
            let restored = decode_all(&restored)?;
            let writer = self.0.create_writer(cx, restored).await?;
            Ok(Box::new(WriterAdapter(writer)) as Box<dyn AnyWriter>)
        })
    }

    fn committer(&self, cx: &SinkContext) -> Result<Option<Box<dyn AnyCommitter>>> {
        let committer = self.0.create_committer(cx)?;
        Ok(committer.map(|c| Box::new(CommitterAdapter(c)) as Box<dyn AnyCommitter>))
    }
}

struct WriterAdapter<W>(W);

impl<W: SinkWriter> AnyWriter for WriterAdapter<W> {
    fn write(&mut self, batch: Batch) -> Wait<'_, ()> {
        Box::pin(async move {
            let (rows, times) = batch.into_rows()?;
            self.0.write(rows, times).await
        })
    }

    fn flush(&mut self, end_of_input: bool) -> Wait<'_, ()> {
        Box::pin(self.0.flush(end_of_input))
    }

    fn prepare_commit(&mut self) -> Wait<'_, Vec<Vec<u8>>> {
        Box::pin(async { encode_all(&self.0.prepare_commit().await?) })
    }

    fn snapshot(&mut self) -> Wait<'_, Vec<Vec<u8>>> {
        Box::pin(async { encode_all(&self.0.snapshot().await?) })
    }

    fn next_wakeup(&self) -> Option<ProcessingTime> {
        self.0.next_wakeup()
    }

    fn on_time(&mut self, now: ProcessingTime) -> Wait<'_, ()> {
        Box::pin(self.0.on_time(now))
    }
}

struct CommitterAdapter<C>(C);

impl<C: Committer> AnyCommitter for CommitterAdapter<C> {
    fn commit(&mut self, committables: Vec<Vec<u8>>) -> Wait<'_, ()> {
        Box::pin(async move {
            let committables = decode_all(&committables)?;
            self.0.commit(committables).await
        })
    }
}

fn encode_all<T: Data>(items: &[T]) -> Result<Vec<Vec<u8>>> {
    items.iter().map(codec::to_bytes).collect()
}

fn decode_all<T: Data>(items: &[Vec<u8>]) -> Result<Vec<T>> {
    items.iter().map(|bytes| codec::from_bytes(bytes)).collect()
}
