//! A row as bytes: the key and the values of states that SQL keeps.

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;
use std::fmt;

/// So many bytes need no memory of their own: a number or a short text with their null bytes, or two numbers of 32 bits.
const INLINE_BYTES: usize = 16;
/// A length that a file claims makes room for at most so many bytes at once.
const ROOM_MAX: usize = 4096;

/// A row in the encoding of [`super::RowCodec`] (Flink's `BinaryRowData`). As a key its hash is
/// [`flott_core::KeyHash::of_bytes`] of its bytes.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BinaryRow(SmallVec<[u8; INLINE_BYTES]>);

impl BinaryRow {
    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Takes these bytes and keeps the memory.
    #[inline]
    pub fn set(&mut self, bytes: &[u8]) {
        self.0.clear();
        self.0.extend_from_slice(bytes);
    }
}

impl From<&[u8]> for BinaryRow {
    #[inline]
    fn from(bytes: &[u8]) -> Self {
        BinaryRow(SmallVec::from_slice(bytes))
    }
}

impl fmt::Debug for BinaryRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The name by which a schema is known to be one of rows, whose columns are said where a state is registered.
pub(crate) const BINARY_ROW: &str = "BinaryRow";

impl Serialize for BinaryRow {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(BINARY_ROW, &AsBytes(&self.0))
    }
}

impl<'de> Deserialize<'de> for BinaryRow {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(BINARY_ROW, FromBytes)
    }
}

/// Bytes, and not a sequence of numbers.
struct AsBytes<'a>(&'a [u8]);

impl Serialize for AsBytes<'_> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

struct FromBytes;

impl<'de> Visitor<'de> for FromBytes {
    type Value = BinaryRow;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes of a row")
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<BinaryRow, D::Error> {
        deserializer.deserialize_bytes(self)
    }

    #[inline]
    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<BinaryRow, E> {
        Ok(BinaryRow::from(bytes))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut bytes: A) -> Result<BinaryRow, A::Error> {
        let mut row = SmallVec::with_capacity(bytes.size_hint().unwrap_or(0).min(ROOM_MAX));
        while let Some(byte) = bytes.next_element()? {
            row.push(byte);
        }
        Ok(BinaryRow(row))
    }
}
