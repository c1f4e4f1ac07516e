//! The encoding of rows is what it was.

use super::*;
use arrow_array::builder::FixedSizeBinaryBuilder;
use arrow_array::*;
use flott_core::schema::Unit;
use proptest::prelude::*;
use std::sync::Arc;

/// A column of each type with a value and none.
fn every_type() -> Vec<(ColumnType, ArrayRef)> {
    let mut fixed = FixedSizeBinaryBuilder::new(3);
    fixed.append_value([1, 2, 3]).unwrap();
    fixed.append_null();
    let stamp = TimestampMillisecondArray::from(vec![Some(-1), None]).with_timezone("UTC");
    let decimal = Decimal128Array::from(vec![Some(-12_345), None]).with_precision_and_scale(20, 2).unwrap();
    let long = "0123456789abcdefghijklmnopqrstuvwxyz";
    vec![
        (ColumnType::Bool, Arc::new(BooleanArray::from(vec![Some(true), None]))),
        (ColumnType::I8, Arc::new(Int8Array::from(vec![Some(-1), None]))),
        (ColumnType::I16, Arc::new(Int16Array::from(vec![Some(300), None]))),
        (ColumnType::I32, Arc::new(Int32Array::from(vec![Some(-5), None]))),
        (ColumnType::I64, Arc::new(Int64Array::from(vec![Some(7), None]))),
        (ColumnType::U8, Arc::new(UInt8Array::from(vec![Some(1), None]))),
        (ColumnType::U16, Arc::new(UInt16Array::from(vec![Some(300), None]))),
        (ColumnType::U32, Arc::new(UInt32Array::from(vec![Some(5), None]))),
        (ColumnType::U64, Arc::new(UInt64Array::from(vec![Some(u64::MAX), None]))),
        (ColumnType::F32, Arc::new(Float32Array::from(vec![Some(-1.5), None]))),
        (ColumnType::F64, Arc::new(Float64Array::from(vec![Some(1.5), None]))),
        (ColumnType::String, Arc::new(StringArray::from(vec![Some("flott"), None]))),
        (ColumnType::String, Arc::new(StringArray::from(vec![Some(long), Some("")]))),
        (ColumnType::Bytes, Arc::new(BinaryArray::from(vec![Some(&[255u8; 8][..]), None]))),
        (ColumnType::FixedBytes(3), Arc::new(fixed.finish())),
        (ColumnType::Date, Arc::new(Date32Array::from(vec![Some(19_000), None]))),
        (ColumnType::Time(Unit::Second), Arc::new(Time32SecondArray::from(vec![Some(1), None]))),
        (ColumnType::Time(Unit::Nanosecond), Arc::new(Time64NanosecondArray::from(vec![Some(1), None]))),
        (ColumnType::Timestamp(Unit::Millisecond, Some("UTC".to_owned())), Arc::new(stamp)),
        (
            ColumnType::Timestamp(Unit::Microsecond, None),
            Arc::new(TimestampMicrosecondArray::from(vec![Some(1), None])),
        ),
        (ColumnType::Decimal(20, 2), Arc::new(decimal)),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_encoding_is_pinned() {
    let mut found = Vec::new();
    for (kind, array) in every_type() {
        let codec = RowCodec::new(vec![Column::new("c", kind.clone())]).unwrap();
        let rows = codec.encode(std::slice::from_ref(&array)).unwrap();
        found.push(format!("{kind}: {} {}", hex(rows.row(0).data()), hex(rows.row(1).data())));
        assert_eq!(codec.decode(rows.iter().map(|row| row.data())).unwrap(), [array]);
    }
    assert_eq!(
        found, PINNED,
        "snapshots hold rows: what arrow-row does now is another encoding, with a version of its own"
    );
}

/// Each type with a value and without one.
const PINNED: &[&str] = &[
    "bool: 0101 0000",
    "i8: 017f 0000",
    "i16: 01812c 000000",
    "i32: 017ffffffb 0000000000",
    "i64: 018000000000000007 000000000000000000",
    "u8: 0101 0000",
    "u16: 01012c 000000",
    "u32: 0100000005 0000000000",
    "u64: 01ffffffffffffffff 000000000000000000",
    "f32: 01403fffff 0000000000",
    "f64: 01bff8000000000000 000000000000000000",
    "string: 02666c6f747400000005 00",
    "string: 023031323334353637ff3839616263646566ff6768696a6b6c6d6eff6f70717273747576\
     ff7778797a0000000000000000000000000000000000000000000000000000000004 01",
    "bytes: 02ffffffffffffffff08 00",
    "bytes(3): 01010203 00000000",
    "date: 0180004a38 0000000000",
    "time(s): 0180000001 0000000000",
    "time(ns): 018000000000000001 000000000000000000",
    "timestamp(ms, UTC): 017fffffffffffffff 000000000000000000",
    "timestamp(us): 018000000000000001 000000000000000000",
    "decimal(20, 2): 017fffffffffffffffffffffffffffcfc7 0000000000000000000000000000000000",
];

#[test]
fn what_is_no_row_is_corrupt() {
    let columns = |kinds: &[ColumnType]| kinds.iter().map(|kind| Column::new("c", kind.clone())).collect();
    let codec = RowCodec::new(columns(&[ColumnType::I16, ColumnType::String])).unwrap();
    let kind = |bytes: &[u8]| codec.decode([bytes]).map_err(|e| e.kind()).err();
    let text = |text: &[u8], used: u8| [&[1, 0, 0, 2], text, &[used]].concat();
    assert_eq!(kind(&text(b"abcd\0\0\0\0", 4)), None);
    let corrupt = Some(flott_core::ErrorKind::Corrupt);
    assert_eq!(kind(&text(b"ab\xFF\0\0\0\0\0", 3)), corrupt, "text is UTF-8");
    assert_eq!(kind(&text(b"abcd\0\0\0\0", 9)), corrupt, "a block has eight bytes");
    assert_eq!(kind(&text(b"abcdefgh", 255)), corrupt, "a block is missing");
    assert_eq!(kind(&[]), corrupt);
    assert_eq!(kind(&[1, 0, 0]), corrupt);
    assert_eq!(kind(&[2, 0, 0, 0]), corrupt);
    assert_eq!(kind(&[1, 0, 0, 0, 0]), corrupt, "something is left over");
    assert_eq!(RowCodec::new(Vec::new()).err().unwrap().kind(), flott_core::ErrorKind::Invalid);
    let newer = Schema::Row { version: ROW_VERSION + 1, columns: columns(&[ColumnType::I16]) };
    assert!(RowCodec::of(&newer).err().unwrap().message().contains("encoding 2"));
    let wrong: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    assert_eq!(codec.encode(&[wrong]).unwrap_err().kind(), flott_core::ErrorKind::Invalid);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(prop_oneof![0..4u8, any::<u8>(), Just(255)], 0..60)) {
        for kinds in [vec![ColumnType::String], vec![ColumnType::Bool, ColumnType::Bytes], vec![ColumnType::F32]] {
            let columns = kinds.into_iter().map(|kind| Column::new("c", kind)).collect();
            let _ = RowCodec::new(columns).unwrap().decode([&bytes[..]]);
        }
    }

    #[test]
    fn rows_are_their_columns(values in prop::collection::vec((any::<Option<i64>>(), any::<Option<String>>()), 1..20)) {
        let (numbers, texts): (Vec<_>, Vec<_>) = values.into_iter().unzip();
        let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(numbers)), Arc::new(StringArray::from(texts))];
        let kinds = [ColumnType::I64, ColumnType::String];
        let codec = RowCodec::new(kinds.into_iter().map(|kind| Column::new("c", kind)).collect()).unwrap();
        let mut rows = codec.encode(&columns).unwrap();
        prop_assert_eq!(&codec.decode(rows.iter().map(|row| row.data())).unwrap(), &columns);
        codec.encode_into(&columns, &mut rows).unwrap();
        prop_assert_eq!(codec.decode(rows.iter().map(|row| row.data())).unwrap(), columns);
    }
}
