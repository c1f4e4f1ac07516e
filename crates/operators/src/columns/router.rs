//! Routing of Arrow columns by key. A row goes where a typed row with the same key would go.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{
    Array, BinaryArray, BooleanArray, LargeStringArray, PrimitiveArray, RecordBatch, StringArray, StringViewArray,
};
use arrow_schema::{DataType, TimeUnit};
use flott_api::Router;
use flott_core::{Batch, Error, KeyHash, MaxParallelism, Payload, Result};
use serde::ser::{Serialize, SerializeTuple, Serializer};

/// Routes rows by the key in some of their columns: one column is a key of its value, several are a tuple. Integers,
/// booleans, text, bytes, dates and timestamps (as their integers) are keys; null is a key of its own.
#[derive(Clone, Debug)]
pub struct ColumnsRouter {
    columns: Vec<usize>,
}

impl ColumnsRouter {
    /// Routes by the columns at these positions.
    pub fn new(columns: impl Into<Vec<usize>>) -> Self {
        ColumnsRouter { columns: columns.into() }
    }

    fn key_columns<'a>(&self, batch: &'a RecordBatch) -> Result<Vec<KeyColumn<'a>>> {
        self.columns.iter().map(|n| KeyColumn::of(batch, *n)).collect()
    }
}

impl Router for ColumnsRouter {
    fn route(&self, batch: &Batch, max: MaxParallelism, parallelism: u32, channels: &mut Vec<u32>) -> Result<()> {
        let Payload::Columns(columns) = batch.payload() else {
            return Err(Error::internal("a router of Arrow columns is given typed rows"));
        };
        let owners = max.owners(parallelism);
        let owner = move |hash| owners.of(hash);
        channels.clear();
        let keys = self.key_columns(&columns.batch)?;
        match keys.as_slice() {
            // The two types that keys mostly have, without a branch per row.
            [KeyColumn::Int64(column)] if column.null_count() == 0 => {
                channels.extend(column.values().iter().map(move |key| owner(KeyHash::of(key))));
            }
            [KeyColumn::UInt64(column)] if column.null_count() == 0 => {
                channels.extend(column.values().iter().map(move |key| owner(KeyHash::of(key))));
            }
            [column] => channels.extend((0..columns.len()).map(|row| owner(KeyHash::of(&Cell { column, row })))),
            keys => channels.extend((0..columns.len()).map(|row| owner(KeyHash::of(&RowKey { columns: keys, row })))),
        }
        Ok(())
    }
}

/// A column that can be a key, cast once per batch.
enum KeyColumn<'a> {
    Int8(&'a PrimitiveArray<Int8Type>),
    Int16(&'a PrimitiveArray<Int16Type>),
    Int32(&'a PrimitiveArray<Int32Type>),
    Int64(&'a PrimitiveArray<Int64Type>),
    UInt8(&'a PrimitiveArray<UInt8Type>),
    UInt16(&'a PrimitiveArray<UInt16Type>),
    UInt32(&'a PrimitiveArray<UInt32Type>),
    UInt64(&'a PrimitiveArray<UInt64Type>),
    Date32(&'a PrimitiveArray<Date32Type>),
    Date64(&'a PrimitiveArray<Date64Type>),
    Second(&'a PrimitiveArray<TimestampSecondType>),
    Millisecond(&'a PrimitiveArray<TimestampMillisecondType>),
    Microsecond(&'a PrimitiveArray<TimestampMicrosecondType>),
    Nanosecond(&'a PrimitiveArray<TimestampNanosecondType>),
    Boolean(&'a BooleanArray),
    Utf8(&'a StringArray),
    LargeUtf8(&'a LargeStringArray),
    Utf8View(&'a StringViewArray),
    Binary(&'a BinaryArray),
}

impl<'a> KeyColumn<'a> {
    fn of(batch: &'a RecordBatch, n: usize) -> Result<Self> {
        if n >= batch.num_columns() {
            return Err(Error::invalid(format!("the key is in column {n} and there are {}", batch.num_columns())));
        }
        let column = batch.column(n);
        Ok(match column.data_type() {
            DataType::Int8 => KeyColumn::Int8(column.as_primitive()),
            DataType::Int16 => KeyColumn::Int16(column.as_primitive()),
            DataType::Int32 => KeyColumn::Int32(column.as_primitive()),
            DataType::Int64 => KeyColumn::Int64(column.as_primitive()),
            DataType::UInt8 => KeyColumn::UInt8(column.as_primitive()),
            DataType::UInt16 => KeyColumn::UInt16(column.as_primitive()),
            DataType::UInt32 => KeyColumn::UInt32(column.as_primitive()),
            DataType::UInt64 => KeyColumn::UInt64(column.as_primitive()),
            DataType::Date32 => KeyColumn::Date32(column.as_primitive()),
            DataType::Date64 => KeyColumn::Date64(column.as_primitive()),
            DataType::Timestamp(TimeUnit::Second, _) => KeyColumn::Second(column.as_primitive()),
            DataType::Timestamp(TimeUnit::Millisecond, _) => KeyColumn::Millisecond(column.as_primitive()),
            DataType::Timestamp(TimeUnit::Microsecond, _) => KeyColumn::Microsecond(column.as_primitive()),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => KeyColumn::Nanosecond(column.as_primitive()),
            DataType::Boolean => KeyColumn::Boolean(column.as_boolean()),
            DataType::Utf8 => KeyColumn::Utf8(column.as_string()),
            DataType::LargeUtf8 => KeyColumn::LargeUtf8(column.as_string()),
            DataType::Utf8View => KeyColumn::Utf8View(column.as_string_view()),
            DataType::Binary => KeyColumn::Binary(column.as_binary()),
            other => {
                return Err(Error::invalid(format!(
                    "column {n} is of type {other}, which cannot be a key; use integers, text, bytes, dates or timestamps"
                )));
            }
        })
    }

    fn serialize<S: Serializer>(&self, row: usize, serializer: S) -> Result<S::Ok, S::Error> {
        macro_rules! cell {
            ($array:expr) => {
                if $array.is_null(row) { serializer.serialize_none() } else { $array.value(row).serialize(serializer) }
            };
        }
        match self {
            KeyColumn::Int8(array) => cell!(array),
            KeyColumn::Int16(array) => cell!(array),
            KeyColumn::Int32(array) => cell!(array),
            KeyColumn::Int64(array) => cell!(array),
            KeyColumn::UInt8(array) => cell!(array),
            KeyColumn::UInt16(array) => cell!(array),
            KeyColumn::UInt32(array) => cell!(array),
            KeyColumn::UInt64(array) => cell!(array),
            KeyColumn::Date32(array) => cell!(array),
            KeyColumn::Date64(array) => cell!(array),
            KeyColumn::Second(array) => cell!(array),
            KeyColumn::Millisecond(array) => cell!(array),
            KeyColumn::Microsecond(array) => cell!(array),
            KeyColumn::Nanosecond(array) => cell!(array),
            KeyColumn::Boolean(array) => cell!(array),
            KeyColumn::Utf8(array) => cell!(array),
            KeyColumn::LargeUtf8(array) => cell!(array),
            KeyColumn::Utf8View(array) => cell!(array),
            // Bytes, not a sequence of numbers.
            KeyColumn::Binary(array) if !array.is_null(row) => serializer.serialize_bytes(array.value(row)),
            KeyColumn::Binary(_) => serializer.serialize_none(),
        }
    }
}

/// One value, in the form in which it is hashed.
struct Cell<'a> {
    column: &'a KeyColumn<'a>,
    row: usize,
}

impl Serialize for Cell<'_> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.column.serialize(self.row, serializer)
    }
}

/// A key of several columns, in the form in which a tuple is hashed.
struct RowKey<'a> {
    columns: &'a [KeyColumn<'a>],
    row: usize,
}

impl Serialize for RowKey<'_> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(self.columns.len())?;
        for column in self.columns {
            tuple.serialize_element(&Cell { column, row: self.row })?;
        }
        tuple.end()
    }
}
