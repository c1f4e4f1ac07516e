//! A slot: one thread with a single-threaded executor.

use flott_core::{Error, Result};
use std::future::Future;
use tokio::sync::oneshot;

/// How many tasks run before the executor looks at timers and wakers from other threads. A task's turn is a whole
/// batch, so looking often costs nothing that could be measured.
const EVENT_INTERVAL: u32 = 1;

/// A running slot. It ends when its future ends.
pub struct Slot {
    done: oneshot::Receiver<()>,
}

impl Slot {
    /// A slot on a thread of its own.
    pub(crate) fn thread<F, S>(name: &str, start: S) -> Result<Slot>
    where
        S: FnOnce() -> F + Send + 'static,
        F: Future<Output = ()> + 'static,
    {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .event_interval(EVENT_INTERVAL)
            .build()
            .map_err(|e| Error::io("a slot's executor cannot start", e))?;
        let (ended, done) = oneshot::channel();
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let local = tokio::task::LocalSet::new();
                local.block_on(&runtime, async { start().await });
                // Nobody waiting for the slot is no error.
                let _ = ended.send(());
            })
            .map_err(|e| Error::io("a slot's thread cannot start", e))?;
        Ok(Slot { done })
    }

    /// A slot that shares the simulation's thread.
    pub(crate) fn local<F, S>(start: S) -> Slot
    where
        S: FnOnce() -> F + 'static,
        F: Future<Output = ()> + 'static,
    {
        let (ended, done) = oneshot::channel();
        tokio::task::spawn_local(async move {
            start().await;
            let _ = ended.send(());
        });
        Slot { done }
    }

    /// Waits until the slot has ended, by itself or by a panic.
    pub async fn ended(self) {
        let _ = self.done.await;
    }

    /// Runs `future` beside the caller on the caller's slot. It is cancelled when the slot ends.
    pub fn spawn_here(future: impl Future<Output = ()> + 'static) {
        drop(tokio::task::spawn_local(future));
    }
}
