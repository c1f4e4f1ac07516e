//! What the calls of the API build: graphs, names, partitionings, mistakes. Nothing is run here.

mod connectors;
mod graph;
mod mistakes;
mod submission;
mod windows;

use crate::executor::{JobControl, JobExecutor, JobSubmission};
use crate::{DataStream, StreamExecutionEnvironment};
use flott_api::JobStatus;
use flott_core::{Configuration, JobId, Result};
use flott_graph::{JobGraph, StreamGraph};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Keeps jobs instead of running them.
#[derive(Default)]
pub(crate) struct Keep(Mutex<Vec<JobSubmission>>);

impl JobExecutor for Keep {
    fn submit(&self, job: JobSubmission) -> Result<Arc<dyn JobControl>> {
        self.0.lock().unwrap().push(job);
        Ok(Arc::new(Done))
    }
}

/// A job that has ended.
struct Done;

impl JobControl for Done {
    fn job_id(&self) -> JobId {
        JobId([7; 16])
    }
    fn status(&self) -> JobStatus {
        JobStatus::Finished
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
    fn query_sql(&self, _: crate::StateOf, _: &str, _: &mut (dyn std::io::Write + Send)) -> Result<()> {
        Err(flott_core::Error::unavailable("no job runs"))
    }

    fn wait(&self, _: Option<Duration>) -> Result<JobStatus> {
        Ok(JobStatus::Finished)
    }
    fn runtime(&self) -> Duration {
        Duration::from_secs(1)
    }
    fn metric(&self, _: &str, operator: Option<&str>) -> i64 {
        if operator.is_some() { 1 } else { 2 }
    }
    fn exceptions(&self) -> Vec<String> {
        Vec::new()
    }
    fn latest_checkpoint(&self) -> Option<(u64, String)> {
        None
    }
}

pub(crate) fn environment() -> (StreamExecutionEnvironment, Arc<Keep>) {
    let keep = Arc::new(Keep::default());
    (StreamExecutionEnvironment::with_executor(Configuration::new(), keep.clone()), keep)
}

pub(crate) fn env() -> StreamExecutionEnvironment {
    environment().0
}

/// The job that the environment would run.
pub(crate) fn job(env: &StreamExecutionEnvironment) -> JobSubmission {
    env.submission("test").unwrap()
}

pub(crate) fn plan(env: &StreamExecutionEnvironment) -> Vec<String> {
    env.execution_plan("test").unwrap().lines().map(str::to_owned).collect()
}

pub(crate) fn error(env: &StreamExecutionEnvironment) -> String {
    env.execute("test").unwrap_err().to_string()
}

/// Every edge as `from -> to`, with input and partitioning where they are not the usual ones, and the side output.
pub(crate) fn edges(graph: &StreamGraph) -> Vec<String> {
    let name = |id: flott_graph::NodeId| graph.nodes[id.0].name.clone();
    let edges = graph.edges.iter().map(|e| {
        let tag = e.tag.as_deref().map(|tag| format!(" [{tag}]")).unwrap_or_default();
        let input = if e.input > 0 { format!(" #{}", e.input) } else { String::new() };
        let how = e.partitioning.as_ref().map(|p| format!(" {}", p.name())).unwrap_or_default();
        format!("{}{tag} -> {}{input}{how}", name(e.from), name(e.to))
    });
    edges.collect()
}

pub(crate) fn job_graph(job: &JobSubmission) -> JobGraph {
    JobGraph::build(&job.graph, &job.settings).unwrap()
}

pub(crate) fn numbers(env: &StreamExecutionEnvironment) -> DataStream<i64> {
    env.from_sequence(1, 10)
}
