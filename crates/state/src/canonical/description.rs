//! What a snapshot says about a state of keyed state.

use super::{TableKind, TableSchema};
use crate::keyed::{PartNumber, StateShape};
use flott_core::schema::{Field, Schema};
use serde::{Deserialize, Serialize};

/// A keyed state: its name, its kind, and the schemas of what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StateDescription {
    /// The name, one of a kind in its operator.
    pub name: String,
    /// What it holds.
    #[serde(flatten)]
    pub table: TableSchema,
    /// How long values live, in milliseconds, if they have a time to live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<u64>,
    /// Of a list: whether its entries are parts of it, as those that Flott writes are, or each is a whole list.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub parts: bool,
}

/// The schemas of the three parts of an entry of keyed state, as its table holds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntrySchema {
    pub key: Schema,
    pub namespace: Schema,
    pub value: Schema,
}

impl StateDescription {
    /// What the state `name` is, given how its table looks.
    pub(crate) fn new(name: &str, shape: StateShape, entry: EntrySchema, ttl_ms: Option<u64>) -> StateDescription {
        let EntrySchema { key, namespace, value } = entry;
        let (kind, timed) = match shape {
            StateShape::Table | StateShape::Timers | StateShape::Index => (TableKind::Value, false),
            StateShape::Value { timed } | StateShape::WholeMap { timed } => (TableKind::Value, timed),
            StateShape::List { timed } | StateShape::ListParts { timed } => (TableKind::List, timed),
            StateShape::Map { timed } => (TableKind::Map, timed),
        };
        let kind = timers_kind(name).unwrap_or(kind);
        let parts = matches!(shape, StateShape::ListParts { .. });
        let mut table = TableSchema::new(kind, Schema::Unit).key(key).stamped(timed);
        match kind {
            TableKind::Map => (table.map_key, table.value) = (namespace, unwrapped(value, timed)),
            // The namespace is the number of the part.
            TableKind::List if parts => {
                let part = unwrapped(value, timed);
                table.value = element(last_field(part));
            }
            TableKind::List => {
                table.value = element(unwrapped(value, timed));
                table.namespace = namespace;
            }
            // (time, namespace)
            TableKind::EventTimers | TableKind::ProcessingTimers => table.namespace = second(namespace),
            _ => (table.namespace, table.value) = (namespace, unwrapped(value, timed)),
        }
        StateDescription { name: name.to_owned(), table, ttl_ms, parts }
    }

    /// The schemas of an entry of the state's table.
    pub(crate) fn entry(&self) -> EntrySchema {
        let TableSchema { kind, key, namespace, map_key, value, stamped } = self.table.clone();
        let (namespace, value) = match kind {
            TableKind::Map => (map_key, wrapped(value, stamped)),
            TableKind::List if self.parts => (Schema::of::<PartNumber>(), part(value, stamped)),
            TableKind::List => (namespace, list(value, stamped)),
            TableKind::EventTimers | TableKind::ProcessingTimers => {
                (Schema::Tuple(vec![Schema::I64, namespace]), Schema::Unit)
            }
            _ => (namespace, wrapped(value, stamped)),
        };
        EntrySchema { key, namespace, value }
    }

    /// How the state's table looks.
    pub(crate) fn shape(&self) -> StateShape {
        let timed = self.table.stamped;
        match self.table.kind {
            TableKind::List if self.parts => StateShape::ListParts { timed },
            TableKind::List => StateShape::List { timed },
            TableKind::Map => StateShape::Map { timed },
            TableKind::EventTimers | TableKind::ProcessingTimers => StateShape::Table,
            _ => StateShape::Value { timed },
        }
    }
}

/// The kind of timers that a state of this name holds.
fn timers_kind(name: &str) -> Option<TableKind> {
    let kind = name.strip_prefix("_timers/")?.split('/').next()?;
    match kind {
        "event" => Some(TableKind::EventTimers),
        "processing" => Some(TableKind::ProcessingTimers),
        _ => None,
    }
}

/// Of a value with a stamp the value.
fn unwrapped(schema: Schema, timed: bool) -> Schema {
    match schema {
        Schema::Struct { mut fields, .. } if timed && !fields.is_empty() => fields.swap_remove(0).schema,
        other => other,
    }
}

fn element(schema: Schema) -> Schema {
    match schema {
        Schema::Seq(of) => *of,
        other => other,
    }
}

fn last_field(schema: Schema) -> Schema {
    match schema {
        Schema::Struct { mut fields, .. } => fields.pop().map_or(Schema::Unit, |field| field.schema),
        other => other,
    }
}

fn second(schema: Schema) -> Schema {
    match schema {
        Schema::Tuple(mut parts) if parts.len() == 2 => parts.swap_remove(1),
        other => other,
    }
}

fn field(name: &str, schema: Schema) -> Field {
    Field { name: name.to_owned(), aliases: Vec::new(), schema, optional: false }
}

fn wrapped(value: Schema, timed: bool) -> Schema {
    if !timed {
        return value;
    }
    Schema::Struct { name: "Stamped".to_owned(), fields: vec![field("value", value), field("stamp", Schema::I64)] }
}

fn list(value: Schema, timed: bool) -> Schema {
    let values = Schema::Seq(Box::new(value));
    if !timed {
        return values;
    }
    let stamps = Schema::Seq(Box::new(Schema::I64));
    Schema::Struct { name: "StampedList".to_owned(), fields: vec![field("values", values), field("stamps", stamps)] }
}

/// A part of a list.
fn part(value: Schema, timed: bool) -> Schema {
    let values = Schema::Seq(Box::new(value));
    let numbers = [field("first", Schema::U32), field("parts", Schema::U32)];
    let fields = numbers.into_iter().chain([field("values", values)]).collect();
    let part = Schema::Struct { name: "ListPart".to_owned(), fields };
    if !timed {
        return part;
    }
    let stamps = Schema::Seq(Box::new(Schema::I64));
    Schema::Struct { name: "StampedPart".to_owned(), fields: vec![field("part", part), field("stamps", stamps)] }
}
