//! How records reach the next operator's subtasks. The last word wins: `s.shuffle().rebalance()` is `s.rebalance()`.
//!
//! None of these is an operator: nothing runs there, so a name or a uid cannot be set there either.

use crate::draft::Outlet;
use crate::stream::DataStream;
use flott_api::Partitioning;
use flott_api::partitioner::CustomRouter;
use flott_core::Data;
use std::sync::Arc;

impl<T: Data> DataStream<T> {
    /// In turn over all subtasks, so that each gets as many records as the others.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let squares = env.from_sequence(1, 3).rebalance().map(|n| n * n).set_parallelism(2);
    /// let mut squares = squares.execute_and_collect("squares")?;
    /// squares.sort();
    /// assert_eq!(squares, [1, 4, 9]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn rebalance(&self) -> DataStream<T> {
        self.partitioned(&Partitioning::Rebalance)
    }

    /// In turn over a few subtasks: each subtask of the smaller side is connected with its share of the larger one.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.from_sequence(1, 3).set_parallelism(2).rescale().map(|n| n).set_parallelism(4).blackhole();
    /// assert!(env.execution_plan("plan")?.contains("<- 1 RESCALE"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn rescale(&self) -> DataStream<T> {
        self.partitioned(&Partitioning::Rescale)
    }

    /// To a random subtask.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let mut numbers = env.from_sequence(1, 3).shuffle().map(|n| n).set_parallelism(2).execute_and_collect("any")?;
    /// numbers.sort();
    /// assert_eq!(numbers, [1, 2, 3]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn shuffle(&self) -> DataStream<T> {
        self.partitioned(&Partitioning::Shuffle)
    }

    /// To every subtask. To keep what is broadcast as state, see
    /// [`broadcast_state`](DataStream::broadcast_state).
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let twice = env.from_elements([7]).broadcast().map(|n| n).set_parallelism(2);
    /// assert_eq!(twice.execute_and_collect("twice")?, [7, 7]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn broadcast(&self) -> DataStream<T> {
        self.partitioned(&Partitioning::Broadcast)
    }

    /// To the first subtask.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let first = env.from_elements([1, 2]).global().map(|n| n).set_parallelism(2);
    /// assert_eq!(first.execute_and_collect("first")?, [1, 2]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn global(&self) -> DataStream<T> {
        self.partitioned(&Partitioning::Global)
    }

    /// To the subtask of the same number. Both ends need the same parallelism; if they have it, this is what happens
    /// anyway.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.from_sequence(1, 3).set_parallelism(2).forward().map(|n| n).set_parallelism(3).name("three").blackhole();
    /// let error = env.execute("wrong").unwrap_err();
    /// assert!(error.to_string().contains("to `three` (parallelism 3)"), "{error}");
    /// # Ok(())
    /// # }
    /// ```
    pub fn forward(&self) -> DataStream<T> {
        self.partitioned(&Partitioning::Forward)
    }

    /// To the subtask that `partitioner(&key, subtasks)` chooses for the record's key: a number below `subtasks`.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let orders = env.from_elements([("de", 3), ("fr", 1), ("de", 4)].map(|(country, n)| (country.to_owned(), n)));
    /// let german_first = orders.partition_custom(
    ///     |country: &String, subtasks| if country == "de" { 0 } else { subtasks - 1 },
    ///     |order| order.0.clone(),
    /// );
    /// assert_eq!(german_first.map(|order| order.1).set_parallelism(2).execute_and_collect("orders")?.len(), 3);
    /// # Ok(())
    /// # }
    /// ```
    pub fn partition_custom<K: 'static>(
        &self,
        partitioner: impl Fn(&K, u32) -> u32 + Send + Sync + 'static,
        key: impl Fn(&T) -> K + Send + Sync + 'static,
    ) -> DataStream<T> {
        let router = CustomRouter::<T, _>::new(move |row: &T, subtasks| partitioner(&key(row), subtasks));
        self.partitioned(&Partitioning::Custom(Arc::new(router)))
    }
}

impl<T> DataStream<T> {
    /// The same records, on another way to the next operator.
    pub(crate) fn partitioned(&self, partitioning: &Partitioning) -> DataStream<T> {
        let outlets = self.outlets().iter().cloned();
        let outlets = outlets.map(|outlet| Outlet { partitioning: Some(partitioning.clone()), ..outlet });
        DataStream::of_outlets(self.env().clone(), outlets.collect())
    }
}
