//! The columns of a table: which there are, what they are called, and which part of a row they hold.
//!
//! In this order: `key_group` (or `subtask`), the key, the namespace, the map key, `position`, the time, the value. A
//! part that is a struct is spread over a column for each field. The rules of names are in `docs/savepoints.md`.

use crate::column::{Names, Shape};
use arrow_schema::{DataType, Field, Schema as ArrowSchema, TimeUnit};
use flott_core::Result;
use flott_core::schema::Schema;
use flott_state::RowCodec;
use flott_state::canonical::{Part, TableKind, TableSchema};
use std::sync::Arc;

/// The name of serde for the windows of time whose bounds are shown as times.
const TIME_WINDOW: &str = "TimeWindow";

/// The columns of a table.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub columns: Vec<LayoutColumn>,
    pub arrow: Arc<ArrowSchema>,
}

#[derive(Clone, Debug)]
pub(crate) struct LayoutColumn {
    pub name: String,
    pub holds: Holds,
}

/// What a column holds of a row.
#[derive(Clone, Debug)]
pub(crate) enum Holds {
    /// The key group, as `u16`.
    KeyGroup,
    /// The subtask, as `u32`.
    Subtask,
    Position,
    /// The row's time.
    Time,
    /// The row's time in milliseconds, where it is too far away for SQL.
    TimeMs,
    /// The next value of a part.
    Value(Part, Shape),
    /// The column of this number of a part that is a row.
    Cell(Part, Arc<RowCodec>, usize),
    /// The next value of a part, which is a time.
    Moment(Part),
    /// The time of the column before in milliseconds, where it is too far away for SQL.
    MomentMs(Part),
}

impl Layout {
    /// # Errors
    /// `Corrupt` when a schema is broken; `Limit` when it is too large.
    pub fn new(table: &TableSchema) -> Result<Layout> {
        let mut adding = Adding::default();
        if table.kind.is_keyed() {
            adding.add("key_group", Holds::KeyGroup);
        } else {
            adding.add("subtask", Holds::Subtask);
        }
        adding.part(Part::Key, &table.key, "key", "key_")?;
        adding.namespace(&table.namespace)?;
        let map_key = if table.kind == TableKind::Broadcast { ("key", "key_") } else { ("map_key", "map_key_") };
        adding.part(Part::MapKey, &table.map_key, map_key.0, map_key.1)?;
        if table.kind.has_position() {
            adding.add("position", Holds::Position);
        }
        if table.kind.is_timers() {
            adding.add("time", Holds::Time);
            adding.add("time_ms", Holds::TimeMs);
        } else if table.stamped {
            adding.add("last_access", Holds::Time);
            adding.add("last_access_ms", Holds::TimeMs);
        }
        adding.part(Part::Value, &table.value, "value", "")?;
        let columns = adding.columns;
        let fields: Vec<Field> = columns.iter().map(LayoutColumn::field).collect();
        Ok(Layout { columns, arrow: Arc::new(ArrowSchema::new(fields)) })
    }
}

impl LayoutColumn {
    fn field(&self) -> Field {
        let timestamp = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
        match &self.holds {
            Holds::KeyGroup => Field::new(&self.name, DataType::UInt16, false),
            Holds::Subtask | Holds::Position => Field::new(&self.name, DataType::UInt32, false),
            Holds::Time | Holds::Moment(_) => Field::new(&self.name, timestamp, true),
            Holds::TimeMs | Holds::MomentMs(_) => Field::new(&self.name, DataType::Int64, true),
            Holds::Value(_, shape) => shape.field(&self.name),
            Holds::Cell(_, codec, n) => codec.columns()[*n].field().with_name(&self.name),
        }
    }
}

#[derive(Default)]
struct Adding {
    columns: Vec<LayoutColumn>,
    names: Names,
}

impl Adding {
    fn add(&mut self, name: &str, holds: Holds) {
        let name = self.names.unique(name);
        self.columns.push(LayoutColumn { name, holds });
    }

    /// The columns of a part: one called `alone`, or one for each field with `prefix` before its name.
    fn part(&mut self, part: Part, schema: &Schema, alone: &str, prefix: &str) -> Result<()> {
        if let Schema::Row { .. } = schema {
            let codec = Arc::new(RowCodec::of(schema)?);
            for (n, column) in codec.columns().iter().enumerate() {
                self.field(&column.name, alone, prefix, Holds::Cell(part, codec.clone(), n));
            }
            return Ok(());
        }
        match Shape::of(schema)? {
            Shape::Unit => {}
            Shape::Struct(fields) => {
                for (name, shape) in fields {
                    self.field(&name, alone, prefix, Holds::Value(part, shape));
                }
            }
            shape => self.add(alone, Holds::Value(part, shape)),
        }
        Ok(())
    }

    /// The column of a field.
    fn field(&mut self, name: &str, alone: &str, prefix: &str, holds: Holds) {
        let is_numbered = name.strip_prefix('_').is_some_and(|n| n.parse::<usize>().is_ok());
        let name = if prefix.is_empty() && (is_numbered || self.names.has(name)) {
            format!("{alone}_{}", name.trim_start_matches('_'))
        } else if is_numbered {
            format!("{prefix}{}", name.trim_start_matches('_'))
        } else {
            format!("{prefix}{name}")
        };
        self.add(&name, holds);
    }

    fn namespace(&mut self, schema: &Schema) -> Result<()> {
        let is_time = |schema: &Schema| *schema.without_newtypes() == Schema::I64;
        match schema.without_newtypes() {
            Schema::Struct { name, fields } if name == TIME_WINDOW && fields.iter().all(|f| is_time(&f.schema)) => {
                for field in fields {
                    self.add(&format!("window_{}", field.name), Holds::Moment(Part::Namespace));
                    self.add(&format!("window_{}_ms", field.name), Holds::MomentMs(Part::Namespace));
                }
                Ok(())
            }
            _ => self.part(Part::Namespace, schema, "namespace", "namespace_"),
        }
    }
}

/// Farther from 1970 than this, in milliseconds, a time does not fit into the microseconds that SQL engines count in.
const FAR_MS: i64 = i64::MAX / 1000;

/// A time as its two columns.
pub(crate) fn split_time(ms: i64) -> (Option<i64>, Option<i64>) {
    if (-FAR_MS..=FAR_MS).contains(&ms) { (Some(ms), None) } else { (None, Some(ms)) }
}
