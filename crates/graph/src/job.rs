//! The job graph: vertices, each a chain of operators that runs as one task, and the exchanges between them.

use crate::{JobSettings, NodeKind, StreamGraph, chain};
use flott_api::Partitioning;
use flott_core::batch::DecodeRows;
use flott_core::{MaxParallelism, OperatorId, Result, VertexId};
use std::sync::Arc;

/// Where a chained operator's output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To an operator of the same chain, by its position; always a later one.
    Chained(usize),
    /// Through an exchange: an index into [`JobGraph::edges`].
    Exchange(usize),
}

/// One way out of an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The side output that goes this way; the main output when not set.
    pub tag: Option<Arc<str>>,
    /// Where it goes.
    pub target: Target,
}

/// An operator within a chain.
#[derive(Clone)]
pub struct ChainNode {
    /// The operator across versions of the job.
    pub id: OperatorId,
    /// The user's uid, if there is one.
    pub uid: Option<String>,
    /// For people.
    pub name: Arc<str>,
    /// What it is.
    pub kind: NodeKind,
    /// Where its results go.
    pub links: Vec<Link>,
    /// What is known of the rows of each edge that leads to it, chained or not: by input, in the order of edges.
    pub decoders: Vec<Vec<DecodeRows>>,
}

/// A chain of operators, run as one task per subtask.
#[derive(Clone)]
pub struct JobVertex {
    /// Its position in [`JobGraph::vertices`], which is a topological order.
    pub id: VertexId,
    /// The names of its operators, joined as Flink joins them: `a -> b` and `a -> (b, c)`.
    pub name: Arc<str>,
    /// Number of subtasks.
    pub parallelism: u32,
    /// Number of key groups.
    pub max_parallelism: MaxParallelism,
    /// Whether the user has set that number; if not, a checkpoint that the job is restored from decides.
    pub is_max_parallelism_set: bool,
    /// Subtasks of vertices of one group share slots.
    pub slot_sharing_group: String,
    /// The operators, each before those that it feeds. The first is the head, which has the inputs.
    pub nodes: Vec<ChainNode>,
    /// Incoming edges (indices into [`JobGraph::edges`]) by input.
    pub inputs: Vec<Vec<usize>>,
}

impl JobVertex {
    /// Whether the vertex reads from outside.
    pub fn is_source(&self) -> bool {
        matches!(self.nodes.first().map(|n| &n.kind), Some(NodeKind::Source(_)))
    }
}

/// An exchange between two vertices.
#[derive(Clone, Debug)]
pub struct JobEdge {
    /// The sender.
    pub from: VertexId,
    /// The receiver.
    pub to: VertexId,
    /// How subtasks are connected.
    pub partitioning: Partitioning,
}

/// The job as it runs: vertices in topological order and the exchanges between them.
#[derive(Clone)]
pub struct JobGraph {
    /// The job's name.
    pub name: Arc<str>,
    /// Chains.
    pub vertices: Vec<JobVertex>,
    /// Exchanges.
    pub edges: Vec<JobEdge>,
}

impl JobGraph {
    /// Chains the operators of `graph` by Flink's rule and connects the chains.
    ///
    /// # Errors
    /// `Invalid` when the graph cannot run: no operators, a uid twice, a parallelism that does not fit.
    pub fn build(graph: &StreamGraph, settings: &JobSettings) -> Result<JobGraph> {
        chain::build(graph, settings)
    }
}
