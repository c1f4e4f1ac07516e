//! The folders of savepoints, which are wherever the user wants them.

use super::job::{METADATA_FILE, checkpoint_of};
use super::location::Location;
use super::transfer::Source;
use super::{CheckpointMetadata, CheckpointStorage, JobCheckpoints, local};
use crate::snapshot::Blob;
use bytes::Bytes;
use flott_core::{Error, ErrorKind, Result};

impl CheckpointStorage {
    /// The folder of a savepoint: a path or URL, or in a store that was given as such a path in it. It need not exist.
    ///
    /// # Errors
    /// As [`CheckpointStorage::open`].
    pub fn savepoint(&self, location: &str) -> Result<JobCheckpoints> {
        let env = &self.store.env;
        if !self.takes_locations {
            let store = self.store.child(location.trim_matches('/'));
            return Ok(JobCheckpoints { is_savepoint: true, ..JobCheckpoints::new(self, store, None) });
        }
        let storage = match Location::parse(location)? {
            Location::Local(folder) => Self::local(env, local::make_folder(&folder)?, self.config.clone())?,
            Location::Remote(location) => Self::remote(env, &location, self.config.clone())?,
        };
        let store = storage.store.clone();
        Ok(JobCheckpoints { is_savepoint: true, ..JobCheckpoints::new(&storage, store, None) })
    }

    /// The folder of the savepoint that `path` names, by its folder or by a file that completes it; `None` if it names a
    /// checkpoint.
    ///
    /// # Errors
    /// `Invalid` when there is no such folder; otherwise as [`CheckpointStorage::open`].
    pub fn find_savepoint(&self, path: &str, files: &[&str]) -> Result<Option<JobCheckpoints>> {
        let mut folder = path.trim_end_matches('/');
        for file in files.iter().chain([&METADATA_FILE]) {
            folder = folder.strip_suffix(file).map_or(folder, |folder| folder.trim_end_matches('/'));
        }
        if folder.rsplit('/').next().is_none_or(|name| checkpoint_of(name).is_some()) {
            return Ok(None);
        }
        if let (true, Location::Local(folder)) = (self.takes_locations, Location::parse(folder)?)
            && !local::is_folder(&folder)
        {
            return Err(Error::invalid(format!(
                "there is no folder `{}`; give the path of a savepoint",
                folder.display()
            )));
        }
        self.savepoint(folder).map(Some)
    }
}

impl JobCheckpoints {
    /// The folder of a savepoint, as [`CheckpointStorage::savepoint`].
    ///
    /// # Errors
    /// As [`CheckpointStorage::open`].
    pub fn savepoint(&self, location: &str) -> Result<JobCheckpoints> {
        self.storage.savepoint(location)
    }

    /// Writes a file that is not there yet.
    ///
    /// # Errors
    /// `Fenced` when it is there with other content; otherwise as [`JobCheckpoints::write`].
    pub async fn write_new(&self, path: &str, bytes: Bytes) -> Result<()> {
        self.store.put_new(path, bytes).await
    }

    /// Writes a file and says what has to be known of it to read it.
    ///
    /// # Errors
    /// As [`JobCheckpoints::write`].
    pub async fn write_file(&self, path: String, bytes: Bytes) -> Result<Blob> {
        let len = bytes.len() as u64;
        let sum = self.store.put_source(&path, &Source::Bytes(bytes)).await?;
        Ok(Blob::File { path, len, sum })
    }

    /// Whether there is a file of this name.
    ///
    /// # Errors
    /// `Unavailable` when the storage does not answer.
    pub async fn has(&self, path: &str) -> Result<bool> {
        Ok(self.store.len(path).await?.is_some())
    }

    /// Completes a native savepoint, whose folder this is.
    ///
    /// # Errors
    /// As [`JobCheckpoints::write_new`].
    pub async fn complete_savepoint(&self, metadata: &CheckpointMetadata) -> Result<()> {
        self.write_new(METADATA_FILE, metadata.encode()?.into()).await
    }

    /// The metadata of a native savepoint, whose folder this is; `None` if it is none.
    ///
    /// # Errors
    /// `Corrupt` when it is damaged; `Unavailable` when the storage does not answer.
    pub async fn load_savepoint(&self) -> Result<Option<CheckpointMetadata>> {
        if !self.has(METADATA_FILE).await? {
            return Ok(None);
        }
        let metadata = CheckpointMetadata::decode(&self.read(METADATA_FILE).await?).map_err(|e| {
            let message = format!("savepoint `{}` cannot be used: {e}; restore another one", self.folder());
            Error::new(ErrorKind::Corrupt, message)
        })?;
        self.verify(&metadata).await?;
        Ok(Some(metadata))
    }

    /// Deletes a savepoint that came to nothing, whose folder this is.
    ///
    /// # Errors
    /// As [`JobCheckpoints::write`].
    pub async fn delete_savepoint(&self) -> Result<()> {
        let files = self.store.list().await?;
        self.store.end_uploads(&files).await?;
        self.delete_files(files).await
    }

    /// The folder, for people.
    pub fn folder(&self) -> String {
        self.store.display("")
    }
}
