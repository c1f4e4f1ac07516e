//! The stream parted by key: what has state and timers per key.
//!
//! Windows over it are in `windowed.rs`, joins in `join.rs` and `interval_join.rs`.

use crate::connected::Connect;
use crate::interval_join::IntervalJoin;
use crate::stream::DataStream;
use crate::windowed::WindowedStream;
use flott_api::function::aggregations::{max, max_by, min, min_by, sum};
use flott_api::function::{KeyedProcessFunction, ReduceFunction, WindowAssigner};
use flott_api::partitioner::KeyRouter;
use flott_api::{KeySelector, Partitioning};
use flott_core::{Data, Key};
use flott_operators as operators;
use std::ops::{AddAssign, Deref};
use std::sync::Arc;

/// A stream whose records of one key are all in one subtask, made by [`DataStream::key_by`]. It is a [`DataStream`]
/// too, for all that does not need the key.
///
/// ```
/// use flott::prelude::*;
///
/// # fn main() -> Result<()> {
/// let env = StreamExecutionEnvironment::get_execution_environment()?;
/// let counts = env
///     .from_elements([3, 1, 3, 3])
///     .key_by(|n| *n)
///     .map_with_state(|n, count: &mut Option<u32>| {
///         let count = count.get_or_insert(0);
///         *count += 1;
///         (n, *count)
///     });
/// assert_eq!(counts.execute_and_collect("counts")?, [(3, 1), (1, 1), (3, 2), (3, 3)]);
/// # Ok(())
/// # }
/// ```
pub struct KeyedStream<T, K> {
    /// The records on their way to the subtasks that own their keys.
    stream: DataStream<T>,
    selector: Arc<dyn KeySelector<T, K>>,
}

impl<T, K> Clone for KeyedStream<T, K> {
    fn clone(&self) -> Self {
        KeyedStream { stream: self.stream.clone(), selector: self.selector.clone() }
    }
}

impl<T, K> Deref for KeyedStream<T, K> {
    type Target = DataStream<T>;
    fn deref(&self) -> &DataStream<T> {
        &self.stream
    }
}

impl<T: Data, K: Key> KeyedStream<T, K> {
    pub(crate) fn new(stream: &DataStream<T>, selector: Arc<dyn KeySelector<T, K>>) -> Self {
        let router = KeyRouter::new(selector.clone());
        KeyedStream { stream: stream.partitioned(&Partitioning::Hash(Arc::new(router))), selector }
    }

    pub(crate) fn selector(&self) -> Arc<dyn KeySelector<T, K>> {
        self.selector.clone()
    }

    /// The value so far and the next one of the same key become one, which is emitted; in batch mode only the last
    /// one of each key is.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let longest = env
    ///     .from_elements(["a", "bb", "ab", "b"].map(String::from))
    ///     .key_by(|word| word.chars().next())
    ///     .reduce(|so_far: String, next: String| if next.len() > so_far.len() { next } else { so_far });
    /// assert_eq!(longest.execute_and_collect("longest")?, ["a", "bb", "ab", "bb"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn reduce(&self, function: impl ReduceFunction<T>) -> DataStream<T> {
        self.rolling("Keyed Reduce", function)
    }

    /// The first record of the key, with the field replaced by its sum over all records so far.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let sums = env.from_elements([(1, 10), (2, 5), (1, 20)]).key_by(|r| r.0).sum(|r| &mut r.1);
    /// assert_eq!(sums.execute_and_collect("sums")?, [(1, 10), (2, 5), (1, 30)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn sum<N: AddAssign + Clone + 'static>(
        &self,
        field: impl Fn(&mut T) -> &mut N + Clone + Send + Sync + 'static,
    ) -> DataStream<T> {
        self.rolling("Keyed Aggregation", sum(field))
    }

    /// The first record of the key, with the field replaced by its smallest value so far.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let readings = env.from_elements([(1, 30, 'a'), (1, 10, 'b'), (1, 20, 'c')]);
    /// let smallest = readings.key_by(|r| r.0).min(|r| &mut r.1);
    /// assert_eq!(smallest.execute_and_collect("min")?, [(1, 30, 'a'), (1, 10, 'a'), (1, 10, 'a')]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn min<N: PartialOrd + Clone + 'static>(
        &self,
        field: impl Fn(&mut T) -> &mut N + Clone + Send + Sync + 'static,
    ) -> DataStream<T> {
        self.rolling("Keyed Aggregation", min(field))
    }

    /// The first record of the key, with the field replaced by its largest value so far.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let readings = env.from_elements([(1, 10, 'a'), (1, 30, 'b'), (1, 20, 'c')]);
    /// let largest = readings.key_by(|r| r.0).max(|r| &mut r.1);
    /// assert_eq!(largest.execute_and_collect("max")?, [(1, 10, 'a'), (1, 30, 'a'), (1, 30, 'a')]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn max<N: PartialOrd + Clone + 'static>(
        &self,
        field: impl Fn(&mut T) -> &mut N + Clone + Send + Sync + 'static,
    ) -> DataStream<T> {
        self.rolling("Keyed Aggregation", max(field))
    }

    /// The whole record of the key whose field is the smallest so far; the earliest of several.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let readings = env.from_elements([(1, 30, 'a'), (1, 10, 'b'), (1, 20, 'c')]);
    /// let smallest = readings.key_by(|r| r.0).min_by(|r| r.1);
    /// assert_eq!(smallest.execute_and_collect("min")?, [(1, 30, 'a'), (1, 10, 'b'), (1, 10, 'b')]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn min_by<N: PartialOrd + 'static>(
        &self,
        field: impl Fn(&T) -> N + Clone + Send + Sync + 'static,
    ) -> DataStream<T> {
        self.rolling("Keyed Aggregation", min_by(field))
    }

    /// The whole record of the key whose field is the largest so far; the earliest of several.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let readings = env.from_elements([(1, 10, 'a'), (1, 30, 'b'), (1, 20, 'c')]);
    /// let largest = readings.key_by(|r| r.0).max_by(|r| r.1);
    /// assert_eq!(largest.execute_and_collect("max")?, [(1, 10, 'a'), (1, 30, 'b'), (1, 30, 'b')]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn max_by<N: PartialOrd + 'static>(
        &self,
        field: impl Fn(&T) -> N + Clone + Send + Sync + 'static,
    ) -> DataStream<T> {
        self.rolling("Keyed Aggregation", max_by(field))
    }

    fn rolling(&self, name: &str, function: impl ReduceFunction<T>) -> DataStream<T> {
        self.stream.operator(name, operators::Reduce::new(self.selector(), function))
    }

    /// Gives each record to a [`KeyedProcessFunction`]: state and timers per key, side outputs.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// /// Lets the first record of each key through.
    /// #[derive(Clone, Default)]
    /// struct First {
    ///     seen: ValueState<bool>,
    /// }
    ///
    /// impl KeyedProcessFunction for First {
    ///     type Key = i64;
    ///     type In = i64;
    ///     type Out = i64;
    ///
    ///     fn open(&mut self, cx: &mut KeyedOpenContext<'_, i64>) -> Result<()> {
    ///         self.seen = ValueState::register(cx.keyed_state(), "seen", None)?;
    ///         Ok(())
    ///     }
    ///
    ///     fn process(&mut self, n: i64, cx: &mut KeyedContext<'_, i64>, out: &mut Collector<i64>) -> Result<()> {
    ///         if self.seen.get(cx)?.is_none() {
    ///             self.seen.set(cx, true)?;
    ///             out.collect(n);
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let firsts = env.from_sequence(1, 100).key_by(|n| n % 3).process(First::default());
    /// assert_eq!(firsts.execute_and_collect("firsts")?, [1, 2, 3]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn process<F: KeyedProcessFunction<In = T, Key = K>>(&self, function: F) -> DataStream<F::Out> {
        self.stream.operator("KeyedProcess", operators::KeyedProcess::new(self.selector(), function))
    }

    /// Gathers the records of each key in windows.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # use std::time::Duration;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let by_time = WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|n: &i64, _| EventTime(*n));
    /// let sums = env
    ///     .from_sequence(0, 19)
    ///     .assign_timestamps_and_watermarks(by_time)
    ///     .key_by(|_| ())
    ///     .window(TumblingEventTimeWindows::of(Duration::from_millis(10)))
    ///     .sum(|n| n);
    /// assert_eq!(sums.execute_and_collect("sums")?, [45, 145]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn window<A: WindowAssigner<T>>(&self, assigner: A) -> WindowedStream<T, K, A, A::DefaultTrigger> {
        WindowedStream::new(self, assigner)
    }

    /// This keyed stream and another of the same key, of any type, side by side into one operator in which both see
    /// the same state and timers; or a [`BroadcastStream`](crate::BroadcastStream) that every subtask sees all of.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// /// Says a name with its number as soon as both are there.
    /// #[derive(Clone, Default)]
    /// struct Pair {
    ///     number: ValueState<u32>,
    ///     name: ValueState<String>,
    /// }
    ///
    /// impl KeyedCoProcessFunction for Pair {
    ///     type Key = u8;
    ///     type In1 = (u8, u32);
    ///     type In2 = (u8, String);
    ///     type Out = String;
    ///
    ///     fn open(&mut self, cx: &mut KeyedOpenContext<'_, u8>) -> Result<()> {
    ///         self.number = ValueState::register(cx.keyed_state(), "number", None)?;
    ///         self.name = ValueState::register(cx.keyed_state(), "name", None)?;
    ///         Ok(())
    ///     }
    ///
    ///     fn process1(&mut self, (_, number): (u8, u32), cx: &mut KeyedContext<'_, u8>, out: &mut Collector<String>) -> Result<()> {
    ///         if let Some(name) = self.name.get(cx)? {
    ///             out.collect(format!("{name} {number}"));
    ///         }
    ///         self.number.set(cx, number)
    ///     }
    ///
    ///     fn process2(&mut self, (_, name): (u8, String), cx: &mut KeyedContext<'_, u8>, out: &mut Collector<String>) -> Result<()> {
    ///         if let Some(number) = self.number.get(cx)? {
    ///             out.collect(format!("{name} {number}"));
    ///         }
    ///         self.name.set(cx, name)
    ///     }
    /// }
    ///
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let numbers = env.from_elements([(1u8, 10u32), (2, 20)]).key_by(|n| n.0);
    /// let names = env.from_elements([(2u8, "two".to_owned())]).key_by(|n| n.0);
    /// assert_eq!(numbers.connect(&names).process(Pair::default()).execute_and_collect("pairs")?, ["two 20"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect<O: Connect<KeyedStream<T, K>>>(&self, other: &O) -> O::Connected {
        other.connect_to(self)
    }

    /// Pairs each record with those of another stream of the same key whose event times lie within an interval
    /// around its own.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// #[derive(Clone)]
    /// struct Both;
    ///
    /// impl ProcessJoinFunction for Both {
    ///     type Left = i64;
    ///     type Right = i64;
    ///     type Out = (i64, i64);
    ///     fn process(&mut self, left: &i64, right: &i64, _: &mut JoinContext<'_, '_>, out: &mut Collector<(i64, i64)>) -> Result<()> {
    ///         out.collect((*left, *right));
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let strategy = || WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|n: &i64, _| EventTime(*n));
    /// let clicks = env.from_elements([10i64, 50]).assign_timestamps_and_watermarks(strategy()).key_by(|_| ());
    /// let views = env.from_elements([8i64, 12, 49]).assign_timestamps_and_watermarks(strategy()).key_by(|_| ());
    /// let mut pairs = clicks.interval_join(&views).between(-2, 0).process(Both).execute_and_collect("pairs")?;
    /// pairs.sort();
    /// assert_eq!(pairs, [(10, 8), (50, 49)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn interval_join<R: Data>(&self, other: &KeyedStream<R, K>) -> IntervalJoin<T, R, K> {
        IntervalJoin::new(self, other)
    }
}
