//! How a finished graph is run: the seam between the language plane and whatever runs jobs. The facade crate
//! implements it with a mini cluster in this process.

use crate::StateOf;
use flott_api::{JobStatus, RuntimeMode};
use flott_core::{Configuration, JobId, KeyHash, Result, SavepointRequest};
use flott_graph::{JobSettings, StreamGraph};
use flott_state::keyed::{StateAnswer, StateQuery};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

/// A job, ready to be run.
pub struct JobSubmission {
    /// What to run.
    pub graph: StreamGraph,
    /// Name and defaults.
    pub settings: JobSettings,
    /// Streaming or batch, decided.
    pub mode: RuntimeMode,
    /// What the user has set.
    pub config: Configuration,
}

/// Runs jobs.
pub trait JobExecutor: Send + Sync {
    /// Starts a job and returns as soon as it is on its way.
    ///
    /// # Errors
    /// `Invalid` when the job, an option or the checkpoint to start from is wrong: nothing has run then.
    fn submit(&self, job: JobSubmission) -> Result<Arc<dyn JobControl>>;
}

/// A job under way, as its executor sees it.
pub trait JobControl: Send + Sync {
    /// The job's id.
    fn job_id(&self) -> JobId;
    /// The job's state now.
    fn status(&self) -> JobStatus;
    /// Stops the job; what it has done since the last checkpoint is not committed.
    fn cancel(&self);
    /// Takes a savepoint, blocking this thread, and says where it is.
    ///
    /// # Errors
    /// Why there is none; the job goes on.
    fn savepoint(&self, request: SavepointRequest) -> Result<String>;
    /// What the key of this hash has in a state of the operator with this uid, blocking this thread.
    ///
    /// # Errors
    /// Why that cannot be said.
    fn query(&self, uid: &str, hash: KeyHash, query: StateQuery) -> Result<StateAnswer>;
    /// Answers a question in SQL about the job's state in lines of JSON, blocking this thread.
    ///
    /// # Errors
    /// Why it cannot be answered.
    fn query_sql(&self, of: StateOf, sql: &str, out: &mut (dyn Write + Send)) -> Result<()>;
    /// Waits, blocking this thread, until the job has reached a terminal state, at most for `limit` if one is given.
    /// Returns the state reached (not terminal if the limit came first).
    ///
    /// # Errors
    /// Why the job has failed.
    fn wait(&self, limit: Option<Duration>) -> Result<JobStatus>;
    /// Shows how far the job has come, if there is someone to see it: for a program that only waits for results.
    fn show_progress(&self) {}
    /// How long the job has run, from its submission to its end or to now.
    fn runtime(&self) -> Duration;
    /// The sum over all operators and subtasks of a metric, by Flink's name such as `numRecordsOut`; of one operator
    /// only if its name is given.
    fn metric(&self, name: &str, operator: Option<&str>) -> i64;
    /// Failures so far, newest first: one line each.
    fn exceptions(&self) -> Vec<String>;
    /// The newest completed checkpoint: its number and where it is.
    fn latest_checkpoint(&self) -> Option<(u64, String)>;
}
