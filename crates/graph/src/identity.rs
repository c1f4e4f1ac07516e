//! Which operator is which, across versions of a job.

use crate::{NodeId, NodeKind, StreamGraph};
use flott_core::{Error, OperatorId, Result};
use std::collections::BTreeMap;

/// The id of each node: from its uid, or, without one, from where it stands. The latter stays the same as long as
/// the part of the graph before it does and no sibling is put in front of it; names do not matter.
pub(crate) fn operator_ids(graph: &StreamGraph) -> Result<Vec<OperatorId>> {
    let mut ids: Vec<OperatorId> = Vec::with_capacity(graph.nodes.len());
    let mut taken: BTreeMap<OperatorId, usize> = BTreeMap::new();
    for (n, node) in graph.nodes.iter().enumerate() {
        let id = match &node.uid {
            Some(uid) => OperatorId::from_uid(uid),
            None => {
                let inputs: String = graph
                    .inputs(NodeId(n))
                    .map(|e| format!("{}:{}:{} ", e.input, ids[e.from.0], e.tag.as_deref().unwrap_or("")))
                    .collect();
                let kind = match node.kind {
                    NodeKind::Source(_) => "source",
                    NodeKind::Operator(_) => "operator",
                    NodeKind::Sink(_) => "sink",
                };
                (0..)
                    .map(|ordinal| OperatorId::from_uid(&format!("auto {kind} {ordinal} {inputs}")))
                    .find(|id| !taken.contains_key(id))
                    .ok_or_else(|| Error::internal("no free operator id"))?
            }
        };
        if let Some(other) = taken.insert(id, n) {
            return Err(Error::invalid(format!(
                "operators `{}` and `{}` have the same uid `{}`; give each its own",
                graph.nodes[other].name,
                node.name,
                node.uid.as_deref().unwrap_or_default()
            )));
        }
        ids.push(id);
    }
    Ok(ids)
}
