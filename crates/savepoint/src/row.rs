//! A part that is a row, from its columns.

use crate::layout::{Holds, Layout};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, RecordBatch, make_array};
use arrow_row::Rows;
use arrow_schema::{DataType, TimeUnit};
use flott_core::schema::Column;
use flott_core::{Error, Result};
use flott_state::RowCodec;
use flott_state::canonical::Part;

impl Layout {
    /// The rows of a part in a batch.
    ///
    /// # Errors
    /// `Corrupt` when a column is missing or not what it should be.
    pub fn rows(&self, part: Part, codec: &RowCodec, batch: &RecordBatch) -> Result<Rows> {
        let cells = self.columns.iter().filter_map(|column| match &column.holds {
            Holds::Cell(of, codec, n) if *of == part => Some((&column.name, &codec.columns()[*n])),
            _ => None,
        });
        let arrays = cells.map(|(name, column)| {
            let wrong = |why: String| Error::corrupt(format!("column `{name}` {why}"));
            let array = batch.column_by_name(name).ok_or_else(|| wrong("is missing".to_owned()))?;
            cell(column, array).map_err(wrong)
        });
        codec.encode(&arrays.collect::<Result<Vec<_>>>()?)
    }
}

/// An array of the type of its column.
fn cell(column: &Column, array: &ArrayRef) -> Result<ArrayRef, String> {
    let (wanted, found) = (column.kind.data_type(), array.data_type());
    if !column.nullable && array.null_count() > 0 {
        return Err("has rows without a value".to_owned());
    }
    match (&wanted, found) {
        (wanted, found) if wanted == found => Ok(array.clone()),
        // Other programs write times in microseconds.
        (DataType::Timestamp(to, _), DataType::Timestamp(from, _)) => {
            let wrong = |_| "holds a time that is too far away".to_owned();
            let numbers = array.to_data().into_builder().data_type(DataType::Int64).build().map_err(wrong)?;
            let numbers = make_array(numbers);
            let (to, from) = (per_second(*to), per_second(*from));
            let scaled = numbers.as_primitive::<Int64Type>().try_unary::<_, Int64Type, _>(|time| match to >= from {
                true => time.checked_mul(to / from).ok_or_else(|| "holds a time that is too far away".to_owned()),
                false => Ok(time.div_euclid(from / to)),
            })?;
            let times = scaled.into_data().into_builder().data_type(wanted).build().map_err(wrong)?;
            Ok(make_array(times))
        }
        _ => Err(format!("is of type {found} instead of {wanted}")),
    }
}

fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}
