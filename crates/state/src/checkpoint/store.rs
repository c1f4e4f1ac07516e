//! An object store with manners: retries, durable local files, errors that say what to do.

use super::local;
use bytes::Bytes;
use flott_core::{Error, ErrorKind, Result};
use flott_env::Env;
use futures_util::TryStreamExt;
use object_store::path::{Path, PathPart};
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How often an operation is tried before its error counts.
const ATTEMPTS: u32 = 4;
/// The wait before the second attempt; each further one is five times as long.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// A folder of an object store. Paths of its methods are relative to it.
#[derive(Clone)]
pub(super) struct Store {
    pub env: Env,
    pub objects: Arc<dyn ObjectStore>,
    root: Path,
    /// Where the store's own root is on this machine, if it is a local folder.
    local: Option<PathBuf>,
    /// The store's own root for people.
    name: String,
}

impl Store {
    pub fn new(env: &Env, objects: Arc<dyn ObjectStore>, root: Path, local: Option<PathBuf>, name: String) -> Self {
        Store { env: env.clone(), objects, root, local, name }
    }

    /// A folder of this one.
    pub fn child(&self, folder: &str) -> Store {
        Store { root: self.at(folder), ..self.clone() }
    }

    /// Whether files are on a disk of this machine, or in its memory: near enough to read them twice.
    pub fn is_local(&self) -> bool {
        self.local.is_some()
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
        self.retry("written", path, || {
            let (objects, at, payload) = (self.objects.clone(), at.clone(), PutPayload::from_bytes(bytes.clone()));
            let options = PutOptions { mode: mode.clone(), ..PutOptions::default() };
            async move { objects.put_opts(&at, payload, options).await }
        })
        .await?;
        self.sync(path).await
    }

    /// Forces a local file to the disk.
    async fn sync(&self, path: &str) -> Result<()> {
        let Some(local) = self.local.clone() else { return Ok(()) };
        let file = self.at(path).parts().fold(local.clone(), |file, part| file.join(part.as_ref()));
        let synced = self.env.blocking(move || local::sync(&local, &file)).await?;
        synced.map_err(|e| io_error(&format!("`{}` cannot be written", self.display(path)), &e))
    }

    /// The content of a file.
    ///
    /// # Errors
    /// `Corrupt` when it is missing.
    pub async fn get(&self, path: &str) -> Result<Bytes> {
        let at = self.at(path);
        self.retry("read", path, || {
            let (objects, at) = (self.objects.clone(), at.clone());
            async move { objects.get(&at).await?.bytes().await }
        })
        .await
    }

    /// The length of a file; `None` when it is missing.
    pub async fn len(&self, path: &str) -> Result<Option<u64>> {
        let at = self.at(path);
        self.retry("read", path, || {
            let (objects, at) = (self.objects.clone(), at.clone());
            async move { present(objects.head(&at).await.map(|found| found.size)) }
        })
        .await
    }

    /// Deletes a file; one that is missing is deleted already.
    pub async fn delete(&self, path: &str) -> Result<()> {
        let at = self.at(path);
        self.retry("deleted", path, || {
            let (objects, at) = (self.objects.clone(), at.clone());
            async move { present(objects.delete(&at).await) }
        })
        .await
        .map(drop)
    }

    /// The path of every file below, in order.
    pub async fn list(&self) -> Result<Vec<String>> {
        let mut files = self
            .retry("listed", "", || {
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
            .retry("listed", "", || {
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
        let Some(local) = &self.local else { return Ok(()) };
        let folder = self.root.parts().fold(local.clone(), |folder, part| folder.join(part.as_ref()));
        let removed = self.env.blocking(move || local::remove_leftovers(&folder)).await?;
        removed.map_err(|e| io_error(&format!("`{}` cannot be tidied", self.display("")), &e))
    }

    fn at(&self, path: &str) -> Path {
        path.split('/')
            .filter(|part| !part.is_empty())
            .fold(self.root.clone(), |at, part| at.join(PathPart::from(part)))
    }

    fn relative(&self, location: &Path) -> Option<String> {
        let parts: Vec<String> = location.prefix_match(&self.root)?.map(|part| part.as_ref().to_owned()).collect();
        Some(parts.join("/"))
    }

    /// Tries until it succeeds, the error is one that stays, or the attempts are used up.
    async fn retry<T, F>(&self, done: &str, path: &str, mut attempt: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut wait = FIRST_WAIT;
        let mut tried = 1;
        loop {
            let error = match attempt().await {
                Ok(value) => return Ok(value),
                Err(error) => store_error(&format!("`{}` cannot be {done}", self.display(path)), error),
            };
            if error.kind() != ErrorKind::Unavailable || tried == ATTEMPTS {
                return Err(error);
            }
            tracing::debug!(%error, attempt = tried, "checkpoint storage does not answer; trying again");
            self.env.sleep(wait.mul_f64(0.5 + self.env.random_f64())).await;
            wait *= 5;
            tried += 1;
        }
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

/// A store's error by what its reader does next.
fn store_error(what: &str, error: StoreError) -> Error {
    match error {
        StoreError::NotFound { .. } => {
            Error::corrupt(format!("{what}: there is no such file; restore another checkpoint"))
        }
        StoreError::AlreadyExists { .. } | StoreError::Precondition { .. } => Error::new(
            ErrorKind::Fenced,
            format!("{what}: another JobManager has written it; stop one of the two that run this job"),
        ),
        StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => {
            Error::invalid(format!("{what}: {error}; give this user access to the checkpoint folder"))
        }
        StoreError::InvalidPath { .. }
        | StoreError::NotSupported { .. }
        | StoreError::NotImplemented { .. }
        | StoreError::UnknownConfigurationKey { .. } => {
            Error::invalid(format!("{what}: {error}; choose another checkpoint folder"))
        }
        other => match io_source(&other) {
            Some(io) => io_error(what, io),
            None => Error::unavailable(format!("{what}: {other}; the next checkpoint tries again")).with_source(other),
        },
    }
}

fn io_error(what: &str, error: &io::Error) -> Error {
    use io::ErrorKind as Io;
    match error.kind() {
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => Error::limit(format!(
            "{what}: {error}; free some space on the disk of the checkpoint folder, and the next checkpoint succeeds"
        )),
        Io::PermissionDenied | Io::ReadOnlyFilesystem => {
            Error::invalid(format!("{what}: {error}; give this user access to the checkpoint folder"))
        }
        Io::NotADirectory | Io::IsADirectory | Io::InvalidFilename => {
            Error::invalid(format!("{what}: {error}; choose another checkpoint folder"))
        }
        _ => Error::unavailable(format!("{what}: {error}; the next checkpoint tries again")),
    }
}

/// The I/O error somewhere below.
fn io_source(error: &StoreError) -> Option<&io::Error> {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(io) = error.downcast_ref() {
            return Some(io);
        }
        source = error.source();
    }
    None
}
