//! What a local folder needs beyond an object store: to be made, to be forced to the disk, to be tidied.
//!
//! `object_store` puts files in place atomically but does not force them to the disk, so after a power failure a
//! file that was reported as written could be empty. Here the file and every folder down to it are synced before
//! the write counts.

#![expect(
    clippy::disallowed_methods,
    reason = "the local checkpoint folder is reached here and nowhere else; the simulator has a store in memory"
)]

use flott_core::{Error, Result};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// The folder that `location` names: a path, `file:///path` or `file:/path`.
pub(super) fn folder_of(location: &str) -> Result<PathBuf> {
    let path = match location.split_once(':') {
        Some(("file", rest)) => percent_decoded(rest.strip_prefix("//").unwrap_or(rest)),
        // A scheme has more than one letter, other than the drive in `C:\`.
        Some((scheme, rest)) if scheme.len() > 1 && rest.starts_with("//") => {
            return Err(Error::invalid(format!(
                "`{location}` cannot hold checkpoints: this Flott keeps them in a local folder; \
                 give a path, or a URL such as file:///data/checkpoints"
            )));
        }
        _ => Some(location.to_owned()),
    };
    match path {
        Some(path) if !path.is_empty() => Ok(PathBuf::from(path)),
        _ => Err(Error::invalid(format!(
            "`{location}` names no folder for checkpoints; give a path, or a URL such as file:///data/checkpoints"
        ))),
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |c: Option<u8>| (c? as char).to_digit(16);
            bytes.push((digit(rest.next())? * 16 + digit(rest.next())?) as u8);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

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
    fn locations_are_paths_or_file_urls() {
        for (location, folder) in [
            ("ckpt", "ckpt"),
            ("/var/ckpt", "/var/ckpt"),
            ("file:///var/my%20ckpt", "/var/my ckpt"),
            ("file:/var/ckpt", "/var/ckpt"),
        ] {
            assert_eq!(folder_of(location).unwrap(), Path::new(folder), "{location}");
        }
        for wrong in ["", "file://", "s3://bucket/x", "hdfs://name/x"] {
            let error = folder_of(wrong).unwrap_err().to_string();
            assert!(error.contains("file:///data"), "{error}");
        }
    }

    #[test]
    fn only_staged_files_are_leftovers() {
        assert!(is_staged("3fa9#1") && is_staged("_metadata#12"));
        assert!(!is_staged("_metadata") && !is_staged("a#b") && !is_staged("a#"));
    }
}
