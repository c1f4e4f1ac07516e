//! What becomes of each state when a job is restored, said before anything runs. Pure.

use super::OperatorMetadata;
use crate::canonical::{StateDescription, TableKind};
use crate::snapshot::Redistribution;
use flott_core::schema::{Compatibility, Schema, side_by_side};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The states that an operator of a job registers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobStates {
    /// Keyed states.
    pub keyed: Vec<Arc<StateDescription>>,
    /// Lists and broadcast maps by name: how they are dealt out, and what their items are.
    pub lists: BTreeMap<String, (Redistribution, Option<Arc<Schema>>)>,
}

/// What becomes of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateFate {
    /// It is taken over as it is.
    Kept,
    /// It is taken over, and read as the types of today; what has changed, one sentence each.
    Migrated(Vec<String>),
    /// The job registers it, and it was not there.
    New,
    /// The job does not register it any more. It stays in the job's checkpoints, and nobody reads it.
    Dropped,
    /// It cannot be taken over: why, and both schemas.
    Incompatible(String),
}

/// What becomes of one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateReport {
    /// Its name.
    pub name: String,
    /// What kind of state it is.
    pub kind: TableKind,
    /// What becomes of it.
    pub fate: StateFate,
}

/// What becomes of the states of an operator whose job registers `job`.
pub fn compare_states(found: &OperatorMetadata, job: &JobStates) -> Vec<StateReport> {
    let mut reports = Vec::new();
    let is_described = !found.states.is_empty() || found.subtasks.iter().all(|subtask| subtask.keyed.is_none());
    for state in &job.keyed {
        let was = found.states.iter().find(|was| was.name == state.name);
        let fate = match was {
            Some(was) => keyed_fate(was, state),
            None if found.states.iter().any(|was| is_other_form(was, state)) => StateFate::Kept,
            // Earlier Flotts did not say what there was; the types that wrote it read it.
            None if !is_described => StateFate::Kept,
            None => StateFate::New,
        };
        reports.push(StateReport { name: state.name.clone(), kind: state.table.kind, fate });
    }
    let is_taken =
        |was: &StateDescription, state: &StateDescription| state.name == was.name || is_other_form(was, state);
    let was_dropped = |was: &&Arc<StateDescription>| job.keyed.iter().all(|state| !is_taken(was, state));
    reports.extend(found.states.iter().filter(was_dropped).map(|was| StateReport {
        name: was.name.clone(),
        kind: was.table.kind,
        fate: StateFate::Dropped,
    }));
    let mut lists = BTreeMap::new();
    for (name, list) in found.subtasks.iter().flat_map(|subtask| &subtask.lists) {
        lists.entry(name).or_insert((list.redistribution, list.schema.as_deref()));
    }
    for (name, (redistribution, schema)) in &job.lists {
        let fate = match lists.remove(name) {
            None => StateFate::New,
            Some(was) => list_fate(was, (*redistribution, schema.as_deref())),
        };
        reports.push(StateReport { name: name.clone(), kind: list_kind(*redistribution), fate });
    }
    // Those of the runtime, such as a source's splits, are registered by no one and taken over by it.
    let is_own = |name: &str| name.starts_with('_');
    reports.extend(lists.into_iter().map(|(name, (redistribution, _))| StateReport {
        name: name.clone(),
        kind: list_kind(redistribution),
        fate: if is_own(name) { StateFate::Kept } else { StateFate::Dropped },
    }));
    reports
}

/// Whether one is a part of the other: what an operator keeps in one state on the heap it may keep in several on a store,
/// called `_parts/STATE/PART`. It reads both.
fn is_other_form(was: &StateDescription, is: &StateDescription) -> bool {
    let is_part = |part: &str, whole: &str| {
        let name = part.strip_prefix("_parts/").and_then(|name| name.rsplit_once('/'));
        name.is_some_and(|(of, _)| of == whole)
    };
    is_part(&was.name, &is.name) || is_part(&is.name, &was.name)
}

fn keyed_fate(was: &StateDescription, is: &StateDescription) -> StateFate {
    // A list is taken over whether it was written in parts or not.
    let whole = |state: &StateDescription| StateDescription { parts: false, ..state.clone() };
    let shape = |state: &StateDescription| whole(state).shape().with_stamps(false);
    if !shape(is).takes(shape(was)) || was.table.kind.is_timers() != is.table.kind.is_timers() {
        return StateFate::Incompatible(format!(
            "it is {} and the job registers {}; register it as it was written, or under another name to start it empty",
            shape(was),
            shape(is)
        ));
    }
    let (was_table, is_table) = (&was.table, &is.table);
    let mut changes = Vec::new();
    let parts = [
        ("key", is_table.key.can_read_key(&was_table.key), &was_table.key, &is_table.key),
        ("namespace", is_table.namespace.can_read(&was_table.namespace), &was_table.namespace, &is_table.namespace),
        ("map key", is_table.map_key.can_read(&was_table.map_key), &was_table.map_key, &is_table.map_key),
        ("value", is_table.value.can_read(&was_table.value), &was_table.value, &is_table.value),
    ];
    for (part, compatibility, was, is) in parts {
        match compatibility {
            Compatibility::Same => {}
            Compatibility::Migrated(more) => changes.extend(more),
            Compatibility::Incompatible(reasons) => return incompatible(part, &reasons, was, is),
        }
    }
    match (was_table.stamped, is_table.stamped) {
        (false, true) => changes.push("it gets a time to live, which begins with the restore".to_owned()),
        (true, false) => changes.push("its time to live ends".to_owned()),
        _ => {}
    }
    if changes.is_empty() { StateFate::Kept } else { StateFate::Migrated(changes) }
}

fn list_fate(
    (was_dealt, was): (Redistribution, Option<&Schema>),
    (is_dealt, is): (Redistribution, Option<&Schema>),
) -> StateFate {
    let is_broadcast = |r| r == Redistribution::Broadcast;
    if is_broadcast(was_dealt) != is_broadcast(is_dealt) {
        return StateFate::Incompatible(
            "one of the two is broadcast state and the other a list; register it as it was written, or under another name"
                .to_owned(),
        );
    }
    let (Some(was), Some(is)) = (was, is) else { return StateFate::Kept };
    match is.can_read(was) {
        Compatibility::Same => StateFate::Kept,
        Compatibility::Migrated(changes) => StateFate::Migrated(changes),
        Compatibility::Incompatible(reasons) => incompatible("item", &reasons, was, is),
    }
}

fn incompatible(part: &str, reasons: &[String], was: &Schema, is: &Schema) -> StateFate {
    StateFate::Incompatible(format!(
        "its {part} cannot be read:\n- {}\n{}",
        reasons.join("\n- "),
        side_by_side(("written", was), ("the job's type", is)).trim_end()
    ))
}

fn list_kind(redistribution: Redistribution) -> TableKind {
    if redistribution == Redistribution::Broadcast { TableKind::Broadcast } else { TableKind::OperatorList }
}

impl fmt::Display for StateReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = format!("{} `{}`", self.kind, self.name);
        match &self.fate {
            StateFate::Kept => write!(f, "kept         {state}"),
            StateFate::Migrated(changes) => write!(f, "migrated     {state}: {}", changes.join("; ")),
            StateFate::New => write!(f, "new          {state}: starts empty"),
            StateFate::Dropped => {
                write!(f, "dropped      {state}: the job does not register it; it stays in checkpoints, unread")
            }
            StateFate::Incompatible(why) => {
                write!(f, "incompatible {state}: {}", why.replace('\n', "\n               "))
            }
        }
    }
}
