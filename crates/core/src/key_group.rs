//! Key groups: the unit in which keyed state moves between subtasks when a job is rescaled.
//!
//! A key's group never changes while the job's max parallelism stays; a subtask owns a contiguous range of groups.
//! Formulas are Flink's (`KeyGroupRangeAssignment`), the hash is ours ([`crate::KeyHash`]).

use crate::{Error, KeyHash, Result};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A key group: 0 to max parallelism - 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyGroup(pub u16);

/// How many key groups a job's operator has: 1 to 32768. Fixed by its first checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MaxParallelism(u32);

impl MaxParallelism {
    /// The largest that is possible.
    pub const UPPER_BOUND: u32 = 1 << 15;

    /// `count` key groups.
    ///
    /// # Errors
    /// `Invalid` unless `1 <= count <= 32768`.
    pub fn new(count: u32) -> Result<Self> {
        if (1..=Self::UPPER_BOUND).contains(&count) {
            Ok(MaxParallelism(count))
        } else {
            Err(Error::invalid(format!(
                "max parallelism {count} is not possible; choose one from 1 to {}",
                Self::UPPER_BOUND
            )))
        }
    }

    /// Flink's default for an operator of `parallelism`: one and a half times as many, rounded up to a power of
    /// two, at least 128 and at most 32768.
    pub fn default_for(parallelism: u32) -> Self {
        let wanted = (u64::from(parallelism) + u64::from(parallelism) / 2).next_power_of_two();
        MaxParallelism(wanted.clamp(128, u64::from(Self::UPPER_BOUND)) as u32)
    }

    /// The number of key groups.
    pub fn get(self) -> u32 {
        self.0
    }

    /// The group of a key with this hash.
    #[inline]
    pub fn key_group(self, hash: KeyHash) -> KeyGroup {
        // The hash table uses the lowest bits for the bucket and the top seven as the tag, so the group comes
        // from those between, or else all keys of a subtask would share their tags.
        let middle = (hash.0 >> 25) & 0xFFFF_FFFF;
        KeyGroup(((middle * u64::from(self.0)) >> 32) as u16)
    }

    /// The subtask that owns `group` at `parallelism`.
    #[inline]
    pub fn owner(self, group: KeyGroup, parallelism: u32) -> u32 {
        u32::from(group.0) * parallelism / self.0
    }

    /// The subtasks that own the keys of many records at `parallelism`.
    #[inline]
    pub fn owners(self, parallelism: u32) -> Owners {
        let reciprocal = (1 << RECIPROCAL_BITS) / u64::from(self.0) + 1;
        Owners { max: self, factor: u64::from(parallelism) * reciprocal }
    }

    /// The groups that `subtask` of `parallelism` owns.
    pub fn range(self, subtask: u32, parallelism: u32) -> KeyGroupRange {
        let start = (subtask * self.0).div_ceil(parallelism);
        let end = ((subtask + 1) * self.0 - 1) / parallelism + 1;
        KeyGroupRange { start: start as u16, end: end as u16 }
    }

    /// All groups.
    pub fn all(self) -> KeyGroupRange {
        KeyGroupRange { start: 0, end: self.0 as u16 }
    }
}

/// With so many bits the reciprocal of a max parallelism is exact enough: of a product of group and parallelism, which
/// is below 2^30, its error does not reach the next number.
const RECIPROCAL_BITS: u32 = 45;

/// Says which subtask owns a key, as [`MaxParallelism::owner`] does, without a division for each record.
#[derive(Clone, Copy, Debug)]
pub struct Owners {
    max: MaxParallelism,
    /// The parallelism divided by the max parallelism.
    factor: u64,
}

impl Owners {
    /// The owner of a key with this hash.
    #[inline]
    pub fn of(self, hash: KeyHash) -> u32 {
        self.of_group(self.max.key_group(hash))
    }

    #[inline]
    fn of_group(self, group: KeyGroup) -> u32 {
        ((u64::from(group.0) * self.factor) >> RECIPROCAL_BITS) as u32
    }
}

/// Neighbouring key groups: `start` is in it, `end` is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeyGroupRange {
    /// The first group.
    pub start: u16,
    /// One past the last group.
    pub end: u16,
}

impl KeyGroupRange {
    /// Number of groups.
    pub fn len(self) -> usize {
        usize::from(self.end.saturating_sub(self.start))
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Whether `group` is one of them.
    pub fn contains(self, group: KeyGroup) -> bool {
        (self.start..self.end).contains(&group.0)
    }

    /// Whether the two have a group in common.
    pub fn intersects(self, other: KeyGroupRange) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// The groups in order.
    pub fn iter(self) -> impl Iterator<Item = KeyGroup> {
        (self.start..self.end).map(KeyGroup)
    }
}

impl fmt::Display for KeyGroupRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.start, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn default_max_parallelism_is_flinks() {
        for (parallelism, groups) in [(1, 128), (85, 128), (86, 256), (128, 256), (1000, 2048), (30000, 32768)] {
            assert_eq!(MaxParallelism::default_for(parallelism).get(), groups, "parallelism {parallelism}");
        }
    }

    #[test]
    fn owners_and_ranges_are_flinks() {
        let max = MaxParallelism::new(128).unwrap();
        let ranges = |parallelism| (0..parallelism).map(move |n| max.range(n, parallelism)).map(|r| (r.start, r.end));
        // Flink's ranges include their ends: [0, 42], [43, 85], [86, 127].
        assert_eq!(ranges(3).collect::<Vec<_>>(), [(0, 43), (43, 86), (86, 128)]);
        assert_eq!(ranges(5).collect::<Vec<_>>(), [(0, 26), (26, 52), (52, 77), (77, 103), (103, 128)]);
        assert_eq!([0, 42, 43, 85, 86, 127].map(|group| max.owner(KeyGroup(group), 3)), [0, 0, 1, 1, 2, 2]);
    }

    proptest! {
        #[test]
        fn every_group_has_one_owner_whose_range_holds_it(max in 1u32..=32768, parallelism in 1u32..300, hash: u64) {
            let max = MaxParallelism::new(max).unwrap();
            let parallelism = parallelism.min(max.get());
            let group = max.key_group(KeyHash(hash));
            prop_assert!(u32::from(group.0) < max.get());
            let owner = max.owner(group, parallelism);
            for subtask in 0..parallelism {
                prop_assert_eq!(max.range(subtask, parallelism).contains(group), subtask == owner);
            }
        }

        #[test]
        fn owners_are_what_division_says(max in 1u32..=32768, group: u16, parallelism in 1u32..=32768) {
            let (group, parallelism) = (u32::from(group) % max, parallelism.min(max));
            let (max, group) = (MaxParallelism::new(max).unwrap(), KeyGroup(group as u16));
            prop_assert_eq!(max.owners(parallelism).of_group(group), max.owner(group, parallelism));
        }

        #[test]
        fn ranges_follow_one_another(max in 1u32..=32768, parallelism in 1u32..300) {
            let max = MaxParallelism::new(max).unwrap();
            let parallelism = parallelism.min(max.get());
            let mut next = 0;
            for subtask in 0..parallelism {
                let range = max.range(subtask, parallelism);
                prop_assert_eq!(range.start, next);
                next = range.end;
            }
            prop_assert_eq!(u32::from(next), max.get());
        }
    }
}
