//! `flott savepoint verify`: whether the files of a savepoint or a checkpoint are there, and are what was written.

use super::Options;
use super::text::{bytes, count};
use clap::Args;
use flott_core::{Error, Result};
use flott_env::Env;
use flott_jobmanager::job::find_checkpoint;
use flott_savepoint::{Savepoint, Snapshot};
use flott_state::checkpoint::CheckpointStorage;
use std::io::Write;

#[derive(Args)]
#[command(
    after_help = "All files of a savepoint with tables are read and their checksums compared. So are those of a checkpoint or a \
                        native savepoint on a local disk, up to 1 GiB; of others the lengths are compared."
)]
pub(in crate::cli) struct Verify {
    /// The folder of a savepoint or a checkpoint: a path or a URL
    path: String,
    #[command(flatten)]
    options: Options,
}

impl Verify {
    pub fn run(&self, out: &mut (dyn Write + Send)) -> Result<()> {
        let config = self.options.configuration()?;
        let (files, size) = match Snapshot::open(&self.path, &config)? {
            Snapshot::Savepoint(savepoint) => self.tables(&savepoint)?,
            Snapshot::Checkpoint { metadata, .. } => {
                let env = Env::real()?;
                env.block_on(async {
                    let storage = CheckpointStorage::memory(&env).with_config(&config);
                    let (folder, metadata) = find_checkpoint(&storage, &self.path).await?;
                    folder.verify(&metadata).await
                })?;
                (metadata.referenced_files().len() as u64, metadata.byte_count())
            }
        };
        writeln!(out, "`{}` is whole: {} in {}", self.path, bytes(size), count(files, "file"))
            .map_err(|e| Error::io("the answer", e))
    }

    /// How many files there are, and their bytes.
    fn tables(&self, savepoint: &Savepoint) -> Result<(u64, u64)> {
        let (mut files, mut size) = (0, 0);
        for file in savepoint.manifest().files() {
            files += 1;
            size += file.bytes;
        }
        let damages = savepoint.verify()?;
        if damages.is_empty() {
            return Ok((files, size));
        }
        let lines: Vec<String> = damages.iter().map(|damage| format!("\n- {}", damage.message())).collect();
        Err(Error::corrupt(format!(
            "of {} of `{}` {} cannot be used; take another savepoint, or write one without these states:{}",
            count(files, "file"),
            self.path,
            damages.len(),
            lines.concat()
        )))
    }
}
