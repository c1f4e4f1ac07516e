//! What the sink does to files, one function for each step. Blocks: runs where that holds up nobody. In tests any step
//! can fail.

#![expect(clippy::disallowed_methods, reason = "writing files is what this module is for; it runs in `Env::blocking`")]

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Result, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The file system.
#[derive(Clone, Default)]
pub(super) struct Disk {
    #[cfg(test)]
    pub(super) faults: super::tests::faults::Faults,
}

impl Disk {
    /// A new file, for writing, and its folder if that is not there.
    pub(super) fn create(&self, path: &Path) -> Result<File> {
        self.step("create")?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        File::create_new(path)
    }

    /// A file that is there, for writing behind its first `len` bytes. Bytes behind them are cut off.
    pub(super) fn open_at(&self, path: &Path, len: u64) -> Result<File> {
        self.step("open")?;
        let mut file = OpenOptions::new().write(true).open(path)?;
        self.step("truncate")?;
        file.set_len(len)?;
        file.seek(SeekFrom::Start(len))?;
        Ok(file)
    }

    pub(super) fn write(&self, file: &mut File, bytes: &[u8]) -> Result<()> {
        #[cfg(test)]
        if self.faults.tears_next_write() {
            file.write_all(&bytes[..bytes.len() / 2])?;
        }
        self.step("write")?;
        file.write_all(bytes)
    }

    /// Makes the file's content durable.
    pub(super) fn sync(&self, file: &File) -> Result<()> {
        self.step("sync")?;
        // Tests let a process die, not a machine, and do it often.
        if cfg!(test) { Ok(()) } else { file.sync_all() }
    }

    /// Makes the names in a folder durable.
    pub(super) fn sync_folder(&self, path: &Path) -> Result<()> {
        self.step("sync folder")?;
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let folder = File::open(path)?;
        if cfg!(test) { Ok(()) } else { folder.sync_all() }
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.step("rename")?;
        std::fs::rename(from, to)
    }

    /// Removes a file if it is there.
    pub(super) fn remove(&self, path: &Path) -> Result<()> {
        self.step("remove")?;
        match std::fs::remove_file(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    /// The length of a file, if it is there.
    pub(super) fn len(&self, path: &Path) -> Result<Option<u64>> {
        self.step("len")?;
        match std::fs::metadata(path) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Calls `each` with the folder and the name of everything below `folder` that is no folder. Links to folders are not
    /// followed. Nothing if the folder is not there.
    pub(super) fn walk(&self, folder: &Path, each: &mut dyn FnMut(&Path, &str)) -> Result<()> {
        self.step("walk")?;
        let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            let entries = match std::fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(e) if e.kind() == ErrorKind::NotFound => continue,
                Err(e) => return Err(e),
            };
            for entry in entries {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    folders.push(entry.path());
                } else if let Some(name) = entry.file_name().to_str() {
                    each(&folder, name);
                }
            }
        }
        Ok(())
    }

    /// A place where tests let things fail.
    #[inline]
    fn step(&self, _what: &'static str) -> Result<()> {
        #[cfg(test)]
        self.faults.step(_what)?;
        Ok(())
    }
}
