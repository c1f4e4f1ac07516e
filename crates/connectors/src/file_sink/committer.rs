//! Publishes files: a rename for each. A commit can come again, from this run or a later one.

use super::disk::Disk;
use super::state::FileCommittable;
use flott_api::Committer;
use flott_core::{Error, Result};
use flott_env::Env;
use std::collections::BTreeSet;
use std::path::Path;

/// Renames pending files.
pub struct FileCommitter {
    env: Env,
    disk: Disk,
    ignores_missing: bool,
}

impl FileCommitter {
    pub(super) fn new(env: Env, disk: Disk, ignores_missing: bool) -> Self {
        FileCommitter { env, disk, ignores_missing }
    }
}

impl Committer for FileCommitter {
    type Committable = FileCommittable;

    async fn commit(&mut self, files: Vec<FileCommittable>) -> Result<()> {
        let (disk, ignores_missing) = (self.disk.clone(), self.ignores_missing);
        self.env.blocking(move || commit_all(&disk, &files, ignores_missing)).await?
    }
}

fn commit_all(disk: &Disk, files: &[FileCommittable], ignores_missing: bool) -> Result<()> {
    let mut folders = BTreeSet::new();
    for file in files {
        let is_there =
            commit(disk, file, ignores_missing).map_err(|e| e.in_context(format!("the commit of {}", file.target)))?;
        if is_there {
            folders.extend(Path::new(&file.target).parent());
        }
    }
    for folder in folders {
        disk.sync_folder(folder)
            .map_err(|e| Error::io(format!("the folder {} cannot be written", folder.display()), e))?;
    }
    Ok(())
}

/// Publishes one file, unless it has been published. Returns whether it is there.
fn commit(disk: &Disk, file: &FileCommittable, ignores_missing: bool) -> Result<bool> {
    let FileCommittable { path, target, len } = file;
    let (pending, finished) = (Path::new(path), Path::new(target));
    let unreadable = |e| Error::io(format!("the pending file {path} cannot be published"), e);
    let pending_len = disk.len(pending).map_err(unreadable)?;
    let finished_len = disk.len(finished).map_err(unreadable)?;
    match (pending_len, finished_len) {
        (Some(found), _) if found < *len => Err(Error::corrupt(format!(
            "the pending file {path} has {found} bytes, and the checkpoint says that {len} were written; put back the file \
             as it was"
        ))),
        (Some(_), Some(_)) => Err(Error::corrupt(format!(
            "both the pending file {path} and the finished file {target} exist, and one of them is a copy; move one of them \
             away"
        ))),
        (Some(found), None) => {
            if found > *len {
                // Bytes that were written after the checkpoint.
                let cut = disk.open_at(pending, *len).map_err(unreadable)?;
                disk.sync(&cut).map_err(unreadable)?;
            }
            disk.rename(pending, finished).map_err(unreadable)?;
            Ok(true)
        }
        (None, Some(_)) => Ok(true),
        (None, None) if ignores_missing => {
            tracing::warn!(path, target, len, "a pending file is gone; it is taken as published and taken away");
            Ok(false)
        }
        (None, None) => Err(Error::corrupt(format!(
            "neither the pending file {path} nor the finished file {target} exists, and with them {len} bytes are gone; put \
             back one of them, or set `ignore_missing_pending` if finished files are taken away by somebody"
        ))),
    }
}
