//! Which files of a job's checkpoint folder may be deleted. Part of the coordinator; pure.
//!
//! Keyed state is a chain of files: a full one and what changed since. A task adds to its chain with every snapshot,
//! whether or not the checkpoint it was for completes, so a file that was written for an aborted checkpoint may be
//! part of a later one. But a chain only grows or is replaced whole. Hence the one rule:
//!
//! > A file may go when a checkpoint has completed that is **newer** than every snapshot the file was mentioned in,
//! > and no checkpoint that is kept mentions it.
//!
//! The newer checkpoint does not mention the file, so the chain that held it has been replaced, and no later snapshot
//! can bring it back. Files that were written but never acknowledged are nobody's; they are swept when a job starts.

use flott_core::CheckpointId;
use std::collections::{BTreeMap, BTreeSet};

/// The files that tasks have written, as far as they have said so, until they are deleted.
#[derive(Clone, Debug, Default)]
pub struct FileTable {
    /// The newest checkpoint whose acknowledgements mention the file.
    mentioned: BTreeMap<String, CheckpointId>,
    /// Files that are not the job's to delete: of savepoints, and of checkpoints that belong to another job.
    foreign: BTreeSet<String>,
}

impl FileTable {
    /// An acknowledgement of `checkpoint` mentions `path`. Returns whether it is the first to do so.
    pub fn mention(&mut self, path: &str, checkpoint: CheckpointId) -> bool {
        if self.foreign.contains(path) {
            return false;
        }
        match self.mentioned.get_mut(path) {
            Some(newest) => {
                *newest = checkpoint.max(*newest);
                false
            }
            None => self.mentioned.insert(path.to_owned(), checkpoint).is_none(),
        }
    }

    /// These files are never to be deleted by the job.
    pub fn keep_for_ever(&mut self, paths: impl IntoIterator<Item = String>) {
        for path in paths {
            self.mentioned.remove(&path);
            self.foreign.insert(path);
        }
    }

    /// Takes out the files that may be deleted, given the newest completed checkpoint and the files of all that are
    /// kept.
    pub fn take_deletable(&mut self, newest: CheckpointId, is_kept: impl Fn(&str) -> bool) -> Vec<String> {
        self.mentioned
            .extract_if(.., |path, mentioned| *mentioned < newest && !is_kept(path))
            .map(|(path, _)| path)
            .collect()
    }

    /// Forgets all files but these: the others have been deleted otherwise.
    pub fn forget_unless(&mut self, is_kept: impl Fn(&str) -> bool) {
        self.mentioned.retain(|path, _| is_kept(path));
    }

    /// Takes out every file that is the job's.
    pub fn take_all(&mut self) -> Vec<String> {
        std::mem::take(&mut self.mentioned).into_keys().collect()
    }

    /// Number of files.
    pub fn len(&self) -> usize {
        self.mentioned.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.mentioned.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn id(n: u64) -> CheckpointId {
        CheckpointId(n)
    }

    #[test]
    fn a_file_of_an_aborted_checkpoint_stays_until_a_newer_one_is_complete_without_it() {
        let mut files = FileTable::default();
        assert!(files.mention("shared/a", id(1)));
        assert!(!files.mention("shared/a", id(2)));
        files.mention("shared/b", id(2));
        // 2 was aborted; 1 is complete and holds `a`.
        assert!(files.take_deletable(id(1), |path| path == "shared/a").is_empty());
        // 3 is complete with a new chain; 1 is not kept any more.
        assert_eq!(files.take_deletable(id(3), |path| path == "shared/c"), ["shared/a", "shared/b"]);
        assert!(files.is_empty());
    }

    #[test]
    fn what_belongs_to_others_is_never_deleted() {
        let mut files = FileTable::default();
        files.mention("savepoint/a", id(1));
        files.keep_for_ever(["savepoint/a".to_owned()]);
        // An acknowledgement that comes twice mentions it again.
        files.mention("savepoint/a", id(1));
        assert!(files.take_deletable(id(9), |_| false).is_empty());
        assert!(files.take_all().is_empty());
    }
}
