//! A folder anywhere, by path or URL, as a plain object store: for what is not a checkpoint, such as savepoints.
//!
//! Unlike [`super::CheckpointStorage`] it makes no promise about power failures until it is asked to force files to the disk
//! ([`DiskFolder::sync`]), and leaves trying again to the store.

use super::failure::io_error;
use super::local;
use super::location::{Location, RemoteKind, RemoteLocation};
use super::remote::{self, Bucket};
use flott_core::config::{AZURE_ENDPOINT, CHECKPOINT_STORAGE_RETRY_TIMEOUT, GCS_ENDPOINT, S3_ENDPOINT};
use flott_core::{Configuration, Error, Result};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder of an object store.
#[derive(Clone)]
pub struct StorageFolder {
    /// The store. Of a local folder it is the folder itself.
    pub objects: Arc<dyn ObjectStore>,
    /// Where the folder is in the store.
    pub path: ObjectPath,
    /// The folder as a path or URL, for people.
    pub name: String,
    /// Kind, bucket and endpoint of the store: two folders where it is the same are in the same store. `None` on a local
    /// disk.
    pub bucket: Option<String>,
    /// The folder on the disk of this machine, if it is there.
    pub disk: Option<DiskFolder>,
}

/// A folder on the disk of this machine.
#[derive(Clone, Debug)]
pub struct DiskFolder(PathBuf);

impl DiskFolder {
    /// Forces files, by their paths in the folder, to the disk: they are there after a power failure. Blocks.
    ///
    /// # Errors
    /// `Invalid`, `Limit` or `Unavailable`, naming the file that could not be forced.
    pub fn sync(&self, files: &[ObjectPath]) -> Result<()> {
        for file in files {
            let path = file.parts().fold(self.0.clone(), |path, part| path.join(part.as_ref()));
            local::sync(&self.0, &path)
                .map_err(|e| io_error(&format!("`{}` cannot be forced to the disk", path.display()), &e))?;
        }
        Ok(())
    }
}

impl StorageFolder {
    /// The folder that `location` names, a path or a URL as for [`super::CheckpointStorage::open`]. `config` holds the
    /// keys. Nothing is asked of a remote store yet, so its folder may turn out to be empty.
    ///
    /// # Errors
    /// `Invalid` when `location` names no folder, is of a kind that was not compiled in, or may not be used.
    pub fn open(location: &str, config: &Configuration) -> Result<StorageFolder> {
        match Location::parse(location)? {
            Location::Local(folder) => {
                let found = local::existing(&folder);
                Self::local(&found.map_err(|e| Error::io(format!("the folder `{location}` cannot be found"), e))?)
            }
            Location::Remote(location) => Self::remote(&location, config),
        }
    }

    /// As [`StorageFolder::open`]; a local folder is made if it is missing.
    ///
    /// # Errors
    /// As [`StorageFolder::open`]; `Unavailable` when the disk is full.
    pub fn make(location: &str, config: &Configuration) -> Result<StorageFolder> {
        match Location::parse(location)? {
            Location::Local(folder) => Self::local(&local::make_folder(&folder)?),
            Location::Remote(location) => Self::remote(&location, config),
        }
    }

    fn local(folder: &Path) -> Result<StorageFolder> {
        let name = folder.display().to_string();
        if !local::is_folder(folder) {
            return Err(Error::invalid(format!("`{name}` is a file and no folder; check the path")));
        }
        let objects = LocalFileSystem::new_with_prefix(folder)
            .map_err(|e| Error::unavailable(format!("the folder `{name}` cannot be used: {e}")).with_source(e))?;
        Ok(StorageFolder {
            objects: Arc::new(objects),
            path: ObjectPath::default(),
            name,
            bucket: None,
            disk: Some(DiskFolder(folder.to_owned())),
        })
    }

    fn remote(location: &RemoteLocation, config: &Configuration) -> Result<StorageFolder> {
        let retry_for = config.get(&CHECKPOINT_STORAGE_RETRY_TIMEOUT)?;
        let Bucket { objects, .. } = remote::open(location, config, Some(retry_for))?;
        let path = ObjectPath::parse(&location.prefix)
            .map_err(|e| Error::invalid(format!("`{}` is no folder: {e}; check the URL", location.prefix)))?;
        let (kind, endpoint) = match location.kind {
            RemoteKind::S3 => ("s3", config.raw(S3_ENDPOINT.key)),
            RemoteKind::Gcs => ("gs", config.raw(GCS_ENDPOINT.key)),
            RemoteKind::Azure => ("az", config.raw(AZURE_ENDPOINT.key)),
        };
        let bucket = format!("{kind}://{} at {}", location.authority, endpoint.unwrap_or_default());
        Ok(StorageFolder {
            objects,
            name: format!("{}/{path}", location.name()),
            path,
            bucket: Some(bucket),
            disk: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flott_core::ErrorKind;

    #[test]
    fn a_local_folder_is_found_or_made() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = folder.path().join("a b*/c%20d");
        let location = wanted.to_str().unwrap();
        let error = StorageFolder::open(location, &Configuration::new()).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(location) && error.to_string().contains("check the path"), "{error}");
        let made = StorageFolder::make(location, &Configuration::new()).unwrap();
        assert_eq!((made.path.as_ref(), made.bucket), ("", None));
        assert!(StorageFolder::open(location, &Configuration::new()).unwrap().name.ends_with("a b*/c%20d"));
    }

    #[test]
    fn what_cannot_be_forced_to_the_disk_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = tempfile::NamedTempFile::new_in(folder.path()).unwrap();
        let name = ObjectPath::from(file.path().file_name().unwrap().to_str().unwrap());
        let made = StorageFolder::make(folder.path().to_str().unwrap(), &Configuration::new()).unwrap();
        let disk = made.disk.unwrap();
        disk.sync(std::slice::from_ref(&name)).unwrap();
        let error = disk.sync(&[name, ObjectPath::from("a/c")]).unwrap_err().to_string();
        assert!(error.contains("a/c"), "{error}");
    }

    #[test]
    fn a_file_is_no_folder() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = StorageFolder::open(file.path().to_str().unwrap(), &Configuration::new()).err().unwrap();
        assert!(error.to_string().contains("is a file and no folder"), "{error}");
    }
}
