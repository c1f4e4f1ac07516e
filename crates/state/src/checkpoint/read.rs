//! What one operator is to remember in one subtask, read back.

use super::job::all;
use super::transfer::{Expected, Source};
use super::{JobCheckpoints, ListPiece, SharedFiles, SubtaskRestore, local};
use crate::operator::{EncodedList, OperatorState};
use crate::snapshot::{Blob, KeyedSnapshot};
use bytes::Bytes;
use flott_core::{Error, Result};
use std::path::{Path, PathBuf};

/// Whether it names a file of a folder and nothing above or below it.
fn is_file_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', '\0'])
}

impl JobCheckpoints {
    /// The files of keyed state, in the order in which [`crate::AnyKeyedState::restore`] takes them.
    ///
    /// # Errors
    /// As [`JobCheckpoints::read_blob`].
    pub async fn read_keyed(&self, keyed: &[KeyedSnapshot]) -> Result<Vec<Bytes>> {
        all(keyed.iter().flat_map(|k| &k.files).map(|blob| self.read_blob(blob)).collect()).await
    }

    /// Puts the files of a store's snapshot under their names into `folder`, which is made if it is missing, as
    /// [`crate::store::RestoredStore`] needs them. They may be links to stored files and must not be changed.
    ///
    /// # Errors
    /// `Corrupt` when a file is missing or damaged, naming it; `Unavailable` when the disk of `folder` is full; otherwise as
    /// [`JobCheckpoints::write`].
    pub async fn fetch(&self, snapshot: &KeyedSnapshot, folder: &Path) -> Result<()> {
        let store = snapshot.store.as_ref().filter(|store| store.names.len() == snapshot.files.len());
        let names = store.map(|store| store.names.as_slice()).ok_or_else(|| {
            Error::corrupt("a snapshot is not that of a store with a name for each file; restore another checkpoint")
        })?;
        if let Some(name) = names.iter().find(|name| !is_file_name(name)) {
            return Err(Error::corrupt(format!(
                "a file of a store's snapshot cannot be called `{name}`; restore another checkpoint"
            )));
        }
        let files = snapshot.files.iter().zip(names).map(|(blob, name)| self.fetch_blob(blob, folder.join(name)));
        all(files.collect()).await.map(drop)
    }

    /// The files of these snapshots of `restored`, which checkpoints of this folder may name without writing them again:
    /// none, unless it is the same folder of the same job. What another job has written is that job's, or the user's,
    /// and may be deleted at any time.
    pub fn stored_already(&self, restored: &JobCheckpoints, snapshots: &[KeyedSnapshot]) -> SharedFiles {
        let is_own = self.fence.is_some() && restored.fence.is_some() && self.folder() == restored.folder();
        if is_own { SharedFiles::of_snapshots(snapshots) } else { SharedFiles::default() }
    }

    async fn fetch_blob(&self, blob: &Blob, to: PathBuf) -> Result<()> {
        if let Some((path, expected)) = Expected::of(blob) {
            if let Some(copies) = &self.copies
                && copies.fetch(path, expected, &to).await
            {
                return Ok(());
            }
            self.store.fetch(path, expected, &to).await?;
            if let Some(copies) = &self.copies
                && expected.offset.is_none()
            {
                copies.add_read(path, &Source::File { path: to, len: expected.len }).await;
            }
            return Ok(());
        }
        let (bytes, file) = (self.read_blob(blob).await?, to.clone());
        let written = self.store.env.blocking(move || local::write(&file, &bytes)).await?;
        written.map_err(|e| Error::io(format!("`{}`", to.display()), e))
    }

    /// Reads a subtask's lists and gives them to its operator state, before anything is registered there.
    ///
    /// # Errors
    /// As [`JobCheckpoints::read_blob`].
    pub async fn restore_operator_state(&self, restore: &SubtaskRestore, state: &mut OperatorState) -> Result<()> {
        for (name, list) in &restore.lists {
            let pieces = all(list.pieces.iter().map(|piece| self.read_piece(piece)).collect()).await?;
            let items = pieces.into_iter().flatten().collect();
            let (redistribution, schema) = (list.redistribution, list.schema.clone());
            let encoded = EncodedList { name: name.clone(), redistribution, schema, items };
            if list.copy {
                state.restore_copy(encoded)?;
            } else {
                state.restore(encoded)?;
            }
        }
        Ok(())
    }

    async fn read_piece(&self, piece: &ListPiece) -> Result<Vec<Vec<u8>>> {
        let bytes = self.read_blob(&piece.blob).await?;
        piece
            .items
            .iter()
            .map(|item| {
                let start = usize::try_from(item.offset).ok();
                let end = start.and_then(|start| start.checked_add(item.len as usize));
                start.zip(end).and_then(|(start, end)| bytes.get(start..end)).map(<[u8]>::to_vec).ok_or_else(|| {
                    Error::corrupt(
                        "a list of operator state is shorter than the metadata says; restore another checkpoint",
                    )
                })
            })
            .collect()
    }
}
