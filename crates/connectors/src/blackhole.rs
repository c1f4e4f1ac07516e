//! The sink that keeps nothing: for measuring everything before it.

use flott_api::sink::{NoCommitter, SinkContext};
use flott_api::{Sink, SinkWriter};
use flott_core::{Data, EventTime, Result};
use std::marker::PhantomData;

/// Takes records and drops them.
pub struct BlackholeSink<T>(PhantomData<fn(T)>);

impl<T> BlackholeSink<T> {
    /// The sink.
    pub fn new() -> Self {
        BlackholeSink(PhantomData)
    }
}

impl<T> Default for BlackholeSink<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Data> Sink for BlackholeSink<T> {
    type Item = T;
    type State = ();
    type Committable = ();
    type Writer = BlackholeSink<T>;
    type Committer = NoCommitter<()>;

    async fn create_writer(&self, _: &SinkContext, _: Vec<()>) -> Result<BlackholeSink<T>> {
        Ok(BlackholeSink::new())
    }

    fn create_committer(&self, _: &SinkContext) -> Result<Option<NoCommitter<()>>> {
        Ok(None)
    }
}

impl<T: Data> SinkWriter for BlackholeSink<T> {
    type Item = T;
    type State = ();
    type Committable = ();

    async fn write(&mut self, _: Vec<T>, _: Option<Vec<EventTime>>) -> Result<()> {
        Ok(())
    }

    async fn flush(&mut self, _: bool) -> Result<()> {
        Ok(())
    }
}
