//! A file in progress: records are encoded into one buffer while the other one is written on the blocking pool.

use super::disk::Disk;
use super::state::{FileCommittable, InProgressFile};
use flott_api::format::{Encoder, EncodingFormat};
use flott_core::{Error, ProcessingTime, Result};
use flott_env::{Blocking, Env};
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// A buffer is written when it holds this much.
const BUFFER_BYTES: usize = if cfg!(test) { 64 } else { 128 * 1024 };

/// One file in progress.
pub(super) struct Part<T> {
    encoder: Box<dyn Encoder<Item = T>>,
    pub(super) file: InProgressFile,
    /// Bytes of the file, those in the buffer included.
    pub(super) len: u64,
    pub(super) updated: ProcessingTime,
    /// Whether no snapshot knows of the file.
    pub(super) is_new: bool,
    buffer: Vec<u8>,
    spare: Vec<u8>,
    /// The open file, shared with the write under way. Taken when the part is dropped: a write that comes late must not
    /// reach a file with which the next attempt goes on.
    handle: Arc<Mutex<Option<File>>>,
    writing: Option<Blocking<Written>>,
}

/// The buffer that was written, and how that went.
type Written = (Vec<u8>, Result<()>);

impl<T: 'static> Part<T> {
    /// Makes a new file.
    pub(super) async fn create(
        env: &Env,
        disk: &Disk,
        format: &dyn EncodingFormat<Item = T>,
        file: InProgressFile,
    ) -> Result<Self> {
        let (disk, path) = (disk.clone(), PathBuf::from(&file.path));
        let created = env.blocking(move || disk.create(&path)).await?;
        let handle = created.map_err(|e| Error::io(format!("the file {} cannot be made", file.path), e))?;
        Ok(Self::new(format, file, handle, true))
    }

    /// Goes on with a file that was opened behind what a checkpoint covers.
    pub(super) fn resume(format: &dyn EncodingFormat<Item = T>, file: InProgressFile, handle: File) -> Self {
        Self::new(format, file, handle, false)
    }

    fn new(format: &dyn EncodingFormat<Item = T>, file: InProgressFile, handle: File, is_new: bool) -> Self {
        Part {
            encoder: format.encoder(file.len == 0),
            len: file.len,
            updated: file.created,
            is_new,
            buffer: Vec::new(),
            spare: Vec::new(),
            handle: Arc::new(Mutex::new(Some(handle))),
            writing: None,
            file,
        }
    }

    /// Adds a record. Returns whether the buffer should be written.
    pub(super) fn add(&mut self, row: &T) -> Result<bool> {
        let before = self.buffer.len();
        self.encoder.encode(row, &mut self.buffer)?;
        self.len += (self.buffer.len() - before) as u64;
        Ok(self.buffer.len() >= BUFFER_BYTES)
    }

    /// Starts to write what is in the buffer, and to make it all durable if `syncs`. Waits only for the write before.
    pub(super) async fn start_write(&mut self, env: &Env, disk: &Disk, syncs: bool) -> Result<()> {
        self.finish_write().await?;
        if self.buffer.is_empty() && !syncs {
            return Ok(());
        }
        let mut bytes = std::mem::replace(&mut self.buffer, std::mem::take(&mut self.spare));
        let (disk, handle, path) = (disk.clone(), self.handle.clone(), self.file.path.clone());
        self.writing = Some(env.blocking(move || {
            let written = write(&disk, &handle, &bytes, syncs);
            bytes.clear();
            (bytes, written.map_err(|e| Error::io(format!("the file {path} cannot be written"), e)))
        }));
        Ok(())
    }

    /// Waits until what was given to be written is written.
    pub(super) async fn finish_write(&mut self) -> Result<()> {
        let Some(writing) = &mut self.writing else { return Ok(()) };
        let (spare, written) = writing.await?;
        self.writing = None;
        self.spare = spare;
        written
    }

    /// The file for the writer's state. To be asked when everything is durable.
    pub(super) fn state(&self) -> InProgressFile {
        InProgressFile { len: self.len, ..self.file.clone() }
    }

    /// The file as it is handed over when it is closed. To be asked when everything is durable.
    pub(super) fn committable(&self) -> FileCommittable {
        FileCommittable { path: self.file.path.clone(), target: self.file.target.clone(), len: self.len }
    }
}

fn write(disk: &Disk, handle: &Mutex<Option<File>>, bytes: &[u8], syncs: bool) -> std::io::Result<()> {
    let mut handle = handle.lock().unwrap_or_else(PoisonError::into_inner);
    // Nobody waits for the bytes of a part that was dropped.
    let Some(file) = handle.as_mut() else { return Ok(()) };
    if !bytes.is_empty() {
        disk.write(file, bytes)?;
    }
    if syncs { disk.sync(file) } else { Ok(()) }
}

impl<T> Drop for Part<T> {
    fn drop(&mut self) {
        if self.writing.is_some() {
            drop(self.handle.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
    }
}
