//! A record as it is sorted: the same bytes in memory and in a run.
//!
//! ```text
//! bytes that follow: u32 | hash of the key: u64 | key bytes: u32 | key | has a time: u8 | time: i64 | input: u8 | row
//! ```
//!
//! Numbers are little-endian. The order is by hash, which divides nearly all keys, then by the key itself, time,
//! input; a record without a time comes before those that have one. What is equal in all of that stays in the order
//! of arrival, which whoever sorts sees to.

use flott_core::{Error, EventTime, KeyHash, Result};
use std::cmp::Ordering;

/// Bytes of a record's length.
pub(super) const LENGTH_BYTES: usize = 4;
/// What a record has besides key and row, without its length.
const FIXED_BYTES: usize = 8 + 4 + 1 + 8 + 1;

/// A record, taken apart.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    pub hash: u64,
    pub key: &'a [u8],
    pub time: Option<EventTime>,
    pub input: u8,
    pub row: &'a [u8],
}

impl<'a> Record<'a> {
    /// Appends the record.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<()> {
        let length = FIXED_BYTES + self.key.len() + self.row.len();
        let length = u32::try_from(length).map_err(|_| {
            Error::limit(format!(
                "a record has {length} bytes; BATCH mode sorts records of up to 4 GiB: make it smaller"
            ))
        })?;
        out.reserve(LENGTH_BYTES + length as usize);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&self.hash.to_le_bytes());
        out.extend_from_slice(&(self.key.len() as u32).to_le_bytes());
        out.extend_from_slice(self.key);
        out.push(u8::from(self.time.is_some()));
        out.extend_from_slice(&self.time.map_or(0, |time| time.0).to_le_bytes());
        out.push(self.input);
        out.extend_from_slice(self.row);
        Ok(())
    }

    /// The record at the front of `bytes`, and how many bytes it takes.
    pub fn read(bytes: &'a [u8]) -> Result<(Record<'a>, usize)> {
        let whole = record_bytes(bytes).ok_or_else(damaged)?;
        let content = bytes.get(LENGTH_BYTES..whole).ok_or_else(damaged)?;
        Ok((Record::take_apart(content).ok_or_else(damaged)?, whole))
    }

    fn take_apart(bytes: &'a [u8]) -> Option<Record<'a>> {
        let (hash, rest) = bytes.split_first_chunk()?;
        let (key_len, rest) = rest.split_first_chunk()?;
        let (key, rest) = rest.split_at_checked(u32::from_le_bytes(*key_len) as usize)?;
        let ([timed], rest) = rest.split_first_chunk()?;
        let (time, rest) = rest.split_first_chunk()?;
        let ([input], row) = rest.split_first_chunk()?;
        let time = (*timed != 0).then(|| EventTime(i64::from_le_bytes(*time)));
        Some(Record { hash: u64::from_le_bytes(*hash), key, time, input: *input, row })
    }

    /// Whether both have the same key.
    pub fn has_key(&self, hash: u64, key: &[u8]) -> bool {
        self.hash == hash && self.key == key
    }

    /// Which one comes first.
    pub fn order(&self, other: &Record<'_>) -> Ordering {
        let by_key = self.hash.cmp(&other.hash).then_with(|| self.key.cmp(other.key));
        by_key.then_with(|| self.time.cmp(&other.time)).then_with(|| self.input.cmp(&other.input))
    }
}

/// How many bytes the record at the front of `bytes` takes, once its length is there.
pub(super) fn record_bytes(bytes: &[u8]) -> Option<usize> {
    bytes.first_chunk().map(|length| LENGTH_BYTES + u32::from_le_bytes(*length) as usize)
}

/// The record of a row.
pub(super) fn of_row<'a>(
    hash: KeyHash,
    key: &'a [u8],
    time: Option<EventTime>,
    input: usize,
    row: &'a [u8],
) -> Record<'a> {
    Record { hash: hash.0, key, time, input: input as u8, row }
}

#[cold]
fn damaged() -> Error {
    Error::corrupt("a temporary file of sorted records is damaged; start the job again, and check the disk")
}
