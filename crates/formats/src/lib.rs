//! Bytes to records and back: text lines, csv, json.
//!
//! Each format is one folder with a description ([`LineFormat`], [`CsvFormat`], [`JsonFormat`]), a decoder and an
//! encoder. A format knows no file and no connector.

pub mod csv;
pub mod json;
pub mod line;

#[cfg(test)]
mod cutting;

pub use csv::CsvFormat;

pub use json::JsonFormat;
pub use line::LineFormat;
