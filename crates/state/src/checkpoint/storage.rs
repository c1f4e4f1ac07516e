//! Where checkpoints are kept: a local folder, memory, or any object store.

use super::store::Store;
use super::{JobCheckpoints, local};
use flott_core::{Error, JobId, Result};
use flott_env::Env;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use std::path::PathBuf;
use std::sync::Arc;

/// The folder with the checkpoints of all jobs (`execution.checkpointing.dir`). Cheap to clone.
#[derive(Clone)]
pub struct CheckpointStorage {
    pub(super) store: Store,
    /// A path on this machine may be given for a checkpoint to restore.
    pub(super) takes_local_paths: bool,
}

impl CheckpointStorage {
    /// A local folder, given as path or `file://` URL; it is made if it is missing. What is written is safe from a
    /// power failure.
    ///
    /// # Errors
    /// `Invalid` when `location` is no local folder or may not be used, `Limit` when the disk is full.
    pub fn open(env: &Env, location: &str) -> Result<Self> {
        Self::local(env, local::make_folder(&local::folder_of(location)?)?)
    }

    /// Memory of this process: checkpoints for restarts, gone with the process.
    pub fn memory(env: &Env) -> Self {
        let store = Store::new(env, Arc::new(InMemory::new()), ObjectPath::default(), None, "memory:".to_owned());
        CheckpointStorage { store, takes_local_paths: true }
    }

    /// Any object store, below `prefix`.
    pub fn with_store(env: &Env, objects: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        let name = objects.to_string();
        let store = Store::new(env, objects, ObjectPath::from(prefix), None, name);
        CheckpointStorage { store, takes_local_paths: false }
    }

    /// The checkpoints of one job.
    pub fn job(&self, id: JobId) -> JobCheckpoints {
        JobCheckpoints::new(self.store.child(&id.to_string()))
    }

    /// The folder, for people.
    pub fn location(&self) -> String {
        self.store.display("")
    }

    /// A local folder that exists.
    pub(super) fn local(env: &Env, folder: PathBuf) -> Result<Self> {
        let name = folder.display().to_string();
        let objects = LocalFileSystem::new_with_prefix(&folder)
            .map_err(|e| {
                Error::unavailable(format!("the checkpoint folder `{name}` cannot be used: {e}")).with_source(e)
            })?
            .with_automatic_cleanup(true);
        let store = Store::new(env, Arc::new(objects), ObjectPath::default(), Some(folder), name);
        Ok(CheckpointStorage { store, takes_local_paths: true })
    }
}
