//! What one operator is to remember in one subtask, read back.

use super::job::all;
use super::{JobCheckpoints, ListPiece, SubtaskRestore};
use crate::operator::OperatorState;
use crate::snapshot::KeyedSnapshot;
use bytes::Bytes;
use flott_core::{Error, Result};

impl JobCheckpoints {
    /// The files of keyed state, in the order in which [`crate::AnyKeyedState::restore`] takes them.
    ///
    /// # Errors
    /// As [`JobCheckpoints::read_blob`].
    pub async fn read_keyed(&self, keyed: &[KeyedSnapshot]) -> Result<Vec<Bytes>> {
        all(keyed.iter().flat_map(|k| &k.files).map(|blob| self.read_blob(blob)).collect()).await
    }

    /// Reads a subtask's lists and gives them to its operator state, before anything is registered there.
    ///
    /// # Errors
    /// As [`JobCheckpoints::read_blob`].
    pub async fn restore_operator_state(&self, restore: &SubtaskRestore, state: &mut OperatorState) -> Result<()> {
        for (name, list) in &restore.lists {
            let pieces = all(list.pieces.iter().map(|piece| self.read_piece(piece)).collect()).await?;
            let items = pieces.into_iter().flatten().collect();
            if list.copy {
                state.restore_copy(name, list.redistribution, items)?;
            } else {
                state.restore(name, list.redistribution, items)?;
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
