//! The checkpoint storage: a disk that outlives processes, behind a connection that does not keep its promises.
//!
//! A write takes effect whole or not at all, except when a crash comes upon it: then a new object may be whole, absent or
//! cut off, as on a local disk that loses power. One that is there already is replaced whole or not at all.

use crate::faults::StoreFaults;
use crate::trace::Trace;
use async_trait::async_trait;
use bytes::Bytes;
use fastrand::Rng;
use flott_env::Env;
use futures_util::stream::{BoxStream, StreamExt};
use futures_util::{FutureExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a slow operation takes, in times of a usual one.
const SLOWNESS: u32 = 200;
/// `ENOSPC`.
const NO_SPACE: i32 = 28;

/// The disk. Cheap to clone; all clones are the same disk.
#[derive(Clone, Default)]
pub struct Disk {
    objects: Arc<InMemory>,
    is_crashing: Arc<AtomicBool>,
}

impl Disk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on whatever is being written is cut short; until [`Disk::recover`].
    pub fn crash(&self) {
        self.is_crashing.store(true, Ordering::Relaxed);
    }

    /// The crash is over.
    pub fn recover(&self) {
        self.is_crashing.store(false, Ordering::Relaxed);
    }

    /// The objects themselves, without faults.
    pub fn objects(&self) -> Arc<dyn ObjectStore> {
        self.objects.clone()
    }

    /// Flips a bit in every object whose path is one of these.
    pub fn flip_bits(&self, is_one: impl Fn(&str) -> bool) {
        for path in self.paths().into_iter().filter(|path| is_one(path)).map(Path::from) {
            let flipped = async {
                let mut bytes = self.objects.get(&path).await?.bytes().await?.to_vec();
                if let Some(last) = bytes.last_mut() {
                    *last ^= 1;
                }
                self.objects.put(&path, bytes.into()).await
            };
            // Memory answers at once.
            drop(flipped.now_or_never());
        }
    }

    /// The paths of all objects, in order.
    pub fn paths(&self) -> Vec<String> {
        let listed = self.objects.list(None).try_collect::<Vec<_>>().now_or_never();
        let mut paths: Vec<String> =
            listed.into_iter().flatten().flatten().map(|found| found.location.to_string()).collect();
        paths.sort();
        paths
    }
}

/// The disk as one life reaches it.
pub struct SimStore {
    disk: Disk,
    env: Env,
    faults: StoreFaults,
    random: Mutex<Rng>,
    trace: Trace,
}

impl SimStore {
    /// The way of this life to the disk.
    pub fn new(disk: Disk, env: Env, faults: StoreFaults, trace: Trace) -> Self {
        let random = Mutex::new(env.fork_random());
        SimStore { disk, env, faults, random, trace }
    }

    fn draw<T>(&self, draw: impl FnOnce(&mut Rng) -> T) -> T {
        draw(&mut self.random.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn latency(&self) -> Duration {
        self.draw(|random| {
            let most = self.faults.latency_max.as_millis() as u64;
            let usual = Duration::from_millis(random.u64(..=most));
            if random.f64() < self.faults.slow { (usual + Duration::from_millis(1)) * SLOWNESS } else { usual }
        })
    }

    fn happens(&self, chance: f64) -> bool {
        self.draw(|random| random.f64() < chance)
    }

    fn note(&self, what: fmt::Arguments<'_>) {
        self.trace.note(self.env.elapsed(), what);
    }

    /// Waits as a read does, and fails if this one is to fail.
    async fn reach(&self, what: &str, path: &Path) -> Result<()> {
        let latency = self.latency();
        let fails = self.happens(self.faults.read_fails);
        self.env.sleep(latency).await;
        self.note(format_args!("store {what} {path}{}", if fails { " fails" } else { "" }));
        if fails { Err(refused("the storage does not answer")) } else { Ok(()) }
    }
}

fn refused(why: &str) -> Error {
    Error::Generic { store: "simulation", source: why.into() }
}

impl fmt::Debug for SimStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimStore")
    }
}

impl fmt::Display for SimStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sim:")
    }
}

/// What becomes of a write that a crash comes upon.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Absent,
    Whole,
    /// So many thousandths of it.
    Torn(usize),
}

/// A write under way. Dropped before it has landed, in a crash, it lands as `cut` says.
struct Flight {
    disk: Disk,
    path: Path,
    bytes: Bytes,
    options: PutOptions,
    cut: Cut,
    has_landed: bool,
    trace: Trace,
}

impl Flight {
    async fn land(mut self) -> Result<PutResult> {
        self.has_landed = true;
        self.disk.objects.put_opts(&self.path, self.bytes.clone().into(), self.options.clone()).await
    }

    fn give_up(mut self) {
        self.has_landed = true;
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if self.has_landed || !self.disk.is_crashing.load(Ordering::Relaxed) {
            return;
        }
        // Memory answers at once.
        let is_there = self.disk.objects.head(&self.path).now_or_never().is_some_and(|found| found.is_ok());
        let len = match self.cut {
            Cut::Absent => return,
            Cut::Torn(thousandths) if !is_there => self.bytes.len() * thousandths / 1000,
            Cut::Torn(_) | Cut::Whole => self.bytes.len(),
        };
        let bytes = self.bytes.slice(..len);
        self.trace.note(Duration::ZERO, format_args!("crash in put {}: {:?}", self.path, self.cut));
        // Whether it refuses makes no difference to a process that is dead.
        let _ = self.disk.objects.put_opts(&self.path, bytes.into(), self.options.clone()).now_or_never();
    }
}

#[async_trait]
impl ObjectStore for SimStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let cut = self.draw(|random| match random.u8(..3) {
            0 => Cut::Absent,
            1 => Cut::Whole,
            _ => Cut::Torn(random.usize(..1000)),
        });
        let (before, after) = (self.latency(), self.latency());
        let (fails, is_lost) = (self.happens(self.faults.put_fails), self.happens(self.faults.answer_lost));
        let bytes = Bytes::from(payload);
        let len = bytes.len();
        let (disk, path, trace) = (self.disk.clone(), location.clone(), self.trace.clone());
        let flight = Flight { disk, path, bytes, options, cut, has_landed: false, trace };
        self.env.sleep(before).await;
        if self.faults.full_ms.contains(&(self.env.elapsed().as_millis() as u64)) {
            flight.give_up();
            self.note(format_args!("store put {location}: no room"));
            let full = std::io::Error::from_raw_os_error(NO_SPACE);
            return Err(Error::Generic { store: "simulation", source: Box::new(full) });
        }
        if fails {
            flight.give_up();
            self.note(format_args!("store put {location} fails"));
            return Err(refused("the storage refuses the write"));
        }
        let result = flight.land().await;
        self.note(format_args!("store put {location} {len} bytes{}", if result.is_err() { " is there" } else { "" }));
        self.env.sleep(after).await;
        if is_lost {
            self.note(format_args!("store put {location}: the answer is lost"));
            return Err(refused("the connection was lost"));
        }
        result
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(refused("the simulated storage takes whole objects only"))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.reach(if options.head { "head" } else { "get" }, location).await?;
        self.disk.objects.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let (disk, env, trace) = (self.disk.clone(), self.env.clone(), self.trace.clone());
        let latency = self.latency();
        let fails = self.happens(self.faults.put_fails);
        let is_lost = self.happens(self.faults.answer_lost);
        locations
            .then(move |location| {
                let (disk, env, trace) = (disk.clone(), env.clone(), trace.clone());
                async move {
                    let location = location?;
                    env.sleep(latency).await;
                    trace.note(
                        env.elapsed(),
                        format_args!("store delete {location}{}", if fails { " fails" } else { "" }),
                    );
                    if fails {
                        return Err(refused("the storage refuses to delete"));
                    }
                    let once = futures_util::stream::iter([Ok(location.clone())]).boxed();
                    disk.objects.delete_stream(once).try_collect::<Vec<_>>().await?;
                    if is_lost { Err(refused("the connection was lost")) } else { Ok(location) }
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let listed = self.disk.objects.list(prefix);
        let (env, latency, fails) = (self.env.clone(), self.latency(), self.happens(self.faults.read_fails));
        let trace = self.trace.clone();
        let shown = prefix.map(ToString::to_string).unwrap_or_default();
        let wait = async move {
            env.sleep(latency).await;
            trace.note(env.elapsed(), format_args!("store list {shown}{}", if fails { " fails" } else { "" }));
            if fails { Err(refused("the storage does not answer")) } else { Ok(listed) }
        };
        futures_util::stream::once(wait).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.reach("folders", prefix.unwrap_or(&Path::default())).await?;
        self.disk.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(refused("the simulated storage does not copy"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(seed: u64, faults: StoreFaults) -> (bool, Vec<String>) {
        let disk = Disk::new();
        let ok = Env::run_simulation(seed, |env| {
            let store = SimStore::new(disk.clone(), env, faults, Trace::new());
            async move { store.put(&Path::from("a"), Bytes::from_static(b"12345678").into()).await.is_ok() }
        });
        (ok.unwrap(), disk.paths())
    }

    #[test]
    fn a_refused_write_is_not_there_and_a_lost_answer_is() {
        assert_eq!(put(1, StoreFaults { put_fails: 1.0, ..StoreFaults::default() }), (false, vec![]));
        assert_eq!(put(1, StoreFaults { answer_lost: 1.0, ..StoreFaults::default() }), (false, vec!["a".to_owned()]));
        assert_eq!(put(1, StoreFaults::default()), (true, vec!["a".to_owned()]));
    }

    #[test]
    fn a_crash_leaves_writes_absent_whole_or_torn() {
        let mut lengths = std::collections::BTreeSet::new();
        for seed in 0..40 {
            let disk = Disk::new();
            Env::run_simulation(seed, |env| {
                let faults = StoreFaults { latency_max: Duration::from_secs(1), ..StoreFaults::default() };
                let store = SimStore::new(disk.clone(), env.clone(), faults, Trace::new());
                let disk = disk.clone();
                async move {
                    env.spawn(async move {
                        let _ = store.put(&Path::from("a"), Bytes::from_static(b"12345678").into()).await;
                    })
                    .detach();
                    env.sleep(Duration::from_millis(1)).await;
                    disk.crash();
                }
            })
            .unwrap();
            let objects = disk.objects();
            let found = objects.head(&Path::from("a")).now_or_never().unwrap();
            let len = found.map_or(-1, |found| found.size as i64);
            lengths.insert(len);
        }
        assert!(lengths.contains(&-1) && lengths.contains(&8) && lengths.len() > 4, "{lengths:?}");
    }
}
