//! What local folders and files need beyond an object store: to be made, forced to the disk, linked, tidied.
//!
//! `object_store` puts files in place atomically but does not force them to the disk, so after a power failure a
//! file that was reported as written could be empty. Here the file and every folder down to it are synced before
//! the write counts.

#![expect(
    clippy::disallowed_methods,
    reason = "the local checkpoint folder is reached here and nowhere else; the simulator has a store in memory"
)]

use bytes::Bytes;
use flott_core::{Error, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use xxhash_rust::xxh3::Xxh3;

/// Bytes of a file that are read at once.
const PIECE_BYTES: usize = 1 << 20;

/// Makes the folder if it is missing and gives its absolute path.
pub(super) fn make_folder(folder: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(folder)
        .and_then(|()| folder.canonicalize())
        .map_err(|e| Error::io(format!("the checkpoint folder `{}` cannot be used", folder.display()), e))
}

/// The absolute path of a file or folder that exists.
pub(super) fn existing(path: &Path) -> io::Result<PathBuf> {
    path.canonicalize()
}

/// Whether a path is a folder.
pub(super) fn is_folder(path: &Path) -> bool {
    path.is_dir()
}

/// A stretch of a file.
pub(super) fn read_at(file: &Path, offset: u64, len: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(file)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = vec![0; len as usize];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The length and the XXH3-64 of a file.
pub(super) fn checksum(file: &Path) -> io::Result<(u64, u64)> {
    let mut file = File::open(file)?;
    let (mut sum, mut len, mut piece) = (Xxh3::new(), 0, vec![0; PIECE_BYTES]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok((len, sum.digest())),
            count => {
                sum.update(&piece[..count]);
                len += count as u64;
            }
        }
    }
}

/// Makes `to` a second name of the file `from`, or a copy of it if it is on another disk. One that is there already is
/// replaced. Returns the length.
pub(super) fn link_or_copy(from: &Path, to: &Path) -> io::Result<u64> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    match std::fs::remove_file(to) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    if std::fs::hard_link(from, to).is_err() {
        // What is copied only in part must not be taken for the whole.
        let part = part_of(to);
        std::fs::copy(from, &part).and_then(|_| std::fs::rename(&part, to))?;
    }
    Ok(std::fs::metadata(to)?.len())
}

/// Writes a file that is there whole or not at all.
pub(super) fn write(to: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let part = part_of(to);
    std::fs::write(&part, bytes).and_then(|()| std::fs::rename(&part, to))
}

/// The name of a file while it is written, one that [`remove_leftovers`] knows.
fn part_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push("#1");
    PathBuf::from(name)
}

/// The content of a file.
pub(super) fn read_all(file: &Path) -> io::Result<Vec<u8>> {
    std::fs::read(file)
}

/// Removes files; those that are missing are removed already.
pub(super) fn remove_files(files: &[PathBuf]) -> io::Result<()> {
    for file in files {
        match std::fs::remove_file(file) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

/// Deletes a folder with all that is in it. What cannot be deleted now goes with the process's own folder.
pub(super) fn remove_folder(folder: &Path) {
    let _ = std::fs::remove_dir_all(folder);
}

/// A folder of this process: one that is deleted when it is dropped, or by the next process that makes one beside it, or
/// one that the next process takes over.
pub(super) struct OwnedFolder {
    path: PathBuf,
    stays: bool,
    /// Locked as long as the process lives.
    lock: File,
}

impl OwnedFolder {
    /// Makes a folder below `place`, and deletes those there that nobody owns any more. `random` tells processes of several
    /// machines apart that share the disk.
    pub fn create(place: &Path, random: u64) -> io::Result<OwnedFolder> {
        /// Simulations of one seed, in one process or in several, draw the same numbers.
        static MADE: AtomicU64 = AtomicU64::new(0);
        let (process, made) = (std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let path = place.join(format!("{random:016x}-{process}-{made}"));
        std::fs::create_dir_all(place)?;
        std::fs::create_dir(&path)?;
        // Locked before it has its name: nobody can take the folder for one without an owner in between.
        let unnamed = path.join("lock-to-be");
        let lock = File::create(&unnamed)?;
        lock.lock()?;
        std::fs::rename(&unnamed, lock_of(&path))?;
        for entry in std::fs::read_dir(place)?.filter_map(Result::ok) {
            let other = entry.path();
            // One that was made just now may have no lock yet, and is left alone.
            if other != path && File::open(lock_of(&other)).is_ok_and(|lock| lock.try_lock().is_ok()) {
                // Whatever cannot be deleted now is tried by the next.
                let _ = std::fs::remove_dir_all(&other);
            }
        }
        Ok(OwnedFolder { path, stays: false, lock })
    }

    /// The folder `path` with what an earlier process has left in it, and the paths of its files below it, with `/`; `None`
    /// if a process that lives has it.
    pub fn take_over(path: &Path) -> io::Result<Option<(OwnedFolder, Vec<String>)>> {
        std::fs::create_dir_all(path)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(lock_of(path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(e)) => return Err(e),
        }
        remove_leftovers(path)?;
        let mut found = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                list(&entry.path(), &entry.file_name().to_string_lossy(), &mut found)?;
            }
        }
        Ok(Some((OwnedFolder { path: path.to_owned(), stays: true, lock }, found)))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for OwnedFolder {
    fn drop(&mut self) {
        if !self.stays {
            // What cannot be deleted is deleted by the next process.
            let _ = std::fs::remove_dir_all(&self.path);
        }
        let _ = self.lock.unlock();
    }
}

/// The files in a folder and below, each behind `prefix`.
fn list(folder: &Path, prefix: &str, found: &mut Vec<String>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{prefix}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() { list(&entry.path(), &path, found)? } else { found.push(path) }
    }
    Ok(())
}

fn lock_of(folder: &Path) -> PathBuf {
    folder.join("lock")
}

/// A local file that is filled from a stream.
pub(super) struct Incoming {
    file: File,
    sum: Xxh3,
    len: u64,
}

impl Incoming {
    /// An empty file, in a folder that is made if it is missing.
    pub fn create(file: &Path) -> io::Result<Incoming> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok(Incoming { file: File::create(file)?, sum: Xxh3::new(), len: 0 })
    }

    /// Bytes so far.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Adds bytes.
    pub fn append(&mut self, pieces: &[Bytes]) -> io::Result<()> {
        for piece in pieces {
            self.file.write_all(piece)?;
            self.sum.update(piece);
            self.len += piece.len() as u64;
        }
        Ok(())
    }

    /// The length and the XXH3-64 of all bytes.
    pub fn finish(self) -> io::Result<(u64, u64)> {
        Ok((self.len, self.sum.digest()))
    }
}

/// Forces the file to the disk, and the entries of all folders from `root` down to it.
pub(super) fn sync(root: &Path, file: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).open(file)?.sync_all()?;
    for folder in file.ancestors().skip(1) {
        sync_folder(folder)?;
        if folder == root {
            break;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        // Some network file systems cannot, and write entries through.
        Err(e) if matches!(e.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        synced => synced,
    }
}

/// Elsewhere folders cannot be opened, and their entries are written through.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Removes what an interrupted `object_store` left in a folder and below: files such as `name#1`, which it wrote
/// into before it could put them in place, and empty folders. Nobody may be writing there.
pub(super) fn remove_leftovers(folder: &Path) -> io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_leftovers(&entry.path())?;
            // Fails when it is not empty, as it should.
            let _ = std::fs::remove_dir(entry.path());
        } else if is_staged(&entry.file_name().to_string_lossy()) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn is_staged(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_staged_files_are_leftovers() {
        assert!(is_staged("3fa9#1") && is_staged("_metadata#12"));
        assert!(!is_staged("_metadata") && !is_staged("a#b") && !is_staged("a#"));
    }
}
