//! Frequent keys in little memory: the sketch "Space-Saving" (Metwally, Agrawal, El Abbadi 2005), with weights.
//!
//! There is a fixed number of counters. A key that has none takes over the smallest one, with its count, which is what the
//! key may have had at most while nobody counted. So a count is never too small; it is too large by at most one counter's
//! part of all, and that by how much it may be so is known. Every key with more than that part has a counter.

use flott_core::KeyHash;

/// Number of counters.
pub(super) const COUNTERS: usize = 128;

/// Counts the most frequent keys.
pub(super) struct Sketch<K> {
    /// Of the keys, beside each other: to look a key up is to go over them, which needs no index. Keys with the same hash
    /// would count as one, but among so few keys there are none.
    hashes: Vec<KeyHash>,
    counts: Vec<u64>,
    keys: Vec<Counted<K>>,
    total: u64,
    /// No count is smaller.
    least: u64,
    /// Counters before this one have more than the least.
    next: usize,
}

struct Counted<K> {
    key: K,
    /// How much of the count the key may not have had.
    uncertain: u64,
}

/// A key with what is known of it.
pub(super) struct Found<'a, K> {
    pub key: &'a K,
    pub hash: KeyHash,
    /// At least what the key has had.
    pub count: u64,
    /// How much of it the key may not have had.
    pub uncertain: u64,
}

impl<K> Found<'_, K> {
    /// The middle between the most and the least that the key can have had.
    pub fn estimate(&self) -> f64 {
        self.count as f64 - self.uncertain as f64 / 2.0
    }

    /// Whether the key has had at least half of its count.
    pub fn is_certain(&self) -> bool {
        self.uncertain <= self.count / 2
    }
}

impl<K: Clone> Sketch<K> {
    /// An empty one, which takes no memory before the first key.
    pub fn new() -> Self {
        Sketch { hashes: Vec::new(), counts: Vec::new(), keys: Vec::new(), total: 0, least: 0, next: 0 }
    }

    /// Counts a key `weight` times.
    pub fn add(&mut self, key: &K, hash: KeyHash, weight: u64) {
        self.total = self.total.saturating_add(weight);
        if let Some(place) = self.hashes.iter().position(|known| *known == hash) {
            self.counts[place] = self.counts[place].saturating_add(weight);
        } else if self.counts.len() < COUNTERS {
            self.hashes.push(hash);
            self.counts.push(weight);
            self.keys.push(Counted { key: key.clone(), uncertain: 0 });
        } else {
            let place = self.smallest();
            let least = self.counts[place];
            self.hashes[place] = hash;
            self.counts[place] = least.saturating_add(weight);
            self.keys[place] = Counted { key: key.clone(), uncertain: least };
        }
    }

    /// A counter with the smallest count. Counts only grow, so those that were passed need not be looked at again until
    /// no counter is left with the least.
    fn smallest(&mut self) -> usize {
        let mut rest = self.counts.iter().skip(self.next);
        if let Some(ahead) = rest.position(|count| *count <= self.least) {
            self.next += ahead;
            return self.next;
        }
        self.least = self.counts.iter().copied().min().unwrap_or(0);
        self.next = self.counts.iter().position(|count| *count <= self.least).unwrap_or(0);
        self.next
    }

    /// What all keys have had together.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.hashes.clear();
        self.counts.clear();
        self.keys.clear();
        (self.total, self.least, self.next) = (0, 0, 0);
    }

    /// The keys that have a counter.
    pub fn found(&self) -> impl Iterator<Item = Found<'_, K>> {
        let places = self.hashes.iter().zip(&self.counts).zip(&self.keys);
        places.map(|((hash, count), counted)| Found {
            key: &counted.key,
            hash: *hash,
            count: *count,
            uncertain: counted.uncertain,
        })
    }
}

/// The keys of two sketches with what they have in both.
pub(super) fn sum<'a, K: Clone>(one: &'a Sketch<K>, other: &'a Sketch<K>) -> Vec<Found<'a, K>> {
    let mut all: Vec<Found<'a, K>> = one.found().chain(other.found()).collect();
    all.sort_by_key(|found| found.hash.0);
    let mut sums: Vec<Found<'a, K>> = Vec::with_capacity(all.len());
    for found in all {
        match sums.last_mut() {
            Some(sum) if sum.hash == found.hash => {
                sum.count = sum.count.saturating_add(found.count);
                sum.uncertain = sum.uncertain.saturating_add(found.uncertain);
            }
            _ => sums.push(found),
        }
    }
    sums
}
