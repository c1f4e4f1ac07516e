//! How far a checkpoint holds its stream up: throughput while one is taken against that without, and the longest that
//! records have waited.
//!
//! What is measured is the CPU time of the slot's thread, so that other programs on the machine do not count.

use super::accounts;
use crate::bench::Failure;
use crate::report::median;
use flott::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// After so many records the clock is read.
const PROBE: u64 = 1024;

/// What the slot's thread has done while there was a checkpoint and while there was none.
#[derive(Default)]
pub(super) struct Held {
    is_measured: AtomicBool,
    is_checkpoint: AtomicBool,
    records: AtomicU64,
    /// CPU time at the last probe.
    last_ns: AtomicU64,
    /// Records and CPU time without a checkpoint, and during one.
    portions: [(AtomicU64, AtomicU64); 2],
    /// The longest time between two probes, during the checkpoint that is taken.
    longest_ns: AtomicU64,
    seen: Mutex<Vec<Checkpoint>>,
}

/// A checkpoint that was measured.
pub(super) struct Checkpoint {
    /// From its trigger until it was complete.
    pub duration_ms: f64,
    /// Bytes that were written.
    pub bytes: f64,
    /// The longest that records have waited.
    pub pause_ms: f64,
}

impl Held {
    /// For the sink: a record has come.
    pub(super) fn record(&self) {
        if !self.records.fetch_add(1, Ordering::Relaxed).is_multiple_of(PROBE) {
            return;
        }
        let now = thread_cpu_ns();
        let took = now.saturating_sub(self.last_ns.swap(now, Ordering::Relaxed));
        if self.is_measured.load(Ordering::Relaxed) {
            let is_checkpoint = self.is_checkpoint.load(Ordering::Relaxed);
            let (records, cpu_ns) = &self.portions[usize::from(is_checkpoint)];
            records.fetch_add(PROBE, Ordering::Relaxed);
            cpu_ns.fetch_add(took, Ordering::Relaxed);
            if is_checkpoint {
                self.longest_ns.fetch_max(took, Ordering::Relaxed);
            }
        }
    }

    /// Watches a job until `checkpoints` of them have been taken, from the second one on that is taken from now: one may
    /// be under way that does not hold everything yet, and the next one does.
    pub(super) fn watch(&self, job: &JobClient, checkpoints: usize) -> Result<(), Failure> {
        let mut last = job.metric("lastCompletedCheckpointId") + 2;
        accounts::wait(job, || job.metric("lastCompletedCheckpointId") >= last)?;
        self.is_measured.store(true, Ordering::Relaxed);
        accounts::wait(job, || {
            let is_checkpoint = job.metric("numberOfInProgressCheckpoints") > 0;
            self.is_checkpoint.store(is_checkpoint, Ordering::Relaxed);
            let id = job.metric("lastCompletedCheckpointId");
            let mut seen = self.checkpoints();
            if id > last {
                last = id;
                seen.push(Checkpoint {
                    duration_ms: job.metric("lastCheckpointDuration") as f64,
                    bytes: job.metric("lastCheckpointSize") as f64,
                    pause_ms: self.longest_ns.swap(0, Ordering::Relaxed) as f64 / 1e6,
                });
            }
            seen.len() >= checkpoints
        })?;
        self.is_measured.store(false, Ordering::Relaxed);
        Ok(())
    }

    fn checkpoints(&self) -> MutexGuard<'_, Vec<Checkpoint>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something of each checkpoint.
    pub(super) fn all(&self, of: impl Fn(&Checkpoint) -> f64) -> Vec<f64> {
        self.checkpoints().iter().map(of).collect()
    }

    /// The median of something over all checkpoints.
    pub(super) fn median(&self, of: impl Fn(&Checkpoint) -> f64) -> f64 {
        median(self.all(of))
    }

    /// Throughput during checkpoints, in times of that without.
    pub(super) fn ratio(&self) -> f64 {
        let [without, during] = &self.portions;
        let rate = |(records, cpu_ns): &(AtomicU64, AtomicU64)| {
            records.load(Ordering::Relaxed) as f64 / cpu_ns.load(Ordering::Relaxed).max(1) as f64
        };
        rate(during) / rate(without)
    }
}

/// CPU time of this thread.
fn thread_cpu_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32).as_nanos() as u64
}
