//! What files there are. Blocks: runs where that holds up nobody.

#![expect(
    clippy::disallowed_methods,
    reason = "listing folders is what this module is for; it runs in `Env::blocking`"
)]

use flott_core::{Error, Result};
use std::collections::BTreeSet;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// Endings of compressed files. They cannot be read, and decoding them as text would give nonsense.
const COMPRESSED: &[&str] = &["gz", "gzip", "bz2", "xz", "zst", "zstd", "deflate", "zip"];

/// Which files are looked for.
#[derive(Clone, Debug)]
pub(super) struct Listing {
    /// A file, a folder or a pattern.
    pub(super) path: PathBuf,
    /// Whether folders in folders are read.
    pub(super) is_recursive: bool,
    /// How often to look again, if it is watched.
    pub(super) interval: Option<Duration>,
}

/// A file as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FoundFile {
    pub(super) path: String,
    pub(super) len: u64,
    pub(super) modified_ns: i64,
}

impl Listing {
    /// The files that are there, in order of paths. Empty ones are left out.
    pub(super) fn find(&self) -> Result<Vec<FoundFile>> {
        let mut walk = Walk { is_recursive: self.is_recursive, found: Vec::new(), folders: BTreeSet::new() };
        match std::fs::metadata(&self.path) {
            Ok(metadata) if metadata.is_dir() => walk.folder(&self.path)?,
            Ok(metadata) => walk.file(&self.path, &metadata)?,
            Err(e) if e.kind() == ErrorKind::NotFound && self.is_pattern() => self.find_matches(&mut walk)?,
            Err(e) => return Err(Error::io(format!("the input {} cannot be read", self.path.display()), e)),
        }
        let mut found = walk.found;
        found.retain(|file| file.len > 0);
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    fn is_pattern(&self) -> bool {
        self.path.to_string_lossy().contains(['*', '?', '['])
    }

    fn find_matches(&self, walk: &mut Walk) -> Result<()> {
        let pattern = self.path.to_string_lossy();
        let options = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::new() };
        let matches = glob::glob_with(&pattern, options).map_err(|e| {
            Error::invalid(format!(
                "`{pattern}` is no pattern for files: {} at character {}; `*`, `?`, `[a-z]` and `**` are understood",
                e.msg, e.pos
            ))
        })?;
        let (mut match_count, mut passed_over) = (0, 0);
        for path in matches {
            let path = path.map_err(|e| {
                let folder = e.path().display().to_string();
                Error::io(format!("the folder {folder}, in which `{pattern}` is looked for, cannot be read"), e.into())
            })?;
            match_count += 1;
            if is_passed_over(&path) {
                passed_over += 1;
            } else {
                walk.entry(&path)?;
            }
        }
        if walk.found.is_empty() && self.interval.is_none() {
            return Err(Error::invalid(format!(
                "no file matches `{pattern}` ({match_count} names match, {passed_over} of them hidden or in progress); \
                 correct the pattern, or watch it with `monitor_continuously` if the files are still to come"
            )));
        }
        Ok(())
    }
}

/// Names that a reader leaves alone: hidden files and those that somebody still writes.
fn is_passed_over(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(['.', '_']) || name.ends_with(".inprogress")
}

struct Walk {
    is_recursive: bool,
    found: Vec<FoundFile>,
    /// The real paths of the folders that were entered: a link may lead back.
    folders: BTreeSet<PathBuf>,
}

impl Walk {
    fn folder(&mut self, path: &Path) -> Result<()> {
        let unreadable = |e| Error::io(format!("the folder {} cannot be read", path.display()), e);
        if !self.folders.insert(std::fs::canonicalize(path).map_err(unreadable)?) {
            return Ok(());
        }
        for entry in std::fs::read_dir(path).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if !is_passed_over(&path) {
                self.entry(&path)?;
            }
        }
        Ok(())
    }

    /// Something that a folder or a pattern has named.
    fn entry(&mut self, path: &Path) -> Result<()> {
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                if self.is_recursive {
                    self.folder(path)?;
                }
                Ok(())
            }
            // Pipes, devices and the like are no files.
            Ok(metadata) if !metadata.is_file() => Ok(()),
            Ok(metadata) => self.file(path, &metadata),
            // It has gone since it was named, or is a link to nowhere.
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
            Err(e) => Err(Error::io(format!("the file {} cannot be read", path.display()), e)),
        }
    }

    fn file(&mut self, path: &Path, metadata: &Metadata) -> Result<()> {
        let shown = path.display();
        if !metadata.is_file() {
            return Err(Error::invalid(format!("the input {shown} is neither a file nor a folder; name one that is")));
        }
        let Some(name) = path.to_str() else {
            return Err(Error::invalid(format!("the name of the file {shown} is not UTF-8; rename it")));
        };
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        if COMPRESSED.iter().any(|compressed| ending == *compressed) {
            return Err(Error::invalid(format!(
                "the file {shown} is compressed, which cannot be read yet; unpack it, or name the other files by a pattern"
            )));
        }
        let since_epoch = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified_ns = since_epoch.and_then(|time| i64::try_from(time.as_nanos()).ok()).unwrap_or(0);
        self.found.push(FoundFile { path: name.to_owned(), len: metadata.len(), modified_ns });
        Ok(())
    }
}
