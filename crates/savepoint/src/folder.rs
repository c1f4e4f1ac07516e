//! A savepoint's folder on an object store: the manifest, and whole files.
//!
//! Nothing is ever changed there: files first, each under a name of its own, and the manifest last, as one object.

use crate::manifest::{Manifest, TableFile};
use bytes::Bytes;
use flott_core::{Error, ErrorKind, Result};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use std::sync::Arc;

/// The folder of a savepoint.
#[derive(Clone)]
pub struct Folder {
    store: Arc<dyn ObjectStore>,
    path: Path,
}

impl Folder {
    /// The folder `path` of a store.
    ///
    /// # Errors
    /// `Invalid` when it is no path.
    pub fn new(store: Arc<dyn ObjectStore>, path: &str) -> Result<Folder> {
        let path = Path::parse(path).map_err(|e| Error::invalid(format!("`{path}` is no folder: {e}")))?;
        Ok(Folder { store, path })
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// Where a file of the folder is in the store.
    pub fn path_of(&self, file: &str) -> Path {
        file.split('/').fold(self.path.clone(), |path, part| path.join(part))
    }

    /// Completes the savepoint: writes its manifest as one object, after all its files.
    ///
    /// # Errors
    /// `Invalid` when the folder has a manifest already; `Unavailable` when the store does not answer.
    pub async fn write_manifest(&self, manifest: &Manifest) -> Result<()> {
        let path = self.path_of(Manifest::FILE);
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(&path, manifest.encode()?.into(), options).await {
            Ok(_) => Ok(()),
            Err(object_store::Error::AlreadyExists { .. }) => Err(Error::invalid(format!(
                "`{path}` is there already, and a savepoint is never changed; choose another folder"
            ))),
            Err(e) => Err(store_error(&path, e)),
        }
    }

    /// Reads the manifest.
    ///
    /// # Errors
    /// `Invalid` when there is none, so that this is no savepoint or not a whole one; `Corrupt`, with the path and the
    /// cause, when it cannot be used; `Unavailable` when the store does not answer.
    pub async fn read_manifest(&self) -> Result<Manifest> {
        let path = self.path_of(Manifest::FILE);
        let content = self.get(&path).await.map_err(|e| match e.kind() {
            ErrorKind::Corrupt => Error::invalid(format!(
                "there is no `{path}`: the folder is no savepoint, or one that was not completed; check the path"
            )),
            _ => e,
        })?;
        Manifest::decode(path.as_ref(), &content)
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// `Corrupt` when it is missing or not what was written; `Unavailable` when the store does not answer.
    pub async fn read(&self, file: &TableFile) -> Result<Bytes> {
        let content = self.get(&self.path_of(&file.path)).await?;
        file.check(&content)?;
        Ok(content)
    }

    /// Checks that a file is there and as long as it was, without reading it.
    ///
    /// # Errors
    /// `Corrupt` when it is not; `Unavailable` when the store does not answer.
    pub async fn look_for(&self, file: &TableFile) -> Result<()> {
        let path = self.path_of(&file.path);
        let found = self.store.head(&path).await.map_err(|e| store_error(&path, e))?;
        if found.size == file.bytes {
            return Ok(());
        }
        Err(Error::corrupt(format!(
            "file `{path}` of the savepoint has {} bytes and had {} when it was written",
            found.size, file.bytes
        )))
    }

    async fn get(&self, path: &Path) -> Result<Bytes> {
        let found = self.store.get(path).await.map_err(|e| store_error(path, e))?;
        found.bytes().await.map_err(|e| store_error(path, e))
    }
}

fn store_error(path: &Path, error: object_store::Error) -> Error {
    match error {
        object_store::Error::NotFound { .. } => Error::corrupt(format!("file `{path}` of the savepoint is missing")),
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            Error::invalid(format!("`{path}` cannot be accessed; give this user access to it")).with_source(error)
        }
        other => Error::unavailable(format!("`{path}` cannot be accessed: {other}")).with_source(other),
    }
}
