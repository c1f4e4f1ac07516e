//! Where a job begins and is run: settings, sources (in `sources/`), `execute`.

use crate::client::{JobClient, JobExecutionResult};
use crate::draft::{Draft, Outlet};
use crate::execution::{self, RuntimeExecutionMode};
use crate::executor::{JobExecutor, JobSubmission};
use crate::stream::DataStream;
use flott_core::config::{
    CHECKPOINTING_INTERVAL, MAX_PARALLELISM, OPERATOR_CHAINING, PARALLELISM_DEFAULT, RUNTIME_MODE,
};
use flott_core::{Configuration, Data, Result};
use flott_graph::{NodeId, NodeKind, StreamNode};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The beginning of every job: holds its settings, makes its sources and runs it.
///
/// A clone is the same environment. Nothing runs before [`execute`](StreamExecutionEnvironment::execute).
///
/// ```
/// use flott::prelude::*;
///
/// # fn main() -> Result<()> {
/// let env = StreamExecutionEnvironment::get_execution_environment()?;
/// let squares = env.from_sequence(1, 4).map(|n| n * n);
/// assert_eq!(squares.execute_and_collect("squares")?, [1, 4, 9, 16]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct StreamExecutionEnvironment {
    draft: Arc<Mutex<Draft>>,
    executor: Arc<dyn JobExecutor>,
}

impl StreamExecutionEnvironment {
    /// An environment with these settings whose jobs are run by `executor`. Programs get theirs from
    /// `get_execution_environment` or `from_args` of the crate `flott`.
    pub fn with_executor(config: Configuration, executor: Arc<dyn JobExecutor>) -> Self {
        StreamExecutionEnvironment { draft: Arc::new(Mutex::new(Draft::new(config))), executor }
    }

    /// Sets an option by its key, as `-D key=value` and `config.yaml` do. The program has the last word.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.configure("pipeline.auto-watermark-interval", "50 ms").set_parallelism(2);
    /// assert_eq!(env.config().raw("pipeline.auto-watermark-interval"), Some("50 ms"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn configure(&self, key: &str, value: impl Into<String>) -> &Self {
        self.draft().config.set(key, value);
        self
    }

    /// What has been set so far.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.set_parallelism(3);
    /// assert_eq!(env.config().raw("parallelism.default"), Some("3"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn config(&self) -> Configuration {
        self.draft().config.clone()
    }

    /// Number of subtasks of operators that do not set their own (`parallelism.default`).
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.set_parallelism(2);
    /// let total = env.from_sequence(1, 100).key_by(|_| 0u8).sum(|n| n).execute_and_collect("sum")?;
    /// assert_eq!(total.last(), Some(&5050));
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_parallelism(&self, parallelism: u32) -> &Self {
        if parallelism == 0 {
            self.draft().mistake(None, "the environment's parallelism is 0; set at least 1");
            return self;
        }
        self.configure(PARALLELISM_DEFAULT.key, parallelism.to_string())
    }

    /// Number of key groups of operators that do not set their own (`pipeline.max-parallelism`): the largest
    /// parallelism that the job can ever be restored with.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.set_max_parallelism(720);
    /// # assert_eq!(env.from_elements([1]).execute_and_collect("one")?, [1]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_max_parallelism(&self, max_parallelism: u32) -> &Self {
        self.configure(MAX_PARALLELISM.key, max_parallelism.to_string())
    }

    /// Whether results are updated as records come (`Streaming`, the default), or only final ones are given
    /// (`Batch`, bounded sources only); `Automatic` is `Batch` if every source is bounded
    /// (`execution.runtime-mode`).
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.set_runtime_mode(RuntimeExecutionMode::Batch);
    /// let total = env.from_sequence(1, 100).key_by(|_| 0u8).sum(|n| n);
    /// assert_eq!(total.execute_and_collect("sum")?, [5050]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_runtime_mode(&self, mode: RuntimeExecutionMode) -> &Self {
        self.configure(RUNTIME_MODE.key, mode.as_str())
    }

    /// Takes a checkpoint every `interval`, so that the job goes on from the last one after a failure
    /// (`execution.checkpointing.interval`). Without effect in batch mode.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # use std::time::Duration;
    /// # fn main() -> Result<()> {
    /// let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.enable_checkpointing(Duration::from_secs(10));
    /// # assert_eq!(env.from_elements([1]).execute_and_collect("one")?, [1]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn enable_checkpointing(&self, interval: Duration) -> &Self {
        self.configure(CHECKPOINTING_INTERVAL.key, format!("{} ms", interval.as_millis()))
    }

    /// Makes each operator a task of its own (`pipeline.operator-chaining.enabled`).
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.disable_operator_chaining();
    /// let doubled = env.from_elements([1, 2]).map(|n| n * 2);
    /// assert_eq!(doubled.execute_and_collect("double")?, [2, 4]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn disable_operator_chaining(&self) -> &Self {
        self.configure(OPERATOR_CHAINING.key, "false")
    }

    /// Runs the job and waits until it has ended. What was written before an earlier `execute` is run again only
    /// where something new reads from it.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.from_sequence(1, 1000).blackhole();
    /// let result = env.execute("count to a thousand")?;
    /// assert_eq!(result.status(), JobStatus::Finished);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Invalid` when the job is wrong: nothing has run then. Otherwise why the job has failed.
    pub fn execute(&self, name: &str) -> Result<JobExecutionResult> {
        self.execute_async(name)?.wait()
    }

    /// Starts the job and returns at once.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.from_sequence(1, i64::MAX).blackhole();
    /// let job = env.execute_async("count for ever")?;
    /// job.cancel();
    /// assert_eq!(job.wait()?.status(), JobStatus::Canceled);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Invalid` when the job is wrong: nothing has run then.
    pub fn execute_async(&self, name: &str) -> Result<JobClient> {
        let job = self.submission(name)?;
        let name = job.settings.name.clone();
        Ok(JobClient::new(name, self.executor.submit(job)?))
    }

    /// The job as text: a line per task with its operators and parallelism, and where its input comes from.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.set_parallelism(1);
    /// env.from_sequence(1, 9).map(|n| n % 3).key_by(|n| *n).sum(|n| n).blackhole();
    /// assert_eq!(
    ///     env.execution_plan("plan")?,
    ///     "1: Source: Sequence Source -> Map (parallelism 1)\n\
    ///      2: Keyed Aggregation -> Sink: Blackhole (parallelism 1) <- 1 HASH\n"
    /// );
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`execute`](StreamExecutionEnvironment::execute).
    pub fn execution_plan(&self, name: &str) -> Result<String> {
        execution::plan(&self.draft(), name)
    }

    /// What `execute` runs. The next job begins empty, whether or not this one is right.
    pub(crate) fn submission(&self, name: &str) -> Result<JobSubmission> {
        let mut draft = self.draft();
        let submission = execution::submission(&draft, name);
        draft.close();
        submission
    }

    pub(crate) fn draft(&self) -> MutexGuard<'_, Draft> {
        self.draft.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether both are the same environment.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.draft, &other.draft)
    }

    /// Adds a node and returns the stream of its main output.
    pub(crate) fn add<U: Data>(&self, name: impl Into<String>, kind: NodeKind, inputs: &[&[Outlet]]) -> DataStream<U> {
        let node = self.add_node(name, kind, inputs);
        DataStream::of_node(self.clone(), node)
    }

    /// Adds a node.
    pub(crate) fn add_node(&self, name: impl Into<String>, kind: NodeKind, inputs: &[&[Outlet]]) -> NodeId {
        self.draft().add(StreamNode::new(name, kind), inputs)
    }
}
