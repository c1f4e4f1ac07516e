//! The codec's encoding, value by value, for whoever reads it without the type: numbers of more than a byte are
//! variable-length (seven bits a byte, lowest first, signed ones zigzag), floats are little-endian, text and
//! sequences begin with their length, options and enums with a tag.

use std::fmt;

/// Why bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Malformed {}

impl From<Malformed> for crate::Error {
    fn from(why: Malformed) -> Self {
        crate::Error::corrupt(format!("bytes are not a value of their schema: {why}"))
    }
}

type Result<T> = std::result::Result<T, Malformed>;

/// The next `len` bytes.
///
/// # Errors
/// When there are fewer; so for every function here.
#[inline]
pub fn take<'b>(input: &mut &'b [u8], len: usize) -> Result<&'b [u8]> {
    let (head, rest) = input.split_at_checked(len).ok_or(Malformed("they end too early"))?;
    *input = rest;
    Ok(head)
}

/// One byte.
///
/// # Errors
/// As [`take`].
#[inline]
pub fn byte(input: &mut &[u8]) -> Result<u8> {
    let (first, rest) = input.split_first().ok_or(Malformed("they end too early"))?;
    *input = rest;
    Ok(*first)
}

/// A yes or no: `bool`, or whether an option holds a value.
///
/// # Errors
/// As [`take`], or when it is neither.
#[inline]
pub fn flag(input: &mut &[u8]) -> Result<bool> {
    match byte(input)? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Malformed("a tag that is 0 or 1 is something else")),
    }
}

/// An unsigned number of up to 64 bits.
///
/// # Errors
/// As [`take`], or when it is too large.
#[inline]
pub fn unsigned(input: &mut &[u8]) -> Result<u64> {
    let first = byte(input)?;
    if first < 0x80 {
        return Ok(u64::from(first));
    }
    let mut value = u64::from(first & 0x7F);
    for n in 1..10 {
        let next = byte(input)?;
        if n == 9 && next > 1 {
            break;
        }
        value |= u64::from(next & 0x7F) << (7 * n);
        if next < 0x80 {
            return Ok(value);
        }
    }
    Err(Malformed("a number is too long"))
}

/// A signed number of up to 64 bits.
///
/// # Errors
/// As [`unsigned`].
#[inline]
pub fn signed(input: &mut &[u8]) -> Result<i64> {
    let value = unsigned(input)?;
    Ok((value >> 1) as i64 ^ -((value & 1) as i64))
}

/// An unsigned number of up to 128 bits.
///
/// # Errors
/// As [`unsigned`].
pub fn unsigned_wide(input: &mut &[u8]) -> Result<u128> {
    let mut value = 0;
    for n in 0..19 {
        let next = byte(input)?;
        if n == 18 && next > 3 {
            break;
        }
        value |= u128::from(next & 0x7F) << (7 * n);
        if next < 0x80 {
            return Ok(value);
        }
    }
    Err(Malformed("a number is too long"))
}

/// A signed number of up to 128 bits.
///
/// # Errors
/// As [`unsigned`].
pub fn signed_wide(input: &mut &[u8]) -> Result<i128> {
    let value = unsigned_wide(input)?;
    Ok((value >> 1) as i128 ^ -((value & 1) as i128))
}

/// How many values or bytes follow.
///
/// # Errors
/// As [`unsigned`].
#[inline]
pub fn length(input: &mut &[u8]) -> Result<usize> {
    usize::try_from(unsigned(input)?).map_err(|_| Malformed("a length is too large"))
}

/// Bytes after their length.
///
/// # Errors
/// As [`unsigned`].
#[inline]
pub fn bytes<'b>(input: &mut &'b [u8]) -> Result<&'b [u8]> {
    let len = length(input)?;
    take(input, len)
}

/// Text after its length.
///
/// # Errors
/// As [`unsigned`], or when it is not UTF-8.
#[inline]
pub fn text<'b>(input: &mut &'b [u8]) -> Result<&'b str> {
    std::str::from_utf8(bytes(input)?).map_err(|_| Malformed("text is not UTF-8"))
}

/// A character, which is written as text.
///
/// # Errors
/// As [`text`], or when it is not one character.
pub fn character(input: &mut &[u8]) -> Result<char> {
    let mut chars = text(input)?.chars();
    match (chars.next(), chars.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(Malformed("a character is none or many")),
    }
}

/// A 32-bit float.
///
/// # Errors
/// As [`take`].
#[inline]
pub fn float(input: &mut &[u8]) -> Result<f32> {
    let (head, rest) = input.split_first_chunk().ok_or(Malformed("they end too early"))?;
    *input = rest;
    Ok(f32::from_le_bytes(*head))
}

/// A 64-bit float.
///
/// # Errors
/// As [`take`].
#[inline]
pub fn double(input: &mut &[u8]) -> Result<f64> {
    let (head, rest) = input.split_first_chunk().ok_or(Malformed("they end too early"))?;
    *input = rest;
    Ok(f64::from_le_bytes(*head))
}

/// Appends an unsigned number.
#[inline]
pub fn put_unsigned(mut value: u128, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed number.
#[inline]
pub fn put_signed(value: i128, out: &mut Vec<u8>) {
    put_unsigned((value << 1 ^ value >> 127) as u128, out);
}

/// Appends bytes after their length.
#[inline]
pub fn put_bytes(value: &[u8], out: &mut Vec<u8>) {
    put_unsigned(value.len() as u128, out);
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_the_codecs(a: i128, b: u128, c: i64, d: u64, e: i16, f: f64, g: char, h: String) {
            let bytes = codec::to_bytes(&(a, b, c, d, e, f, g, &h, true)).unwrap();
            let mut rest = &bytes[..];
            prop_assert_eq!(signed_wide(&mut rest).unwrap(), a);
            prop_assert_eq!(unsigned_wide(&mut rest).unwrap(), b);
            prop_assert_eq!(signed(&mut rest).unwrap(), c);
            prop_assert_eq!(unsigned(&mut rest).unwrap(), d);
            prop_assert_eq!(signed(&mut rest).unwrap(), i64::from(e));
            prop_assert_eq!(double(&mut rest).unwrap().to_bits(), f.to_bits());
            prop_assert_eq!(character(&mut rest).unwrap(), g);
            prop_assert_eq!(text(&mut rest).unwrap(), &h);
            prop_assert!(flag(&mut rest).unwrap() && rest.is_empty());
            let mut out = Vec::new();
            put_signed(a, &mut out);
            put_unsigned(b, &mut out);
            put_signed(c.into(), &mut out);
            put_unsigned(d.into(), &mut out);
            put_signed(e.into(), &mut out);
            out.extend_from_slice(&f.to_le_bytes());
            put_bytes(g.to_string().as_bytes(), &mut out);
            put_bytes(h.as_bytes(), &mut out);
            prop_assert_eq!(&out[..], &bytes[..bytes.len() - 1]);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = (signed_wide(&mut &bytes[..]), signed(&mut &bytes[..]), character(&mut &bytes[..]));
            let _ = (flag(&mut &bytes[..]), float(&mut &bytes[..]), text(&mut &bytes[..]));
        }
    }
}
