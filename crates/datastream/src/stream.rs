//! The stream of records without a key, and what can be done to it: one operator per method.
//!
//! Settings of operators are in `settings.rs`, ways to the next operator in `partitioning.rs`, sinks in `sinks.rs`.

use crate::connected::Connect;
use crate::draft::Outlet;
use crate::environment::StreamExecutionEnvironment;
use crate::keyed::KeyedStream;
use flott_api::WatermarkStrategy;
use flott_api::function::{Collector, OutputTag, ProcessFunction};
use flott_api::key_selector::{Borrowed, Owned};
use flott_api::{KeySelector, OperatorFactory};
use flott_core::batch::decode_rows;
use flott_core::{Data, Key};
use flott_graph::{NodeId, NodeKind};
use flott_operators as operators;
use std::error::Error as StdError;
use std::marker::PhantomData;
use std::sync::Arc;

/// A stream of records of type `T`: what a source, an operator, a side output or a union gives. A clone is the same
/// stream.
///
/// ```
/// use flott::prelude::*;
///
/// # fn main() -> Result<()> {
/// let env = StreamExecutionEnvironment::get_execution_environment()?;
/// let words = env
///     .from_elements(["to be", "or not to be"].map(String::from))
///     .flat_map(|line, out| line.split(' ').for_each(|word| out.collect(word.to_owned())))
///     .filter(|word| word.len() > 2);
/// assert_eq!(words.execute_and_collect("long words")?, ["not"]);
/// # Ok(())
/// # }
/// ```
pub struct DataStream<T> {
    env: StreamExecutionEnvironment,
    /// One, or those of a union.
    outlets: Vec<Outlet>,
    rows: PhantomData<fn() -> T>,
}

impl<T> Clone for DataStream<T> {
    fn clone(&self) -> Self {
        DataStream { env: self.env.clone(), outlets: self.outlets.clone(), rows: PhantomData }
    }
}

impl<T: Data> DataStream<T> {
    /// Replaces each record by `f(record)`.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let halves = env.from_elements([1, 2, 3]).map(|n| f64::from(n) / 2.0);
    /// assert_eq!(halves.execute_and_collect("halves")?, [0.5, 1.0, 1.5]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn map<U: Data>(&self, f: impl FnMut(T) -> U + Clone + Send + Sync + 'static) -> DataStream<U> {
        self.operator("Map", operators::Map::new(f))
    }

    /// Replaces each record by what `f` makes of it; an error of `f` fails the task and names the record.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let numbers = env.from_elements(["1", "2", "x"].map(String::from)).try_map(|text| text.parse::<i32>());
    /// let error = numbers.execute_and_collect("numbers").unwrap_err();
    /// assert!(error.to_string().contains("record 3"), "{error}");
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_map<U, E>(&self, f: impl FnMut(T) -> Result<U, E> + Clone + Send + Sync + 'static) -> DataStream<U>
    where
        U: Data,
        E: Into<Box<dyn StdError + Send + Sync>> + 'static,
    {
        self.operator("Map", operators::TryMap::new(f))
    }

    /// Replaces each record by those that `f(record, out)` collects: any number.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let numbers = env.from_elements([3, 0, 2]).flat_map(|n, out| (0..n).for_each(|i| out.collect(i)));
    /// assert_eq!(numbers.execute_and_collect("numbers")?, [0, 1, 2, 0, 1]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn flat_map<U: Data>(
        &self,
        f: impl FnMut(T, &mut Collector<U>) + Clone + Send + Sync + 'static,
    ) -> DataStream<U> {
        self.operator("Flat Map", operators::FlatMap::new(f))
    }

    /// Keeps the records for which `f(&record)` is true.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let even = env.from_sequence(1, 6).filter(|n| n % 2 == 0);
    /// assert_eq!(even.execute_and_collect("even")?, [2, 4, 6]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn filter(&self, f: impl FnMut(&T) -> bool + Clone + Send + Sync + 'static) -> DataStream<T> {
        self.operator("Filter", operators::Filter::new(f))
    }

    /// Gives each record to a [`ProcessFunction`]: any number of results, side outputs, operator state.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// /// Odd numbers go to a side output.
    /// #[derive(Clone)]
    /// struct Split {
    ///     odd: OutputTag<i64>,
    /// }
    ///
    /// impl ProcessFunction for Split {
    ///     type In = i64;
    ///     type Out = i64;
    ///     fn process(&mut self, n: i64, cx: &mut ProcessContext<'_>, out: &mut Collector<i64>) -> Result<()> {
    ///         if n % 2 == 0 { out.collect(n) } else { cx.output(&self.odd, n) }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let odd = OutputTag::new("odd");
    /// let even = env.from_sequence(1, 6).process(Split { odd: odd.clone() });
    /// assert_eq!(even.get_side_output(&odd).execute_and_collect("odd")?, [1, 3, 5]);
    /// assert_eq!(even.execute_and_collect("even")?, [2, 4, 6]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn process<F: ProcessFunction<In = T>>(&self, function: F) -> DataStream<F::Out> {
        self.operator("Process", operators::Process::new(function))
    }

    /// The records that the operator before gives to a side output.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # use std::time::Duration;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let late = OutputTag::new("late");
    /// let ordered = WatermarkStrategy::for_generator(|| EachRecord)
    ///     .with_timestamp_assigner(|n: &i64, _| EventTime(*n));
    /// let sums = env
    ///     .from_elements([1i64, 12, 3])
    ///     .assign_timestamps_and_watermarks(ordered)
    ///     .key_by(|_| 0u8)
    ///     .window(TumblingEventTimeWindows::of(Duration::from_millis(10)))
    ///     .side_output_late_data(&late)
    ///     .sum(|n| n);
    /// assert_eq!(sums.get_side_output(&late).execute_and_collect("late")?, [3]);
    ///
    /// /// A watermark after each record.
    /// struct EachRecord;
    ///
    /// impl WatermarkGenerator<i64> for EachRecord {
    ///     fn on_event(&mut self, _: &i64, time: EventTime) -> Option<Watermark> {
    ///         Some(Watermark(time.0))
    ///     }
    ///     fn on_periodic(&mut self) -> Option<Watermark> {
    ///         None
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn get_side_output<U: Data>(&self, tag: &OutputTag<U>) -> DataStream<U> {
        let outlets = match self.operator_node() {
            Some(node) => {
                vec![Outlet { node, tag: Some(tag.id().into()), partitioning: None, decode: decode_rows::<U> }]
            }
            None => {
                self.env.draft().mistake(
                    None,
                    format!(
                        "the side output `{}` is asked of {}; ask the operator that gives it, right where it is made",
                        tag.id(),
                        self.what()
                    ),
                );
                self.outlets.clone()
            }
        };
        DataStream::of_outlets(self.env.clone(), outlets)
    }

    /// This stream and others as one. A stream in it twice gives its records twice. Records of one stream keep their
    /// order; between streams there is none.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let (a, b) = (env.from_elements([1, 2]), env.from_elements([3]));
    /// let mut all = a.union([&a, &b]).execute_and_collect("union")?;
    /// all.sort();
    /// assert_eq!(all, [1, 1, 2, 2, 3]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn union<'a>(&self, others: impl IntoIterator<Item = &'a DataStream<T>>) -> DataStream<T>
    where
        T: 'a,
    {
        let mut union = self.clone();
        for other in others {
            union.outlets.extend_from_slice(self.outlets_of(other, "union"));
        }
        union
    }

    /// Parts the stream by the key that `key` makes of each record: records of one key go to one subtask, and
    /// operators of a keyed stream have state and timers per key.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let orders = env.from_elements([("a".to_owned(), 3), ("b".to_owned(), 1), ("a".to_owned(), 4)]);
    /// let sums = orders.key_by(|order| order.0.clone()).sum(|order| &mut order.1).map(|order| order.1);
    /// assert_eq!(sums.execute_and_collect("sums")?, [3, 1, 7]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn key_by<K: Key>(&self, key: impl Fn(&T) -> K + Send + Sync + 'static) -> KeyedStream<T, K> {
        self.keyed(Arc::new(Owned::new(key)))
    }

    /// As [`DataStream::key_by`], with a key that is part of the record: nothing is copied to find its subtask.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let orders = env.from_elements([("a".to_owned(), 3), ("b".to_owned(), 1), ("a".to_owned(), 4)]);
    /// let sums = orders.key_by_ref(|order| &order.0).sum(|order| &mut order.1).map(|order| order.1);
    /// assert_eq!(sums.execute_and_collect("sums")?, [3, 1, 7]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn key_by_ref<K: Key>(&self, key: impl Fn(&T) -> &K + Send + Sync + 'static) -> KeyedStream<T, K> {
        self.keyed(Arc::new(Borrowed::new(key)))
    }

    /// Puts this stream and another, of any type, side by side into one operator. The other is a [`DataStream`], or
    /// a [`BroadcastStream`](crate::BroadcastStream) that every subtask sees all of.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let (numbers, words) = (env.from_elements([1, 2]), env.from_elements(["one", "two"].map(String::from)));
    /// let mut lines = numbers
    ///     .connect(&words)
    ///     .map(|number| number.to_string(), |word| word.to_uppercase())
    ///     .execute_and_collect("lines")?;
    /// lines.sort();
    /// assert_eq!(lines, ["1", "2", "ONE", "TWO"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect<O: Connect<DataStream<T>>>(&self, other: &O) -> O::Connected {
        other.connect_to(self)
    }

    /// Gives each record its event time and makes watermarks from what has been seen, anew: times and watermarks
    /// from before end here. Where a source can do it ([`from_source`](StreamExecutionEnvironment::from_source)), it
    /// does it better: split by split.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # use std::time::Duration;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let strategy = WatermarkStrategy::for_bounded_out_of_orderness(Duration::from_secs(5))
    ///     .with_timestamp_assigner(|reading: &(i64, f64), _| EventTime(reading.0));
    /// let largest = env
    ///     .from_elements([(1000, 20.5), (3000, 21.0), (61_000, 20.0)])
    ///     .assign_timestamps_and_watermarks(strategy)
    ///     .key_by(|_| 0u8)
    ///     .window(TumblingEventTimeWindows::of(Duration::from_secs(60)))
    ///     .max_by(|reading| reading.1);
    /// assert_eq!(largest.execute_and_collect("largest")?, [(3000, 21.0), (61_000, 20.0)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn assign_timestamps_and_watermarks(&self, strategy: WatermarkStrategy<T>) -> DataStream<T> {
        self.operator("Timestamps/Watermarks", operators::AssignTimestamps::new(strategy))
    }

    /// The environment that the stream belongs to.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let numbers = env.from_elements([1, 2]);
    /// numbers.blackhole();
    /// numbers.execution_environment().execute("nothing")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn execution_environment(&self) -> StreamExecutionEnvironment {
        self.env.clone()
    }

    fn keyed<K: Key>(&self, selector: Arc<dyn KeySelector<T, K>>) -> KeyedStream<T, K> {
        KeyedStream::new(self, selector)
    }
}

/// For the other files of the crate.
impl<T> DataStream<T> {
    /// What comes out of some outlets.
    pub(crate) fn of_outlets(env: StreamExecutionEnvironment, outlets: Vec<Outlet>) -> Self {
        DataStream { env, outlets, rows: PhantomData }
    }

    /// The main output of a node.
    pub(crate) fn of_node(env: StreamExecutionEnvironment, node: NodeId) -> Self
    where
        T: Data,
    {
        Self::of_outlets(env, vec![Outlet { node, tag: None, partitioning: None, decode: decode_rows::<T> }])
    }

    pub(crate) fn env(&self) -> &StreamExecutionEnvironment {
        &self.env
    }

    pub(crate) fn outlets(&self) -> &[Outlet] {
        &self.outlets
    }

    /// The outlets of a second stream, which must be of the same environment; none, and a mistake, if it is not.
    pub(crate) fn outlets_of<'o, U>(&self, other: &'o DataStream<U>, method: &str) -> &'o [Outlet] {
        if self.env.is_same(&other.env) {
            return &other.outlets;
        }
        let what = format!("`{method}` is given a stream of another environment; make both streams with the same one");
        self.env.draft().mistake(self.operator_node(), what);
        &[]
    }

    /// The node whose main output this is, if it is one.
    pub(crate) fn operator_node(&self) -> Option<NodeId> {
        match self.outlets.as_slice() {
            [Outlet { node, tag: None, partitioning: None, .. }] => Some(*node),
            _ => None,
        }
    }

    /// What the stream is, for messages.
    pub(crate) fn what(&self) -> String {
        match self.outlets.as_slice() {
            [Outlet { partitioning: Some(partitioning), .. }] => {
                format!("a partitioning ({})", partitioning.name().to_lowercase())
            }
            [Outlet { tag: Some(tag), .. }] => format!("the side output `{tag}`"),
            [_] => "an operator".to_owned(),
            _ => "a union".to_owned(),
        }
    }

    /// An operator of one input that reads this stream.
    pub(crate) fn operator<U: Data>(
        &self,
        name: impl Into<String>,
        factory: impl OperatorFactory + 'static,
    ) -> DataStream<U> {
        self.env.add(name, NodeKind::Operator(Arc::new(factory)), &[&self.outlets])
    }

    /// An operator of two inputs that reads this stream and another.
    pub(crate) fn operator_with<U: Data, O>(
        &self,
        other: &DataStream<O>,
        name: &str,
        factory: impl OperatorFactory + 'static,
    ) -> DataStream<U> {
        let second = self.outlets_of(other, "connect");
        self.env.add(name, NodeKind::Operator(Arc::new(factory)), &[&self.outlets, second])
    }

    /// An operator that may be put together wrongly: if it cannot be made now, that is a mistake.
    pub(crate) fn checked_operator<U: Data>(
        &self,
        name: &str,
        factory: Arc<dyn OperatorFactory>,
        inputs: &[&[Outlet]],
    ) -> DataStream<U> {
        let wrong = factory.create().err();
        let node = self.env.add_node(name, NodeKind::Operator(factory), inputs);
        if let Some(error) = wrong {
            self.env.draft().mistake(Some(node), error.to_string());
        }
        DataStream::of_node(self.env.clone(), node)
    }
}
