//! The plainest store: a sorted map in memory, whose snapshot is one file for every few key groups and a list of them.
//!
//! It is what the simulator runs on and what other stores are compared with. It is not meant for much state: nothing
//! is compressed, and every snapshot turns everything into bytes. A file is called by what is in it, so later snapshots
//! share those that have not changed.
//!
//! A file is: `FLMS`, format version (u8), then for each entry length of the key (u32), length of the value (u32),
//! key and value, in order of the keys; at the end the length `u32::MAX` and the xxh3 of all before it (u64). Numbers
//! are little-endian. The list is the file `LIST`: a line with each file's name, and the xxh3 of those lines.

#![expect(clippy::disallowed_methods, reason = "a store's snapshot is files in a folder; its callers may block")]

use super::{
    ABOUT_GROUP, Found, KEY_HEAD, KeyedStore, OpenStore, RestoredStore, Rows, STAMP_HEAD, StateBackend, StateNumber,
    StoreFile, StoreSize, Visit, WriteBatch,
};
use flott_core::{Error, KeyGroup, KeyGroupRange, ProcessingTime, Result};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64;

const MAGIC: &[u8; 4] = b"FLMS";
const VERSION: u8 = 1;
/// Stands where a key's length would, after the last entry.
const END: u32 = u32::MAX;
/// Says which files a snapshot has.
const LIST: &str = "LIST";
/// Key groups whose entries are in one file.
const GROUPS_OF_A_FILE: u16 = 16;

/// Makes [`MemoryStore`]s.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryBackend;

impl StateBackend for MemoryBackend {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn open(&self, open: OpenStore<'_>) -> Result<Arc<dyn KeyedStore>> {
        let mut contents = Contents::default();
        for restored in &open.restored {
            read(restored, open.range, &mut contents)?;
        }
        Ok(Arc::new(MemoryStore { contents: RwLock::new(contents) }))
    }
}

/// A sorted map in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    contents: RwLock<Contents>,
}

#[derive(Debug, Default)]
struct Contents {
    entries: BTreeMap<Box<[u8]>, Box<[u8]>>,
    /// Bytes of all keys and values.
    bytes: u64,
    ttls: BTreeMap<StateNumber, Duration>,
    now: Option<ProcessingTime>,
}

impl Contents {
    fn put(&mut self, key: &[u8], value: &[u8]) {
        self.bytes += (key.len() + value.len()) as u64;
        if let Some(old) = self.entries.insert(key.into(), value.into()) {
            self.bytes -= (key.len() + old.len()) as u64;
        }
    }

    fn remove(&mut self, key: &[u8]) {
        if let Some(old) = self.entries.remove(key) {
            self.bytes -= (key.len() + old.len()) as u64;
        }
    }

    fn drop_expired(&mut self) {
        let (Some(now), false) = (self.now, self.ttls.is_empty()) else { return };
        let expired = |key: &[u8], value: &[u8]| {
            let ttl = key.first_chunk::<KEY_HEAD>().and_then(state_of).and_then(|state| self.ttls.get(&state));
            let stamp = value.first_chunk::<STAMP_HEAD>().map(|stamp| ProcessingTime(i64::from_le_bytes(*stamp)));
            matches!((ttl, stamp), (Some(ttl), Some(stamp)) if stamp.plus(*ttl) <= now)
        };
        self.entries.retain(|key, value| !expired(key, value));
        self.bytes = self.entries.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum();
    }
}

impl MemoryStore {
    fn contents(&self) -> RwLockReadGuard<'_, Contents> {
        self.contents.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn contents_mut(&self) -> RwLockWriteGuard<'_, Contents> {
        self.contents.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyedStore for MemoryStore {
    fn get_all(&self, keys: &Rows, found: &mut Found<'_>) -> Result<()> {
        let contents = self.contents();
        keys.iter().enumerate().try_for_each(|(n, key)| found(n, contents.entries.get(key).map(|value| &**value)))
    }

    fn write(&self, batch: &WriteBatch) -> Result<()> {
        let mut contents = self.contents_mut();
        for (key, value) in batch.iter() {
            match value {
                Some(value) => contents.put(key, value),
                None => contents.remove(key),
            }
        }
        Ok(())
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<()> {
        if from >= to {
            return Ok(());
        }
        let contents = self.contents();
        for (key, value) in contents.entries.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to))) {
            if !visit(key, value)? {
                break;
            }
        }
        Ok(())
    }

    fn delete_range(&self, from: &[u8], to: &[u8]) -> Result<()> {
        if from >= to {
            return Ok(());
        }
        let mut contents = self.contents_mut();
        let bounds = (Bound::Included(from), Bound::Excluded(to));
        let keys: Vec<Box<[u8]>> = contents.entries.range::<[u8], _>(bounds).map(|(key, _)| key.clone()).collect();
        keys.iter().for_each(|key| contents.remove(key));
        Ok(())
    }

    fn snapshot(&self, folder: &Path) -> Result<Vec<StoreFile>> {
        self.contents_mut().drop_expired();
        let parents = folder.parent().map_or(Ok(()), fs::create_dir_all);
        parents
            .and_then(|()| fs::create_dir(folder))
            .map_err(|e| Error::io(format!("the folder `{}` for a snapshot cannot be made", folder.display()), e))?;
        write_files(folder, &self.contents().entries)
            .map_err(|e| Error::io(format!("the snapshot in `{}` cannot be written", folder.display()), e))
    }

    fn expire_after(&self, state: StateNumber, ttl: Duration) {
        self.contents_mut().ttls.insert(state, ttl);
    }

    fn set_now(&self, now: ProcessingTime) {
        self.contents_mut().now = Some(now);
    }

    fn size(&self) -> StoreSize {
        let contents = self.contents();
        StoreSize { entries: contents.entries.len() as u64, disk: 0, memory: contents.bytes }
    }
}

/// The state that a key belongs to; none, if the key says something about a state.
fn state_of(head: &[u8; KEY_HEAD]) -> Option<StateNumber> {
    let [a, b, state @ ..] = *head;
    (u16::from_be_bytes([a, b]) != ABOUT_GROUP.0).then(|| StateNumber(u32::from_be_bytes(state)))
}

/// Writes a snapshot's files and says what they are.
fn write_files(folder: &Path, entries: &BTreeMap<Box<[u8]>, Box<[u8]>>) -> io::Result<Vec<StoreFile>> {
    let mut files = Vec::new();
    let mut list = String::new();
    let mut rest = entries.iter().peekable();
    while let Some((first, _)) = rest.peek() {
        let place = file_of(first);
        let mut bytes = [MAGIC, &[VERSION][..]].concat();
        while let Some((key, value)) = rest.next_if(|(key, _)| file_of(key) == place) {
            bytes.extend_from_slice(&length(key)?.to_le_bytes());
            bytes.extend_from_slice(&length(value)?.to_le_bytes());
            bytes.extend_from_slice(key);
            bytes.extend_from_slice(value);
        }
        bytes.extend_from_slice(&END.to_le_bytes());
        let hash = xxh3_64(&bytes);
        bytes.extend_from_slice(&hash.to_le_bytes());
        let name = format!("{place}-{hash:016x}");
        write_file(&folder.join(&name), &bytes)?;
        list.push_str(&format!("{name}\n"));
        files.push(StoreFile { name, len: bytes.len() as u64, shared: true });
    }
    list.push_str(&format!("{:016x}\n", xxh3_64(list.as_bytes())));
    write_file(&folder.join(LIST), list.as_bytes())?;
    files.push(StoreFile { name: LIST.to_owned(), len: list.len() as u64, shared: false });
    Ok(files)
}

fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    File::create_new(path)?.write_all(bytes)
}

/// Which file a key's entry is in.
fn file_of(key: &[u8]) -> u16 {
    key.first_chunk::<2>().map_or(0, |group| u16::from_be_bytes(*group) / GROUPS_OF_A_FILE)
}

fn length(bytes: &[u8]) -> io::Result<u32> {
    let too_long = || io::Error::new(io::ErrorKind::FileTooLarge, "a key or a value has more than 4 GB");
    u32::try_from(bytes.len()).ok().filter(|len| *len != END).ok_or_else(too_long)
}

/// The names of a snapshot's files.
fn read_list(folder: &Path) -> Result<Vec<String>> {
    let path = folder.join(LIST);
    let corrupt = |why: &str| corrupt(&path, why);
    let text = fs::read_to_string(&path).map_err(|e| corrupt(&e.to_string()).with_source(e))?;
    let (lines, sum) = text.split_at(text.trim_end_matches('\n').rfind('\n').map_or(0, |end| end + 1));
    if sum != format!("{:016x}\n", xxh3_64(lines.as_bytes())) {
        return Err(corrupt("its checksum is wrong"));
    }
    Ok(lines.lines().map(str::to_owned).collect())
}

fn corrupt(path: &Path, why: &str) -> Error {
    Error::corrupt(format!("the snapshot `{}` cannot be read: {why}; start from an older one", path.display()))
}

/// Adds the entries of a snapshot that belong to `range`.
fn read(restored: &RestoredStore, range: KeyGroupRange, contents: &mut Contents) -> Result<()> {
    read_list(&restored.folder)?.iter().try_for_each(|name| read_file(&restored.folder.join(name), range, contents))
}

fn read_file(path: &Path, range: KeyGroupRange, contents: &mut Contents) -> Result<()> {
    let corrupt = |why: &str| corrupt(path, why);
    let bytes = fs::read(path).map_err(|e| corrupt(&e.to_string()).with_source(e))?;
    let (body, hash) = bytes.split_last_chunk::<8>().ok_or_else(|| corrupt("it is too short"))?;
    if xxh3_64(body) != u64::from_le_bytes(*hash) {
        return Err(corrupt("its checksum is wrong"));
    }
    let mut rest = body;
    if take(&mut rest, MAGIC.len()) != Some(MAGIC) {
        return Err(corrupt("it is no snapshot of a store in memory"));
    }
    let version = take(&mut rest, 1).map_or(0, |byte| byte[0]);
    if version != VERSION {
        return Err(corrupt(&format!("its format has version {version}, and this Flott knows {VERSION}")));
    }
    loop {
        let key_len = take_length(&mut rest).ok_or_else(|| corrupt("it ends too early"))?;
        if key_len == END {
            return Ok(());
        }
        let entry = take_length(&mut rest)
            .and_then(|value_len| Some((take(&mut rest, key_len as usize)?, take(&mut rest, value_len as usize)?)));
        let (key, value) = entry.ok_or_else(|| corrupt("it ends too early"))?;
        if belongs(key, range) {
            contents.put(key, value);
        }
    }
}

/// Whether a store for `range` has the key.
fn belongs(key: &[u8], range: KeyGroupRange) -> bool {
    let group = key.first_chunk::<2>().map(|group| KeyGroup(u16::from_be_bytes(*group)));
    group.is_some_and(|group| group == ABOUT_GROUP || range.contains(group))
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(len)?;
    *rest = left;
    Some(taken)
}

fn take_length(rest: &mut &[u8]) -> Option<u32> {
    let (taken, left) = rest.split_first_chunk::<4>()?;
    *rest = left;
    Some(u32::from_le_bytes(*taken))
}

#[cfg(test)]
mod tests {
    use super::super::conformance;
    use super::*;
    use flott_core::{Configuration, ErrorKind};

    #[test]
    fn the_store_in_memory_keeps_the_contract() {
        for seed in 0..4 {
            let folder = tempfile::tempdir().unwrap();
            conformance::run(&MemoryBackend, folder.path(), seed, 25_000).unwrap();
        }
    }

    fn restore(folder: &Path) -> Result<Arc<dyn KeyedStore>> {
        let range = KeyGroupRange { start: 0, end: 8 };
        MemoryBackend.open(OpenStore {
            folder: folder.join("store"),
            range,
            restored: vec![RestoredStore { range, folder: folder.join("snapshot") }],
            config: &Configuration::new(),
        })
    }

    #[test]
    fn a_damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let store = MemoryStore::default();
        let mut batch = WriteBatch::new();
        batch.put(&[0, 1, 0, 0, 0, 0, 7], b"value");
        store.write(&batch).unwrap();
        let files = store.snapshot(&folder.path().join("snapshot")).unwrap();
        assert_eq!(restore(folder.path()).unwrap().size(), store.size());

        assert_eq!(files.len(), 2);
        for file in files {
            let path = folder.path().join("snapshot").join(&file.name);
            let whole = fs::read(&path).unwrap();
            assert_eq!(whole.len() as u64, file.len);
            let mut damaged: Vec<Vec<u8>> = (0..whole.len()).map(|len| whole[..len].to_vec()).collect();
            damaged.extend((0..whole.len()).map(|at| {
                let mut flipped = whole.clone();
                flipped[at] ^= 1;
                flipped
            }));
            for bytes in damaged {
                fs::write(&path, bytes).unwrap();
                let error = restore(folder.path()).err().unwrap();
                assert_eq!(error.kind(), ErrorKind::Corrupt);
                assert!(error.to_string().contains(&format!("snapshot/{}", file.name)), "{error}");
            }
            fs::remove_file(&path).unwrap();
            assert_eq!(restore(folder.path()).err().unwrap().kind(), ErrorKind::Corrupt);
            fs::write(&path, whole).unwrap();
        }
        assert_eq!(store.snapshot(&folder.path().join("snapshot")).err().unwrap().kind(), ErrorKind::Invalid);
    }
}
