//! RocksDB's errors as Flott's: the kind says what to do, the message names the file.

#![expect(clippy::disallowed_methods, reason = "the log in the store's folder says what has failed in the background")]

use crate::files::mentioned;
use flott_core::{Error, ErrorKind};
use rocksdb::ErrorKind as Rocks;
use std::collections::BTreeMap;
use std::path::Path;

/// How the system says that the disk, or this user's part of it, is full.
const FULL: [&str; 3] = ["No space left on device", "Disk quota exceeded", "File too large"];
/// How the system says that this user may not.
const FORBIDDEN: [&str; 2] = ["Permission denied", "Read-only file system"];

/// As [`failed`], and if it is about a table that comes from a snapshot, says what it is called there.
pub(crate) fn failed_on(doing: &str, folder: &Path, inherited: &BTreeMap<u64, String>, error: rocksdb::Error) -> Error {
    let name = mentioned(error.as_ref(), inherited).map(str::to_owned);
    let error = failed(doing, folder, error);
    match name {
        Some(name) => error.in_context(format!("the file `{name}` of the snapshot that it comes from")),
        None => error,
    }
}

/// What has failed on the store in `folder`: `doing` is what was tried, such as "be read".
pub(crate) fn failed(doing: &str, folder: &Path, error: rocksdb::Error) -> Error {
    let text = error.to_string();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
    let (kind, advice) = if says(&FULL) {
        (ErrorKind::Unavailable, "free some space; the job goes on by itself when there is room")
    } else if says(&FORBIDDEN) {
        (ErrorKind::Invalid, "give this user access to it")
    } else {
        match error.kind() {
            // A file that is not there, or not as long as it was, is damage too.
            Rocks::Corruption | Rocks::NotFound => (ErrorKind::Corrupt, "state is restored from a checkpoint"),
            Rocks::IOError if text.contains("No such file") => {
                (ErrorKind::Corrupt, "state is restored from a checkpoint")
            }
            Rocks::IOError | Rocks::TimedOut | Rocks::TryAgain | Rocks::Busy | Rocks::Incomplete => {
                (ErrorKind::Unavailable, "it is tried again by the restart strategy")
            }
            _ => (ErrorKind::Internal, "this is a bug in Flott"),
        }
    };
    Error::new(kind, format!("the RocksDB store in `{}` cannot {doing}: {text}; {advice}", folder.display()))
        .with_source(error)
}

/// That the store in `folder` takes no writes because what it does in the background has failed. What that was stands in
/// its log only.
pub(crate) fn stalled(folder: &Path) -> Error {
    let log = std::fs::read_to_string(folder.join("LOG")).unwrap_or_default();
    let last = log.lines().rfind(|line| line.contains("error: ")).and_then(|line| line.split_once("error: "));
    let why = last.map_or("its log says why", |(_, why)| why);
    let (kind, advice) = if FULL.iter().any(|phrase| why.contains(phrase)) {
        (ErrorKind::Unavailable, "free some space; the job goes on by itself when there is room")
    } else {
        (ErrorKind::Unavailable, "it is tried again by the restart strategy")
    };
    Error::new(kind, format!("the RocksDB store in `{}` cannot be written: {why}; {advice}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error as RocksDB words it. There is no other way to make one.
    fn rocks(folder: &Path) -> rocksdb::Error {
        rocksdb::DB::open(&rocksdb::Options::default(), folder).err().unwrap()
    }

    #[test]
    fn an_error_names_the_folder_and_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let error = failed("be opened", folder.path(), rocks(folder.path()));
        assert_eq!(error.kind(), ErrorKind::Internal, "an option of ours was wrong: {error}");
        assert!(error.to_string().contains(&folder.path().display().to_string()), "{error}");
    }
}
