//! A whole cluster in this process: job master and TaskManager on the threads of one [`Env`].
//!
//! What a job goes through here is what it goes through on a cluster: the graph is chained, the checkpoint to start
//! from is found and compared, the job master deploys through a [`TaskGateway`].

use crate::allocator::give_back;
use crate::state_backends;
use flott_api::control::{TaskCommand, TaskEvent, TaskId};
use flott_api::metrics::MetricRegistry;
use flott_api::{AnySource, RuntimeMode};
use flott_core::config::{CHECKPOINTS_DIRECTORY, STATE_BACKEND, TASK_CANCELLATION_TIMEOUT};
use flott_core::{AttemptId, Configuration, Error, Result};
use flott_datastream::executor::JobSubmission;
use flott_env::Env;
use flott_graph::{JobGraph, NodeKind};
use flott_jobmanager::checkpoint::CheckpointConfig;
use flott_jobmanager::job::{RestoreFrom, compare_with, prepare};
use flott_jobmanager::{Deployment, JobDescription, JobHandle, OperatorDescription, TaskGateway, VertexDescription};
use flott_runtime::describe_states;
use flott_runtime::input::BarrierRule;
use flott_state::checkpoint::{CheckpointStorage, RestoreReport};
use flott_state::store::{HASHMAP, StateBackend};
use flott_taskmanager::{ProcessMemory, TaskManager, Tasks};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// Task events on their way to the job master.
const EVENTS_MAX: usize = 1024;

/// Events of tasks, as the job master receives them.
pub type TaskEvents = mpsc::Receiver<(TaskId, TaskEvent)>;

/// A job master and a TaskManager in this process.
#[derive(Clone)]
pub struct MiniCluster {
    env: Env,
    metrics: MetricRegistry,
    memory: ProcessMemory,
    /// State backends beside those that Flott brings along.
    backends: Vec<Arc<dyn StateBackend>>,
}

impl MiniCluster {
    /// A cluster in the world of `env`, whose metrics go to `metrics`.
    pub fn new(env: Env, metrics: MetricRegistry) -> Self {
        let memory = ProcessMemory::new(&env, &metrics, give_back);
        MiniCluster { env, metrics, memory, backends: Vec::new() }
    }

    /// Adds a state backend, which jobs choose by its name.
    #[must_use]
    pub fn with_backend(mut self, backend: Arc<dyn StateBackend>) -> Self {
        self.backends.push(backend);
        self
    }

    /// The cluster's world.
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// The cluster's metrics.
    pub fn metrics(&self) -> &MetricRegistry {
        &self.metrics
    }

    /// Starts a job, with its checkpoints where its options say; returns that place too, and the state backend if it has
    /// stores.
    ///
    /// # Errors
    /// `Invalid` when the job, an option or the checkpoint to start from is wrong: nothing has run then.
    pub async fn submit(
        &self,
        job: JobSubmission,
    ) -> Result<(JobHandle, CheckpointStorage, Option<Arc<dyn StateBackend>>)> {
        let storage = self.storage(&job.config)?;
        self.memory.configure(&job.config)?;
        let backend = self.backend(&job.config)?;
        let handle = self.start(job, &storage, backend.clone(), |gateway, events| (gateway, events)).await?;
        Ok((handle, storage, backend))
    }

    /// What would become of each operator and state if the job were started from the checkpoint or savepoint at `path`. It
    /// is not: one subtask of each operator is opened without records and dropped again.
    ///
    /// # Errors
    /// `Invalid` when the job is wrong or there is nothing at `path`; `Corrupt` when that cannot be read.
    pub async fn compare(&self, job: JobSubmission, path: &str) -> Result<RestoreReport> {
        let storage = self.storage(&job.config)?;
        let config = Arc::new(job.config);
        let mut graph = JobGraph::build(&job.graph, &job.settings)?;
        let description = describe(&graph, job.mode, config.clone(), &self.env)?;
        let states = |described: &JobDescription| {
            for (vertex, described) in graph.vertices.iter_mut().zip(&described.vertices) {
                vertex.max_parallelism = described.max_parallelism;
            }
            describe_states(&graph, job.mode, &config, &self.env)
        };
        compare_with(description, &storage, path, states).await
    }

    fn storage(&self, config: &Configuration) -> Result<CheckpointStorage> {
        match config.get_optional(&CHECKPOINTS_DIRECTORY)? {
            Some(location) => CheckpointStorage::open(&self.env, &location, config),
            None => Ok(CheckpointStorage::memory(&self.env).with_config(config)),
        }
    }

    /// Starts a job with its checkpoints in `storage`. What goes between job master and tasks passes `interpose`
    /// first, which may hold it up, lose it or repeat it.
    ///
    /// # Errors
    /// As [`MiniCluster::submit`].
    pub async fn submit_through(
        &self,
        job: JobSubmission,
        storage: &CheckpointStorage,
        interpose: impl FnOnce(Arc<dyn TaskGateway>, TaskEvents) -> (Arc<dyn TaskGateway>, TaskEvents),
    ) -> Result<JobHandle> {
        self.memory.configure(&job.config)?;
        let backend = self.backend(&job.config)?;
        self.start(job, storage, backend, interpose).await
    }

    async fn start(
        &self,
        job: JobSubmission,
        storage: &CheckpointStorage,
        backend: Option<Arc<dyn StateBackend>>,
        interpose: impl FnOnce(Arc<dyn TaskGateway>, TaskEvents) -> (Arc<dyn TaskGateway>, TaskEvents),
    ) -> Result<JobHandle> {
        for (key, nearest) in job.config.check()? {
            let hint = nearest.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
            tracing::warn!("option `{key}` is not known to Flott and has no effect{hint}");
        }
        for (key, why) in job.config.without_effect() {
            tracing::warn!("option `{key}` has no effect in Flott: {why}");
        }
        let barriers = BarrierRule::from_config(&job.config)?;
        let config = Arc::new(job.config);
        let mut graph = JobGraph::build(&job.graph, &job.settings)?;
        let description = describe(&graph, job.mode, config.clone(), &self.env)?;
        let from = RestoreFrom::from_config(&config)?;
        let prepared = prepare(&self.env, description, storage, &from).await?;
        for (vertex, described) in graph.vertices.iter_mut().zip(&prepared.job().vertices) {
            // A checkpoint decides the number of key groups.
            vertex.max_parallelism = described.max_parallelism;
        }
        let (events, received) = mpsc::channel(EVENTS_MAX);
        let gateway = LocalGateway {
            taskmanager: TaskManager::new(self.env.clone(), self.metrics.clone(), self.memory.clone()),
            graph: Arc::new(graph),
            mode: job.mode,
            barriers,
            config,
            backend,
            events,
            tasks: Mutex::new(None),
        };
        let (gateway, received) = interpose(Arc::new(gateway), received);
        Ok(prepared.start(gateway, received, &self.metrics))
    }
}

impl MiniCluster {
    /// The state backend that a job has chosen; none if its state is on the heap.
    fn backend(&self, config: &Configuration) -> Result<Option<Arc<dyn StateBackend>>> {
        let name = config.get(&STATE_BACKEND)?;
        if name == HASHMAP {
            return Ok(None);
        }
        if let Some(backend) = self.backends.iter().find(|backend| backend.name() == name) {
            return Ok(Some(backend.clone()));
        }
        match state_backends::by_name(&name, config, self.memory.first_stores_bytes())? {
            Some(backend) => Ok(Some(backend)),
            None => Err(Error::invalid(format!(
                "option `{}` cannot be `{name}`: {}",
                STATE_BACKEND.key,
                state_backends::WHICH
            ))),
        }
    }
}

fn describe(graph: &JobGraph, mode: RuntimeMode, config: Arc<Configuration>, env: &Env) -> Result<JobDescription> {
    let source = |kind: &NodeKind| -> Option<Arc<dyn AnySource>> {
        match kind {
            NodeKind::Source(source) => Some(source.clone()),
            NodeKind::Operator(_) | NodeKind::Sink(_) => None,
        }
    };
    let vertices = graph.vertices.iter().map(|vertex| VertexDescription {
        id: vertex.id,
        name: vertex.name.clone(),
        parallelism: vertex.parallelism,
        max_parallelism: vertex.max_parallelism,
        is_max_parallelism_set: vertex.is_max_parallelism_set,
        operators: vertex
            .nodes
            .iter()
            .map(|node| OperatorDescription {
                id: node.id,
                uid: node.uid.clone(),
                name: node.name.clone(),
                source: source(&node.kind),
            })
            .collect(),
    });
    Ok(JobDescription {
        id: env.random_job_id(),
        name: graph.name.clone(),
        vertices: vertices.collect(),
        mode,
        checkpoints: CheckpointConfig::from_config(&config)?,
        cancellation_timeout: config.get(&TASK_CANCELLATION_TIMEOUT)?,
        config,
    })
}

/// The TaskManager of this process, as the job master reaches it.
struct LocalGateway {
    taskmanager: TaskManager,
    graph: Arc<JobGraph>,
    mode: RuntimeMode,
    barriers: BarrierRule,
    config: Arc<Configuration>,
    backend: Option<Arc<dyn StateBackend>>,
    events: mpsc::Sender<(TaskId, TaskEvent)>,
    /// Those of the current attempt.
    tasks: Mutex<Option<(AttemptId, Tasks)>>,
}

impl TaskGateway for LocalGateway {
    fn deploy(&self, deployment: Deployment) -> Result<()> {
        let Deployment { job, attempt, restored: _, restore, restore_files, checkpoints } = deployment;
        let deployed = self.taskmanager.deploy(flott_taskmanager::Deployment {
            job,
            graph: self.graph.clone(),
            attempt,
            mode: self.mode,
            barriers: self.barriers,
            restore,
            restore_files,
            checkpoints,
            events: self.events.clone(),
            config: self.config.clone(),
            backend: self.backend.clone(),
        })?;
        *self.tasks.lock().unwrap_or_else(PoisonError::into_inner) = Some((attempt, deployed));
        Ok(())
    }

    fn send(&self, task: TaskId, command: TaskCommand) -> Result<()> {
        match &*self.tasks.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((attempt, tasks)) if *attempt == task.attempt => tasks.send(task, command),
            _ => Ok(()),
        }
    }

    fn cancel(&self, attempt: AttemptId) {
        if let Some((current, tasks)) = &*self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
            && *current == attempt
        {
            tasks.cancel();
        }
    }
}
