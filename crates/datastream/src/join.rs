//! Window join and co-group: two streams whose records meet when they have the same key and the same window.
//!
//! ```text
//! a.join(&b)      JoinedStreams     .where_(key of a)
//!                 JoinWhere         .equal_to(key of b)
//!                 JoinEqualTo       .window(assigner)
//!                 WindowedJoin      .trigger(..).evictor(..).allowed_lateness(..).apply(f)
//! ```
//!
//! `a.co_group(&b)` takes the same steps. `M` says which of the two it is: [`Pairs`] or [`Groups`].

use crate::eviction::{Evicting, Factory, JoinEviction, NoEvictor};
use crate::keyed::KeyedStream;
use crate::stream::DataStream;
use flott_api::function::{Collector, Evictor, OutputTag, Trigger, WindowAssigner};
use flott_core::{Data, Key};
use flott_operators::window::{JoinWindowed, Tagged};
use std::marker::PhantomData;
use std::time::Duration;

impl<A: Data> DataStream<A> {
    /// Pairs of records of both streams with the same key in the same window. A record without a partner yields
    /// nothing. Results have the window's largest time.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # use std::time::Duration;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let strategy = || {
    ///     WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|r: &(i64, u32), _| EventTime(r.0))
    /// };
    /// let orders = env.from_elements([(1i64, 7u32), (12, 7)]).assign_timestamps_and_watermarks(strategy());
    /// let payments = env.from_elements([(3i64, 7u32), (4, 8)]).assign_timestamps_and_watermarks(strategy());
    /// let paid = orders
    ///     .join(&payments)
    ///     .where_(|order| order.1)
    ///     .equal_to(|payment| payment.1)
    ///     .window(TumblingEventTimeWindows::of(Duration::from_millis(10)))
    ///     .apply(|order, payment| (order.1, payment.0 - order.0));
    /// assert_eq!(paid.execute_and_collect("paid")?, [(7, 2)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn join<B: Data>(&self, other: &DataStream<B>) -> JoinedStreams<A, B> {
        JoinedStreams { first: self.clone(), second: other.clone(), kind: PhantomData }
    }

    /// The records of both streams with the same key in the same window, two groups at a time; one of them may be
    /// empty. Results have the window's largest time.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # use std::time::Duration;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let strategy = || WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|n: &i64, _| EventTime(*n));
    /// let a = env.from_elements([1i64, 2, 12]).assign_timestamps_and_watermarks(strategy());
    /// let b = env.from_elements([3i64]).assign_timestamps_and_watermarks(strategy());
    /// let counts = a
    ///     .co_group(&b)
    ///     .where_(|_| ())
    ///     .equal_to(|_| ())
    ///     .window(TumblingEventTimeWindows::of(Duration::from_millis(10)))
    ///     .apply(|_key, ones, twos, out| out.collect((ones.len(), twos.len())));
    /// assert_eq!(counts.execute_and_collect("counts")?, [(2, 1), (1, 0)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn co_group<B: Data>(&self, other: &DataStream<B>) -> JoinedStreams<A, B, Groups> {
        JoinedStreams { first: self.clone(), second: other.clone(), kind: PhantomData }
    }
}

/// A join: each pair is given to the function.
#[derive(Clone, Copy, Debug)]
pub struct Pairs;

/// A co-group: the records of both sides are given to the function together.
#[derive(Clone, Copy, Debug)]
pub struct Groups;

/// Two streams to be joined, made by [`DataStream::join`] or [`DataStream::co_group`].
pub struct JoinedStreams<A, B, M = Pairs> {
    first: DataStream<A>,
    second: DataStream<B>,
    kind: PhantomData<M>,
}

impl<A: Data, B: Data, M> JoinedStreams<A, B, M> {
    /// The key of the first stream's records. An example is at [`DataStream::join`].
    pub fn where_<K: Key>(self, key: impl Fn(&A) -> K + Send + Sync + 'static) -> JoinWhere<A, B, K, M> {
        JoinWhere { first: self.first.key_by(key), second: self.second, kind: PhantomData }
    }
}

/// Two streams of which the first has its key.
pub struct JoinWhere<A, B, K, M = Pairs> {
    first: KeyedStream<A, K>,
    second: DataStream<B>,
    kind: PhantomData<M>,
}

impl<A: Data, B: Data, K: Key, M> JoinWhere<A, B, K, M> {
    /// The key of the second stream's records, of the same type. An example is at [`DataStream::join`].
    pub fn equal_to(self, key: impl Fn(&B) -> K + Send + Sync + 'static) -> JoinEqualTo<A, B, K, M> {
        JoinEqualTo { first: self.first, second: self.second.key_by(key), kind: PhantomData }
    }
}

/// Two streams that both have their key.
pub struct JoinEqualTo<A, B, K, M = Pairs> {
    first: KeyedStream<A, K>,
    second: KeyedStream<B, K>,
    kind: PhantomData<M>,
}

impl<A: Data, B: Data, K: Key, M> JoinEqualTo<A, B, K, M> {
    /// The windows in which records meet. The assigner sees records of either side. An example is at
    /// [`DataStream::join`].
    pub fn window<W: WindowAssigner<Tagged<A, B>>>(
        self,
        assigner: W,
    ) -> WindowedJoin<A, B, K, W, W::DefaultTrigger, M> {
        WindowedJoin {
            windowed: JoinWindowed::new(self.first.selector(), self.second.selector(), assigner),
            first: (*self.first).clone(),
            second: (*self.second).clone(),
            evictor: NoEvictor,
            kind: PhantomData,
        }
    }
}

/// Two streams in the same windows: `W` assigns records to windows, `Tr` says when they fire, `E` what is taken out of
/// them then.
pub struct WindowedJoin<A, B, K, W, Tr, M = Pairs, E = NoEvictor> {
    first: DataStream<A>,
    second: DataStream<B>,
    windowed: JoinWindowed<K, A, B, W, Tr>,
    evictor: E,
    kind: PhantomData<M>,
}

impl<A, B, K, W, Tr, M, E> WindowedJoin<A, B, K, W, Tr, M, E>
where
    A: Data,
    B: Data,
    K: Key,
    W: WindowAssigner<Tagged<A, B>>,
    Tr: Trigger<Tagged<A, B>, W::Window>,
{
    /// When windows fire, in place of the assigner's own trigger.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let (a, b) = (env.from_elements([1]), env.from_elements([2]));
    /// let pairs = a
    ///     .join(&b)
    ///     .where_(|_| ())
    ///     .equal_to(|_| ())
    ///     .window(GlobalWindows)
    ///     .trigger(CountTrigger::of(2))
    ///     .apply(|one, two| (*one, *two));
    /// assert_eq!(pairs.execute_and_collect("pairs")?, [(1, 2)]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn trigger<Tr2>(self, trigger: Tr2) -> WindowedJoin<A, B, K, W, Tr2, M, E>
    where
        Tr2: Trigger<Tagged<A, B>, W::Window>,
    {
        let WindowedJoin { first, second, windowed, evictor, kind } = self;
        WindowedJoin { first, second, windowed: windowed.trigger(trigger), evictor, kind }
    }

    /// Takes records of either side out of windows when they fire.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let (a, b) = (env.from_elements([1, 2]), env.from_elements([3]));
    /// let sizes = a
    ///     .co_group(&b)
    ///     .where_(|_| ())
    ///     .equal_to(|_| ())
    ///     .window(GlobalWindows)
    ///     .trigger(CountTrigger::of(3))
    ///     .evictor(CountEvictor::of(2))
    ///     .apply(|_, ones, twos, out| out.collect(ones.len() + twos.len()));
    /// assert_eq!(sizes.execute_and_collect("sizes")?, [2]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn evictor<E2>(self, evictor: E2) -> WindowedJoin<A, B, K, W, Tr, M, Evicting<E2>>
    where
        E2: Evictor<Tagged<A, B>, W::Window>,
    {
        let WindowedJoin { first, second, windowed, kind, .. } = self;
        WindowedJoin { first, second, windowed, evictor: Evicting(evictor), kind }
    }

    /// Keeps windows for so long after their end, to let late records in. Each of those fires its window again. As
    /// [`WindowedStream::allowed_lateness`](crate::WindowedStream::allowed_lateness).
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # use std::time::Duration;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let by_time = || WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|n: &i64, _| EventTime(*n));
    /// # let a = env.from_elements([1i64]).assign_timestamps_and_watermarks(by_time());
    /// # let b = env.from_elements([2i64]).assign_timestamps_and_watermarks(by_time());
    /// let pairs = a
    ///     .join(&b)
    ///     .where_(|_| ())
    ///     .equal_to(|_| ())
    ///     .window(TumblingEventTimeWindows::of(Duration::from_millis(10)))
    ///     .allowed_lateness(Duration::from_secs(60))
    ///     .apply(|one, two| (*one, *two));
    /// assert_eq!(pairs.execute_and_collect("pairs")?, [(1, 2)]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn allowed_lateness(mut self, lateness: Duration) -> Self {
        self.windowed = self.windowed.allowed_lateness(lateness);
        self
    }

    /// Gives records that are too late to a side output, tagged with their side. As
    /// [`WindowedStream::side_output_late_data`](crate::WindowedStream::side_output_late_data).
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # use std::time::Duration;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let by_time = || WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|n: &i64, _| EventTime(*n));
    /// # let a = env.from_elements([1i64]).assign_timestamps_and_watermarks(by_time());
    /// # let b = env.from_elements([2i64]).assign_timestamps_and_watermarks(by_time());
    /// let late: OutputTag<Tagged<i64, i64>> = OutputTag::new("late");
    /// let pairs = a
    ///     .join(&b)
    ///     .where_(|_| ())
    ///     .equal_to(|_| ())
    ///     .window(TumblingEventTimeWindows::of(Duration::from_millis(10)))
    ///     .side_output_late_data(&late)
    ///     .apply(|one, two| (*one, *two));
    /// assert!(pairs.get_side_output(&late).execute_and_collect("none is late")?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn side_output_late_data(mut self, tag: &OutputTag<Tagged<A, B>>) -> Self {
        self.windowed = self.windowed.side_output_late_data(tag);
        self
    }

    fn build<U: Data>(
        self,
        name: &str,
        build: impl FnOnce(E, JoinWindowed<K, A, B, W, Tr>) -> Factory,
    ) -> DataStream<U> {
        let WindowedJoin { first, second, windowed, evictor, .. } = self;
        let factory = build(evictor, windowed);
        first.checked_operator(name, factory, &[first.outlets(), first.outlets_of(&second, "join")])
    }
}

impl<A, B, K, W, Tr, E> WindowedJoin<A, B, K, W, Tr, Pairs, E>
where
    A: Data,
    B: Data,
    K: Key,
    W: WindowAssigner<Tagged<A, B>>,
    Tr: Trigger<Tagged<A, B>, W::Window>,
    E: JoinEviction<A, B, K, W, Tr>,
{
    /// What `f(one, two)` makes of each pair. An example is at [`DataStream::join`].
    pub fn apply<U: Data>(self, mut f: impl FnMut(&A, &B) -> U + Clone + Send + Sync + 'static) -> DataStream<U> {
        self.flat_apply(move |one: &A, two: &B, out: &mut Collector<U>| out.collect(f(one, two)))
    }

    /// What `f(one, two, out)` collects for each pair.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let (a, b) = (env.from_elements([1, 5]), env.from_elements([3]));
    /// let smaller = a
    ///     .join(&b)
    ///     .where_(|_| ())
    ///     .equal_to(|_| ())
    ///     .window(GlobalWindows)
    ///     .trigger(CountTrigger::of(3))
    ///     .flat_apply(|one, two, out| if one < two { out.collect(*one) });
    /// assert_eq!(smaller.execute_and_collect("smaller")?, [1]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn flat_apply<U: Data>(
        self,
        mut f: impl FnMut(&A, &B, &mut Collector<U>) + Clone + Send + Sync + 'static,
    ) -> DataStream<U> {
        let pairs = move |_: &K, ones: &[A], twos: &[B], out: &mut Collector<U>| {
            for one in ones {
                twos.iter().for_each(|two| f(one, two, out));
            }
        };
        self.build("Window Join", |evictor, windowed| evictor.co_group(windowed, pairs))
    }
}

impl<A, B, K, W, Tr, E> WindowedJoin<A, B, K, W, Tr, Groups, E>
where
    A: Data,
    B: Data,
    K: Key,
    W: WindowAssigner<Tagged<A, B>>,
    Tr: Trigger<Tagged<A, B>, W::Window>,
    E: JoinEviction<A, B, K, W, Tr>,
{
    /// What `f(key, ones, twos, out)` collects for each window. An example is at [`DataStream::co_group`].
    pub fn apply<U: Data>(
        self,
        f: impl FnMut(&K, &[A], &[B], &mut Collector<U>) + Clone + Send + Sync + 'static,
    ) -> DataStream<U> {
        self.build("Window Co-Group", |evictor, windowed| evictor.co_group(windowed, f))
    }
}
