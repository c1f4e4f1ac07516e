//! A job on a mini cluster, started in a world that the test has made, without faults: for tests that watch one thing.

use crate::executor::submission;
use flott::minicluster::MiniCluster;
use flott_api::metrics::MetricRegistry;
use flott_core::{Configuration, Result};
use flott_datastream::StreamExecutionEnvironment;
use flott_env::Env;
use flott_jobmanager::JobHandle;
use flott_state::checkpoint::CheckpointStorage;
use flott_state::store::MemoryBackend;
use std::sync::Arc;

/// A job under way, with its metrics.
pub struct Started {
    /// The job.
    pub handle: JobHandle,
    /// The metrics of the cluster.
    pub metrics: MetricRegistry,
}

/// Starts the job that `build` writes with these options, with its checkpoints in `storage`.
///
/// # Errors
/// When the job is refused.
pub async fn start(
    env: &Env,
    storage: &CheckpointStorage,
    options: &[(&str, &str)],
    build: impl FnOnce(&StreamExecutionEnvironment),
) -> Result<Started> {
    let mut config = Configuration::new();
    for (key, value) in options {
        config.set(*key, *value);
    }
    let metrics = MetricRegistry::new();
    let cluster = MiniCluster::new(env.clone(), metrics.clone()).with_backend(Arc::new(MemoryBackend));
    let handle =
        cluster.submit_through(submission("job", config, build)?, storage, |gateway, events| (gateway, events)).await?;
    Ok(Started { handle, metrics })
}

impl Started {
    /// Sum of a metric over all operators and subtasks.
    pub fn metric(&self, name: &str) -> i64 {
        self.metrics.sum(name, "job_name", "job")
    }

    /// Sum of a metric over all subtasks of an operator.
    pub fn operator_metric(&self, operator: &str, name: &str) -> i64 {
        self.metrics.sum(name, "operator_name", operator)
    }
}
