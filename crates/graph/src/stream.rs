//! The stream graph: a node for each source, operator and sink that the user wrote, in the order in which they were
//! written, so that every edge leads from a lower number to a higher one.

use flott_api::{AnySink, AnySource, Boundedness, OperatorFactory, Partitioning};
use flott_core::batch::DecodeRows;
use flott_core::{Error, MaxParallelism, Result};
use std::sync::Arc;

/// A node's position in [`StreamGraph::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub usize);

/// What a node is.
#[derive(Clone)]
pub enum NodeKind {
    /// Reads from outside.
    Source(Arc<dyn AnySource>),
    /// Works on records.
    Operator(Arc<dyn OperatorFactory>),
    /// Writes to the outside.
    Sink(Arc<dyn AnySink>),
}

/// Whether an operator may be joined with its neighbours into one task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChainingStrategy {
    /// With both neighbours.
    #[default]
    Always,
    /// With its successor only: it starts a new chain.
    Head,
    /// With none.
    Never,
}

/// A source, operator or sink.
#[derive(Clone)]
pub struct StreamNode {
    /// For people: what it does, or what the user called it.
    pub name: String,
    /// The user's name for its state, stable across versions of the job.
    pub uid: Option<String>,
    /// What it is.
    pub kind: NodeKind,
    /// Number of subtasks; the job's default when not set.
    pub parallelism: Option<u32>,
    /// Number of key groups; the job's, or from the parallelism, when not set.
    pub max_parallelism: Option<u32>,
    /// Subtasks of one group share slots; its inputs' group, or `default`, when not set.
    pub slot_sharing_group: Option<String>,
    /// Whether it may be chained.
    pub chaining: ChainingStrategy,
}

impl StreamNode {
    /// A node with nothing set.
    pub fn new(name: impl Into<String>, kind: NodeKind) -> Self {
        StreamNode {
            name: name.into(),
            uid: None,
            kind,
            parallelism: None,
            max_parallelism: None,
            slot_sharing_group: None,
            chaining: ChainingStrategy::Always,
        }
    }
}

/// A stream from one node to another.
#[derive(Clone)]
pub struct StreamEdge {
    /// Where it comes from.
    pub from: NodeId,
    /// The side output it carries; the main output when not set.
    pub tag: Option<Arc<str>>,
    /// Where it goes.
    pub to: NodeId,
    /// Which of the receiver's inputs: 0, or 1 for the second of two.
    pub input: usize,
    /// How subtasks are connected; when not set, forward if both ends have the same parallelism and else rebalance.
    pub partitioning: Option<Partitioning>,
    /// Makes rows of bytes: what is known of the type of the edge's rows.
    pub decode: DecodeRows,
}

/// What holds for the job as a whole.
#[derive(Clone, Debug)]
pub struct JobSettings {
    /// The job's name.
    pub name: String,
    /// Parallelism of nodes that do not set their own.
    pub parallelism: u32,
    /// Max parallelism of nodes that do not set their own.
    pub max_parallelism: Option<u32>,
    /// Whether operators are chained at all.
    pub chaining: bool,
}

/// The job as the user wrote it.
#[derive(Clone, Default)]
pub struct StreamGraph {
    /// Sources, operators and sinks.
    pub nodes: Vec<StreamNode>,
    /// The streams between them, in the order in which they were made.
    pub edges: Vec<StreamEdge>,
}

impl StreamGraph {
    /// A source that never ends by itself, if there is one.
    pub fn unbounded_source(&self) -> Option<&StreamNode> {
        let is_unbounded = |kind: &NodeKind| match kind {
            NodeKind::Source(source) => source.boundedness() == Boundedness::ContinuousUnbounded,
            NodeKind::Operator(_) | NodeKind::Sink(_) => false,
        };
        self.nodes.iter().find(|node| is_unbounded(&node.kind))
    }

    /// Adds a node.
    pub fn add_node(&mut self, node: StreamNode) -> NodeId {
        self.nodes.push(node);
        NodeId(self.nodes.len() - 1)
    }

    /// Adds a stream.
    pub fn add_edge(&mut self, edge: StreamEdge) {
        self.edges.push(edge);
    }

    /// The streams that lead into `node`.
    pub fn inputs(&self, node: NodeId) -> impl Iterator<Item = &StreamEdge> {
        self.edges.iter().filter(move |e| e.to == node)
    }

    pub(crate) fn parallelism(&self, node: NodeId, settings: &JobSettings) -> Result<u32> {
        let n = &self.nodes[node.0];
        match n.parallelism.unwrap_or(settings.parallelism) {
            0 => Err(Error::invalid(format!("operator `{}` has parallelism 0; set at least 1", n.name))),
            p => Ok(p),
        }
    }

    pub(crate) fn max_parallelism(&self, node: NodeId, settings: &JobSettings) -> Result<MaxParallelism> {
        let n = &self.nodes[node.0];
        let parallelism = self.parallelism(node, settings)?;
        let max = match n.max_parallelism.or(settings.max_parallelism) {
            Some(max) => MaxParallelism::new(max)?,
            None => MaxParallelism::default_for(parallelism),
        };
        if parallelism > max.get() {
            return Err(Error::invalid(format!(
                "operator `{}` has parallelism {parallelism}, more than its max parallelism {}; lower the one or raise the other",
                n.name,
                max.get()
            )));
        }
        Ok(max)
    }

    /// The slot sharing group of each node, in order: its own, or that of its inputs if they agree, or `default`.
    pub(crate) fn slot_sharing_groups(&self) -> Vec<String> {
        let mut groups: Vec<String> = Vec::with_capacity(self.nodes.len());
        for (n, node) in self.nodes.iter().enumerate() {
            let mut inherited = self.inputs(NodeId(n)).map(|e| groups[e.from.0].clone());
            let first = inherited.next();
            let agreed = first.filter(|g| inherited.all(|other| other == *g));
            groups.push(node.slot_sharing_group.clone().or(agreed).unwrap_or_else(|| "default".to_owned()));
        }
        groups
    }
}
