//! What a program knows of its job: a client while it runs, a result when it has ended.

use crate::executor::JobControl;
use flott_api::JobStatus;
use flott_core::{AfterSavepoint, JobId, Result, SavepointFormat, SavepointRequest};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A job under way. Cheap to clone; all clones are about the same job. Dropping it leaves the job running.
#[derive(Clone)]
pub struct JobClient {
    name: String,
    control: Arc<dyn JobControl>,
}

impl JobClient {
    pub(crate) fn new(name: String, control: Arc<dyn JobControl>) -> Self {
        JobClient { name, control }
    }

    /// The job's id.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # env.from_sequence(1, 10).blackhole();
    /// let job = env.execute_async("ten")?;
    /// assert_eq!(job.job_id().to_string().len(), 32);
    /// # job.wait()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn job_id(&self) -> JobId {
        self.control.job_id()
    }

    /// The job's name.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # env.from_sequence(1, 10).blackhole();
    /// let job = env.execute_async("ten")?;
    /// assert_eq!(job.job_name(), "ten");
    /// # job.wait()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn job_name(&self) -> &str {
        &self.name
    }

    /// The job's state now.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # env.from_sequence(1, 10).blackhole();
    /// let job = env.execute_async("ten")?;
    /// job.wait()?;
    /// assert_eq!(job.status(), JobStatus::Finished);
    /// # Ok(())
    /// # }
    /// ```
    pub fn status(&self) -> JobStatus {
        self.control.status()
    }

    /// Stops the job. What it has done since its last checkpoint is not committed. Does not wait.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # env.from_sequence(1, i64::MAX).blackhole();
    /// let job = env.execute_async("endless")?;
    /// job.cancel();
    /// assert_eq!(job.wait()?.status(), JobStatus::Canceled);
    /// # Ok(())
    /// # }
    /// ```
    pub fn cancel(&self) {
        self.control.cancel();
    }

    /// Takes a savepoint of the running job and returns where it is, such as `target/savepoint-1f2e3d-…`. Without a folder
    /// it goes where `execution.checkpointing.savepoint-dir` says. Blocks until it is complete; the job goes on meanwhile.
    ///
    /// # Errors
    /// `Invalid` when no folder is known; `Unavailable` when the job does not run, or why the savepoint failed.
    pub fn trigger_savepoint(&self, target: Option<&str>, format: SavepointFormat) -> Result<String> {
        self.savepoint(target, format, AfterSavepoint::GoOn)
    }

    /// Stops the job with a savepoint and returns where that is. Nothing is read behind the savepoint, and what was written
    /// before it is committed. With `drain` event time comes to its end before: all windows and timers fire, and the job
    /// is not meant to go on from there.
    ///
    /// # Errors
    /// As [`JobClient::trigger_savepoint`]; the job goes on then.
    pub fn stop_with_savepoint(&self, drain: bool, target: Option<&str>, format: SavepointFormat) -> Result<String> {
        self.savepoint(target, format, if drain { AfterSavepoint::Drain } else { AfterSavepoint::Stop })
    }

    fn savepoint(&self, target: Option<&str>, format: SavepointFormat, then: AfterSavepoint) -> Result<String> {
        self.control.savepoint(SavepointRequest { target: target.map(str::to_owned), format, then })
    }

    /// Waits, blocking this thread, until the job has ended or was stopped.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # env.from_sequence(1, 10).blackhole();
    /// let result = env.execute_async("ten")?.wait()?;
    /// assert_eq!(result.status(), JobStatus::Finished);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Why the job has failed.
    pub fn wait(&self) -> Result<JobExecutionResult> {
        let status = self.control.wait(None)?;
        Ok(self.result(status))
    }

    /// As [`JobClient::wait`], but at most for `limit`; `None` if the job goes on.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # use std::time::Duration;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # env.from_sequence(1, i64::MAX).blackhole();
    /// let job = env.execute_async("endless")?;
    /// assert!(job.wait_for(Duration::from_millis(10))?.is_none());
    /// # job.cancel();
    /// # job.wait()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Why the job has failed.
    pub fn wait_for(&self, limit: Duration) -> Result<Option<JobExecutionResult>> {
        let status = self.control.wait(Some(limit))?;
        Ok(status.is_terminal().then(|| self.result(status)))
    }

    /// The sum over all operators and subtasks of a metric, by Flink's name.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # env.from_sequence(1, 10).map(|n| n).blackhole();
    /// let job = env.execute_async("ten")?;
    /// job.wait()?;
    /// assert!(job.metric("numRecordsOut") >= 10);
    /// # Ok(())
    /// # }
    /// ```
    pub fn metric(&self, name: &str) -> i64 {
        self.control.metric(name, None)
    }

    /// The sum over all subtasks of a metric of the operator called `operator`.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.from_sequence(1, 10).filter(|n| n % 2 == 0).name("even").blackhole();
    /// let job = env.execute_async("ten")?;
    /// job.wait()?;
    /// assert_eq!(job.operator_metric("even", "numRecordsIn"), 10);
    /// assert_eq!(job.operator_metric("even", "numRecordsOut"), 5);
    /// # Ok(())
    /// # }
    /// ```
    pub fn operator_metric(&self, operator: &str, name: &str) -> i64 {
        self.control.metric(name, Some(operator))
    }

    /// Failures so far, those that the job has survived included, newest first: one line each.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # env.from_sequence(1, 10).blackhole();
    /// let job = env.execute_async("ten")?;
    /// job.wait()?;
    /// assert!(job.exceptions().is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn exceptions(&self) -> Vec<String> {
        self.control.exceptions()
    }

    /// The newest completed checkpoint: its number and where it is.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # env.from_sequence(1, 10).blackhole();
    /// let job = env.execute_async("no checkpoints asked for")?;
    /// job.wait()?;
    /// assert!(job.latest_checkpoint().is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub fn latest_checkpoint(&self) -> Option<(u64, String)> {
        self.control.latest_checkpoint()
    }

    pub(crate) fn control(&self) -> &dyn JobControl {
        &*self.control
    }

    pub(crate) fn show_progress(&self) {
        self.control.show_progress();
    }

    fn result(&self, status: JobStatus) -> JobExecutionResult {
        JobExecutionResult { client: self.clone(), status, runtime: self.control.runtime() }
    }
}

impl fmt::Debug for JobClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JobClient({} {} {})", self.name, self.job_id(), self.status())
    }
}

/// A job that has ended.
///
/// ```
/// use flott::prelude::*;
///
/// # fn main() -> Result<()> {
/// let env = StreamExecutionEnvironment::get_execution_environment()?;
/// env.from_sequence(1, 10).filter(|n| *n > 3).name("more than three").blackhole();
/// let result = env.execute("ten")?;
/// assert_eq!(result.status(), JobStatus::Finished);
/// assert_eq!(result.job_name(), "ten");
/// assert_eq!(result.operator_metric("more than three", "numRecordsOut"), 7);
/// println!("{} took {:?}", result.job_id(), result.net_runtime());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct JobExecutionResult {
    client: JobClient,
    status: JobStatus,
    runtime: Duration,
}

impl JobExecutionResult {
    /// The job's id.
    pub fn job_id(&self) -> JobId {
        self.client.job_id()
    }

    /// The job's name.
    pub fn job_name(&self) -> &str {
        self.client.job_name()
    }

    /// `FINISHED`, or `CANCELED` if it was stopped.
    pub fn status(&self) -> JobStatus {
        self.status
    }

    /// From submission to end.
    pub fn net_runtime(&self) -> Duration {
        self.runtime
    }

    /// As [`JobClient::metric`].
    pub fn metric(&self, name: &str) -> i64 {
        self.client.metric(name)
    }

    /// As [`JobClient::operator_metric`].
    pub fn operator_metric(&self, operator: &str, name: &str) -> i64 {
        self.client.operator_metric(operator, name)
    }
}
