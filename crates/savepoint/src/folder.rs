//! A savepoint's folder on an object store: the manifest, and whole files.
//!
//! Nothing is ever changed there: files first, each under a name of its own, and the manifest last, as one object.

use crate::manifest::{Manifest, TableFile};
use bytes::Bytes;
use flott_core::{Configuration, Error, ErrorKind, Result};
use flott_env::Env;
use flott_state::checkpoint::{DiskFolder, StorageFolder};
use futures_util::StreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use std::sync::Arc;
use xxhash_rust::xxh3::Xxh3Default;

/// The folder of a savepoint.
#[derive(Clone)]
pub struct Folder {
    store: Arc<dyn ObjectStore>,
    path: Path,
    /// For people.
    name: String,
    /// Folders with the same bucket are in the same store.
    bucket: Option<String>,
    /// Set if it is on a disk of this machine.
    disk: Option<DiskFolder>,
}

impl Folder {
    /// The folder `path` of a store.
    ///
    /// # Errors
    /// `Invalid` when it is no path.
    pub fn new(store: Arc<dyn ObjectStore>, path: &str) -> Result<Folder> {
        let path = Path::parse(path).map_err(|e| Error::invalid(format!("`{path}` is no folder: {e}")))?;
        Ok(Folder { store, name: path.to_string(), path, bucket: None, disk: None })
    }

    /// The folder that `location` names, a path or a URL as for checkpoints. `config` holds the keys of object stores.
    ///
    /// # Errors
    /// `Invalid` when it names no folder, or one of a store that was not compiled in.
    pub fn open(location: &str, config: &Configuration) -> Result<Folder> {
        StorageFolder::open(location, config).map(Folder::of)
    }

    /// As [`Folder::open`]; a folder of this machine is made if it is missing.
    ///
    /// # Errors
    /// As [`Folder::open`]; `Unavailable` when the disk is full.
    pub fn make(location: &str, config: &Configuration) -> Result<Folder> {
        StorageFolder::make(location, config).map(Folder::of)
    }

    fn of(folder: StorageFolder) -> Folder {
        let StorageFolder { objects, path, name, bucket, disk } = folder;
        Folder { store: objects, path, name, bucket, disk }
    }

    /// The folder as a path or URL, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// Where a file of the folder is in the store.
    pub fn path_of(&self, file: &str) -> Path {
        file.split('/').fold(self.path.clone(), |path, part| path.join(part))
    }

    /// A file of the folder, for people.
    pub fn name_of(&self, file: &str) -> String {
        if self.name.is_empty() { file.to_owned() } else { format!("{}/{file}", self.name) }
    }

    /// Whether the store of both can copy files from one to the other without reading them. A disk could, by a second
    /// name of the same file; but a program that writes into one of them would change both.
    pub(crate) fn shares_bucket(&self, other: &Folder) -> bool {
        self.bucket.is_some() && self.bucket == other.bucket
    }

    /// Forces files to the disk, if it is one of this machine; other stores have done that already.
    ///
    /// # Errors
    /// Those of [`DiskFolder::sync`].
    pub async fn sync(&self, env: &Env, files: impl Iterator<Item = &str>) -> Result<()> {
        let Some(disk) = self.disk.clone() else { return Ok(()) };
        let files: Vec<Path> = files.map(|file| self.path_of(file)).collect();
        env.blocking(move || disk.sync(&files)).await?
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
            Err(object_store::Error::AlreadyExists { .. }) => Err(self.is_taken()),
            Err(e) => Err(store_error(&self.name_of(Manifest::FILE), e)),
        }
    }

    /// Reads the manifest.
    ///
    /// # Errors
    /// `Invalid` when there is none, so that this is no savepoint or not a whole one; `Corrupt`, with the path and the
    /// cause, when it cannot be used; `Unavailable` when the store does not answer.
    pub async fn read_manifest(&self) -> Result<Manifest> {
        let name = self.name_of(Manifest::FILE);
        let content = self.get(Manifest::FILE).await.map_err(|e| match e.kind() {
            ErrorKind::Corrupt => Error::invalid(format!(
                "there is no `{name}`: the folder is no savepoint, or one that was not completed; check the path"
            )),
            _ => e,
        })?;
        Manifest::decode(&name, &content)
    }

    /// Reads a file that may be missing.
    ///
    /// # Errors
    /// `Unavailable` when the store does not answer.
    pub async fn read_optional(&self, file: &str) -> Result<Option<Bytes>> {
        match self.get(file).await {
            Ok(content) => Ok(Some(content)),
            Err(e) if e.kind() == ErrorKind::Corrupt => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// What is said of a folder that holds a savepoint.
    pub(crate) fn is_taken(&self) -> Error {
        Error::invalid(format!(
            "`{}` is there already, and a savepoint is never changed; choose another folder",
            self.name_of(Manifest::FILE)
        ))
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// `Corrupt` when it is missing or not what was written; `Unavailable` when the store does not answer.
    pub async fn read(&self, file: &TableFile) -> Result<Bytes> {
        let content = self.get(&file.path).await?;
        file.check(&content)?;
        Ok(content)
    }

    /// Reads a whole file piece by piece, in order. What `take` does with the pieces counts only if this returns well:
    /// the checksum is known at the end.
    ///
    /// # Errors
    /// As [`Folder::read`], and that of `take`.
    pub(crate) async fn read_pieces(
        &self,
        file: &TableFile,
        mut take: impl AsyncFnMut(Bytes) -> Result<()>,
    ) -> Result<()> {
        let failed = |e| store_error(&self.name_of(&file.path), e);
        let mut pieces = self.store.get(&self.path_of(&file.path)).await.map_err(failed)?.into_stream();
        let (mut bytes, mut sum) = (0, Xxh3Default::new());
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(failed)?;
            bytes += piece.len() as u64;
            sum.update(&piece);
            take(piece).await?;
        }
        file.check_sum(bytes, sum.digest())
    }

    /// Checks that a file is there and as long as it was, without reading it.
    ///
    /// # Errors
    /// `Corrupt` when it is not; `Unavailable` when the store does not answer.
    pub async fn look_for(&self, file: &TableFile) -> Result<()> {
        let name = self.name_of(&file.path);
        let found = self.store.head(&self.path_of(&file.path)).await.map_err(|e| store_error(&name, e))?;
        if found.size == file.bytes {
            return Ok(());
        }
        Err(Error::corrupt(format!(
            "file `{name}` of the savepoint has {} bytes and had {} when it was written",
            found.size, file.bytes
        )))
    }

    async fn get(&self, file: &str) -> Result<Bytes> {
        let failed = |e| store_error(&self.name_of(file), e);
        let found = self.store.get(&self.path_of(file)).await.map_err(failed)?;
        found.bytes().await.map_err(failed)
    }
}

/// What went wrong with a file.
pub(crate) fn store_error(name: &str, error: object_store::Error) -> Error {
    match error {
        object_store::Error::NotFound { .. } => Error::corrupt(format!("file `{name}` of the savepoint is missing")),
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            Error::invalid(format!("`{name}` cannot be accessed; give this user access to it")).with_source(error)
        }
        other => Error::unavailable(format!("`{name}` cannot be accessed: {other}")).with_source(other),
    }
}
