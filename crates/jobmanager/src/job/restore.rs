//! Where a job starts from: a checkpoint is found, compared with the job and read as far as the job master needs it,
//! all before anything runs.

use super::description::{JobDescription, Place};
use super::savepoint;
use flott_core::config::{IGNORE_UNCLAIMED_STATE, RECOVERY_PATH};
use flott_core::{CheckpointId, Configuration, ErrorKind, JobId, OperatorId, Result, SubtaskIndex};
use flott_state::checkpoint::{
    CheckpointMetadata, CheckpointStorage, JobCheckpoints, JobOperator, JobStates, RestoreReport, SubtaskRestore,
    compare, redistribute,
};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What a job starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreFrom {
    /// Nothing: empty state.
    Nothing,
    /// The newest complete checkpoint of the job of this name, which goes on under its old id; nothing if there is
    /// none.
    Latest,
    /// The checkpoint or savepoint at this path. It is only read: it stays whatever happens to the job (Flink's `NO_CLAIM`).
    Path(String),
}

impl RestoreFrom {
    /// What `config` asks for: `execution.state-recovery.path`.
    ///
    /// # Errors
    /// `Invalid` never as of now; the option is a text.
    pub fn from_config(config: &Configuration) -> Result<Self> {
        Ok(match config.get_optional(&RECOVERY_PATH)? {
            None => RestoreFrom::Nothing,
            Some(text) if text.eq_ignore_ascii_case("latest") => RestoreFrom::Latest,
            Some(path) => RestoreFrom::Path(path),
        })
    }
}

/// A checkpoint that a run of the job can start from.
#[derive(Clone)]
pub struct Restored {
    /// What it consists of.
    pub metadata: Arc<CheckpointMetadata>,
    /// Where its files are.
    pub files: JobCheckpoints,
    /// What the enumerators remembered.
    pub coordinators: Arc<BTreeMap<OperatorId, Vec<u8>>>,
}

impl fmt::Debug for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Restored({})", self.files.location(self.metadata.checkpoint))
    }
}

impl Restored {
    /// What the operators of each subtask take over.
    ///
    /// # Errors
    /// `Invalid` when the state cannot be dealt out at the job's parallelism.
    pub fn deal_out(&self, job: &JobDescription) -> Result<BTreeMap<Place, BTreeMap<OperatorId, SubtaskRestore>>> {
        let mut places: BTreeMap<Place, BTreeMap<OperatorId, SubtaskRestore>> = BTreeMap::new();
        for vertex in &job.vertices {
            for operator in &vertex.operators {
                let Some(metadata) = self.metadata.operator(operator.id) else { continue };
                let parts = redistribute(metadata, vertex.max_parallelism, vertex.parallelism)?;
                for (subtask, part) in (0..).map(SubtaskIndex).zip(parts) {
                    places.entry((vertex.id, subtask)).or_default().insert(operator.id, part);
                }
            }
        }
        Ok(places)
    }
}

/// The checkpoint or savepoint at `path`, compared with a job that is built from `job` and registers `states`; nothing is
/// changed anywhere. The number of key groups of the job is that of the checkpoint where the user has set none.
///
/// # Errors
/// `Invalid` when there is none, or when whole operators do not fit; `Corrupt` when it cannot be read.
pub async fn compare_with(
    mut job: JobDescription,
    storage: &CheckpointStorage,
    path: &str,
    states: impl FnOnce(&JobDescription) -> Result<BTreeMap<OperatorId, JobStates>>,
) -> Result<RestoreReport> {
    let (_, metadata) = find_checkpoint(storage, path).await?;
    adopt_max_parallelism(&mut job, &metadata);
    // What is dropped is said, and whether that is allowed is asked at the start.
    let mut report = compare(&metadata, &job_operators(&job), true)?;
    report.add_states(&metadata, &states(&job)?);
    Ok(report)
}

/// The checkpoint or savepoint at `path`, of any form, and where its files are.
///
/// # Errors
/// `Invalid` when there is none; `Corrupt` when it cannot be read; `Unavailable` when the storage does not answer.
pub async fn find_checkpoint(storage: &CheckpointStorage, path: &str) -> Result<(JobCheckpoints, CheckpointMetadata)> {
    match savepoint::load(storage, path).await? {
        Some(savepoint) => Ok(savepoint),
        None => storage.load_path(path).await,
    }
}

/// What is known before a job starts.
pub(super) struct Start {
    /// The job, under the id and with the numbers of key groups that the checkpoint decides.
    pub job: JobDescription,
    pub checkpoints: JobCheckpoints,
    pub restored: Option<Restored>,
    /// The job's own checkpoints, oldest first.
    pub kept: Vec<Arc<CheckpointMetadata>>,
    /// Whether all that is in the job's folder is the job's: what it does not keep may be deleted.
    pub owns_folder: bool,
    pub next_id: CheckpointId,
    pub report: Option<RestoreReport>,
}

/// Finds the checkpoint, compares it with the job and tidies the job's checkpoint folder.
pub(super) async fn find_start(
    mut job: JobDescription,
    storage: &CheckpointStorage,
    from: &RestoreFrom,
) -> Result<Start> {
    let (metadata, files, checkpoints) = match from {
        RestoreFrom::Nothing => return start_from_nothing(job, storage).await,
        RestoreFrom::Latest => match claim_latest(&job.name, storage).await? {
            None => {
                tracing::info!(
                    "`{}` has no checkpoint of job `{}`; it starts from nothing",
                    storage.location(),
                    job.name
                );
                return start_from_nothing(job, storage).await;
            }
            Some((id, files, metadata)) => {
                job.id = id;
                (metadata, files.clone(), files)
            }
        },
        RestoreFrom::Path(path) => {
            let (files, metadata) = find_checkpoint(storage, path).await?;
            (metadata, files, new_folder(&job, storage).await?)
        }
    };
    let is_own = *from == RestoreFrom::Latest;
    adopt_max_parallelism(&mut job, &metadata);
    let report = compare(&metadata, &job_operators(&job), job.config.get(&IGNORE_UNCLAIMED_STATE)?)?;
    tracing::info!("job `{}` goes on from checkpoint `{}`:\n{report}", job.name, files.location(metadata.checkpoint));
    let coordinators = read_coordinators(&metadata, &files).await?;
    let restored = Restored { metadata: Arc::new(metadata), files, coordinators: Arc::new(coordinators) };
    // What cannot be dealt out is better known now than when tasks are about to start.
    restored.deal_out(&job)?;
    let newest = checkpoints.newest_id().await?;
    let kept = if is_own { keep_and_sweep(&job, &checkpoints, &restored.metadata).await? } else { Vec::new() };
    let next_id = CheckpointId(restored.metadata.checkpoint.max(newest).0 + 1);
    let owns_folder = is_own || newest == CheckpointId(0);
    Ok(Start { job, checkpoints, restored: Some(restored), kept, owns_folder, next_id, report: Some(report) })
}

async fn start_from_nothing(job: JobDescription, storage: &CheckpointStorage) -> Result<Start> {
    let checkpoints = new_folder(&job, storage).await?;
    let newest = checkpoints.newest_id().await?;
    let owns_folder = newest == CheckpointId(0);
    let next_id = CheckpointId(newest.0 + 1);
    Ok(Start { job, checkpoints, restored: None, kept: Vec::new(), owns_folder, next_id, report: None })
}

/// The folder of a job under a new id. A job that takes no checkpoints writes nothing there.
async fn new_folder(job: &JobDescription, storage: &CheckpointStorage) -> Result<JobCheckpoints> {
    let checkpoints = storage.job(job.id);
    if job.takes_checkpoints() { checkpoints.claim().await } else { Ok(checkpoints) }
}

/// Takes over the job of this name that has the newest checkpoint, and finds that checkpoint.
async fn claim_latest(
    name: &str,
    storage: &CheckpointStorage,
) -> Result<Option<(JobId, JobCheckpoints, CheckpointMetadata)>> {
    let Some((id, found)) = storage.find_latest(name).await? else { return Ok(None) };
    let files = storage.job(id).claim().await?;
    // Another run may have completed one, or deleted all, until a moment ago.
    let newest = files.newest_since(found).await?;
    Ok(newest.map(|metadata| (id, files, metadata)))
}

/// The checkpoints that the job keeps, oldest first, up to the one it is restored from; all else in its folder is
/// deleted.
async fn keep_and_sweep(
    job: &JobDescription,
    checkpoints: &JobCheckpoints,
    restored: &Arc<CheckpointMetadata>,
) -> Result<Vec<Arc<CheckpointMetadata>>> {
    let mut kept = vec![restored.clone()];
    for id in checkpoints.list().await?.into_iter().filter(|id| *id < restored.checkpoint) {
        if kept.len() >= job.checkpoints.retained_max {
            break;
        }
        match checkpoints.load(id).await {
            Ok(metadata) => kept.push(Arc::new(metadata)),
            Err(error) => tracing::warn!("an older checkpoint is not kept: {error}"),
        }
    }
    kept.reverse();
    sweep(checkpoints, &kept).await?;
    Ok(kept)
}

/// Deletes whatever in the job's folder is of no checkpoint that is kept. Only while no task runs.
///
/// # Errors
/// `Fenced` when another JobManager has taken the job over. Anything else is only reported: what is left takes up room
/// and does no harm.
pub(super) async fn sweep(checkpoints: &JobCheckpoints, keep: &[Arc<CheckpointMetadata>]) -> Result<()> {
    let keep: Vec<CheckpointMetadata> = keep.iter().map(|metadata| CheckpointMetadata::clone(metadata)).collect();
    match checkpoints.sweep(&keep).await {
        Ok(0) => {}
        Ok(count) => tracing::info!("{count} files of unfinished or older checkpoints were deleted"),
        Err(error) if error.kind() == ErrorKind::Fenced => return Err(error),
        Err(error) => tracing::warn!("files of unfinished or older checkpoints could not be deleted: {error}"),
    }
    Ok(())
}

/// A number of key groups that the user has not set is the one that the checkpoint has.
fn adopt_max_parallelism(job: &mut JobDescription, metadata: &CheckpointMetadata) {
    for vertex in job.vertices.iter_mut().filter(|v| !v.is_max_parallelism_set) {
        let found = vertex.operators.iter().find_map(|operator| metadata.operator(operator.id));
        if let Some(found) = found {
            vertex.max_parallelism = found.max_parallelism;
        }
    }
}

fn job_operators(job: &JobDescription) -> Vec<JobOperator> {
    job.vertices
        .iter()
        .flat_map(|vertex| {
            vertex.operators.iter().map(|operator| JobOperator {
                id: operator.id,
                uid: operator.uid.clone(),
                name: operator.name.to_string(),
                max_parallelism: vertex.max_parallelism,
            })
        })
        .collect()
}

/// The first of these checkpoints, newest first, that a run can start from. Those that cannot be used are reported.
///
/// # Errors
/// `Unavailable` when the storage does not answer.
pub(super) async fn first_usable(
    files: &JobCheckpoints,
    candidates: Vec<Arc<CheckpointMetadata>>,
) -> Result<Option<Restored>> {
    for metadata in candidates {
        let read = match files.verify_all(&metadata).await {
            Ok(()) => read_coordinators(&metadata, files).await,
            Err(error) => Err(error),
        };
        match read {
            Ok(coordinators) => {
                let (files, coordinators) = (files.clone(), Arc::new(coordinators));
                return Ok(Some(Restored { metadata, files, coordinators }));
            }
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                tracing::warn!("checkpoint `{}` is not used: {error}", files.location(metadata.checkpoint));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

async fn read_coordinators(
    metadata: &CheckpointMetadata,
    files: &JobCheckpoints,
) -> Result<BTreeMap<OperatorId, Vec<u8>>> {
    let mut coordinators = BTreeMap::new();
    for operator in &metadata.operators {
        if let Some(blob) = &operator.coordinator {
            coordinators.insert(operator.id, files.read_blob(blob).await?.to_vec());
        }
    }
    Ok(coordinators)
}
