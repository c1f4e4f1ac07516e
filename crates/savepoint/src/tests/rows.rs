//! Tables of states whose keys and values are rows: their columns are those of the rows.

use super::tables::{columns, read, write};
use crate::{Chunk, Row, TableKind, TableReader, TableSchema, TableWriter};
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Int64Type, TimestampMillisecondType};
use arrow_array::*;
use arrow_schema::{Field, Schema as ArrowSchema};
use bytes::Bytes;
use flott_core::ErrorKind;
use flott_core::codec::to_bytes;
use flott_core::schema::{Column, ColumnType, Schema, Unit};
use flott_state::{BinaryRow, RowCodec};
use parquet::arrow::ArrowWriter;
use std::sync::Arc;

fn key_columns() -> Vec<Column> {
    vec![Column::new("user", ColumnType::String), Column::new("day", ColumnType::Date)]
}

fn value_columns() -> Vec<Column> {
    vec![
        Column { nullable: false, ..Column::new("count", ColumnType::I64) },
        Column::new("sum", ColumnType::Decimal(10, 2)),
        Column::new("last", ColumnType::Timestamp(Unit::Millisecond, None)),
        Column::new("key_user", ColumnType::Bool),
    ]
}

fn encoded(columns: Vec<Column>, arrays: &[ArrayRef]) -> Vec<Vec<u8>> {
    let rows = RowCodec::new(columns).unwrap().encode(arrays).unwrap();
    rows.iter().map(|row| to_bytes(&BinaryRow::from(row.data())).unwrap()).collect()
}

fn table() -> TableSchema {
    TableSchema::new(TableKind::Value, Schema::row(value_columns())).key(Schema::row(key_columns()))
}

/// Three rows.
fn chunk() -> Chunk {
    let users: ArrayRef = Arc::new(StringArray::from(vec![Some("ada"), Some(""), None]));
    let days: ArrayRef = Arc::new(Date32Array::from(vec![Some(1), None, Some(-1)]));
    let sums = Decimal128Array::from(vec![Some(1_250), None, Some(-1)]).with_precision_and_scale(10, 2).unwrap();
    let values: [ArrayRef; 4] = [
        Arc::new(Int64Array::from(vec![3, i64::MAX, i64::MIN])),
        Arc::new(sums),
        Arc::new(TimestampMillisecondArray::from(vec![Some(5_000), Some(-1), None])),
        Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
    ];
    let (keys, values) = (encoded(key_columns(), &[users, days]), encoded(value_columns(), &values));
    let mut chunk = Chunk::new();
    for (group, (key, value)) in keys.iter().zip(&values).enumerate() {
        chunk.push(Row { group: group as u32, key, value, ..Row::default() });
    }
    chunk
}

#[test]
fn rows_have_typed_columns_and_come_back() {
    let (file, _) = write(&table(), &chunk());
    let (names, batch) = columns(file.clone());
    let expected = [
        "key_group: UInt16",
        "key_user: Utf8",
        "key_day: Date32",
        "count: Int64",
        "sum: Decimal128(10, 2)",
        "last: Timestamp(ms)",
        "value_key_user: Boolean",
    ];
    assert_eq!(names, expected);
    assert_eq!(batch["key_user"].as_string::<i32>().iter().collect::<Vec<_>>(), [Some("ada"), Some(""), None]);
    assert_eq!(batch["key_day"].as_primitive::<Date32Type>().value(2), -1);
    assert_eq!(batch["count"].as_primitive::<Int64Type>().values(), &[3, i64::MAX, i64::MIN]);
    assert_eq!(batch["sum"].as_primitive::<Decimal128Type>().value(0), 1_250);
    assert_eq!(batch["last"].as_primitive::<TimestampMillisecondType>().value(1), -1);
    assert_eq!(read(file.clone()), chunk());
    assert_eq!(TableReader::open(file).unwrap().table(), &table());
}

#[test]
fn maps_and_stamps_of_rows_come_back() {
    let map = TableSchema::new(TableKind::Map, Schema::row(value_columns()));
    let map = map.key(Schema::row(key_columns())).map_key(Schema::row(key_columns())).stamped(true);
    let mut rows = Chunk::new();
    for (n, row) in chunk().iter().enumerate() {
        rows.push(Row { map_key: row.key, time: n as i64, ..row });
    }
    let (file, _) = write(&map, &rows);
    assert_eq!(columns(file.clone()).0[3..5], ["map_key_user: Utf8", "map_key_day: Date32"]);
    assert_eq!(read(file), rows);
}

#[test]
fn what_is_no_row_is_refused() {
    let mut writer = TableWriter::new(&table(), Vec::new()).unwrap();
    let bytes = to_bytes(&BinaryRow::from(&[1u8, 2, 3][..])).unwrap();
    writer.write_row(Row { key: &bytes, value: &bytes, ..Row::default() }).unwrap();
    assert_eq!(writer.finish().err().unwrap().kind(), ErrorKind::Corrupt);
    let newer = Schema::Row { version: 2, columns: key_columns() };
    let newer = TableSchema::new(TableKind::Value, Schema::Unit).key(newer);
    assert_eq!(TableWriter::new(&newer, Vec::new()).err().unwrap().kind(), ErrorKind::Invalid);
}

/// A file as another program writes it.
fn foreign(columns: Vec<(Field, ArrayRef)>) -> Bytes {
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    let schema = Arc::new(ArrowSchema::new(fields));
    let mut writer = ArrowWriter::try_new(Vec::new(), schema.clone(), None).unwrap();
    writer.write(&RecordBatch::try_new(schema, arrays).unwrap()).unwrap();
    Bytes::from(writer.into_inner().unwrap())
}

#[test]
fn files_of_other_programs_are_read() {
    let (file, _) = write(&table(), &chunk());
    let (_, batch) = columns(file);
    let of = |batch: &RecordBatch, change: &dyn Fn(&str, ArrayRef) -> ArrayRef| {
        let schema = batch.schema();
        let all = schema.fields().iter().map(|field| {
            let array = change(field.name(), batch[field.name().as_str()].clone());
            (Field::new(field.name(), array.data_type().clone(), true), array)
        });
        foreign(all.collect())
    };
    let micros = of(&batch, &|name, array| match name {
        "last" => Arc::new(TimestampMicrosecondArray::from(vec![Some(5_000_000), Some(-1), None])),
        _ => array,
    });
    let reader = |file| TableReader::open_as(file, &table(), None).unwrap().next_chunk();
    assert_eq!(reader(micros).unwrap().unwrap(), chunk());
    let wrong_type = of(&batch, &|name, array| match name {
        "count" => Arc::new(Int32Array::from(vec![1, 2, 3])),
        _ => array,
    });
    let error = reader(wrong_type).unwrap_err();
    assert_eq!(error.message(), "column `count` is of type Int32 instead of Int64");
    let absent = of(&batch, &|name, array| match name {
        "count" => Arc::new(Int64Array::from(vec![None, Some(1), Some(2)])),
        _ => array,
    });
    assert_eq!(reader(absent).unwrap_err().message(), "column `count` has rows without a value");
    let far = of(&batch, &|name, array| match name {
        "last" => Arc::new(TimestampSecondArray::from(vec![i64::MAX, 0, 0])),
        _ => array,
    });
    let error = reader(far).unwrap_err();
    assert!(error.message().contains("`last`"), "{error}");
}
