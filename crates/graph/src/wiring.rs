//! Which subtasks an edge connects, and which subtasks share a slot.

use crate::JobGraph;
use flott_api::Partitioning;
use flott_core::{SubtaskIndex, VertexId};
use std::collections::BTreeMap;
use std::ops::Range;

/// The downstream subtasks that `sender` of `senders` has channels to, of `receivers`.
pub fn consumers(partitioning: &Partitioning, sender: u32, senders: u32, receivers: u32) -> Range<u32> {
    if !partitioning.is_pointwise() {
        return 0..receivers;
    }
    if receivers >= senders {
        // Each sender has a share of the receivers of its own.
        sender * receivers / senders..(sender + 1) * receivers / senders
    } else {
        let receiver = receiver_of(sender, senders, receivers);
        receiver..receiver + 1
    }
}

/// The upstream subtasks that `receiver` of `receivers` has channels from, of `senders`, in order.
pub fn producers(partitioning: &Partitioning, receiver: u32, senders: u32, receivers: u32) -> Vec<u32> {
    (0..senders).filter(|&s| consumers(partitioning, s, senders, receivers).contains(&receiver)).collect()
}

fn receiver_of(sender: u32, senders: u32, receivers: u32) -> u32 {
    // The last receiver whose share starts at or before the sender.
    (0..receivers).rev().find(|r| r * senders / receivers <= sender).unwrap_or(0)
}

/// The subtasks of each slot. Subtask i of every vertex of a slot sharing group runs in the group's slot i, so a
/// group needs as many slots as its widest vertex has subtasks.
pub fn slots(graph: &JobGraph) -> Vec<Vec<(VertexId, SubtaskIndex)>> {
    let mut groups: BTreeMap<&str, Vec<Vec<(VertexId, SubtaskIndex)>>> = BTreeMap::new();
    for vertex in &graph.vertices {
        let slots = groups.entry(&vertex.slot_sharing_group).or_default();
        slots.resize(slots.len().max(vertex.parallelism as usize), Vec::new());
        for subtask in 0..vertex.parallelism {
            slots[subtask as usize].push((vertex.id, SubtaskIndex(subtask)));
        }
    }
    groups.into_values().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rescale_gives_every_receiver_a_sender_and_every_sender_a_receiver() {
        for senders in 1..12 {
            for receivers in 1..12 {
                for sender in 0..senders {
                    assert!(!consumers(&Partitioning::Rescale, sender, senders, receivers).is_empty());
                }
                let mut channels = 0;
                for receiver in 0..receivers {
                    let from = producers(&Partitioning::Rescale, receiver, senders, receivers);
                    assert!(!from.is_empty(), "{senders} senders, receiver {receiver} of {receivers}");
                    channels += from.len();
                }
                assert_eq!(channels as u32, senders.max(receivers));
            }
        }
    }
}
