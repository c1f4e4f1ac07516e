//! What is made of the content of windows.

use crate::eviction::Eviction;
use crate::stream::DataStream;
use crate::windowed::WindowedStream;
use flott_api::function::aggregations::{max, max_by, min, min_by, sum};
use flott_api::function::window::AllWindows;
use flott_api::function::{
    AggregateFunction, Collector, ProcessAllWindowFunction, ProcessWindowFunction, ReduceFunction, Trigger,
    WindowAssigner,
};
use flott_core::{Data, Key};
use flott_operators::window::Apply;
use std::ops::AddAssign;

impl<T, K, A, Tr, E> WindowedStream<T, K, A, Tr, E>
where
    T: Data,
    K: Key,
    A: WindowAssigner<T>,
    Tr: Trigger<T, A::Window>,
    E: Eviction<T, K, A, Tr>,
{
    /// The reduction of each window: one value is kept.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let products = env.from_sequence(1, 6).key_by(|_| ()).count_window(3).reduce(|a, b| a * b);
    /// assert_eq!(products.execute_and_collect("products")?, [6, 120]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn reduce(self, function: impl ReduceFunction<T>) -> DataStream<T> {
        self.build(|evictor, windowed| evictor.reduce(windowed, function))
    }

    /// The aggregation of each window: one accumulator is kept.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// #[derive(Clone)]
    /// struct Mean;
    ///
    /// impl AggregateFunction for Mean {
    ///     type In = i64;
    ///     type Acc = (i64, i64);
    ///     type Out = f64;
    ///     fn create(&self) -> (i64, i64) {
    ///         (0, 0)
    ///     }
    ///     fn add(&self, (sum, count): &mut (i64, i64), n: i64) {
    ///         *sum += n;
    ///         *count += 1;
    ///     }
    ///     fn result(&self, (sum, count): &(i64, i64)) -> f64 {
    ///         *sum as f64 / *count as f64
    ///     }
    ///     fn merge(&self, into: &mut (i64, i64), other: (i64, i64)) {
    ///         into.0 += other.0;
    ///         into.1 += other.1;
    ///     }
    /// }
    ///
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let means = env.from_sequence(1, 4).key_by(|_| ()).count_window(2).aggregate(Mean);
    /// assert_eq!(means.execute_and_collect("means")?, [1.5, 3.5]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn aggregate<F: AggregateFunction<In = T>>(self, function: F) -> DataStream<F::Out> {
        self.build(|evictor, windowed| evictor.aggregate(windowed, function))
    }

    /// Gives all records of each window to a [`ProcessWindowFunction`].
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # use std::time::Duration;
    /// /// Says how many records a window has, and when it starts.
    /// #[derive(Clone)]
    /// struct Count;
    ///
    /// impl ProcessWindowFunction for Count {
    ///     type Key = ();
    ///     type Window = TimeWindow;
    ///     type In = i64;
    ///     type Out = (i64, usize);
    ///     fn process(
    ///         &mut self,
    ///         elements: &[i64],
    ///         cx: &mut WindowContext<'_, (), TimeWindow>,
    ///         out: &mut Collector<(i64, usize)>,
    ///     ) -> Result<()> {
    ///         out.collect((cx.window().start.0, elements.len()));
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let by_time = WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|n: &i64, _| EventTime(*n));
    /// let counts = env
    ///     .from_sequence(5, 14)
    ///     .assign_timestamps_and_watermarks(by_time)
    ///     .key_by(|_| ())
    ///     .window(TumblingEventTimeWindows::of(Duration::from_millis(10)))
    ///     .process(Count);
    /// assert_eq!(counts.execute_and_collect("counts")?, [(0, 5), (10, 5)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn process<P>(self, function: P) -> DataStream<P::Out>
    where
        P: ProcessWindowFunction<Key = K, Window = A::Window, In = T>,
    {
        self.build(|evictor, windowed| evictor.process(windowed, function))
    }

    /// As [`WindowedStream::process`], with a closure of key, window, records and collector.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let spans = env.from_sequence(1, 4).key_by(|n| n % 2).count_window(2).apply(|key, _window, elements, out| {
    ///     out.collect((*key, elements.to_vec()));
    /// });
    /// assert_eq!(spans.execute_and_collect("spans")?, [(1, vec![1, 3]), (0, vec![2, 4])]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn apply<U: Data>(
        self,
        f: impl FnMut(&K, A::Window, &[T], &mut Collector<U>) + Clone + Send + Sync + 'static,
    ) -> DataStream<U> {
        self.process(Apply::new(f))
    }

    /// The first record of each window, with the field replaced by its sum.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let sums = env.from_sequence(1, 4).key_by(|_| ()).count_window(2).sum(|n| n);
    /// assert_eq!(sums.execute_and_collect("sums")?, [3, 7]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn sum<N: AddAssign + Clone + 'static>(
        self,
        field: impl Fn(&mut T) -> &mut N + Clone + Send + Sync + 'static,
    ) -> DataStream<T> {
        self.reduce(sum(field))
    }

    /// The first record of each window, with the field replaced by its smallest value.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let smallest = env.from_elements([(3, 'a'), (1, 'b')]).key_by(|_| ()).count_window(2).min(|r| &mut r.0);
    /// assert_eq!(smallest.execute_and_collect("min")?, [(1, 'a')]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn min<N: PartialOrd + Clone + 'static>(
        self,
        field: impl Fn(&mut T) -> &mut N + Clone + Send + Sync + 'static,
    ) -> DataStream<T> {
        self.reduce(min(field))
    }

    /// The first record of each window, with the field replaced by its largest value.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let largest = env.from_elements([(1, 'a'), (3, 'b')]).key_by(|_| ()).count_window(2).max(|r| &mut r.0);
    /// assert_eq!(largest.execute_and_collect("max")?, [(3, 'a')]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn max<N: PartialOrd + Clone + 'static>(
        self,
        field: impl Fn(&mut T) -> &mut N + Clone + Send + Sync + 'static,
    ) -> DataStream<T> {
        self.reduce(max(field))
    }

    /// The record of each window whose field is the smallest; the earliest of several.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let smallest = env.from_elements([(3, 'a'), (1, 'b')]).key_by(|_| ()).count_window(2).min_by(|r| r.0);
    /// assert_eq!(smallest.execute_and_collect("min")?, [(1, 'b')]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn min_by<N: PartialOrd + 'static>(
        self,
        field: impl Fn(&T) -> N + Clone + Send + Sync + 'static,
    ) -> DataStream<T> {
        self.reduce(min_by(field))
    }

    /// The record of each window whose field is the largest; the earliest of several.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let largest = env.from_elements([(1, 'a'), (3, 'b')]).key_by(|_| ()).count_window(2).max_by(|r| r.0);
    /// assert_eq!(largest.execute_and_collect("max")?, [(3, 'b')]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn max_by<N: PartialOrd + 'static>(
        self,
        field: impl Fn(&T) -> N + Clone + Send + Sync + 'static,
    ) -> DataStream<T> {
        self.reduce(max_by(field))
    }

    /// Gives the reduction of each window to a [`ProcessWindowFunction`]: one value is kept, and the function knows
    /// key and window.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # #[derive(Clone)]
    /// # struct WithKey;
    /// # impl ProcessWindowFunction for WithKey {
    /// #     type Key = i64;
    /// #     type Window = GlobalWindow;
    /// #     type In = i64;
    /// #     type Out = (i64, i64);
    /// #     fn process(
    /// #         &mut self,
    /// #         elements: &[i64],
    /// #         cx: &mut WindowContext<'_, i64, GlobalWindow>,
    /// #         out: &mut Collector<(i64, i64)>,
    /// #     ) -> Result<()> {
    /// #         out.collect((*cx.current_key()?, elements[0]));
    /// #         Ok(())
    /// #     }
    /// # }
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// // `WithKey` emits `(key, elements[0])`.
    /// let sums = env.from_sequence(1, 4).key_by(|n| n % 2).count_window(2).reduce_with(|a, b| a + b, WithKey);
    /// assert_eq!(sums.execute_and_collect("sums")?, [(1, 4), (0, 6)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn reduce_with<P>(self, function: impl ReduceFunction<T>, process: P) -> DataStream<P::Out>
    where
        P: ProcessWindowFunction<Key = K, Window = A::Window, In = T>,
    {
        self.build(|evictor, windowed| evictor.reduce_with(windowed, function, process))
    }

    /// Gives the aggregation of each window to a [`ProcessWindowFunction`]: one accumulator is kept, and the function
    /// knows key and window.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # #[derive(Clone)]
    /// # struct Count;
    /// # impl AggregateFunction for Count {
    /// #     type In = i64;
    /// #     type Acc = u64;
    /// #     type Out = u64;
    /// #     fn create(&self) -> u64 { 0 }
    /// #     fn add(&self, count: &mut u64, _: i64) { *count += 1 }
    /// #     fn result(&self, count: &u64) -> u64 { *count }
    /// #     fn merge(&self, into: &mut u64, other: u64) { *into += other }
    /// # }
    /// # #[derive(Clone)]
    /// # struct WithKey;
    /// # impl ProcessWindowFunction for WithKey {
    /// #     type Key = i64;
    /// #     type Window = GlobalWindow;
    /// #     type In = u64;
    /// #     type Out = (i64, u64);
    /// #     fn process(
    /// #         &mut self,
    /// #         elements: &[u64],
    /// #         cx: &mut WindowContext<'_, i64, GlobalWindow>,
    /// #         out: &mut Collector<(i64, u64)>,
    /// #     ) -> Result<()> {
    /// #         out.collect((*cx.current_key()?, elements[0]));
    /// #         Ok(())
    /// #     }
    /// # }
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// // `Count` counts; `WithKey` emits `(key, elements[0])`.
    /// let counts = env.from_sequence(1, 4).key_by(|n| n % 2).count_window(2).aggregate_with(Count, WithKey);
    /// assert_eq!(counts.execute_and_collect("counts")?, [(1, 2), (0, 2)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn aggregate_with<F, P>(self, function: F, process: P) -> DataStream<P::Out>
    where
        F: AggregateFunction<In = T>,
        P: ProcessWindowFunction<Key = K, Window = A::Window, In = F::Out>,
    {
        self.build(|evictor, windowed| evictor.aggregate_with(windowed, function, process))
    }
}

impl<T, A, Tr, E> WindowedStream<T, (), A, Tr, E>
where
    T: Data,
    A: WindowAssigner<T>,
    Tr: Trigger<T, A::Window>,
    E: Eviction<T, (), A, Tr>,
{
    /// Gives all records of each window to a [`ProcessAllWindowFunction`], which knows no key.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// #[derive(Clone)]
    /// struct Count;
    ///
    /// impl ProcessAllWindowFunction for Count {
    ///     type Window = GlobalWindow;
    ///     type In = i64;
    ///     type Out = usize;
    ///     fn process(
    ///         &mut self,
    ///         elements: &[i64],
    ///         _: &mut WindowContext<'_, (), GlobalWindow>,
    ///         out: &mut Collector<usize>,
    ///     ) -> Result<()> {
    ///         out.collect(elements.len());
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let counts = env.from_sequence(1, 6).count_window_all(3).process_all(Count);
    /// assert_eq!(counts.execute_and_collect("counts")?, [3, 3]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn process_all<P>(self, function: P) -> DataStream<P::Out>
    where
        P: ProcessAllWindowFunction<Window = A::Window, In = T>,
    {
        self.process(AllWindows(function))
    }
}
