//! Writes records to a file for each bucket, rolls files, and hands them over.

use super::Settings;
use super::bucket::{BucketContext, check_bucket};
use super::names::PartNames;
use super::part::Part;
use super::restore::restore;
use super::state::{FileCommittable, FileWriterState, InProgressFile, WriterId};
use flott_api::SinkWriter;
use flott_api::sink::SinkContext;
use flott_core::{Data, Error, EventTime, ProcessingTime, Result};
use flott_env::Env;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Writes the files of one subtask.
pub struct FileWriter<T: Data> {
    settings: Arc<Settings<T>>,
    env: Env,
    subtask: u32,
    names: PartNames,
    id: WriterId,
    next_part: u64,
    /// The file in progress of each bucket that has one.
    parts: BTreeMap<String, Part<T>>,
    /// Files that are closed and not handed over.
    closed: Vec<Closed>,
    /// Folders in which names have been made that are not durable yet.
    changed_folders: BTreeSet<PathBuf>,
    has_ended: bool,
}

struct Closed {
    file: FileCommittable,
    /// Whether no snapshot knows of the file.
    is_new: bool,
}

impl<T: Data> FileWriter<T> {
    pub(super) async fn new(
        settings: Arc<Settings<T>>,
        cx: &SinkContext,
        restored: Vec<FileWriterState>,
    ) -> Result<Self> {
        let env = cx.env.clone();
        let names = PartNames { prefix: settings.part_prefix.clone(), suffix: settings.part_suffix.clone() };
        let id = match restored.first() {
            Some(state) => state.writer.next(env.random()),
            None => WriterId::first(env.random(), env.random()),
        };
        let mut writer = FileWriter {
            env,
            subtask: cx.info.subtask.0,
            names,
            id,
            next_part: 0,
            parts: BTreeMap::new(),
            closed: Vec::new(),
            changed_folders: BTreeSet::new(),
            has_ended: false,
            settings,
        };
        if !restored.is_empty() {
            writer.restore(restored).await?;
        }
        Ok(writer)
    }

    async fn restore(&mut self, states: Vec<FileWriterState>) -> Result<()> {
        let (disk, path, names) = (self.settings.disk.clone(), self.settings.path.clone(), self.names.clone());
        let restored = self.env.blocking(move || restore(&disk, &path, &names, &states)).await??;
        let now = self.env.now();
        for (file, handle) in restored.open {
            let mut part = Part::resume(&*self.settings.format, file, handle);
            part.updated = now;
            self.parts.insert(part.file.bucket.clone(), part);
        }
        self.closed.extend(restored.closed.into_iter().map(|file| Closed { file, is_new: false }));
        Ok(())
    }

    /// Writes rows of one bucket.
    async fn write_run(&mut self, bucket: &str, rows: &[T], now: ProcessingTime) -> Result<()> {
        let mut rows = rows.iter().peekable();
        while rows.peek().is_some() {
            let is_full = self.parts.get(bucket).is_some_and(|part| self.settings.rolling.is_full(part.len));
            if is_full {
                self.close(vec![bucket.to_owned()]).await?;
            }
            if !self.parts.contains_key(bucket) {
                self.open(bucket, now).await?;
            }
            let Some(part) = self.parts.get_mut(bucket) else { continue };
            part.updated = now;
            // Until the buffer is to be written or the file is full.
            let mut writes = false;
            while !writes && !self.settings.rolling.is_full(part.len) {
                let Some(row) = rows.next() else { break };
                writes = part.add(row)?;
            }
            if writes {
                part.start_write(&self.env, &self.settings.disk, false).await?;
            }
        }
        Ok(())
    }

    /// Begins a file.
    async fn open(&mut self, bucket: &str, now: ProcessingTime) -> Result<()> {
        check_bucket(bucket)?;
        if self.parts.len() >= self.settings.open_files_max {
            let oldest = self.parts.iter().min_by_key(|(_, part)| part.updated).map(|(bucket, _)| bucket.clone());
            self.close(oldest.into_iter().collect()).await?;
        }
        let base = &self.settings.path;
        let folder = if bucket.is_empty() { base.clone() } else { base.join(bucket) };
        let finished = self.names.finished(self.subtask, self.id, self.next_part);
        self.next_part += 1;
        let in_progress = PartNames::in_progress(&finished, self.env.random());
        let file = InProgressFile {
            bucket: bucket.to_owned(),
            path: text(&folder.join(in_progress))?,
            target: text(&folder.join(finished))?,
            len: 0,
            created: now,
        };
        // The folder itself may be new, and so may those above it.
        self.changed_folders.extend(folder.ancestors().take_while(|f| f.starts_with(base)).map(Path::to_owned));
        let part = Part::create(&self.env, &self.settings.disk, &*self.settings.format, file).await?;
        self.parts.insert(bucket.to_owned(), part);
        Ok(())
    }

    /// Writes everything that is in memory and makes it durable, all files at once.
    async fn make_durable(&mut self, buckets: &[String]) -> Result<()> {
        let FileWriter { parts, env, settings, .. } = self;
        for bucket in buckets {
            if let Some(part) = parts.get_mut(bucket) {
                part.start_write(env, &settings.disk, true).await?;
            }
        }
        for bucket in buckets {
            if let Some(part) = parts.get_mut(bucket) {
                part.finish_write().await?;
            }
        }
        Ok(())
    }

    /// Closes the files in progress of these buckets.
    async fn close(&mut self, buckets: Vec<String>) -> Result<()> {
        self.make_durable(&buckets).await?;
        for bucket in buckets {
            if let Some(part) = self.parts.remove(&bucket) {
                self.closed.push(Closed { file: part.committable(), is_new: part.is_new });
            }
        }
        Ok(())
    }

    async fn sync_folders(&mut self) -> Result<()> {
        if self.changed_folders.is_empty() {
            return Ok(());
        }
        let disk = self.settings.disk.clone();
        let folders = std::mem::take(&mut self.changed_folders);
        let synced = self.env.blocking(move || folders.iter().try_for_each(|folder| disk.sync_folder(folder))).await?;
        synced.map_err(|e| Error::io(format!("the folder {} cannot be written", self.settings.path.display()), e))
    }

    fn due(&self, part: &Part<T>) -> Option<ProcessingTime> {
        self.settings.rolling.due(part.file.created, part.updated)
    }
}

impl<T: Data> SinkWriter for FileWriter<T> {
    type Item = T;
    type State = FileWriterState;
    type Committable = FileCommittable;

    async fn write(&mut self, rows: Vec<T>, times: Option<Vec<EventTime>>) -> Result<()> {
        let now = self.env.now();
        let settings = self.settings.clone();
        let assign = |n: usize, bucket: &mut String| {
            bucket.clear();
            let event_time = times.as_ref().and_then(|times| times.get(n).copied());
            settings.assigner.assign(&rows[n], &BucketContext { processing_time: now, event_time }, bucket);
        };
        if rows.is_empty() {
            return Ok(());
        }
        let (mut bucket, mut next) = (String::new(), String::new());
        assign(0, &mut bucket);
        let mut start = 0;
        if !settings.assigner.is_by_processing_time() {
            for n in 1..rows.len() {
                assign(n, &mut next);
                if next != bucket {
                    self.write_run(&bucket, &rows[start..n], now).await?;
                    std::mem::swap(&mut bucket, &mut next);
                    start = n;
                }
            }
        }
        self.write_run(&bucket, &rows[start..], now).await
    }

    async fn flush(&mut self, end_of_input: bool) -> Result<()> {
        // What is in memory is written by `prepare_commit` and `snapshot`, together with what makes it durable.
        self.has_ended |= end_of_input;
        Ok(())
    }

    async fn prepare_commit(&mut self) -> Result<Vec<FileCommittable>> {
        let rolls = |part: &Part<T>| self.has_ended || self.settings.rolling.rolls_on_checkpoint(part.len);
        let buckets = self.parts.iter().filter(|(_, part)| rolls(part)).map(|(bucket, _)| bucket.clone()).collect();
        self.close(buckets).await?;
        self.sync_folders().await?;
        Ok(self.closed.drain(..).map(|closed| closed.file).collect())
    }

    async fn snapshot(&mut self) -> Result<Vec<FileWriterState>> {
        let buckets: Vec<String> = self.parts.keys().cloned().collect();
        self.make_durable(&buckets).await?;
        let in_progress = self.parts.values_mut().map(|part| {
            part.is_new = false;
            part.state()
        });
        Ok(vec![FileWriterState { writer: self.id, next_part: self.next_part, in_progress: in_progress.collect() }])
    }

    fn next_wakeup(&self) -> Option<ProcessingTime> {
        self.parts.values().filter_map(|part| self.due(part)).min()
    }

    async fn on_time(&mut self, now: ProcessingTime) -> Result<()> {
        let is_due = |part: &Part<T>| self.due(part).is_some_and(|due| due <= now);
        let buckets = self.parts.iter().filter(|(_, part)| is_due(part)).map(|(bucket, _)| bucket.clone()).collect();
        self.close(buckets).await
    }
}

impl<T: Data> Drop for FileWriter<T> {
    /// Removes files that no checkpoint can know of. Whoever goes on after a failure makes new ones.
    fn drop(&mut self) {
        let parts = std::mem::take(&mut self.parts).into_values();
        let open = parts.filter(|part| part.is_new).map(|part| part.file.path.clone());
        let closed = self.closed.drain(..).filter(|closed| closed.is_new).map(|closed| closed.file.path);
        let paths: Vec<String> = open.chain(closed).collect();
        if !paths.is_empty() {
            let disk = self.settings.disk.clone();
            // It runs to its end although nobody waits. A file that cannot be removed is hidden and harms nobody.
            drop(self.env.blocking(move || paths.iter().for_each(|path| drop(disk.remove(Path::new(path))))));
        }
    }
}

fn text(path: &Path) -> Result<String> {
    let text = path.to_str().ok_or_else(|| Error::invalid(format!("the path {} is not UTF-8", path.display())))?;
    Ok(text.to_owned())
}
