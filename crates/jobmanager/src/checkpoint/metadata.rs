//! What a completed checkpoint says about itself, made from what tasks and enumerators have reported. Pure.

use super::Collected;
use crate::job::{JobDescription, OperatorDescription, VertexDescription};
use flott_core::{OperatorId, ProcessingTime, SubtaskIndex};
use flott_state::checkpoint::{CheckpointMetadata, OperatorMetadata};
use flott_state::{Blob, SubtaskSnapshot};
use std::collections::BTreeMap;

/// The metadata of `collected`, complete `now`. `coordinators` says where the enumerators' snapshots are. Operators
/// without anything to remember are left out, so that their uids and parallelism may change freely.
pub fn metadata_of(
    job: &JobDescription,
    collected: &Collected,
    mut coordinators: BTreeMap<OperatorId, Blob>,
    now: ProcessingTime,
) -> CheckpointMetadata {
    let mut operators = Vec::new();
    for vertex in &job.vertices {
        let subtasks: Vec<Option<&SubtaskSnapshot>> =
            (0..vertex.parallelism).map(|s| collected.tasks.get(&(vertex.id, SubtaskIndex(s)))).collect();
        for operator in &vertex.operators {
            let metadata = operator_metadata(vertex, operator, &subtasks, coordinators.remove(&operator.id));
            if metadata.is_worth_keeping() {
                operators.push(metadata);
            }
        }
    }
    CheckpointMetadata::new(job.id, &*job.name, collected.id, collected.kind, now, operators)
}

fn operator_metadata(
    vertex: &VertexDescription,
    operator: &OperatorDescription,
    subtasks: &[Option<&SubtaskSnapshot>],
    coordinator: Option<Blob>,
) -> OperatorMetadata {
    let snapshot_of = |subtask: &Option<&SubtaskSnapshot>| {
        let snapshots = subtask.map(|s| s.operators.as_slice()).unwrap_or_default();
        snapshots.iter().find(|(id, _)| *id == operator.id).map(|(_, snapshot)| snapshot.clone()).unwrap_or_default()
    };
    OperatorMetadata {
        id: operator.id,
        uid: operator.uid.clone(),
        name: operator.name.to_string(),
        parallelism: vertex.parallelism,
        max_parallelism: vertex.max_parallelism,
        coordinator,
        states: Vec::new(),
        subtasks: subtasks.iter().map(snapshot_of).collect(),
        finished: subtasks.iter().map(|s| s.is_some_and(|s| s.finished)).collect(),
    }
    .with_common_states()
}
