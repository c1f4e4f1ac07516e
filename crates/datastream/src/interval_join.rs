//! The interval join: pairs of records of two keyed streams whose event times lie within bounds of each other.

use crate::keyed::KeyedStream;
use crate::stream::DataStream;
use flott_api::function::{Collector, JoinContext, OutputTag, ProcessJoinFunction};
use flott_core::{Data, Key, Result};
use flott_operators as operators;
use std::marker::PhantomData;
use std::sync::Arc;

/// Two keyed streams, made by [`KeyedStream::interval_join`].
pub struct IntervalJoin<A, B, K> {
    first: KeyedStream<A, K>,
    second: KeyedStream<B, K>,
}

impl<A: Data, B: Data, K: Key> IntervalJoin<A, B, K> {
    pub(crate) fn new(first: &KeyedStream<A, K>, second: &KeyedStream<B, K>) -> Self {
        IntervalJoin { first: first.clone(), second: second.clone() }
    }

    /// Records are paired when the second one's time is that of the first plus `lower_ms` to `upper_ms`, both
    /// included. Bounds may be negative. An example is at [`KeyedStream::interval_join`].
    pub fn between(self, lower_ms: i64, upper_ms: i64) -> IntervalJoined<A, B, K> {
        let IntervalJoin { first, second } = self;
        let (is_lower_exclusive, is_upper_exclusive) = (false, false);
        IntervalJoined {
            first,
            second,
            lower_ms,
            upper_ms,
            is_lower_exclusive,
            is_upper_exclusive,
            late_left: None,
            late_right: None,
        }
    }
}

/// Two keyed streams and the bounds within which their records are paired.
///
/// A record is late when its time is less than the watermark (not when it is equal). A pair has the later of its two
/// times.
pub struct IntervalJoined<A, B, K> {
    first: KeyedStream<A, K>,
    second: KeyedStream<B, K>,
    lower_ms: i64,
    upper_ms: i64,
    is_lower_exclusive: bool,
    is_upper_exclusive: bool,
    late_left: Option<OutputTag<A>>,
    late_right: Option<OutputTag<B>>,
}

impl<A: Data, B: Data, K: Key> IntervalJoined<A, B, K> {
    /// Leaves the lower bound itself out.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let by_time = || WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|n: &i64, _| EventTime(*n));
    /// let clicks = env.from_elements([10i64]).assign_timestamps_and_watermarks(by_time()).key_by(|_| ());
    /// let views = env.from_elements([8i64, 9, 10]).assign_timestamps_and_watermarks(by_time()).key_by(|_| ());
    /// let pairs = clicks.interval_join(&views).between(-2, 0).lower_bound_exclusive().apply(|_, view| *view);
    /// let mut pairs = pairs.execute_and_collect("pairs")?;
    /// pairs.sort();
    /// assert_eq!(pairs, [9, 10]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn lower_bound_exclusive(mut self) -> Self {
        self.is_lower_exclusive = true;
        self
    }

    /// Leaves the upper bound itself out.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let by_time = || WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|n: &i64, _| EventTime(*n));
    /// let clicks = env.from_elements([10i64]).assign_timestamps_and_watermarks(by_time()).key_by(|_| ());
    /// let views = env.from_elements([8i64, 9, 10]).assign_timestamps_and_watermarks(by_time()).key_by(|_| ());
    /// let pairs = clicks.interval_join(&views).between(-2, 0).upper_bound_exclusive().apply(|_, view| *view);
    /// let mut pairs = pairs.execute_and_collect("pairs")?;
    /// pairs.sort();
    /// assert_eq!(pairs, [8, 9]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn upper_bound_exclusive(mut self) -> Self {
        self.is_upper_exclusive = true;
        self
    }

    /// Gives late records of the first stream to a side output. Otherwise they are dropped and counted in
    /// `numLateRecordsDropped`.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let by_time = || WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|n: &i64, _| EventTime(*n));
    /// # let clicks = env.from_elements([10i64]).assign_timestamps_and_watermarks(by_time()).key_by(|_| ());
    /// # let views = env.from_elements([8i64, 9, 10]).assign_timestamps_and_watermarks(by_time()).key_by(|_| ());
    /// let late = OutputTag::new("late clicks");
    /// let pairs = clicks.interval_join(&views).between(-2, 0).side_output_left_late_data(&late).apply(|_, view| *view);
    /// assert!(pairs.get_side_output(&late).execute_and_collect("none is late")?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn side_output_left_late_data(mut self, tag: &OutputTag<A>) -> Self {
        self.late_left = Some(tag.clone());
        self
    }

    /// Gives late records of the second stream to a side output. Otherwise they are dropped and counted in
    /// `numLateRecordsDropped`.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let by_time = || WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|n: &i64, _| EventTime(*n));
    /// # let clicks = env.from_elements([10i64]).assign_timestamps_and_watermarks(by_time()).key_by(|_| ());
    /// # let views = env.from_elements([8i64, 9, 10]).assign_timestamps_and_watermarks(by_time()).key_by(|_| ());
    /// let late = OutputTag::new("late views");
    /// let pairs = clicks.interval_join(&views).between(-2, 0).side_output_right_late_data(&late).apply(|_, view| *view);
    /// assert!(pairs.get_side_output(&late).execute_and_collect("none is late")?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn side_output_right_late_data(mut self, tag: &OutputTag<B>) -> Self {
        self.late_right = Some(tag.clone());
        self
    }

    /// What `f(left, right)` makes of each pair.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let by_time = || WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|n: &i64, _| EventTime(*n));
    /// let clicks = env.from_elements([10i64]).assign_timestamps_and_watermarks(by_time()).key_by(|_| ());
    /// let views = env.from_elements([5i64, 9]).assign_timestamps_and_watermarks(by_time()).key_by(|_| ());
    /// let delays = clicks.interval_join(&views).between(-3, 0).apply(|click, view| click - view);
    /// assert_eq!(delays.execute_and_collect("delays")?, [1]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn apply<U: Data>(self, f: impl FnMut(&A, &B) -> U + Clone + Send + Sync + 'static) -> DataStream<U> {
        self.process(OfPair { f, types: PhantomData })
    }

    /// Gives each pair to a [`ProcessJoinFunction`], which knows both times and has side outputs. An example is at
    /// [`KeyedStream::interval_join`].
    pub fn process<F: ProcessJoinFunction<Left = A, Right = B>>(self, function: F) -> DataStream<F::Out> {
        const NAME: &str = "Interval Join";
        let IntervalJoined { first, second, lower_ms, upper_ms, .. } = self;
        let made = operators::IntervalJoin::new(first.selector(), second.selector(), lower_ms, upper_ms, function);
        let mut operator = match made {
            Ok(operator) => operator,
            Err(error) => {
                first.env().draft().mistake(None, format!("operator `{NAME}`: {error}"));
                return DataStream::of_outlets(first.env().clone(), first.outlets().to_vec());
            }
        };
        if self.is_lower_exclusive {
            operator = operator.lower_bound_exclusive();
        }
        if self.is_upper_exclusive {
            operator = operator.upper_bound_exclusive();
        }
        if let Some(tag) = &self.late_left {
            operator = operator.side_output_left_late_data(tag);
        }
        if let Some(tag) = &self.late_right {
            operator = operator.side_output_right_late_data(tag);
        }
        let inputs = [first.outlets(), first.outlets_of(&second, "interval_join")];
        first.checked_operator(NAME, Arc::new(operator), &inputs)
    }
}

/// A closure of a pair as a [`ProcessJoinFunction`].
struct OfPair<A, B, U, F> {
    f: F,
    types: PhantomData<fn(A, B) -> U>,
}

impl<A, B, U, F: Clone> Clone for OfPair<A, B, U, F> {
    fn clone(&self) -> Self {
        OfPair { f: self.f.clone(), types: PhantomData }
    }
}

impl<A, B, U, F> ProcessJoinFunction for OfPair<A, B, U, F>
where
    A: Data,
    B: Data,
    U: Data,
    F: FnMut(&A, &B) -> U + Clone + Send + Sync + 'static,
{
    type Left = A;
    type Right = B;
    type Out = U;

    fn process(&mut self, left: &A, right: &B, _: &mut JoinContext<'_, '_>, out: &mut Collector<U>) -> Result<()> {
        out.collect((self.f)(left, right));
        Ok(())
    }
}
