//! What should be in the stores: a map, with times of expiry.

use super::ensure;
use crate::store::{ABOUT_GROUP, KeyedStore, STAMP_HEAD, StateNumber};
use flott_core::{ProcessingTime, Result};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

/// The states of the operator.
pub(super) const STATES: [StateNumber; 3] = [StateNumber(1), StateNumber(0x8000_0000), StateNumber(u32::MAX)];
/// Which of them has a time to live.
pub(super) const TTL_STATE: usize = 1;
pub(super) const TTL: Duration = Duration::from_secs(10);

#[derive(Clone)]
pub(super) struct Model {
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) now: ProcessingTime,
}

impl Default for Model {
    fn default() -> Self {
        Model { entries: BTreeMap::new(), now: ProcessingTime(0) }
    }
}

impl Model {
    /// The same entries at another time.
    pub(super) fn at(self, now: ProcessingTime) -> Model {
        Model { now, ..self }
    }

    pub(super) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.entries.insert(key, value);
    }

    pub(super) fn remove(&mut self, key: &[u8]) {
        self.entries.remove(key);
    }

    pub(super) fn remove_range(&mut self, from: &[u8], to: &[u8]) {
        if from < to {
            let bounds = (Bound::Included(from), Bound::Excluded(to));
            let keys: Vec<Vec<u8>> = self.entries.range::<[u8], _>(bounds).map(|(key, _)| key.clone()).collect();
            keys.iter().for_each(|key| self.remove(key));
        }
    }

    /// Whether a store may have dropped the entry by itself.
    fn is_expired(&self, key: &[u8], value: &[u8]) -> bool {
        let stamp = value.first_chunk::<STAMP_HEAD>().map_or(0, |stamp| i64::from_le_bytes(*stamp));
        let can_expire = key[..2] != ABOUT_GROUP.0.to_be_bytes() && key[2..6] == STATES[TTL_STATE].0.to_be_bytes();
        can_expire && ProcessingTime(stamp).plus(TTL) <= self.now
    }

    /// Checks what a store has for a key.
    pub(super) fn check(&self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        let expected = self.entries.get(key).map(Vec::as_slice);
        let may_be_gone = value.is_none() && expected.is_some_and(|value| self.is_expired(key, value));
        ensure(value == expected || may_be_gone, || {
            format!("the key {key:?} has the value {value:?} and should have {expected:?}")
        })
    }

    /// Checks what a store gives for a scan that ends after `most` entries.
    pub(super) fn check_scan(&self, store: &dyn KeyedStore, from: &[u8], to: &[u8], most: usize) -> Result<()> {
        let mut scanned: Vec<Vec<u8>> = Vec::new();
        store.scan(from, to, &mut |key, value| {
            ensure((from..to).contains(&key), || format!("{key:?} is not from {from:?} to {to:?}"))?;
            ensure(scanned.last().is_none_or(|last| last.as_slice() < key), || format!("{key:?} is out of order"))?;
            self.check(key, Some(value))?;
            scanned.push(key.to_vec());
            Ok(scanned.len() < most)
        })?;
        ensure(scanned.len() <= most, || format!("{} entries were visited and not {most}", scanned.len()))?;
        // A scan that was ended has seen everything up to its last key.
        let end = if scanned.len() == most { scanned.last().map_or(to, Vec::as_slice) } else { to };
        if from >= end {
            return Ok(());
        }
        let mut visited = scanned.iter();
        let mut next = visited.next();
        for (key, value) in self.entries.range::<[u8], _>((Bound::Included(from), Bound::Excluded(end))) {
            if next == Some(key) {
                next = visited.next();
            } else {
                ensure(self.is_expired(key, value), || format!("{key:?} was left out by a scan"))?;
            }
        }
        Ok(())
    }
}
