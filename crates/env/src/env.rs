//! The handle to the world, real or simulated.

use crate::Slot;
use flott_core::{Error, JobId, ProcessingTime, Result};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// When simulated time starts: 2020-01-01T00:00:00Z.
const SIMULATED_START_MS: i64 = 1_577_836_800_000;
/// Threads of the I/O runtime: it waits more than it works.
const IO_THREADS: usize = 2;

/// The world. Cheap to clone; all clones are the same world.
#[derive(Clone)]
pub struct Env(Arc<World>);

struct World {
    /// Where everything that may wait on the outside runs. In the simulation there is none: all is one thread.
    io: Option<Runtime>,
    start: Instant,
    start_ms: i64,
    random: Mutex<fastrand::Rng>,
}

impl Drop for World {
    /// The last handle may be that of a task on the I/O runtime, which cannot wait for itself.
    fn drop(&mut self) {
        if let Some(io) = self.io.take()
            && tokio::runtime::Handle::try_current().is_ok()
        {
            io.shutdown_background();
        }
    }
}

impl Env {
    /// The machine: its clock, its chance, threads, and an I/O runtime of two threads.
    ///
    /// # Errors
    /// `Unavailable` when the system gives no thread or no event queue.
    pub fn real() -> Result<Env> {
        let io = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(IO_THREADS)
            .thread_name("flott-io")
            .enable_all()
            .build()
            .map_err(|e| Error::io("the I/O runtime cannot start", e))?;
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let world = World {
            io: Some(io),
            start: Instant::now(),
            start_ms: flott_core::time::millis(since_epoch),
            random: Mutex::new(fastrand::Rng::new()),
        };
        Ok(Env(Arc::new(world)))
    }

    /// A world of one thread, a virtual clock and the chance of `seed`. To be used inside
    /// [`Env::run_simulation`] only.
    fn simulated(seed: u64) -> Env {
        let world = World {
            io: None,
            start: Instant::now(),
            start_ms: SIMULATED_START_MS,
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
        };
        Env(Arc::new(world))
    }

    /// Runs `body` in a simulated world made from `seed`: one thread, time that jumps to the next timer whenever
    /// nothing can run, and the same course for the same seed.
    ///
    /// # Errors
    /// `Unavailable` when the system gives no event queue.
    pub fn run_simulation<T, F: Future<Output = T>>(seed: u64, body: impl FnOnce(Env) -> F) -> Result<T> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .map_err(|e| Error::io("the simulation cannot start", e))?;
        let local = tokio::task::LocalSet::new();
        Ok(local.block_on(&runtime, async { body(Env::simulated(seed)).await }))
    }

    /// Whether this world is a simulation.
    pub fn is_simulated(&self) -> bool {
        self.0.io.is_none()
    }

    /// Runs `future` on this thread until it is done. For the main thread of a program; never inside a task.
    ///
    /// # Panics
    /// In a simulation, which is entered by [`Env::run_simulation`].
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        match &self.0.io {
            Some(io) => io.block_on(future),
            None => unreachable!("a simulation is entered by run_simulation"),
        }
    }

    /// The clock: milliseconds since the epoch. Goes on steadily from the time at which the process started.
    pub fn now(&self) -> ProcessingTime {
        ProcessingTime(self.0.start_ms + flott_core::time::millis(self.elapsed()))
    }

    /// Time since this world began; for measuring durations.
    pub fn elapsed(&self) -> Duration {
        self.0.start.elapsed()
    }

    /// Waits for `duration`.
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    /// Waits until the clock shows `time`; returns at once if it has passed.
    pub async fn sleep_until(&self, time: ProcessingTime) {
        tokio::time::sleep(self.now().until(time)).await;
    }

    /// `future`, or `None` if it takes longer than `limit`.
    pub async fn timeout<T>(&self, limit: Duration, future: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(limit, future).await.ok()
    }

    /// A random number.
    pub fn random(&self) -> u64 {
        self.with_random(|r| r.u64(..))
    }

    /// A random number in `[0, 1)`.
    pub fn random_f64(&self) -> f64 {
        self.with_random(fastrand::Rng::f64)
    }

    /// A generator of one's own, seeded from this world's chance.
    pub fn fork_random(&self) -> fastrand::Rng {
        self.with_random(fastrand::Rng::fork)
    }

    fn with_random<T>(&self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        draw(&mut self.0.random.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A random job id.
    pub fn random_job_id(&self) -> JobId {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.random().to_be_bytes());
        id[8..].copy_from_slice(&self.random().to_be_bytes());
        JobId(id)
    }

    /// Runs `future` on the I/O runtime. It is cancelled when the returned task is dropped.
    pub fn spawn<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Task<T> {
        let handle = match &self.0.io {
            Some(io) => io.spawn(future),
            None => tokio::task::spawn_local(future),
        };
        Task { handle, detached: false }
    }

    /// Runs `work`, which may block (a file, a slow computation), where it holds up nobody.
    pub fn blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Blocking<T> {
        match &self.0.io {
            Some(io) => Blocking::Thread(io.spawn_blocking(work)),
            None => Blocking::Done(Some(work())),
        }
    }

    /// Starts a slot: a thread of its own with a single-threaded executor, on which the future that `start` makes
    /// runs to its end. In a simulation it shares the one thread.
    ///
    /// # Errors
    /// `Unavailable` when the system gives no thread.
    pub fn start_slot<F, S>(&self, name: &str, start: S) -> Result<Slot>
    where
        S: FnOnce() -> F + Send + 'static,
        F: Future<Output = ()> + 'static,
    {
        match &self.0.io {
            Some(_) => Slot::thread(name, start),
            None => Ok(Slot::local(start)),
        }
    }
}

/// A task on the I/O runtime. Awaiting it gives its result, or `Internal` if it panicked. Dropping it cancels it.
pub struct Task<T> {
    handle: JoinHandle<T>,
    detached: bool,
}

impl<T> Task<T> {
    /// Whether it has ended.
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }

    /// Lets it run on without anyone waiting for it; it ends with the world at the latest.
    pub fn detach(mut self) {
        self.detached = true;
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.handle).poll(cx).map(ended)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if !self.detached {
            self.handle.abort();
        }
    }
}

/// Work that may block, under way. It runs to its end even when this is dropped.
pub enum Blocking<T> {
    /// On a thread of the blocking pool.
    Thread(JoinHandle<T>),
    /// Done at once, in a simulation.
    Done(Option<T>),
}

impl<T: Unpin> Future for Blocking<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Blocking::Thread(handle) => Pin::new(handle).poll(cx).map(ended),
            Blocking::Done(value) => {
                Poll::Ready(value.take().ok_or_else(|| Error::internal("blocking work was awaited twice")))
            }
        }
    }
}

fn ended<T>(result: Result<T, tokio::task::JoinError>) -> Result<T> {
    result.map_err(|e| match e.try_into_panic() {
        Ok(payload) => crate::panic::error_of(&*payload),
        Err(_) => Error::unavailable("a background task was cancelled"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simulated_time_jumps_and_chance_repeats() {
        let run = |seed| {
            Env::run_simulation(seed, |env| async move {
                let start = env.now();
                env.sleep(Duration::from_secs(3600)).await;
                let task = env.spawn({
                    let env = env.clone();
                    async move { env.random() }
                });
                (start.until(env.now()), task.await.unwrap())
            })
            .unwrap()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7).1, run(8).1);
        assert_eq!(run(7).0, Duration::from_secs(3600));
    }

    #[test]
    fn the_last_handle_may_go_on_the_io_runtime() {
        let env = Env::real().unwrap();
        let (release, released) = tokio::sync::oneshot::channel::<()>();
        let (dropped, is_dropped) = std::sync::mpsc::sync_channel(1);
        let last = env.clone();
        let task = env.spawn(async move {
            let _ = released.await;
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(last)));
            dropped.send(result.is_ok())
        });
        task.detach();
        drop(env);
        release.send(()).unwrap();
        assert!(is_dropped.recv().unwrap());
    }

    #[test]
    fn a_panic_in_a_task_or_a_slot_does_not_spread() {
        let env = Env::real().unwrap();
        env.block_on(async {
            let error = env.spawn(async { panic!("boom {}", 1) }).await.unwrap_err();
            assert!(error.to_string().contains("boom 1"), "{error}");
            env.start_slot("slot", || async { panic!("slot") }).unwrap().ended().await;
        });
    }
}
