//! The state of an operator dealt out to its subtasks, at the parallelism it had or another. Pure.
//!
//! Flink's rules (`StateAssignmentOperation`, `RoundRobinOperatorStateRepartitioner`): keyed state goes by key
//! group; the items of a split list stay where they are while the parallelism stays, and are dealt out one by one
//! otherwise; every subtask gets all of a union list, and one copy of broadcast state. Differs on purpose: Flink deals
//! out runs of neighbouring items, Flott single ones, so that old and new items mix.

use super::OperatorMetadata;
use crate::canonical::StateDescription;
use crate::snapshot::{Blob, InFlightDealing, KeyedSnapshot, ListSnapshot, Redistribution};
use flott_core::schema::Schema;
use flott_core::{Error, MaxParallelism, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What one subtask of an operator takes over. It names bytes and holds none but those that the metadata itself
/// held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtaskRestore {
    /// Files that hold some of the subtask's key groups, maybe beside others.
    pub keyed: Vec<KeyedSnapshot>,
    /// What the states are that are in them, as far as the checkpoint says it.
    pub states: Vec<Arc<StateDescription>>,
    /// Operator state by name.
    pub lists: BTreeMap<String, ListRestore>,
    /// What was on its way to some of the old subtasks, and how far event time had come there.
    pub in_flight: Vec<InFlightRestore>,
    /// The operator had finished in all of its subtasks: it has nothing left to do (Flink's `FINISHED_ON_RESTORE`).
    pub finished: bool,
}

/// What was on its way to one old subtask. Which of its records a new subtask takes the runtime finds out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlightRestore {
    /// Which of the old subtasks.
    pub subtask: u32,
    /// How many there were.
    pub parallelism: u32,
    /// Where the bytes are.
    pub data: Arc<Blob>,
}

/// What a subtask takes over of one list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRestore {
    /// What happens to the items at another parallelism.
    pub redistribution: Redistribution,
    /// What the items are, if that is known.
    pub schema: Option<Arc<Schema>>,
    /// Another subtask has the same items and carries them along if no one registers the list.
    pub copy: bool,
    /// Where the items are.
    pub pieces: Vec<ListPiece>,
}

/// Items from one blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListPiece {
    /// Where their bytes are.
    pub blob: Arc<Blob>,
    /// Which bytes are an item each.
    pub items: Vec<ItemRange>,
}

/// The bytes of one item within a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemRange {
    /// The first byte.
    pub offset: u64,
    /// Number of bytes.
    pub len: u32,
}

/// What each subtask of an operator takes over, by index.
///
/// # Errors
/// `Invalid` when `max` is not the max parallelism of the checkpoint, or `parallelism` is larger.
pub fn redistribute(operator: &OperatorMetadata, max: MaxParallelism, parallelism: u32) -> Result<Vec<SubtaskRestore>> {
    check(operator, max, parallelism)?;
    let finished = !operator.finished.is_empty() && operator.finished.iter().all(|f| *f);
    let mut subtasks = vec![SubtaskRestore { finished, ..SubtaskRestore::default() }; parallelism as usize];
    for (index, subtask) in (0..).zip(&mut subtasks) {
        let range = max.range(index, parallelism);
        let keyed = operator.subtasks.iter().filter_map(|s| s.keyed.as_ref());
        subtask.keyed = keyed.filter(|k| k.range.intersects(range)).cloned().collect();
        subtask.states.clone_from(&operator.states);
    }
    if !finished {
        deal_out_in_flight(operator, max, &mut subtasks);
    }
    for (name, lists) in lists_by_name(operator) {
        deal_out(name, &lists, operator.parallelism == parallelism, &mut subtasks);
    }
    Ok(subtasks)
}

fn check(operator: &OperatorMetadata, max: MaxParallelism, parallelism: u32) -> Result<()> {
    if !operator.needs_max_parallelism() {
        return Ok(());
    }
    let name = &operator.name;
    let (was, wanted) = (operator.max_parallelism.get(), max.get());
    if was != wanted {
        return Err(Error::invalid(format!(
            "operator `{name}` has max parallelism {wanted}, and {was} in the checkpoint, which decides where its keys \
             are; set it to {was}, or give the operator another uid to start it with empty state"
        )));
    }
    if parallelism == 0 || parallelism > was {
        return Err(Error::invalid(format!(
            "operator `{name}` cannot have parallelism {parallelism}: its max parallelism is {was} in the checkpoint; \
             choose a parallelism from 1 to {was}, or give the operator another uid to start it with empty state"
        )));
    }
    Ok(())
}

/// While the parallelism stays, each subtask goes on with what was on its way to it. Otherwise it is given what was on
/// its way to every old subtask from which some of the records may come to it; at least one, which says how far event
/// time had come.
fn deal_out_in_flight(operator: &OperatorMetadata, max: MaxParallelism, subtasks: &mut [SubtaskRestore]) {
    let (was, is) = (operator.parallelism, subtasks.len() as u32);
    for (old, snapshot) in (0..).zip(&operator.subtasks) {
        let Some(in_flight) = &snapshot.in_flight else { continue };
        let data = Arc::new(in_flight.data.clone());
        let goes_to = |new: u32| match in_flight.dealing {
            _ if was == is => new == old,
            InFlightDealing::Keys if operator.max_parallelism == max => {
                max.range(old, was).intersects(max.range(new, is))
            }
            // Of other key groups there is no record, only event time.
            InFlightDealing::Keys | InFlightDealing::Rows => true,
            InFlightDealing::Whole => old % is == new || new % was == old,
        };
        for (_, subtask) in (0..).zip(&mut *subtasks).filter(|(new, _)| goes_to(*new)) {
            subtask.in_flight.push(InFlightRestore { subtask: old, parallelism: was, data: data.clone() });
        }
    }
}

/// A list as one old subtask left it.
struct OldList<'a> {
    subtask: usize,
    list: &'a ListSnapshot,
    blob: Arc<Blob>,
}

impl OldList<'_> {
    fn items(&self) -> impl Iterator<Item = ItemRange> {
        self.list.lengths.iter().scan(0, |offset, len| {
            let item = ItemRange { offset: *offset, len: *len };
            *offset += u64::from(*len);
            Some(item)
        })
    }

    fn all(&self) -> ListPiece {
        ListPiece { blob: self.blob.clone(), items: self.items().collect() }
    }
}

fn lists_by_name(operator: &OperatorMetadata) -> BTreeMap<&str, Vec<OldList<'_>>> {
    let mut by_name: BTreeMap<&str, Vec<OldList<'_>>> = BTreeMap::new();
    for (subtask, snapshot) in operator.subtasks.iter().enumerate() {
        for (name, list) in &snapshot.lists {
            let blob = Arc::new(list.items.clone());
            by_name.entry(name).or_default().push(OldList { subtask, list, blob });
        }
    }
    by_name
}

fn deal_out(name: &str, lists: &[OldList<'_>], same_parallelism: bool, subtasks: &mut [SubtaskRestore]) {
    let Some(first) = lists.first().map(|old| old.list) else { return };
    let redistribution = first.redistribution;
    let count = subtasks.len();
    let mut give = |subtask: usize, copy: bool, piece: ListPiece| {
        let Some(subtask) = subtasks.get_mut(subtask).filter(|_| !piece.items.is_empty()) else { return };
        let list = subtask.lists.entry(name.to_owned());
        list.or_insert_with(|| ListRestore { redistribution, schema: first.schema.clone(), copy, pieces: Vec::new() })
            .pieces
            .push(piece);
    };
    match redistribution {
        Redistribution::Split if same_parallelism => {
            lists.iter().for_each(|old| give(old.subtask, false, old.all()));
        }
        Redistribution::Split => {
            let mut next = 0;
            for old in lists {
                for subtask in 0..count {
                    // Item i of this blob goes to subtask (next + i) % count.
                    let first = (subtask + count - next) % count;
                    let items = old.items().skip(first).step_by(count).collect();
                    give(subtask, false, ListPiece { blob: old.blob.clone(), items });
                }
                next = (next + old.list.lengths.len()) % count;
            }
        }
        Redistribution::Union => {
            for subtask in 0..count {
                lists.iter().for_each(|old| give(subtask, subtask > 0, old.all()));
            }
        }
        Redistribution::Broadcast => {
            // Subtasks that had finished left no copy.
            for (subtask, old) in (0..count).zip(lists.iter().cycle()) {
                give(subtask, false, old.all());
            }
        }
    }
}

#[cfg(test)]
mod tests;
