//! CSV to records. Each call parses from a record's border with a fresh parser, so that the parser's state never
//! outlives a chunk: what is not a whole record is parsed again with more behind it.

use super::Dialect;
use csv::{ByteRecord, ErrorKind, ReaderBuilder};
use flott_api::format::{Decoded, Decoder, Malformed};
use flott_core::{Data, Error, Result, codec};
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;

/// U+FEFF, which some programs write at the start of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

pub(super) struct CsvDecoder<T> {
    dialect: Dialect,
    parser: ReaderBuilder,
    /// Known once the first record of the file has been read.
    head: Option<Head>,
    record: ByteRecord,
    types: PhantomData<fn() -> T>,
}

/// What the first record of a file says about the others.
struct Head {
    width: usize,
    names: Option<ByteRecord>,
}

/// [`Head`] as it is remembered.
#[derive(Serialize, Deserialize)]
struct Memory {
    width: usize,
    names: Option<Vec<Vec<u8>>>,
}

impl<T> CsvDecoder<T> {
    pub(super) fn new(dialect: Dialect, memory: &[u8]) -> Result<Self> {
        let head = if memory.is_empty() {
            None
        } else {
            let Memory { width, names } = codec::from_bytes(memory)?;
            Some(Head { width, names: names.map(ByteRecord::from) })
        };
        let mut parser = ReaderBuilder::new();
        parser
            .has_headers(false)
            .flexible(true)
            .delimiter(dialect.delimiter)
            .quoting(dialect.quote.is_some())
            .quote(dialect.quote.unwrap_or(b'"'))
            .double_quote(dialect.escape.is_none())
            .escape(dialect.escape)
            .comment(dialect.comment);
        Ok(CsvDecoder { dialect, parser, head, record: ByteRecord::new(), types: PhantomData })
    }
}

impl<T: Data> Decoder for CsvDecoder<T> {
    type Item = T;

    fn decode(&mut self, input: &[u8], is_last: bool, records_max: usize, out: &mut Decoded<T>) -> Result<usize> {
        let is_first = self.head.is_none();
        if is_first && !is_last && input.len() < BYTE_ORDER_MARK.len() {
            return Ok(0);
        }
        let text = if is_first { input.strip_prefix(BYTE_ORDER_MARK).unwrap_or(input) } else { input };
        let mut parser = self.parser.from_reader(text);
        let mut taken = 0;
        for _ in 0..records_max {
            let found = parser
                .read_byte_record(&mut self.record)
                .map_err(|e| Error::internal(format!("the csv parser fails on bytes in memory: {e}")))?;
            let end = usize::try_from(parser.position().byte()).unwrap_or(text.len());
            let is_at_end = end >= text.len();
            if is_at_end && !is_last {
                // The record may go on in the next chunk.
                break;
            }
            let mark_bytes = input.len() - text.len();
            if found {
                self.take_record(text, end, mark_bytes, out);
            }
            taken = end + mark_bytes;
            out.lines = parser.position().line() - 1;
            if is_at_end {
                break;
            }
        }
        Ok(taken)
    }

    fn memory(&self) -> Vec<u8> {
        let Some(Head { width, names }) = &self.head else { return Vec::new() };
        let names = names.as_ref().map(|names| names.iter().map(<[u8]>::to_vec).collect());
        // A number and a list of bytes always have an encoding.
        codec::to_bytes(&Memory { width: *width, names }).unwrap_or_default()
    }
}

impl<T: Data> CsvDecoder<T> {
    /// Makes a row, a bad record or the head of the record that ends at `end` of `text`, which starts `mark_bytes`
    /// behind the start of the input.
    fn take_record(&mut self, text: &[u8], end: usize, mark_bytes: usize, out: &mut Decoded<T>) {
        let is_unclosed = end >= text.len() && self.is_unclosed(text);
        if self.head.is_none() {
            let names = self.dialect.has_header.then(|| self.record.clone());
            self.head = Some(Head { width: self.record.len(), names });
            if self.dialect.has_header && !is_unclosed {
                return;
            }
        }
        let Some(head) = &self.head else { return };
        let result = if is_unclosed {
            Err("a quote is opened and not closed before the end of the file".to_owned())
        } else if self.record.len() != head.width && !self.dialect.is_any_width {
            Err(format!("{} fields where the first record has {}", self.record.len(), head.width))
        } else {
            self.record.deserialize(head.names.as_ref()).map_err(|e| explain(&e, head.names.as_ref()))
        };
        match result {
            Ok(row) => out.rows.push(row),
            Err(error) => {
                let (start, line) = self.record_start(text);
                let line_ends = text[start..end].iter().rev().take_while(|b| matches!(b, b'\r' | b'\n')).count();
                out.malformed.push(Malformed {
                    at_row: out.rows.len(),
                    bytes: mark_bytes + start..mark_bytes + end - line_ends,
                    line,
                    error,
                });
            }
        }
    }

    /// Where the record starts behind the blank lines and comments before it, and how many line ends precede it.
    fn record_start(&self, text: &[u8]) -> (usize, u64) {
        let Some(position) = self.record.position() else { return (0, 0) };
        let mut start = usize::try_from(position.byte()).unwrap_or(text.len());
        let mut line = position.line() - 1;
        while let Some(&byte) = text.get(start) {
            if byte == b'\n' || byte == b'\r' {
                start += 1;
                line += u64::from(byte == b'\n');
            } else if Some(byte) == self.dialect.comment {
                start += memchr::memchr(b'\n', &text[start..]).unwrap_or(text.len() - start);
            } else {
                break;
            }
        }
        (start, line)
    }

    /// Whether the last record of the file is inside quotes at its end: then another line end belongs to its last
    /// field.
    fn is_unclosed(&self, text: &[u8]) -> bool {
        let (start, _) = self.record_start(text);
        let mut longer = text[start..].to_vec();
        longer.push(b'\n');
        let mut record = ByteRecord::new();
        let is_read = self.parser.from_reader(&longer[..]).read_byte_record(&mut record).is_ok();
        let last = |record: &ByteRecord| record.iter().next_back().map_or(0, <[u8]>::len);
        is_read && last(&record) > last(&self.record)
    }
}

/// The cause, with the field's number and name.
fn explain(error: &csv::Error, names: Option<&ByteRecord>) -> String {
    let ErrorKind::Deserialize { err, .. } = error.kind() else { return error.to_string() };
    let Some(field) = err.field() else { return err.kind().to_string() };
    let name = usize::try_from(field).ok().and_then(|n| names?.get(n));
    let name = name.map(|name| format!(" (`{}`)", String::from_utf8_lossy(name))).unwrap_or_default();
    format!("field {}{name}: {}", field + 1, err.kind())
}
