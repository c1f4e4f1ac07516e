//! Broadcast state: a stream of rules and the like that every subtask sees all of and remembers, beside a stream that
//! they are applied to.

use crate::connected::Connect;
use crate::keyed::KeyedStream;
use crate::stream::DataStream;
use flott_api::Partitioning;
use flott_api::function::{BroadcastProcessFunction, KeyedBroadcastProcessFunction};
use flott_core::{Data, Key};
use flott_operators as operators;

impl<T: Data> DataStream<T> {
    /// This stream for every subtask of an operator that remembers it in broadcast state: connect another stream with
    /// it. (Flink: `broadcast(descriptors)`; the states are registered when the function opens.)
    ///
    /// ```
    /// # use flott::prelude::*;
    /// /// Lets those words through that are on the list. In batch mode the list is read first.
    /// #[derive(Clone, Default)]
    /// struct Allow {
    ///     words: Opened<BroadcastState<String, ()>>,
    /// }
    ///
    /// impl BroadcastProcessFunction for Allow {
    ///     type In = String;
    ///     type Broadcast = String;
    ///     type Out = String;
    ///
    ///     fn open(&mut self, cx: &mut OpenContext<'_>) -> Result<()> {
    ///         self.words = cx.operator_state().broadcast("words")?.into();
    ///         Ok(())
    ///     }
    ///
    ///     fn process(&mut self, word: String, cx: &mut ReadOnlyContext<'_>, out: &mut Collector<String>) -> Result<()> {
    ///         if self.words.contains(cx.broadcast_state(), &word) {
    ///             out.collect(word);
    ///         }
    ///         Ok(())
    ///     }
    ///
    ///     fn process_broadcast(&mut self, word: String, cx: &mut BroadcastContext<'_>, _: &mut Collector<String>) -> Result<()> {
    ///         self.words.put(cx.broadcast_state(), word, ());
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.set_runtime_mode(RuntimeExecutionMode::Batch);
    /// let list = env.from_elements(["b".to_owned()]);
    /// let words = env.from_elements(["a", "b", "c"].map(String::from));
    /// let allowed = words.connect(&list.broadcast_state()).process(Allow::default());
    /// assert_eq!(allowed.execute_and_collect("allowed")?, ["b"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn broadcast_state(&self) -> BroadcastStream<T> {
        BroadcastStream { stream: self.partitioned(&Partitioning::Broadcast) }
    }
}

/// A stream that every subtask sees all of, made by [`DataStream::broadcast_state`] to be connected with another.
#[derive(Clone)]
pub struct BroadcastStream<T> {
    stream: DataStream<T>,
}

impl<A: Data, B: Data> Connect<DataStream<A>> for BroadcastStream<B> {
    type Connected = BroadcastConnectedStream<A, B>;
    fn connect_to(&self, left: &DataStream<A>) -> BroadcastConnectedStream<A, B> {
        BroadcastConnectedStream { stream: left.clone(), broadcast: self.stream.clone() }
    }
}

impl<A: Data, B: Data, K: Key> Connect<KeyedStream<A, K>> for BroadcastStream<B> {
    type Connected = KeyedBroadcastConnectedStream<A, B, K>;
    fn connect_to(&self, left: &KeyedStream<A, K>) -> KeyedBroadcastConnectedStream<A, B, K> {
        KeyedBroadcastConnectedStream { stream: left.clone(), broadcast: self.stream.clone() }
    }
}

/// A stream and a broadcast stream, made by [`DataStream::connect`].
#[derive(Clone)]
pub struct BroadcastConnectedStream<A, B> {
    stream: DataStream<A>,
    broadcast: DataStream<B>,
}

impl<A: Data, B: Data> BroadcastConnectedStream<A, B> {
    /// Gives the records of both to a [`BroadcastProcessFunction`]. An example is at [`DataStream::broadcast_state`].
    ///
    /// ```
    /// # use flott::prelude::*;
    /// /// Gives out what was broadcast.
    /// #[derive(Clone)]
    /// struct Echo;
    ///
    /// impl BroadcastProcessFunction for Echo {
    ///     type In = i64;
    ///     type Broadcast = i64;
    ///     type Out = i64;
    ///     fn process(&mut self, _: i64, _: &mut ReadOnlyContext<'_>, _: &mut Collector<i64>) -> Result<()> {
    ///         Ok(())
    ///     }
    ///     fn process_broadcast(&mut self, n: i64, _: &mut BroadcastContext<'_>, out: &mut Collector<i64>) -> Result<()> {
    ///         out.collect(n);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let everywhere = env.from_elements([7i64]).broadcast_state();
    /// let echoes = env.from_sequence(1, 9).connect(&everywhere).process(Echo).set_parallelism(3);
    /// assert_eq!(echoes.execute_and_collect("echoes")?, [7, 7, 7]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn process<F: BroadcastProcessFunction<In = A, Broadcast = B>>(&self, function: F) -> DataStream<F::Out> {
        self.stream.operator_with(&self.broadcast, "Co-Process-Broadcast", operators::Broadcast::new(function))
    }
}

/// A keyed stream and a broadcast stream, made by [`KeyedStream::connect`].
pub struct KeyedBroadcastConnectedStream<A, B, K> {
    stream: KeyedStream<A, K>,
    broadcast: DataStream<B>,
}

impl<A, B, K> Clone for KeyedBroadcastConnectedStream<A, B, K> {
    fn clone(&self) -> Self {
        KeyedBroadcastConnectedStream { stream: self.stream.clone(), broadcast: self.broadcast.clone() }
    }
}

impl<A: Data, B: Data, K: Key> KeyedBroadcastConnectedStream<A, B, K> {
    /// Gives the records of both to a [`KeyedBroadcastProcessFunction`], which has state and timers per key for those
    /// of the first.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// /// Counts the records of each key, and remembers by how much to multiply the counts.
    /// #[derive(Clone, Default)]
    /// struct Scaled {
    ///     factor: Opened<BroadcastState<u8, u64>>,
    ///     count: ValueState<u64>,
    /// }
    ///
    /// impl KeyedBroadcastProcessFunction for Scaled {
    ///     type Key = i64;
    ///     type In = i64;
    ///     type Broadcast = u64;
    ///     type Out = (i64, u64);
    ///
    ///     fn open(&mut self, cx: &mut KeyedOpenContext<'_, i64>) -> Result<()> {
    ///         self.factor = cx.operator_state().broadcast("factor")?.into();
    ///         self.count = ValueState::register(cx.keyed_state(), "count", None)?;
    ///         Ok(())
    ///     }
    ///
    ///     fn process(&mut self, _: i64, cx: &mut KeyedReadOnlyContext<'_, i64>, out: &mut Collector<(i64, u64)>) -> Result<()> {
    ///         let count = self.count.get(cx)?.copied().unwrap_or(0) + 1;
    ///         self.count.set(cx, count)?;
    ///         let factor = self.factor.get(cx.broadcast_state(), &0).copied().unwrap_or(1);
    ///         out.collect((*cx.current_key()?, count * factor));
    ///         Ok(())
    ///     }
    ///
    ///     fn process_broadcast(
    ///         &mut self,
    ///         factor: u64,
    ///         cx: &mut KeyedBroadcastContext<'_, i64>,
    ///         _: &mut Collector<(i64, u64)>,
    ///     ) -> Result<()> {
    ///         self.factor.put(cx.broadcast_state(), 0, factor);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.set_runtime_mode(RuntimeExecutionMode::Batch);
    /// let factor = env.from_elements([100u64]).broadcast_state();
    /// let numbers = env.from_sequence(1, 3).key_by(|n| n % 2);
    /// let mut counts = numbers.connect(&factor).process(Scaled::default()).execute_and_collect("counts")?;
    /// counts.sort();
    /// assert_eq!(counts, [(0, 100), (1, 100), (1, 200)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn process<F>(&self, function: F) -> DataStream<F::Out>
    where
        F: KeyedBroadcastProcessFunction<In = A, Broadcast = B, Key = K>,
    {
        let operator = operators::KeyedBroadcast::new(self.stream.selector(), function);
        self.stream.operator_with(&self.broadcast, "Co-Process-Broadcast-Keyed", operator)
    }
}
