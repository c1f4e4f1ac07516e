//! CSV by serde: with or without a header line, any delimiter and quote. A quoted field may hold line ends, so a file
//! cannot be cut. (RFC 4180; Flink: `CsvReaderFormat`, `CsvBulkWriter`.)

mod decoder;
mod encoder;

#[cfg(test)]
mod tests;

use decoder::CsvDecoder;
use encoder::CsvEncoder;
use flott_api::format::{Decoder, DecodingFormat, Encoder, EncodingFormat};
use flott_core::{Data, Result};
use serde::Serialize;
use std::marker::PhantomData;

/// Comma-separated values, a record a line unless quoted fields span lines.
///
/// Without a header, which is the default as in Flink, fields are matched by position; with one, by name. All records
/// of a file have as many fields as its first one, unless [`CsvFormat::with_any_width`] is set. Empty fields are `None`
/// where the field is an `Option`.
///
/// ```
/// use flott_formats::CsvFormat;
/// use flott_api::format::{Encoder, EncodingFormat};
///
/// #[derive(serde::Serialize)]
/// struct Reading { sensor: u32, place: String }
///
/// let format = CsvFormat::<Reading>::new().with_header().with_delimiter(b';');
/// let mut bytes = Vec::new();
/// format.encoder(true).encode(&Reading { sensor: 7, place: "a;b".into() }, &mut bytes).unwrap();
/// assert_eq!(bytes, b"sensor;place\n7;\"a;b\"\n");
/// ```
pub struct CsvFormat<T> {
    dialect: Dialect,
    types: PhantomData<fn(T)>,
}

/// How the text is written.
#[derive(Clone, Debug)]
struct Dialect {
    has_header: bool,
    delimiter: u8,
    quote: Option<u8>,
    escape: Option<u8>,
    comment: Option<u8>,
    is_any_width: bool,
}

impl<T> CsvFormat<T> {
    /// Commas, double quotes that are doubled inside a field, no header, no comments.
    pub fn new() -> Self {
        let dialect = Dialect {
            has_header: false,
            delimiter: b',',
            quote: Some(b'"'),
            escape: None,
            comment: None,
            is_any_width: false,
        };
        CsvFormat { dialect, types: PhantomData }
    }

    /// The first record of each file holds the names of the fields.
    #[must_use]
    pub fn with_header(mut self) -> Self {
        self.dialect.has_header = true;
        self
    }

    /// Fields are divided by `delimiter`.
    #[must_use]
    pub fn with_delimiter(mut self, delimiter: u8) -> Self {
        self.dialect.delimiter = delimiter;
        self
    }

    /// Fields that hold delimiters, quotes or line ends stand in `quote`s.
    #[must_use]
    pub fn with_quote(mut self, quote: u8) -> Self {
        self.dialect.quote = Some(quote);
        self
    }

    /// Quotes are characters like others. Such a file cannot hold a field with a delimiter or a line end in it, so do
    /// not write one unless fields never have them.
    #[must_use]
    pub fn without_quotes(mut self) -> Self {
        self.dialect.quote = None;
        self
    }

    /// A quote inside a quoted field is preceded by `escape` instead of being doubled.
    #[must_use]
    pub fn with_escape(mut self, escape: u8) -> Self {
        self.dialect.escape = Some(escape);
        self
    }

    /// Lines that start with `comment` are passed over.
    #[must_use]
    pub fn with_comment(mut self, comment: u8) -> Self {
        self.dialect.comment = Some(comment);
        self
    }

    /// Records may have more or fewer fields than the first one of their file.
    #[must_use]
    pub fn with_any_width(mut self) -> Self {
        self.dialect.is_any_width = true;
        self
    }
}

impl<T> Default for CsvFormat<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for CsvFormat<T> {
    fn clone(&self) -> Self {
        CsvFormat { dialect: self.dialect.clone(), types: PhantomData }
    }
}

impl<T: Data> DecodingFormat for CsvFormat<T> {
    type Item = T;

    fn name(&self) -> &'static str {
        "csv"
    }

    fn decoder(&self, memory: &[u8]) -> Result<Box<dyn Decoder<Item = T>>> {
        Ok(Box::new(CsvDecoder::new(self.dialect.clone(), memory)?))
    }
}

impl<T: Serialize + 'static> EncodingFormat for CsvFormat<T> {
    type Item = T;

    fn name(&self) -> &'static str {
        "csv"
    }

    fn encoder(&self, is_new_file: bool) -> Box<dyn Encoder<Item = T>> {
        Box::new(CsvEncoder::new(&self.dialect, is_new_file))
    }
}
