//! Copies of checkpoint files on a disk of this machine (Flink's local recovery): a job that restarts here reads them
//! instead of remote storage.
//!
//! A copy is made of each file that was written, as a link if it is on disk already. It is kept while the file is part
//! of the latest completed checkpoint or of a newer one. Nothing depends on it: one that is missing, or not what the
//! checkpoint says, is replaced by the stored file. Copies go with the process; those of a process that died are
//! deleted by the next that keeps copies in the same place, which sees by their lock that nobody owns them.

use super::local;
use super::transfer::{Expected, Source};
use bytes::Bytes;
use flott_core::config::{IO_TMP_DIRS, LOCAL_BACKUP, LOCAL_BACKUP_DIRS};
use flott_core::{CheckpointId, Configuration, Error, JobId, Result};
use flott_env::Env;
use flott_env::TempFolder;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The folder in one of the user's, with a folder for each process.
const FOLDER: &str = "flott-local-backup";

/// The copies of a process.
pub(super) struct Copies {
    env: Env,
    folder: local::OwnedFolder,
    /// For which checkpoint each was made, by its path below the folder.
    made_for: Mutex<BTreeMap<String, CheckpointId>>,
}

impl Copies {
    /// The copies that the options ask for, if they do.
    pub fn from_config(env: &Env, config: &Configuration) -> Result<Option<Copies>> {
        if !config.get(&LOCAL_BACKUP)? {
            return Ok(None);
        }
        let dirs = match config.get_optional(&LOCAL_BACKUP_DIRS)? {
            Some(dirs) => Some(dirs),
            None => config.get_optional(&IO_TMP_DIRS)?,
        };
        let random = env.random();
        let place = TempFolder::choose(dirs.as_deref(), random as usize).path().join(FOLDER);
        let folder = local::OwnedFolder::create(&place, &format!("{random:016x}"))
            .map_err(|e| Error::io(format!("the folder `{}` for copies of checkpoints", place.display()), e))?;
        Ok(Some(Copies { env: env.clone(), folder, made_for: Mutex::default() }))
    }

    fn made_for(&self) -> MutexGuard<'_, BTreeMap<String, CheckpointId>> {
        self.made_for.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The copies of one job.
#[derive(Clone)]
pub(super) struct JobCopies {
    copies: Arc<Copies>,
    job: JobId,
}

impl JobCopies {
    pub fn new(copies: Arc<Copies>, job: JobId) -> Self {
        JobCopies { copies, job }
    }

    /// Copies a file that was written for this checkpoint. That it cannot be copied is no error.
    pub async fn add(&self, checkpoint: CheckpointId, path: &str, source: &Source) {
        let (to, source) = (self.file(path), source.clone());
        let copied = self
            .copies
            .env
            .blocking(move || match source {
                Source::Bytes(bytes) => local::write(&to, &bytes),
                Source::File { path, .. } => local::link_or_copy(&path, &to).map(drop),
            })
            .await;
        match copied {
            Ok(Ok(())) => drop(self.copies.made_for().insert(self.key(path), checkpoint)),
            Ok(Err(error)) => tracing::debug!("no local copy of `{path}` was made: {error}"),
            Err(error) => tracing::debug!("no local copy of `{path}` was made: {error}"),
        }
    }

    /// The content of a file from its copy, if that is what it should be.
    pub async fn read(&self, path: &str, expected: Expected) -> Option<Bytes> {
        if !self.has(path) {
            return None;
        }
        let file = self.file(path);
        let read = self.copies.env.blocking(move || local::read_all(&file)).await;
        match read {
            Ok(Ok(bytes)) if is_as((bytes.len() as u64, crate::snapshot::checksum(&bytes)), expected) => {
                Some(bytes.into())
            }
            _ => self.missing(path),
        }
    }

    /// Puts a copy into the file `to`, as a link. Returns whether it is there now.
    pub async fn fetch(&self, path: &str, expected: Expected, to: &Path) -> bool {
        if !self.has(path) {
            return false;
        }
        let (file, to) = (self.file(path), to.to_owned());
        let fetched = self
            .copies
            .env
            .blocking(move || {
                let is_whole = is_as(local::checksum(&file)?, expected);
                if is_whole {
                    local::link_or_copy(&file, &to)?;
                }
                Ok::<_, std::io::Error>(is_whole)
            })
            .await;
        matches!(fetched, Ok(Ok(true))) || self.missing::<()>(path).is_some()
    }

    /// A checkpoint is complete: copies of files that are not part of it go, unless they were made for a newer one.
    pub async fn keep_only(&self, checkpoint: CheckpointId, files: BTreeSet<String>) {
        let prefix = format!("{}/", self.job);
        let gone: Vec<String> = {
            let made_for = self.copies.made_for();
            let of_job = made_for.iter().filter_map(|(key, made)| Some((key.strip_prefix(&prefix)?, *made)));
            of_job
                .filter(|(path, made)| *made <= checkpoint && !files.contains(*path))
                .map(|(p, _)| p.to_owned())
                .collect()
        };
        self.remove(gone).await;
    }

    /// Deletes copies.
    pub async fn remove(&self, paths: Vec<String>) {
        let files: Vec<PathBuf> = paths
            .iter()
            .filter(|path| self.copies.made_for().remove(&self.key(path)).is_some())
            .map(|path| self.file(path))
            .collect();
        if !files.is_empty() {
            let removed = self.copies.env.blocking(move || local::remove_files(&files)).await;
            if let Ok(Err(error)) = removed {
                tracing::debug!("local copies of checkpoint files could not be deleted: {error}");
            }
        }
    }

    fn missing<T>(&self, path: &str) -> Option<T> {
        tracing::debug!("the local copy of `{path}` is missing or damaged; the stored file is read");
        None
    }

    fn has(&self, path: &str) -> bool {
        self.copies.made_for().contains_key(&self.key(path))
    }

    fn key(&self, path: &str) -> String {
        format!("{}/{path}", self.job)
    }

    fn file(&self, path: &str) -> PathBuf {
        self.copies.folder.path().join(self.key(path))
    }
}

fn is_as((len, sum): (u64, u64), expected: Expected) -> bool {
    len == expected.len && sum == expected.sum
}
