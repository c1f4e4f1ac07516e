//! Temporary files: what does not fit into memory for a while.
//!
//! A temporary file has no name, where the system allows that: it is gone when it is dropped, and when the process
//! dies in whatever way. So there is nothing to clean up, and nothing to be found by others.

use flott_core::config::IO_TMP_DIRS;
use flott_core::{Error, ErrorKind, Result};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A file that only its owner knows. All calls may block.
pub struct TempFile {
    folder: PathBuf,
    file: Mutex<std::fs::File>,
    len: u64,
}

/// Where temporary files are made.
#[derive(Clone)]
pub struct TempFolder(PathBuf);

impl TempFolder {
    /// One of the folders that `io.tmp.dirs` lists, separated as in Flink by `,`, `|` or what separates paths on this
    /// system; the system's own when it lists none. Whoever asks with another `turn` may get another one.
    pub fn choose(dirs: Option<&str>, turn: usize) -> TempFolder {
        let separator = if cfg!(windows) { ';' } else { ':' };
        let dirs = dirs.unwrap_or_default().split([',', '|', separator]);
        let dirs: Vec<&str> = dirs.map(str::trim).filter(|dir| !dir.is_empty()).collect();
        let chosen = dirs.get(turn % dirs.len().max(1));
        TempFolder(chosen.map_or_else(std::env::temp_dir, PathBuf::from))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes an empty file.
    ///
    /// # Errors
    /// `Invalid` when the folder is missing or may not be written to; `Unavailable` as
    /// [`TempFile::append`].
    pub fn create(&self) -> Result<TempFile> {
        let file = tempfile::tempfile_in(&self.0).map_err(|e| failed("made", &self.0, e))?;
        Ok(TempFile { folder: self.0.clone(), file: Mutex::new(file), len: 0 })
    }
}

impl TempFile {
    /// Bytes written so far.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Writes `bytes` behind all others.
    ///
    /// # Errors
    /// `Unavailable` when the disk is full or fails.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let end = SeekFrom::Start(self.len);
        let mut file = self.file();
        let written = file.seek(end).and_then(|_| file.write_all(bytes));
        drop(file);
        written.map_err(|e| failed("written", &self.folder, e))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Fills `bytes` with what was written at `offset`.
    ///
    /// # Errors
    /// `Unavailable` when the disk fails, or when there is not so much.
    pub fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        let mut file = self.file();
        let read = file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(bytes));
        drop(file);
        read.map_err(|e| failed("read", &self.folder, e))
    }

    fn file(&self) -> MutexGuard<'_, std::fs::File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(what: &str, folder: &Path, error: io::Error) -> Error {
    use io::ErrorKind as Io;
    let key = IO_TMP_DIRS.key;
    let (kind, advice) = match error.kind() {
        Io::NotFound | Io::NotADirectory => {
            (ErrorKind::Invalid, format!("make the folder, or name another in `{key}`"))
        }
        Io::PermissionDenied | Io::ReadOnlyFilesystem => {
            (ErrorKind::Invalid, format!("give this user access to it, or name another in `{key}`"))
        }
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => {
            (ErrorKind::Unavailable, format!("free some space, or name a folder with more room in `{key}`"))
        }
        _ => (ErrorKind::Unavailable, format!("if it stays so, name a folder on another disk in `{key}`")),
    };
    let message = format!("a temporary file in `{}` cannot be {what}: {error}; {advice}", folder.display());
    Error::new(kind, message).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> usize {
        std::fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn a_file_has_what_was_written_and_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let dirs = folder.path().to_str().unwrap();
        let mut file = TempFolder::choose(Some(dirs), 3).create().unwrap();
        file.append(b"first").unwrap();
        let mut read = [0; 3];
        file.read_at(1, &mut read).unwrap();
        file.append(b" second").unwrap();
        let mut rest = [0; 7];
        file.read_at(5, &mut rest).unwrap();
        assert_eq!((&read, &rest, file.len()), (b"irs", b" second", 12));
        assert_eq!(file.read_at(6, &mut rest).unwrap_err().kind(), ErrorKind::Unavailable);
        if cfg!(unix) {
            assert_eq!(names(folder.path()), 0);
        }
        drop(file);
        assert_eq!(names(folder.path()), 0);
    }

    #[test]
    fn folders_are_used_in_turn_and_the_systems_own_when_none_is_named() {
        let chosen = |dirs, turn| TempFolder::choose(dirs, turn).path().to_owned();
        let three = Some("/a, /b|/c");
        assert_eq!([0, 1, 2, 3].map(|turn| chosen(three, turn)), ["/a", "/b", "/c", "/a"].map(PathBuf::from));
        assert_eq!([chosen(None, 1), chosen(Some(" ,"), 1)], [std::env::temp_dir(), std::env::temp_dir()]);
    }

    #[test]
    fn errors_say_where_why_and_what_to_do() {
        let error = TempFolder::choose(Some("/no/such/folder"), 0).create().err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        for part in ["/no/such/folder", "No such file", "io.tmp.dirs"] {
            assert!(error.to_string().contains(part), "{error}");
        }
        let full = failed("written", Path::new("/tmp"), io::ErrorKind::StorageFull.into());
        assert_eq!(full.kind(), ErrorKind::Unavailable);
        assert!(full.to_string().contains("free some space"), "{full}");
    }
}
