//! The job as the job master needs it: which tasks there are, which operators and sources are in them, and how
//! checkpoints are taken. Made from the job graph by whoever starts the job.

use crate::checkpoint::CheckpointConfig;
use flott_api::{AnySource, RuntimeMode};
use flott_core::{Configuration, JobId, MaxParallelism, OperatorId, SubtaskIndex, VertexId};
use std::sync::Arc;
use std::time::Duration;

/// A subtask of a vertex, in whichever run of the job.
pub type Place = (VertexId, SubtaskIndex);

/// A job.
#[derive(Clone)]
pub struct JobDescription {
    /// Which job.
    pub id: JobId,
    /// For people.
    pub name: Arc<str>,
    /// The vertices, in topological order.
    pub vertices: Vec<VertexDescription>,
    /// Whether results are updated as records come; checkpoints are taken in streaming mode only.
    pub mode: RuntimeMode,
    /// How checkpoints are taken.
    pub checkpoints: CheckpointConfig,
    /// What the user has set.
    pub config: Arc<Configuration>,
    /// How long a task may take to stop before the job fails for good; zero: for ever.
    pub cancellation_timeout: Duration,
}

/// A chain of operators that runs as one task per subtask.
#[derive(Clone)]
pub struct VertexDescription {
    /// Its position among the vertices.
    pub id: VertexId,
    /// For people: the names of its operators.
    pub name: Arc<str>,
    /// Number of subtasks.
    pub parallelism: u32,
    /// Number of key groups.
    pub max_parallelism: MaxParallelism,
    /// Whether the user has set that number. If not, the checkpoint that the job is restored from decides.
    pub is_max_parallelism_set: bool,
    /// The operators of the chain.
    pub operators: Vec<OperatorDescription>,
}

/// An operator of a chain.
#[derive(Clone)]
pub struct OperatorDescription {
    /// The operator across versions of the job.
    pub id: OperatorId,
    /// The user's uid, if there is one.
    pub uid: Option<String>,
    /// For people.
    pub name: Arc<str>,
    /// The source, if the operator is one: its enumerator runs beside the job master.
    pub source: Option<Arc<dyn AnySource>>,
}

impl JobDescription {
    /// Every subtask of every vertex, in order.
    pub fn places(&self) -> impl Iterator<Item = Place> {
        self.vertices.iter().flat_map(|v| (0..v.parallelism).map(|subtask| (v.id, SubtaskIndex(subtask))))
    }

    /// Number of subtasks of all vertices.
    pub fn task_count(&self) -> usize {
        self.vertices.iter().map(|v| v.parallelism as usize).sum()
    }

    /// The vertex with this id.
    pub fn vertex(&self, id: VertexId) -> Option<&VertexDescription> {
        self.vertices.iter().find(|v| v.id == id)
    }

    /// A subtask's name as Flink shows it: `counts (2/4)`.
    pub fn task_name(&self, (vertex, subtask): Place) -> String {
        match self.vertex(vertex) {
            Some(vertex) => format!("{} ({}/{})", vertex.name, subtask.0 + 1, vertex.parallelism),
            None => format!("vertex {vertex} ({})", subtask.0 + 1),
        }
    }

    /// Whether checkpoints are taken: an interval is set and the job is a streaming job.
    pub fn takes_checkpoints(&self) -> bool {
        match self.mode {
            RuntimeMode::Streaming => self.checkpoints.interval.is_some(),
            RuntimeMode::Batch => false,
        }
    }
}
