//! Ways to windows that need no assigner: by count, and over streams without keys.

use crate::eviction::Evicting;
use crate::keyed::KeyedStream;
use crate::stream::DataStream;
use crate::windowed::{AllWindowedStream, WindowedStream};
use flott_api::function::WindowAssigner;
use flott_core::{Data, Key};
use flott_operators::window::{CountEvictor, CountTrigger, GlobalWindows, PurgingTrigger};

/// A trigger that fires every so many records and starts anew.
type EveryCount = PurgingTrigger<CountTrigger>;

impl<T: Data> DataStream<T> {
    /// Gathers the records in windows, all keys together: there is one subtask.
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
    ///     .window_all(TumblingEventTimeWindows::of(Duration::from_millis(10)))
    ///     .sum(|n| n);
    /// assert_eq!(sums.execute_and_collect("sums")?, [45, 145]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn window_all<A: WindowAssigner<T>>(&self, assigner: A) -> AllWindowedStream<T, A, A::DefaultTrigger> {
        self.key_by(|_| ()).window(assigner).all()
    }

    /// Windows of `size` records each, all keys together.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let sums = env.from_sequence(1, 4).count_window_all(2).sum(|n| n);
    /// assert_eq!(sums.execute_and_collect("sums")?, [3, 7]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn count_window_all(&self, size: u64) -> AllWindowedStream<T, GlobalWindows, EveryCount> {
        check_count(self, "count_window_all", "size", size);
        self.window_all(GlobalWindows).trigger(PurgingTrigger::of(CountTrigger::of(size)))
    }

    /// The last `size` records, every `slide` records, all keys together.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let sums = env.from_sequence(1, 4).count_window_all_sliding(3, 2).sum(|n| n);
    /// assert_eq!(sums.execute_and_collect("sums")?, [3, 9]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn count_window_all_sliding(
        &self,
        size: u64,
        slide: u64,
    ) -> AllWindowedStream<T, GlobalWindows, CountTrigger, Evicting<CountEvictor>> {
        check_count(self, "count_window_all_sliding", "size", size);
        check_count(self, "count_window_all_sliding", "slide", slide);
        self.window_all(GlobalWindows).trigger(CountTrigger::of(slide)).evictor(last(size))
    }
}

impl<T: Data, K: Key> KeyedStream<T, K> {
    /// Windows of `size` records of a key each.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let sums = env.from_sequence(1, 5).key_by(|n| n % 2).count_window(2).sum(|n| n);
    /// assert_eq!(sums.execute_and_collect("sums")?, [4, 6]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn count_window(&self, size: u64) -> WindowedStream<T, K, GlobalWindows, EveryCount> {
        check_count(self, "count_window", "size", size);
        self.window(GlobalWindows).trigger(PurgingTrigger::of(CountTrigger::of(size)))
    }

    /// The last `size` records of a key, every `slide` records of it.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let sums = env.from_sequence(1, 4).key_by(|_| ()).count_window_sliding(3, 1).sum(|n| n);
    /// assert_eq!(sums.execute_and_collect("sums")?, [1, 3, 6, 9]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn count_window_sliding(
        &self,
        size: u64,
        slide: u64,
    ) -> WindowedStream<T, K, GlobalWindows, CountTrigger, Evicting<CountEvictor>> {
        check_count(self, "count_window_sliding", "size", size);
        check_count(self, "count_window_sliding", "slide", slide);
        self.window(GlobalWindows).trigger(CountTrigger::of(slide)).evictor(last(size))
    }
}

fn last(size: u64) -> CountEvictor {
    CountEvictor::of(usize::try_from(size).unwrap_or(usize::MAX))
}

fn check_count<T>(stream: &DataStream<T>, method: &str, what: &str, count: u64) {
    if count == 0 {
        let node = stream.outlets().first().map(|outlet| outlet.node);
        stream.env().draft().mistake(node, format!("the `{what}` of its `{method}` is 0; give at least 1"));
    }
}
