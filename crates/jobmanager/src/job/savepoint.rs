//! Savepoints of a running job: asked for, completed, and what a job starts from.

use super::description::JobDescription;
use super::handle::JobHandle;
use crate::checkpoint::SavepointId;
use flott_core::config::SAVEPOINT_DIR;
use flott_core::{
    Configuration, Error, ErrorKind, JobId, OperatorId, Result, SavepointFormat, SavepointRequest, SavepointTarget,
    error::ResultExt,
};
use flott_savepoint::{Manifest, operator_folder};
use flott_state::Blob;
use flott_state::checkpoint::{CheckpointMetadata, CheckpointStorage, JobCheckpoints};
use std::collections::BTreeMap;
use tokio::sync::oneshot;

/// A request on its way to the job master, and where the answer goes.
pub(super) type Asked = (SavepointRequest, oneshot::Sender<Result<String>>);

impl JobHandle {
    /// Takes a savepoint and returns where it is. With [`flott_core::AfterSavepoint::Stop`] or `Drain` the job ends
    /// with it, as FINISHED, and what it has written before the barrier is committed.
    ///
    /// # Errors
    /// `Invalid` when no folder is known; `Unavailable` when the job does not run, or the savepoint fails: the error says
    /// why, and the job goes on.
    pub async fn savepoint(&self, request: SavepointRequest) -> Result<String> {
        let (answer, answered) = oneshot::channel();
        let gone =
            || Error::unavailable(format!("job `{}` is over; a savepoint is taken of a job that runs", self.name()));
        self.savepoints.send((request, answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

/// The savepoints that somebody waits for.
#[derive(Default)]
pub(super) struct Waiting {
    next: u64,
    answers: BTreeMap<SavepointId, (String, oneshot::Sender<Result<String>>)>,
}

impl Waiting {
    /// Takes a request. Its folder is one of its own, called as Flink calls it; `random` makes it so.
    pub fn add(
        &mut self,
        (request, answer): Asked,
        job: JobId,
        config: &Configuration,
        random: u64,
    ) -> Option<(SavepointId, SavepointTarget)> {
        let SavepointRequest { target, format, then } = request;
        let within = match target.map_or_else(|| config.get_optional(&SAVEPOINT_DIR), |target| Ok(Some(target))) {
            Ok(Some(within)) if !within.is_empty() => within,
            Ok(_) => {
                let message = format!("no folder is given for the savepoint; give one, or set `{}`", SAVEPOINT_DIR.key);
                // Who asked may have gone.
                let _ = answer.send(Err(Error::invalid(message)));
                return None;
            }
            Err(error) => {
                let _ = answer.send(Err(error));
                return None;
            }
        };
        let job = job.to_string();
        let folder =
            format!("{}/savepoint-{}-{:012x}", within.trim_end_matches('/'), &job[..6], random & 0xffff_ffff_ffff);
        self.next += 1;
        self.answers.insert(SavepointId(self.next), (folder.clone(), answer));
        Some((SavepointId(self.next), SavepointTarget { folder, format, then }))
    }

    /// Answers. Returns where the savepoint is, for the log.
    pub fn answer(&mut self, id: SavepointId, outcome: Result<()>) -> Option<String> {
        let (folder, answer) = self.answers.remove(&id)?;
        // Who asked may have gone.
        let _ = answer.send(outcome.map(|()| folder.clone()));
        Some(folder)
    }
}

/// Writes what an enumerator remembers as a file of a canonical savepoint.
pub(super) async fn write_coordinator(
    folder: &JobCheckpoints,
    job: &JobDescription,
    operator: OperatorId,
    bytes: Vec<u8>,
) -> Result<Blob> {
    let described = job.vertices.iter().flat_map(|vertex| &vertex.operators).find(|described| described.id == operator);
    let uid = described.and_then(|described| described.uid.as_deref());
    folder.write_file(format!("{}/coordinator", operator_folder(uid, operator)), bytes.into()).await
}

/// Completes a savepoint whose files have all been written.
pub(super) async fn complete(
    folder: &JobCheckpoints,
    target: &SavepointTarget,
    metadata: &CheckpointMetadata,
) -> Result<()> {
    match target.format {
        SavepointFormat::Native => folder.complete_savepoint(metadata).await,
        SavepointFormat::Canonical => {
            let manifest = Manifest::of_checkpoint(metadata)?;
            folder.write_new(Manifest::FILE, manifest.encode()?.into()).await
        }
    }
}

/// The savepoint at `path`, of either format; `None` if the path is that of a checkpoint.
pub(super) async fn load(
    storage: &CheckpointStorage,
    path: &str,
) -> Result<Option<(JobCheckpoints, CheckpointMetadata)>> {
    let Some(folder) = storage.find_savepoint(path, &[Manifest::FILE])? else { return Ok(None) };
    if let Some(metadata) = folder.load_savepoint().await? {
        return Ok(Some((folder, metadata)));
    }
    if !folder.has(Manifest::FILE).await? {
        return Err(Error::invalid(format!(
            "`{path}` is no checkpoint or savepoint, or one that was not completed: it has neither `{}` nor `_metadata`; \
             name another one",
            Manifest::FILE
        )));
    }
    let manifest = Manifest::decode(&format!("{path}/{}", Manifest::FILE), &folder.read(Manifest::FILE).await?)?;
    let mut lists = BTreeMap::new();
    for file in manifest.list_files() {
        let content = folder.read(&file.path).await?;
        file.check(&content)?;
        lists.insert(file.path.clone(), content);
    }
    let metadata = manifest.to_checkpoint(&lists).in_context(|| format!("savepoint `{path}`"))?;
    folder.verify(&metadata).await.map_err(|e| match e.kind() {
        ErrorKind::Corrupt => e.in_context(format!("savepoint `{path}`")),
        _ => e,
    })?;
    Ok(Some((folder, metadata)))
}
