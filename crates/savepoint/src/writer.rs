//! Writing a table as a Parquet file.

use crate::column::Builder;
use crate::layout::{Holds, Layout, split_time};
use arrow_array::builder::{Int64Builder, TimestampMillisecondBuilder, UInt16Builder, UInt32Builder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::ArrowError;
use flott_core::schema::wire::{self, Malformed};
use flott_core::{Error, KeyGroup, KeyGroupRange, Result};
use flott_state::RowCodec;
use flott_state::canonical::{Chunk, Part, Row, TableSchema};
use flott_state::store::Rows;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use std::io::{self, Write};
use std::sync::Arc;
use xxhash_rust::xxh3::Xxh3Default;

/// The key of a file's own metadata under which its [`TableSchema`] is.
pub(crate) const TABLE_KEY: &str = "flott.table";

/// Rows that are collected before they are turned into columns.
const BATCH_ROWS: usize = 8 * 1024;
/// Bytes after which fewer are.
const BATCH_BYTES: usize = 4 << 20;
/// A row group ends at so many bytes, which is about what a writer holds in memory.
const ROW_GROUP_BYTES: usize = 32 << 20;
const ROW_GROUP_ROWS: usize = 1 << 20;

/// Writes rows of one table as a Parquet file. Memory stays at about one row group, however many rows there are.
///
/// Rows should come by key group, so that whoever restores some key groups need not read the whole file.
pub struct TableWriter<W: Write + Send> {
    layout: Layout,
    columns: Vec<ColumnBuilder>,
    parquet: ArrowWriter<Summing<W>>,
    batch_rows: usize,
    batch_bytes: usize,
    rows: u64,
    groups: Option<(u32, u32)>,
    is_keyed: bool,
}

/// What is to be known of a written file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrittenTable {
    /// Bytes of the file.
    pub bytes: u64,
    /// Rows in it.
    pub rows: u64,
    /// The key groups of its rows; `None` without rows and for operator state.
    pub key_groups: Option<KeyGroupRange>,
    /// XXH3-64 of the file.
    pub checksum: u64,
}

impl<W: Write + Send> TableWriter<W> {
    /// Starts a file.
    ///
    /// # Errors
    /// `Corrupt` when a schema is broken, `Limit` when it is too large, and those of writing to `out`.
    pub fn new(table: &TableSchema, out: W) -> Result<Self> {
        let layout = Layout::new(table)?;
        let schema = serde_json::to_string(table)
            .map_err(|e| Error::internal("the schema of a table cannot be encoded").with_source(e))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by(format!("flott {}", env!("CARGO_PKG_VERSION")))
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_key_value_metadata(Some(vec![KeyValue::new(TABLE_KEY.to_owned(), schema)]))
            .build();
        let out = Summing { out, bytes: 0, sum: Xxh3Default::new() };
        let parquet = ArrowWriter::try_new(out, layout.arrow.clone(), Some(properties)).map_err(write_error)?;
        let columns = layout.columns.iter().map(|column| ColumnBuilder::new(&column.holds)).collect();
        let is_keyed = table.kind.is_keyed();
        Ok(TableWriter { layout, columns, parquet, batch_rows: 0, batch_bytes: 0, rows: 0, groups: None, is_keyed })
    }

    /// Writes the rows of a chunk.
    ///
    /// # Errors
    /// `Corrupt` when a part of a row is not a value of its schema, and those of writing.
    pub fn write(&mut self, chunk: &Chunk) -> Result<()> {
        chunk.iter().try_for_each(|row| self.write_row(row))
    }

    /// Writes one row.
    ///
    /// # Errors
    /// As [`TableWriter::write`].
    pub fn write_row(&mut self, row: Row<'_>) -> Result<()> {
        let mut rest = Rest { key: row.key, namespace: row.namespace, map_key: row.map_key, value: row.value };
        for (builder, column) in self.columns.iter_mut().zip(&self.layout.columns) {
            builder.append(&column.holds, &row, &mut rest).map_err(|why| {
                Error::corrupt(format!("column `{}` of row {} cannot be written: {why}", column.name, self.rows))
            })?;
        }
        if !rest.is_empty() {
            return Err(Error::corrupt(format!(
                "row {} has bytes left over after the values of its schema; the schema is not that of its type",
                self.rows
            )));
        }
        self.rows += 1;
        self.batch_rows += 1;
        self.batch_bytes += row.key.len() + row.namespace.len() + row.map_key.len() + row.value.len() + 16;
        let (low, high) = self.groups.unwrap_or((row.group, row.group));
        self.groups = Some((low.min(row.group), high.max(row.group)));
        if self.batch_rows >= BATCH_ROWS || self.batch_bytes >= BATCH_BYTES { self.flush() } else { Ok(()) }
    }

    /// Ends the file and gives back where it was written to.
    ///
    /// # Errors
    /// Those of writing.
    pub fn finish(mut self) -> Result<(W, WrittenTable)> {
        self.flush()?;
        let rows = self.rows;
        let groups = self.groups.filter(|_| self.is_keyed);
        let summing = self.parquet.into_inner().map_err(write_error)?;
        let (bytes, checksum) = (summing.bytes, summing.sum.digest());
        let range = |(low, high): (u32, u32)| KeyGroupRange { start: low as u16, end: (high + 1) as u16 };
        Ok((summing.out, WrittenTable { bytes, rows, key_groups: groups.map(range), checksum }))
    }

    fn flush(&mut self) -> Result<()> {
        if self.batch_rows == 0 {
            return Ok(());
        }
        let mut arrays = Vec::with_capacity(self.columns.len());
        self.columns.iter_mut().try_for_each(|column| column.finish(&mut arrays))?;
        let batch = RecordBatch::try_new(self.layout.arrow.clone(), arrays).map_err(unfit)?;
        self.parquet.write(&batch).map_err(write_error)?;
        (self.batch_rows, self.batch_bytes) = (0, 0);
        if self.parquet.in_progress_size() >= ROW_GROUP_BYTES {
            self.parquet.flush().map_err(write_error)?;
        }
        Ok(())
    }
}

/// What has not been taken yet of the parts of a row.
struct Rest<'r> {
    key: &'r [u8],
    namespace: &'r [u8],
    map_key: &'r [u8],
    value: &'r [u8],
}

impl<'r> Rest<'r> {
    fn part(&mut self, part: Part) -> &mut &'r [u8] {
        match part {
            Part::Key => &mut self.key,
            Part::Namespace => &mut self.namespace,
            Part::MapKey => &mut self.map_key,
            Part::Value => &mut self.value,
        }
    }

    fn is_empty(&self) -> bool {
        [self.key, self.namespace, self.map_key, self.value].iter().all(|part| part.is_empty())
    }
}

enum ColumnBuilder {
    U16(UInt16Builder),
    U32(UInt32Builder),
    Time(TimestampMillisecondBuilder),
    Ms(Int64Builder),
    Value(Box<Builder>),
    /// All columns of a part that is a row.
    Cells(Arc<RowCodec>, Rows),
    /// A column of a row that is not the first one.
    Cell,
}

impl ColumnBuilder {
    fn new(holds: &Holds) -> ColumnBuilder {
        match holds {
            Holds::KeyGroup => ColumnBuilder::U16(UInt16Builder::new()),
            Holds::Subtask | Holds::Position => ColumnBuilder::U32(UInt32Builder::new()),
            Holds::Time | Holds::Moment(_) => {
                ColumnBuilder::Time(TimestampMillisecondBuilder::new().with_timezone("UTC"))
            }
            Holds::TimeMs | Holds::MomentMs(_) => ColumnBuilder::Ms(Int64Builder::new()),
            Holds::Value(_, shape) => ColumnBuilder::Value(Box::new(Builder::new(shape))),
            Holds::Cell(_, codec, 0) => ColumnBuilder::Cells(codec.clone(), Rows::new()),
            Holds::Cell(..) => ColumnBuilder::Cell,
        }
    }

    fn append(&mut self, holds: &Holds, row: &Row<'_>, rest: &mut Rest<'_>) -> Result<(), Malformed> {
        match (self, holds) {
            (ColumnBuilder::U16(to), _) => {
                let group = KeyGroup(u16::try_from(row.group).map_err(|_| Malformed("there is no such key group"))?);
                to.append_value(group.0);
            }
            (ColumnBuilder::U32(to), Holds::Position) => to.append_value(row.position),
            (ColumnBuilder::U32(to), _) => to.append_value(row.group),
            // The time in milliseconds is in the next column, which takes it from the input.
            (ColumnBuilder::Time(to), Holds::Moment(part)) => {
                to.append_option(split_time(wire::signed(&mut &**rest.part(*part))?).0);
            }
            (ColumnBuilder::Time(to), _) => to.append_option(split_time(row.time).0),
            (ColumnBuilder::Ms(to), Holds::MomentMs(part)) => {
                to.append_option(split_time(wire::signed(rest.part(*part))?).1);
            }
            (ColumnBuilder::Ms(to), _) => to.append_option(split_time(row.time).1),
            (ColumnBuilder::Value(to), Holds::Value(part, _)) => to.append(rest.part(*part))?,
            (ColumnBuilder::Cells(_, to), Holds::Cell(part, ..)) => to.push(wire::bytes(rest.part(*part))?),
            (ColumnBuilder::Cell, _) => {}
            (ColumnBuilder::Value(_) | ColumnBuilder::Cells(..), _) => {
                return Err(Malformed("a column is not that of its schema"));
            }
        }
        Ok(())
    }

    /// Appends the column, or all columns of a row.
    fn finish(&mut self, arrays: &mut Vec<ArrayRef>) -> Result<()> {
        arrays.push(match self {
            ColumnBuilder::U16(to) => Arc::new(to.finish()),
            ColumnBuilder::U32(to) => Arc::new(to.finish()),
            ColumnBuilder::Time(to) => Arc::new(to.finish()),
            ColumnBuilder::Ms(to) => Arc::new(to.finish()),
            ColumnBuilder::Value(to) => to.finish().map_err(unfit)?,
            ColumnBuilder::Cells(codec, rows) => {
                arrays.extend(codec.decode(rows.iter())?);
                rows.clear();
                return Ok(());
            }
            ColumnBuilder::Cell => return Ok(()),
        });
        Ok(())
    }
}

fn unfit(error: ArrowError) -> Error {
    Error::internal("the columns of a table do not fit").with_source(error)
}

/// Passes bytes on, counting and summing them up.
struct Summing<W> {
    out: W,
    bytes: u64,
    sum: Xxh3Default,
}

impl<W: Write> Write for Summing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.sum.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn write_error(error: ParquetError) -> Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(io) => Error::io("a file of a savepoint", *io),
            Err(other) => Error::unavailable(format!("a file of a savepoint cannot be written: {other}")),
        },
        other => Error::internal(format!("a file of a savepoint cannot be written: {other}")),
    }
}
