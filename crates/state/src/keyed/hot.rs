//! The hot keys of an operator: which keys most of its records had in the last ten seconds.
//!
//! Operators show each batch's keys ([`KeyedState::note_keys`]). Of these only a few thousand samples are taken in five
//! seconds, whatever the rate, so that the cost does not grow with it: a slow stream is counted record by record, of a fast
//! one only one record in hundreds or thousands is looked at. Two halves of five seconds each have a
//! [`Sketch`]; what is shown is their sum, and a key that has cooled down is gone when both have been replaced.
//!
//! Not part of any snapshot: a restarted job watches anew.

mod name;
mod sketch;

use super::{KeySlot, KeyedState};
use flott_core::{Key, ProcessingTime};
use sketch::{Found, Sketch};

/// So many keys of an operator are named in each subtask.
pub const HOT_KEYS_MAX: usize = 10;

/// Half of the time that is looked back.
const HALF_MS: i64 = 5000;

/// After so many samples in one half, fewer are taken. A share that they show is off by less than a percent of all records, a
/// small one by far less.
const SAMPLES_MAX: u64 = 4096;

/// So many are planned, so that a stream of the same rate stays below.
const SAMPLES_PLANNED: u64 = 3072;

/// A key that many records have had lately.
#[derive(Clone, Debug, PartialEq)]
pub struct HotKey {
    /// The key for people: text as it is, anything else as JSON, cut to 64 characters.
    pub key: String,
    /// The part of the subtask's records that have it, from 0 to 1.
    pub share: f64,
    /// Estimated records per second that have it.
    pub per_second: f64,
}

impl<K: Key> KeyedState<K> {
    /// Says which keys the records of a batch have, for the list of hot keys. An operator calls it once per batch; only a few
    /// of the keys are looked at.
    #[inline]
    pub fn note_keys(&mut self, keys: &[K], slots: &[KeySlot]) {
        let now = self.now();
        if let Some(hot) = &mut self.hot {
            hot.note(keys, slots, now);
        }
    }

    /// From now on hot keys are watched. Where all records have the same key, as in windows over a whole stream, there is
    /// nothing to watch.
    pub(super) fn watch_hot_keys(&mut self) {
        self.hot = (size_of::<K>() > 0).then(HotKeys::new);
    }

    pub(super) fn hot_keys(&mut self, now: ProcessingTime) -> Vec<HotKey> {
        self.hot.as_mut().map_or_else(Vec::new, |hot| hot.hottest(now))
    }
}

/// What is known of the keys of the last seconds.
pub(super) struct HotKeys<K> {
    current: Sketch<K>,
    /// The half before the current one.
    last: Sketch<K>,
    /// When the first record came of those that are shown; none have come if there is no such time.
    since_ms: Option<i64>,
    /// When the current half is over.
    end_ms: i64,
    /// So many records are passed over before the next sample.
    pass_over: usize,
    /// One record in so many is looked at, on average.
    stride: u64,
    /// Samples since the stride was last changed.
    samples: u64,
    /// Steps of chance, so that keys that come in turns are not seen in step. Results do not depend on it.
    chance: fastrand::Rng,
}

impl<K: Key> HotKeys<K> {
    fn new() -> Self {
        HotKeys {
            current: Sketch::new(),
            last: Sketch::new(),
            since_ms: None,
            end_ms: i64::MIN,
            pass_over: 0,
            stride: 1,
            samples: 0,
            chance: fastrand::Rng::with_seed(1),
        }
    }

    /// Records with these keys have come.
    #[inline]
    fn note(&mut self, keys: &[K], slots: &[KeySlot], now: ProcessingTime) {
        if self.pass_over >= keys.len() {
            self.pass_over -= keys.len();
        } else {
            self.sample(keys, slots, now.0);
        }
    }

    fn sample(&mut self, keys: &[K], slots: &[KeySlot], now_ms: i64) {
        self.turn(now_ms);
        if self.since_ms.is_none() {
            self.since_ms = Some(now_ms);
            self.end_ms = now_ms.saturating_add(HALF_MS);
        }
        while let (Some(key), Some(slot)) = (keys.get(self.pass_over), slots.get(self.pass_over)) {
            self.current.add(key, slot.hash, self.stride);
            self.samples += 1;
            if self.samples == SAMPLES_MAX {
                // There are more records than was thought. Each sample counts for as many as its stride is long.
                (self.samples, self.stride) = (0, self.stride.saturating_mul(4));
            }
            self.pass_over += self.step();
        }
        self.pass_over -= keys.len();
    }

    /// From one sample to the next: the stride on average.
    fn step(&mut self) -> usize {
        usize::try_from(self.chance.u64(1..self.stride.saturating_mul(2))).unwrap_or(usize::MAX / 2)
    }

    /// Goes on to another half, if it is time.
    fn turn(&mut self, now_ms: i64) {
        let Some(since_ms) = self.since_ms else { return };
        let late_ms = now_ms.saturating_sub(self.end_ms);
        if now_ms >= since_ms && late_ms < 0 {
            return;
        }
        // What was measured last says how many records there will be.
        self.stride = (self.current.total() / SAMPLES_PLANNED).max(1);
        self.samples = 0;
        std::mem::swap(&mut self.current, &mut self.last);
        self.current.clear();
        // Long ago, or in the future of a clock that was set back.
        if late_ms >= HALF_MS || now_ms < since_ms {
            self.last.clear();
        }
        if self.last.total() == 0 {
            self.since_ms = None;
        } else {
            self.since_ms = Some(self.end_ms - HALF_MS);
            self.end_ms += HALF_MS;
        }
    }

    /// The hottest keys, the hottest first. None where none stands out from the others.
    fn hottest(&mut self, now: ProcessingTime) -> Vec<HotKey> {
        self.turn(now.0);
        let Some(since_ms) = self.since_ms else { return Vec::new() };
        let seconds = (now.0.saturating_sub(since_ms).max(1000)) as f64 / 1000.0;
        let all = (self.current.total() + self.last.total()) as f64;
        let mut found = sketch::sum(&self.current, &self.last);
        // Where there are many keys, most counters belong to whoever came last and say nothing about it. Half of what a
        // key is said to have must be certain; of a key with more than two counters' part of all, it always is.
        found.retain(Found::is_certain);
        found.sort_by(|a, b| b.estimate().total_cmp(&a.estimate()).then(a.hash.0.cmp(&b.hash.0)));
        found.truncate(HOT_KEYS_MAX);
        let named = found.iter().map(|found| HotKey {
            key: name::of(found.key),
            share: found.estimate() / all,
            per_second: found.estimate() / seconds,
        });
        named.collect()
    }
}

#[cfg(test)]
mod tests;
