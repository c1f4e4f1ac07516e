//! Columns to rows and back: what the bytes of a [`super::BinaryRow`] are.
//!
//! Version 1 is what arrow-row 59 writes with every column ascending and nulls first. Arrow does not promise that it stays
//! so; a test below pins it. One column follows the other, and begins with 0 if there is no value:
//!
//! ```text
//! numbers, times    1, then the number, highest byte first, the sign flipped; of a negative float all other bits too
//! bool              1, then 0 or 1
//! fixed bytes       1, then the bytes                         where there is no value, bytes of 0 stand in its place
//! text, bytes       1 if there are none; else 2, then blocks of 8, 8, 8, 8, 32, 32 and so on, each with a byte behind it:
//!                   255 if another one follows, else how much of the block is in use       no value: the 0 is all
//! ```
//!
//! arrow-row takes bytes for its own and panics if they are not, so they are looked over before they are decoded.

use arrow_array::ArrayRef;
use arrow_row::{RowConverter, Rows, SortField};
use flott_core::schema::{Column, ColumnType, ROW_VERSION, Schema};
use flott_core::{Error, Result};

/// Blocks of text, in bytes: the first four, and the others.
const BLOCKS: [usize; 2] = [8, 32];
const SHORT_BLOCKS: usize = 4;
const ANOTHER_BLOCK: u8 = 255;

/// Encodes and decodes rows of the same columns.
///
/// ```
/// # use flott_core::schema::{Column, ColumnType};
/// # use flott_state::keyed::RowCodec;
/// # fn main() -> flott_core::Result<()> {
/// use arrow_array::{ArrayRef, Int64Array};
/// use std::sync::Arc;
///
/// let codec = RowCodec::new(vec![Column::new("id", ColumnType::I64)])?;
/// let ids: ArrayRef = Arc::new(Int64Array::from(vec![Some(7), None]));
/// let rows = codec.encode(std::slice::from_ref(&ids))?;
/// assert_eq!(codec.decode(rows.iter().map(|row| row.data()))?, [ids]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct RowCodec {
    columns: Vec<Column>,
    converter: RowConverter,
}

impl RowCodec {
    /// For rows of these columns, at least one.
    ///
    /// # Errors
    /// `Invalid` when there are none.
    pub fn new(columns: Vec<Column>) -> Result<RowCodec> {
        if columns.is_empty() {
            return Err(Error::invalid(
                "a row needs a column; keep a value of another type where nothing is to be told",
            ));
        }
        let fields = columns.iter().map(|column| SortField::new(column.kind.data_type())).collect();
        let converter = RowConverter::new(fields)
            .map_err(|e| Error::internal("arrow-row does not encode a type that is pinned").with_source(e))?;
        Ok(RowCodec { columns, converter })
    }

    /// For rows of a schema.
    ///
    /// # Errors
    /// `Invalid` when the schema is not one of rows, or of an encoding that this Flott does not know.
    pub fn of(schema: &Schema) -> Result<RowCodec> {
        match schema {
            Schema::Row { version: ROW_VERSION, columns } => RowCodec::new(columns.clone()),
            Schema::Row { version, .. } => Err(Error::invalid(format!(
                "rows have encoding {version} and this Flott knows {ROW_VERSION}; read them with the one that wrote them"
            ))),
            other => Err(Error::internal(format!("rows are read where the schema is {other}"))),
        }
    }

    /// The columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The rows of these columns. A row's bytes are `rows.row(n).data()`.
    ///
    /// # Errors
    /// `Invalid` when there are more or fewer columns, or of other types.
    pub fn encode(&self, columns: &[ArrayRef]) -> Result<Rows> {
        self.converter.convert_columns(columns).map_err(|e| unfit(&e))
    }

    /// As [`RowCodec::encode`], into rows that were made by it, whose memory is used again.
    ///
    /// # Errors
    /// As [`RowCodec::encode`].
    pub fn encode_into(&self, columns: &[ArrayRef], rows: &mut Rows) -> Result<()> {
        rows.clear();
        self.converter.append(rows, columns).map_err(|e| unfit(&e))
    }

    /// The columns of rows.
    ///
    /// # Errors
    /// `Corrupt` when bytes are not a row.
    pub fn decode<'r>(&self, rows: impl IntoIterator<Item = &'r [u8]>) -> Result<Vec<ArrayRef>> {
        let (parser, mut text) = (self.converter.parser(), Vec::new());
        let mut parsed = Vec::new();
        for row in rows {
            self.check(row, &mut text).ok_or_else(|| {
                Error::corrupt("bytes are not a row of the columns that their schema says; restore an older snapshot")
            })?;
            parsed.push(row);
        }
        let parsed = parsed.into_iter().map(|row| parser.parse(row));
        self.converter.convert_rows(parsed).map_err(|e| Error::corrupt("rows cannot be decoded").with_source(e))
    }

    /// Goes over a row; `None` if it is not one. `text` is memory that is used again.
    fn check(&self, mut row: &[u8], text: &mut Vec<u8>) -> Option<()> {
        for column in &self.columns {
            let tag = *row.split_off_first()?;
            match width(&column.kind) {
                Some(width) => {
                    row.split_off(..width)?;
                    (tag <= 1).then_some(())?;
                }
                None if tag <= 1 => {}
                None => {
                    (tag == 2).then_some(())?;
                    text.clear();
                    take_blocks(&mut row, text)?;
                    if column.kind == ColumnType::String {
                        std::str::from_utf8(text).ok()?;
                    }
                }
            }
        }
        row.is_empty().then_some(())
    }
}

/// Takes text from the front of a row.
fn take_blocks(row: &mut &[u8], text: &mut Vec<u8>) -> Option<()> {
    for n in 0.. {
        let size = BLOCKS[usize::from(n >= SHORT_BLOCKS)];
        let block = row.split_off(..size)?;
        match *row.split_off_first()? {
            ANOTHER_BLOCK => text.extend_from_slice(block),
            used => {
                text.extend_from_slice(block.get(..usize::from(used))?);
                break;
            }
        }
    }
    Some(())
}

/// How many bytes follow the first one of a column; `None` if that is not always the same.
fn width(kind: &ColumnType) -> Option<usize> {
    match kind {
        ColumnType::String | ColumnType::Bytes => None,
        ColumnType::Bool => Some(1),
        ColumnType::FixedBytes(len) => Some(usize::try_from(*len).unwrap_or_default()),
        other => other.data_type().primitive_width(),
    }
}

fn unfit(error: &arrow_schema::ArrowError) -> Error {
    Error::invalid(format!("columns are not those of the rows: {error}"))
}

#[cfg(test)]
mod tests;
