//! A list in parts, each an entry of the table: what is added changes the last part alone, so that a snapshot and a store
//! write little of a long list.
//!
//! ```text
//! 0  1  2  ...  last      full parts by their numbers; the last one says how many are before it
//! ```

use super::table::{Expire, Expired};
use super::ttl::Deadline;
use flott_core::{Data, codec};
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::ops::Range;

/// Bytes of memory that the elements of a part may take, without what they point to.
const PART_BYTES: usize = 16 << 10;
/// Elements of a part, of small and of large ones.
const PART_ELEMENTS: [usize; 2] = if cfg!(test) { [3, 3] } else { [512, 16] };

/// The number of a part, whose bytes are in its order. The last part has the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartNumber([u8; 4]);

impl PartNumber {
    pub const LAST: PartNumber = PartNumber([u8::MAX; 4]);

    pub fn of(number: u32) -> PartNumber {
        PartNumber(number.to_be_bytes())
    }
}

/// The namespace in which a key has what it has, if there is one such: nothing, or the last part of its list.
#[inline]
pub(super) fn usual<N: Clone + 'static>() -> Option<N> {
    let (nothing, last): (&dyn Any, &dyn Any) = (&(), &PartNumber::LAST);
    nothing.downcast_ref().or_else(|| last.downcast_ref()).cloned()
}

/// Elements of a list, one after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ListPart<T> {
    /// Of the last part: the first part that may be there.
    pub first: u32,
    /// Of the last part: the number that is next. Of the others their own.
    pub parts: u32,
    pub values: Vec<T>,
}

/// Elements of a list with their stamps, kept apart so that the elements are a slice.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StampedPart<T> {
    pub part: ListPart<T>,
    /// As many as values.
    pub stamps: Vec<i64>,
}

/// A part, with stamps or without.
pub(super) trait AnyPart: Data + Default {
    fn numbers(&self) -> Range<u32>;
    /// Moves elements to the end of the part.
    fn append(&mut self, other: Self);
    /// Copies elements to the end of the part.
    fn extend(&mut self, other: &Self);
    /// Takes the full parts out of a last one that has become too long.
    fn split(&mut self) -> Vec<Self>;
}

/// The names of the parts before the last one of a list, if that is what the value is.
pub(super) fn part_names<N: Clone + 'static, V: Data>(last: &V) -> Option<Vec<N>> {
    let example: &dyn Any = &PartNumber::LAST;
    example.downcast_ref::<N>()?;
    // A part begins with its numbers, whatever its elements are.
    let bytes = codec::to_bytes(last).ok()?;
    let mut rest = &bytes[..];
    let first: u32 = codec::decode(&mut rest).ok()?;
    let end: u32 = codec::decode(&mut rest).ok()?;
    let name = |number| {
        let name: &dyn Any = &PartNumber::of(number);
        name.downcast_ref::<N>().cloned()
    };
    (first..end).map(name).collect()
}

/// A list in parts, with their names.
pub(super) fn numbered<P: AnyPart>(mut last: P) -> Vec<(PartNumber, P)> {
    let full = last.split().into_iter().map(|part| (PartNumber::of(part.numbers().end), part));
    let mut parts: Vec<_> = full.collect();
    parts.push((PartNumber::LAST, last));
    parts
}

impl<T> ListPart<T> {
    pub fn of(values: Vec<T>) -> Self {
        ListPart { first: 0, parts: 0, values }
    }

    /// How many elements a part holds at most.
    pub const fn len_max() -> usize {
        let [many, few] = PART_ELEMENTS;
        let room = match size_of::<T>() {
            0 => many,
            bytes => PART_BYTES / bytes,
        };
        if room > many {
            many
        } else if room < few {
            few
        } else {
            room
        }
    }

    /// The full part that comes next.
    fn next(&mut self, values: Vec<T>) -> Self {
        self.parts += 1;
        ListPart { first: 0, parts: self.parts - 1, values }
    }
}

impl<T> Default for ListPart<T> {
    fn default() -> Self {
        ListPart::of(Vec::new())
    }
}

impl<T: Data> AnyPart for ListPart<T> {
    #[inline]
    fn numbers(&self) -> Range<u32> {
        self.first..self.parts
    }

    fn append(&mut self, mut other: Self) {
        self.values.append(&mut other.values);
    }

    fn extend(&mut self, other: &Self) {
        self.values.extend_from_slice(&other.values);
    }

    #[inline]
    fn split(&mut self) -> Vec<Self> {
        if self.values.len() <= Self::len_max() {
            return Vec::new();
        }
        let mut rest = std::mem::take(&mut self.values).into_iter();
        let mut full = Vec::new();
        while rest.len() > Self::len_max() {
            let values = rest.by_ref().take(Self::len_max()).collect();
            full.push(self.next(values));
        }
        self.values = rest.collect();
        full
    }
}

impl<T> StampedPart<T> {
    /// A part that stands where a part without stamps stood.
    pub fn stamped(part: ListPart<T>, stamp: i64) -> Self {
        let stamps = vec![stamp; part.values.len()];
        StampedPart { part, stamps }
    }

    #[inline]
    pub fn push(&mut self, value: T, stamp: i64) {
        self.part.values.push(value);
        self.stamps.push(stamp);
    }

    pub fn drop_expired(&mut self, deadline: Deadline) {
        let mut stamps = self.stamps.iter();
        self.part.values.retain(|_| stamps.next().is_some_and(|stamp| !deadline.has_passed(*stamp)));
        self.stamps.retain(|stamp| !deadline.has_passed(*stamp));
    }

    /// Whether every element has expired.
    pub fn is_expired(&self, deadline: Deadline) -> bool {
        self.stamps.iter().all(|stamp| deadline.has_passed(*stamp))
    }
}

impl<T> Default for StampedPart<T> {
    fn default() -> Self {
        StampedPart { part: ListPart::default(), stamps: Vec::new() }
    }
}

impl<T: Data> AnyPart for StampedPart<T> {
    #[inline]
    fn numbers(&self) -> Range<u32> {
        self.part.numbers()
    }

    fn append(&mut self, mut other: Self) {
        self.part.append(other.part);
        self.stamps.append(&mut other.stamps);
    }

    fn extend(&mut self, other: &Self) {
        self.part.extend(&other.part);
        self.stamps.extend_from_slice(&other.stamps);
    }

    fn split(&mut self) -> Vec<Self> {
        let mut stamps = self.stamps.iter().copied();
        let full = self.part.split().into_iter();
        let full = full.map(|part| StampedPart { stamps: stamps.by_ref().take(part.values.len()).collect(), part });
        let full: Vec<Self> = full.collect();
        if !full.is_empty() {
            self.stamps = stamps.collect();
        }
        full
    }
}

impl<V: Data> Expire for StampedPart<V> {
    fn has_expired(&self, deadline: Deadline) -> bool {
        // Elements stand in the order of their stamps, but for jumps of the clock; reading looks at every one.
        self.stamps.first().is_none_or(|first| deadline.has_passed(*first))
    }

    fn expire(&mut self, deadline: Deadline) -> Expired {
        if self.is_expired(deadline) {
            return Expired::All;
        }
        self.drop_expired(deadline);
        Expired::Part
    }

    fn stamp(&self) -> i64 {
        self.stamps.iter().copied().max().unwrap_or(i64::MIN)
    }
}
