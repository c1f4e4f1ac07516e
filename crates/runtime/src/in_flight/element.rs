//! One element as bytes.
//!
//! ```text
//! batch       0 | bytes that follow: u64 | rows: u64 | has times: u8 | times: i64 ... | kind of rows: u8 | rows
//!               rows 0: as the rows' type encodes them
//!               rows 1: has row kinds: u8 | row kinds: u8 ... | an Arrow IPC stream of one record batch
//! watermark   1 | i64
//! idle        2
//! end         3
//! ```
//!
//! Numbers are little-endian. A barrier is not written: what it divides belongs to other checkpoints.

use super::damaged;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use flott_core::batch::DecodeRows;
use flott_core::{Batch, Columns, Element, Error, EventTime, Payload, Result, Watermark};

const BATCH: u8 = 0;
const WATERMARK: u8 = 1;
const IDLE: u8 = 2;
const END: u8 = 3;
const ROWS: u8 = 0;
const COLUMNS: u8 = 1;

/// Appends an element. Returns whether it is one that is written.
///
/// # Errors
/// `Internal` when rows cannot be encoded.
pub(crate) fn encode(element: &Element, out: &mut Vec<u8>) -> Result<bool> {
    match element {
        Element::Batch(batch) => encode_batch(batch, out)?,
        Element::Watermark(watermark) => {
            out.push(WATERMARK);
            out.extend(watermark.0.to_le_bytes());
        }
        Element::Idle => out.push(IDLE),
        Element::End => out.push(END),
        Element::Barrier(_) => return Ok(false),
    }
    Ok(true)
}

/// Appends a batch.
///
/// # Errors
/// As [`encode`].
pub(crate) fn encode_batch(batch: &Batch, out: &mut Vec<u8>) -> Result<()> {
    out.push(BATCH);
    let length_at = out.len();
    out.extend([0; 8]);
    out.extend((batch.len() as u64).to_le_bytes());
    out.push(u8::from(batch.times().is_some()));
    batch.times().into_iter().flatten().for_each(|time| out.extend(time.0.to_le_bytes()));
    match batch.payload() {
        Payload::Rows(rows) => {
            out.push(ROWS);
            rows.encode_rows(out)?;
        }
        Payload::Columns(columns) => {
            out.push(COLUMNS);
            out.push(u8::from(columns.kinds.is_some()));
            out.extend(columns.kinds.iter().flatten());
            let mut writer = StreamWriter::try_new(&mut *out, &columns.batch.schema()).map_err(unwritten)?;
            writer.write(&columns.batch).and_then(|()| writer.finish()).map_err(unwritten)?;
        }
    }
    let length = (out.len() - length_at - 8) as u64;
    out[length_at..length_at + 8].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

/// Reads the element at the front of `bytes` and moves `bytes` past it.
///
/// # Errors
/// `Corrupt` when there is none.
pub(crate) fn decode(bytes: &mut &[u8], decode_rows: DecodeRows) -> Result<Element> {
    match take(bytes, 1)?[0] {
        BATCH => {
            let length = take_number(bytes)?;
            let mut content = take(bytes, length)?;
            decode_batch(&mut content, decode_rows).map(Element::Batch)
        }
        WATERMARK => Ok(Element::Watermark(Watermark(take_i64(bytes)?))),
        IDLE => Ok(Element::Idle),
        END => Ok(Element::End),
        other => Err(damaged(&format!("there is no element of kind {other}"))),
    }
}

fn decode_batch(bytes: &mut &[u8], decode_rows: DecodeRows) -> Result<Batch> {
    let rows = take_number(bytes)?;
    let times = match take(bytes, 1)?[0] {
        0 => None,
        _ => {
            let length = rows.checked_mul(8).ok_or_else(|| damaged("a batch is too large"))?;
            let times = take(bytes, length)?.as_chunks().0;
            Some(times.iter().map(|time| EventTime(i64::from_le_bytes(*time))).collect::<Vec<_>>())
        }
    };
    let payload = match take(bytes, 1)?[0] {
        ROWS => Payload::Rows(decode_rows(bytes)?),
        _ => {
            let kinds = match take(bytes, 1)?[0] {
                0 => None,
                _ => Some(take(bytes, rows)?.to_vec()),
            };
            let mut reader = StreamReader::try_new(*bytes, None).map_err(unread)?;
            let batch = reader.next().ok_or_else(|| damaged("a batch of columns has no content"))?.map_err(unread)?;
            Payload::Columns(Columns { batch, kinds })
        }
    };
    let batch = Batch::from_parts(payload, times);
    if batch.len() == rows { Ok(batch) } else { Err(damaged("a batch does not have as many rows as it says")) }
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or_else(|| damaged("they are cut off"))?;
    *bytes = rest;
    Ok(taken)
}

fn take_i64(bytes: &mut &[u8]) -> Result<i64> {
    let (number, rest) = bytes.split_first_chunk().ok_or_else(|| damaged("they are cut off"))?;
    *bytes = rest;
    Ok(i64::from_le_bytes(*number))
}

fn take_number(bytes: &mut &[u8]) -> Result<usize> {
    usize::try_from(take_i64(bytes)?).map_err(|_| damaged("a length is negative"))
}

fn unwritten(e: arrow_schema::ArrowError) -> Error {
    Error::internal(format!("columns in flight cannot be encoded: {e}")).with_source(e)
}

fn unread(e: arrow_schema::ArrowError) -> Error {
    damaged(&e.to_string()).with_source(e)
}
