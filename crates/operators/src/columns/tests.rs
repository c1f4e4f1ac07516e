//! Tests of the columnar operators: each against its typed counterpart.

use super::*;
use crate::harness::{Harness, Out};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt64Type};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Int32Array, Int64Array, LargeStringArray, RecordBatch, StringArray,
    StringViewArray, TimestampMillisecondArray, UInt64Array,
};
use flott_api::Router;
use flott_core::{Batch, Columns, EventTime, KeyHash, MaxParallelism, Result};
use std::sync::Arc;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

/// Columns, kinds and times.
type Taken = (RecordBatch, Option<Vec<u8>>, Option<Vec<i64>>);

fn taken(h: &mut Harness) -> Vec<Taken> {
    let columns = |out| match out {
        Out::Rows(batch) => {
            let (columns, times) = batch.into_columns().unwrap();
            (columns.batch, columns.kinds, times.map(|t| t.into_iter().map(|t| t.0).collect()))
        }
        other => panic!("{other:?}"),
    };
    h.take_all().into_iter().map(columns).collect()
}

/// Keeps rows whose first column is even; null is not.
fn even(batch: &RecordBatch) -> Result<BooleanArray> {
    Ok(batch.column(0).as_primitive::<Int64Type>().iter().map(|v| v.map(|v| v % 2 == 0)).collect())
}

#[test]
fn filter_keeps_rows_with_their_kinds_and_times() {
    let mut h = Harness::new(ColumnsFilter::new(even));
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), Some(2), None, Some(4), Some(5)]));
    let names: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c", "d", "e"]));
    let columns = Columns { batch: batch(vec![("n", numbers), ("name", names)]), kinds: Some(vec![0, 1, 2, 3, 0]) };
    let times = (10..15).map(EventTime).collect();
    h.send(0, Batch::columns(columns, Some(times))).unwrap();
    let mut kept = taken(&mut h);
    let (batch, kinds, times) = kept.remove(0);
    assert_eq!(batch.column(1).as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["b", "d"]);
    assert_eq!((kinds.unwrap(), times.unwrap()), (vec![1, 3], vec![11, 13]));
}

#[test]
fn filter_of_all_or_none() {
    let mut h = Harness::new(ColumnsFilter::new(even));
    let send = |h: &mut Harness, numbers: Vec<i64>| {
        let columns = Columns::inserts(batch(vec![("n", Arc::new(Int64Array::from(numbers)))]));
        h.send(0, Batch::columns(columns, None)).unwrap();
        taken(h).iter().map(|(batch, ..)| batch.num_rows()).collect::<Vec<_>>()
    };
    assert_eq!(send(&mut h, vec![1, 3]), [] as [usize; 0]);
    assert_eq!(send(&mut h, vec![2, 4]), [2]);
    assert_eq!(send(&mut h, vec![]), [] as [usize; 0]);
    let mut h = Harness::new(ColumnsFilter::new(|_: &RecordBatch| Ok(BooleanArray::from(vec![true]))));
    let columns = Columns::inserts(batch(vec![("n", Arc::new(Int64Array::from(vec![1, 2])))]));
    assert!(h.send(0, Batch::columns(columns, None)).unwrap_err().to_string().contains("1 values for 2 rows"));
}

fn routes(columns: Vec<(&str, ArrayRef)>, keys: Vec<usize>) -> Vec<u32> {
    let mut channels = vec![99];
    let batch = Batch::columns(Columns::inserts(batch(columns)), None);
    ColumnsRouter::new(keys).route(&batch, max(), 7, &mut channels).unwrap();
    channels
}

fn max() -> MaxParallelism {
    MaxParallelism::new(128).unwrap()
}

fn owners<K: serde::Serialize>(keys: impl IntoIterator<Item = K>) -> Vec<u32> {
    keys.into_iter().map(|key| max().owner(max().key_group(KeyHash::of(&key)), 7)).collect()
}

#[test]
fn rows_go_where_typed_rows_with_the_same_key_go() {
    let numbers = -20..20i64;
    assert_eq!(
        routes(vec![("k", Arc::new(Int64Array::from_iter_values(numbers.clone())))], vec![0]),
        owners(numbers.clone())
    );
    let unsigned = 0..40u64;
    assert_eq!(
        routes(vec![("k", Arc::new(UInt64Array::from_iter_values(unsigned.clone())))], vec![0]),
        owners(unsigned)
    );
    let narrow: ArrayRef = Arc::new(Int32Array::from_iter_values(-20..20));
    assert_eq!(routes(vec![("k", narrow)], vec![0]), owners(numbers.clone()), "of any width");
    let times: ArrayRef = Arc::new(TimestampMillisecondArray::from_iter_values(numbers.clone()));
    assert_eq!(routes(vec![("k", times)], vec![0]), owners(numbers));
    let texts = ["a", "flott", "", "übung"];
    for column in [
        Arc::new(StringArray::from_iter_values(texts)) as ArrayRef,
        Arc::new(LargeStringArray::from_iter_values(texts)),
        Arc::new(StringViewArray::from_iter_values(texts)),
        Arc::new(BinaryArray::from_iter_values(texts)),
    ] {
        assert_eq!(routes(vec![("k", column)], vec![0]), owners(texts));
    }
    let flags: ArrayRef = Arc::new(BooleanArray::from(vec![true, false]));
    assert_eq!(routes(vec![("k", flags)], vec![0]), owners([true, false]));
}

#[test]
fn several_key_columns_are_a_tuple_and_null_is_a_key() {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..30));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..30).map(|n| format!("t{n}"))));
    let columns = vec![("n", numbers), ("v", texts.clone()), ("t", texts)];
    let typed = (0..30i64).map(|n| (format!("t{n}"), n));
    assert_eq!(routes(columns, vec![2, 0]), owners(typed));
    let nullable: ArrayRef = Arc::new(Int64Array::from(vec![Some(5), None]));
    assert_eq!(routes(vec![("k", nullable)], vec![0]), [owners([5i64]), owners([None::<i64>])].concat());
}

#[test]
fn columns_that_cannot_be_keys_are_refused() {
    let floats: ArrayRef = Arc::new(arrow_array::Float64Array::from(vec![1.0]));
    let batch = Batch::columns(Columns::inserts(batch(vec![("x", floats)])), None);
    let route = |column| ColumnsRouter::new([column]).route(&batch, max(), 2, &mut Vec::new()).unwrap_err().to_string();
    assert!(route(0).contains("cannot be a key"));
    assert!(route(3).contains("column 3"));
}

#[test]
fn running_count_is_that_of_typed_rows() {
    let keys = [7u64, 8, 7, 7, 9, 8];
    let mut h = Harness::new(ColumnsCount::<UInt64Type>::new(1));
    let columns = batch(vec![
        ("x", Arc::new(StringArray::from(vec!["x"; 6]))),
        ("k", Arc::new(UInt64Array::from_iter_values(keys))),
    ]);
    let times: Vec<EventTime> = (0..6).map(EventTime).collect();
    h.send(0, Batch::columns(Columns::inserts(columns.clone()), Some(times))).unwrap();
    h.send(0, Batch::columns(Columns::inserts(columns.slice(0, 1)), None)).unwrap();
    let counted = taken(&mut h);
    let of = |n: usize, column: usize| counted[n].0.column(column).as_primitive::<UInt64Type>().values().to_vec();
    assert_eq!((of(0, 0), of(0, 1)), (keys.to_vec(), vec![1, 1, 2, 3, 1, 2]));
    assert_eq!(of(1, 1), [4]);
    assert_eq!(counted[0].2, Some(vec![0, 1, 2, 3, 4, 5]));
    assert_eq!(counted[0].0.schema().field(1).name(), "count");
    assert_eq!(h.entries(), 3);
}

#[test]
fn running_count_refuses_nulls_other_types_and_changelogs() {
    let send = |columns: Columns| {
        let mut h = Harness::new(ColumnsCount::<Int64Type>::new(0));
        h.send(0, Batch::columns(columns, None)).unwrap_err().to_string()
    };
    let one = |column: ArrayRef| batch(vec![("k", column)]);
    assert!(send(Columns::inserts(one(Arc::new(Int64Array::from(vec![None]))))).contains("null"));
    assert!(send(Columns::inserts(one(Arc::new(UInt64Array::from(vec![1]))))).contains("UInt64"));
    let changelog = Columns { batch: one(Arc::new(Int64Array::from(vec![1]))), kinds: Some(vec![3]) };
    assert!(send(changelog).contains("inserts only"));
}
