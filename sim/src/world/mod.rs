//! The outside world of a job: what its sources read, where its sinks write, and the disk with its checkpoints. It
//! survives the lives of the process.

pub mod ledger;
pub mod mishap;
pub mod replay;

use crate::Rows;
use crate::faults::Faults;
use crate::store::Disk;
use crate::trace::Trace;
use flott_core::{Data, EventTime, Result};
use ledger::{Ledger, LedgerSink};
use mishap::Mishaps;
use replay::Replay;
use std::fmt::Debug;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tempfile::TempDir;

/// The outside world. Cheap to clone; all clones are the same world.
#[derive(Clone)]
pub struct World(Arc<Inner>);

struct Inner {
    data_seed: u64,
    disk: Disk,
    trace: Trace,
    ledger: Mutex<Ledger>,
    mishaps: Mutex<Mishaps>,
    /// Those of the life that is being lived.
    faults: Mutex<Faults>,
    /// Made when it is asked for first.
    folder: OnceLock<TempDir>,
}

impl World {
    /// A world whose sources hold data made from `data_seed`. Nothing goes wrong in it until a life says so.
    pub fn new(data_seed: u64, trace: Trace) -> Self {
        World(Arc::new(Inner {
            data_seed,
            disk: Disk::new(),
            trace,
            ledger: Mutex::new(Ledger::default()),
            mishaps: Mutex::new(Mishaps::default()),
            faults: Mutex::new(Faults::default()),
            folder: OnceLock::new(),
        }))
    }

    /// What the world's data is made from.
    pub fn data_seed(&self) -> u64 {
        self.0.data_seed
    }

    /// The disk with the checkpoints.
    pub fn disk(&self) -> &Disk {
        &self.0.disk
    }

    /// What has happened.
    pub fn trace(&self) -> &Trace {
        &self.0.trace
    }

    /// A new life with its own faults begins.
    pub fn begin_life(&self, faults: &Faults) {
        self.0.disk.recover();
        *lock(&self.0.mishaps) = Mishaps::new(faults.mishaps.clone());
        *lock(&self.0.faults) = faults.clone();
    }

    /// The faults of this life.
    pub fn faults(&self) -> Faults {
        lock(&self.0.faults).clone()
    }

    /// Events made from the world's seed: `make(partition, n, random)` for each of `per_partition` in each of
    /// `partitions`. `random` depends on the seed, the partition and n, and on nothing else.
    pub fn events<T>(
        &self,
        partitions: u32,
        per_partition: u64,
        make: impl Fn(u32, u64, &mut fastrand::Rng) -> T,
    ) -> Vec<Vec<T>> {
        let event = |partition, n| {
            let seed = mix(mix(self.0.data_seed, u64::from(partition)), n);
            make(partition, n, &mut fastrand::Rng::with_seed(seed))
        };
        (0..partitions).map(|partition| (0..per_partition).map(|n| event(partition, n)).collect()).collect()
    }

    /// A source that replays `partitions`, a split each. Every run gives the same rows; their pace is that of the life.
    pub fn replay<T: Data + Sync>(&self, partitions: Vec<Vec<T>>) -> Replay<T> {
        Replay::new(
            self.clone(),
            partitions.into_iter().map(|rows| rows.into_iter().map(|row| (row, None)).collect()).collect(),
        )
    }

    /// As [`World::replay`], with the event time that `time` finds in each row.
    pub fn replay_timed<T: Data + Sync>(&self, partitions: Vec<Vec<T>>, time: impl Fn(&T) -> i64) -> Replay<T> {
        let timed = |row: T| {
            let time = EventTime(time(&row));
            (row, Some(time))
        };
        Replay::new(self.clone(), partitions.into_iter().map(|rows| rows.into_iter().map(timed).collect()).collect())
    }

    /// A sink whose committed rows are what [`World::committed`] shows under `name`.
    pub fn ledger<T: Data + Debug>(&self, name: &str) -> LedgerSink<T> {
        LedgerSink::new(self.clone(), name)
    }

    /// A folder of the machine, empty at first and deleted with the world, and whether this call has made it. For jobs
    /// that read and write files.
    ///
    /// # Panics
    /// When the system gives no folder.
    pub fn folder(&self) -> (&Path, bool) {
        let is_new = self.0.folder.get().is_none();
        let make = || TempDir::new().unwrap_or_else(|e| unreachable!("no temporary folder: {e}"));
        (self.0.folder.get_or_init(make).path(), is_new)
    }

    /// A call of user code, which fails when the life says so: put into a `try_map` where it may happen.
    ///
    /// # Errors
    /// A fault of this life.
    ///
    /// # Panics
    /// A fault of this life.
    pub fn step(&self) -> Result<()> {
        // The guard must be gone before the panic.
        let mishap = lock(&self.0.mishaps).step();
        mishap.map_or(Ok(()), |(call, kind)| mishap::happen(call, kind))
    }

    /// Commits a row in one phase, as a sink without transactions does.
    pub fn commit_at_once<T: Debug>(&self, sink: &str, row: &T) {
        self.with_ledger(|ledger| ledger.commit_at_once(sink, format!("{row:?}")));
    }

    /// All committed rows.
    pub fn committed(&self) -> Rows {
        lock(&self.0.ledger).rows().clone()
    }

    /// Number of transactions that were committed, and of rows in them.
    pub fn commits(&self) -> (usize, u64) {
        lock(&self.0.ledger).commits()
    }

    fn with_ledger<T>(&self, work: impl FnOnce(&mut Ledger) -> T) -> T {
        work(&mut lock(&self.0.ledger))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number that depends on both and looks like chance (SplitMix64).
pub fn mix(a: u64, b: u64) -> u64 {
    let mut z = a.wrapping_add(b.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
