//! What one operator remembers in one subtask, written.

use super::JobCheckpoints;
use super::job::all;
use super::merging::{FileMerging, MergedFiles};
use super::state_file::{KeyedFiles, StateFile};
use super::transfer::Source;
use crate::operator::EncodedList;
use crate::snapshot::{Blob, KeyedSnapshot, ListSnapshot, OperatorSnapshot};
use bytes::Bytes;
use flott_core::{CheckpointId, Error, Result};
use std::sync::Arc;

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

    /// As [`JobCheckpoints::write_snapshot`] for all operators of a task, with its small files merged.
    ///
    /// # Errors
    /// As [`JobCheckpoints::write_snapshot`].
    pub async fn write_merged<T>(
        &self,
        checkpoint: CheckpointId,
        operators: Vec<(T, Option<KeyedFiles>, Vec<EncodedList>)>,
        inline_bytes_max: u64,
        merging: &FileMerging,
    ) -> Result<Vec<(T, OperatorSnapshot)>> {
        let mut merged = MergedFiles::begin(self, checkpoint, merging).await;
        let mut snapshots = Vec::with_capacity(operators.len());
        for (operator, keyed, lists) in operators {
            let mut snapshot = OperatorSnapshot::default();
            if let Some(keyed) = keyed {
                let files = match keyed.inline(inline_bytes_max) {
                    Some(files) => files,
                    None => self.merge_files(checkpoint, &keyed.files, &mut merged).await?,
                };
                snapshot.keyed = Some(keyed.into_snapshot(files));
            }
            for list in lists.into_iter().filter(|list| !list.items.is_empty()) {
                let (name, lengths, bytes) = (list.name.clone(), lengths(&list)?, list.items.concat());
                let len = bytes.len() as u64;
                let items = if len <= inline_bytes_max || !merged.takes(len) {
                    self.write_blob(checkpoint, bytes, inline_bytes_max).await?
                } else {
                    merged.add(&bytes).await?
                };
                let EncodedList { redistribution, schema, .. } = list;
                snapshot.lists.insert(name, ListSnapshot { redistribution, schema, lengths, items });
            }
            snapshots.push((operator, snapshot));
        }
        merged.finish().await?;
        Ok(snapshots)
    }

    async fn merge_files(
        &self,
        checkpoint: CheckpointId,
        files: &[Arc<StateFile>],
        merged: &mut MergedFiles<'_>,
    ) -> Result<Vec<Blob>> {
        let mut blobs = Vec::with_capacity(files.len());
        for file in files {
            blobs.push(match merged.takes(file.len()) {
                true => merged.add_shared(file).await?,
                false => self.write_state_file(checkpoint, file).await?,
            });
        }
        Ok(blobs)
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
    pub(super) async fn put(&self, checkpoint: CheckpointId, path: &str, source: &Source) -> Result<u64> {
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
        Ok(keyed.clone().into_snapshot(files))
    }

    async fn write_state_file(&self, checkpoint: CheckpointId, file: &StateFile) -> Result<Blob> {
        // Another call may finish the file meanwhile; what is written twice is the same.
        if let Some((source, _keep)) = file.source() {
            let sum = self.put(checkpoint, file.path(), &source).await?;
            file.written(Blob::File { path: file.path().to_owned(), len: file.len(), sum });
        }
        file.stored_at()
    }

    async fn write_list(
        &self,
        checkpoint: CheckpointId,
        list: EncodedList,
        inline_bytes_max: u64,
    ) -> Result<(String, ListSnapshot)> {
        let lengths = lengths(&list)?;
        let EncodedList { name, redistribution, schema, items } = list;
        let items = self.write_blob(checkpoint, items.concat(), inline_bytes_max).await?;
        Ok((name, ListSnapshot { redistribution, schema, lengths, items }))
    }
}

fn lengths(list: &EncodedList) -> Result<Vec<u32>> {
    list.items
        .iter()
        .map(|item| u32::try_from(item.len()))
        .collect::<Result<_, _>>()
        .map_err(|_| Error::limit(format!("an item of operator state `{}` has more than 4 GiB; split it", list.name)))
}

impl KeyedFiles {
    /// The snapshot whose files are stored there.
    fn into_snapshot(self, files: Vec<Blob>) -> KeyedSnapshot {
        let KeyedFiles { range, states, store, tables, .. } = self;
        KeyedSnapshot { range, files, states, store, tables }
    }

    /// All files as inline blobs, if they are small together and their bytes still here.
    fn inline(&self, inline_bytes_max: u64) -> Option<Vec<Blob>> {
        if self.byte_count() > inline_bytes_max {
            return None;
        }
        self.files.iter().map(|file| Some(Blob::Inline(file.unwritten()?.to_vec()))).collect()
    }
}
