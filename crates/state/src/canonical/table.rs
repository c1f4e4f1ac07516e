//! What a table holds: kind of state and the schemas of its parts. It is stored in the manifest and in every file.

use flott_core::schema::Schema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The kind of a state, which says what a row of its table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableKind {
    /// One value for a key and namespace.
    Value,
    /// The one value for a key into which all that is added is reduced.
    Reducing,
    /// The accumulator of a key.
    Aggregating,
    /// An element of a list.
    List,
    /// An entry of a map.
    Map,
    /// A timer by event time.
    EventTimers,
    /// A timer by the clock.
    ProcessingTimers,
    /// An item of a list that belongs to a subtask and not to a key.
    OperatorList,
    /// An entry of a map that every subtask has.
    Broadcast,
}

impl fmt::Display for TableKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TableKind::Value => "value",
            TableKind::Reducing => "reducing",
            TableKind::Aggregating => "aggregating",
            TableKind::List => "list",
            TableKind::Map => "map",
            TableKind::EventTimers => "timers by event time",
            TableKind::ProcessingTimers => "timers by the clock",
            TableKind::OperatorList => "operator list",
            TableKind::Broadcast => "broadcast",
        })
    }
}

impl TableKind {
    /// Whether rows belong to keys.
    pub fn is_keyed(self) -> bool {
        !matches!(self, TableKind::OperatorList | TableKind::Broadcast)
    }

    /// Whether rows are timers.
    pub fn is_timers(self) -> bool {
        matches!(self, TableKind::EventTimers | TableKind::ProcessingTimers)
    }

    /// Whether a row has a place among others.
    pub fn has_position(self) -> bool {
        matches!(self, TableKind::List | TableKind::OperatorList)
    }
}

/// What a table holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TableSchema {
    /// The kind of state.
    pub kind: TableKind,
    /// Of the key; unit for operator state.
    #[serde(default = "unit", skip_serializing_if = "is_unit")]
    pub key: Schema,
    /// Of the namespace; unit if there is none.
    #[serde(default = "unit", skip_serializing_if = "is_unit")]
    pub namespace: Schema,
    /// Of the keys of a map; unit for other kinds.
    #[serde(default = "unit", skip_serializing_if = "is_unit")]
    pub map_key: Schema,
    /// Of the value, element or value of an entry; unit for timers.
    #[serde(default = "unit", skip_serializing_if = "is_unit")]
    pub value: Schema,
    /// Whether rows carry the time of their last access, because the state has a time to live.
    #[serde(default, skip_serializing_if = "is_false")]
    pub stamped: bool,
}

fn unit() -> Schema {
    Schema::Unit
}

fn is_unit(schema: &Schema) -> bool {
    *schema == Schema::Unit
}

fn is_false(value: &bool) -> bool {
    !value
}

impl TableSchema {
    /// A table of this kind with nothing but a value.
    pub fn new(kind: TableKind, value: Schema) -> TableSchema {
        let unit = Schema::Unit;
        TableSchema { kind, key: unit.clone(), namespace: unit.clone(), map_key: unit, value, stamped: false }
    }

    /// With keys of this schema.
    #[must_use]
    pub fn key(self, key: Schema) -> TableSchema {
        TableSchema { key, ..self }
    }

    /// With namespaces of this schema.
    #[must_use]
    pub fn namespace(self, namespace: Schema) -> TableSchema {
        TableSchema { namespace, ..self }
    }

    /// With map keys of this schema.
    #[must_use]
    pub fn map_key(self, map_key: Schema) -> TableSchema {
        TableSchema { map_key, ..self }
    }

    /// With the time of the last access.
    #[must_use]
    pub fn stamped(self, stamped: bool) -> TableSchema {
        TableSchema { stamped, ..self }
    }
}
