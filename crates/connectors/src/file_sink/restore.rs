//! From the states of writers of a checkpoint to files that can be gone on with. Blocks: runs where that holds up nobody.

use super::disk::Disk;
use super::names::{PartName, PartNames};
use super::state::{FileCommittable, FileWriterState, InProgressFile};
use flott_core::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Finished files that are named in an error.
const NAMED_MAX: usize = 5;

/// What was restored.
pub(super) struct Restored {
    /// One file in progress for each bucket, cut to what the checkpoint covers.
    pub(super) open: Vec<(InProgressFile, File)>,
    /// Further ones of the same buckets, to be handed over as they are.
    pub(super) closed: Vec<FileCommittable>,
}

/// Opens the files of `states`. Several states come when the parallelism has become less.
pub(super) fn restore(disk: &Disk, base: &Path, names: &PartNames, states: &[FileWriterState]) -> Result<Restored> {
    check_folder(disk, base, names, states)?;
    let mut open: BTreeMap<&str, (InProgressFile, File)> = BTreeMap::new();
    let mut closed = Vec::new();
    for file in states.iter().flat_map(|state| &state.in_progress) {
        let handle = reopen(disk, file)?;
        if open.contains_key(&*file.bucket) {
            disk.sync(&handle).map_err(|e| Error::io(format!("the file {} cannot be written", file.path), e))?;
            closed.push(FileCommittable { path: file.path.clone(), target: file.target.clone(), len: file.len });
        } else {
            open.insert(&file.bucket, (file.clone(), handle));
        }
    }
    Ok(Restored { open: open.into_values().collect(), closed })
}

/// Cuts a file to what the checkpoint covers.
fn reopen(disk: &Disk, file: &InProgressFile) -> Result<File> {
    let InProgressFile { path, target, len, .. } = file;
    let unreadable = |e| Error::io(format!("the file in progress {path} cannot be gone on with"), e);
    match disk.len(Path::new(path)).map_err(unreadable)? {
        Some(found) if found >= *len => disk.open_at(Path::new(path), *len).map_err(unreadable),
        Some(found) => Err(Error::corrupt(format!(
            "the file in progress {path} has {found} bytes, and the checkpoint says that {len} were written; put back the \
             file as it was, or restore from an older checkpoint"
        ))),
        None if disk.len(Path::new(target)).map_err(unreadable)?.is_some() => {
            Err(published(std::slice::from_ref(target), 1))
        }
        None => Err(Error::corrupt(format!(
            "the file in progress {path} of the checkpoint is gone, and with it {len} bytes; put it back, or restore from a \
             checkpoint that does not name it"
        ))),
    }
}

fn published(files: &[String], count: usize) -> Error {
    let dots = if count > files.len() { ", ..." } else { "" };
    Error::corrupt(format!(
        "{count} files were published after the checkpoint that is restored, and their records would come again: {}{dots}; \
         restore from the newest checkpoint, or move those files away first",
        files.join(", ")
    ))
}

/// Looks for files that were made after the checkpoint. Finished ones are an error: nobody may delete what was published.
/// Those in progress are what a failed attempt left behind, and are removed.
fn check_folder(disk: &Disk, base: &Path, names: &PartNames, states: &[FileWriterState]) -> Result<()> {
    let referred: BTreeSet<&str> = states.iter().flat_map(|s| &s.in_progress).map(|file| &*file.path).collect();
    let (mut left, mut finished, mut finished_count) = (Vec::<PathBuf>::new(), Vec::new(), 0);
    let walked = disk.walk(base, &mut |folder, name| {
        let Some(part) = names.parse(name) else { return };
        if !states.iter().any(|state| state.is_before(&part)) {
            return;
        }
        let path = folder.join(name);
        if part.is_finished {
            finished_count += 1;
            if finished.len() < NAMED_MAX {
                finished.push(path.display().to_string());
            }
        } else if !path.to_str().is_some_and(|path| referred.contains(path)) {
            left.push(path);
        }
    });
    walked.map_err(|e| Error::io(format!("the sink's folder {} cannot be read", base.display()), e))?;
    if finished_count > 0 {
        return Err(published(&finished, finished_count));
    }
    for path in left {
        disk.remove(&path).map_err(|e| Error::io(format!("the file {} cannot be removed", path.display()), e))?;
        tracing::info!(path = %path.display(), "removed what a failed attempt left behind");
    }
    Ok(())
}

impl FileWriterState {
    /// Whether a file was begun after this state was taken, by the writer itself or by one that went on after it.
    fn is_before(&self, part: &PartName) -> bool {
        let (own, other) = (self.writer, part.writer);
        own.lineage == other.lineage
            && (other.epoch > own.epoch
                || (other.epoch == own.epoch && (other.attempt != own.attempt || part.counter >= self.next_part)))
    }
}
