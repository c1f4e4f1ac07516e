//! Where a stream ends: printed, thrown away, handed to a function or to any sink. Files are in
//! `file_stream_sink.rs`, results for the program itself in `collect.rs`.

use crate::environment::StreamExecutionEnvironment;
use crate::settings;
use crate::stream::DataStream;
use flott_api::Sink;
use flott_api::sink::SinkAdapter;
use flott_connectors::{BlackholeSink, FunctionSink, PrintSink};
use flott_core::{Data, Error, Result};
use flott_graph::{ChainingStrategy, NodeId, NodeKind};
use std::any::Any;
use std::error::Error as StdError;
use std::fmt::{Debug, Write};
use std::sync::Arc;

impl<T: Data> DataStream<T> {
    /// Prints each record to standard output, a line each, as `{:?}` shows it; text without quotes. With several
    /// subtasks the line says which: `2> record`.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.from_elements([("a", 1), ("b", 2)].map(|(word, n)| (word.to_owned(), n))).print();
    /// env.execute("print")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn print(&self) -> DataStreamSink
    where
        T: Debug,
    {
        self.sink("Print to Std. Out", PrintSink::with_format(show))
    }

    /// As [`DataStream::print`], each line with `identifier` before it: `totals> record`.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.from_elements([1, 2]).print_with_identifier("numbers");
    /// env.execute("print")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn print_with_identifier(&self, identifier: &str) -> DataStreamSink
    where
        T: Debug,
    {
        self.sink("Print to Std. Out", PrintSink::with_format(show).with_identifier(identifier))
    }

    /// As [`DataStream::print`], to standard error.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.from_elements([1, 2]).print_to_err();
    /// env.execute("print")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn print_to_err(&self) -> DataStreamSink
    where
        T: Debug,
    {
        self.sink("Print to Std. Err", PrintSink::with_format(show).to_standard_error())
    }

    /// Takes the records and keeps none.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.from_sequence(1, 1000).blackhole();
    /// env.execute("nothing")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn blackhole(&self) -> DataStreamSink {
        self.sink("Blackhole", BlackholeSink::<T>::new())
    }

    /// Hands each record to a function, which must not block; at least once when the job is restarted.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicI64, Ordering};
    ///
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let sum = Arc::new(AtomicI64::new(0));
    /// let seen = sum.clone();
    /// env.from_sequence(1, 4).for_each(move |n| {
    ///     seen.fetch_add(n, Ordering::Relaxed);
    /// });
    /// env.execute("sum")?;
    /// assert_eq!(sum.load(Ordering::Relaxed), 10);
    /// # Ok(())
    /// # }
    /// ```
    pub fn for_each(&self, f: impl Fn(T) + Send + Sync + 'static) -> DataStreamSink {
        let call = move |row| {
            f(row);
            Ok(())
        };
        self.sink("For Each", FunctionSink::new(call))
    }

    /// As [`DataStream::for_each`], with a function that may fail: its error fails the task.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.from_sequence(1, 4).try_for_each(|n| if n < 4 { Ok(()) } else { Err("too large") });
    /// assert!(env.execute("small numbers").unwrap_err().to_string().contains("too large"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_for_each<E>(&self, f: impl Fn(T) -> Result<(), E> + Send + Sync + 'static) -> DataStreamSink
    where
        E: Into<Box<dyn StdError + Send + Sync>> + 'static,
    {
        self.sink("For Each", FunctionSink::new(move |row| f(row).map_err(Error::from_user)))
    }

    /// Any [`Sink`]: one of `flott::connectors`, or one's own.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// use flott::connectors::BlackholeSink;
    ///
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.from_elements([1, 2]).sink_to(BlackholeSink::new()).name("nowhere").uid("nowhere");
    /// env.execute("nothing")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn sink_to<S: Sink<Item = T>>(&self, sink: S) -> DataStreamSink {
        self.sink(&crate::short_type_name::<S>(), sink)
    }

    pub(crate) fn sink<S: Sink<Item = T>>(&self, name: &str, sink: S) -> DataStreamSink {
        self.sink_node(name, NodeKind::Sink(Arc::new(SinkAdapter(sink))))
    }
}

impl<T> DataStream<T> {
    pub(crate) fn sink_node(&self, name: &str, kind: NodeKind) -> DataStreamSink {
        let node = self.env().add_node(format!("Sink: {name}"), kind, &[self.outlets()]);
        DataStreamSink { env: self.env().clone(), node }
    }
}

/// Appends a record as it is printed.
fn show<T: Debug + 'static>(row: &T, line: &mut String) {
    match (row as &dyn Any).downcast_ref::<String>() {
        Some(text) => line.push_str(text),
        // Writing to a string does not fail.
        None => drop(write!(line, "{row:?}")),
    }
}

/// The end of a stream, for its settings.
///
/// ```
/// use flott::prelude::*;
///
/// # fn main() -> Result<()> {
/// let env = StreamExecutionEnvironment::get_execution_environment()?;
/// env.from_elements([1, 2]).print().name("results").uid("results").set_parallelism(1);
/// assert!(env.execution_plan("plan")?.contains("Sink: results"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct DataStreamSink {
    env: StreamExecutionEnvironment,
    node: NodeId,
}

impl DataStreamSink {
    /// Puts another sink in this one's place.
    pub(crate) fn replace(&self, kind: NodeKind) {
        if let Some(node) = self.env.draft().node_mut(self.node) {
            node.kind = kind;
        }
    }

    /// Names the sink's state, stable across versions of the job. As [`DataStream::uid`].
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.from_elements([1, 2]).print().uid("results");
    /// assert!(env.execution_plan("plan")?.contains("Sink: Print"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn uid(&self, uid: &str) -> &Self {
        settings::set_uid(&self.env, self.node, uid);
        self
    }

    /// What the sink is called: `Sink: name`. As [`DataStream::name`].
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.from_elements([1, 2]).print().name("results");
    /// assert!(env.execution_plan("plan")?.contains("Sink: results"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn name(&self, name: &str) -> &Self {
        settings::set_name(&self.env, self.node, name);
        self
    }

    /// A longer text about the sink, for plans. As [`DataStream::set_description`].
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.from_elements([1, 2]).print().set_description("for people to read");
    /// assert!(env.execution_plan("plan")?.contains("for people to read"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_description(&self, description: &str) -> &Self {
        settings::set_description(&self.env, self.node, description);
        self
    }

    /// Number of the sink's subtasks. As [`DataStream::set_parallelism`].
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.from_elements([1, 2]).print().set_parallelism(2);
    /// assert!(env.execution_plan("plan")?.contains("(parallelism 2) <- 1 REBALANCE"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_parallelism(&self, parallelism: u32) -> &Self {
        settings::set_parallelism(&self.env, self.node, parallelism);
        self
    }

    /// The largest parallelism that the sink can ever have. As [`DataStream::set_max_parallelism`].
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.from_elements([1, 2]).print().set_max_parallelism(720);
    /// assert!(env.execution_plan("plan")?.contains("Sink: Print"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_max_parallelism(&self, max_parallelism: u32) -> &Self {
        settings::set_max_parallelism(&self.env, self.node, max_parallelism);
        self
    }

    /// The group of operators that the sink shares slots with. As [`DataStream::slot_sharing_group`].
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.from_elements([1, 2]).print().slot_sharing_group("output");
    /// assert!(env.execution_plan("plan")?.contains("2: Sink: Print"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn slot_sharing_group(&self, group: &str) -> &Self {
        settings::set_slot_sharing_group(&self.env, self.node, group);
        self
    }

    /// Makes the sink a task of its own. As [`DataStream::disable_chaining`].
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// env.from_elements([1, 2]).print().disable_chaining();
    /// assert!(env.execution_plan("plan")?.contains("2: Sink: Print"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn disable_chaining(&self) -> &Self {
        settings::set_chaining(&self.env, self.node, ChainingStrategy::Never);
        self
    }
}
