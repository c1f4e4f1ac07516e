//! The one binary encoding of records, keys and state values: postcard, a compact form of serde's data model.
//!
//! Integers are variable-length, fields stand in order without names. Whoever stores bytes stores the format
//! version beside them.

use crate::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Appends `value` to `out`.
///
/// # Errors
/// `Internal` when the type cannot be encoded (a sequence of unknown length, say).
#[inline]
pub fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<()> {
    struct Append<'a>(&'a mut Vec<u8>);
    impl postcard::ser_flavors::Flavor for Append<'_> {
        type Output = ();
        #[inline(always)]
        fn try_push(&mut self, data: u8) -> postcard::Result<()> {
            self.0.push(data);
            Ok(())
        }
        #[inline(always)]
        fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
            // A number takes at most ten bytes, for which a call of memcpy costs more than the copy.
            if data.len() <= 10 {
                self.0.reserve(10);
                data.iter().for_each(|byte| self.0.push(*byte));
            } else {
                self.0.extend_from_slice(data);
            }
            Ok(())
        }
        fn finalize(self) -> postcard::Result<()> {
            Ok(())
        }
    }
    postcard::serialize_with_flavor(value, Append(out))
        .map_err(|e| Error::internal(format!("a value of type {} cannot be encoded: {e}", std::any::type_name::<T>())))
}

/// `value` as bytes of its own.
///
/// # Errors
/// As [`encode`].
pub fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    encode(value, &mut out)?;
    Ok(out)
}

/// Reads one value from the front of `bytes` and moves `bytes` past it.
///
/// # Errors
/// `Corrupt` when the bytes are not a `T`.
pub fn decode<T: DeserializeOwned>(bytes: &mut &[u8]) -> Result<T> {
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(|e| {
        Error::corrupt(format!("{} bytes are not a value of type {}: {e}", bytes.len(), std::any::type_name::<T>()))
    })?;
    *bytes = rest;
    Ok(value)
}

/// Reads one value that fills `bytes` exactly.
///
/// # Errors
/// `Corrupt` when the bytes are not a `T`, or when some are left over.
pub fn from_bytes<T: DeserializeOwned>(mut bytes: &[u8]) -> Result<T> {
    let value = decode(&mut bytes)?;
    at_end::<T>(bytes).map(|()| value)
}

/// Nothing may be left over after a value.
#[inline]
pub(crate) fn at_end<T>(rest: &[u8]) -> Result<()> {
    if rest.is_empty() {
        return Ok(());
    }
    Err(Error::corrupt(format!(
        "{} bytes are left over after a value of type {}",
        rest.len(),
        std::any::type_name::<T>()
    )))
}

/// Reads one value that fills `bytes` exactly and was written by a type of schema `writer`. For more than one value make
/// a [`Decoder`](crate::schema::Decoder).
///
/// # Errors
/// `Invalid` when `T` cannot read what that type writes; otherwise as [`from_bytes`].
pub fn decode_as<T: DeserializeOwned>(writer: &crate::schema::Schema, bytes: &[u8]) -> Result<T> {
    crate::schema::Decoder::new(writer)?.from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_follow_one_another() {
        let mut out = Vec::new();
        encode(&7u64, &mut out).unwrap();
        encode("seven", &mut out).unwrap();
        let mut bytes = &out[..];
        assert_eq!(decode::<u64>(&mut bytes).unwrap(), 7);
        assert_eq!(from_bytes::<String>(bytes).unwrap(), "seven");
    }

    #[test]
    fn wrong_bytes_are_corrupt() {
        assert_eq!(from_bytes::<String>(&[9, 1]).unwrap_err().kind(), crate::ErrorKind::Corrupt);
        assert_eq!(from_bytes::<u8>(&[1, 1]).unwrap_err().kind(), crate::ErrorKind::Corrupt);
    }
}
