//! What a format is: bytes of a file, in pieces, become records, and records become bytes.
//!
//! A decoder knows no file and an encoder knows no folder: they are given bytes and give bytes. Reading a range of a
//! file with a decoder, borders and all, is [`RangeDecoder`]; what happens to a bad record is [`OnError`].

mod bad_record;
mod decoder;
mod encoder;
mod range;

pub use bad_record::{BadRecord, OnError};
pub use decoder::{Decoded, Decoder, DecodingFormat, Malformed};
pub use encoder::{Encoder, EncodingFormat};
pub use range::{RangeDecoder, RangePosition, RangeSpec, Records, Step};
