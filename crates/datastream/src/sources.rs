//! Sources in memory, generators, sockets, and anyone's own. Files are in `file_stream.rs`.

use crate::environment::StreamExecutionEnvironment;
use crate::settings;
use crate::stream::DataStream;
use flott_api::source::SourceAdapter;
use flott_api::{Source, WatermarkStrategy};
use flott_connectors::datagen::RateLimiterStrategy;
use flott_connectors::{CollectionSource, DataGeneratorSource, SequenceSource, SocketTextSource};
use flott_core::Data;
use flott_graph::NodeKind;
use std::sync::Arc;

/// How many records a generator makes, and how fast.
///
/// ```
/// use flott::prelude::*;
///
/// let options = DataGenOptions::new().with_count(1_000).with_rate_per_second(50_000.0);
/// ```
#[derive(Clone, Debug)]
pub struct DataGenOptions {
    count: Option<u64>,
    rate: RateLimiterStrategy,
}

impl Default for DataGenOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl DataGenOptions {
    /// Without end, as fast as records are taken.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let endless = env.datagen(|n| n, DataGenOptions::new());
    /// assert_eq!(endless.execute_and_collect_first("numbers", 2)?, [0, 1]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new() -> Self {
        DataGenOptions { count: None, rate: RateLimiterStrategy::NoOp }
    }

    /// Ends after `count` records, which makes the source bounded.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let three = env.datagen(|n| n, DataGenOptions::new().with_count(3));
    /// assert_eq!(three.execute_and_collect("numbers")?, [0, 1, 2]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_count(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// No more than so many records a second, all subtasks together.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let slow = env.datagen(|n| n, DataGenOptions::new().with_count(3).with_rate_per_second(1000.0));
    /// assert_eq!(slow.execute_and_collect("numbers")?, [0, 1, 2]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_rate_per_second(self, records: f64) -> Self {
        self.with_rate_limiter(RateLimiterStrategy::PerSecond(records))
    }

    /// As fast as the strategy says.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let options = DataGenOptions::new().with_count(3).with_rate_limiter(RateLimiterStrategy::NoOp);
    /// assert_eq!(env.datagen(|n| n, options).execute_and_collect("numbers")?, [0, 1, 2]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_rate_limiter(mut self, strategy: RateLimiterStrategy) -> Self {
        self.rate = strategy;
        self
    }

    pub(crate) fn source<T: Data, F: Fn(u64) -> T + Send + Sync + 'static>(
        self,
        generate: F,
    ) -> DataGeneratorSource<T, F> {
        let source = DataGeneratorSource::new(generate).with_rate_limiter(self.rate);
        match self.count {
            Some(count) => source.with_count(count),
            None => source,
        }
    }
}

impl StreamExecutionEnvironment {
    /// The elements of a collection, in order. There is one subtask.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let words: Vec<String> = "to be or not to be".split(' ').map(String::from).collect();
    /// assert_eq!(env.from_collection(words).execute_and_collect("words")?.len(), 6);
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_collection<T: Data>(&self, items: impl IntoIterator<Item = T>) -> DataStream<T> {
        let stream =
            self.from_source(CollectionSource::new(items), WatermarkStrategy::no_watermarks(), "Collection Source");
        self.single(stream, "a collection is read in order")
    }

    /// The given elements, in order. There is one subtask. Records own what they are made of, so text is `String`:
    /// `["a", "b"].map(String::from)`.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// assert_eq!(env.from_elements([1, 2, 3]).execute_and_collect("numbers")?, [1, 2, 3]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_elements<T: Data, const N: usize>(&self, elements: [T; N]) -> DataStream<T> {
        self.from_collection(elements)
    }

    /// The numbers from `from` to `to`, both included; with several subtasks each of them counts through parts of the
    /// range.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// assert_eq!(env.from_sequence(1, 4).execute_and_collect("numbers")?, [1, 2, 3, 4]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_sequence(&self, from: i64, to: i64) -> DataStream<i64> {
        self.from_source(SequenceSource::new(from, to), WatermarkStrategy::no_watermarks(), "Sequence Source")
    }

    /// `generate(0)`, `generate(1)` and so on: without end or up to a number, as fast as they are taken or at a rate.
    /// Record n depends on n alone, so that a job that is restarted makes the same ones again.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let options = DataGenOptions::new().with_count(3).with_rate_per_second(1000.0);
    /// let orders = env.datagen(|n| format!("order {n}"), options);
    /// assert_eq!(orders.execute_and_collect("orders")?, ["order 0", "order 1", "order 2"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn datagen<T: Data>(
        &self,
        generate: impl Fn(u64) -> T + Send + Sync + 'static,
        options: DataGenOptions,
    ) -> DataStream<T> {
        self.from_source(options.source(generate), WatermarkStrategy::no_watermarks(), "Data Generator")
    }

    /// Lines of text from the server at `host`:`port`, until it closes the connection. What is lost in a restart is
    /// lost for good: for trying things out. There is one subtask.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # use std::io::Write;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let server = std::net::TcpListener::bind("localhost:0").unwrap();
    /// let port = server.local_addr().unwrap().port();
    /// std::thread::spawn(move || server.accept().unwrap().0.write_all(b"to be\nor not\n"));
    ///
    /// let lines = env.socket_text("localhost", port).map(|line| line.to_uppercase());
    /// assert_eq!(lines.execute_and_collect("lines")?, ["TO BE", "OR NOT"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn socket_text(&self, host: &str, port: u16) -> DataStream<String> {
        let source = SocketTextSource::new(host, port);
        let stream = self.from_source(source, WatermarkStrategy::no_watermarks(), "Socket Stream");
        self.single(stream, "a socket is one connection")
    }

    /// Any [`Source`]: one of `flott::connectors`, or one's own. Watermarks are made split by split.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// use flott::connectors::SequenceSource;
    ///
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let numbers = env.from_source(SequenceSource::new(1u64, 3), WatermarkStrategy::no_watermarks(), "numbers");
    /// assert_eq!(numbers.execute_and_collect("numbers")?, [1, 2, 3]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_source<S: Source>(
        &self,
        source: S,
        strategy: WatermarkStrategy<S::Item>,
        name: &str,
    ) -> DataStream<S::Item> {
        self.add(format!("Source: {name}"), NodeKind::Source(Arc::new(SourceAdapter::new(source, strategy))), &[])
    }

    /// Makes a source run in one subtask.
    fn single<T>(&self, stream: DataStream<T>, why: &'static str) -> DataStream<T> {
        if let Some(node) = stream.operator_node() {
            settings::set_single(self, node, why);
        }
        stream
    }
}
