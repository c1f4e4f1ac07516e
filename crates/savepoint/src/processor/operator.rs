//! An operator of a savepoint: finding it and its states, and what rows each kind of state gives.

use super::lists::Lists;
use super::open::Savepoint;
use super::rows::{Rows, StateRow};
use crate::TableKind;
use crate::manifest::{OperatorEntry, StateEntry};
use flott_core::{Error, EventTime, OperatorId, ProcessingTime, Result, nearest};
use flott_state::TimerKind;
use serde::de::DeserializeOwned;

/// An operator of a savepoint, whose states are read.
///
/// Rows come in the order of the files, which are fetched one after the other and checked by their checksums. Memory stays
/// at about one file, of which those above 64 MiB lie in a temporary file. Types may have changed since the savepoint was
/// taken, as for a restored job; a state that they cannot read is refused before its first row, with both schemas. An
/// iterator ends after its first error.
#[derive(Clone, Copy)]
pub struct SavepointOperator<'s> {
    savepoint: &'s Savepoint,
    entry: &'s OperatorEntry,
}

impl<'s> SavepointOperator<'s> {
    pub(super) fn new(savepoint: &'s Savepoint, entry: &'s OperatorEntry) -> Self {
        SavepointOperator { savepoint, entry }
    }

    /// What the manifest says of it.
    pub fn entry(&self) -> &'s OperatorEntry {
        self.entry
    }

    /// A state that has one value for a key: value, reducing or aggregating state (its accumulator).
    ///
    /// # Errors
    /// `Invalid` when there is no such state, with those that there are; when it is of another kind, with the method
    /// that reads it; when `K` or `V` cannot read what was written, with both schemas. So for every method. Rows are
    /// `Corrupt` when a file is missing or damaged, and `Unavailable` when the store does not answer.
    pub fn values<K: DeserializeOwned, V: DeserializeOwned>(
        &self,
        state: &str,
    ) -> Result<impl Iterator<Item = Result<(K, V)>> + use<K, V>> {
        let rows = self.open::<K, (), (), V>(state, VALUES)?;
        Ok(rows.map(|row| row.map(|StateRow { key, value, .. }| (key, value))))
    }

    /// As [`SavepointOperator::values`], for state of windows and other namespaces: key, namespace, value.
    ///
    /// # Errors
    /// As [`SavepointOperator::values`].
    pub fn window_values<K: DeserializeOwned, N: DeserializeOwned, V: DeserializeOwned>(
        &self,
        state: &str,
    ) -> Result<impl Iterator<Item = Result<(K, N, V)>> + use<K, N, V>> {
        let rows = self.open::<K, N, (), V>(state, VALUES)?;
        Ok(rows.map(|row| row.map(|StateRow { key, namespace, value, .. }| (key, namespace, value))))
    }

    /// List state: the list of each key.
    ///
    /// # Errors
    /// As [`SavepointOperator::values`]. Elements of a list that another program has put out of order are `Corrupt`;
    /// [`SavepointOperator::rows`] reads them one by one.
    pub fn lists<K: DeserializeOwned + PartialEq, V: DeserializeOwned>(
        &self,
        state: &str,
    ) -> Result<impl Iterator<Item = Result<(K, Vec<V>)>> + use<K, V>> {
        let lists = Lists::new(self.open::<K, (), (), V>(state, &[TableKind::List])?);
        Ok(lists.map(|list| list.map(|(key, (), values)| (key, values))))
    }

    /// As [`SavepointOperator::lists`], for state of windows and other namespaces: key, namespace, list.
    ///
    /// # Errors
    /// As [`SavepointOperator::lists`].
    pub fn window_lists<K: DeserializeOwned + PartialEq, N: DeserializeOwned + PartialEq, V: DeserializeOwned>(
        &self,
        state: &str,
    ) -> Result<impl Iterator<Item = Result<(K, N, Vec<V>)>> + use<K, N, V>> {
        Ok(Lists::new(self.open::<K, N, (), V>(state, &[TableKind::List])?))
    }

    /// Map state, entry by entry: key, key in the map, value.
    ///
    /// # Errors
    /// As [`SavepointOperator::values`].
    pub fn maps<K: DeserializeOwned, M: DeserializeOwned, V: DeserializeOwned>(
        &self,
        state: &str,
    ) -> Result<impl Iterator<Item = Result<(K, M, V)>> + use<K, M, V>> {
        let rows = self.open::<K, (), M, V>(state, &[TableKind::Map])?;
        Ok(rows.map(|row| row.map(|StateRow { key, map_key, value, .. }| (key, map_key, value))))
    }

    /// Timers by event time: key, namespace (`()`, or the window), time. Those of process functions are called `user`, those
    /// of windows `window`; in the manifest the name has `_timers/event/` before it.
    ///
    /// # Errors
    /// As [`SavepointOperator::values`].
    pub fn event_timers<K: DeserializeOwned, N: DeserializeOwned>(
        &self,
        state: &str,
    ) -> Result<impl Iterator<Item = Result<(K, N, EventTime)>> + use<K, N>> {
        let rows = self.open::<K, N, (), ()>(state, &[TableKind::EventTimers])?;
        Ok(rows.map(|row| row.map(|StateRow { key, namespace, time, .. }| (key, namespace, EventTime(time)))))
    }

    /// Timers by the clock: key, namespace (`()`, or the window), time. They are called as those by event time, in the
    /// manifest with `_timers/processing/` before it.
    ///
    /// # Errors
    /// As [`SavepointOperator::values`].
    pub fn processing_timers<K: DeserializeOwned, N: DeserializeOwned>(
        &self,
        state: &str,
    ) -> Result<impl Iterator<Item = Result<(K, N, ProcessingTime)>> + use<K, N>> {
        let rows = self.open::<K, N, (), ()>(state, &[TableKind::ProcessingTimers])?;
        Ok(rows.map(|row| row.map(|StateRow { key, namespace, time, .. }| (key, namespace, ProcessingTime(time)))))
    }

    /// A list of the operator without keys: the items of all subtasks.
    ///
    /// # Errors
    /// As [`SavepointOperator::values`].
    pub fn operator_list<V: DeserializeOwned>(&self, state: &str) -> Result<impl Iterator<Item = Result<V>> + use<V>> {
        let rows = self.open::<(), (), (), V>(state, &[TableKind::OperatorList])?;
        Ok(rows.map(|row| row.map(|row| row.value)))
    }

    /// The entries of a broadcast state, once, although every subtask has a copy.
    ///
    /// # Errors
    /// As [`SavepointOperator::values`].
    pub fn broadcast<M: DeserializeOwned, V: DeserializeOwned>(
        &self,
        state: &str,
    ) -> Result<impl Iterator<Item = Result<(M, V)>> + use<M, V>> {
        let rows = self.open::<(), (), M, V>(state, &[TableKind::Broadcast])?;
        let mut first = None;
        let mut is_of_first = move |subtask| *first.get_or_insert(subtask) == subtask;
        let rows = rows.filter(move |row| row.as_ref().map_or(true, |row| is_of_first(row.group)));
        Ok(rows.map(|row| row.map(|StateRow { map_key, value, .. }| (map_key, value))))
    }

    /// Every row of a state of any kind, with all that a row has. What the state does not have is `()`.
    ///
    /// # Errors
    /// As [`SavepointOperator::values`].
    pub fn rows<K: DeserializeOwned, N: DeserializeOwned, M: DeserializeOwned, V: DeserializeOwned>(
        &self,
        state: &str,
    ) -> Result<Rows<K, N, M, V>> {
        self.open(state, ALL)
    }

    fn open<K: DeserializeOwned, N: DeserializeOwned, M: DeserializeOwned, V: DeserializeOwned>(
        &self,
        state: &str,
        kinds: &[TableKind],
    ) -> Result<Rows<K, N, M, V>> {
        let state = &self.entry.states[state_position(self.entry, state, kinds)?];
        let folder = self.savepoint.folder();
        let files = state.files.iter().map(|file| (folder.clone(), file.clone())).collect();
        Rows::open(self.savepoint.world(), place(self.entry, state), &state.table, files)
    }
}

const VALUES: &[TableKind] = &[TableKind::Value, TableKind::Reducing, TableKind::Aggregating];
pub(super) const ALL: &[TableKind] = &[
    TableKind::Value,
    TableKind::Reducing,
    TableKind::Aggregating,
    TableKind::List,
    TableKind::Map,
    TableKind::EventTimers,
    TableKind::ProcessingTimers,
    TableKind::OperatorList,
    TableKind::Broadcast,
];

/// Where something is, for errors.
pub(super) fn place(operator: &OperatorEntry, state: &StateEntry) -> String {
    format!("state `{}` of operator `{}`", state.name, operator_name(operator))
}

/// How an operator is called: by its uid, else by its id.
pub(super) fn operator_name(operator: &OperatorEntry) -> String {
    operator.uid.clone().unwrap_or_else(|| operator.id.to_string())
}

/// Which operator has this uid, or this id.
pub(super) fn position(operators: &[OperatorEntry], wanted: &str) -> Result<usize> {
    let by_uid = operators.iter().position(|operator| operator.uid.as_deref() == Some(wanted));
    let by_id = || {
        let ids = [Some(OperatorId::from_uid(wanted)), wanted.parse().ok()];
        operators.iter().position(|operator| ids.contains(&Some(operator.id)))
    };
    by_uid.or_else(by_id).ok_or_else(|| {
        if operators.is_empty() {
            return Error::invalid(format!("there is no operator `{wanted}`: the savepoint has none at all"));
        }
        let shown = |operator: &OperatorEntry| match &operator.uid {
            Some(uid) => format!("`{uid}`"),
            None => format!("`{}` ({}, without a uid)", operator.id, operator.name),
        };
        let all: Vec<String> = operators.iter().map(shown).collect();
        let hint = hint(wanted, operators.iter().filter_map(|operator| operator.uid.as_deref()));
        Error::invalid(format!(
            "the savepoint has no operator with the uid `{wanted}`{hint}; its operators are {}",
            all.join(", ")
        ))
    })
}

/// Which state has this name and one of these kinds.
pub(super) fn state_position(operator: &OperatorEntry, wanted: &str, kinds: &[TableKind]) -> Result<usize> {
    let find = |name: &str| {
        let is_wanted = |state: &StateEntry| state.name == name && kinds.contains(&state.table.kind);
        operator.states.iter().position(is_wanted)
    };
    let timers = || kinds.iter().find_map(|kind| find(&state_name(*kind, wanted)));
    find(wanted).or_else(timers).ok_or_else(|| {
        let own = operator_name(operator);
        if let Some(other) = operator.states.iter().find(|state| state.name == wanted) {
            let kind = other.table.kind;
            return Error::invalid(format!(
                "state `{wanted}` of operator `{own}` is of kind {}; `{}` reads it",
                kind_name(kind),
                method(kind)
            ));
        }
        if operator.states.is_empty() {
            return Error::invalid(format!("operator `{own}` has no state `{wanted}`: it has none at all"));
        }
        let shown = |state: &StateEntry| format!("`{}` ({})", state.name, kind_name(state.table.kind));
        let all: Vec<String> = operator.states.iter().map(shown).collect();
        let hint = hint(wanted, operator.states.iter().map(|state| state.name.as_str()));
        Error::invalid(format!("operator `{own}` has no state `{wanted}`{hint}; its states are {}", all.join(", ")))
    })
}

/// What a job calls a state of this kind: timers have a kind before the name that is theirs.
pub(super) fn state_name(kind: TableKind, name: &str) -> String {
    let timers = match kind {
        TableKind::EventTimers => TimerKind::EventTime,
        TableKind::ProcessingTimers => TimerKind::ProcessingTime,
        _ => return name.to_owned(),
    };
    let start = format!("_timers/{}/", timers.name());
    if name.starts_with(&start) { name.to_owned() } else { start + name }
}

fn hint<'n>(wanted: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    nearest(wanted, known).map(|name| format!(", did you mean `{name}`?")).unwrap_or_default()
}

/// A kind as the manifest calls it.
pub(super) fn kind_name(kind: TableKind) -> &'static str {
    match kind {
        TableKind::Value => "value",
        TableKind::Reducing => "reducing",
        TableKind::Aggregating => "aggregating",
        TableKind::List => "list",
        TableKind::Map => "map",
        TableKind::EventTimers => "event-timers",
        TableKind::ProcessingTimers => "processing-timers",
        TableKind::OperatorList => "operator-list",
        TableKind::Broadcast => "broadcast",
    }
}

/// What reads a kind.
fn method(kind: TableKind) -> &'static str {
    match kind {
        TableKind::Value | TableKind::Reducing | TableKind::Aggregating => "values",
        TableKind::List => "lists",
        TableKind::Map => "maps",
        TableKind::EventTimers => "event_timers",
        TableKind::ProcessingTimers => "processing_timers",
        TableKind::OperatorList => "operator_list",
        TableKind::Broadcast => "broadcast",
    }
}
