//! What one operator remembers in one subtask, written.

use super::JobCheckpoints;
use super::job::all;
use super::state_file::{KeyedFiles, StateFile};
use super::transfer::Source;
use crate::operator::EncodedList;
use crate::snapshot::{Blob, KeyedSnapshot, ListSnapshot, OperatorSnapshot};
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
            Some(keyed) => Some(self.write_keyed(checkpoint, &keyed, inline_bytes_max).await?),
            None => None,
        };
        let lists = lists.into_iter().filter(|list| !list.items.is_empty());
        let lists = all(lists.map(|list| self.write_list(checkpoint, list, inline_bytes_max)).collect()).await?;
        Ok(OperatorSnapshot { keyed, lists: lists.into_iter().collect(), in_flight: None })
    }

    /// Writes a file of a snapshot that is still being taken; [`JobCheckpoints::write_snapshot`] does not write it again.
    ///
    /// # Errors
    /// As [`JobCheckpoints::write`]. Nothing is lost: the file is written with the others then.
    pub async fn write_ahead(&self, checkpoint: CheckpointId, file: &StateFile) -> Result<()> {
        self.write_state_file(checkpoint, file).await.map(drop)
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
        let (path, len) = (self.new_file(checkpoint), bytes.len() as u64);
        let sum = self.put(checkpoint, &path, &Source::Bytes(Bytes::from(bytes))).await?;
        Ok(Blob::File { path, len, sum })
    }

    /// Writes a file, and a copy of it on this machine if there are to be copies.
    async fn put(&self, checkpoint: CheckpointId, path: &str, source: &Source) -> Result<u64> {
        let sum = self.store.put_source(path, source).await?;
        if let Some(copies) = &self.copies {
            copies.add(checkpoint, path, source).await;
        }
        Ok(sum)
    }

    async fn write_keyed(
        &self,
        checkpoint: CheckpointId,
        keyed: &KeyedFiles,
        inline_bytes_max: u64,
    ) -> Result<KeyedSnapshot> {
        let inline = keyed.inline(inline_bytes_max);
        let files = match inline {
            Some(files) => files,
            None => all(keyed.files.iter().map(|file| self.write_state_file(checkpoint, file)).collect()).await?,
        };
        let (states, store, tables) = (keyed.states.clone(), keyed.store.clone(), keyed.tables.clone());
        Ok(KeyedSnapshot { range: keyed.range, files, states, store, tables })
    }

    async fn write_state_file(&self, checkpoint: CheckpointId, file: &StateFile) -> Result<Blob> {
        // Another call may finish the file meanwhile; what is written twice is the same.
        let sum = match (file.written_sum(), file.source()) {
            (Some(sum), _) => sum,
            (None, Some((source, _keep))) => {
                let sum = self.put(checkpoint, file.path(), &source).await?;
                file.written(sum);
                sum
            }
            (None, None) => file.written_sum().ok_or_else(|| Error::internal("a state file has no bytes"))?,
        };
        Ok(Blob::File { path: file.path().to_owned(), len: file.len(), sum })
    }

    async fn write_list(
        &self,
        checkpoint: CheckpointId,
        EncodedList { name, redistribution, schema, items }: EncodedList,
        inline_bytes_max: u64,
    ) -> Result<(String, ListSnapshot)> {
        let lengths =
            items.iter().map(|item| u32::try_from(item.len())).collect::<Result<Vec<_>, _>>().map_err(|_| {
                Error::limit(format!("an item of operator state `{name}` has more than 4 GiB; split it"))
            })?;
        let items = self.write_blob(checkpoint, items.concat(), inline_bytes_max).await?;
        Ok((name, ListSnapshot { redistribution, schema, lengths, items }))
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
