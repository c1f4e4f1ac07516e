//! A look at the memory of the process: what is seen goes to the governor, and what it decides to everyone.

use super::governor::{HALVINGS_MAX, Seen, Taker};
use super::{LEAST_STORES_BYTES, Shared, UNDIVIDED_STORES_BYTES, in_mb};
use flott_core::config::{PROCESS_MEMORY, STATE_BACKEND};
use flott_state::WorkingSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// A working set has so much in any case.
const LEAST_SET_BYTES: u64 = 256 << 10;
/// So much of the budget the stores of a backend have in any case, one part in so many: below that they write files too small to live with.
const LEAST_STORES_PART: u64 = 16;
/// A working set has this weight, and the stores below it half of it.
const SET_WEIGHT: u64 = 2;
/// Between two looks, at most.
const PERIOD: Duration = Duration::from_millis(250);
/// And at least, where there is no headroom.
pub(super) const PERIOD_MIN: Duration = Duration::from_millis(10);
/// A process that is in a hurry takes about so many bytes a second, so that is how long headroom lasts.
const HURRY: u64 = 1 << 30;
/// So long, and so many of them, it takes batches of a new size to fill channels.
const FILLING: Duration = Duration::from_millis(20);
const FILLING_BATCHES: usize = 64;
/// Giving back takes at most one part in so many of the time.
const GIVING_BACK: u32 = 10;

/// What is kept from one look to the next.
#[derive(Default)]
pub(super) struct Looks {
    /// The allocator is not told again before.
    give_back_at: Duration,
    /// How often rows per batch have been halved.
    halvings: u32,
    /// They are not doubled before: channels fill first.
    double_at: Duration,
    /// It has been said that there is too much.
    has_warned: bool,
    /// State that was refused, and may not have gone yet.
    refused: Option<Weak<WorkingSet>>,
}

impl Looks {
    /// Looks once, and returns when to look again.
    pub(super) fn look(&mut self, memory: &Shared) -> Duration {
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
        if resident > budget && !self.has_warned {
            self.has_warned = true;
            tracing::warn!(
                "the process has {} of memory and may have {} (option `{}`): {} of it are neither state nor caches and                  cannot be made less; if that stays so, give the process more",
                in_mb(resident),
                in_mb(budget),
                PROCESS_MEMORY.key,
                in_mb(
                    resident
                        .saturating_sub(takers.iter().map(|t| t.used).sum::<u64>() + heap_bytes.iter().sum::<u64>())
                ),
            );
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_less_headroom_there_is_the_sooner_is_the_next_look() {
        assert_eq!(wait(1 << 40), PERIOD);
        assert_eq!(wait(1 << 27), PERIOD / 2);
        assert_eq!(wait(-100), PERIOD_MIN);
        assert_eq!(wait(0), PERIOD_MIN);
    }
}
