//! Arrow columns on their way through a port: rows for one channel, gathered column by column.
//!
//! Numbers, dates and times without nulls, which are of one width, go straight to their place in the batch that will
//! be sent. Of other columns the channel's rows are taken from each batch and joined at the end.

use arrow_array::{Array, ArrayRef, RecordBatch, UInt32Array, make_array};
use arrow_buffer::{ArrowNativeType, Buffer};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use flott_core::{Batch, Columns, Error, EventTime, Result};

/// Up to so many channels the rows are looked through once for each.
const FEW: usize = 4;

/// The rows of a batch, parted by channel.
#[derive(Default)]
pub(super) struct Parting {
    /// The rows of channel 0 in order, then those of channel 1, and so on.
    rows: Vec<u32>,
    /// Where each channel's rows end.
    ends: Vec<usize>,
}

impl Parting {
    /// Parts the rows of a batch. `routes` names a channel for each of them.
    pub(super) fn set(&mut self, routes: &[u32], channels: usize) {
        self.ends.clear();
        if channels <= FEW {
            // One row's place does not wait for that of the row before to be written.
            self.rows.resize(routes.len() + 1, 0);
            let mut next = 0;
            for channel in 0..channels as u32 {
                for (row, route) in routes.iter().enumerate() {
                    self.rows[next] = row as u32;
                    next += usize::from(*route == channel);
                }
                self.ends.push(next);
            }
            return;
        }
        self.ends.resize(channels, 0);
        routes.iter().for_each(|channel| self.ends[*channel as usize] += 1);
        let mut start = 0;
        for end in &mut self.ends {
            start += std::mem::replace(end, start);
        }
        self.rows.resize(routes.len(), 0);
        for (row, channel) in routes.iter().enumerate() {
            let next = &mut self.ends[*channel as usize];
            self.rows[*next] = row as u32;
            *next += 1;
        }
    }

    /// The rows of one channel.
    pub(super) fn of(&self, channel: usize) -> &[u32] {
        let start = if channel == 0 { 0 } else { self.ends[channel - 1] };
        &self.rows[start..self.ends[channel]]
    }
}

/// Rows of columns that are not a batch yet.
pub(crate) struct OpenColumns {
    schema: SchemaRef,
    columns: Vec<OpenColumn>,
    kinds: Option<Vec<u8>>,
    times: Option<Vec<EventTime>>,
    len: usize,
}

impl OpenColumns {
    /// No rows, with room for `capacity`.
    pub(crate) fn new(like: &RecordBatch, with_times: bool, capacity: usize) -> Self {
        OpenColumns {
            schema: like.schema(),
            columns: like.columns().iter().map(|column| OpenColumn::new(column.data_type(), capacity)).collect(),
            kinds: None,
            times: with_times.then(|| Vec::with_capacity(capacity)),
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn has_times(&self) -> bool {
        self.times.is_some()
    }

    /// Appends some rows of a batch, or all of them.
    pub(crate) fn append(
        &mut self,
        columns: &Columns,
        times: Option<&[EventTime]>,
        rows: Option<&[u32]>,
    ) -> Result<()> {
        let arrays = columns.batch.columns();
        if arrays.len() != self.columns.len() {
            let message = format!("{} columns and {}", self.columns.len(), arrays.len());
            return Err(misfit(ArrowError::SchemaError(message)));
        }
        for (open, array) in self.columns.iter_mut().zip(arrays) {
            open.append(array, rows).map_err(misfit)?;
        }
        if columns.kinds.is_some() || self.kinds.is_some() {
            let so_far = self.kinds.get_or_insert_with(|| vec![0; self.len]);
            match &columns.kinds {
                Some(kinds) => gather(so_far, kinds, rows),
                None => so_far.resize(so_far.len() + rows.map_or(columns.len(), <[u32]>::len), 0),
            }
        }
        if let (Some(so_far), Some(times)) = (&mut self.times, times) {
            gather(so_far, times, rows);
        }
        self.len += rows.map_or(columns.len(), <[u32]>::len);
        Ok(())
    }

    /// The rows as a batch.
    pub(crate) fn finish(self) -> Result<Batch> {
        let arrays = self.columns.into_iter().map(OpenColumn::finish).collect::<Result<Vec<_>, _>>();
        let batch = arrays.and_then(|arrays| RecordBatch::try_new(self.schema, arrays)).map_err(misfit)?;
        Ok(Batch::columns(Columns { batch, kinds: self.kinds }, self.times))
    }
}

/// A column that is being gathered.
enum OpenColumn {
    /// Values of one width, none of them null.
    Values(DataType, Values),
    /// Pieces of any type.
    Pieces(Vec<ArrayRef>),
}

/// Values by their width in bytes.
enum Values {
    One(Vec<u8>),
    Two(Vec<u16>),
    Four(Vec<u32>),
    Eight(Vec<u64>),
}

impl OpenColumn {
    fn new(kind: &DataType, capacity: usize) -> Self {
        let values = match kind.primitive_width() {
            Some(_) if matches!(kind, DataType::Interval(_)) => None,
            Some(1) => Some(Values::One(Vec::with_capacity(capacity))),
            Some(2) => Some(Values::Two(Vec::with_capacity(capacity))),
            Some(4) => Some(Values::Four(Vec::with_capacity(capacity))),
            Some(8) => Some(Values::Eight(Vec::with_capacity(capacity))),
            _ => None,
        };
        values.map_or(OpenColumn::Pieces(Vec::new()), |values| OpenColumn::Values(kind.clone(), values))
    }

    fn append(&mut self, array: &ArrayRef, rows: Option<&[u32]>) -> Result<(), ArrowError> {
        match self {
            OpenColumn::Values(kind, values) if array.data_type() == kind && array.null_count() == 0 => {
                let data = array.to_data();
                match values {
                    Values::One(values) => gather(values, &data.buffer(0)[..array.len()], rows),
                    Values::Two(values) => gather(values, &data.buffer(0)[..array.len()], rows),
                    Values::Four(values) => gather(values, &data.buffer(0)[..array.len()], rows),
                    Values::Eight(values) => gather(values, &data.buffer(0)[..array.len()], rows),
                }
                Ok(())
            }
            OpenColumn::Values(..) => {
                // A null has come.
                let so_far = std::mem::replace(self, OpenColumn::Pieces(Vec::new())).finish()?;
                *self = OpenColumn::Pieces(vec![so_far]);
                self.append(array, rows)
            }
            OpenColumn::Pieces(pieces) => {
                pieces.push(match rows {
                    None => array.clone(),
                    Some(rows) => arrow_select::take::take(array, &UInt32Array::from(rows.to_vec()), None)?,
                });
                Ok(())
            }
        }
    }

    fn finish(self) -> Result<ArrayRef, ArrowError> {
        match self {
            OpenColumn::Values(kind, Values::One(values)) => array_of(kind, values),
            OpenColumn::Values(kind, Values::Two(values)) => array_of(kind, values),
            OpenColumn::Values(kind, Values::Four(values)) => array_of(kind, values),
            OpenColumn::Values(kind, Values::Eight(values)) => array_of(kind, values),
            OpenColumn::Pieces(mut pieces) => match pieces.pop() {
                Some(only) if pieces.is_empty() => Ok(only),
                last => {
                    pieces.extend(last);
                    let pieces: Vec<&dyn Array> = pieces.iter().map(|piece| &**piece).collect();
                    arrow_select::concat::concat(&pieces)
                }
            },
        }
    }
}

fn array_of<T: ArrowNativeType>(kind: DataType, values: Vec<T>) -> Result<ArrayRef, ArrowError> {
    let data = arrow_data::ArrayData::builder(kind).len(values.len()).add_buffer(Buffer::from_vec(values));
    data.build().map(make_array)
}

/// Appends the values of some rows, or of all.
#[inline]
fn gather<T: Copy>(into: &mut Vec<T>, values: &[T], rows: Option<&[u32]>) {
    match rows {
        Some(rows) => into.extend(rows.iter().map(|row| values[*row as usize])),
        None => into.extend_from_slice(values),
    }
}

fn misfit(e: ArrowError) -> Error {
    Error::internal(format!("columns on one edge do not fit together: {e}")).with_source(e)
}
