//! What one operator remembers in one subtask, written.

use super::JobCheckpoints;
use super::job::all;
use crate::keyed::{KeyedFiles, StateFile};
use crate::operator::EncodedList;
use crate::snapshot::{Blob, KeyedSnapshot, ListSnapshot, OperatorSnapshot, checksum};
use bytes::Bytes;
use flott_core::{CheckpointId, Error, Result};

impl JobCheckpoints {
    /// Writes what an operator remembers in a subtask and describes it. What has at most `inline_bytes_max` bytes is
    /// put into the description instead of a file. Files of keyed state that were written by an earlier call are not
    /// written again; those that an earlier, failed call left unwritten are.
    ///
    /// # Errors
    /// As [`JobCheckpoints::write`]. Nothing is lost: the next snapshot has the same changes again.
    pub async fn write_snapshot(
        &self,
        checkpoint: CheckpointId,
        keyed: Option<KeyedFiles>,
        lists: Vec<EncodedList>,
        inline_bytes_max: u64,
    ) -> Result<OperatorSnapshot> {
        let keyed = match keyed {
            Some(keyed) => Some(self.write_keyed(&keyed, inline_bytes_max).await?),
            None => None,
        };
        let lists = lists.into_iter().filter(|(_, _, items)| !items.is_empty());
        let lists = all(lists.map(|list| self.write_list(checkpoint, list, inline_bytes_max)).collect()).await?;
        Ok(OperatorSnapshot { keyed, lists: lists.into_iter().collect(), in_flight: None })
    }

    /// Bytes as a blob: in a file of the checkpoint, or inline if there are at most `inline_bytes_max`. For the
    /// state of coordinators.
    ///
    /// # Errors
    /// As [`JobCheckpoints::write`].
    pub async fn write_blob(&self, checkpoint: CheckpointId, bytes: Vec<u8>, inline_bytes_max: u64) -> Result<Blob> {
        if bytes.len() as u64 <= inline_bytes_max {
            return Ok(Blob::Inline(bytes));
        }
        let blob = Blob::File { path: self.new_file(checkpoint), len: bytes.len() as u64, sum: checksum(&bytes) };
        if let Some(path) = blob.path() {
            self.write(path, Bytes::from(bytes)).await?;
        }
        Ok(blob)
    }

    async fn write_keyed(&self, keyed: &KeyedFiles, inline_bytes_max: u64) -> Result<KeyedSnapshot> {
        let inline = keyed.inline(inline_bytes_max);
        let files = match inline {
            Some(files) => files,
            None => all(keyed.files.iter().map(|file| self.write_state_file(file)).collect()).await?,
        };
        Ok(KeyedSnapshot { range: keyed.range, files, store: None })
    }

    async fn write_state_file(&self, file: &StateFile) -> Result<Blob> {
        let sum = match (file.written_sum(), file.unwritten()) {
            (Some(sum), _) => sum,
            (None, Some(bytes)) => {
                let sum = checksum(&bytes);
                self.write(file.path(), bytes).await?;
                file.written(sum);
                sum
            }
            (None, None) => return Err(Error::internal("the bytes of a state file are neither here nor written")),
        };
        Ok(Blob::File { path: file.path().to_owned(), len: file.len(), sum })
    }

    async fn write_list(
        &self,
        checkpoint: CheckpointId,
        (name, redistribution, items): EncodedList,
        inline_bytes_max: u64,
    ) -> Result<(String, ListSnapshot)> {
        let lengths =
            items.iter().map(|item| u32::try_from(item.len())).collect::<Result<Vec<_>, _>>().map_err(|_| {
                Error::limit(format!("an item of operator state `{name}` has more than 4 GiB; split it"))
            })?;
        let items = self.write_blob(checkpoint, items.concat(), inline_bytes_max).await?;
        Ok((name, ListSnapshot { redistribution, lengths, items }))
    }
}

impl KeyedFiles {
    /// All files as inline blobs, if they are small together and their bytes still here.
    fn inline(&self, inline_bytes_max: u64) -> Option<Vec<Blob>> {
        if self.byte_count() > inline_bytes_max {
            return None;
        }
        self.files.iter().map(|file| Some(Blob::Inline(file.unwritten()?.to_vec()))).collect()
    }
}
