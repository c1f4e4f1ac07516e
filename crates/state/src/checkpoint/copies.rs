//! Copies of checkpoint files on a disk of this machine (Flink's local recovery): a job that restarts here reads them
//! instead of remote storage.
//!
//! A copy is made of each file that was written or put into a store's folder, as a link where it is on disk already. It is
//! kept while the file is part of the latest completed checkpoint or of a newer one. Nothing depends on it: one that is
//! missing, or not what the checkpoint says, is replaced by the stored file.
//!
//! ```text
//! taskmanager.resource-id is set    <dir>/tm_<id>/localState/<job>/...    a new process with this id goes on with them
//! it is not                         <dir>/flott-local-backup/<random>     they go with the process; those of one that died
//!                                                                         are deleted by the next, which sees by their
//!                                                                         lock that nobody owns them
//! ```

use super::local;
use super::transfer::{Expected, Source};
use crate::snapshot::checksum;
use bytes::Bytes;
use flott_core::config::{IO_TMP_DIRS, LOCAL_BACKUP, LOCAL_BACKUP_DIRS, PROCESS_WORKING_DIR, TASKMANAGER_RESOURCE_ID};
use flott_core::{CheckpointId, Configuration, Error, JobId, Result};
use flott_env::Env;
use flott_env::TempFolder;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The folder in one of the user's, with a folder for each process.
const FOLDER: &str = "flott-local-backup";
/// What a copy was made for that an earlier process has made, or that comes from storage: nothing newer than what the
/// job starts from.
const EARLIER: CheckpointId = CheckpointId(0);

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
        let dirs = [&LOCAL_BACKUP_DIRS, &PROCESS_WORKING_DIR, &IO_TMP_DIRS];
        let dirs = dirs.iter().find_map(|option| config.get_optional(option).transpose()).transpose()?;
        let failed =
            |place: &Path, e| Error::io(format!("the folder `{}` for copies of checkpoints", place.display()), e);
        if let Some(id) = config.get_optional(&TASKMANAGER_RESOURCE_ID)? {
            check_id(&id)?;
            // The same folder for every process with this id.
            let place = TempFolder::choose(dirs.as_deref(), 0).path().join(format!("tm_{id}")).join("localState");
            if let Some((folder, found)) = local::OwnedFolder::take_over(&place).map_err(|e| failed(&place, e))? {
                tracing::info!("`{}` holds {} local copies of files of checkpoints", place.display(), found.len());
                let made_for = Mutex::new(found.into_iter().map(|path| (path, EARLIER)).collect());
                return Ok(Some(Copies { env: env.clone(), folder, made_for }));
            }
            tracing::warn!("another process uses `{}`; give each its own `taskmanager.resource-id`", place.display());
        }
        let random = env.random();
        let place = TempFolder::choose(dirs.as_deref(), random as usize).path().join(FOLDER);
        let folder = local::OwnedFolder::create(&place, random).map_err(|e| failed(&place, e))?;
        Ok(Some(Copies { env: env.clone(), folder, made_for: Mutex::default() }))
    }

    fn made_for(&self) -> MutexGuard<'_, BTreeMap<String, CheckpointId>> {
        self.made_for.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Refuses an id that cannot be part of a folder's name.
fn check_id(id: &str) -> Result<()> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !id.is_empty() && id.chars().all(is_plain) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "option `{}` cannot be `{id}`: it becomes the name of a folder; use letters, digits, `-`, `_` and `.`",
        TASKMANAGER_RESOURCE_ID.key
    )))
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

    /// Copies a file that was read from storage, to be read here the next time.
    pub async fn add_read(&self, path: &str, source: &Source) {
        self.add(EARLIER, path, source).await;
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
        let read = self.copies.env.blocking(move || match expected.offset {
            None => local::read_all(&file),
            Some(offset) => local::read_at(&file, offset, expected.len),
        });
        match read.await {
            Ok(Ok(bytes)) if expected.is((bytes.len() as u64, checksum(&bytes))) => Some(bytes.into()),
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
                if let Some(offset) = expected.offset {
                    let bytes = local::read_at(&file, offset, expected.len)?;
                    let is_whole = expected.is((bytes.len() as u64, checksum(&bytes)));
                    return if is_whole { local::write(&to, &bytes).map(|()| true) } else { Ok(false) };
                }
                let is_whole = expected.is(local::checksum(&file)?);
                if is_whole {
                    local::link_or_copy(&file, &to)?;
                }
                Ok::<_, std::io::Error>(is_whole)
            })
            .await;
        matches!(fetched, Ok(Ok(true))) || self.missing::<()>(path).is_some()
    }

    /// A checkpoint is complete: copies of files that are not part of it go, unless they were made for a newer one. What
    /// earlier processes have left of other jobs goes too.
    pub async fn keep_only(&self, checkpoint: CheckpointId, files: BTreeSet<String>) {
        let prefix = format!("{}/", self.job);
        let is_gone = |key: &str, made: CheckpointId| match key.strip_prefix(&prefix) {
            Some(path) => made <= checkpoint && !files.contains(path),
            None => made == EARLIER,
        };
        let gone =
            self.copies.made_for().iter().filter(|(key, made)| is_gone(key, **made)).map(|(k, _)| k.clone()).collect();
        self.remove_keys(gone).await;
    }

    /// Deletes copies.
    pub async fn remove(&self, paths: Vec<String>) {
        self.remove_keys(paths.iter().map(|path| self.key(path)).collect()).await;
    }

    async fn remove_keys(&self, keys: Vec<String>) {
        let folder = self.copies.folder.path();
        let is_there = |key: &&String| self.copies.made_for().remove(*key).is_some();
        let files: Vec<PathBuf> = keys.iter().filter(is_there).map(|key| folder.join(key)).collect();
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
