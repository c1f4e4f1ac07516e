//! What a snapshot has to write to a store, written on the thread that takes the store's files, while records go on.
//!
//! ```text
//! the task       encodes what changed, group by group      ->  waiting  ->   sorts and writes it, asks for the files
//!                asks the store: writes what waits, first                    the snapshot's thread
//! ```
//!
//! Whoever asks the store finds what was written before. So nothing that waits is ever missing, also if its entry is
//! gone from memory by then; the price is that it has to be written at that moment. Where a task asks its store anyway
//! while a snapshot is taken, nothing is put off.

use super::encode::Encoded;
use crate::WorkingSet;
use crate::store::{Found, KeyedStore, Rows, StateNumber, StoreFile, StoreSize, Visit, WriteBatch};
use flott_core::{ProcessingTime, Result};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What waits may be this part of the working set: it is memory beside that.
const WAITING_PART: usize = 16;
/// Where that is less, memory is short and nothing waits.
const WAITING_MIN: usize = 4 << 20;

/// A store, and what is still to be written to it.
pub(in crate::keyed) struct WriteBehind {
    store: Arc<dyn KeyedStore>,
    working_set: Arc<WorkingSet>,
    waiting: Mutex<Waiting>,
    /// Something waits; asked without the lock.
    is_waiting: AtomicBool,
    /// The store was asked for something since a snapshot was opened.
    was_asked: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    /// In order: a key may come again.
    parts: VecDeque<Encoded>,
    bytes: usize,
}

impl WriteBehind {
    pub fn new(store: Arc<dyn KeyedStore>, working_set: Arc<WorkingSet>) -> Self {
        let (is_waiting, was_asked) = (AtomicBool::new(false), AtomicBool::new(false));
        WriteBehind { store, working_set, waiting: Mutex::default(), is_waiting, was_asked }
    }

    /// A snapshot is opened.
    pub fn on_snapshot(&self) {
        self.was_asked.store(false, Ordering::Relaxed);
    }

    /// Writes entries by the time that the store is asked for anything.
    pub(super) fn write_later(&self, part: Encoded) -> Result<()> {
        let is_full = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.bytes += part.bytes.len();
            waiting.parts.push_back(part);
            self.is_waiting.store(true, Ordering::Release);
            let room = self.working_set.bytes_max() / WAITING_PART;
            room < WAITING_MIN || waiting.bytes > room
        };
        if is_full || self.was_asked.load(Ordering::Relaxed) { self.write_waiting() } else { Ok(()) }
    }

    /// Writes what waits. What could not be written waits on.
    fn write_waiting(&self) -> Result<()> {
        if !self.is_waiting.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = WriteBatch::new();
        while let Some(part) = waiting.parts.front_mut() {
            batch.clear();
            part.sort_into(&mut batch);
            self.store.write(&batch)?;
            waiting.parts.pop_front();
        }
        waiting.bytes = 0;
        self.is_waiting.store(false, Ordering::Release);
        Ok(())
    }

    /// The store, for someone who asks it.
    fn asked(&self) -> Result<&dyn KeyedStore> {
        self.was_asked.store(true, Ordering::Relaxed);
        self.write_waiting()?;
        Ok(&*self.store)
    }
}

impl KeyedStore for WriteBehind {
    fn get_all(&self, keys: &Rows, found: &mut Found<'_>) -> Result<()> {
        self.asked()?.get_all(keys, found)
    }

    fn write(&self, batch: &WriteBatch) -> Result<()> {
        self.write_waiting()?;
        self.store.write(batch)
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<()> {
        self.asked()?.scan(from, to, visit)
    }

    fn delete_range(&self, from: &[u8], to: &[u8]) -> Result<()> {
        self.write_waiting()?;
        self.store.delete_range(from, to)
    }

    fn snapshot(&self, folder: &Path) -> Result<Vec<StoreFile>> {
        self.write_waiting()?;
        self.store.snapshot(folder)
    }

    fn expire_after(&self, state: StateNumber, ttl: Duration) {
        self.store.expire_after(state, ttl);
    }

    fn set_now(&self, now: ProcessingTime) {
        self.store.set_now(now);
    }

    fn size(&self) -> StoreSize {
        self.store.size()
    }
}

#[cfg(test)]
mod tests;
