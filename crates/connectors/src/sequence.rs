//! `from_sequence`: the numbers of a range, both ends included. (Flink: `NumberSequenceSource`.)

#[cfg(test)]
mod tests;

use crate::memory_reader::{MakeRows, MemoryReader};
use crate::split_queue::SplitQueue;
use flott_api::source::{EnumeratorContext, ReaderContext};
use flott_api::{Boundedness, Source, Split};
use flott_core::{Data, Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use std::marker::PhantomData;

/// Splits for each reader, if the range is long enough: when the parallelism changes, those that nobody has begun
/// are what new readers get.
const SPLITS_PER_READER: u64 = 4;
/// Shorter splits are not made for that purpose.
const SPLIT_ROWS_MIN: u64 = 1 << 22;

/// Integers that a sequence can consist of: `i64`, as in Flink, and `u64`.
pub trait SequenceNumber: Data + Copy + Sync + PartialOrd + Display {
    /// How many numbers there are before `to` if one starts at `from`; none if `to` is less.
    fn distance(from: Self, to: Self) -> u64;
    /// The number that comes `n` after this one, starting over at the other end of the type.
    #[must_use]
    fn plus(self, n: u64) -> Self;
}

impl SequenceNumber for i64 {
    fn distance(from: i64, to: i64) -> u64 {
        if to < from { 0 } else { to.wrapping_sub(from).cast_unsigned() }
    }

    #[inline]
    fn plus(self, n: u64) -> i64 {
        self.wrapping_add(n.cast_signed())
    }
}

impl SequenceNumber for u64 {
    fn distance(from: u64, to: u64) -> u64 {
        to.saturating_sub(from)
    }

    #[inline]
    fn plus(self, n: u64) -> u64 {
        self.wrapping_add(n)
    }
}

/// The numbers of a range. At parallelism 1 they come in order; otherwise each reader reads parts of the range, each
/// part in order.
#[derive(Clone, Debug)]
pub struct SequenceSource<N> {
    from: N,
    to: N,
}

impl<N: SequenceNumber> SequenceSource<N> {
    /// The numbers from `from` to `to`, both included. `to` must not be less than `from`.
    pub fn new(from: N, to: N) -> Self {
        SequenceSource { from, to }
    }

    fn splits(&self, parallelism: u32) -> Vec<SequenceSplit<N>> {
        // One less than there are numbers, which fits if the range is the whole type.
        let last = N::distance(self.from, self.to);
        let readers = u64::from(parallelism.max(1));
        let count = (last / SPLIT_ROWS_MIN).clamp(readers, readers * SPLITS_PER_READER).min(last.saturating_add(1));
        let share = |n: u64| ((u128::from(last) + 1) * u128::from(n) / u128::from(count)) as u64;
        (0..count)
            .map(|n| {
                let (start, end) = (share(n), share(n + 1).wrapping_sub(1));
                SequenceSplit {
                    number: n,
                    next: self.from.plus(start),
                    left: Left { rows: end - start, is_done: false },
                }
            })
            .collect()
    }
}

/// A part of the range.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SequenceSplit<N> {
    /// Which part.
    number: u64,
    next: N,
    left: Left,
}

/// How many numbers are to come: `rows` + 1 unless `is_done`, so that the largest range has a form too.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Left {
    rows: u64,
    is_done: bool,
}

impl<N: SequenceNumber> Split for SequenceSplit<N> {
    fn id(&self) -> String {
        format!("sequence {}", self.number)
    }
}

/// Counts.
pub struct CountRows<N>(PhantomData<fn() -> N>);

impl<N: SequenceNumber> MakeRows for CountRows<N> {
    type Item = N;
    type Split = SequenceSplit<N>;

    fn make(&mut self, split: &mut SequenceSplit<N>, rows_max: usize) -> Result<Vec<N>> {
        let SequenceSplit { next, left, .. } = split;
        if left.is_done {
            return Ok(Vec::new());
        }
        let count = (rows_max.max(1) as u64 - 1).min(left.rows) + 1;
        let first = *next;
        let rows = (0..count as usize).map(|n| first.plus(n as u64)).collect();
        *next = first.plus(count);
        left.is_done = count > left.rows;
        left.rows = left.rows.saturating_sub(count);
        Ok(rows)
    }
}

impl<N: SequenceNumber> Source for SequenceSource<N> {
    type Item = N;
    type Split = SequenceSplit<N>;
    type Checkpoint = Vec<SequenceSplit<N>>;
    type Enumerator = SplitQueue<SequenceSplit<N>>;
    type Reader = MemoryReader<CountRows<N>>;

    fn boundedness(&self) -> Boundedness {
        Boundedness::Bounded
    }

    fn create_enumerator(
        &self,
        cx: &EnumeratorContext,
        restored: Option<Vec<SequenceSplit<N>>>,
    ) -> Result<SplitQueue<SequenceSplit<N>>> {
        if self.to < self.from {
            return Err(Error::invalid(format!(
                "a sequence cannot go from {} to {}; write the smaller number first",
                self.from, self.to
            )));
        }
        Ok(SplitQueue::new(restored.unwrap_or_else(|| self.splits(cx.parallelism))))
    }

    fn create_reader(&self, _: &ReaderContext) -> Result<Self::Reader> {
        Ok(MemoryReader::new(CountRows(PhantomData)))
    }
}
