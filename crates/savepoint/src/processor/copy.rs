//! Files that nobody touched go into the new savepoint byte for byte.

use crate::folder::{Folder, store_error};
use crate::manifest::TableFile;
use flott_core::Result;
use object_store::ObjectStoreExt;

/// Larger files are uploaded in parts of this size. (S3 takes no smaller parts than 5 MiB.)
const PART_BYTES: usize = 8 << 20;

/// Copies a file of `from` to the same path in `to`. Within a bucket the store does it; else it goes through this machine
/// and is checked by its checksum.
///
/// # Errors
/// `Corrupt` when the file is missing or damaged; those of the stores.
pub(super) async fn copy(from: &Folder, to: &Folder, file: &TableFile) -> Result<()> {
    let path = to.path_of(&file.path);
    // The other folder may have been opened with other keys, which this store does not have: then it goes the long way.
    if from.shares_bucket(to) && to.store().copy(&from.path_of(&file.path), &path).await.is_ok() {
        return to.look_for(file).await;
    }
    if file.bytes <= PART_BYTES as u64 {
        let content = from.read(file).await?;
        return put(to, &file.path, content.into()).await;
    }
    let failed = |e| store_error(&to.name_of(&file.path), e);
    let mut upload = to.store().put_multipart(&path).await.map_err(failed)?;
    let mut part = Vec::with_capacity(PART_BYTES);
    let read = from.read_pieces(file, async |piece| {
        let mut piece = &piece[..];
        while !piece.is_empty() {
            let (now, rest) = piece.split_at(piece.len().min(PART_BYTES - part.len()));
            part.extend_from_slice(now);
            piece = rest;
            if part.len() == PART_BYTES {
                let full = std::mem::replace(&mut part, Vec::with_capacity(PART_BYTES));
                upload.put_part(full.into()).await.map_err(failed)?;
            }
        }
        Ok(())
    });
    let copied = match read.await {
        Ok(()) if part.is_empty() => Ok(()),
        Ok(()) => upload.put_part(part.into()).await.map_err(failed),
        Err(error) => Err(error),
    };
    if let Err(error) = copied {
        // The error that counts is the first one.
        let _ = upload.abort().await;
        return Err(error);
    }
    upload.complete().await.map(|_| ()).map_err(failed)
}

/// Writes a whole file.
pub(super) async fn put(folder: &Folder, file: &str, content: object_store::PutPayload) -> Result<()> {
    let put = folder.store().put(&folder.path_of(file), content).await;
    put.map(|_| ()).map_err(|e| store_error(&folder.name_of(file), e))
}
