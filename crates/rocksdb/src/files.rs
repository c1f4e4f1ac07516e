//! The files of a snapshot: their names, and the list that says what belongs to it.
//!
//! RocksDB numbers its files anew in every database, so two stores that were restored from one snapshot would call
//! different files by one name. In a snapshot a table's file is therefore called `ID-NUMBER.sst`, with the id of the
//! database that has written it; a store that was restored from it keeps that name for it. RocksDB makes the id at
//! random whenever a store is opened.
//!
//! The list is the file `STORE`: the line `flott rocksdb VERSION`, for each file a line of its length, its xxh3 (`-` for
//! tables, which have checksums inside) and its name, and at the end a line with the xxh3 of all before it.

#![expect(clippy::disallowed_methods, reason = "a store's snapshot is files in a folder; its callers may block")]

use flott_core::{Error, Result};
use flott_state::store::StoreFile;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

const HEAD: &str = "flott rocksdb 1";
/// The list's own name.
const LIST: &str = "STORE";
const TABLE_END: &str = ".sst";

/// What the tables of an open store are called in its snapshots.
#[derive(Debug)]
pub(crate) struct Names {
    /// Where the tables that were there already come from: their numbers and names.
    pub(crate) inherited: BTreeMap<u64, String>,
    id: String,
}

impl Names {
    /// For a database with this identity, which was opened with these tables in it.
    pub(crate) fn new(identity: &[u8], inherited: BTreeMap<u64, String>) -> Names {
        Names { inherited, id: format!("{:016x}", xxh3_64(identity)) }
    }

    fn of(&self, number: u64) -> String {
        self.inherited.get(&number).cloned().unwrap_or_else(|| format!("{}-{number:06}{TABLE_END}", self.id))
    }
}

/// The name in the snapshot of a table that a message of RocksDB's is about, if it comes from one.
pub(crate) fn mentioned<'a>(message: &str, inherited: &'a BTreeMap<u64, String>) -> Option<&'a str> {
    inherited.iter().find(|(number, _)| message.contains(&table(**number))).map(|(_, name)| name.as_str())
}

/// What RocksDB calls a table.
fn table(number: u64) -> String {
    format!("{number:06}{TABLE_END}")
}

fn number_of(name: &str) -> Option<u64> {
    let stem = name.strip_suffix(TABLE_END)?;
    stem.rsplit('-').next()?.parse().ok()
}

/// Makes a snapshot of a checkpoint that RocksDB has made in `folder`: gives the tables their names, removes what is
/// not needed, and writes the list.
pub(crate) fn seal(folder: &Path, names: &Names) -> Result<Vec<StoreFile>> {
    seal_files(folder, names)
        .map_err(|e| Error::io(format!("the snapshot in `{}` cannot be written", folder.display()), e))
}

fn seal_files(folder: &Path, names: &Names) -> io::Result<Vec<StoreFile>> {
    let mut files = Vec::new();
    let mut list = format!("{HEAD}\n");
    let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<io::Result<_>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let len = entry.metadata()?.len();
        if let Some(number) = number_of(&name) {
            let name = names.of(number);
            fs::rename(entry.path(), folder.join(&name))?;
            list.push_str(&format!("{len} - {name}\n"));
            files.push(StoreFile { name, len, shared: true });
        } else if name == "CURRENT" || name.starts_with("MANIFEST-") {
            let hash = xxh3_64(&fs::read(entry.path())?);
            list.push_str(&format!("{len} {hash:016x} {name}\n"));
            files.push(StoreFile { name, len, shared: false });
        } else {
            // Options come from the configuration, and there is no write-ahead log.
            fs::remove_file(entry.path())?;
        }
    }
    list.push_str(&format!("{:016x}\n", xxh3_64(list.as_bytes())));
    fs::write(folder.join(LIST), &list)?;
    files.push(StoreFile { name: LIST.to_owned(), len: list.len() as u64, shared: false });
    Ok(files)
}

/// A file that a list names.
struct Listed {
    name: String,
    len: u64,
    hash: Option<u64>,
}

/// Puts the files of the snapshot in `from` into `to`, which does not exist yet, under the names that RocksDB knows them
/// by, after it has checked that all are there. Returns the numbers of the tables and their names in the snapshot.
///
/// Tables are linked where that is possible, and not read: RocksDB does that, and checks what it reads.
pub(crate) fn unpack(from: &Path, to: &Path) -> Result<BTreeMap<u64, String>> {
    let listed = read_list(from)?;
    make_folder(to)?;
    let mut tables = BTreeMap::new();
    for file in listed {
        let path = from.join(&file.name);
        let damaged = |why: String| Error::corrupt(format!("`{}` {why}; start from an older snapshot", path.display()));
        let len = fs::metadata(&path).map_err(|e| damaged(format!("cannot be read: {e}")).with_source(e))?.len();
        if len != file.len {
            return Err(damaged(format!("has {len} bytes and should have {}", file.len)));
        }
        let written = match file.hash {
            Some(hash) => {
                let bytes = fs::read(&path).map_err(|e| damaged(format!("cannot be read: {e}")).with_source(e))?;
                if xxh3_64(&bytes) != hash {
                    return Err(damaged("has another checksum than it should".to_owned()));
                }
                fs::write(to.join(&file.name), bytes)
            }
            None => {
                let number = number_of(&file.name).ok_or_else(|| damaged("has no number".to_owned()))?;
                let target = to.join(table(number));
                if tables.insert(number, file.name.clone()).is_some() {
                    return Err(damaged("has the number of another table".to_owned()));
                }
                // Two file systems cannot share a file.
                fs::hard_link(&path, &target).or_else(|_| fs::copy(&path, &target).map(drop))
            }
        };
        written.map_err(|e| Error::io(format!("`{}` cannot be put into `{}`", path.display(), to.display()), e))?;
    }
    Ok(tables)
}

fn read_list(folder: &Path) -> Result<Vec<Listed>> {
    let path = folder.join(LIST);
    let damaged = |why: &str| {
        Error::corrupt(format!("the list of a RocksDB snapshot `{}` {why}; start from an older one", path.display()))
    };
    let bytes = fs::read(&path).map_err(|e| damaged(&format!("cannot be read: {e}")).with_source(e))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| damaged("is no text"))?;
    let body = text.trim_end_matches('\n').rfind('\n').map(|at| &text[..=at]).ok_or_else(|| damaged("is too short"))?;
    if text[body.len()..] != format!("{:016x}\n", xxh3_64(body.as_bytes())) {
        return Err(damaged("has another checksum than it should"));
    }
    let mut lines = body.lines();
    let head = lines.next().unwrap_or_default();
    if head != HEAD {
        return Err(damaged(&format!("begins with `{head}`, and this Flott knows `{HEAD}`")));
    }
    lines.map(|line| listed(line).ok_or_else(|| damaged(&format!("has the line `{line}`")))).collect()
}

fn listed(line: &str) -> Option<Listed> {
    let mut parts = line.splitn(3, ' ');
    let len = parts.next()?.parse().ok()?;
    let hash = match parts.next()? {
        "-" => None,
        hash => Some(u64::from_str_radix(hash, 16).ok()?),
    };
    let name = parts.next().filter(|name| !name.contains(['/', '\\']) && !name.starts_with('.'))?;
    Some(Listed { name: name.to_owned(), len, hash })
}

/// Makes a folder that does not exist yet.
pub(crate) fn make_folder(folder: &Path) -> Result<()> {
    folder
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::create_dir(folder))
        .map_err(|e| Error::io(format!("the folder `{}` cannot be made", folder.display()), e))
}

/// Makes the folder in which another one is going to be made, and sees to it that that one is not there.
pub(crate) fn make_room(folder: &Path) -> Result<()> {
    make_folder(folder)?;
    fs::remove_dir(folder).map_err(|e| Error::io(format!("the folder `{}` cannot be made", folder.display()), e))
}

/// Removes a folder and what is in it.
pub(crate) fn remove_folder(folder: &Path) -> Result<()> {
    fs::remove_dir_all(folder).map_err(|e| Error::io(format!("the folder `{}` cannot be removed", folder.display()), e))
}
