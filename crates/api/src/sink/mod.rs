//! Where records go: a writer per subtask, and a committer for sinks that make results visible in two phases.
//!
//! At a barrier the writer hands over committables, which become part of the checkpoint. They are committed when the
//! checkpoint is complete, and again after a restore: a commit is idempotent, and any process can do it. (Flink:
//! Sink V2.)

mod erased;

pub use erased::{AnyCommitter, AnySink, AnyWriter, SinkAdapter};

use crate::TaskInfo;
use crate::metrics::OperatorMetrics;
use flott_core::{Configuration, Data, EventTime, ProcessingTime, Result};
use flott_env::Env;
use std::future::Future;
use std::sync::Arc;

/// What a writer or committer is given.
#[derive(Clone)]
pub struct SinkContext {
    /// The world.
    pub env: Env,
    /// The subtask.
    pub info: TaskInfo,
    /// What the user has set.
    pub config: Arc<Configuration>,
    /// The sink's counters.
    pub metrics: OperatorMetrics,
}

/// A sink: immutable, shared by all subtasks.
pub trait Sink: Send + Sync + 'static {
    /// What is written.
    type Item: Data;
    /// What a writer remembers across a restart, `()` if nothing.
    type State: Data;
    /// What is committed when a checkpoint is complete, `()` if nothing.
    type Committable: Data;
    /// Writes, in one subtask.
    type Writer: SinkWriter<Item = Self::Item, State = Self::State, Committable = Self::Committable>;
    /// Commits.
    type Committer: Committer<Committable = Self::Committable>;

    /// A writer, new or with the states of one or more writers of a checkpoint.
    ///
    /// # Errors
    /// Fails the task.
    fn create_writer(&self, cx: &SinkContext, restored: Vec<Self::State>)
    -> impl Future<Output = Result<Self::Writer>>;

    /// A committer, if the sink has two phases.
    ///
    /// # Errors
    /// Fails the task.
    fn create_committer(&self, cx: &SinkContext) -> Result<Option<Self::Committer>>;
}

/// Writes records, in one subtask. Its futures are polled on the slot's thread and are never dropped half-way except
/// when the task fails: what may block goes through [`Env::blocking`] or [`Env::spawn`].
pub trait SinkWriter: 'static {
    /// What is written.
    type Item: Data;
    /// As [`Sink::State`].
    type State: Data;
    /// As [`Sink::Committable`].
    type Committable: Data;

    /// Takes rows. They may stay in memory until [`SinkWriter::flush`].
    ///
    /// # Errors
    /// Fails the task.
    fn write(&mut self, rows: Vec<Self::Item>, times: Option<Vec<EventTime>>) -> impl Future<Output = Result<()>>;

    /// Sends everything on. Called before each barrier and at the end of input.
    ///
    /// # Errors
    /// Fails the task.
    fn flush(&mut self, end_of_input: bool) -> impl Future<Output = Result<()>>;

    /// Closes what was written since the last barrier and says how to make it visible. Called after `flush`.
    ///
    /// # Errors
    /// Fails the task.
    fn prepare_commit(&mut self) -> impl Future<Output = Result<Vec<Self::Committable>>> {
        async { Ok(Vec::new()) }
    }

    /// What must be remembered. Called after `prepare_commit`.
    ///
    /// # Errors
    /// Fails the task.
    fn snapshot(&mut self) -> impl Future<Output = Result<Vec<Self::State>>> {
        async { Ok(Vec::new()) }
    }

    /// When the writer wants [`SinkWriter::on_time`] to be called.
    fn next_wakeup(&self) -> Option<ProcessingTime> {
        None
    }

    /// The time that the writer asked for has come.
    ///
    /// # Errors
    /// Fails the task.
    fn on_time(&mut self, _now: ProcessingTime) -> impl Future<Output = Result<()>> {
        async { Ok(()) }
    }
}

/// Makes committables visible.
pub trait Committer: 'static {
    /// As [`Sink::Committable`].
    type Committable: Data;

    /// Commits. What has been committed before is left as it is.
    ///
    /// # Errors
    /// `Unavailable` is tried again; anything else fails the task.
    fn commit(&mut self, committables: Vec<Self::Committable>) -> impl Future<Output = Result<()>>;
}

/// The committer of sinks that have one phase.
#[derive(Clone, Copy, Debug)]
pub struct NoCommitter<C>(std::marker::PhantomData<C>);

impl<C: Data> Committer for NoCommitter<C> {
    type Committable = C;
    async fn commit(&mut self, _: Vec<C>) -> Result<()> {
        Ok(())
    }
}
