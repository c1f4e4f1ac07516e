//! Files as sources: text lines, CSV, JSON, anyone's own format.
//!
//! The stream is there at once and can be used as it is; options that follow change its source.

use crate::environment::StreamExecutionEnvironment;
use crate::stream::DataStream;
use flott_api::format::DecodingFormat;
use flott_api::format::{BadRecord, OnError};
use flott_api::function::{Collector, OutputTag, ProcessContext, ProcessFunction};
use flott_api::source::SourceAdapter;
use flott_api::watermark::TimestampAssigner;
use flott_api::{WatermarkGenerator, WatermarkStrategy};
use flott_connectors::FileSource;
use flott_core::{Data, EventTime, Result, Watermark};
use flott_formats::{CsvFormat, JsonFormat, LineFormat};
use flott_graph::{NodeId, NodeKind};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

impl StreamExecutionEnvironment {
    /// The lines of text files. `path` is a file, a folder, or a pattern such as `logs/*.log`.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let folder = std::env::temp_dir().join(format!("flott-doc-text-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let path = folder.join("words.txt");
    /// std::fs::write(&path, "to be\nor not\n").unwrap();
    /// assert_eq!(env.read_text(&path).execute_and_collect("lines")?, ["to be", "or not"]);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    pub fn read_text(&self, path: impl AsRef<Path>) -> FileStream<String, LineFormat> {
        FileStream::new(self, path.as_ref(), LineFormat::new(), "Text Files")
    }

    /// The records of CSV files, by serde: fields by position, or, with a header line, by name.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
    /// struct Reading {
    ///     sensor: u32,
    ///     celsius: f64,
    /// }
    ///
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let folder = std::env::temp_dir().join(format!("flott-doc-csv-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let path = folder.join("readings.csv");
    /// std::fs::write(&path, "celsius,sensor\n21.5,7\n").unwrap();
    /// let readings = env.read_csv::<Reading>(&path).with_header();
    /// assert_eq!(readings.map(|r| (r.sensor, r.celsius)).execute_and_collect("readings")?, [(7, 21.5)]);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    pub fn read_csv<T: Data>(&self, path: impl AsRef<Path>) -> FileStream<T, CsvFormat<T>> {
        FileStream::new(self, path.as_ref(), CsvFormat::new(), "CSV Files")
    }

    /// The records of files with one JSON object a line, by serde.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
    /// struct Reading {
    ///     sensor: u32,
    ///     celsius: f64,
    /// }
    ///
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let folder = std::env::temp_dir().join(format!("flott-doc-json-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let path = folder.join("readings.json");
    /// std::fs::write(&path, "{\"sensor\": 7, \"celsius\": 21.5}\n").unwrap();
    /// let readings = env.read_json::<Reading>(&path);
    /// assert_eq!(readings.map(|r| (r.sensor, r.celsius)).execute_and_collect("readings")?, [(7, 21.5)]);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    pub fn read_json<T: Data>(&self, path: impl AsRef<Path>) -> FileStream<T, JsonFormat<T>> {
        FileStream::new(self, path.as_ref(), JsonFormat::new(), "JSON Files")
    }

    /// The records of files of any format: one of `flott::formats`, or one's own.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// use flott::formats::CsvFormat;
    ///
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let folder = std::env::temp_dir().join(format!("flott-doc-files-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let path = folder.join("pairs.txt");
    /// std::fs::write(&path, "1;2\n3;4\n").unwrap();
    /// let pairs = env.read_files(&path, CsvFormat::<(i32, i32)>::new().with_delimiter(b';'));
    /// assert_eq!(pairs.execute_and_collect("pairs")?, [(1, 2), (3, 4)]);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    pub fn read_files<T, F>(&self, path: impl AsRef<Path>, format: F) -> FileStream<T, F>
    where
        T: Data,
        F: DecodingFormat<Item = T> + Clone,
    {
        FileStream::new(self, path.as_ref(), format, "Files")
    }
}

/// A stream of the records of files, and how they are read. It is a [`DataStream`]; set what is to be set before it is
/// used.
///
/// Files are read in the order of their paths, those of a watched folder oldest first; with several subtasks, several
/// at a time. A file must not change while it is read: move it into the folder when it is whole.
pub struct FileStream<T, F> {
    stream: DataStream<T>,
    source: NodeId,
    reading: Reading<T, F>,
}

/// How files are read.
struct Reading<T, F> {
    path: PathBuf,
    format: F,
    is_recursive: bool,
    interval: Option<Duration>,
    on_error: OnError,
    strategy: WatermarkStrategy<T>,
}

impl<T, F> Deref for FileStream<T, F> {
    type Target = DataStream<T>;
    fn deref(&self) -> &DataStream<T> {
        &self.stream
    }
}

impl<T: Data, F: DecodingFormat<Item = T> + Clone> FileStream<T, F> {
    fn new(env: &StreamExecutionEnvironment, path: &Path, format: F, name: &str) -> Self {
        let reading = Reading {
            path: path.to_owned(),
            format,
            is_recursive: true,
            interval: None,
            on_error: OnError::Fail,
            strategy: WatermarkStrategy::no_watermarks(),
        };
        let source = env.add_node(format!("Source: {name}"), reading.source(), &[]);
        FileStream { stream: DataStream::of_node(env.clone(), source), source, reading }
    }

    /// Looks for new files every `interval`, without end. A path that was read is not read again, whatever happens to
    /// the file.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # use std::time::Duration;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let folder = std::env::temp_dir().join(format!("flott-doc-watched-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # std::fs::write(folder.join("a.txt"), "first\n").unwrap();
    /// let lines = env.read_text(&folder).monitor_continuously(Duration::from_millis(10));
    /// assert_eq!(lines.execute_and_collect_first("watch", 1)?, ["first"]);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn monitor_continuously(self, interval: Duration) -> Self {
        self.with(|reading| reading.interval = Some(interval))
    }

    /// Whether folders in the folder are read; they are unless told otherwise.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let folder = std::env::temp_dir().join(format!("flott-doc-recursive-{}", std::process::id()));
    /// # std::fs::create_dir_all(folder.join("inner")).unwrap();
    /// # std::fs::write(folder.join("a.txt"), "outer\n").unwrap();
    /// # std::fs::write(folder.join("inner/b.txt"), "inner\n").unwrap();
    /// let lines = env.read_text(&folder).recursive(false);
    /// assert_eq!(lines.execute_and_collect("lines")?, ["outer"]);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn recursive(self, is_recursive: bool) -> Self {
        self.with(|reading| reading.is_recursive = is_recursive)
    }

    /// What is done about a record that cannot be decoded: the job fails (the default), or the record is passed over
    /// and counted in `numRecordsInErrors`. To have such records, see
    /// [`side_output_bad_records`](FileStream::side_output_bad_records).
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let folder = std::env::temp_dir().join(format!("flott-doc-skip-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let path = folder.join("numbers.json");
    /// std::fs::write(&path, "1\nx\n3\n").unwrap();
    /// let numbers = env.read_json::<i64>(&path).on_error(OnError::Skip);
    /// assert_eq!(numbers.execute_and_collect("numbers")?, [1, 3]);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn on_error(self, on_error: OnError) -> Self {
        if on_error == OnError::SideOutput {
            self.stream.env().draft().mistake(
                Some(self.source),
                "`on_error` is given `SideOutput` but no side output; call `side_output_bad_records` with its tag instead",
            );
            return self;
        }
        self.with(|reading| reading.on_error = on_error)
    }

    /// Event times and watermarks, made file by file (or split by split) while reading.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # use std::time::Duration;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let folder = std::env::temp_dir().join(format!("flott-doc-marks-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let path = folder.join("times.json");
    /// std::fs::write(&path, "1000\n2000\n11000\n").unwrap();
    /// let counts = env
    ///     .read_json::<i64>(&path)
    ///     .with_watermarks(
    ///         WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|time, _| EventTime(*time)),
    ///     )
    ///     .map(|_| 1)
    ///     .window_all(TumblingEventTimeWindows::of(Duration::from_secs(10)))
    ///     .sum(|n| n);
    /// assert_eq!(counts.execute_and_collect("counts")?, [2, 1]);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_watermarks(self, strategy: WatermarkStrategy<T>) -> Self {
        self.with(|reading| reading.strategy = strategy)
    }

    /// Gives records that cannot be decoded to a side output, with file, line, text and reason. The stream that comes
    /// back has the good ones; ask it for the side output.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let folder = std::env::temp_dir().join(format!("flott-doc-bad-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let path = folder.join("numbers.json");
    /// std::fs::write(&path, "1\nx\n3\n").unwrap();
    /// let bad = OutputTag::new("bad");
    /// let numbers = env.read_json::<i64>(&path).side_output_bad_records(&bad);
    /// let lines = numbers.get_side_output(&bad).map(|record| (record.line, record.text));
    /// assert_eq!(lines.execute_and_collect("bad")?, [(2, "x".to_owned())]);
    /// assert_eq!(numbers.execute_and_collect("good")?, [1, 3]);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    pub fn side_output_bad_records(self, tag: &OutputTag<BadRecord>) -> DataStream<T> {
        let env = self.stream.env().clone();
        let source = self.reading.file_source().with_bad_records();
        let strategy = for_good_records(self.reading.strategy.clone());
        if let Some(node) = env.draft().node_mut(self.source) {
            node.kind = NodeKind::Source(Arc::new(SourceAdapter::new(source, strategy)));
        }
        let all = DataStream::<Result<T, BadRecord>>::of_node(env, self.source);
        all.process(PartBad { tag: tag.clone(), rows: std::marker::PhantomData }).name("Bad Records")
    }

    /// Changes how files are read.
    fn with(mut self, change: impl FnOnce(&mut Reading<T, F>)) -> Self {
        change(&mut self.reading);
        if let Some(node) = self.stream.env().draft().node_mut(self.source) {
            node.kind = self.reading.source();
        }
        self
    }
}

impl<T: Data> FileStream<T, CsvFormat<T>> {
    /// The first record of each file holds the names of the fields, and fields are matched by name.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let folder = std::env::temp_dir().join(format!("flott-doc-header-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let path = folder.join("pairs.csv");
    /// std::fs::write(&path, "left,right\n1,2\n").unwrap();
    /// assert_eq!(env.read_csv::<(i32, i32)>(&path).with_header().execute_and_collect("pairs")?, [(1, 2)]);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_header(self) -> Self {
        self.with_format(CsvFormat::with_header)
    }

    /// Fields are divided by `delimiter` instead of a comma.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let folder = std::env::temp_dir().join(format!("flott-doc-delimiter-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let path = folder.join("pairs.csv");
    /// std::fs::write(&path, "1;2\n").unwrap();
    /// assert_eq!(env.read_csv::<(i32, i32)>(&path).with_delimiter(b';').execute_and_collect("pairs")?, [(1, 2)]);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_delimiter(self, delimiter: u8) -> Self {
        self.with_format(|format| format.with_delimiter(delimiter))
    }

    /// Any other setting of the format.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// # let folder = std::env::temp_dir().join(format!("flott-doc-format-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let path = folder.join("pairs.csv");
    /// std::fs::write(&path, "# two numbers\n1,2\n").unwrap();
    /// let pairs = env.read_csv::<(i32, i32)>(&path).with_format(|csv| csv.with_comment(b'#'));
    /// assert_eq!(pairs.execute_and_collect("pairs")?, [(1, 2)]);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_format(self, change: impl FnOnce(CsvFormat<T>) -> CsvFormat<T>) -> Self {
        self.with(|reading| reading.format = change(reading.format.clone()))
    }
}

impl<T: Data, F: DecodingFormat<Item = T> + Clone> Reading<T, F> {
    fn file_source(&self) -> FileSource<T> {
        let source =
            FileSource::new(&self.path, self.format.clone()).recursive(self.is_recursive).on_error(self.on_error);
        match self.interval {
            Some(interval) => source.monitor_continuously(interval),
            None => source,
        }
    }

    fn source(&self) -> NodeKind {
        NodeKind::Source(Arc::new(SourceAdapter::new(self.file_source(), self.strategy.clone())))
    }
}

/// Parts good records from bad ones.
struct PartBad<T> {
    tag: OutputTag<BadRecord>,
    rows: std::marker::PhantomData<fn(T)>,
}

impl<T> Clone for PartBad<T> {
    fn clone(&self) -> Self {
        PartBad { tag: self.tag.clone(), rows: self.rows }
    }
}

impl<T: Data> ProcessFunction for PartBad<T> {
    type In = Result<T, BadRecord>;
    type Out = T;

    fn process(&mut self, row: Self::In, cx: &mut ProcessContext<'_>, out: &mut Collector<T>) -> Result<()> {
        match row {
            Ok(row) => out.collect(row),
            Err(bad) => cx.output(&self.tag, bad),
        }
        Ok(())
    }
}

/// The strategy of good records for a stream of both kinds. A bad record has no part in event time: its own is the
/// smallest, and no generator sees it.
fn for_good_records<T: Data>(strategy: WatermarkStrategy<T>) -> WatermarkStrategy<Result<T, BadRecord>> {
    let timestamps = match &strategy.timestamps {
        TimestampAssigner::FromSource => TimestampAssigner::FromSource,
        TimestampAssigner::Ingestion => TimestampAssigner::Ingestion,
        TimestampAssigner::FromRecord(assign) => {
            let assign = assign.clone();
            TimestampAssigner::FromRecord(Arc::new(move |row: &Result<T, BadRecord>, given| match row {
                Ok(row) => assign(row, given),
                Err(_) => given.unwrap_or(EventTime::MIN),
            }))
        }
    };
    let (idleness, alignment) = (strategy.idleness, strategy.alignment.clone());
    let mut both = WatermarkStrategy::for_generator(move || OfGoodRecords(strategy.generator()));
    both.timestamps = timestamps;
    both.idleness = idleness;
    both.alignment = alignment;
    both
}

/// Shows good records to a generator.
struct OfGoodRecords<T>(Box<dyn WatermarkGenerator<T>>);

impl<T> WatermarkGenerator<Result<T, BadRecord>> for OfGoodRecords<T> {
    fn on_event(&mut self, row: &Result<T, BadRecord>, time: EventTime) -> Option<Watermark> {
        row.as_ref().ok().and_then(|row| self.0.on_event(row, time))
    }

    fn on_periodic(&mut self) -> Option<Watermark> {
        self.0.on_periodic()
    }
}
