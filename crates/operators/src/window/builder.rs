//! Putting a window operator together.

use super::apply::{AggregateAll, Emit, ReduceAll};
use super::contents::{Aggregated, Listed, Reduced, Timed};
use super::core::Plan;
use super::results::{AggregateResult, ProcessAggregate, ProcessEvicted, ProcessList, ProcessValue, Value};
use super::{WindowContents, WindowFactory, WindowResults};
use crate::keys::Selector;
use flott_api::OperatorFactory;
use flott_api::function::{
    AggregateFunction, Evictor, OutputTag, ProcessWindowFunction, ReduceFunction, Trigger, WindowAssigner,
};
use flott_core::time::millis;
use flott_core::{Data, Key};
use std::time::Duration;

/// A keyed stream cut into windows. What is to happen in them makes an operator of it.
///
/// ```
/// use flott_api::key_selector::Owned;
/// use flott_operators::window::{TumblingEventTimeWindows, Windowed};
/// use std::{sync::Arc, time::Duration};
///
/// let by_sensor = Arc::new(Owned::new(|reading: &(u32, f64)| reading.0));
/// let hottest = Windowed::new(by_sensor, TumblingEventTimeWindows::of(Duration::from_secs(60)))
///     .allowed_lateness(Duration::from_secs(5))
///     .reduce(|a: (u32, f64), b: (u32, f64)| if b.1 > a.1 { b } else { a });
/// ```
pub struct Windowed<K, T, A, Tr> {
    selector: Selector<T, K>,
    assigner: A,
    trigger: Tr,
    lateness: Duration,
    late: Option<OutputTag<T>>,
}

impl<K: Key, T: Data, A: WindowAssigner<T>> Windowed<K, T, A, A::DefaultTrigger> {
    /// Records in the windows of `assigner`, per key that `selector` finds.
    pub fn new(selector: Selector<T, K>, assigner: A) -> Self {
        let trigger = assigner.default_trigger();
        Windowed { selector, assigner, trigger, lateness: Duration::ZERO, late: None }
    }
}

impl<K: Key, T: Data, A: WindowAssigner<T>, Tr: Trigger<T, A::Window>> Windowed<K, T, A, Tr> {
    /// Sets when windows fire, in place of the assigner's own trigger.
    #[must_use]
    pub fn trigger<Tr2: Trigger<T, A::Window>>(self, trigger: Tr2) -> Windowed<K, T, A, Tr2> {
        let Windowed { selector, assigner, lateness, late, .. } = self;
        Windowed { selector, assigner, trigger, lateness, late }
    }

    /// Keeps windows for so long after their end, to let late records in. Each of them fires the window again.
    #[must_use]
    pub fn allowed_lateness(mut self, lateness: Duration) -> Self {
        self.lateness = lateness;
        self
    }

    /// Sends records that are too late to a side output. Otherwise they are counted (`numLateRecordsDropped`).
    #[must_use]
    pub fn side_output_late_data(mut self, tag: &OutputTag<T>) -> Self {
        self.late = Some(tag.clone());
        self
    }

    /// Takes records out of windows when they fire. Windows then keep all records.
    #[must_use]
    pub fn evictor<E: Evictor<T, A::Window>>(self, evictor: E) -> EvictingWindowed<K, T, A, Tr, E> {
        EvictingWindowed { windowed: self, evictor }
    }

    pub(super) fn build<C, R>(self, contents: C, results: R) -> WindowFactory<K, T, A, Tr, C, R>
    where
        C: WindowContents<T>,
        R: WindowResults<K, A::Window, C::Acc>,
    {
        let Windowed { selector, assigner, trigger, lateness, late } = self;
        let plan = Plan { assigner, trigger, contents, results, lateness_ms: millis(lateness), late };
        WindowFactory { selector, plan }
    }

    /// The reduction of each window.
    pub fn reduce<F: ReduceFunction<T>>(self, function: F) -> impl OperatorFactory + use<K, T, A, Tr, F> {
        self.build(Reduced(function), Value)
    }

    /// What `process` makes of the reduction of each window.
    pub fn reduce_with<F, P>(self, function: F, process: P) -> impl OperatorFactory + use<K, T, A, Tr, F, P>
    where
        F: ReduceFunction<T>,
        P: ProcessWindowFunction<Key = K, Window = A::Window, In = T>,
    {
        self.build(Reduced(function), ProcessValue(process))
    }

    /// The aggregation of each window.
    pub fn aggregate<F: AggregateFunction<In = T>>(self, function: F) -> impl OperatorFactory + use<K, T, A, Tr, F> {
        self.build(Aggregated(function.clone()), AggregateResult(function))
    }

    /// What `process` makes of the aggregation of each window.
    pub fn aggregate_with<F, P>(self, function: F, process: P) -> impl OperatorFactory + use<K, T, A, Tr, F, P>
    where
        F: AggregateFunction<In = T>,
        P: ProcessWindowFunction<Key = K, Window = A::Window, In = F::Out>,
    {
        self.build(Aggregated(function.clone()), ProcessAggregate(function, process))
    }

    /// What `process` makes of all records of each window.
    pub fn process<P>(self, process: P) -> impl OperatorFactory + use<K, T, A, Tr, P>
    where
        P: ProcessWindowFunction<Key = K, Window = A::Window, In = T>,
    {
        self.build(Listed, ProcessList(process))
    }
}

/// A keyed stream cut into windows with an evictor.
pub struct EvictingWindowed<K, T, A, Tr, E> {
    windowed: Windowed<K, T, A, Tr>,
    evictor: E,
}

impl<K, T, A, Tr, E> EvictingWindowed<K, T, A, Tr, E>
where
    K: Key,
    T: Data,
    A: WindowAssigner<T>,
    Tr: Trigger<T, A::Window>,
    E: Evictor<T, A::Window>,
{
    /// The reduction of what is left of each window.
    pub fn reduce<F: ReduceFunction<T>>(self, function: F) -> impl OperatorFactory + use<K, T, A, Tr, E, F> {
        self.reduce_with(function, Emit::new())
    }

    /// What `process` makes of the reduction of what is left of each window.
    pub fn reduce_with<F, P>(self, function: F, process: P) -> impl OperatorFactory + use<K, T, A, Tr, E, F, P>
    where
        F: ReduceFunction<T>,
        P: ProcessWindowFunction<Key = K, Window = A::Window, In = T>,
    {
        self.process(ReduceAll::new(function, process))
    }

    /// The aggregation of what is left of each window.
    pub fn aggregate<F: AggregateFunction<In = T>>(self, function: F) -> impl OperatorFactory + use<K, T, A, Tr, E, F> {
        self.aggregate_with(function, Emit::new())
    }

    /// What `process` makes of the aggregation of what is left of each window.
    pub fn aggregate_with<F, P>(self, function: F, process: P) -> impl OperatorFactory + use<K, T, A, Tr, E, F, P>
    where
        F: AggregateFunction<In = T>,
        P: ProcessWindowFunction<Key = K, Window = A::Window, In = F::Out>,
    {
        self.process(AggregateAll::new(function, process))
    }

    /// What `process` makes of what is left of each window.
    pub fn process<P>(self, process: P) -> impl OperatorFactory + use<K, T, A, Tr, E, P>
    where
        P: ProcessWindowFunction<Key = K, Window = A::Window, In = T>,
    {
        self.windowed.build(Timed, ProcessEvicted(self.evictor, process))
    }
}
