//! Bad input: what is done about a record that cannot be decoded, and the record itself.

use flott_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// Characters of a record that an error message shows.
const EXCERPT_CHARS: usize = 80;

/// What is done about a record that cannot be decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnError {
    /// The task fails with an error that names file, line and byte.
    #[default]
    Fail,
    /// The record is passed over, counted in `numRecordsInErrors`, and the first few are logged.
    Skip,
    /// The record is counted and given on as a [`BadRecord`], beside the good ones.
    SideOutput,
}

/// A record that could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadRecord {
    /// The file.
    pub path: String,
    /// The line in which it starts; the first is 1.
    pub line: u64,
    /// The byte at which it starts; the first is 0.
    pub offset: u64,
    /// The record without its line end. What is not UTF-8 is replaced by U+FFFD.
    pub text: String,
    /// Why it could not be decoded.
    pub error: String,
}

impl BadRecord {
    /// The error for jobs that want no bad records.
    pub fn to_error(&self) -> Error {
        Error::data(format!("{self}; correct the file, or set `on_error` to `OnError::Skip` or `OnError::SideOutput`"))
    }
}

impl std::fmt::Display for BadRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let BadRecord { path, line, offset, text, error } = self;
        let excerpt: String = text.chars().take(EXCERPT_CHARS).collect();
        let dots = if excerpt.len() < text.len() { "..." } else { "" };
        write!(f, "{path}, line {line} (byte {offset}): {error} in `{}{dots}`", excerpt.escape_debug())
    }
}

/// Both kinds of record in the order of the file: `bad` holds each bad record with the number of rows before it.
pub(super) fn merge<T>(rows: Vec<T>, bad: Vec<(usize, BadRecord)>) -> Vec<Result<T, BadRecord>> {
    let mut merged = Vec::with_capacity(rows.len() + bad.len());
    let mut bad = bad.into_iter().peekable();
    for (n, row) in rows.into_iter().enumerate() {
        while let Some((_, record)) = bad.next_if(|(before, _)| *before <= n) {
            merged.push(Err(record));
        }
        merged.push(Ok(row));
    }
    merged.extend(bad.map(|(_, record)| Err(record)));
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(text: &str) -> BadRecord {
        BadRecord { path: "a.csv".into(), line: 3, offset: 40, text: text.into(), error: "no number".into() }
    }

    #[test]
    fn bad_records_keep_their_place() {
        let merged = merge(vec![1, 2], vec![(0, bad("a")), (1, bad("b")), (1, bad("c")), (2, bad("d"))]);
        let merged: Vec<String> =
            merged.into_iter().map(|r| r.map_or_else(|b| b.text, |n: i32| n.to_string())).collect();
        assert_eq!(merged, ["a", "1", "b", "c", "2", "d"]);
    }

    #[test]
    fn the_error_names_file_line_byte_cause_and_choice() {
        let error = bad(&"x\"".repeat(100)).to_error();
        assert_eq!(error.kind(), flott_core::ErrorKind::Data);
        let text = error.to_string();
        assert!(text.starts_with("a.csv, line 3 (byte 40): no number in `x\\\"x"), "{text}");
        assert!(text.contains("...`; correct") && text.contains("OnError::Skip") && text.len() < 300, "{text}");
    }
}
