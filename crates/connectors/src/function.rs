//! A function as a sink: called for each record, at least once when the job is restarted.

use flott_api::sink::{NoCommitter, SinkContext};
use flott_api::{Sink, SinkWriter};
use flott_core::{Data, EventTime, Result};
use std::marker::PhantomData;
use std::sync::Arc;

/// Hands each record to a function. It runs on the slot's thread and must not block.
pub struct FunctionSink<T, F> {
    call: Arc<F>,
    types: PhantomData<fn(T)>,
}

impl<T: Data, F: Fn(T) -> Result<()> + Send + Sync + 'static> FunctionSink<T, F> {
    /// Calls `call` with each record. An error fails the task.
    pub fn new(call: F) -> Self {
        FunctionSink { call: Arc::new(call), types: PhantomData }
    }
}

impl<T: Data, F: Fn(T) -> Result<()> + Send + Sync + 'static> Sink for FunctionSink<T, F> {
    type Item = T;
    type State = ();
    type Committable = ();
    type Writer = FunctionWriter<T, F>;
    type Committer = NoCommitter<()>;

    async fn create_writer(&self, _: &SinkContext, _: Vec<()>) -> Result<FunctionWriter<T, F>> {
        Ok(FunctionWriter { call: self.call.clone(), types: PhantomData })
    }

    fn create_committer(&self, _: &SinkContext) -> Result<Option<NoCommitter<()>>> {
        Ok(None)
    }
}

/// Calls the function.
pub struct FunctionWriter<T, F> {
    call: Arc<F>,
    types: PhantomData<fn(T)>,
}

impl<T: Data, F: Fn(T) -> Result<()> + 'static> SinkWriter for FunctionWriter<T, F> {
    type Item = T;
    type State = ();
    type Committable = ();

    async fn write(&mut self, rows: Vec<T>, _: Option<Vec<EventTime>>) -> Result<()> {
        rows.into_iter().try_for_each(|row| (self.call)(row))
    }

    async fn flush(&mut self, _: bool) -> Result<()> {
        Ok(())
    }
}
