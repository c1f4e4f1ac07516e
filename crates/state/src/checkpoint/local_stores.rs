//! The stores of a process: opened from checkpoints in folders on a disk of this machine, which go with them.

use super::{JobCheckpoints, local};
use crate::snapshot::KeyedSnapshot;
use crate::store::{KeyedStore, OpenStore, RestoredStore, StateBackend};
use flott_core::config::{IO_TMP_DIRS, ROCKSDB_LOCAL_DIRS};
use flott_core::{Configuration, Error, KeyGroupRange, Result, error::ResultExt};
use flott_env::{Env, TempFolder};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The folder in one of the user's, with a folder for each process.
const FOLDER: &str = "flott-state";

/// Opens stores of one backend.
#[derive(Clone)]
pub struct LocalStores {
    env: Env,
    backend: Arc<dyn StateBackend>,
    config: Arc<Configuration>,
    folder: Arc<local::OwnedFolder>,
}

/// A store and its folder.
pub struct LocalStore {
    /// The store.
    pub store: Arc<dyn KeyedStore>,
    /// What keeps it on disk; dropped after the store.
    pub folder: StoreFolder,
}

/// The folder of a store, which is deleted when the last of these is dropped. Snapshots on their way to storage lie in
/// it too.
#[derive(Clone)]
pub struct StoreFolder(Arc<Folder>);

impl LocalStores {
    /// Stores below the folder that the options name.
    ///
    /// # Errors
    /// `Invalid` when it cannot be used.
    pub fn new(env: &Env, backend: Arc<dyn StateBackend>, config: Arc<Configuration>) -> Result<LocalStores> {
        let dirs = match config.get_optional(&ROCKSDB_LOCAL_DIRS)? {
            Some(dirs) => Some(dirs),
            None => config.get_optional(&IO_TMP_DIRS)?,
        };
        let random = env.random();
        let place = TempFolder::choose(dirs.as_deref(), random as usize).path().join(FOLDER);
        let folder = local::OwnedFolder::create(&place, random)
            .map_err(|e| Error::io(format!("the folder `{}` for keyed state cannot be used", place.display()), e))?;
        Ok(LocalStores { env: env.clone(), backend, config, folder: Arc::new(folder) })
    }

    /// Opens a store with what a snapshot in a local folder holds, to be read beside the one that it was taken of.
    /// Blocks.
    ///
    /// # Errors
    /// As [`LocalStores::open`].
    pub fn open_copy(&self, snapshot: &SnapshotFolder, range: KeyGroupRange) -> Result<Arc<dyn KeyedStore>> {
        let restored = vec![RestoredStore { range, folder: snapshot.path().join("files") }];
        let folder = snapshot.path().join("store");
        self.backend.open(OpenStore { folder, range, restored, config: &self.config })
    }

    /// The backend's name.
    pub fn backend(&self) -> &'static str {
        self.backend.name()
    }

    /// Opens a store for `range` with what those of the snapshots hold that are a store's.
    ///
    /// # Errors
    /// `Invalid` when another backend wrote them; `Corrupt` when a file is missing or damaged, naming it; `Unavailable` when
    /// the disk is full.
    pub async fn open(
        &self,
        checkpoints: &JobCheckpoints,
        snapshots: &[KeyedSnapshot],
        range: KeyGroupRange,
    ) -> Result<LocalStore> {
        check_backend(snapshots, self.backend.name())?;
        let folder = StoreFolder(Arc::new(Folder {
            path: self.folder.path().join(format!("{:016x}", self.env.random())),
            _owner: self.folder.clone(),
        }));
        let mut restored = Vec::new();
        for (n, snapshot) in snapshots.iter().filter(|snapshot| snapshot.store.is_some()).enumerate() {
            let from = folder.path().join(format!("restored-{n}"));
            checkpoints.fetch(snapshot, &from).await?;
            restored.push(RestoredStore { range: snapshot.range, folder: from });
        }
        let (backend, config, at) = (self.backend.clone(), self.config.clone(), folder.path().to_owned());
        let opened = self.env.blocking(move || {
            local::make_folder(&at)?;
            let fetched: Vec<PathBuf> = restored.iter().map(|r| r.folder.clone()).collect();
            let store = backend.open(OpenStore { folder: at.join("store"), range, restored, config: &config })?;
            // What the store needs of them it has linked.
            fetched.iter().for_each(|folder| local::remove_folder(folder));
            Ok::<_, Error>(store)
        });
        let store = opened.await?.in_context(|| format!("state backend `{}`", self.backend.name()))?;
        Ok(LocalStore { store, folder })
    }
}

/// Refuses snapshots that are not those of this backend, of which `hashmap` keeps its own form.
///
/// # Errors
/// `Invalid`, saying what to do.
pub fn check_backend(snapshots: &[KeyedSnapshot], backend: &str) -> Result<()> {
    let other = snapshots.iter().filter_map(|s| s.store.as_ref()).find(|store| store.backend != backend);
    match other {
        None => Ok(()),
        Some(store) => Err(Error::invalid(format!(
            "the checkpoint's keyed state was written by the state backend `{}`, and the job uses `{backend}`; set \
             `state.backend.type` to `{}`, or start from a savepoint of canonical format, which every backend reads",
            store.backend, store.backend
        ))),
    }
}

struct Folder {
    path: PathBuf,
    /// The process's folder, in which it is.
    _owner: Arc<local::OwnedFolder>,
}

impl StoreFolder {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// A name for a folder below it.
    pub fn below(&self, number: u64) -> SnapshotFolder {
        SnapshotFolder { path: self.0.path.join(format!("snapshot-{number}")), _store: self.clone() }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        local::remove_folder(&self.path);
    }
}

/// The folder of one snapshot of a store, deleted when it is dropped.
pub struct SnapshotFolder {
    path: PathBuf,
    _store: StoreFolder,
}

impl SnapshotFolder {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SnapshotFolder {
    fn drop(&mut self) {
        local::remove_folder(&self.path);
    }
}
