//! The files of a savepoint on this machine, where Parquet can read them in any order: in memory, or if they are large in
//! a temporary file.

use super::open::World;
use crate::folder::Folder;
use crate::manifest::TableFile;
use bytes::{Buf, Bytes};
use flott_core::Result;
use flott_env::TempFile;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};
use std::io::{self, BufReader, Read};
use std::sync::Arc;

/// Larger files are not held in memory.
const MEMORY_BYTES_MAX: u64 = 64 << 20;

/// A file's content.
pub(crate) enum Content {
    Memory(Bytes),
    Disk(Arc<TempFile>),
}

/// The whole file, checked by its checksum.
///
/// # Errors
/// `Corrupt` when it is missing or damaged; those of the store and of temporary files.
pub(super) async fn fetch(world: &World, folder: &Folder, file: &TableFile) -> Result<Content> {
    fetch_up_to(MEMORY_BYTES_MAX, world, folder, file).await
}

/// As [`fetch()`], with the largest file that is held in memory.
pub(crate) async fn fetch_up_to(max: u64, world: &World, folder: &Folder, file: &TableFile) -> Result<Content> {
    if file.bytes <= max {
        return folder.read(file).await.map(Content::Memory);
    }
    let mut copy = world.temp.create()?;
    folder.read_pieces(file, async |piece| copy.append(&piece)).await?;
    Ok(Content::Disk(Arc::new(copy)))
}

impl Length for Content {
    fn len(&self) -> u64 {
        match self {
            Content::Memory(bytes) => bytes.len() as u64,
            Content::Disk(file) => file.len(),
        }
    }
}

impl ChunkReader for Content {
    type T = Box<dyn Read>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        Ok(match self {
            Content::Memory(bytes) => Box::new(bytes.slice(bytes.len().min(start as usize)..).reader()),
            Content::Disk(file) => Box::new(BufReader::new(From { file: file.clone(), start })),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        match self {
            Content::Memory(bytes) => ChunkReader::get_bytes(bytes, start, length),
            Content::Disk(file) => {
                let mut bytes = vec![0; length];
                file.read_at(start, &mut bytes).map_err(|e| ParquetError::External(Box::new(e)))?;
                Ok(bytes.into())
            }
        }
    }
}

/// The rest of a file.
struct From {
    file: Arc<TempFile>,
    start: u64,
}

impl Read for From {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let rest = self.file.len().saturating_sub(self.start);
        let count = usize::try_from(rest).unwrap_or(usize::MAX).min(bytes.len());
        self.file.read_at(self.start, &mut bytes[..count]).map_err(io::Error::other)?;
        self.start += count as u64;
        Ok(count)
    }
}
