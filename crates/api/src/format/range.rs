//! A range of a file, read with a decoder: pure, given bytes in pieces of any size.
//!
//! ```text
//!   0 ............ start ....................... end ............ len
//!        record |  record  |  record  |  record  |  record |
//!               ^ belongs to the range before     ^ belongs to this range: it starts before `end`
//! ```
//!
//! A record belongs to the range in which its first byte lies. A range that starts in the middle of a file passes over
//! what precedes the first record; a range that ends there reads on until the last record is whole. So every record
//! of a file is in exactly one range, wherever the file is cut.

use super::bad_record::merge;
use super::{BadRecord, Decoded, Decoder, DecodingFormat};
use flott_core::{Data, Error, Result};
use serde::{Deserialize, Serialize};

/// Bytes behind the end of a range that are read at once, for its last record.
const OVERHANG_BYTES: u64 = 16 * 1024;
/// Bytes by which a file is recognised.
const TAIL_BYTES: usize = 64;
/// Rows that a batch is made for when more are asked for; it grows if they come.
const ROWS_EXPECTED_MAX: usize = 8192;

/// Which bytes are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeSpec {
    /// The file, for messages.
    pub path: String,
    /// Records that start at this byte or behind it are not read.
    pub end: u64,
    /// The file's length. `end` is at most that.
    pub len: u64,
    /// The longest record allowed, in bytes.
    pub record_bytes_max: usize,
}

/// How far a range has been read: a record's border, or the start of a range in which none has been looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangePosition {
    /// The byte.
    pub offset: u64,
    /// Whether a record is known to start at `offset`.
    pub is_border: bool,
    /// Line ends before `offset`, if they have been counted.
    pub lines: Option<u64>,
    /// What the decoder remembers.
    pub memory: Vec<u8>,
    /// The last bytes before `offset` that were read, by which the file is recognised; none at a start.
    pub tail: Vec<u8>,
}

impl RangePosition {
    /// The start of a range: of the whole file if `offset` is 0.
    pub fn start(offset: u64) -> Self {
        let is_first = offset == 0;
        RangePosition {
            offset,
            is_border: is_first,
            lines: is_first.then_some(0),
            memory: Vec::new(),
            tail: Vec::new(),
        }
    }
}

/// What a range has to give next.
#[derive(Debug)]
pub enum Step<T> {
    /// Records.
    Records(Records<T>),
    /// More bytes are needed: those that [`RangeDecoder::next_read`] names.
    NeedsBytes,
    /// The range has been read.
    Done,
}

/// Decoded records, good and bad.
#[derive(Debug)]
pub struct Records<T> {
    /// The good ones.
    pub rows: Vec<T>,
    /// The bad ones, each with the number of good ones before it. If `end.lines` is `None`, their lines are counted
    /// from `start`; [`RangeDecoder::set_lines_before`] puts that right.
    pub bad: Vec<(usize, BadRecord)>,
    /// Where they start.
    pub start: u64,
    /// Line ends in them.
    pub lines: u64,
    /// Where reading goes on.
    pub end: RangePosition,
}

impl<T> Records<T> {
    /// Good and bad ones in the order of the file.
    pub fn into_results(self) -> Vec<Result<T, BadRecord>> {
        merge(self.rows, self.bad)
    }
}

/// Reads one range.
pub struct RangeDecoder<T> {
    spec: RangeSpec,
    decoder: Box<dyn Decoder<Item = T>>,
    /// Bytes of the file; those before `head` are used up.
    bytes: Vec<u8>,
    head: usize,
    /// The place of `bytes[head]` in the file.
    offset: u64,
    is_border: bool,
    lines: Option<u64>,
    tail: Vec<u8>,
    /// No byte from here on is read for now.
    read_limit: u64,
    /// With fewer bytes than this at hand there is no use in trying.
    needed: usize,
}

impl<T: Data> RangeDecoder<T> {
    /// Goes on at `position`.
    ///
    /// # Errors
    /// `Corrupt` when the position is not one of this format.
    pub fn new(
        format: &dyn DecodingFormat<Item = T>,
        spec: RangeSpec,
        position: &RangePosition,
    ) -> Result<RangeDecoder<T>> {
        // The byte before a range tells whether a record starts right at it.
        let offset = if position.is_border { position.offset } else { position.offset.saturating_sub(1) };
        Ok(RangeDecoder {
            decoder: format.decoder(&position.memory)?,
            bytes: Vec::new(),
            head: 0,
            offset,
            is_border: position.is_border,
            lines: position.lines,
            tail: position.tail.clone(),
            read_limit: spec.len.min(spec.end.saturating_add(OVERHANG_BYTES)),
            needed: 0,
            spec,
        })
    }

    /// The bytes to be read next, at most `bytes_max`; `None` if no more are needed for now.
    pub fn next_read(&self, bytes_max: usize) -> Option<(u64, usize)> {
        let from = self.bytes_end();
        let left = self.read_limit.saturating_sub(from);
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(bytes_max);
        (len > 0).then_some((from, len))
    }

    /// Takes the bytes that were read: `chunk[gap..]`. What is left of the bytes before goes into the gap if there is
    /// room, so that nothing else has to be moved. Returns memory for another chunk.
    pub fn push(&mut self, mut chunk: Vec<u8>, gap: usize) -> Vec<u8> {
        let rest = self.bytes.len() - self.head;
        if rest <= gap {
            chunk[gap - rest..gap].copy_from_slice(&self.bytes[self.head..]);
            self.head = gap - rest;
            std::mem::replace(&mut self.bytes, chunk)
        } else {
            self.bytes.drain(..self.head);
            self.head = 0;
            self.bytes.extend_from_slice(&chunk[gap..]);
            chunk
        }
    }

    /// The next records, at most `records_max`.
    ///
    /// # Errors
    /// `Limit` when a record is longer than allowed, and what makes the decoder give up the file.
    pub fn next(&mut self, records_max: usize) -> Result<Step<T>> {
        loop {
            if !self.is_border && !self.find_border() {
                return Ok(if self.offset >= self.spec.end { Step::Done } else { self.ask_for_bytes() });
            }
            if self.offset >= self.spec.end {
                return Ok(Step::Done);
            }
            let available = self.bytes.len() - self.head;
            let is_last = self.bytes_end() >= self.spec.len;
            if !is_last && available < self.needed.max(1) {
                return Ok(self.ask_for_bytes());
            }
            let start = self.offset;
            let mut out =
                Decoded { rows: Vec::with_capacity(records_max.min(ROWS_EXPECTED_MAX)), ..Decoded::default() };
            let taken = self.decode(available, is_last, records_max, &mut out)?;
            if taken == 0 {
                self.check_record_len(available, is_last)?;
                self.needed = available.saturating_mul(2).min(self.spec.record_bytes_max.saturating_add(1));
                continue;
            }
            self.needed = 0;
            self.remember_tail(taken);
            let records = self.records(start, out);
            self.head += taken;
            if !(records.rows.is_empty() && records.bad.is_empty()) {
                return Ok(Step::Records(records));
            }
        }
    }

    /// Gives the decoder what belongs to the range; if that is less than one record, one record of what is there.
    fn decode(&mut self, available: usize, is_last: bool, records_max: usize, out: &mut Decoded<T>) -> Result<usize> {
        let input = &self.bytes[self.head..];
        let border = usize::try_from(self.spec.end - self.offset).unwrap_or(usize::MAX);
        let mut taken = 0;
        if border < available {
            taken = self.decoder.decode(&input[..border], false, records_max, out)?;
        }
        if taken == 0 {
            let records_max = if border < available { 1 } else { records_max };
            taken = self.decoder.decode(input, is_last, records_max, out)?;
        }
        self.offset += taken as u64;
        Ok(taken)
    }

    /// Makes the decoder's output absolute.
    fn records(&mut self, start: u64, out: Decoded<T>) -> Records<T> {
        let input = &self.bytes[self.head..];
        let lines_before = self.lines.unwrap_or(0);
        let bad = out.malformed.into_iter().map(|m| {
            let record = BadRecord {
                path: self.spec.path.clone(),
                line: lines_before + m.line + 1,
                offset: start + m.bytes.start as u64,
                text: String::from_utf8_lossy(&input[m.bytes]).into_owned(),
                error: m.error,
            };
            (m.at_row, record)
        });
        let bad = bad.collect();
        self.lines = self.lines.map(|lines| lines + out.lines);
        let end = RangePosition {
            offset: self.offset,
            is_border: true,
            lines: self.lines,
            memory: self.decoder.memory(),
            tail: self.tail.clone(),
        };
        Records { rows: out.rows, bad, start, lines: out.lines, end }
    }

    /// Keeps the last of the bytes taken.
    fn remember_tail(&mut self, taken: usize) {
        let taken = &self.bytes[self.head..self.head + taken];
        let new = &taken[taken.len().saturating_sub(TAIL_BYTES)..];
        let old_len = (TAIL_BYTES - new.len()).min(self.tail.len());
        self.tail.drain(..self.tail.len() - old_len);
        self.tail.extend_from_slice(new);
    }

    /// Says how many line ends there are before the records that were decoded last, if that was not known.
    pub fn set_lines_before(&mut self, records: &mut Records<T>, lines: u64) {
        if records.end.lines.is_none() {
            records.bad.iter_mut().for_each(|(_, record)| record.line += lines);
            records.end.lines = Some(lines + records.lines);
            self.lines = records.end.lines;
        }
    }

    /// Drops what precedes the range's first record. Returns whether that has been found.
    fn find_border(&mut self) -> bool {
        let input = &self.bytes[self.head..];
        let found = self.decoder.find_record(input);
        let passed = found.unwrap_or(input.len());
        self.head += passed;
        self.offset += passed as u64;
        self.is_border = found.is_some();
        self.is_border
    }

    fn ask_for_bytes(&mut self) -> Step<T> {
        let end = self.bytes_end();
        if end >= self.read_limit {
            let missing = self.needed.saturating_sub(self.bytes.len() - self.head) as u64;
            self.read_limit = self.spec.len.min(end + missing.max(OVERHANG_BYTES));
        }
        Step::NeedsBytes
    }

    fn check_record_len(&self, available: usize, is_last: bool) -> Result<()> {
        let RangeSpec { path, record_bytes_max, .. } = &self.spec;
        if is_last {
            return Err(Error::internal(format!("a decoder leaves the last {available} bytes of {path} undecoded")));
        }
        if available > *record_bytes_max {
            return Err(Error::limit(format!(
                "{path}: the record at byte {} is longer than {record_bytes_max} bytes; look for a quote that is \
                 opened and not closed or a file that is not text, or raise `record_bytes_max`",
                self.offset
            )));
        }
        Ok(())
    }

    fn bytes_end(&self) -> u64 {
        self.offset + (self.bytes.len() - self.head) as u64
    }
}
