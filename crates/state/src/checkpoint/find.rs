//! The checkpoint to restore: the latest of a job, or one that was named.

use super::job::{METADATA_FILE, checkpoint_of, metadata_path};
use super::local;
use super::location::Location;
use super::{CheckpointMetadata, CheckpointStorage, JobCheckpoints};
use flott_core::{CheckpointId, Error, ErrorKind, JobId, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What the folder holds, job by job.
#[derive(Default)]
struct Survey {
    /// Checkpoints of the wanted job, each with the time that it is ordered by.
    candidates: Vec<(i64, JobId, CheckpointMetadata)>,
    /// Names of other jobs.
    others: BTreeSet<String>,
    /// Why a folder is of no job that could be told.
    unknown: Option<Error>,
    /// A checkpoint was deleted by a job that runs, while it was looked at.
    has_vanished: bool,
}

/// What a survey has come to.
enum Found {
    Nothing,
    Checkpoint(JobId, Box<CheckpointMetadata>),
    /// What was there is not there any more: a job that runs has newer ones.
    Vanished,
}

/// How often all is looked at while a job that runs changes it.
const SURVEYS_MAX: usize = 20;

impl CheckpointStorage {
    /// The newest complete checkpoint of the jobs called `job_name`, and the job that it is of; `None` if there is
    /// none. A damaged one is reported and the next older one used.
    ///
    /// # Errors
    /// `Corrupt` when nothing can be used and a damaged checkpoint may be the job's: starting from nothing is then
    /// for the user to decide. `Unavailable` when the storage does not answer.
    pub async fn find_latest(&self, job_name: &str) -> Result<Option<(JobId, CheckpointMetadata)>> {
        for _ in 0..SURVEYS_MAX {
            match self.latest_now(job_name).await? {
                Found::Nothing => return Ok(None),
                Found::Checkpoint(job, metadata) => return Ok(Some((job, *metadata))),
                Found::Vanished => {}
            }
        }
        Err(Error::unavailable(format!(
            "the checkpoints of job `{job_name}` in `{}` change faster than they can be looked at; stop the job that writes \
             them, or try again",
            self.location()
        )))
    }

    async fn latest_now(&self, job_name: &str) -> Result<Found> {
        let mut survey = self.survey(job_name).await?;
        // Oldest first, to be taken from the end.
        survey.candidates.sort_by_key(|(time, _, metadata)| (*time, metadata.checkpoint));
        while let Some((_, job, metadata)) = survey.candidates.pop() {
            match self.job(job).verify(&metadata).await {
                Ok(()) => return Ok(Found::Checkpoint(job, metadata.into())),
                Err(error) => match skipped(&self.job(job), metadata.checkpoint, error).await? {
                    None => return Ok(Found::Vanished),
                    error => survey.unknown = error,
                },
            }
        }
        if survey.has_vanished {
            return Ok(Found::Vanished);
        }
        if let Some(error) = survey.unknown {
            return Err(Error::corrupt(format!(
                "no checkpoint of job `{job_name}` in `{}` can be used: {error}; \
                 to start from nothing, start without `latest` or use another checkpoint folder",
                self.location()
            )));
        }
        if !survey.others.is_empty() {
            let others = survey.others.into_iter().collect::<Vec<_>>().join("`, `");
            tracing::warn!(
                "`{}` has no checkpoint of job `{job_name}`, only of `{others}`, which are not taken",
                self.location()
            );
        }
        Ok(Found::Nothing)
    }

    async fn survey(&self, job_name: &str) -> Result<Survey> {
        let mut survey = Survey::default();
        for folder in self.store.folders().await? {
            let Ok(job) = folder.parse::<JobId>() else { continue };
            let checkpoints = self.job(job);
            let (mut readable, mut damaged) = (Vec::new(), None);
            for id in checkpoints.list().await? {
                match checkpoints.load(id).await {
                    Ok(metadata) => readable.push(metadata),
                    Err(error) => match skipped(&checkpoints, id, error).await? {
                        None => survey.has_vanished = true,
                        error => damaged = error,
                    },
                }
            }
            let Some(newest) = readable.first() else {
                survey.unknown = damaged.or(survey.unknown);
                continue;
            };
            if newest.job_name == job_name {
                survey.unknown = damaged.or(survey.unknown);
                survey.add(job, readable);
            } else {
                survey.others.insert(newest.job_name.clone());
            }
        }
        Ok(survey)
    }

    /// A named checkpoint: its folder or its `_metadata` file. On a store that was given as such the path is one in
    /// the store. The result also says where its files are.
    ///
    /// # Errors
    /// `Invalid` when there is no checkpoint, `Corrupt` when it is damaged: both name path, cause and what to do.
    pub async fn load_path(&self, path: &str) -> Result<(JobCheckpoints, CheckpointMetadata)> {
        let (checkpoints, id) =
            if self.takes_locations { self.located_checkpoint(path).await? } else { self.stored_checkpoint(path)? };
        if checkpoints.store.len(&format!("{}/{METADATA_FILE}", super::job::folder(id))).await?.is_none() {
            return Err(Error::invalid(format!(
                "`{path}` is no complete checkpoint: it has no `{METADATA_FILE}`; name another one, or use `latest`"
            )));
        }
        let metadata = checkpoints.load(id).await?;
        checkpoints.verify(&metadata).await?;
        Ok((checkpoints, metadata))
    }

    fn stored_checkpoint(&self, path: &str) -> Result<(JobCheckpoints, CheckpointId)> {
        let path = path.trim_matches('/');
        let folder = path.strip_suffix(METADATA_FILE).map_or(path, |folder| folder.trim_end_matches('/'));
        let (job, name) = folder.rsplit_once('/').unwrap_or(("", folder));
        let id = checkpoint_of(name).ok_or_else(|| not_a_checkpoint(path))?;
        Ok((JobCheckpoints::new(self, self.store.child(job), None), id))
    }

    /// A checkpoint anywhere: a path of this machine, or a URL.
    async fn located_checkpoint(&self, path: &str) -> Result<(JobCheckpoints, CheckpointId)> {
        match Location::parse(path)? {
            Location::Local(wanted) => {
                let found = self.store.env.blocking(move || local_folder(&wanted)).await?;
                let folder = found.map_err(|e| Error::io(format!("checkpoint `{path}` cannot be found"), e))?;
                let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                let (Some(id), Some(job)) = (checkpoint_of(&name), folder.parent()) else {
                    return Err(not_a_checkpoint(path));
                };
                let storage = CheckpointStorage::local(&self.store.env, job.to_owned(), self.config.clone())?;
                Ok((JobCheckpoints::new(&storage, storage.store.clone(), None), id))
            }
            Location::Remote(mut location) => {
                let folder = std::mem::take(&mut location.prefix);
                let storage = CheckpointStorage::remote(&self.store.env, &location, self.config.clone())?;
                storage.stored_checkpoint(&folder).map_err(|_| not_a_checkpoint(path))
            }
        }
    }
}

impl JobCheckpoints {
    /// The newest usable checkpoint of the job, which was `found` before it was claimed: one that was completed in
    /// between is newer.
    ///
    /// # Errors
    /// As [`CheckpointStorage::find_latest`].
    pub async fn newest_since(&self, found: CheckpointMetadata) -> Result<Option<CheckpointMetadata>> {
        for id in self.list().await? {
            if id == found.checkpoint {
                return Ok(Some(found));
            }
            let loaded = match self.load(id).await {
                Ok(metadata) => self.verify(&metadata).await.map(|()| metadata),
                Err(error) => Err(error),
            };
            match loaded {
                Ok(metadata) => return Ok(Some(metadata)),
                // It has been reported already.
                Err(error) if error.kind() == ErrorKind::Corrupt => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

impl Survey {
    fn add(&mut self, job: JobId, newest_first: Vec<CheckpointMetadata>) {
        // Within a job the ids say which is newer; a clock that was set back must not say otherwise.
        let mut time = i64::MIN;
        for metadata in newest_first.into_iter().rev() {
            time = time.max(metadata.completed_at_ms);
            self.candidates.push((time, job, metadata));
        }
    }
}

/// Reports a checkpoint that is damaged; any other error than damage counts. One that is not there any more is none:
/// its metadata goes first when it is deleted.
async fn skipped(checkpoints: &JobCheckpoints, id: CheckpointId, error: Error) -> Result<Option<Error>> {
    if error.kind() != ErrorKind::Corrupt {
        return Err(error);
    }
    if checkpoints.store.len(&metadata_path(id)).await?.is_none() {
        return Ok(None);
    }
    tracing::warn!("checkpoint `{}` is not used: {error}", checkpoints.location(id));
    Ok(Some(error))
}

fn not_a_checkpoint(path: &str) -> Error {
    Error::invalid(format!(
        "`{path}` is no checkpoint: name a folder such as `<checkpoint folder>/<job id>/chk-7`, or use `latest`"
    ))
}

/// The folder of a checkpoint that is given by its folder or its metadata.
fn local_folder(path: &Path) -> std::io::Result<PathBuf> {
    let path = local::existing(path)?;
    match path.parent() {
        Some(folder) if !local::is_folder(&path) => Ok(folder.to_owned()),
        _ => Ok(path),
    }
}
