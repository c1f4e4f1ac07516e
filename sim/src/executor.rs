//! Takes the job that a program has written out of its environment, to be run by whoever wants to.

use flott_api::JobStatus;
use flott_core::{Configuration, Error, JobId, Result};
use flott_datastream::StreamExecutionEnvironment;
use flott_datastream::executor::{JobControl, JobExecutor, JobSubmission};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The job that `build` writes with these options.
///
/// # Errors
/// `Invalid` when the job is wrong.
pub fn submission(
    name: &str,
    config: Configuration,
    build: impl FnOnce(&StreamExecutionEnvironment),
) -> Result<JobSubmission> {
    let catcher = Arc::new(Catcher { caught: Mutex::new(None) });
    let env = StreamExecutionEnvironment::with_executor(config, catcher.clone());
    build(&env);
    env.execute_async(name)?;
    let caught = catcher.caught.lock().unwrap_or_else(PoisonError::into_inner).take();
    caught.ok_or_else(|| Error::internal("the environment has handed over no job"))
}

struct Catcher {
    caught: Mutex<Option<JobSubmission>>,
}

impl JobExecutor for Catcher {
    fn submit(&self, job: JobSubmission) -> Result<Arc<dyn JobControl>> {
        *self.caught.lock().unwrap_or_else(PoisonError::into_inner) = Some(job);
        Ok(Arc::new(NeverRun))
    }
}

/// A job that was caught and not started.
struct NeverRun;

impl JobControl for NeverRun {
    fn job_id(&self) -> JobId {
        JobId([0; 16])
    }

    fn status(&self) -> JobStatus {
        JobStatus::Initializing
    }

    fn cancel(&self) {}

    fn query(
        &self,
        _: &str,
        _: flott_core::KeyHash,
        _: flott_state::keyed::StateQuery,
    ) -> Result<flott_state::keyed::StateAnswer> {
        Err(flott_core::Error::unavailable("no job runs"))
    }

    fn savepoint(&self, _: flott_core::SavepointRequest) -> Result<String> {
        Err(flott_core::Error::unavailable("no job runs"))
    }
    fn query_sql(&self, _: flott_datastream::StateOf, _: &str, _: &mut (dyn std::io::Write + Send)) -> Result<()> {
        Err(flott_core::Error::unavailable("no job runs"))
    }

    fn wait(&self, _: Option<Duration>) -> Result<JobStatus> {
        Ok(JobStatus::Initializing)
    }

    fn runtime(&self) -> Duration {
        Duration::ZERO
    }

    fn metric(&self, _: &str, _: Option<&str>) -> i64 {
        0
    }

    fn exceptions(&self) -> Vec<String> {
        Vec::new()
    }

    fn latest_checkpoint(&self) -> Option<(u64, String)> {
        None
    }
}
