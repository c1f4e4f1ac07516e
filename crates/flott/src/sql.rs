//! SQL on the state of a running job: the state becomes tables in a temporary folder, these are asked, and they go.
//!
//! ```text
//! the turn to read ── latest checkpoint as tables, or a savepoint ── the question ── the folder is deleted
//! ```
//!
//! The stream goes on. Only one question of a job is worked on at a time, on threads of its own, with so much memory and time
//! as the options say.

use crate::state_backends;
use flott_core::config::{IO_TMP_DIRS, QUERYABLE_STATE, SQL_MEMORY, SQL_TIMEOUT};
use flott_core::{AfterSavepoint, Error, Result, SavepointFormat, SavepointRequest, error::ResultExt};
use flott_datastream::StateOf;
use flott_env::{Env, TempFolder};
use flott_jobmanager::JobHandle;
use flott_jobmanager::job::ReadingTurn;
use flott_runtime::savepoint::convert;
use flott_savepoint::{AnswerFormat, QueryLimits, Savepoint};
use flott_state::checkpoint::CheckpointStorage;
use std::io::Write;

/// Answers a question about the state of a job in lines of JSON.
pub(crate) fn ask(
    env: &Env,
    job: &JobHandle,
    storage: &CheckpointStorage,
    of: StateOf,
    sql: &str,
    out: &mut (dyn Write + Send),
) -> Result<()> {
    let config = job.config();
    if !config.get(&QUERYABLE_STATE)? {
        return Err(Error::invalid(format!(
            "state of job `{}` cannot be looked at; set `{}` to true",
            job.name(),
            QUERYABLE_STATE.key
        )));
    }
    let (limit, memory) = (config.get(&SQL_TIMEOUT)?, config.get(&SQL_MEMORY)?);
    let too_long = || {
        Error::limit(format!(
            "the question took longer than {limit:?}; ask for less, or raise the option `{}`",
            SQL_TIMEOUT.key
        ))
    };
    let within = TempFolder::choose(config.raw(IO_TMP_DIRS.key), 0);
    let made = tempfile::tempdir_in(within.path()).map_err(|e| Error::io(within.path().display(), e))?;
    let folder = made.path().display().to_string();
    // Whoever waits for the turn is not working yet.
    let turn = env.block_on(job.reading_turn());
    let start = env.elapsed();
    let path = match of {
        StateOf::Now => {
            let (format, then) = (SavepointFormat::Canonical, AfterSavepoint::GoOn);
            env.block_on(job.savepoint(SavepointRequest { target: Some(folder), format, then }))?
        }
        StateOf::LatestCheckpoint => {
            let tables = checkpoint_as_tables(env, job, &turn, storage, &folder);
            env.block_on(env.timeout(limit, tables)).ok_or_else(too_long)??;
            folder
        }
    };
    let time = limit.checked_sub(env.elapsed().saturating_sub(start)).ok_or_else(too_long)?;
    let savepoint = Savepoint::open(&path, config)?;
    let limits = QueryLimits { memory, time: Some(time) };
    savepoint.query_within(limits, sql, AnswerFormat::JsonLines, out)
}

async fn checkpoint_as_tables(
    env: &Env,
    job: &JobHandle,
    turn: &ReadingTurn,
    storage: &CheckpointStorage,
    folder: &str,
) -> Result<()> {
    let (files, metadata) = job.latest_checkpoint(turn).await?;
    let backend = |name: &str| state_backends::for_reading(name, job.config());
    let converted = convert(env, &files, &metadata, &storage.savepoint(folder)?, backend).await;
    let id = metadata.checkpoint;
    if converted.is_err() && files.load(id).await.is_err() {
        return Err(Error::unavailable(format!(
            "checkpoint {id} was deleted while it was read, because the job has restarted; ask again"
        )));
    }
    converted.map(|_| ()).in_context(|| format!("checkpoint {id} of the running job"))
}
