//! The columns of a row that is kept as bytes ([`Schema::Row`](super::Schema::Row)): what a state that SQL keeps says of
//! itself.
//!
//! Only types are here whose encoding in a row is pinned (`flott_state::RowCodec`). More may be added; what one is called in
//! a snapshot never changes.

use arrow_schema::{DataType, Field, TimeUnit};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The encoding of rows: that of arrow-row 59, every column ascending with nulls first.
pub const ROW_VERSION: u32 = 1;

/// A column of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Column {
    /// The name.
    pub name: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Whether a row may have no value in it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub nullable: bool,
}

/// What a column of a row holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the scalars are called what they are")]
pub enum ColumnType {
    Bool,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F32,
    F64,
    String,
    Bytes,
    /// Always so many bytes.
    FixedBytes(i32),
    /// Days since 1970-01-01.
    Date,
    /// The time of a day, in this unit.
    Time(Unit),
    /// Time since 1970-01-01, in this unit; of that time zone, if one is named.
    Timestamp(Unit, Option<String>),
    /// A number of so many digits, so many of them behind the point.
    Decimal(u8, i8),
}

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "they are called what they are")]
pub enum Unit {
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
}

impl Column {
    /// A column that may have no value.
    pub fn new(name: impl Into<String>, kind: ColumnType) -> Column {
        Column { name: name.into(), kind, nullable: true }
    }

    /// Whether it reads what the other has written: it is the same, or may have no value where the other always had one.
    pub fn reads(&self, written: &Column) -> bool {
        self.name == written.name && self.kind == written.kind && (self.nullable || !written.nullable)
    }

    /// The column of a field of an Arrow schema; `None` if its type is not pinned.
    pub fn of(field: &Field) -> Option<Column> {
        let kind = ColumnType::of(field.data_type())?;
        Some(Column { name: field.name().clone(), kind, nullable: field.is_nullable() })
    }

    /// The column as a field of an Arrow schema.
    pub fn field(&self) -> Field {
        Field::new(&self.name, self.kind.data_type(), self.nullable)
    }
}

impl ColumnType {
    /// The type that Arrow calls so; `None` if its encoding is not pinned.
    pub fn of(data_type: &DataType) -> Option<ColumnType> {
        Some(match data_type {
            DataType::Boolean => ColumnType::Bool,
            DataType::Int8 => ColumnType::I8,
            DataType::Int16 => ColumnType::I16,
            DataType::Int32 => ColumnType::I32,
            DataType::Int64 => ColumnType::I64,
            DataType::UInt8 => ColumnType::U8,
            DataType::UInt16 => ColumnType::U16,
            DataType::UInt32 => ColumnType::U32,
            DataType::UInt64 => ColumnType::U64,
            DataType::Float32 => ColumnType::F32,
            DataType::Float64 => ColumnType::F64,
            DataType::Utf8 => ColumnType::String,
            DataType::Binary => ColumnType::Bytes,
            DataType::FixedSizeBinary(len) => ColumnType::FixedBytes(*len),
            DataType::Date32 => ColumnType::Date,
            DataType::Time32(unit @ (TimeUnit::Second | TimeUnit::Millisecond))
            | DataType::Time64(unit @ (TimeUnit::Microsecond | TimeUnit::Nanosecond)) => {
                ColumnType::Time(Unit::of(*unit))
            }
            DataType::Timestamp(unit, zone) => {
                ColumnType::Timestamp(Unit::of(*unit), zone.as_ref().map(|zone| zone.to_string()))
            }
            DataType::Decimal128(precision, scale) => ColumnType::Decimal(*precision, *scale),
            _ => return None,
        })
    }

    /// What Arrow calls it.
    pub fn data_type(&self) -> DataType {
        match self {
            ColumnType::Bool => DataType::Boolean,
            ColumnType::I8 => DataType::Int8,
            ColumnType::I16 => DataType::Int16,
            ColumnType::I32 => DataType::Int32,
            ColumnType::I64 => DataType::Int64,
            ColumnType::U8 => DataType::UInt8,
            ColumnType::U16 => DataType::UInt16,
            ColumnType::U32 => DataType::UInt32,
            ColumnType::U64 => DataType::UInt64,
            ColumnType::F32 => DataType::Float32,
            ColumnType::F64 => DataType::Float64,
            ColumnType::String => DataType::Utf8,
            ColumnType::Bytes => DataType::Binary,
            ColumnType::FixedBytes(len) => DataType::FixedSizeBinary(*len),
            ColumnType::Date => DataType::Date32,
            ColumnType::Time(unit @ (Unit::Second | Unit::Millisecond)) => DataType::Time32(unit.time_unit()),
            ColumnType::Time(unit) => DataType::Time64(unit.time_unit()),
            ColumnType::Timestamp(unit, zone) => {
                DataType::Timestamp(unit.time_unit(), zone.as_ref().map(|zone| zone.as_str().into()))
            }
            ColumnType::Decimal(precision, scale) => DataType::Decimal128(*precision, *scale),
        }
    }
}

impl Unit {
    fn of(unit: TimeUnit) -> Unit {
        match unit {
            TimeUnit::Second => Unit::Second,
            TimeUnit::Millisecond => Unit::Millisecond,
            TimeUnit::Microsecond => Unit::Microsecond,
            TimeUnit::Nanosecond => Unit::Nanosecond,
        }
    }

    fn time_unit(self) -> TimeUnit {
        match self {
            Unit::Second => TimeUnit::Second,
            Unit::Millisecond => TimeUnit::Millisecond,
            Unit::Microsecond => TimeUnit::Microsecond,
            Unit::Nanosecond => TimeUnit::Nanosecond,
        }
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}{}", self.name, self.kind, if self.nullable { "" } else { " not null" })
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ColumnType::Time(unit) => write!(f, "time({unit})"),
            ColumnType::Timestamp(unit, None) => write!(f, "timestamp({unit})"),
            ColumnType::Timestamp(unit, Some(zone)) => write!(f, "timestamp({unit}, {zone})"),
            ColumnType::Decimal(precision, scale) => write!(f, "decimal({precision}, {scale})"),
            ColumnType::FixedBytes(len) => write!(f, "bytes({len})"),
            ColumnType::String => f.write_str("string"),
            ColumnType::Bytes => f.write_str("bytes"),
            ColumnType::Date => f.write_str("date"),
            ColumnType::Bool => f.write_str("bool"),
            ColumnType::I8 => f.write_str("i8"),
            ColumnType::I16 => f.write_str("i16"),
            ColumnType::I32 => f.write_str("i32"),
            ColumnType::I64 => f.write_str("i64"),
            ColumnType::U8 => f.write_str("u8"),
            ColumnType::U16 => f.write_str("u16"),
            ColumnType::U32 => f.write_str("u32"),
            ColumnType::U64 => f.write_str("u64"),
            ColumnType::F32 => f.write_str("f32"),
            ColumnType::F64 => f.write_str("f64"),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unit::Second => "s",
            Unit::Millisecond => "ms",
            Unit::Microsecond => "us",
            Unit::Nanosecond => "ns",
        })
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Compatibility, Schema};

    #[test]
    fn rows_are_read_with_the_columns_they_were_written_with() {
        let row = |columns: &[Column]| Schema::row(columns.to_vec());
        let (a, b) = (Column::new("a", ColumnType::I64), Column::new("b", ColumnType::String));
        let strict = Column { nullable: false, ..a.clone() };
        assert_eq!(row(&[a.clone(), b.clone()]).can_read(&row(&[strict.clone(), b.clone()])), Compatibility::Same);
        let reasons = |reader: &Schema, writer: &Schema| match reader.can_read_key(writer) {
            Compatibility::Incompatible(reasons) => reasons.join("; "),
            other => panic!("{other:?}"),
        };
        let found = reasons(&row(std::slice::from_ref(&strict)), &row(&[a.clone(), b.clone()]));
        assert_eq!(
            found,
            "`key`: column 1 was `a: i64` and the job reads `a: i64 not null`; `key`: the job has no column 2, which was \
             `b: string`"
        );
        assert!(reasons(&row(&[b.clone(), a.clone()]), &row(&[a.clone(), b])).contains("column 2 was `b: string`"));
        assert_eq!(reasons(&Schema::Bytes, &row(&[a])), "`key`: it was a row of columns and the job reads bytes");
    }

    #[test]
    fn columns_are_fields_of_arrow_and_have_pinned_names() {
        let units = [Unit::Second, Unit::Millisecond, Unit::Microsecond, Unit::Nanosecond];
        let times = units.map(ColumnType::Time).into_iter();
        let stamps = units.map(|unit| ColumnType::Timestamp(unit, Some("UTC".to_owned())));
        let others = [ColumnType::Bool, ColumnType::Decimal(38, 2), ColumnType::FixedBytes(7), ColumnType::Date];
        for kind in times.chain(stamps).chain(others) {
            let column = Column::new("c", kind);
            assert_eq!(Column::of(&column.field()), Some(column));
        }
        assert_eq!(Column::of(&Field::new("c", DataType::Float16, true)), None);
        let pinned = [
            (Column::new("a", ColumnType::I64), r#"{"name":"a","type":"i64","nullable":true}"#),
            (
                Column { nullable: false, ..Column::new("b", ColumnType::Timestamp(Unit::Millisecond, None)) },
                r#"{"name":"b","type":{"timestamp":["millisecond",null]}}"#,
            ),
            (Column::new("c", ColumnType::Decimal(9, 2)), r#"{"name":"c","type":{"decimal":[9,2]},"nullable":true}"#),
        ];
        for (column, json) in pinned {
            assert_eq!(serde_json::to_string(&column).unwrap(), json);
            assert_eq!(serde_json::from_str::<Column>(json).unwrap(), column);
        }
        let json = serde_json::to_string(&Schema::row(vec![Column::new("a", ColumnType::I8)])).unwrap();
        assert_eq!(json, r#"{"row":{"version":1,"columns":[{"name":"a","type":"i8","nullable":true}]}}"#);
    }
}
