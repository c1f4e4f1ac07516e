//! The memory of this process: how much there may be, who takes some, and a look at it now and then.
//!
//! Each look reads the resident set and what takers say they have, asks the `governor` for a decision, and passes it on:
//! limits to working sets and to the stores of state backends, rows per batch to channels, a refusal to state on the heap. When
//! there is too much, allocators are told first to give back what they keep. The less headroom there is, the sooner the next
//! look. In a simulation there is no resident set, and everyone has what is fixed.

mod gauges;
mod governor;
mod looks;

use flott_api::metrics::MetricRegistry;
use flott_core::config::{ByteSize, PROCESS_MEMORY};
use flott_core::{Configuration, Result};
use flott_env::Env;
use flott_runtime::exchange::BatchRows;
use flott_state::WorkingSets;
use flott_state::store::StateBackend;
use gauges::{Gauges, signed};
use governor::HALVINGS_MAX;
use looks::{Looks, PERIOD_MIN};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Of a container's limit the default budget has this part, in percent; the rest is for what the kernel counts too.
const OF_CONTAINER_PERCENT: u64 = 90;
/// Of what a machine has to spare.
const OF_MACHINE_PERCENT: u64 = 50;
/// The budget where the system tells nothing.
const BUDGET_UNKNOWN: u64 = 1 << 30;

/// What a working set has where nobody divides.
const UNDIVIDED_SET_BYTES: usize = 64 << 20;
/// What the stores of a backend have where nobody divides.
const UNDIVIDED_STORES_BYTES: u64 = 256 << 20;
/// What a new working set has until the first look at it.
const FIRST_SET_BYTES: usize = 1 << 20;
/// The stores of a backend have so much in any case.
const LEAST_STORES_BYTES: u64 = 4 << 20;
/// The most that stores have had fades by one part in so many with each look.
const FADE: u64 = 16;

/// The memory of a process. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct ProcessMemory(Arc<Shared>);

struct Shared {
    env: Env,
    /// Bytes that the process may have.
    budget: AtomicU64,
    /// Whether someone looks.
    is_watched: AtomicBool,
    sets: WorkingSets,
    backends: Mutex<Vec<Stores>>,
    batches: Mutex<Vec<Weak<BatchRows>>>,
    /// Channels have been added, of whose records nobody knows how large they are.
    has_new_channels: AtomicBool,
    /// Has the allocator give back what it keeps.
    give_back: fn(),
    gauges: Gauges,
}

/// The stores of a backend.
struct Stores {
    backend: Weak<dyn StateBackend>,
    /// Bytes that they may have, as far as said.
    limit: u64,
    /// The most that they have had lately. Write buffers are filled and emptied, so what they have now says little.
    peak: u64,
}

/// The stores of a backend at a look.
struct SeenStores {
    backend: Arc<dyn StateBackend>,
    used: u64,
    limit: u64,
    peak: u64,
}

impl ProcessMemory {
    /// The memory of the process that is the world of `env`, with a budget from what the system says. `give_back` has the
    /// allocator give back what it keeps.
    pub fn new(env: &Env, metrics: &MetricRegistry, give_back: fn()) -> ProcessMemory {
        let first_set = if env.is_simulated() { UNDIVIDED_SET_BYTES } else { FIRST_SET_BYTES };
        ProcessMemory(Arc::new(Shared {
            env: env.clone(),
            budget: AtomicU64::new(default_budget(env)),
            is_watched: AtomicBool::new(false),
            sets: WorkingSets::new(first_set),
            backends: Mutex::default(),
            batches: Mutex::default(),
            has_new_channels: AtomicBool::new(false),
            give_back,
            gauges: Gauges::new(metrics),
        }))
    }

    /// Takes the budget that the options of a job name, if they do: it is the process's from then on. Begins to look.
    ///
    /// # Errors
    /// `Invalid` when the option is no size.
    pub fn configure(&self, config: &Configuration) -> Result<()> {
        if let Some(budget) = config.get_optional(&PROCESS_MEMORY)? {
            self.0.budget.store(budget.0, Ordering::Relaxed);
        }
        let budget = self.0.budget.load(Ordering::Relaxed);
        self.0.gauges.budget.set(signed(budget));
        if self.0.env.resident_bytes().is_some() && !self.0.is_watched.swap(true, Ordering::Relaxed) {
            tracing::info!("the process may have {} of memory", in_mb(budget));
            self.0.env.spawn(watch(self.0.env.clone(), Arc::downgrade(&self.0))).detach();
        }
        Ok(())
    }

    /// Where keyed state says how much memory it takes.
    pub fn working_sets(&self) -> &WorkingSets {
        &self.0.sets
    }

    /// What the stores of a new backend may have until they have been looked at.
    pub fn first_stores_bytes(&self) -> ByteSize {
        match self.0.env.resident_bytes() {
            Some(_) => ByteSize((self.0.budget.load(Ordering::Relaxed) / 32).clamp(8 << 20, UNDIVIDED_STORES_BYTES)),
            None => ByteSize(UNDIVIDED_STORES_BYTES),
        }
    }

    /// Divides memory with the stores of `backend` too, as long as it lives.
    pub(crate) fn add_backend(&self, backend: &Arc<dyn StateBackend>) {
        let mut backends = self.0.backends.lock().unwrap_or_else(PoisonError::into_inner);
        let new = Arc::downgrade(backend);
        if !backends.iter().any(|known| Weak::ptr_eq(&known.backend, &new)) {
            backends.push(Stores { backend: new, limit: 0, peak: 0 });
        }
    }

    /// Rows per batch of a job's channels: up to `most`.
    pub(crate) fn batch_rows(&self, most: usize) -> Arc<BatchRows> {
        let rows = Arc::new(BatchRows::new(most));
        if self.0.is_watched.load(Ordering::Relaxed) {
            rows.halve(HALVINGS_MAX);
            self.0.has_new_channels.store(true, Ordering::Relaxed);
        }
        self.0.batches.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&rows));
        rows
    }
}

fn default_budget(env: &Env) -> u64 {
    let container = env.container_limit().map(|limit| limit / 100 * OF_CONTAINER_PERCENT);
    let machine = env.available_bytes().map(|bytes| bytes / 100 * OF_MACHINE_PERCENT);
    container.or(machine).unwrap_or(BUDGET_UNKNOWN)
}

/// Looks now and then, as long as the memory has an owner.
async fn watch(env: Env, memory: Weak<Shared>) {
    let (mut looks, mut wait) = (Looks::default(), PERIOD_MIN);
    loop {
        env.sleep(wait).await;
        let Some(looked_at) = memory.upgrade() else { return };
        let looked = env.blocking(move || {
            let wait = looks.look(&looked_at);
            (looks, wait)
        });
        match looked.await {
            Ok(after) => (looks, wait) = after,
            Err(error) => {
                tracing::error!("nobody looks after the memory of the process any more: {error}");
                let heaps = memory.upgrade().map(|memory| memory.sets.all()).unwrap_or_default();
                heaps.iter().filter(|set| !set.is_on_store()).for_each(|heap| heap.set_bytes_max(usize::MAX));
                return;
            }
        }
    }
}

impl Shared {
    /// Looks at backends that are there.
    fn backends(&self) -> Vec<SeenStores> {
        let mut backends = self.backends.lock().unwrap_or_else(PoisonError::into_inner);
        backends.retain(|stores| stores.backend.strong_count() > 0);
        let seen = backends.iter_mut().filter_map(|stores| {
            let backend = stores.backend.upgrade()?;
            let used = backend.memory_used();
            stores.peak = used.max(stores.peak - stores.peak / FADE);
            Some(SeenStores { backend, used, limit: stores.limit, peak: stores.peak })
        });
        seen.collect()
    }

    fn limit_stores(&self, seen: &[SeenStores], limits: &[u64]) {
        for (SeenStores { backend, limit: before, .. }, limit) in seen.iter().zip(limits) {
            let limit = in_steps(*limit).max(LEAST_STORES_BYTES);
            if limit == *before {
                continue;
            }
            backend.set_memory(limit);
            let mut all = self.backends.lock().unwrap_or_else(PoisonError::into_inner);
            let same = |stores: &&mut Stores| std::ptr::addr_eq(stores.backend.as_ptr(), Arc::as_ptr(backend));
            if let Some(stores) = all.iter_mut().find(same) {
                stores.limit = limit;
            }
        }
    }

    /// Whether so many batches have been sent since their size was changed, or there are no channels.
    fn has_sent(&self, count: usize) -> bool {
        let batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        batches.is_empty() || batches.iter().filter_map(Weak::upgrade).any(|rows| rows.sent_since_change() >= count)
    }

    fn halve_batches(&self, times: u32) {
        let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        batches.retain(|rows| rows.strong_count() > 0);
        batches.iter().filter_map(Weak::upgrade).for_each(|rows| rows.halve(times));
    }
}

/// The largest number below that has three binary digits: a store takes a while to change its limits, so small changes
/// are not worth it.
fn in_steps(bytes: u64) -> u64 {
    let shift = bytes.checked_ilog2().unwrap_or(0).saturating_sub(2);
    bytes >> shift << shift
}

/// For people.
fn in_mb(bytes: u64) -> ByteSize {
    if bytes < 1 << 20 { ByteSize(bytes) } else { ByteSize(bytes >> 20 << 20) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_stores_go_in_steps_and_never_up() {
        assert_eq!(in_steps(0b1111_1111), 0b1110_0000);
        assert_eq!(in_steps(5), 5);
        assert_eq!(in_steps(0), 0);
    }
}
