//! Streams of Arrow columns: the same runtime, a record batch at a time and without a row in sight. This is what SQL
//! stands on; by hand it is good for filters and running counts over very many records.

mod blackhole;
mod rows;
mod source;

use crate::environment::StreamExecutionEnvironment;
use crate::sinks::DataStreamSink;
use crate::sources::DataGenOptions;
use crate::stream::DataStream;
use arrow_array::types::{Int64Type, UInt64Type};
use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use flott_api::{OperatorFactory, Partitioning};
use flott_core::{Data, Error, Result};
use flott_graph::NodeKind;
use flott_operators::columns::{ColumnsCount, ColumnsFilter, ColumnsRouter};
use std::error::Error as StdError;
use std::sync::Arc;

/// Stands for the rows of a stream that has none.
type Columnar = ();

impl StreamExecutionEnvironment {
    /// The rows of record batches, in order; with several subtasks each of them reads every so many batches. All have
    /// the schema of the first.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// use arrow_array::{Array, Int64Array, RecordBatch};
    /// use std::sync::Arc;
    ///
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let users = Arc::new(Int64Array::from(vec![7, 8, 7])) as Arc<dyn Array>;
    /// let batch = RecordBatch::try_from_iter([("user", users)]).unwrap();
    /// let rows = env.from_record_batches([batch]).rows(|batch| vec![batch.num_rows() as u64]);
    /// assert_eq!(rows.execute_and_collect("rows")?, [3]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_record_batches(&self, batches: impl IntoIterator<Item = RecordBatch>) -> ColumnStream {
        let batches: Vec<RecordBatch> = batches.into_iter().collect();
        let schema = batches.first().map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
        let options = DataGenOptions::new().with_count(batches.len() as u64);
        if let Some(other) = batches.iter().find(|batch| batch.schema() != schema) {
            let what = format!("record batches with different schemas: {schema} and {}", other.schema());
            self.draft().mistake(None, what);
        }
        let empty = RecordBatch::new_empty(schema.clone());
        let generate = move |n: u64| {
            let batch = usize::try_from(n).ok().and_then(|n| batches.get(n));
            batch.unwrap_or(&empty).clone()
        };
        self.column_source("Record Batch Source", schema, generate, options)
    }

    /// `generate(0)`, `generate(1)` and so on, a record batch each, all of them with this schema. The options count
    /// batches, not rows.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// use arrow_array::{Array, RecordBatch, UInt64Array};
    /// use arrow_schema::{DataType, Field, Schema};
    /// use std::sync::Arc;
    ///
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::UInt64, false)]));
    /// let fields = schema.clone();
    /// let generate = move |batch| {
    ///     let numbers: UInt64Array = (batch * 100..(batch + 1) * 100).collect();
    ///     RecordBatch::try_new(fields.clone(), vec![Arc::new(numbers)]).unwrap()
    /// };
    /// let numbers = env.datagen_columns(schema, generate, DataGenOptions::new().with_count(3));
    /// let rows = numbers.rows(|batch| vec![batch.num_rows() as u64]);
    /// assert_eq!(rows.execute_and_collect("rows")?, [100, 100, 100]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn datagen_columns(
        &self,
        schema: SchemaRef,
        generate: impl Fn(u64) -> RecordBatch + Send + Sync + 'static,
        options: DataGenOptions,
    ) -> ColumnStream {
        self.column_source("Data Generator", schema, generate, options)
    }

    fn column_source(
        &self,
        name: &str,
        schema: SchemaRef,
        generate: impl Fn(u64) -> RecordBatch + Send + Sync + 'static,
        options: DataGenOptions,
    ) -> ColumnStream {
        let source = source::ColumnsSource::new(schema.clone(), generate, options);
        let node = self.add_node(format!("Source: {name}"), NodeKind::Source(Arc::new(source)), &[]);
        ColumnStream { stream: DataStream::of_node(self.clone(), node), schema }
    }
}

/// A stream of Arrow record batches of one schema.
///
/// ```
/// use arrow_array::{Array, Int64Array, RecordBatch};
/// use flott::prelude::*;
/// use std::sync::Arc;
///
/// # fn main() -> Result<()> {
/// let env = StreamExecutionEnvironment::get_execution_environment()?;
/// let users = Arc::new(Int64Array::from(vec![7, 8, 7])) as Arc<dyn Array>;
/// let batch = RecordBatch::try_from_iter([("user", users)]).unwrap();
/// let counts = env.from_record_batches([batch]).key_by(&["user"]).count();
/// let shown = counts.rows(|batch| vec![format!("{:?}", batch.column(1).len())]);
/// assert_eq!(shown.execute_and_collect("counts")?, ["3"]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ColumnStream {
    stream: DataStream<Columnar>,
    schema: SchemaRef,
}

impl ColumnStream {
    /// The schema of every batch.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # use arrow_array::{Array, Int64Array, RecordBatch};
    /// # use std::sync::Arc;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let users = Arc::new(Int64Array::from(vec![7, 8, 7])) as Arc<dyn Array>;
    /// # let batch = RecordBatch::try_from_iter([("user", users)]).unwrap();
    /// assert_eq!(env.from_record_batches([batch]).schema().field(0).name(), "user");
    /// # Ok(())
    /// # }
    /// ```
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Keeps the rows for which the predicate, which sees a whole batch and gives a value per row, is true.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// use arrow_array::cast::AsArray;
    /// use arrow_array::types::Int64Type;
    /// use arrow_array::{Array, BooleanArray, Int64Array, RecordBatch};
    /// use std::sync::Arc;
    ///
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let users = Arc::new(Int64Array::from(vec![7, 8, 9])) as Arc<dyn Array>;
    /// let batch = RecordBatch::try_from_iter([("user", users)]).unwrap();
    /// let large = env.from_record_batches([batch]).filter(|batch| {
    ///     let users = batch.column(0).as_primitive::<Int64Type>();
    ///     BooleanArray::from_unary(users, |user| user > 7)
    /// });
    /// let users = large.rows(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec());
    /// assert_eq!(users.execute_and_collect("large")?, [8, 9]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn filter(
        &self,
        mut predicate: impl FnMut(&RecordBatch) -> BooleanArray + Clone + Send + Sync + 'static,
    ) -> ColumnStream {
        self.filtered(move |batch: &RecordBatch| Ok(predicate(batch)))
    }

    /// As [`ColumnStream::filter`], with a predicate that may fail, as the kernels of Arrow do: its error fails the
    /// task.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// use arrow_array::cast::AsArray;
    /// use arrow_array::types::Int64Type;
    /// use arrow_array::{Array, BooleanArray, Int64Array, RecordBatch};
    /// use std::sync::Arc;
    ///
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let users = Arc::new(Int64Array::from(vec![7, 8, 9])) as Arc<dyn Array>;
    /// let batch = RecordBatch::try_from_iter([("user", users)]).unwrap();
    /// let none = env.from_record_batches([batch]).try_filter(|batch| match batch.column_by_name("order") {
    ///     Some(orders) => Ok(BooleanArray::from_unary(orders.as_primitive::<Int64Type>(), |order| order > 0)),
    ///     None => Err("there is no column `order`"),
    /// });
    /// none.blackhole();
    /// assert!(env.execute("filter").unwrap_err().to_string().contains("there is no column `order`"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_filter<E>(
        &self,
        mut predicate: impl FnMut(&RecordBatch) -> Result<BooleanArray, E> + Clone + Send + Sync + 'static,
    ) -> ColumnStream
    where
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.filtered(move |batch: &RecordBatch| predicate(batch).map_err(Error::from_user))
    }

    fn filtered(
        &self,
        predicate: impl FnMut(&RecordBatch) -> Result<BooleanArray> + Clone + Send + Sync + 'static,
    ) -> ColumnStream {
        self.operator("Filter", Arc::new(ColumnsFilter::new(predicate)), self.schema.clone())
    }

    /// Parts the stream by the key in these columns: integers, text, bytes, booleans, dates or timestamps.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// use arrow_array::cast::AsArray;
    /// use arrow_array::types::UInt64Type;
    /// use arrow_array::{Array, Int64Array, RecordBatch};
    /// use std::sync::Arc;
    ///
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let users = Arc::new(Int64Array::from(vec![7, 8, 7])) as Arc<dyn Array>;
    /// let batch = RecordBatch::try_from_iter([("user", users)]).unwrap();
    /// let counts = env.from_record_batches([batch]).key_by(&["user"]).count();
    /// let counts = counts.rows(|batch| batch.column(1).as_primitive::<UInt64Type>().values().to_vec());
    /// assert_eq!(counts.execute_and_collect("counts")?, [1, 1, 2]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn key_by(&self, columns: &[&str]) -> KeyedColumnStream {
        let mut found = Vec::new();
        for column in columns {
            match self.schema.index_of(column) {
                Ok(n) => found.push(n),
                Err(_) => {
                    let what =
                        format!("`key_by` names the column `{column}`, which is not one of {}", names(&self.schema));
                    self.stream.env().draft().mistake(self.stream.operator_node(), what);
                }
            }
        }
        let router = Partitioning::Hash(Arc::new(ColumnsRouter::new(found.clone())));
        KeyedColumnStream { stream: self.stream.partitioned(&router), schema: self.schema.clone(), columns: found }
    }

    /// The rows that `f` makes of each batch, as a stream of records. They have no event times.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// use arrow_array::cast::AsArray;
    /// use arrow_array::{Array, RecordBatch, StringArray};
    /// use std::sync::Arc;
    ///
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let words = Arc::new(StringArray::from(vec!["to", "be"])) as Arc<dyn Array>;
    /// let batch = RecordBatch::try_from_iter([("word", words)]).unwrap();
    /// let words = env
    ///     .from_record_batches([batch])
    ///     .rows(|batch| batch.column(0).as_string::<i32>().iter().flatten().map(String::from).collect());
    /// assert_eq!(words.execute_and_collect("words")?, ["to", "be"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn rows<T: Data>(
        &self,
        f: impl FnMut(&RecordBatch) -> Vec<T> + Clone + Send + Sync + 'static,
    ) -> DataStream<T> {
        self.stream.operator("Rows", rows::ColumnsRows(f))
    }

    /// In turn over all subtasks, batch by batch. As [`DataStream::rebalance`].
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # use arrow_array::{Array, Int64Array, RecordBatch};
    /// # use std::sync::Arc;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let users = Arc::new(Int64Array::from(vec![7, 8, 7])) as Arc<dyn Array>;
    /// # let batch = RecordBatch::try_from_iter([("user", users)]).unwrap();
    /// env.from_record_batches([batch]).rebalance().blackhole();
    /// assert!(env.execution_plan("plan")?.contains("<- 1 REBALANCE"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn rebalance(&self) -> ColumnStream {
        ColumnStream { stream: self.stream.partitioned(&Partitioning::Rebalance), schema: self.schema.clone() }
    }

    /// Takes the columns and keeps none.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # use arrow_array::{Array, Int64Array, RecordBatch};
    /// # use std::sync::Arc;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let users = Arc::new(Int64Array::from(vec![7, 8, 7])) as Arc<dyn Array>;
    /// # let batch = RecordBatch::try_from_iter([("user", users)]).unwrap();
    /// env.from_record_batches([batch]).blackhole();
    /// env.execute("nothing")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn blackhole(&self) -> DataStreamSink {
        self.stream.sink_node("Blackhole", NodeKind::Sink(Arc::new(blackhole::ColumnsBlackhole)))
    }

    /// What the operator is called. As [`DataStream::name`].
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # use arrow_array::{Array, Int64Array, RecordBatch};
    /// # use std::sync::Arc;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let users = Arc::new(Int64Array::from(vec![7, 8, 7])) as Arc<dyn Array>;
    /// # let batch = RecordBatch::try_from_iter([("user", users)]).unwrap();
    /// env.from_record_batches([batch]).name("users").blackhole();
    /// assert!(env.execution_plan("plan")?.contains("Source: users"));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn name(self, name: &str) -> ColumnStream {
        ColumnStream { stream: self.stream.name(name), schema: self.schema }
    }

    /// Names the operator's state. As [`DataStream::uid`].
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # use arrow_array::{Array, Int64Array, RecordBatch};
    /// # use std::sync::Arc;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let users = Arc::new(Int64Array::from(vec![7, 8, 7])) as Arc<dyn Array>;
    /// # let batch = RecordBatch::try_from_iter([("user", users)]).unwrap();
    /// env.from_record_batches([batch]).key_by(&["user"]).count().uid("counts").blackhole();
    /// env.execute("counts")?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn uid(self, uid: &str) -> ColumnStream {
        ColumnStream { stream: self.stream.uid(uid), schema: self.schema }
    }

    /// Number of the operator's subtasks. As [`DataStream::set_parallelism`].
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # use arrow_array::{Array, Int64Array, RecordBatch};
    /// # use std::sync::Arc;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let users = Arc::new(Int64Array::from(vec![7, 8, 7])) as Arc<dyn Array>;
    /// # let batch = RecordBatch::try_from_iter([("user", users)]).unwrap();
    /// env.from_record_batches([batch]).set_parallelism(2).blackhole();
    /// assert!(env.execution_plan("plan")?.contains("(parallelism 2)"));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn set_parallelism(self, parallelism: u32) -> ColumnStream {
        ColumnStream { stream: self.stream.set_parallelism(parallelism), schema: self.schema }
    }

    fn operator(&self, name: &str, factory: Arc<dyn OperatorFactory>, schema: SchemaRef) -> ColumnStream {
        let env = self.stream.env();
        let node = env.add_node(name, NodeKind::Operator(factory), &[self.stream.outlets()]);
        ColumnStream { stream: DataStream::of_node(env.clone(), node), schema }
    }
}

/// A stream of Arrow record batches whose rows of one key are all in one subtask, made by [`ColumnStream::key_by`].
#[derive(Clone)]
pub struct KeyedColumnStream {
    stream: DataStream<Columnar>,
    schema: SchemaRef,
    columns: Vec<usize>,
}

impl KeyedColumnStream {
    /// For each row its key and how many rows of the key there have been: two columns, the key's own and `count`
    /// (UInt64). The key is one column of type Int64 or UInt64, without nulls.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # use arrow_array::{Array, Int64Array, RecordBatch};
    /// # use std::sync::Arc;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let users = Arc::new(Int64Array::from(vec![7, 8, 7])) as Arc<dyn Array>;
    /// # let batch = RecordBatch::try_from_iter([("user", users)]).unwrap();
    /// let counts = env.from_record_batches([batch]).key_by(&["user"]).count();
    /// assert_eq!(counts.schema().field(1).name(), "count");
    /// # Ok(())
    /// # }
    /// ```
    pub fn count(&self) -> ColumnStream {
        let keyed = ColumnStream { stream: self.stream.clone(), schema: self.schema.clone() };
        let key = match self.columns.as_slice() {
            [column] => Some(*column),
            _ => None,
        };
        let operator: Option<(usize, Arc<dyn OperatorFactory>)> =
            key.and_then(|n| match self.schema.field(n).data_type() {
                DataType::Int64 => Some((n, Arc::new(ColumnsCount::<Int64Type>::new(n)) as Arc<dyn OperatorFactory>)),
                DataType::UInt64 => Some((n, Arc::new(ColumnsCount::<UInt64Type>::new(n)) as Arc<dyn OperatorFactory>)),
                _ => None,
            });
        let Some((column, operator)) = operator else {
            let node = self.stream.outlets().first().map(|outlet| outlet.node);
            let what = "a `count` behind it needs one key column of type Int64 or UInt64";
            self.stream.env().draft().mistake(node, what);
            return keyed;
        };
        let fields =
            vec![self.schema.field(column).clone().with_nullable(false), Field::new("count", DataType::UInt64, false)];
        keyed.operator("Count", operator, Arc::new(Schema::new(fields)))
    }
}

fn names(schema: &Schema) -> String {
    schema.fields().iter().map(|field| format!("`{}`", field.name())).collect::<Vec<_>>().join(", ")
}
