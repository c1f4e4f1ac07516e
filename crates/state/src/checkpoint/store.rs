//! A folder of an object store, with manners: retries, durable local files, errors that say what to do.
//!
//! Large files go in parts and come as streams: `transfer.rs`.

use super::failure::io_error;
use super::local;
use super::retry::{Patience, Requests};
use bytes::Bytes;
use flott_core::config::ByteSize;
use flott_core::{ErrorKind, Result};
use flott_env::Env;
use futures_util::TryStreamExt;
use object_store::multipart::MultipartStore;
use object_store::path::{Path, PathPart};
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Parts of files that are on their way at once, of all tasks of a job in a process.
const PARTS_MAX: usize = 16;
/// They take at most one part in so many of the process's memory, if the user has said how much that is.
const PARTS_OF_MEMORY: u64 = 8;

/// What else is known of a store.
#[derive(Clone)]
pub(super) enum Place {
    /// A folder of this machine.
    Local(PathBuf),
    /// Memory, or a store that was given as such.
    Given,
    /// A bucket behind a network.
    Remote(Arc<Remote>),
}

/// A bucket behind a network.
pub(super) struct Remote {
    /// For files that go in parts.
    pub parts: Arc<dyn MultipartStore>,
    pub part_bytes: u64,
    /// One for each part on its way, or small file.
    pub permits: Semaphore,
}

impl Remote {
    pub fn new(parts: Arc<dyn MultipartStore>, part_bytes: u64, memory: Option<ByteSize>) -> Remote {
        let fitting = memory.map_or(u64::MAX, |memory| memory.0 / PARTS_OF_MEMORY / part_bytes.max(1));
        let permits = usize::try_from(fitting).unwrap_or(usize::MAX).clamp(1, PARTS_MAX);
        Remote { parts, part_bytes, permits: Semaphore::new(permits) }
    }
}

/// A folder of an object store. Paths of its methods are relative to it. Cheap to clone.
#[derive(Clone)]
pub(super) struct Store {
    pub env: Env,
    pub objects: Arc<dyn ObjectStore>,
    pub place: Place,
    requests: Requests,
    root: Path,
    /// The store's own root for people.
    name: String,
}

impl Store {
    pub fn new(
        env: &Env,
        objects: Arc<dyn ObjectStore>,
        root: Path,
        place: Place,
        patience: Patience,
        name: String,
    ) -> Self {
        let is_remote = matches!(place, Place::Remote(_));
        let requests = Requests { env: env.clone(), patience, is_remote };
        Store { env: env.clone(), objects, place, requests, root, name }
    }

    /// The same with another name for people.
    pub fn named(self, name: &str) -> Store {
        Store { name: name.to_owned(), ..self }
    }

    /// A folder of this one.
    pub fn child(&self, folder: &str) -> Store {
        Store { root: self.at(folder), ..self.clone() }
    }

    /// Where a file is on this machine, if it is.
    pub fn local_path(&self, path: &str) -> Option<PathBuf> {
        match &self.place {
            Place::Local(folder) => {
                Some(self.at(path).parts().fold(folder.clone(), |file, part| file.join(part.as_ref())))
            }
            Place::Given | Place::Remote(_) => None,
        }
    }

    /// A path for people.
    pub fn display(&self, path: &str) -> String {
        let parts = [self.name.trim_end_matches('/'), self.root.as_ref(), path];
        parts.iter().filter(|p| !p.is_empty()).copied().collect::<Vec<_>>().join("/")
    }

    /// Writes a file, which is safe when this returns.
    pub async fn put(&self, path: &str, bytes: Bytes) -> Result<()> {
        self.put_with(path, bytes, PutMode::Overwrite).await
    }

    /// Writes a file that must not exist, which is safe when this returns.
    ///
    /// # Errors
    /// `Fenced` when it exists with other content.
    pub async fn put_new(&self, path: &str, bytes: Bytes) -> Result<()> {
        let error = match self.put_with(path, bytes.clone(), PutMode::Create).await {
            Err(error) if error.kind() == ErrorKind::Fenced => error,
            other => return other,
        };
        // An attempt of ours may have succeeded although it was not reported.
        if self.get(path).await? == bytes { self.sync(path).await } else { Err(error) }
    }

    async fn put_with(&self, path: &str, bytes: Bytes, mode: PutMode) -> Result<()> {
        let at = self.at(path);
        self.request("written", path, || {
            let (objects, at, payload) = (self.objects.clone(), at.clone(), PutPayload::from_bytes(bytes.clone()));
            let options = PutOptions { mode: mode.clone(), ..PutOptions::default() };
            async move { objects.put_opts(&at, payload, options).await }
        })
        .await?;
        self.sync(path).await
    }

    /// Forces a local file to the disk.
    pub async fn sync(&self, path: &str) -> Result<()> {
        let (Place::Local(folder), Some(file)) = (self.place.clone(), self.local_path(path)) else { return Ok(()) };
        let synced = self.env.blocking(move || local::sync(&folder, &file)).await?;
        synced.map_err(|e| io_error(&format!("`{}` cannot be written", self.display(path)), &e))
    }

    /// The content of a file.
    ///
    /// # Errors
    /// `Corrupt` when it is missing.
    pub async fn get(&self, path: &str) -> Result<Bytes> {
        let at = self.at(path);
        self.request("read", path, || {
            let (objects, at) = (self.objects.clone(), at.clone());
            async move { objects.get(&at).await?.bytes().await }
        })
        .await
    }

    /// A stretch of a file; less of it if the file ends there.
    pub async fn get_range(&self, path: &str, offset: u64, len: u64) -> Result<Bytes> {
        let end = match self.place {
            // It costs nothing here; one behind a network says by itself that a file is too short.
            Place::Local(_) | Place::Given => (offset + len).min(self.len(path).await?.unwrap_or(u64::MAX)),
            Place::Remote(_) => offset + len,
        };
        if offset >= end {
            return Ok(Bytes::new());
        }
        let at = self.at(path);
        self.request("read", path, || {
            let (objects, at) = (self.objects.clone(), at.clone());
            async move { objects.get_range(&at, offset..end).await }
        })
        .await
    }

    /// The length of a file; `None` when it is missing.
    pub async fn len(&self, path: &str) -> Result<Option<u64>> {
        let at = self.at(path);
        self.request("read", path, || {
            let (objects, at) = (self.objects.clone(), at.clone());
            async move { present(objects.head(&at).await.map(|found| found.size)) }
        })
        .await
    }

    /// Deletes a file; one that is missing is deleted already.
    pub async fn delete(&self, path: &str) -> Result<()> {
        let at = self.at(path);
        self.request("deleted", path, || {
            let (objects, at) = (self.objects.clone(), at.clone());
            async move { present(objects.delete(&at).await) }
        })
        .await
        .map(drop)
    }

    /// The path of every file below, in order.
    pub async fn list(&self) -> Result<Vec<String>> {
        let mut files = self
            .request("listed", "", || {
                let (objects, root) = (self.objects.clone(), self.root.clone());
                async move { objects.list(Some(&root)).try_collect::<Vec<_>>().await }
            })
            .await?
            .into_iter()
            .filter_map(|found| self.relative(&found.location))
            .collect::<Vec<_>>();
        files.sort();
        Ok(files)
    }

    /// The names of the folders directly below, in order.
    pub async fn folders(&self) -> Result<Vec<String>> {
        let listed = self
            .request("listed", "", || {
                let (objects, root) = (self.objects.clone(), self.root.clone());
                async move { objects.list_with_delimiter(Some(&root)).await }
            })
            .await?;
        let mut names: Vec<String> = listed.common_prefixes.iter().filter_map(|path| self.relative(path)).collect();
        names.sort();
        Ok(names)
    }

    /// Removes what interrupted writes left behind, which listings do not show. Nobody may be writing.
    pub async fn remove_leftovers(&self) -> Result<()> {
        let Some(folder) = self.local_path("") else { return Ok(()) };
        let removed = self.env.blocking(move || local::remove_leftovers(&folder)).await?;
        removed.map_err(|e| io_error(&format!("`{}` cannot be tidied", self.display("")), &e))
    }

    /// Makes a request, again and again if need be.
    pub async fn request<T, F>(&self, done: &str, path: &str, attempt: impl FnMut() -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        self.requests.make(done, &format!("`{}`", self.display(path)), attempt).await
    }

    /// A path of the folder as one of the store.
    pub fn at(&self, path: &str) -> Path {
        path.split('/')
            .filter(|part| !part.is_empty())
            .fold(self.root.clone(), |at, part| at.join(PathPart::from(part)))
    }

    fn relative(&self, location: &Path) -> Option<String> {
        let parts: Vec<String> = location.prefix_match(&self.root)?.map(|part| part.as_ref().to_owned()).collect();
        Some(parts.join("/"))
    }
}

/// What is not there is no error.
fn present<T>(result: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
