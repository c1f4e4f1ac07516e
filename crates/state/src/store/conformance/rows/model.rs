//! What the states should hold, and the rows that are used.

use crate::keyed::RowCodec;
use arrow_array::{ArrayRef, Int64Array, StringArray};
use flott_core::schema::{Column, ColumnType};
use flott_core::{Error, Result};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Different keys.
const KEYS: i64 = 80;
/// Different rows of a key's map.
const MAP_KEYS: i64 = 6;
/// How long values of the state with TTL live.
pub(super) const TTL: Duration = Duration::from_millis(50);

/// What the states should hold, as bytes of rows.
#[derive(Clone, Default)]
pub(super) struct Model {
    pub values: BTreeMap<Vec<u8>, Vec<u8>>,
    pub maps: BTreeMap<(Vec<u8>, Vec<u8>), Vec<u8>>,
    /// With the times of their last change.
    pub timed: BTreeMap<Vec<u8>, (i64, Vec<u8>)>,
    pub now: i64,
}

impl Model {
    /// The value of the state with TTL, unless it has expired.
    pub fn timed(&self, key: &[u8]) -> Option<&[u8]> {
        let ttl = TTL.as_millis() as i64;
        self.timed.get(key).filter(|(stamp, _)| *stamp > self.now - ttl).map(|(_, value)| value.as_slice())
    }
}

/// The columns of keys.
pub(super) fn key_columns() -> Vec<Column> {
    vec![Column::new("id", ColumnType::I64), Column::new("region", ColumnType::String)]
}

/// The columns of values.
pub(super) fn value_columns() -> Vec<Column> {
    vec![Column { nullable: false, ..Column::new("sum", ColumnType::I64) }, Column::new("note", ColumnType::String)]
}

/// The columns of the keys of maps.
pub(super) fn map_key_columns() -> Vec<Column> {
    vec![Column::new("row", ColumnType::I64)]
}

/// Rows as bytes.
pub(super) type Rows = Vec<Vec<u8>>;

/// The keys and the keys of maps.
pub(super) fn keys() -> Result<(Rows, Rows)> {
    let numbers = |count: i64| Arc::new(Int64Array::from_iter((0..count).map(|n| (n != 3).then_some(n)))) as ArrayRef;
    // Some take memory of their own, and some do not.
    let region = |n: i64| if n % 2 == 0 { None } else { Some("x".repeat((n % 5) as usize * 9)) };
    let regions: ArrayRef = Arc::new(StringArray::from_iter((0..KEYS).map(region)));
    let keys = all(&RowCodec::new(key_columns())?, &[numbers(KEYS), regions])?;
    Ok((keys, all(&RowCodec::new(map_key_columns())?, &[numbers(MAP_KEYS)])?))
}

fn all(codec: &RowCodec, columns: &[ArrayRef]) -> Result<Rows> {
    Ok(codec.encode(columns)?.iter().map(|row| row.data().to_vec()).collect())
}

/// Any value.
pub(super) fn value(chance: &mut fastrand::Rng) -> Result<Vec<u8>> {
    let note = chance.bool().then(|| "y".repeat(chance.usize(0..40)));
    let columns: [ArrayRef; 2] =
        [Arc::new(Int64Array::from(vec![chance.i64(..)])), Arc::new(StringArray::from(vec![note]))];
    Ok(RowCodec::new(value_columns())?.encode(&columns)?.row(0).data().to_vec())
}

/// Whether what was found is what should be there.
pub(super) fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::internal(format!("{what}: {found:?} was found instead of {expected:?}")))
}
