//! Files as a sink, exactly once. (Flink: `FileSink`.)
//!
//! ```text
//! writing    .part-<names>.inprogress.<random>     in progress
//! barrier    closed, or made durable up to a length that the writer's state remembers
//! barrier    closed files become committables      pending: the same name
//! complete   renamed to part-<names>               finished: never changed again
//! ```
//!
//! After a restore, pending files of the checkpoint are renamed, unless they have been; files in progress are cut to the
//! length that the state remembers, and gone on with. So the finished files hold every record once.

mod bucket;
mod committer;
mod date_time;
mod disk;
mod names;
mod part;
mod restore;
mod rolling;
mod state;
mod writer;

#[cfg(test)]
mod tests;

pub use bucket::{BasePathBucketAssigner, BucketAssigner, BucketContext};
pub use committer::FileCommitter;
pub use date_time::DateTimeBucketAssigner;
pub use rolling::RollingPolicy;
pub use state::{FileCommittable, FileWriterState, InProgressFile};
pub use writer::FileWriter;

use disk::Disk;
use flott_api::Sink;
use flott_api::format::EncodingFormat;
use flott_api::sink::SinkContext;
use flott_core::{Data, Error, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Writes records to files in a folder, encoded by a format.
///
/// Each subtask writes its own files, one at a time in each bucket. Files are finished with checkpoints; a bounded job
/// without checkpoints finishes them at its end.
pub struct FileSink<T> {
    settings: Arc<Settings<T>>,
}

/// What a sink and its writers share.
struct Settings<T> {
    path: PathBuf,
    format: Arc<dyn EncodingFormat<Item = T>>,
    assigner: Arc<dyn BucketAssigner<T>>,
    rolling: RollingPolicy,
    part_prefix: String,
    part_suffix: String,
    open_files_max: usize,
    ignores_missing_pending: bool,
    disk: Disk,
}

impl<T> Clone for Settings<T> {
    fn clone(&self) -> Self {
        Settings {
            path: self.path.clone(),
            format: self.format.clone(),
            assigner: self.assigner.clone(),
            rolling: self.rolling,
            part_prefix: self.part_prefix.clone(),
            part_suffix: self.part_suffix.clone(),
            open_files_max: self.open_files_max,
            ignores_missing_pending: self.ignores_missing_pending,
            disk: self.disk.clone(),
        }
    }
}

impl<T: Data> FileSink<T> {
    /// Files in the folder `path`, which is made if it is not there. All files are in the folder itself until
    /// [`FileSink::with_bucket_assigner`] says otherwise.
    pub fn new(path: impl AsRef<Path>, format: impl EncodingFormat<Item = T>) -> Self {
        FileSink {
            settings: Arc::new(Settings {
                path: path.as_ref().to_owned(),
                format: Arc::new(format),
                assigner: Arc::new(BasePathBucketAssigner),
                rolling: RollingPolicy::default(),
                part_prefix: "part".to_owned(),
                part_suffix: String::new(),
                open_files_max: 128,
                ignores_missing_pending: false,
                disk: Disk::default(),
            }),
        }
    }

    fn with(self, change: impl FnOnce(&mut Settings<T>)) -> Self {
        let mut settings = Arc::unwrap_or_clone(self.settings);
        change(&mut settings);
        FileSink { settings: Arc::new(settings) }
    }

    /// Chooses the subfolder of each record: a [`DateTimeBucketAssigner`], or a function that appends its name.
    ///
    /// ```
    /// use flott_connectors::file_sink::{BucketAssigner, BucketContext};
    ///
    /// fn by_first_letter(row: &String, _: &BucketContext, bucket: &mut String) {
    ///     bucket.extend(row.chars().next());
    /// }
    /// fn takes(_: impl BucketAssigner<String>) {}
    /// takes(by_first_letter);
    /// ```
    #[must_use]
    pub fn with_bucket_assigner(self, assigner: impl BucketAssigner<T>) -> Self {
        self.with(|s| s.assigner = Arc::new(assigner))
    }

    /// When a file is closed and the next one begun.
    #[must_use]
    pub fn with_rolling_policy(self, rolling: RollingPolicy) -> Self {
        self.with(|s| s.rolling = rolling)
    }

    /// How names of files start: `part` unless told otherwise.
    #[must_use]
    pub fn with_part_prefix(self, prefix: impl Into<String>) -> Self {
        self.with(|s| s.part_prefix = prefix.into())
    }

    /// How names of files end, such as `.csv`.
    #[must_use]
    pub fn with_part_suffix(self, suffix: impl Into<String>) -> Self {
        self.with(|s| s.part_suffix = suffix.into())
    }

    /// How many files a subtask has open; 128 unless told otherwise. When there are more buckets, the one that has
    /// waited longest for a record is closed.
    #[must_use]
    pub fn with_open_files_max(self, open_files_max: usize) -> Self {
        self.with(|s| s.open_files_max = open_files_max.max(1))
    }

    /// Takes it as committed, after a restore, when a pending file of the checkpoint exists neither under its pending
    /// nor under its final name. For folders from which somebody takes finished files away; otherwise it is an error,
    /// because the file may have been lost.
    #[must_use]
    pub fn ignore_missing_pending(self) -> Self {
        self.with(|s| s.ignores_missing_pending = true)
    }

    #[cfg(test)]
    fn with_disk(self, disk: Disk) -> Self {
        self.with(|s| s.disk = disk)
    }
}

impl<T: Data> Sink for FileSink<T> {
    type Item = T;
    type State = FileWriterState;
    type Committable = FileCommittable;
    type Writer = FileWriter<T>;
    type Committer = FileCommitter;

    async fn create_writer(&self, cx: &SinkContext, restored: Vec<FileWriterState>) -> Result<FileWriter<T>> {
        let settings = &self.settings;
        let is_name = |text: &str| !text.contains(['/', '\0']);
        if !is_name(&settings.part_prefix)
            || !is_name(&settings.part_suffix)
            || settings.part_prefix.starts_with(['.', '_'])
        {
            return Err(Error::invalid(format!(
                "files of a sink cannot be called `{}...{}`: no `/` in it and no `.` or `_` at its start",
                settings.part_prefix, settings.part_suffix
            )));
        }
        if settings.path.to_str().is_none() {
            return Err(Error::invalid(format!("the folder {} has a name that is not UTF-8", settings.path.display())));
        }
        settings.assigner.check()?;
        FileWriter::new(settings.clone(), cx, restored).await
    }

    fn create_committer(&self, cx: &SinkContext) -> Result<Option<FileCommitter>> {
        let Settings { disk, ignores_missing_pending, .. } = &*self.settings;
        Ok(Some(FileCommitter::new(cx.env.clone(), disk.clone(), *ignores_missing_pending)))
    }
}
