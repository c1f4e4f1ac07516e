//! The job while it is being written: settings, the stream graph so far, and the mistakes found so far.
//!
//! Calls of the API never fail and never panic. A mistake is noted here with the node that it is about, and all of
//! them together are the one error of `execute`.

use flott_api::Partitioning;
use flott_core::batch::DecodeRows;
use flott_core::{Configuration, Error};
use flott_graph::{NodeId, NodeKind, StreamEdge, StreamGraph, StreamNode};
use std::sync::Arc;

/// One way out of a node: what a stream is, seen from the graph.
#[derive(Clone)]
pub(crate) struct Outlet {
    /// Where the records come from.
    pub(crate) node: NodeId,
    /// The side output; the main output when not set.
    pub(crate) tag: Option<Arc<str>>,
    /// How the next operator's subtasks are reached; decided from the parallelism when not set.
    pub(crate) partitioning: Option<Partitioning>,
    /// What is known of the type of its rows.
    pub(crate) decode: DecodeRows,
}

/// What the graph's node does not know of itself.
#[derive(Clone, Default)]
pub(crate) struct Remarks {
    /// The user's description, for plans.
    pub(crate) description: Option<String>,
    /// Why the node has one subtask only, if it has.
    pub(crate) single: Option<&'static str>,
}

/// A mistake of the user's, with the node that it is about.
struct Mistake {
    node: Option<NodeId>,
    what: String,
}

/// The job so far, and those that were executed before it in the same environment.
#[derive(Default)]
pub(crate) struct Draft {
    pub(crate) config: Configuration,
    pub(crate) graph: StreamGraph,
    /// As long as the graph's nodes.
    remarks: Vec<Remarks>,
    mistakes: Vec<Mistake>,
    /// Nodes below this number were part of an earlier `execute`.
    executed: usize,
}

impl Draft {
    /// An empty job with these settings.
    pub(crate) fn new(config: Configuration) -> Self {
        Draft { config, ..Draft::default() }
    }

    /// Adds a node that is fed by `inputs`: one list of outlets per input.
    pub(crate) fn add(&mut self, node: StreamNode, inputs: &[&[Outlet]]) -> NodeId {
        let to = self.graph.add_node(node);
        self.remarks.push(Remarks::default());
        for (input, outlets) in inputs.iter().enumerate() {
            for outlet in *outlets {
                self.graph.add_edge(StreamEdge {
                    from: outlet.node,
                    tag: outlet.tag.clone(),
                    to,
                    input,
                    partitioning: outlet.partitioning.clone(),
                    decode: outlet.decode,
                });
            }
        }
        to
    }

    /// A node, to be changed. `None` never happens: ids come from [`Draft::add`] of the same draft.
    pub(crate) fn node_mut(&mut self, id: NodeId) -> Option<&mut StreamNode> {
        self.graph.nodes.get_mut(id.0)
    }

    /// What is noted about a node.
    pub(crate) fn remarks(&self, id: NodeId) -> Option<&Remarks> {
        self.remarks.get(id.0)
    }

    /// What is noted about a node, to be changed.
    pub(crate) fn remarks_mut(&mut self, id: NodeId) -> Option<&mut Remarks> {
        self.remarks.get_mut(id.0)
    }

    /// Notes a mistake.
    pub(crate) fn mistake(&mut self, node: Option<NodeId>, what: impl Into<String>) {
        self.mistakes.push(Mistake { node, what: what.into() });
    }

    /// The part of the graph that has not been executed: operators and sinks written since, and everything that
    /// they read from. With it the number that each node has in the whole graph.
    pub(crate) fn pending(&self) -> (StreamGraph, Vec<NodeId>) {
        let nodes = &self.graph.nodes;
        let mut wanted: Vec<bool> =
            (0..nodes.len()).map(|n| n >= self.executed && !matches!(nodes[n].kind, NodeKind::Source(_))).collect();
        // Every edge leads from a lower number to a higher one.
        for n in (0..nodes.len()).rev() {
            if wanted[n] {
                self.graph.inputs(NodeId(n)).for_each(|edge| wanted[edge.from.0] = true);
            }
        }
        let originals: Vec<NodeId> = (0..nodes.len()).filter(|n| wanted[*n]).map(NodeId).collect();
        let place = |id: NodeId| originals.binary_search(&id).ok().map(NodeId);
        let mut graph = StreamGraph::default();
        for id in &originals {
            graph.add_node(nodes[id.0].clone());
        }
        for edge in &self.graph.edges {
            if let (Some(from), Some(to)) = (place(edge.from), place(edge.to)) {
                graph.add_edge(StreamEdge { from, to, ..edge.clone() });
            }
        }
        (graph, originals)
    }

    /// The noted mistakes as one error.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let mut lines =
            self.mistakes.iter().map(|mistake| match mistake.node.and_then(|id| self.graph.nodes.get(id.0)) {
                Some(node) => format!("operator `{}`: {}", node.name, mistake.what),
                None => mistake.what.clone(),
            });
        match (lines.next(), lines.next()) {
            (None, _) => Ok(()),
            (Some(one), None) => Err(Error::invalid(one)),
            (Some(first), Some(second)) => {
                let all: Vec<String> = [first, second].into_iter().chain(lines).collect();
                Err(Error::invalid(format!("the job has {} mistakes: {}", all.len(), all.join("; "))))
            }
        }
    }

    /// Starts the next job: what is there counts as executed, mistakes are forgotten.
    pub(crate) fn close(&mut self) {
        self.executed = self.graph.nodes.len();
        self.mistakes.clear();
    }
}
