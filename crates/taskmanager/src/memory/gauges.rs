//! What the process shows of its memory.

use super::governor::{Decision, Taker};
use flott_api::metrics::{Gauge, MetricRegistry};

/// What the process shows.
pub(super) struct Gauges {
    used: Gauge,
    pub(super) budget: Gauge,
    managed: Gauge,
    managed_max: Gauge,
    sets: Gauge,
    stores: Gauge,
    heaps: Gauge,
}

impl Gauges {
    pub(super) fn new(metrics: &MetricRegistry) -> Gauges {
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
    pub(super) fn show(&self, decision: &Decision, resident: u64, takers: &[Taker], sets: usize, heaps: &[u64]) {
        let used = |takers: &[Taker]| signed(takers.iter().map(|taker| taker.used).sum());
        self.used.set(signed(resident));
        self.managed.set(used(takers));
        self.managed_max.set(signed(decision.limits.iter().sum()));
        self.sets.set(used(&takers[..sets]));
        self.stores.set(used(&takers[sets..]));
        self.heaps.set(signed(heaps.iter().sum()));
    }
}

pub(super) fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
