//! A batch: what operators are given and give. Typed rows or Arrow columns, with event times.
//!
//! Rows are type-erased at the channel and cast back once per batch, so that one runtime carries both payloads
//! and no record pays for it.

use crate::{Columns, Data, Error, EventTime, Result};
use std::any::Any;

/// Rows of one type whose type the carrier does not know. Implemented for every `Vec<T>` of [`Data`].
pub trait AnyRows: Send {
    /// Number of rows.
    fn row_count(&self) -> usize;
    /// The rows again, for a second receiver.
    fn clone_rows(&self) -> Box<dyn AnyRows>;
    /// Cuts the rows in two and returns those from `at` on.
    fn split_off_rows(&mut self, at: usize) -> Box<dyn AnyRows>;
    /// No rows of the same type, with room for `capacity`.
    fn empty_rows(&self, capacity: usize) -> Box<dyn AnyRows>;
    /// Moves all rows of `other` behind these.
    ///
    /// # Errors
    /// `Internal` when `other` has rows of another type.
    fn append_rows(&mut self, other: Box<dyn AnyRows>) -> Result<()>;
    /// Moves row `i` to the end of `into[channels[i]]`, for every row. `channels` is as long as the rows, `into`
    /// holds rows of the same type.
    ///
    /// # Errors
    /// `Internal` when `into` holds rows of another type.
    fn scatter_rows(self: Box<Self>, channels: &[u32], into: &mut [Box<dyn AnyRows>]) -> Result<()>;
    /// The Rust name of one row's type, for messages.
    fn row_type(&self) -> &'static str;
    /// Estimated bytes of memory of all rows, not counting what they point to.
    fn byte_count(&self) -> usize;
    /// Appends the encoded rows ([`crate::codec`]) to `out`.
    ///
    /// # Errors
    /// As [`crate::codec::encode`].
    fn encode_rows(&self, out: &mut Vec<u8>) -> Result<()>;
    /// For the cast to the concrete `Vec<T>`.
    fn as_any(&self) -> &dyn Any;
    /// For the cast to the concrete `Vec<T>`.
    fn as_any_mut(&mut self) -> &mut dyn Any;
    /// For the cast to the concrete `Vec<T>`.
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl<T: Data> AnyRows for Vec<T> {
    fn row_count(&self) -> usize {
        self.len()
    }
    fn clone_rows(&self) -> Box<dyn AnyRows> {
        Box::new(self.clone())
    }
    fn split_off_rows(&mut self, at: usize) -> Box<dyn AnyRows> {
        Box::new(self.split_off(at))
    }
    fn empty_rows(&self, capacity: usize) -> Box<dyn AnyRows> {
        Box::new(Vec::<T>::with_capacity(capacity))
    }
    fn append_rows(&mut self, other: Box<dyn AnyRows>) -> Result<()> {
        let found = other.row_type();
        let mut other = other.into_any().downcast::<Vec<T>>().map_err(|_| wrong_type::<T>(found))?;
        self.append(&mut other);
        Ok(())
    }
    fn scatter_rows(self: Box<Self>, channels: &[u32], into: &mut [Box<dyn AnyRows>]) -> Result<()> {
        let mut typed = Vec::with_capacity(into.len());
        for rows in into {
            let found = rows.row_type();
            typed.push(rows.as_any_mut().downcast_mut::<Vec<T>>().ok_or_else(|| wrong_type::<T>(found))?);
        }
        for (row, &channel) in self.into_iter().zip(channels) {
            typed[channel as usize].push(row);
        }
        Ok(())
    }
    fn row_type(&self) -> &'static str {
        std::any::type_name::<T>()
    }
    fn byte_count(&self) -> usize {
        self.len() * size_of::<T>()
    }
    fn encode_rows(&self, out: &mut Vec<u8>) -> Result<()> {
        crate::codec::encode(self, out)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// Makes rows of what [`AnyRows::encode_rows`] has written: what an edge knows of the type of its rows.
pub type DecodeRows = fn(&[u8]) -> Result<Box<dyn AnyRows>>;

/// The [`DecodeRows`] of rows of type `T`.
///
/// # Errors
/// `Corrupt` when the bytes are not such rows.
pub fn decode_rows<T: Data>(bytes: &[u8]) -> Result<Box<dyn AnyRows>> {
    Ok(Box::new(crate::codec::from_bytes::<Vec<T>>(bytes)?))
}

/// The rows themselves, in one of two forms.
pub enum Payload {
    /// Typed rows of the DataStream API.
    Rows(Box<dyn AnyRows>),
    /// Arrow columns of SQL and Python.
    Columns(Columns),
}

/// Rows with, if the stream has event time, one time each.
pub struct Batch {
    payload: Payload,
    /// As long as the payload, or absent when the stream carries no event time.
    times: Option<Vec<EventTime>>,
}

impl Batch {
    /// Typed rows without event times.
    pub fn of<T: Data>(rows: Vec<T>) -> Batch {
        Batch { payload: Payload::Rows(Box::new(rows)), times: None }
    }

    /// Typed rows with one event time each, or with none at all. Both have the same length.
    pub fn timed<T: Data>(rows: Vec<T>, times: Option<Vec<EventTime>>) -> Batch {
        debug_assert!(times.as_ref().is_none_or(|t| t.len() == rows.len()));
        Batch { payload: Payload::Rows(Box::new(rows)), times }
    }

    /// Arrow columns with one event time per row, or with none at all. Both have the same length.
    pub fn columns(columns: Columns, times: Option<Vec<EventTime>>) -> Batch {
        debug_assert!(times.as_ref().is_none_or(|t| t.len() == columns.len()));
        Batch { payload: Payload::Columns(columns), times }
    }

    /// A batch of a payload and times that belong together.
    pub fn from_parts(payload: Payload, times: Option<Vec<EventTime>>) -> Batch {
        Batch { payload, times }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        match &self.payload {
            Payload::Rows(rows) => rows.row_count(),
            Payload::Columns(columns) => columns.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Estimated bytes of memory, not counting what typed rows point to.
    pub fn byte_count(&self) -> usize {
        let times = self.times.as_ref().map_or(0, |t| t.len() * size_of::<EventTime>());
        times
            + match &self.payload {
                Payload::Rows(rows) => rows.byte_count(),
                Payload::Columns(columns) => columns.batch.get_array_memory_size(),
            }
    }

    /// The event times, one per row, if the stream has them.
    pub fn times(&self) -> Option<&[EventTime]> {
        self.times.as_deref()
    }

    /// The payload by reference.
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// Payload and times.
    pub fn into_parts(self) -> (Payload, Option<Vec<EventTime>>) {
        (self.payload, self.times)
    }

    /// The rows as `T`, and their times.
    ///
    /// # Errors
    /// `Internal` when the rows are of another type: an edge connects operators of different types.
    pub fn into_rows<T: Data>(self) -> Result<(Vec<T>, Option<Vec<EventTime>>)> {
        match self.payload {
            Payload::Rows(rows) => {
                let found = rows.row_type();
                match rows.into_any().downcast::<Vec<T>>() {
                    Ok(rows) => Ok((*rows, self.times)),
                    Err(_) => Err(wrong_type::<T>(found)),
                }
            }
            Payload::Columns(_) => Err(wrong_type::<T>("Arrow columns")),
        }
    }

    /// The Arrow columns, and their times.
    ///
    /// # Errors
    /// `Internal` when the batch has typed rows.
    pub fn into_columns(self) -> Result<(Columns, Option<Vec<EventTime>>)> {
        match self.payload {
            Payload::Columns(columns) => Ok((columns, self.times)),
            Payload::Rows(rows) => Err(wrong_type::<Columns>(rows.row_type())),
        }
    }

    /// Moves the rows of `more` behind these. Gives it back where that costs more than it is worth: Arrow columns stay as
    /// they are, and rows with event times do not mix with others.
    ///
    /// # Errors
    /// `Internal` when the rows are of another type.
    pub fn append(&mut self, more: Batch) -> Result<Option<Batch>> {
        match (&mut self.payload, &mut self.times, more) {
            (Payload::Rows(rows), times, Batch { payload: Payload::Rows(more), times: more_times })
                if times.is_some() == more_times.is_some() =>
            {
                rows.append_rows(more)?;
                if let (Some(times), Some(more_times)) = (times, more_times) {
                    times.extend(more_times);
                }
                Ok(None)
            }
            (_, _, more) => Ok(Some(more)),
        }
    }

    /// Cuts the batch in two and returns the rows from `at` on.
    #[must_use]
    pub fn split_off(&mut self, at: usize) -> Batch {
        let times = self.times.as_mut().map(|t| t.split_off(at));
        let payload = match &mut self.payload {
            Payload::Rows(rows) => Payload::Rows(rows.split_off_rows(at)),
            Payload::Columns(columns) => {
                let rest = columns.len() - at;
                let tail = Columns {
                    batch: columns.batch.slice(at, rest),
                    kinds: columns.kinds.as_mut().map(|k| k.split_off(at)),
                };
                columns.batch = columns.batch.slice(0, at);
                Payload::Columns(tail)
            }
        };
        Batch { payload, times }
    }
}

impl Clone for Batch {
    fn clone(&self) -> Self {
        let payload = match &self.payload {
            Payload::Rows(rows) => Payload::Rows(rows.clone_rows()),
            Payload::Columns(columns) => Payload::Columns(columns.clone()),
        };
        Batch { payload, times: self.times.clone() }
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match &self.payload {
            Payload::Rows(rows) => rows.row_type(),
            Payload::Columns(_) => "columns",
        };
        write!(f, "Batch({} x {what})", self.len())
    }
}

fn wrong_type<T>(found: &str) -> Error {
    Error::internal(format!("an operator expects rows of type {} and is given {found}", std::any::type_name::<T>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_went_in() {
        let mut batch = Batch::timed(vec![1u32, 2, 3], Some(vec![EventTime(10), EventTime(20), EventTime(30)]));
        let tail = batch.split_off(1);
        assert_eq!(tail.clone().into_rows::<u32>().unwrap(), (vec![2, 3], Some(vec![EventTime(20), EventTime(30)])));
        assert_eq!(batch.into_rows::<u32>().unwrap().0, vec![1]);
        assert!(tail.into_rows::<u64>().unwrap_err().to_string().contains("u32"));
    }

    #[test]
    fn rows_are_appended_to_rows_of_their_kind() {
        let timed = |n: u32| Batch::timed(vec![n], Some(vec![EventTime(i64::from(n))]));
        let mut batch = timed(1);
        assert!(batch.append(timed(2)).unwrap().is_none());
        assert_eq!(batch.append(Batch::of(vec![3u32])).unwrap().map(|rest| rest.len()), Some(1));
        assert!(batch.append(Batch::timed(vec![4u64], Some(vec![EventTime(4)]))).is_err());
        assert_eq!(batch.into_rows::<u32>().unwrap(), (vec![1, 2], Some(vec![EventTime(1), EventTime(2)])));
    }
}
