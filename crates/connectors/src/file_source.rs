//! Files as a source: one file, files by pattern, a folder, or a folder that is watched for new ones. (Flink:
//! `FileSource`.)
//!
//! ```text
//! listing     what is there: paths, lengths, times
//! enumerator  files -> splits, dealt out one at a time
//! reader      splits -> records: reads ahead on the blocking pool while the slot decodes
//! ```
//!
//! A file must not change while it is read: move it into the folder when it is whole. Names that start with `.` or
//! `_` or end in `.inprogress` are passed over.

mod enumerator;
mod listing;
mod open_split;
mod reader;
mod row_mode;
mod split;

#[cfg(test)]
mod tests;

pub use enumerator::{FileCheckpoint, FileEnumerator};
pub use reader::FileReader;
pub use row_mode::{AllRows, GoodRows, RowMode};
pub use split::FileSplit;

use flott_api::format::{DecodingFormat, OnError};
use flott_api::source::{EnumeratorContext, ReaderContext};
use flott_api::{Boundedness, Source};
use flott_core::{Data, Error, Result};
use listing::Listing;
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Files, decoded by a format. `M` says what a row is: [`GoodRows`], which is `T`, or [`AllRows`], which is a `T` or a
/// bad record.
///
/// Files are read in the order of their paths, and those of a watched folder oldest first. Splits are dealt out as
/// readers ask for them, so the order holds within one reader only.
pub struct FileSource<T, M = GoodRows> {
    format: Arc<dyn DecodingFormat<Item = T>>,
    listing: Listing,
    options: ReadOptions,
    range_bytes: u64,
    mode: PhantomData<fn() -> M>,
}

/// How files are read.
#[derive(Clone, Copy, Debug)]
struct ReadOptions {
    on_error: OnError,
    chunk_bytes: usize,
    record_bytes_max: usize,
}

impl<T: Data> FileSource<T> {
    /// The files that `path` names: a file, a folder, or a pattern with `*`, `?`, `[...]` or `**` in it. What a folder
    /// holds is read too, and so are the folders in it.
    pub fn new(path: impl AsRef<Path>, format: impl DecodingFormat<Item = T>) -> Self {
        FileSource {
            format: Arc::new(format),
            listing: Listing { path: path.as_ref().to_owned(), is_recursive: true, interval: None },
            options: ReadOptions {
                on_error: OnError::Fail,
                chunk_bytes: 512 * 1024,
                record_bytes_max: 64 * 1024 * 1024,
            },
            range_bytes: 64 * 1024 * 1024,
            mode: PhantomData,
        }
    }

    /// What is done about records that cannot be decoded: [`OnError::Fail`], the default, or [`OnError::Skip`]. For
    /// [`OnError::SideOutput`] rows have another type: see [`FileSource::with_bad_records`].
    #[must_use]
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.options.on_error = on_error;
        self
    }

    /// Gives bad records too, each in its place between the good ones: rows are `Result<T, BadRecord>`.
    #[must_use]
    pub fn with_bad_records(self) -> FileSource<T, AllRows> {
        let options = ReadOptions { on_error: OnError::SideOutput, ..self.options };
        FileSource {
            format: self.format,
            listing: self.listing,
            options,
            range_bytes: self.range_bytes,
            mode: PhantomData,
        }
    }
}

impl<T: Data, M> FileSource<T, M> {
    /// Whether folders in folders are read; they are unless told otherwise.
    #[must_use]
    pub fn recursive(mut self, is_recursive: bool) -> Self {
        self.listing.is_recursive = is_recursive;
        self
    }

    /// Looks for new files every `interval`, without end. A path that has been seen with something in it is not read
    /// again, whatever happens to the file; all paths that were read are part of each checkpoint.
    #[must_use]
    pub fn monitor_continuously(mut self, interval: Duration) -> Self {
        self.listing.interval = Some(interval);
        self
    }

    /// Bytes that are read ahead at a time; 512 KiB unless told otherwise.
    #[must_use]
    pub fn with_chunk_bytes(mut self, chunk_bytes: usize) -> Self {
        self.options.chunk_bytes = chunk_bytes.max(1);
        self
    }

    /// Files of a bounded source that are longer are read in parts by several readers, if the format allows; 64 MiB
    /// unless told otherwise.
    #[must_use]
    pub fn with_range_bytes(mut self, range_bytes: u64) -> Self {
        self.range_bytes = range_bytes.max(1);
        self
    }

    /// The longest record allowed, in bytes; 64 MiB unless told otherwise.
    #[must_use]
    pub fn with_record_bytes_max(mut self, record_bytes_max: usize) -> Self {
        self.options.record_bytes_max = record_bytes_max.max(1);
        self
    }
}

impl<T: Data, M: RowMode<T>> Source for FileSource<T, M> {
    type Item = M::Item;
    type Split = FileSplit;
    type Checkpoint = FileCheckpoint;
    type Enumerator = FileEnumerator;
    type Reader = FileReader<T, M>;

    fn boundedness(&self) -> Boundedness {
        if self.listing.interval.is_some() { Boundedness::ContinuousUnbounded } else { Boundedness::Bounded }
    }

    fn create_enumerator(&self, _: &EnumeratorContext, restored: Option<FileCheckpoint>) -> Result<FileEnumerator> {
        if self.options.on_error == OnError::SideOutput && !M::GIVES_BAD_RECORDS {
            return Err(Error::invalid(
                "`OnError::SideOutput` is set for a file source whose rows cannot be bad records; make it with \
                 `with_bad_records()`",
            ));
        }
        let cuts = self.format.is_splittable() && self.listing.interval.is_none();
        Ok(FileEnumerator::new(self.listing.clone(), cuts.then_some(self.range_bytes), restored))
    }

    fn create_reader(&self, cx: &ReaderContext) -> Result<FileReader<T, M>> {
        Ok(FileReader::new(self.format.clone(), self.options, cx))
    }
}
