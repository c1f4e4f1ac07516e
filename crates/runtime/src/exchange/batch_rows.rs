//! How many rows a batch between two tasks has.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Rows of a batch: as many as the user says, or fewer when the process is short of memory. Channels hold a number of
/// batches, so smaller batches make channels smaller.
#[derive(Debug)]
pub struct BatchRows {
    most: usize,
    now: AtomicUsize,
    /// Batches that have been sent since that was changed.
    sent: AtomicUsize,
}

impl BatchRows {
    /// Batches of `most` rows, at least one.
    pub fn new(most: usize) -> BatchRows {
        let most = most.max(1);
        BatchRows { most, now: AtomicUsize::new(most), sent: AtomicUsize::new(0) }
    }

    /// As many as there are to be now.
    #[inline]
    pub fn get(&self) -> usize {
        self.now.load(Ordering::Relaxed)
    }

    /// As many as the user says, halved so many times.
    pub fn halve(&self, times: u32) {
        let rows = self.most.checked_shr(times).unwrap_or(0).max(1);
        if self.get() != rows {
            self.now.store(rows, Ordering::Relaxed);
            self.sent.store(0, Ordering::Relaxed);
        }
    }

    /// A batch is sent.
    pub(super) fn sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// How many batches have been sent since their size was changed last.
    pub fn sent_since_change(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }
}
