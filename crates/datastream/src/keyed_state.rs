//! Closures that remember one value per key, for what is too small for a process function. (Flink's Scala API:
//! `mapWithState` and its siblings.)
//!
//! What is remembered is an `Option`: `None` at first, and to forget it.

use crate::keyed::KeyedStream;
use crate::stream::DataStream;
use flott_api::function::{Collector, KeyedContext, KeyedOpenContext, KeyedProcessFunction};
use flott_core::{Data, Key, Result};
use flott_operators as operators;
use flott_state::{StateAccess, ValueState};
use std::marker::PhantomData;

impl<T: Data, K: Key> KeyedStream<T, K> {
    /// Replaces each record by `f(record, state)`.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let counts = env.from_elements([3, 1, 3]).key_by(|n| *n).map_with_state(|n, count: &mut Option<u32>| {
    ///     let count = count.get_or_insert(0);
    ///     *count += 1;
    ///     (n, *count)
    /// });
    /// assert_eq!(counts.execute_and_collect("counts")?, [(3, 1), (1, 1), (3, 2)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn map_with_state<S: Data, U: Data>(
        &self,
        f: impl FnMut(T, &mut Option<S>) -> U + Clone + Send + Sync + 'static,
    ) -> DataStream<U> {
        self.operator("Map", operators::MapWithState::new(self.selector(), f))
    }

    /// Replaces each record by those that `f(record, state, out)` collects.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let pairs = env.from_sequence(1, 5).key_by(|n| n % 2).flat_map_with_state(|n, before: &mut Option<i64>, out| {
    ///     match before.take() {
    ///         Some(before) => out.collect((before, n)),
    ///         None => *before = Some(n),
    ///     }
    /// });
    /// assert_eq!(pairs.execute_and_collect("pairs")?, [(1, 3), (2, 4)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn flat_map_with_state<S: Data, U: Data>(
        &self,
        f: impl FnMut(T, &mut Option<S>, &mut Collector<U>) + Clone + Send + Sync + 'static,
    ) -> DataStream<U> {
        self.stateful("Flat Map", f)
    }

    /// Keeps the records for which `f(&record, state)` is true.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let changes = env
    ///     .from_elements([1, 1, 2, 2, 1])
    ///     .key_by(|_| ())
    ///     .filter_with_state(|n, last: &mut Option<i32>| last.replace(*n) != Some(*n));
    /// assert_eq!(changes.execute_and_collect("changes")?, [1, 2, 1]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn filter_with_state<S: Data>(
        &self,
        mut f: impl FnMut(&T, &mut Option<S>) -> bool + Clone + Send + Sync + 'static,
    ) -> DataStream<T> {
        self.stateful("Filter", move |row: T, state: &mut Option<S>, out: &mut Collector<T>| {
            if f(&row, state) {
                out.collect(row);
            }
        })
    }

    fn stateful<S: Data, U: Data>(
        &self,
        name: &str,
        f: impl FnMut(T, &mut Option<S>, &mut Collector<U>) + Clone + Send + Sync + 'static,
    ) -> DataStream<U> {
        let function = Stateful { f, state: ValueState::default(), types: PhantomData::<fn(T, K) -> U> };
        self.operator(name, operators::KeyedProcess::new(self.selector(), function))
    }
}

/// A closure with its state as a process function.
struct Stateful<F, S, P> {
    f: F,
    state: ValueState<Option<S>>,
    types: PhantomData<P>,
}

impl<F: Clone, S, P> Clone for Stateful<F, S, P> {
    fn clone(&self) -> Self {
        Stateful { f: self.f.clone(), state: self.state.clone(), types: PhantomData }
    }
}

impl<T, K, S, U, F> KeyedProcessFunction for Stateful<F, S, fn(T, K) -> U>
where
    T: Data,
    K: Key,
    S: Data,
    U: Data,
    F: FnMut(T, &mut Option<S>, &mut Collector<U>) + Clone + Send + Sync + 'static,
{
    type Key = K;
    type In = T;
    type Out = U;

    fn open(&mut self, cx: &mut KeyedOpenContext<'_, K>) -> Result<()> {
        self.state = ValueState::register(cx.keyed_state(), "state", None)?;
        Ok(())
    }

    fn process(&mut self, row: T, cx: &mut KeyedContext<'_, K>, out: &mut Collector<U>) -> Result<()> {
        let f = &mut self.f;
        let is_kept = self.state.update(
            cx,
            || None,
            |state| {
                f(row, state, out);
                state.is_some()
            },
        )?;
        if is_kept { Ok(()) } else { self.state.clear(cx) }
    }
}
