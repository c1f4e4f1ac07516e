//! From records to bytes: the description of a format, and the encoder that it makes for each file.

use flott_core::Result;

/// How records become bytes: a description, shared and immutable, which makes one encoder for each file.
pub trait EncodingFormat: Send + Sync + 'static {
    /// What is written.
    type Item;

    /// The format's name, for messages: `csv`.
    fn name(&self) -> &'static str;

    /// An encoder for a new file, or for one that is gone on with and has its header already.
    fn encoder(&self, is_new_file: bool) -> Box<dyn Encoder<Item = Self::Item>>;
}

/// Encodes the records of one file.
pub trait Encoder {
    /// What is written.
    type Item;

    /// Appends one record to `out`, and before the first of a new file what stands at its head.
    ///
    /// # Errors
    /// `Data` when the record has no form in this format.
    fn encode(&mut self, row: &Self::Item, out: &mut Vec<u8>) -> Result<()>;
}
