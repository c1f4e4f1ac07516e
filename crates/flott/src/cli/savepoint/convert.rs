//! `flott savepoint convert`: a checkpoint or a native savepoint as tables, without its job.

use super::Options;
use crate::state_backends;
use clap::Args;
use flott_core::{Configuration, Error, Result};
use flott_env::Env;
use flott_jobmanager::job::find_checkpoint;
use flott_runtime::savepoint::convert;
use flott_savepoint::{Manifest, Snapshot};
use flott_state::checkpoint::CheckpointStorage;
use std::io::Write;

#[derive(Args)]
#[command(
    after_help = "What comes of it starts a job on any state backend at any parallelism, and `flott savepoint query` and \
                        every program that reads Parquet look into it. The source stays as it is."
)]
pub(in crate::cli) struct Convert {
    /// The folder of a checkpoint or a native savepoint: a path or a URL
    path: String,
    /// The folder of the new savepoint, which must not hold one
    target: String,
    #[command(flatten)]
    options: Options,
}

impl Convert {
    pub fn run(&self, out: &mut (dyn Write + Send)) -> Result<()> {
        let manifest = to_tables(&self.path, &self.target, &self.options.configuration()?)?;
        let rows: u64 = manifest.files().map(|file| file.rows).sum();
        let states: usize = manifest.operators.iter().map(|operator| operator.states.len()).sum();
        writeln!(out, "`{}` holds {rows} rows of {states} states of job `{}`", self.target, manifest.job_name)
            .map_err(|e| Error::io("the answer", e))
    }
}

/// Writes the checkpoint or native savepoint at `path` as a canonical savepoint into the folder `target`.
pub(super) fn to_tables(path: &str, target: &str, config: &Configuration) -> Result<Manifest> {
    if let Snapshot::Savepoint(_) = Snapshot::open(path, config)? {
        return Err(Error::invalid(format!("`{path}` is a canonical savepoint: it consists of tables already")));
    }
    let env = Env::real()?;
    env.block_on(async {
        let storage = CheckpointStorage::memory(&env).with_config(config);
        let (files, metadata) = find_checkpoint(&storage, path).await?;
        let backend = |name: &str| state_backends::for_reading(name, config);
        convert(&env, &files, &metadata, &storage.savepoint(target)?, backend).await
    })
}
