//! Reading a table from its Parquet file.

use crate::column::Column;
use crate::layout::{Holds, Layout};
use crate::writer::TABLE_KEY;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt16Type, UInt32Type};
use arrow_array::{
    Array, Int64Array, PrimitiveArray, RecordBatch, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray,
};
use arrow_row::Rows;
use arrow_schema::{DataType, TimeUnit};
use flott_core::schema::wire::{Malformed, put_bytes, put_signed};
use flott_core::{Error, KeyGroup, KeyGroupRange, Result};
use flott_state::canonical::{Chunk, Part, TableSchema};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::ChunkReader;
use parquet::file::statistics::Statistics;

/// Rows that come at a time.
const BATCH_ROWS: usize = 8 * 1024;

/// Gives out the rows of a table as they were written, in chunks of some thousand. Memory stays at about one row group.
pub struct TableReader {
    table: TableSchema,
    layout: Layout,
    batches: ParquetRecordBatchReader,
    /// Key groups outside of it are left out.
    range: Option<KeyGroupRange>,
}

impl TableReader {
    /// Opens a file: `std::fs::File` or `bytes::Bytes`.
    ///
    /// # Errors
    /// `Corrupt` when it is not a file of a savepoint.
    pub fn open(file: impl ChunkReader + 'static) -> Result<TableReader> {
        Self::open_with(file, None, None)
    }

    /// As [`TableReader::open`], for the rows of these key groups alone.
    ///
    /// # Errors
    /// As [`TableReader::open`].
    pub fn open_groups(file: impl ChunkReader + 'static, range: KeyGroupRange) -> Result<TableReader> {
        Self::open_with(file, None, Some(range))
    }

    /// As [`TableReader::open`], for a file of which the manifest says what it holds. It may have been written by another
    /// program, as long as its columns are of the same types. If `range` is set, only rows of those key groups come.
    ///
    /// # Errors
    /// As [`TableReader::open`].
    pub fn open_as(
        file: impl ChunkReader + 'static,
        table: &TableSchema,
        range: Option<KeyGroupRange>,
    ) -> Result<TableReader> {
        Self::open_with(file, Some(table.clone()), range)
    }

    fn open_with(
        file: impl ChunkReader + 'static,
        table: Option<TableSchema>,
        range: Option<KeyGroupRange>,
    ) -> Result<TableReader> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| read_error(&e))?;
        let table = match table {
            Some(table) => table,
            None => {
                let entries = builder.metadata().file_metadata().key_value_metadata();
                let entry = entries.and_then(|entries| entries.iter().find(|entry| entry.key == TABLE_KEY));
                let text = entry.and_then(|entry| entry.value.as_deref()).ok_or_else(|| {
                    Error::corrupt("the file is no table of a savepoint: it does not say what it holds")
                })?;
                serde_json::from_str(text)
                    .map_err(|e| Error::corrupt(format!("what the file says that it holds cannot be read: {e}")))?
            }
        };
        let layout = Layout::new(&table)?;
        let wanted: Vec<usize> = match range {
            None => (0..builder.metadata().num_row_groups()).collect(),
            Some(range) => {
                let holds_some = |group: &RowGroupMetaData| groups_of(group).is_none_or(|own| own.intersects(range));
                let groups = builder.metadata().row_groups().iter().enumerate();
                groups.filter(|(_, group)| holds_some(group)).map(|(n, _)| n).collect()
            }
        };
        let batches = builder.with_batch_size(BATCH_ROWS).with_row_groups(wanted).build();
        Ok(TableReader { table, layout, batches: batches.map_err(|e| read_error(&e))?, range })
    }

    /// What the table holds.
    pub fn table(&self) -> &TableSchema {
        &self.table
    }

    /// The next rows; `None` at the end.
    ///
    /// # Errors
    /// `Corrupt` when the file is damaged or does not hold what its schema says.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let Some(batch) = self.batches.next() else { return Ok(None) };
        let batch = batch.map_err(|e| Error::corrupt(format!("a file of a savepoint is damaged: {e}")))?;
        self.chunk(&batch).map(Some)
    }

    fn chunk(&self, batch: &RecordBatch) -> Result<Chunk> {
        let columns = self.layout.columns.iter().map(|column| {
            let wrong = |why: &str| Error::corrupt(format!("column `{}` {why}", column.name));
            let array = batch.column_by_name(&column.name).ok_or_else(|| wrong("is missing"))?;
            if let Holds::Cell(part, codec, 0) = &column.holds {
                return Ok(Source::Rows(*part, self.layout.rows(*part, codec, batch)?));
            }
            Source::new(&column.holds, array).map_err(|why| wrong(&why))
        });
        let columns: Vec<Source<'_>> = columns.collect::<Result<_>>()?;
        let mut chunk = Chunk::new();
        for row in 0..batch.num_rows() {
            let group = columns.iter().find_map(|column| column.group(row)).unwrap_or_default();
            if self.range.is_some_and(|range| !range.contains(KeyGroup(group as u16))) {
                continue;
            }
            let position = columns.iter().find_map(|column| column.position(row)).unwrap_or_default();
            let time = columns.iter().find_map(|column| column.time(row)).unwrap_or_default();
            chunk.push_with((group, position, time), |part, out| {
                columns.iter().zip(&self.layout.columns).try_for_each(|(column, named)| {
                    column.encode(part, row, out).map_err(|why| {
                        Error::corrupt(format!("column `{}` of row {row} of a batch: {why}", named.name))
                    })
                })
            })?;
        }
        Ok(chunk)
    }
}

impl Iterator for TableReader {
    type Item = Result<Chunk>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_chunk().transpose()
    }
}

/// The key groups of a row group, if its statistics tell.
fn groups_of(group: &RowGroupMetaData) -> Option<KeyGroupRange> {
    let column = group.columns().iter().find(|column| column.column_path().string() == "key_group")?;
    let Some(Statistics::Int32(statistics)) = column.statistics() else { return None };
    let (low, high) = (statistics.min_opt()?, statistics.max_opt()?);
    Some(KeyGroupRange { start: u16::try_from(*low).ok()?, end: u16::try_from(high.checked_add(1)?).ok()? })
}

/// A column of a batch.
enum Source<'a> {
    KeyGroup(&'a PrimitiveArray<UInt16Type>),
    Subtask(&'a PrimitiveArray<UInt32Type>),
    Position(&'a PrimitiveArray<UInt32Type>),
    Time(Times<'a>),
    TimeMs(&'a Int64Array),
    Value(Part, Column<'a>),
    /// All columns of a part that is a row.
    Rows(Part, Rows),
    /// A column of a row that is not the first one.
    Cell,
    Moment(Part, Times<'a>),
    MomentMs(Part, &'a Int64Array),
}

impl<'a> Source<'a> {
    fn new(holds: &'a Holds, array: &'a dyn Array) -> Result<Source<'a>, String> {
        let wrong = || format!("is of type {}", array.data_type());
        let time = || Times::new(array).ok_or_else(wrong);
        let ms = || array.as_primitive_opt::<Int64Type>().ok_or_else(wrong);
        let must_not_be_null = matches!(holds, Holds::KeyGroup | Holds::Subtask | Holds::Position);
        if must_not_be_null && array.null_count() > 0 {
            return Err("has rows without a value".to_owned());
        }
        Ok(match holds {
            Holds::KeyGroup => Source::KeyGroup(array.as_primitive_opt().ok_or_else(wrong)?),
            Holds::Subtask => Source::Subtask(array.as_primitive_opt().ok_or_else(wrong)?),
            Holds::Position => Source::Position(array.as_primitive_opt().ok_or_else(wrong)?),
            Holds::Time => Source::Time(time()?),
            Holds::TimeMs => Source::TimeMs(ms()?),
            Holds::Value(part, shape) => Source::Value(*part, Column::new(shape, array)?),
            Holds::Cell(..) => Source::Cell,
            Holds::Moment(part) => Source::Moment(*part, time()?),
            Holds::MomentMs(part) => Source::MomentMs(*part, ms()?),
        })
    }

    fn group(&self, row: usize) -> Option<u32> {
        match self {
            Source::KeyGroup(from) => Some(from.value(row).into()),
            Source::Subtask(from) => Some(from.value(row)),
            _ => None,
        }
    }

    fn position(&self, row: usize) -> Option<u32> {
        if let Source::Position(from) = self { Some(from.value(row)) } else { None }
    }

    fn time(&self, row: usize) -> Option<i64> {
        match self {
            Source::Time(from) => from.millis(row),
            Source::TimeMs(from) if from.is_valid(row) => Some(from.value(row)),
            _ => None,
        }
    }

    /// Appends what the column holds of a part.
    fn encode(&self, wanted: Part, row: usize, out: &mut Vec<u8>) -> Result<(), Malformed> {
        match self {
            Source::Value(part, column) if *part == wanted => column.encode(row, out)?,
            Source::Rows(part, rows) if *part == wanted => put_bytes(rows.row(row).data(), out),
            Source::Moment(part, from) if *part == wanted => {
                from.millis(row).into_iter().for_each(|ms| put_signed(ms.into(), out));
            }
            Source::MomentMs(part, from) if *part == wanted && from.is_valid(row) => {
                put_signed(from.value(row).into(), out);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Times of any precision: other programs write microseconds.
enum Times<'a> {
    Millis(&'a TimestampMillisecondArray),
    Micros(&'a TimestampMicrosecondArray),
    Nanos(&'a TimestampNanosecondArray),
}

impl<'a> Times<'a> {
    fn new(array: &'a dyn Array) -> Option<Times<'a>> {
        match array.data_type() {
            DataType::Timestamp(TimeUnit::Millisecond, _) => array.as_primitive_opt().map(Times::Millis),
            DataType::Timestamp(TimeUnit::Microsecond, _) => array.as_primitive_opt().map(Times::Micros),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => array.as_primitive_opt().map(Times::Nanos),
            _ => None,
        }
    }

    /// Milliseconds since the epoch, if there is a time.
    fn millis(&self, row: usize) -> Option<i64> {
        match self {
            Times::Millis(from) => from.is_valid(row).then(|| from.value(row)),
            Times::Micros(from) => from.is_valid(row).then(|| from.value(row).div_euclid(1_000)),
            Times::Nanos(from) => from.is_valid(row).then(|| from.value(row).div_euclid(1_000_000)),
        }
    }
}

fn read_error(error: &ParquetError) -> Error {
    Error::corrupt(format!("the file is not a table of a savepoint, or damaged: {error}"))
}
