//! The pinned hash of keys, version 1.
//!
//! A key's hash decides which key group its state belongs to, in every checkpoint ever written, so it may never
//! change. It is therefore not `std::hash` (whose input differs by version and platform) but a walk over the key's
//! serde form:
//!
//! * every integer is widened to 64 bits (sign-extended), so that widening a key's type keeps its group; `bool`
//!   and `char` likewise; 128-bit integers are two words, low one first;
//! * text and bytes are one word, their XXH3-64 (seed 0);
//! * `None` and unit are the word 0; `Some(x)` is the word 1, then `x`; an enum is its variant's index, then the
//!   content; a sequence or map is its length, then the elements; tuples and structs are their fields, no names;
//! * words are folded in by `state = fold(state ^ word, M1)` from state `S`, and the result is `fold(state, M2)`,
//!   where `fold(a, b)` is the high half of the 128-bit product xor its low half.
//!
//! Test vectors below pin it.

use serde::ser::{self, Serialize};
use std::fmt;

/// The number of this definition, stored in every checkpoint.
pub const KEY_HASH_VERSION: u32 = 1;

const S: u64 = 0x243F_6A88_85A3_08D3;
const M1: u64 = 0x9E37_79B9_7F4A_7C15;
const M2: u64 = 0xD6E8_FEB8_6659_FD93;

/// The 64-bit hash of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyHash(pub u64);

impl KeyHash {
    /// The hash of `key`.
    #[inline]
    pub fn of<K: Serialize + ?Sized>(key: &K) -> KeyHash {
        let mut hasher = Hasher { state: S };
        // The hasher itself never fails. Where a key's own `Serialize` does, what was folded in so far stands.
        let _ = key.serialize(&mut hasher);
        KeyHash(fold(hasher.state, M2))
    }

    /// The hash of a key that is bytes.
    #[inline]
    pub fn of_bytes(key: &[u8]) -> KeyHash {
        let mut hasher = Hasher { state: S };
        hasher.word(xxhash_rust::xxh3::xxh3_64(key));
        KeyHash(fold(hasher.state, M2))
    }

    /// The hash of this key together with `other`, say of its namespace.
    #[inline]
    #[must_use]
    pub fn with<N: Serialize + ?Sized>(self, other: &N) -> KeyHash {
        let mut hasher = Hasher { state: self.0 };
        let _ = other.serialize(&mut hasher);
        KeyHash(fold(hasher.state, M2))
    }
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

struct Hasher {
    state: u64,
}

impl Hasher {
    #[inline]
    fn word(&mut self, word: u64) {
        self.state = fold(self.state ^ word, M1);
    }
}

/// What a key's own `Serialize` may report; the hasher itself never fails.
#[derive(Debug)]
pub struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the key refused to be hashed")
    }
}

impl std::error::Error for Refused {}

impl ser::Error for Refused {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Refused
    }
}

macro_rules! words {
    ($($method:ident($kind:ty)),*) => {
        $(#[inline]
        fn $method(self, v: $kind) -> Result<(), Refused> {
            self.word(v as u64);
            Ok(())
        })*
    };
}

impl ser::Serializer for &mut Hasher {
    type Ok = ();
    type Error = Refused;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    words! {
        serialize_bool(bool), serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64),
        serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_u64(u64), serialize_char(char)
    }

    fn serialize_i128(self, v: i128) -> Result<(), Refused> {
        self.serialize_u128(v as u128)
    }
    fn serialize_u128(self, v: u128) -> Result<(), Refused> {
        self.word(v as u64);
        self.word((v >> 64) as u64);
        Ok(())
    }
    fn serialize_f32(self, v: f32) -> Result<(), Refused> {
        self.serialize_f64(f64::from(v))
    }
    fn serialize_f64(self, v: f64) -> Result<(), Refused> {
        self.word(v.to_bits());
        Ok(())
    }
    #[inline]
    fn serialize_str(self, v: &str) -> Result<(), Refused> {
        self.serialize_bytes(v.as_bytes())
    }
    #[inline]
    fn serialize_bytes(self, v: &[u8]) -> Result<(), Refused> {
        self.word(xxhash_rust::xxh3::xxh3_64(v));
        Ok(())
    }
    fn serialize_none(self) -> Result<(), Refused> {
        self.serialize_unit()
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Refused> {
        self.word(1);
        value.serialize(self)
    }
    #[inline]
    fn serialize_unit(self) -> Result<(), Refused> {
        self.word(0);
        Ok(())
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Refused> {
        self.serialize_unit()
    }
    fn serialize_unit_variant(self, _: &'static str, index: u32, _: &'static str) -> Result<(), Refused> {
        self.word(u64::from(index));
        Ok(())
    }
    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Refused> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        self.word(u64::from(index));
        value.serialize(self)
    }
    fn serialize_seq(self, len: Option<usize>) -> Result<Self, Refused> {
        self.word(len.unwrap_or(usize::MAX) as u64);
        Ok(self)
    }
    #[inline]
    fn serialize_tuple(self, _: usize) -> Result<Self, Refused> {
        Ok(self)
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Refused> {
        Ok(self)
    }
    fn serialize_tuple_variant(self, _: &'static str, index: u32, _: &'static str, _: usize) -> Result<Self, Refused> {
        self.word(u64::from(index));
        Ok(self)
    }
    fn serialize_map(self, len: Option<usize>) -> Result<Self, Refused> {
        self.serialize_seq(len)
    }
    #[inline]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Refused> {
        Ok(self)
    }
    fn serialize_struct_variant(self, _: &'static str, index: u32, _: &'static str, _: usize) -> Result<Self, Refused> {
        self.word(u64::from(index));
        Ok(self)
    }
    fn is_human_readable(&self) -> bool {
        false
    }
}

macro_rules! parts {
    ($($kind:ident::$method:ident),*) => {
        $(impl ser::$kind for &mut Hasher {
            type Ok = ();
            type Error = Refused;
            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
                value.serialize(&mut **self)
            }
            #[inline]
            fn end(self) -> Result<(), Refused> {
                Ok(())
            }
        })*
    };
}

parts! {
    SerializeSeq::serialize_element, SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field, SerializeTupleVariant::serialize_field
}

macro_rules! fields {
    ($($kind:ident),*) => {
        $(impl ser::$kind for &mut Hasher {
            type Ok = ();
            type Error = Refused;
            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(&mut self, _: &'static str, value: &T) -> Result<(), Refused> {
                value.serialize(&mut **self)
            }
            #[inline]
            fn end(self) -> Result<(), Refused> {
                Ok(())
            }
        })*
    };
}

fields! { SerializeStruct, SerializeStructVariant }

impl ser::SerializeMap for &mut Hasher {
    type Ok = ();
    type Error = Refused;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Refused> {
        key.serialize(&mut **self)
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        value.serialize(&mut **self)
    }
    fn end(self) -> Result<(), Refused> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pinned_vectors() {
        #[derive(serde::Serialize)]
        struct Pair {
            a: u32,
            b: String,
        }
        let found = [
            KeyHash::of(&0u64),
            KeyHash::of(&1u64),
            KeyHash::of(&-1i32),
            KeyHash::of_bytes(b"flott"),
            KeyHash::of(&(7u8, "x")),
            KeyHash::of(&Pair { a: 7, b: "x".into() }),
            KeyHash::of(&Some(3u16)),
            KeyHash::of(&vec![1u32, 2]),
        ]
        .map(|h| format!("{:016x}", h.0));
        assert_eq!(found, PINNED, "the key hash may never change: every checkpoint depends on it");
    }

    const PINNED: [&str; 8] = [
        "e88d2cd17c058b32",
        "edde968d37237e9f",
        "71ea84d3777243c5",
        "5aa8e9a86f687e79",
        "7e30344069ae3722",
        "7e30344069ae3722",
        "b686aac0d86ad43c",
        "33b6cc588385c674",
    ];

    #[test]
    fn widening_a_key_keeps_its_hash() {
        assert_eq!(KeyHash::of(&-5i32), KeyHash::of(&-5i64));
        assert_eq!(KeyHash::of(&5u8), KeyHash::of(&5u64));
    }

    #[test]
    fn neighbouring_numbers_spread_over_key_groups() {
        let max = crate::MaxParallelism::new(128).unwrap();
        let mut counts = [0; 128];
        for key in 0..12_800u64 {
            counts[usize::from(max.key_group(KeyHash::of(&key)).0)] += 1;
        }
        assert!(counts.iter().all(|&n| (50..160).contains(&n)), "{counts:?}");
    }
}
