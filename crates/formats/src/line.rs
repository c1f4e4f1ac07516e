//! Text, a record a line. Lines end in LF or CRLF; the last one may have no end. Text is UTF-8; a line that is not is
//! a bad record. (Flink: `TextLineInputFormat`, `SimpleStringEncoder`.)

#[cfg(test)]
mod tests;

use flott_api::format::{Decoded, Decoder, DecodingFormat, Encoder, EncodingFormat, Malformed};
use flott_core::{Error, Result};
use std::fmt::Display;
use std::io::Write;
use std::marker::PhantomData;

/// Lines of text: read as `String`s without their ends, written from anything that prints.
///
/// ```
/// use flott_formats::LineFormat;
/// use flott_api::format::{Encoder, EncodingFormat};
///
/// let mut bytes = Vec::new();
/// LineFormat::<u64>::new().encoder(true).encode(&7, &mut bytes).unwrap();
/// assert_eq!(bytes, b"7\n");
/// ```
pub struct LineFormat<T = String>(PhantomData<fn(T)>);

impl<T> LineFormat<T> {
    /// The format.
    pub fn new() -> Self {
        LineFormat(PhantomData)
    }
}

impl<T> Default for LineFormat<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for LineFormat<T> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl DecodingFormat for LineFormat {
    type Item = String;

    fn name(&self) -> &'static str {
        "line"
    }

    fn is_splittable(&self) -> bool {
        true
    }

    fn decoder(&self, _: &[u8]) -> Result<Box<dyn Decoder<Item = String>>> {
        Ok(Box::new(LineDecoder))
    }
}

struct LineDecoder;

impl Decoder for LineDecoder {
    type Item = String;

    fn decode(&mut self, input: &[u8], is_last: bool, records_max: usize, out: &mut Decoded<String>) -> Result<usize> {
        Ok(split_lines(input, is_last, records_max, |line| {
            match std::str::from_utf8(&input[line.start..line.end]) {
                Ok(text) => out.rows.push(text.to_owned()),
                Err(e) => out.malformed.push(Malformed {
                    at_row: out.rows.len(),
                    bytes: line.start..line.end,
                    line: line.number,
                    error: format!("invalid UTF-8 at byte {} of the line", e.valid_up_to()),
                }),
            }
            out.lines = line.number + 1;
        }))
    }

    fn find_record(&self, input: &[u8]) -> Option<usize> {
        after_line_end(input)
    }
}

/// A line of an input, without its end.
pub(crate) struct Line {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Lines before it in the input.
    pub(crate) number: u64,
}

/// Calls `each` with the whole lines at the front of `input`, at most `lines_max`, and returns the bytes they take.
#[inline]
pub(crate) fn split_lines(input: &[u8], is_last: bool, lines_max: usize, mut each: impl FnMut(Line)) -> usize {
    let mut start = 0;
    let mut number = 0;
    let mut give = |start: usize, end: usize, number: u64| {
        let has_cr = end > start && input[end - 1] == b'\r';
        each(Line { start, end: end - usize::from(has_cr), number });
    };
    for end in memchr::memchr_iter(b'\n', input).take(lines_max) {
        give(start, end, number);
        start = end + 1;
        number += 1;
    }
    if is_last && start < input.len() && number < lines_max as u64 {
        give(start, input.len(), number);
        start = input.len();
    }
    start
}

/// The first byte behind a line end.
pub(crate) fn after_line_end(input: &[u8]) -> Option<usize> {
    memchr::memchr(b'\n', input).map(|end| end + 1)
}

impl<T: Display + 'static> EncodingFormat for LineFormat<T> {
    type Item = T;

    fn name(&self) -> &'static str {
        "line"
    }

    fn encoder(&self, _: bool) -> Box<dyn Encoder<Item = T>> {
        Box::new(LineEncoder(PhantomData))
    }
}

struct LineEncoder<T>(PhantomData<fn(&T)>);

impl<T: Display> Encoder for LineEncoder<T> {
    type Item = T;

    fn encode(&mut self, row: &T, out: &mut Vec<u8>) -> Result<()> {
        writeln!(out, "{row}").map_err(|e| Error::data(format!("a record cannot be printed: {e}")))
    }
}
