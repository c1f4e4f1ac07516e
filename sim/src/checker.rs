//! Did every record come exactly once? Two multisets of rows are compared, record by record.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::{Debug, Write};

/// Differences of one kind that a report names.
const NAMED_MAX: usize = 12;

/// Rows by sink, as text, with how often each is there.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Rows(BTreeMap<(String, String), u64>);

impl Rows {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a row of `sink`.
    pub fn add<T: Debug>(&mut self, sink: &str, row: &T) {
        self.add_text(sink, format!("{row:?}"));
    }

    /// Adds rows of `sink`.
    pub fn extend<T: Debug>(&mut self, sink: &str, rows: impl IntoIterator<Item = T>) {
        rows.into_iter().for_each(|row| self.add(sink, &row));
    }

    /// Adds a row that is text already.
    pub fn add_text(&mut self, sink: &str, row: String) {
        *self.0.entry((sink.to_owned(), row)).or_default() += 1;
    }

    /// The rows that `is_wanted` wants, each once: what was committed at least once.
    #[must_use]
    pub fn at_most_once(&self, is_wanted: impl Fn(&str) -> bool) -> Rows {
        Rows(self.0.keys().filter(|(_, row)| is_wanted(row)).map(|row| (row.clone(), 1)).collect())
    }

    /// The rows of one sink.
    #[must_use]
    pub fn of_sink(&self, sink: &str) -> Rows {
        Rows(self.0.iter().filter(|((name, _), _)| name == sink).map(|(row, count)| (row.clone(), *count)).collect())
    }

    /// Number of rows.
    pub fn len(&self) -> u64 {
        self.0.values().sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares these rows, which were committed, with what was expected.
    ///
    /// # Errors
    /// Which rows are lost, which are there too often, and which nobody expected.
    pub fn check(&self, expected: &Rows) -> Result<(), String> {
        let count = |rows: &Rows, row| rows.0.get(row).copied().unwrap_or(0);
        let mut rows: Vec<&(String, String)> = self.0.keys().chain(expected.0.keys()).collect();
        rows.sort();
        rows.dedup();
        let (mut lost, mut extra) = (Findings::new("lost"), Findings::new("too often"));
        for row in rows {
            let (found, wanted) = (count(self, row), count(expected, row));
            if found < wanted {
                lost.add(row, found, wanted);
            } else if found > wanted {
                extra.add(row, found, wanted);
            }
        }
        if lost.count == 0 && extra.count == 0 {
            return Ok(());
        }
        Err(format!("{} rows committed, {} expected{lost}{extra}", self.len(), expected.len()))
    }
}

impl Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter()).finish()
    }
}

struct Findings {
    what: &'static str,
    count: u64,
    named: String,
}

impl Findings {
    fn new(what: &'static str) -> Self {
        Findings { what, count: 0, named: String::new() }
    }

    fn add(&mut self, (sink, row): &(String, String), found: u64, wanted: u64) {
        self.count += found.abs_diff(wanted);
        if self.named.lines().count() < NAMED_MAX {
            // Writing to a string does not fail.
            let _ = write!(self.named, "\n    {sink}: {row} is there {found} times instead of {wanted}");
        }
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.count == 0 { Ok(()) } else { write!(f, "\n  {} {}:{}", self.count, self.what, self.named) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[u32]) -> Rows {
        let mut rows = Rows::new();
        rows.extend("sink", values);
        rows
    }

    #[test]
    fn lost_and_doubled_rows_are_named() {
        assert_eq!(rows(&[1, 2, 2]).check(&rows(&[2, 1, 2])), Ok(()));
        let found = rows(&[1, 1, 4]).check(&rows(&[1, 2])).unwrap_err();
        assert!(found.contains("1 lost") && found.contains("sink: 2 is there 0 times instead of 1"), "{found}");
        assert!(found.contains("2 too often") && found.contains("sink: 4 is there 1 times instead of 0"), "{found}");
    }
}
