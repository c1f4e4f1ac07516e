//! Files as sinks: text lines, CSV, JSON, anyone's own format; exactly once.
//!
//! The sink is there at once; options that follow change it.

use crate::sinks::DataStreamSink;
use crate::stream::DataStream;
use flott_api::format::EncodingFormat;
use flott_api::sink::SinkAdapter;
use flott_connectors::FileSink;
use flott_connectors::file_sink::{BasePathBucketAssigner, BucketAssigner, BucketContext, RollingPolicy};
use flott_core::{Data, Result};
use flott_formats::{CsvFormat, JsonFormat, LineFormat};
use flott_graph::NodeKind;
use std::fmt::Display;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl<T: Data> DataStream<T> {
    /// Writes each record as a line of text to files in the folder `path`, exactly once: files are finished with
    /// checkpoints, or, in a bounded job without checkpoints, at the end.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let folder = std::env::temp_dir().join(format!("flott-doc-write-text-{}", std::process::id()));
    /// env.from_sequence(1, 3).write_text(&folder);
    /// env.execute("write")?;
    /// assert_eq!(env.read_text(&folder).execute_and_collect("read")?, ["1", "2", "3"]);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    pub fn write_text(&self, path: impl AsRef<Path>) -> FileStreamSink<T, LineFormat<T>>
    where
        T: Display,
    {
        FileStreamSink::new(self, path.as_ref(), LineFormat::new(), ".txt", "Text Files")
    }

    /// Writes each record as a line of CSV, by serde. Otherwise as [`DataStream::write_text`].
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let folder = std::env::temp_dir().join(format!("flott-doc-write-csv-{}", std::process::id()));
    /// env.from_sequence(1, 2).map(|n| (n, n * n)).write_csv(&folder);
    /// env.execute("write")?;
    /// assert_eq!(env.read_csv::<(i64, i64)>(&folder).execute_and_collect("read")?, [(1, 1), (2, 4)]);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    pub fn write_csv(&self, path: impl AsRef<Path>) -> FileStreamSink<T, CsvFormat<T>> {
        FileStreamSink::new(self, path.as_ref(), CsvFormat::new(), ".csv", "CSV Files")
    }

    /// Writes each record as a line with a JSON value, by serde. Otherwise as [`DataStream::write_text`].
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let folder = std::env::temp_dir().join(format!("flott-doc-write-json-{}", std::process::id()));
    /// env.from_elements([Some(1), None]).write_json(&folder);
    /// env.execute("write")?;
    /// assert_eq!(env.read_text(&folder).execute_and_collect("read")?, ["1", "null"]);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    pub fn write_json(&self, path: impl AsRef<Path>) -> FileStreamSink<T, JsonFormat<T>> {
        FileStreamSink::new(self, path.as_ref(), JsonFormat::new(), ".json", "JSON Files")
    }

    /// Writes files of any format: one of `flott::formats`, or one's own. Otherwise as [`DataStream::write_text`].
    ///
    /// ```
    /// # use flott::prelude::*;
    /// use flott::formats::CsvFormat;
    ///
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let folder = std::env::temp_dir().join(format!("flott-doc-write-files-{}", std::process::id()));
    /// env.from_elements([(1, 2)]).write_files(&folder, CsvFormat::new().with_delimiter(b';'));
    /// env.execute("write")?;
    /// assert_eq!(env.read_text(&folder).execute_and_collect("read")?, ["1;2"]);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    pub fn write_files<F>(&self, path: impl AsRef<Path>, format: F) -> FileStreamSink<T, F>
    where
        F: EncodingFormat<Item = T> + Clone,
    {
        FileStreamSink::new(self, path.as_ref(), format, "", "Files")
    }
}

/// The end of a stream in files, and how they are written. It is a [`DataStreamSink`] too.
///
/// ```
/// use flott::prelude::*;
/// use std::time::Duration;
///
/// # fn main() -> Result<()> {
/// let env = StreamExecutionEnvironment::get_execution_environment()?;
/// # let folder = std::env::temp_dir().join(format!("flott-doc-sink-{}", std::process::id()));
/// env.from_elements([("de".to_owned(), 1), ("fr".to_owned(), 2)])
///     .write_csv(&folder)
///     .bucket_by(|order, _| format!("country={}", order.0))
///     .with_rolling_policy(RollingPolicy::default().with_rollover_interval(Duration::from_secs(3600)))
///     .with_header()
///     .uid("orders");
/// env.execute("write")?;
/// assert!(folder.join("country=fr").is_dir());
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok(())
/// # }
/// ```
pub struct FileStreamSink<T, F> {
    sink: DataStreamSink,
    writing: Writing<T, F>,
}

/// How files are written.
struct Writing<T, F> {
    path: PathBuf,
    format: F,
    assigner: Arc<dyn BucketAssigner<T>>,
    rolling: RollingPolicy,
    prefix: String,
    suffix: String,
}

impl<T, F> Deref for FileStreamSink<T, F> {
    type Target = DataStreamSink;
    fn deref(&self) -> &DataStreamSink {
        &self.sink
    }
}

impl<T: Data, F: EncodingFormat<Item = T> + Clone> FileStreamSink<T, F> {
    fn new(stream: &DataStream<T>, path: &Path, format: F, suffix: &str, name: &str) -> Self {
        let writing = Writing {
            path: path.to_owned(),
            format,
            assigner: Arc::new(BasePathBucketAssigner),
            rolling: RollingPolicy::default(),
            prefix: "part".to_owned(),
            suffix: suffix.to_owned(),
        };
        FileStreamSink { sink: stream.sink(name, writing.sink()), writing }
    }

    /// Parts records by subfolder: `bucket(&record, cx)` is its path, and `cx` knows the times.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let folder = std::env::temp_dir().join(format!("flott-doc-bucket-{}", std::process::id()));
    /// env.from_sequence(1, 2).write_text(&folder).bucket_by(|n, _| format!("number={n}"));
    /// env.execute("write")?;
    /// assert!(folder.join("number=2").is_dir());
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    pub fn bucket_by(self, bucket: impl Fn(&T, &BucketContext) -> String + Send + Sync + 'static) -> Self {
        let assign = move |row: &T, cx: &BucketContext, path: &mut String| path.push_str(&bucket(row, cx));
        self.with_bucket_assigner(assign)
    }

    /// Parts records by subfolder as the assigner says, such as a `DateTimeBucketAssigner`.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let folder = std::env::temp_dir().join(format!("flott-doc-assigner-{}", std::process::id()));
    /// env.from_sequence(1, 2).write_text(&folder).with_bucket_assigner(DateTimeBucketAssigner::default());
    /// env.execute("write")?;
    /// assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_bucket_assigner(self, assigner: impl BucketAssigner<T>) -> Self {
        self.with(|writing| writing.assigner = Arc::new(assigner))
    }

    /// When a file is closed and the next one begun: by size, by time open, by time without a record.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let folder = std::env::temp_dir().join(format!("flott-doc-rolling-{}", std::process::id()));
    /// let small = RollingPolicy::default().with_part_bytes(2);
    /// env.from_sequence(1, 3).write_text(&folder).with_rolling_policy(small);
    /// env.execute("write")?;
    /// assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 3);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_rolling_policy(self, rolling: RollingPolicy) -> Self {
        self.with(|writing| writing.rolling = rolling)
    }

    /// How names of files start; `part` unless told otherwise.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let folder = std::env::temp_dir().join(format!("flott-doc-prefix-{}", std::process::id()));
    /// env.from_sequence(1, 3).write_text(&folder).with_part_prefix("numbers");
    /// env.execute("write")?;
    /// let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
    /// assert!(file.file_name().to_str().unwrap().starts_with("numbers"));
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_part_prefix(self, prefix: &str) -> Self {
        self.with(|writing| writing.prefix = prefix.to_owned())
    }

    /// How names of files end; `.txt`, `.csv` or `.json` unless told otherwise.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let folder = std::env::temp_dir().join(format!("flott-doc-suffix-{}", std::process::id()));
    /// env.from_sequence(1, 3).write_text(&folder).with_part_suffix(".log");
    /// env.execute("write")?;
    /// let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
    /// assert!(file.file_name().to_str().unwrap().ends_with(".log"));
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_part_suffix(self, suffix: &str) -> Self {
        self.with(|writing| writing.suffix = suffix.to_owned())
    }

    /// Changes how files are written.
    fn with(mut self, change: impl FnOnce(&mut Writing<T, F>)) -> Self {
        change(&mut self.writing);
        self.sink.replace(NodeKind::Sink(Arc::new(SinkAdapter(self.writing.sink()))));
        self
    }
}

impl<T: Data> FileStreamSink<T, CsvFormat<T>> {
    /// Starts each file with the names of the fields.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let folder = std::env::temp_dir().join(format!("flott-doc-names-{}", std::process::id()));
    /// #[derive(Clone, serde::Serialize, serde::Deserialize)]
    /// struct Reading {
    ///     sensor: u32,
    /// }
    ///
    /// env.from_elements([Reading { sensor: 7 }]).write_csv(&folder).with_header();
    /// env.execute("write")?;
    /// assert_eq!(env.read_text(&folder).execute_and_collect("read")?, ["sensor", "7"]);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_header(self) -> Self {
        self.with_format(CsvFormat::with_header)
    }

    /// Divides fields by `delimiter` instead of a comma.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let folder = std::env::temp_dir().join(format!("flott-doc-semicolon-{}", std::process::id()));
    /// env.from_elements([(1, 2)]).write_csv(&folder).with_delimiter(b';');
    /// env.execute("write")?;
    /// assert_eq!(env.read_text(&folder).execute_and_collect("read")?, ["1;2"]);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_delimiter(self, delimiter: u8) -> Self {
        self.with_format(|format| format.with_delimiter(delimiter))
    }

    /// Any other setting of the format.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let folder = std::env::temp_dir().join(format!("flott-doc-quote-{}", std::process::id()));
    /// let quoted = ("a, b".to_owned(), 1);
    /// env.from_elements([quoted]).write_csv(&folder).with_format(|csv| csv.with_quote(b'\''));
    /// env.execute("write")?;
    /// assert_eq!(env.read_text(&folder).execute_and_collect("read")?, ["'a, b',1"]);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_format(self, change: impl FnOnce(CsvFormat<T>) -> CsvFormat<T>) -> Self {
        self.with(|writing| writing.format = change(writing.format.clone()))
    }
}

impl<T: Data, F: EncodingFormat<Item = T> + Clone> Writing<T, F> {
    fn sink(&self) -> FileSink<T> {
        FileSink::new(&self.path, self.format.clone())
            .with_bucket_assigner(SharedAssigner(self.assigner.clone()))
            .with_rolling_policy(self.rolling)
            .with_part_prefix(&self.prefix)
            .with_part_suffix(&self.suffix)
    }
}

/// An assigner that the sink's options keep too.
struct SharedAssigner<T>(Arc<dyn BucketAssigner<T>>);

impl<T: 'static> BucketAssigner<T> for SharedAssigner<T> {
    fn assign(&self, row: &T, cx: &BucketContext, bucket: &mut String) {
        self.0.assign(row, cx, bucket);
    }

    fn is_by_processing_time(&self) -> bool {
        self.0.is_by_processing_time()
    }

    fn check(&self) -> Result<()> {
        self.0.check()
    }
}
