//! Chaining: which operators run as one task.
//!
//! Flink's rule: an operator is chained to the one before it when that is its only input, the edge is forward, both
//! have the same parallelism and slot sharing group, and neither side's strategy forbids it.

use crate::job::{ChainNode, JobEdge, JobGraph, JobVertex, Link, Target};
use crate::{ChainingStrategy, JobSettings, NodeId, NodeKind, StreamEdge, StreamGraph, identity};
use flott_api::Partitioning;
use flott_core::batch::DecodeRows;
use flott_core::{Error, Result, VertexId};
use std::collections::BTreeMap;

pub(crate) fn build(graph: &StreamGraph, settings: &JobSettings) -> Result<JobGraph> {
    if !graph.nodes.iter().any(|n| matches!(n.kind, NodeKind::Source(_))) {
        return Err(Error::invalid("the job has no source; add one, such as `env.from_sequence(1, 10)`"));
    }
    let builder = Builder { graph, settings, groups: graph.slot_sharing_groups() };
    let ids = identity::operator_ids(graph)?;
    let partitionings = graph.edges.iter().map(|e| builder.partitioning(e)).collect::<Result<Vec<_>>>()?;
    let chained: Vec<bool> =
        graph.edges.iter().zip(&partitionings).map(|(e, p)| builder.is_chainable(e, p)).collect::<Result<_>>()?;

    // Nodes stand before those they feed, so heads come in topological order and a chain's order is theirs.
    let mut vertex_of: Vec<usize> = vec![0; graph.nodes.len()];
    let mut members: Vec<Vec<NodeId>> = Vec::new();
    for n in (0..graph.nodes.len()).map(NodeId) {
        let before = graph.edges.iter().zip(&chained).find(|(e, chained)| e.to == n && **chained).map(|(e, _)| e.from);
        match before {
            Some(before) => {
                vertex_of[n.0] = vertex_of[before.0];
                members[vertex_of[n.0]].push(n);
            }
            None => {
                vertex_of[n.0] = members.len();
                members.push(vec![n]);
            }
        }
    }

    let mut edge_index: BTreeMap<usize, usize> = BTreeMap::new();
    let mut edges = Vec::new();
    for (i, edge) in graph.edges.iter().enumerate().filter(|(i, _)| !chained[*i]) {
        edge_index.insert(i, edges.len());
        let (from, to) = (VertexId(vertex_of[edge.from.0] as u32), VertexId(vertex_of[edge.to.0] as u32));
        edges.push(JobEdge { from, to, partitioning: partitionings[i].clone() });
    }

    let mut vertices = Vec::new();
    for (v, nodes) in members.iter().enumerate() {
        let Some(&head) = nodes.first() else { continue };
        let position = |n: NodeId| nodes.iter().position(|m| *m == n);
        let chain: Vec<ChainNode> = nodes
            .iter()
            .map(|&n| {
                let links = graph.edges.iter().enumerate().filter(|(_, e)| e.from == n).filter_map(|(i, e)| {
                    let target = match edge_index.get(&i) {
                        Some(&exchange) => Target::Exchange(exchange),
                        None => Target::Chained(position(e.to)?),
                    };
                    Some(Link { tag: e.tag.clone(), target })
                });
                let node = &graph.nodes[n.0];
                ChainNode {
                    id: ids[n.0],
                    uid: node.uid.clone(),
                    name: node.name.as_str().into(),
                    kind: node.kind.clone(),
                    links: links.collect(),
                    decoders: decoders(graph, n),
                }
            })
            .collect();
        let mut inputs: Vec<Vec<usize>> = Vec::new();
        for (i, edge) in graph.edges.iter().enumerate().filter(|(_, e)| e.to == head) {
            inputs.resize(inputs.len().max(edge.input + 1), Vec::new());
            inputs[edge.input].extend(edge_index.get(&i));
        }
        vertices.push(JobVertex {
            id: VertexId(v as u32),
            name: chain_name(&chain, 0).into(),
            parallelism: graph.parallelism(head, settings)?,
            max_parallelism: graph.max_parallelism(head, settings)?,
            is_max_parallelism_set: graph.nodes[head.0].max_parallelism.or(settings.max_parallelism).is_some(),
            slot_sharing_group: builder.groups[head.0].clone(),
            nodes: chain,
            inputs,
        });
    }
    Ok(JobGraph { name: settings.name.as_str().into(), vertices, edges })
}

struct Builder<'a> {
    graph: &'a StreamGraph,
    settings: &'a JobSettings,
    groups: Vec<String>,
}

impl Builder<'_> {
    fn partitioning(&self, edge: &StreamEdge) -> Result<Partitioning> {
        let (from, to) =
            (self.graph.parallelism(edge.from, self.settings)?, self.graph.parallelism(edge.to, self.settings)?);
        match &edge.partitioning {
            None if from == to => Ok(Partitioning::Forward),
            None => Ok(Partitioning::Rebalance),
            Some(Partitioning::Forward) if from != to => Err(Error::invalid(format!(
                "`forward` from `{}` (parallelism {from}) to `{}` (parallelism {to}) needs the same parallelism on both ends; use `rebalance` or `rescale`",
                self.graph.nodes[edge.from.0].name, self.graph.nodes[edge.to.0].name
            ))),
            Some(given) => Ok(given.clone()),
        }
    }

    fn is_chainable(&self, edge: &StreamEdge, partitioning: &Partitioning) -> Result<bool> {
        let (from, to) = (&self.graph.nodes[edge.from.0], &self.graph.nodes[edge.to.0]);
        let same_max = self.graph.max_parallelism(edge.from, self.settings)?
            == self.graph.max_parallelism(edge.to, self.settings)?;
        Ok(self.settings.chaining
            && matches!(partitioning, Partitioning::Forward)
            && self.graph.parallelism(edge.from, self.settings)? == self.graph.parallelism(edge.to, self.settings)?
            && same_max
            && self.graph.inputs(edge.to).count() == 1
            && self.groups[edge.from.0] == self.groups[edge.to.0]
            && from.chaining != ChainingStrategy::Never
            && to.chaining == ChainingStrategy::Always)
    }
}

fn decoders(graph: &StreamGraph, node: NodeId) -> Vec<Vec<DecodeRows>> {
    let mut decoders: Vec<Vec<DecodeRows>> = Vec::new();
    for edge in graph.inputs(node) {
        decoders.resize(decoders.len().max(edge.input + 1), Vec::new());
        decoders[edge.input].push(edge.decode);
    }
    decoders
}

fn chain_name(chain: &[ChainNode], at: usize) -> String {
    let node = &chain[at];
    let next: Vec<String> = node
        .links
        .iter()
        .filter_map(|l| match l.target {
            Target::Chained(n) => Some(chain_name(chain, n)),
            Target::Exchange(_) => None,
        })
        .collect();
    match next.as_slice() {
        [] => node.name.to_string(),
        [one] => format!("{} -> {one}", node.name),
        several => format!("{} -> ({})", node.name, several.join(", ")),
    }
}

#[cfg(test)]
mod tests;
