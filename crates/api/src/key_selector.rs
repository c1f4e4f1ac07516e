//! How a record's key is found: a batch at a time, so that one virtual call serves a thousand records.

use flott_core::{Key, KeyHash, MaxParallelism};
use std::marker::PhantomData;

/// Finds the keys of records of type `T`.
pub trait KeySelector<T, K>: Send + Sync {
    /// Writes the key of each row into `keys`, which afterwards is as long as `rows`. What `keys` held before is
    /// reused, so that keys with memory of their own cost no allocation where the selector borrows.
    fn select(&self, rows: &[T], keys: &mut Vec<K>);

    /// Writes the subtask that owns each row's key into `channels`, which afterwards is as long as `rows`.
    fn route(&self, rows: &[T], max: MaxParallelism, parallelism: u32, channels: &mut Vec<u32>);
}

/// A selector that makes the key: `|r| r.user_id`, `|r| r.name.clone()`.
pub struct Owned<F, K>(F, PhantomData<fn() -> K>);

impl<F, K> Owned<F, K> {
    /// The selector of a closure.
    pub fn new(select: F) -> Self {
        Owned(select, PhantomData)
    }
}

impl<T, K: Key, F: Fn(&T) -> K + Send + Sync> KeySelector<T, K> for Owned<F, K> {
    fn select(&self, rows: &[T], keys: &mut Vec<K>) {
        keys.clear();
        keys.extend(rows.iter().map(&self.0));
    }

    fn route(&self, rows: &[T], max: MaxParallelism, parallelism: u32, channels: &mut Vec<u32>) {
        channels.clear();
        let owners = max.owners(parallelism);
        channels.extend(rows.iter().map(move |row| owners.of(KeyHash::of(&(self.0)(row)))));
    }
}

/// A selector that lends the key: `|r| &r.name`.
pub struct Borrowed<F, K>(F, PhantomData<fn() -> K>);

impl<F, K> Borrowed<F, K> {
    /// The selector of a closure.
    pub fn new(select: F) -> Self {
        Borrowed(select, PhantomData)
    }
}

impl<T, K: Key, F: Fn(&T) -> &K + Send + Sync> KeySelector<T, K> for Borrowed<F, K> {
    fn select(&self, rows: &[T], keys: &mut Vec<K>) {
        keys.truncate(rows.len());
        let reused = keys.len();
        for (key, row) in keys.iter_mut().zip(rows) {
            key.clone_from((self.0)(row));
        }
        keys.extend(rows[reused..].iter().map(|row| (self.0)(row).clone()));
    }

    fn route(&self, rows: &[T], max: MaxParallelism, parallelism: u32, channels: &mut Vec<u32>) {
        channels.clear();
        let owners = max.owners(parallelism);
        channels.extend(rows.iter().map(move |row| owners.of(KeyHash::of((self.0)(row)))));
    }
}
