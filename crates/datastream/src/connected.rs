//! Two streams side by side into one operator.
//!
//! ```text
//! DataStream  + DataStream       ConnectedStreams
//! KeyedStream + KeyedStream      KeyedConnectedStreams
//! DataStream  + BroadcastStream  BroadcastConnectedStream        (broadcast.rs)
//! KeyedStream + BroadcastStream  KeyedBroadcastConnectedStream   (broadcast.rs)
//! ```

use crate::keyed::KeyedStream;
use crate::stream::DataStream;
use flott_api::function::{CoProcessFunction, Collector, KeyedCoProcessFunction};
use flott_core::{Data, Key};
use flott_operators as operators;

/// What can be connected with a stream of type `L`.
#[diagnostic::on_unimplemented(
    message = "`{L}` cannot be connected with `{Self}`",
    label = "not a stream that fits",
    note = "a `DataStream` is connected with a `DataStream` or a `BroadcastStream`",
    note = "a `KeyedStream` is connected with a `KeyedStream` of the same key type or a `BroadcastStream`: call `key_by` on both sides"
)]
pub trait Connect<L> {
    /// The two streams side by side.
    type Connected;
    /// Puts `left` first and this stream second.
    fn connect_to(&self, left: &L) -> Self::Connected;
}

impl<A: Data, B: Data> Connect<DataStream<A>> for DataStream<B> {
    type Connected = ConnectedStreams<A, B>;
    fn connect_to(&self, left: &DataStream<A>) -> ConnectedStreams<A, B> {
        ConnectedStreams { first: left.clone(), second: self.clone() }
    }
}

impl<A: Data, B: Data, K: Key> Connect<KeyedStream<A, K>> for KeyedStream<B, K> {
    type Connected = KeyedConnectedStreams<A, B, K>;
    fn connect_to(&self, left: &KeyedStream<A, K>) -> KeyedConnectedStreams<A, B, K> {
        KeyedConnectedStreams { first: left.clone(), second: self.clone() }
    }
}

/// Two streams without keys, made by [`DataStream::connect`]. Their records come in no particular order relative to
/// each other.
#[derive(Clone)]
pub struct ConnectedStreams<A, B> {
    first: DataStream<A>,
    second: DataStream<B>,
}

impl<A: Data, B: Data> ConnectedStreams<A, B> {
    /// Replaces each record by what the function of its stream makes of it (Flink's `CoMapFunction`).
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let celsius = env.from_elements([20.0]);
    /// let fahrenheit = env.from_elements([212]);
    /// let mut all = celsius
    ///     .connect(&fahrenheit)
    ///     .map(|c| c, |f| f64::from(f - 32) / 1.8)
    ///     .execute_and_collect("temperatures")?;
    /// all.sort_by(f64::total_cmp);
    /// assert_eq!(all, [20.0, 100.0]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn map<U: Data>(
        &self,
        first: impl FnMut(A) -> U + Clone + Send + Sync + 'static,
        second: impl FnMut(B) -> U + Clone + Send + Sync + 'static,
    ) -> DataStream<U> {
        self.first.operator_with(&self.second, "Co-Map", operators::CoMap::new(first, second))
    }

    /// Replaces each record by those that the function of its stream collects (Flink's `CoFlatMapFunction`).
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let (pairs, singles) = (env.from_elements([(1, 2)]), env.from_elements([3]));
    /// let mut all = pairs
    ///     .connect(&singles)
    ///     .flat_map(|(a, b), out| { out.collect(a); out.collect(b) }, |c, out| out.collect(c))
    ///     .execute_and_collect("numbers")?;
    /// all.sort();
    /// assert_eq!(all, [1, 2, 3]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn flat_map<U: Data>(
        &self,
        first: impl FnMut(A, &mut Collector<U>) + Clone + Send + Sync + 'static,
        second: impl FnMut(B, &mut Collector<U>) + Clone + Send + Sync + 'static,
    ) -> DataStream<U> {
        self.first.operator_with(&self.second, "Co-Flat Map", operators::CoFlatMap::new(first, second))
    }

    /// Gives the records of both streams to a [`CoProcessFunction`].
    ///
    /// ```
    /// # use flott::prelude::*;
    /// /// Tells where a record came from.
    /// #[derive(Clone)]
    /// struct Sides;
    ///
    /// impl CoProcessFunction for Sides {
    ///     type In1 = i32;
    ///     type In2 = bool;
    ///     type Out = String;
    ///     fn process1(&mut self, n: i32, _: &mut ProcessContext<'_>, out: &mut Collector<String>) -> Result<()> {
    ///         out.collect(format!("first {n}"));
    ///         Ok(())
    ///     }
    ///     fn process2(&mut self, b: bool, _: &mut ProcessContext<'_>, out: &mut Collector<String>) -> Result<()> {
    ///         out.collect(format!("second {b}"));
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let sides = env.from_elements([1]).connect(&env.from_elements([true])).process(Sides);
    /// let mut sides = sides.execute_and_collect("sides")?;
    /// sides.sort();
    /// assert_eq!(sides, ["first 1", "second true"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn process<F: CoProcessFunction<In1 = A, In2 = B>>(&self, function: F) -> DataStream<F::Out> {
        self.first.operator_with(&self.second, "Co-Process", operators::CoProcess::new(function))
    }

    /// Parts both streams by keys of one type.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let (orders, payments) = (env.from_elements([(7, "book".to_owned())]), env.from_elements([7]));
    /// let by_order = orders.connect(&payments).key_by(|order| order.0, |payment| *payment);
    /// let mut ids = by_order.map(|order| order.0, |payment| payment).execute_and_collect("ids")?;
    /// assert_eq!(ids, [7, 7]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn key_by<K: Key>(
        &self,
        first: impl Fn(&A) -> K + Send + Sync + 'static,
        second: impl Fn(&B) -> K + Send + Sync + 'static,
    ) -> KeyedConnectedStreams<A, B, K> {
        self.first.key_by(first).connect(&self.second.key_by(second))
    }
}

/// Two streams with keys of one type, made by [`KeyedStream::connect`] or [`ConnectedStreams::key_by`].
pub struct KeyedConnectedStreams<A, B, K> {
    first: KeyedStream<A, K>,
    second: KeyedStream<B, K>,
}

impl<A, B, K> Clone for KeyedConnectedStreams<A, B, K> {
    fn clone(&self) -> Self {
        KeyedConnectedStreams { first: self.first.clone(), second: self.second.clone() }
    }
}

impl<A: Data, B: Data, K: Key> KeyedConnectedStreams<A, B, K> {
    /// As [`ConnectedStreams::map`], where records of one key meet in one subtask.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let (a, b) = (env.from_elements([1]).key_by(|n| *n), env.from_elements([2]).key_by(|n| *n));
    /// let mut all = a.connect(&b).map(|n| n * 10, |n| n * 100).execute_and_collect("numbers")?;
    /// all.sort();
    /// assert_eq!(all, [10, 200]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn map<U: Data>(
        &self,
        first: impl FnMut(A) -> U + Clone + Send + Sync + 'static,
        second: impl FnMut(B) -> U + Clone + Send + Sync + 'static,
    ) -> DataStream<U> {
        self.first.operator_with(&self.second, "Co-Map", operators::CoMap::new(first, second))
    }

    /// As [`ConnectedStreams::flat_map`], where records of one key meet in one subtask.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let (a, b) = (env.from_elements([1]).key_by(|n| *n), env.from_elements([2]).key_by(|n| *n));
    /// let only_second = a.connect(&b).flat_map(|_, _| (), |n, out| out.collect(n));
    /// assert_eq!(only_second.execute_and_collect("numbers")?, [2]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn flat_map<U: Data>(
        &self,
        first: impl FnMut(A, &mut Collector<U>) + Clone + Send + Sync + 'static,
        second: impl FnMut(B, &mut Collector<U>) + Clone + Send + Sync + 'static,
    ) -> DataStream<U> {
        self.first.operator_with(&self.second, "Co-Flat Map", operators::CoFlatMap::new(first, second))
    }

    /// Gives the records of both streams to a [`KeyedCoProcessFunction`], which has state and timers per key. An
    /// example is at [`KeyedStream::connect`].
    ///
    /// ```
    /// # use flott::prelude::*;
    /// /// Counts the records of both streams.
    /// #[derive(Clone, Default)]
    /// struct Count(ValueState<u64>);
    ///
    /// impl KeyedCoProcessFunction for Count {
    ///     type Key = i64;
    ///     type In1 = i64;
    ///     type In2 = i64;
    ///     type Out = u64;
    ///
    ///     fn open(&mut self, cx: &mut KeyedOpenContext<'_, i64>) -> Result<()> {
    ///         self.0 = ValueState::register(cx.keyed_state(), "count", None)?;
    ///         Ok(())
    ///     }
    ///
    ///     fn process1(&mut self, _: i64, cx: &mut KeyedContext<'_, i64>, out: &mut Collector<u64>) -> Result<()> {
    ///         let count = self.0.get(cx)?.copied().unwrap_or(0) + 1;
    ///         out.collect(count);
    ///         self.0.set(cx, count)
    ///     }
    ///
    ///     fn process2(&mut self, n: i64, cx: &mut KeyedContext<'_, i64>, out: &mut Collector<u64>) -> Result<()> {
    ///         self.process1(n, cx, out)
    ///     }
    /// }
    ///
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let numbers = env.from_sequence(1, 3).key_by(|_| 0i64);
    /// let counts = numbers.connect(&numbers).process(Count::default());
    /// assert_eq!(counts.execute_and_collect("counts")?.last(), Some(&6));
    /// # Ok(())
    /// # }
    /// ```
    pub fn process<F: KeyedCoProcessFunction<In1 = A, In2 = B, Key = K>>(&self, function: F) -> DataStream<F::Out> {
        let operator = operators::KeyedCoProcess::new(self.first.selector(), self.second.selector(), function);
        self.first.operator_with(&self.second, "Co-Keyed-Process", operator)
    }
}
