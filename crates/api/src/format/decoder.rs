//! From bytes to records: the description of a format, and the decoder that it makes for each file.

use flott_core::{Data, Result};
use std::ops::Range;

/// How bytes become records: a description, shared and immutable, which makes one decoder for each file.
pub trait DecodingFormat: Send + Sync + 'static {
    /// What is read.
    type Item: Data;

    /// The format's name, for messages: `csv`.
    fn name(&self) -> &'static str;

    /// Whether the next record can be found from anywhere in a file, so that a file may be read in parts.
    fn is_splittable(&self) -> bool {
        false
    }

    /// A decoder for the beginning of a file, when `memory` is empty, or for its middle with what the decoder that
    /// was there remembered.
    ///
    /// # Errors
    /// `Corrupt` when `memory` is not what a decoder of this format remembers.
    fn decoder(&self, memory: &[u8]) -> Result<Box<dyn Decoder<Item = Self::Item>>>;
}

/// Decodes one file, from its beginning or from a record's border.
pub trait Decoder: Send {
    /// What is read.
    type Item;

    /// Takes whole records from the front of `input`, at most `records_max`, and returns how many bytes they take.
    /// Records that give no row (blank lines, a header, bad ones) count too. `input` starts at a record's border; what
    /// is not taken is given again, with more behind it. If `is_last`, nothing follows: everything is taken, up to
    /// `records_max`, and what has no terminator is the last record.
    ///
    /// # Errors
    /// What makes the whole file unreadable. A bad record is no error but [`Decoded::malformed`].
    fn decode(
        &mut self,
        input: &[u8],
        is_last: bool,
        records_max: usize,
        out: &mut Decoded<Self::Item>,
    ) -> Result<usize>;

    /// How many bytes of `input`, which starts anywhere, belong to a record that started earlier; `None` when no
    /// record starts in it. For formats that are splittable.
    fn find_record(&self, _input: &[u8]) -> Option<usize> {
        None
    }

    /// What must be known of the file to go on in its middle, such as its header; empty if nothing.
    fn memory(&self) -> Vec<u8> {
        Vec::new()
    }
}

/// What a decoder has taken from its input.
#[derive(Debug)]
pub struct Decoded<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// What could not be decoded, in order.
    pub malformed: Vec<Malformed>,
    /// Line ends passed.
    pub lines: u64,
}

impl<T> Default for Decoded<T> {
    fn default() -> Self {
        Decoded { rows: Vec::new(), malformed: Vec::new(), lines: 0 }
    }
}

/// A record that could not be decoded.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Number of rows before it.
    pub at_row: usize,
    /// Its bytes in the input.
    pub bytes: Range<usize>,
    /// Line ends of the input before it.
    pub line: u64,
    /// Why.
    pub error: String,
}
