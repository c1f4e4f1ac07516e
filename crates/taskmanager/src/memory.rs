//! The memory of this process: how much there may be, who takes some, and a look at it now and then.
//!
//! Each look reads the resident set and what takers say they have, asks the `governor` for a decision, and passes it on:
//! limits to working sets and to the stores of state backends, rows per batch to channels, a refusal to state on the heap. When
//! there is too much, allocators are told first to give back what they keep. The less headroom there is, the sooner the next
//! look. In a simulation there is no resident set, and everyone has what is fixed.

mod governor;

use flott_api::metrics::{Gauge, MetricRegistry};
use flott_core::config::{ByteSize, PROCESS_MEMORY, STATE_BACKEND};
use flott_core::{Configuration, Result};
use flott_env::Env;
use flott_runtime::exchange::BatchRows;
use flott_state::store::StateBackend;
use flott_state::{WorkingSet, WorkingSets};
use governor::{Decision, HALVINGS_MAX, Seen, Taker};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

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
/// A working set has so much in any case.
const LEAST_SET_BYTES: u64 = 256 << 10;
/// So have the stores of a backend.
const LEAST_STORES_BYTES: u64 = 4 << 20;
/// Or one part in so many of the budget: below that they write files too small to live with.
const LEAST_STORES_PART: u64 = 16;
/// A working set has this weight, and the stores below it half of it.
const SET_WEIGHT: u64 = 2;
/// The most that stores have had fades by one part in so many with each look.
const FADE: u64 = 16;

/// Between two looks, at most.
const PERIOD: Duration = Duration::from_millis(250);
/// And at least, where there is no headroom.
const PERIOD_MIN: Duration = Duration::from_millis(10);
/// A process that is in a hurry takes about so many bytes a second, so that is how long headroom lasts.
const HURRY: u64 = 1 << 30;
/// So long, and so many of them, it takes batches of a new size to fill channels.
const FILLING: Duration = Duration::from_millis(20);
const FILLING_BATCHES: usize = 64;
/// Giving back takes at most one part in so many of the time.
const GIVING_BACK: u32 = 10;

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

/// What the process shows.
struct Gauges {
    used: Gauge,
    budget: Gauge,
    managed: Gauge,
    managed_max: Gauge,
    sets: Gauge,
    stores: Gauge,
    heaps: Gauge,
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

/// What is kept from one look to the next.
#[derive(Default)]
struct Looks {
    /// The allocator is not told again before.
    give_back_at: Duration,
    /// How often rows per batch have been halved.
    halvings: u32,
    /// They are not doubled before: channels fill first.
    double_at: Duration,
    /// State that was refused, and may not have gone yet.
    refused: Option<Weak<WorkingSet>>,
}

impl Looks {
    /// Looks once, and returns when to look again.
    fn look(&mut self, memory: &Shared) -> Duration {
        let Some(mut resident) = memory.env.resident_bytes() else { return PERIOD };
        let budget = memory.budget.load(Ordering::Relaxed);
        let (heaps, sets): (Vec<_>, Vec<_>) = memory.sets.all().into_iter().partition(|set| !set.is_on_store());
        let backends = memory.backends();
        let mut takers: Vec<Taker> = sets.iter().map(|set| taker_of(set)).collect();
        let weight = sets.len() as u64 * SET_WEIGHT / 2 / (backends.len() as u64).max(1);
        let least = (budget / LEAST_STORES_PART).clamp(LEAST_STORES_BYTES, UNDIVIDED_STORES_BYTES);
        takers.extend(backends.iter().map(|stores| Taker {
            used: stores.used,
            least,
            most: u64::MAX,
            weight,
            // Write buffers alone cannot fill it.
            is_pressed: stores.peak >= stores.limit / 2,
        }));
        if memory.has_new_channels.swap(false, Ordering::Relaxed) {
            self.halvings = HALVINGS_MAX;
        }
        let heap_bytes: Vec<u64> = heaps.iter().map(|heap| heap.bytes() as u64).collect();
        let mut seen = Seen { budget, resident, halvings: self.halvings, takers: &takers, heaps: &heap_bytes };
        if seen.headroom() < 0 && self.give_back(memory) {
            resident = memory.env.resident_bytes().unwrap_or(resident);
            seen.resident = resident;
        }
        let decision = seen.decide();
        sets.iter().zip(&decision.limits).for_each(|(set, limit)| set.set_bytes_max(*limit as usize));
        memory.limit_stores(&backends, &decision.limits[sets.len()..]);
        self.halve(decision.halvings, decision.headroom, memory);
        for (heap, limit) in heaps.iter().zip(&decision.heap_limits) {
            heap.ask();
            heap.set_bytes_max(usize::try_from(*limit).unwrap_or(usize::MAX));
        }
        if let Some(heap) = decision.refused.and_then(|n| heaps.get(n)) {
            self.refuse(heap, resident, budget);
        }
        memory.gauges.show(&decision, resident, &takers, sets.len(), &heap_bytes);
        let wait = wait(decision.headroom);
        if self.halvings > 0 { wait.min(FILLING) } else { wait }
    }

    /// Has batches halved so many times. That there is little headroom is a reason to wait before they are doubled again.
    fn halve(&mut self, halvings: u32, headroom: i64, memory: &Shared) {
        let now = memory.env.elapsed();
        if halvings < self.halvings && (now < self.double_at || !memory.has_sent(FILLING_BATCHES)) {
            return;
        }
        let is_roomy = headroom > (memory.budget.load(Ordering::Relaxed) / 2) as i64;
        self.double_at = now + if is_roomy { FILLING } else { FILLING * 5 };
        self.halvings = halvings;
        memory.halve_batches(halvings);
    }

    /// Has the allocator give back what it keeps, unless it has just done so.
    fn give_back(&mut self, memory: &Shared) -> bool {
        let started = memory.env.elapsed();
        if started < self.give_back_at {
            return false;
        }
        (memory.give_back)();
        let ended = memory.env.elapsed();
        self.give_back_at = ended + (ended.saturating_sub(started) * GIVING_BACK).max(PERIOD_MIN);
        true
    }

    fn refuse(&mut self, heap: &Arc<WorkingSet>, resident: u64, budget: u64) {
        if self.refused.as_ref().is_some_and(|refused| refused.strong_count() > 0) {
            return;
        }
        self.refused = Some(Arc::downgrade(heap));
        heap.refuse(format!(
            "keyed state does not fit into memory: it takes about {} here, the process has {} and may have {} (option \
             `{}`); keep state on disk with `{}: rocksdb`, or give the process more memory",
            in_mb(heap.bytes() as u64),
            in_mb(resident),
            in_mb(budget),
            PROCESS_MEMORY.key,
            STATE_BACKEND.key,
        ));
    }
}

fn taker_of(set: &WorkingSet) -> Taker {
    let (used, limit, most) = (set.bytes() as u64, set.bytes_max() as u64, set.cap() as u64);
    Taker {
        used,
        least: LEAST_SET_BYTES.min(most),
        most,
        weight: SET_WEIGHT,
        is_pressed: set.take_pressed() || is_nearly(used, limit),
    }
}

/// Whether a limit is as good as reached.
fn is_nearly(used: u64, limit: u64) -> bool {
    used >= limit / 8 * 7
}

/// Until the next look.
fn wait(headroom: i64) -> Duration {
    Duration::from_secs_f64(headroom.max(0) as f64 / HURRY as f64).clamp(PERIOD_MIN, PERIOD)
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

impl Gauges {
    fn new(metrics: &MetricRegistry) -> Gauges {
        let gauge = |name: &str| metrics.gauge(&format!("Status.{name}"), &Vec::new().into());
        Gauges {
            used: gauge("JVM.Memory.Heap.Used"),
            budget: gauge("JVM.Memory.Heap.Max"),
            managed: gauge("Flink.Memory.Managed.Used"),
            managed_max: gauge("Flink.Memory.Managed.Total"),
            sets: gauge("Flott.Memory.WorkingSets.Used"),
            stores: gauge("Flott.Memory.Stores.Used"),
            heaps: gauge("Flott.Memory.HeapState.Used"),
        }
    }

    /// The first `sets` takers are working sets.
    fn show(&self, decision: &Decision, resident: u64, takers: &[Taker], sets: usize, heaps: &[u64]) {
        let used = |takers: &[Taker]| signed(takers.iter().map(|taker| taker.used).sum());
        self.used.set(signed(resident));
        self.managed.set(used(takers));
        self.managed_max.set(signed(decision.limits.iter().sum()));
        self.sets.set(used(&takers[..sets]));
        self.stores.set(used(&takers[sets..]));
        self.heaps.set(signed(heaps.iter().sum()));
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
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

    #[test]
    fn the_less_headroom_there_is_the_sooner_is_the_next_look() {
        assert_eq!(wait(1 << 40), PERIOD);
        assert_eq!(wait(1 << 27), PERIOD / 2);
        assert_eq!(wait(-100), PERIOD_MIN);
        assert_eq!(wait(0), PERIOD_MIN);
    }
}
