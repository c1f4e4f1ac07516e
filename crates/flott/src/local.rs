//! Jobs run in this process: what stands behind `env.execute()` when a program is started by itself.

use crate::cli::{Flags, ParameterTool, USAGE};
use crate::minicluster::MiniCluster;
use crate::progress::{self, ProgressLine};
use crate::{logging, prometheus};
use flott_api::JobStatus;
use flott_api::metrics::MetricRegistry;
use flott_core::config::{IGNORE_UNCLAIMED_STATE, METRICS_PROMETHEUS_PORT, SAVEPOINT_DIFF};
use flott_core::{Configuration, JobId, KeyHash, ProcessingTime, Result, SavepointRequest};
use flott_datastream::executor::{JobControl, JobExecutor, JobSubmission};
use flott_datastream::{StateOf, StreamExecutionEnvironment};
use flott_env::{Env, Task};
use flott_jobmanager::JobHandle;
use flott_state::checkpoint::{CheckpointStorage, Fate};
use flott_state::keyed::{StateAnswer, StateQuery};
use flott_state::store::StateBackend;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How a program comes by its environment.
pub trait GetExecutionEnvironment: Sized {
    /// An environment that runs jobs in this process and reads no command line.
    ///
    /// # Errors
    /// `Unavailable` when the system gives no threads.
    fn get_execution_environment() -> Result<Self>;

    /// An environment that runs jobs in this process, set up by the program's command line, and what the command
    /// line has for the program itself. `--help` prints `usage` and Flott's own options and ends the program.
    ///
    /// # Errors
    /// `Invalid` for a command line or a configuration file that is wrong.
    fn from_args(usage: &str) -> Result<(Self, ParameterTool)>;

    /// An environment that runs jobs in this process with these options.
    ///
    /// # Errors
    /// `Invalid` for an option that is wrong, `Unavailable` when the system gives no threads.
    fn with_configuration(config: Configuration) -> Result<Self>;
}

impl GetExecutionEnvironment for StreamExecutionEnvironment {
    fn get_execution_environment() -> Result<Self> {
        Self::with_configuration(Configuration::new())
    }

    #[expect(clippy::disallowed_methods, reason = "help is asked for on the command line and ends the program")]
    fn from_args(usage: &str) -> Result<(Self, ParameterTool)> {
        let flags = Flags::parse(std::env::args().skip(1))?;
        if flags.help {
            // Whoever has closed the pipe has read enough.
            let _ = writeln!(std::io::stdout(), "{usage}\n\n{USAGE}");
            std::process::exit(0);
        }
        let parameters = ParameterTool::from_args(flags.rest)?;
        logging::start(&flags.config)?;
        Ok((Self::with_configuration(flags.config)?, parameters))
    }

    fn with_configuration(config: Configuration) -> Result<Self> {
        config.check()?;
        let executor = LocalExecutor::new()?;
        Ok(StreamExecutionEnvironment::with_executor(config, Arc::new(executor)))
    }
}

/// Runs jobs on a mini cluster.
struct LocalExecutor {
    cluster: MiniCluster,
    /// The metrics endpoint, once a job has asked for it.
    endpoint: Mutex<Option<Task<()>>>,
}

impl LocalExecutor {
    fn new() -> Result<Self> {
        let cluster = MiniCluster::new(Env::real()?, MetricRegistry::new());
        Ok(LocalExecutor { cluster, endpoint: Mutex::new(None) })
    }
}

impl JobExecutor for LocalExecutor {
    fn submit(&self, job: JobSubmission) -> Result<Arc<dyn JobControl>> {
        let env = self.cluster.env();
        if let Some(port) = job.config.get_optional(&METRICS_PROMETHEUS_PORT)? {
            let mut endpoint = self.endpoint.lock().unwrap_or_else(PoisonError::into_inner);
            if endpoint.is_none() {
                let (server, address) = env.block_on(prometheus::serve(env, port, self.cluster.metrics().clone()))?;
                tracing::info!("metrics are served on http://{address}/metrics");
                *endpoint = Some(server);
            }
        }
        if let Some(path) = job.config.get_optional(&SAVEPOINT_DIFF)? {
            return self.say_what_would_become(job, &path);
        }
        let submitted = env.now();
        let name = job.settings.name.clone();
        let progress = ProgressLine::new(env, &name, self.cluster.metrics(), job.graph.unbounded_source().is_none());
        let (handle, storage, backend) = env.block_on(self.cluster.submit(job))?;
        let (cluster, backend) = (self.cluster.clone(), Mutex::new(backend));
        Ok(Arc::new(LocalJob { name, cluster, handle, storage, backend, progress, submitted, ended: Mutex::new(None) }))
    }
}

impl LocalExecutor {
    /// Says what would become of each state if the job were started from `path`, and ends the program: with code 1 if it
    /// would be refused.
    #[expect(clippy::disallowed_methods, reason = "a comparison is asked for on the command line and ends the program")]
    fn say_what_would_become(&self, job: JobSubmission, path: &str) -> Result<Arc<dyn JobControl>> {
        let may_drop = job.config.get(&IGNORE_UNCLAIMED_STATE)?;
        let report = self.cluster.env().block_on(self.cluster.compare(job, path))?;
        let drops = report.of(Fate::Dropped).count();
        // Whoever has closed the pipe has read enough.
        let _ = writeln!(std::io::stdout(), "{report}");
        let is_refused = report.is_refused() || (drops > 0 && !may_drop);
        let verdict = match (report.is_refused(), is_refused) {
            (true, _) => "The job would be refused: a state is incompatible.",
            (false, true) => {
                "The job would be refused without -n (--allow-non-restored-state): an operator is dropped."
            }
            (false, false) => "The job can be started from it.",
        };
        let _ = writeln!(std::io::stdout(), "{verdict}");
        std::process::exit(i32::from(is_refused))
    }
}

/// How long the stores of a job may take to close after its end.
const STORES_TIMEOUT: Duration = Duration::from_secs(30);
/// How often that is looked at.
const STORES_INTERVAL: Duration = Duration::from_millis(2);

struct LocalJob {
    name: String,
    cluster: MiniCluster,
    handle: JobHandle,
    storage: CheckpointStorage,
    /// Until its stores are closed.
    backend: Mutex<Option<Arc<dyn StateBackend>>>,
    progress: ProgressLine,
    submitted: ProcessingTime,
    ended: Mutex<Option<ProcessingTime>>,
}

impl LocalJob {
    async fn result(&self) -> Result<JobStatus> {
        let result = self.handle.result().await;
        self.stores_closed().await;
        progress::clear();
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(self.cluster.env().now());
        Ok(result?.status)
    }
}

impl LocalJob {
    /// Waits until the job's stores are closed: a snapshot may still be under way. The process may end behind this, and a
    /// store that is being closed then could bring it down.
    async fn stores_closed(&self) {
        let backend = self.backend.lock().unwrap_or_else(PoisonError::into_inner).take();
        let env = self.cluster.env();
        let closed = async {
            while backend.as_ref().is_some_and(|backend| backend.open_stores() > 0) {
                env.sleep(STORES_INTERVAL).await;
            }
        };
        if env.timeout(STORES_TIMEOUT, closed).await.is_none() {
            tracing::warn!("stores of job `{}` are still open {STORES_TIMEOUT:?} after its end", self.name);
        }
    }
}

impl JobControl for LocalJob {
    fn job_id(&self) -> JobId {
        self.handle.id()
    }

    fn status(&self) -> JobStatus {
        self.handle.status()
    }

    fn cancel(&self) {
        self.handle.cancel();
    }

    fn savepoint(&self, request: SavepointRequest) -> Result<String> {
        self.cluster.env().block_on(self.handle.savepoint(request))
    }

    fn query(&self, uid: &str, hash: KeyHash, query: StateQuery) -> Result<StateAnswer> {
        self.cluster.env().block_on(self.handle.query(uid, hash, query))
    }

    #[cfg(feature = "query")]
    fn query_sql(&self, of: StateOf, sql: &str, out: &mut (dyn Write + Send)) -> Result<()> {
        crate::sql::ask(self.cluster.env(), &self.handle, &self.storage, of, sql, out)
    }

    #[cfg(not(feature = "query"))]
    fn query_sql(&self, _: StateOf, _: &str, _: &mut (dyn Write + Send)) -> Result<()> {
        Err(flott_core::Error::invalid(
            "this job was built without SQL; build it with the cargo feature `query` of the crate `flott`, or take a savepoint \
             and ask that",
        ))
    }

    fn wait(&self, limit: Option<Duration>) -> Result<JobStatus> {
        let env = self.cluster.env();
        env.block_on(async {
            let Some(limit) = limit else { return self.progress.show_while(self.result()).await };
            if let Some(result) = env.timeout(limit, self.result()).await {
                return result;
            }
            // It may have ended just now, and then there may be an error to tell.
            let status = self.handle.status();
            if status.is_terminal() { self.result().await } else { Ok(status) }
        })
    }

    fn show_progress(&self) {
        self.progress.draw();
    }

    fn runtime(&self) -> Duration {
        let ended = *self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        self.submitted.until(ended.unwrap_or_else(|| self.cluster.env().now()))
    }

    fn metric(&self, name: &str, operator: Option<&str>) -> i64 {
        let mut sum = 0;
        self.cluster.metrics().for_each(|metric, labels, value| {
            let has = |label: &str, wanted: &str| labels.iter().any(|(l, v)| *l == label && v == wanted);
            if metric == name && has("job_name", &self.name) && operator.is_none_or(|o| has("operator_name", o)) {
                sum += value.value();
            }
        });
        sum
    }

    fn exceptions(&self) -> Vec<String> {
        self.handle.exceptions().entries.iter().map(|e| e.root.text.clone()).collect()
    }

    fn latest_checkpoint(&self) -> Option<(u64, String)> {
        let stats = self.handle.checkpoint_stats();
        let latest = stats.latest.completed.as_ref()?.id;
        Some((latest.0, self.storage.job(self.handle.id()).location(latest)))
    }
}
