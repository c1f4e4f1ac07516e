//! A process that runs the job, killed when the test likes, and what outlives it: storage and output.

use super::cluster::{Cluster, Faults, Output};
use super::numbers::Numbers;
use super::storage::Flaky;
use crate::checkpoint::CheckpointConfig;
use crate::job::{JobDescription, JobHandle, OperatorDescription, RestoreFrom, VertexDescription, prepare};
use flott_api::metrics::MetricRegistry;
use flott_api::watermark::Alignment;
use flott_api::{AnySource, RuntimeMode};
use flott_core::{Configuration, ErrorKind, MaxParallelism, OperatorId, Result, SubtaskIndex, VertexId};
use flott_env::Env;
use flott_state::checkpoint::CheckpointStorage;
use futures_util::StreamExt;
use object_store::memory::InMemory;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How many numbers there are.
const COUNT: u64 = 150;
/// The storage takes longer than the job needs to be deployed again.
pub const SLOW: &[(&str, &str)] =
    &[("restart-strategy.fixed-delay.delay", "1 ms"), ("execution.checkpointing.tolerable-failed-checkpoints", "20")];

/// One process that runs the job, and what outlives it.
pub struct World {
    pub seed: u64,
    pub process: u64,
    pub faults: Faults,
    pub failing_writes: f64,
    pub failing_suffix: &'static str,
    /// The slowest that the storage answers.
    pub slowest: u64,
    pub failing_discoveries: f64,
    pub parallelism: u32,
    pub settings: Vec<(&'static str, &'static str)>,
    pub from: RestoreFrom,
    pub alignment: Option<Alignment>,
    pub output: Output,
    pub objects: Arc<InMemory>,
}

impl World {
    pub fn new(seed: u64) -> World {
        World {
            seed,
            process: 0,
            faults: Faults::default(),
            failing_writes: 0.0,
            failing_suffix: "",
            slowest: 20,
            failing_discoveries: 0.0,
            parallelism: 2,
            settings: vec![
                ("execution.checkpointing.interval", "200 ms"),
                ("execution.checkpointing.timeout", "3 s"),
                ("execution.checkpointing.tolerable-failed-checkpoints", "3"),
                ("restart-strategy.type", "fixed-delay"),
                ("restart-strategy.fixed-delay.attempts", "1000000"),
                ("restart-strategy.fixed-delay.delay", "100 ms"),
            ],
            from: RestoreFrom::Nothing,
            alignment: None,
            output: Output::default(),
            objects: Arc::new(InMemory::new()),
        }
    }

    pub fn with(mut self, settings: &[(&'static str, &'static str)]) -> World {
        self.settings.extend_from_slice(settings);
        self
    }

    pub fn job(&self, env: &Env) -> JobDescription {
        let mut config = Configuration::new();
        for (key, value) in &self.settings {
            config.set(*key, *value);
        }
        let source = Numbers {
            count: COUNT,
            split_count: 11,
            failing: self.failing_discoveries,
            alignment: self.alignment.clone(),
        };
        let vertex = |id, uid: &str, source: Option<Arc<dyn AnySource>>| VertexDescription {
            id: VertexId(id),
            name: uid.into(),
            parallelism: self.parallelism,
            max_parallelism: MaxParallelism::default_for(self.parallelism),
            is_max_parallelism_set: false,
            operators: vec![OperatorDescription {
                id: OperatorId::from_uid(uid),
                uid: Some(uid.to_owned()),
                name: uid.into(),
                source,
            }],
        };
        JobDescription {
            id: env.random_job_id(),
            name: "numbers".into(),
            vertices: vec![vertex(0, "numbers", Some(Arc::new(source))), vertex(1, "other", None)],
            mode: RuntimeMode::Streaming,
            checkpoints: CheckpointConfig::from_config(&config).unwrap(),
            config: Arc::new(config),
            cancellation_timeout: Duration::from_secs(180),
        }
    }

    /// Runs one process: `body` gets the job when it has been started. When it returns, the process is killed.
    pub fn run<T, F: Future<Output = T>>(&self, body: impl FnOnce(Env, JobHandle, Arc<Cluster>) -> F) -> T {
        Env::run_simulation(self.seed * 1000 + self.process, |env| async move {
            let mut started = self.start(&env).await;
            // A job whose storage does not answer does not start; whoever has started it tries again.
            while started.as_ref().is_err_and(|error| error.kind() == ErrorKind::Unavailable) {
                started = self.start(&env).await;
            }
            let (handle, cluster) = started.unwrap();
            body(env, handle, cluster).await
        })
        .unwrap()
    }

    pub async fn start(&self, env: &Env) -> Result<(JobHandle, Arc<Cluster>)> {
        let slowest = Duration::from_millis(self.slowest);
        let (inner, env_of_store) = (self.objects.clone(), env.clone());
        let store =
            Flaky { inner, env: env_of_store, failing: self.failing_writes, suffix: self.failing_suffix, slowest };
        let storage = CheckpointStorage::with_store(env, Arc::new(store), "checkpoints");
        let prepared = prepare(env, self.job(env), &storage, &self.from).await?;
        let (events, received) = mpsc::channel(64);
        let places = |vertex| (0..self.parallelism).map(move |n| (VertexId(vertex), SubtaskIndex(n))).collect();
        let cluster = Arc::new(Cluster {
            env: env.clone(),
            source: OperatorId::from_uid("numbers"),
            faults: self.faults,
            output: self.output.clone(),
            events,
            process: self.process,
            sources: places(0),
            others: places(1),
            running: std::sync::Mutex::default(),
            limits: std::sync::Mutex::default(),
        });
        Ok((prepared.start(cluster.clone(), received, &MetricRegistry::new()), cluster))
    }

    pub fn assert_exactly_once(&self) {
        let mut numbers: Vec<u64> = self.output.lock().unwrap().values().flatten().copied().collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..COUNT).collect::<Vec<_>>(), "seed {}", self.seed);
    }

    /// The job's checkpoints as they are when no process runs.
    pub fn inspect<T, F: Future<Output = T>>(&self, body: impl FnOnce(Env, CheckpointStorage) -> F) -> T {
        Env::run_simulation(1, |env| {
            let storage = CheckpointStorage::with_store(&env, self.objects.clone(), "checkpoints");
            body(env, storage)
        })
        .unwrap()
    }

    pub fn file_count(&self) -> usize {
        use object_store::ObjectStore;
        self.inspect(|_, _| self.objects.list(None).collect::<Vec<_>>()).len()
    }
}
