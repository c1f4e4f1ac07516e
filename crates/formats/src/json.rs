//! JSON, an object a line. Blank lines are passed over. Fields are matched by name; what serde says about missing and
//! unknown ones holds (`#[serde(default)]`, `#[serde(deny_unknown_fields)]`).

#[cfg(test)]
mod tests;

use crate::line::{after_line_end, split_lines};
use flott_api::format::{Decoded, Decoder, DecodingFormat, Encoder, EncodingFormat, Malformed};
use flott_core::{Data, Error, Result};
use serde::Serialize;
use std::marker::PhantomData;

/// U+FEFF, which some programs write at the start of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// One JSON value a line, by serde.
///
/// ```
/// use flott_formats::JsonFormat;
/// use flott_api::format::{Encoder, EncodingFormat};
///
/// #[derive(serde::Serialize)]
/// struct Reading { sensor: u32, celsius: f64 }
///
/// let mut bytes = Vec::new();
/// let format = JsonFormat::<Reading>::new();
/// format.encoder(true).encode(&Reading { sensor: 7, celsius: 21.5 }, &mut bytes).unwrap();
/// assert_eq!(bytes, b"{\"sensor\":7,\"celsius\":21.5}\n");
/// ```
pub struct JsonFormat<T>(PhantomData<fn(T)>);

impl<T> JsonFormat<T> {
    /// The format.
    pub fn new() -> Self {
        JsonFormat(PhantomData)
    }
}

impl<T> Default for JsonFormat<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for JsonFormat<T> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<T: Data> DecodingFormat for JsonFormat<T> {
    type Item = T;

    fn name(&self) -> &'static str {
        "json"
    }

    fn is_splittable(&self) -> bool {
        true
    }

    fn decoder(&self, _: &[u8]) -> Result<Box<dyn Decoder<Item = T>>> {
        Ok(Box::new(JsonDecoder(PhantomData)))
    }
}

struct JsonDecoder<T>(PhantomData<fn() -> T>);

impl<T: Data> Decoder for JsonDecoder<T> {
    type Item = T;

    fn decode(&mut self, input: &[u8], is_last: bool, records_max: usize, out: &mut Decoded<T>) -> Result<usize> {
        Ok(split_lines(input, is_last, records_max, |line| {
            out.lines = line.number + 1;
            let text = &input[line.start..line.end];
            let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
            if text.iter().all(u8::is_ascii_whitespace) {
                return;
            }
            match serde_json::from_slice(text) {
                Ok(row) => out.rows.push(row),
                Err(e) => out.malformed.push(Malformed {
                    at_row: out.rows.len(),
                    bytes: line.start..line.end,
                    line: line.number,
                    error: explain(&e),
                }),
            }
        }))
    }

    fn find_record(&self, input: &[u8]) -> Option<usize> {
        after_line_end(input)
    }
}

/// The error without serde's line, which is always the first.
fn explain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&place) {
        Some(cause) if error.column() > 0 => format!("{cause} at column {}", error.column()),
        _ => text,
    }
}

impl<T: Serialize + 'static> EncodingFormat for JsonFormat<T> {
    type Item = T;

    fn name(&self) -> &'static str {
        "json"
    }

    fn encoder(&self, _: bool) -> Box<dyn Encoder<Item = T>> {
        Box::new(JsonEncoder(PhantomData))
    }
}

struct JsonEncoder<T>(PhantomData<fn(&T)>);

impl<T: Serialize> Encoder for JsonEncoder<T> {
    type Item = T;

    fn encode(&mut self, row: &T, out: &mut Vec<u8>) -> Result<()> {
        serde_json::to_writer(&mut *out, row).map_err(|e| {
            Error::data(format!("a record of type {} has no JSON form: {e}", std::any::type_name::<T>()))
        })?;
        out.push(b'\n');
        Ok(())
    }
}
