//! Where checkpoints are kept: a local folder, memory, or any object store.

use super::copies::{Copies, JobCopies};
use super::location::{Location, RemoteLocation};
use super::remote::{self, Bucket};
use super::retry::Patience;
use super::store::{Place, Remote, Store};
use super::{JobCheckpoints, local};
use flott_core::config::{CHECKPOINT_STORAGE_PART_SIZE, CHECKPOINT_STORAGE_RETRY_TIMEOUT, PROCESS_MEMORY};
use flott_core::{Configuration, Error, JobId, Result};
use flott_env::Env;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use std::path::PathBuf;
use std::sync::Arc;

/// The least that S3 takes as a part of a file.
const PART_BYTES_MIN: u64 = 5 << 20;

/// The folder with the checkpoints of all jobs (`execution.checkpointing.dir`). Cheap to clone.
#[derive(Clone)]
pub struct CheckpointStorage {
    pub(super) store: Store,
    /// A path on this machine, or a URL, may be given for a checkpoint to restore.
    pub(super) takes_locations: bool,
    /// How to open another location; it may hold keys.
    pub(super) config: Arc<Configuration>,
    /// Where copies of files are kept on this machine, if they are.
    copies: Option<Arc<Copies>>,
}

impl CheckpointStorage {
    /// The folder that `location` names, a path or a URL: `file://`, `s3://` (also `s3a`, `s3p`), `gs://`, `abfss://`
    /// (also `abfs`, `wasb`, `wasbs`, `az`). A local folder is made if it is missing. What is written is safe from a
    /// power failure. `config` holds the keys and the patience; nothing is asked of a remote store yet.
    ///
    /// # Errors
    /// `Invalid` when `location` cannot hold checkpoints, is of a kind that was not compiled in, or may not be used;
    /// `Unavailable` when the disk is full.
    pub fn open(env: &Env, location: &str, config: &Configuration) -> Result<Self> {
        let config = Arc::new(config.clone());
        match Location::parse(location)? {
            Location::Local(folder) => Self::local(env, local::make_folder(&folder)?, config),
            Location::Remote(location) => {
                let copies = Copies::from_config(env, &config)?;
                let storage = Self::remote(env, &location, config)?;
                Ok(CheckpointStorage { copies: copies.map(Arc::new), ..storage })
            }
        }
    }

    /// Memory of this process: checkpoints for restarts, gone with the process.
    pub fn memory(env: &Env) -> Self {
        let mut storage = Self::with_store(env, Arc::new(InMemory::new()), "");
        storage.takes_locations = true;
        storage.store = storage.store.named("memory:");
        storage
    }

    /// The same, with options by which the location of a checkpoint to restore is opened.
    #[must_use]
    pub fn with_config(mut self, config: &Configuration) -> Self {
        self.config = Arc::new(config.clone());
        self
    }

    /// Any object store, below `prefix`.
    pub fn with_store(env: &Env, objects: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        let name = objects.to_string();
        let store = Store::new(env, objects, ObjectPath::from(prefix), Place::Given, Patience::NEAR, name);
        CheckpointStorage { store, takes_locations: false, config: Arc::default(), copies: None }
    }

    /// The checkpoints of one job.
    pub fn job(&self, id: JobId) -> JobCheckpoints {
        let copies = self.copies.clone().map(|copies| JobCopies::new(copies, id));
        JobCheckpoints::new(self, self.store.child(&id.to_string()), copies)
    }

    /// The folder, for people.
    pub fn location(&self) -> String {
        self.store.display("")
    }

    /// A local folder that exists.
    pub(super) fn local(env: &Env, folder: PathBuf, config: Arc<Configuration>) -> Result<Self> {
        let name = folder.display().to_string();
        let objects = LocalFileSystem::new_with_prefix(&folder)
            .map_err(|e| {
                Error::unavailable(format!("the checkpoint folder `{name}` cannot be used: {e}")).with_source(e)
            })?
            .with_automatic_cleanup(true);
        let place = Place::Local(folder);
        let store = Store::new(env, Arc::new(objects), ObjectPath::default(), place, Patience::NEAR, name);
        Ok(CheckpointStorage { store, takes_locations: true, config, copies: None })
    }

    /// A folder of a bucket.
    pub(super) fn remote(env: &Env, location: &RemoteLocation, config: Arc<Configuration>) -> Result<Self> {
        let patience = Patience::remote(config.get(&CHECKPOINT_STORAGE_RETRY_TIMEOUT)?);
        let part_bytes = config.get(&CHECKPOINT_STORAGE_PART_SIZE)?.0;
        if part_bytes < PART_BYTES_MIN {
            return Err(Error::invalid(format!(
                "option `{}` must be at least 5 mb, which is the least that S3 takes",
                CHECKPOINT_STORAGE_PART_SIZE.key
            )));
        }
        let Bucket { objects, parts } = remote::open(location, &config, None)?;
        let place = Place::Remote(Arc::new(Remote::new(parts, part_bytes, config.get_optional(&PROCESS_MEMORY)?)));
        let prefix = ObjectPath::from(location.prefix.as_str());
        let store = Store::new(env, objects, prefix, place, patience, location.name());
        Ok(CheckpointStorage { store, takes_locations: true, config, copies: None })
    }
}
