//! Files of snapshots that are missing, too short, or have other bytes: an error that names the file, or what was
//! written, and never anything else.

use super::*;

/// A snapshot of two tables, one with deletions, and what is in it.
fn snapshot(folder: &Path) -> (Vec<StoreFile>, Entries) {
    let store = open(&folder.join("store"), ALL, &[], &Configuration::new()).unwrap();
    let mut expected = entries(ALL, 0..100, 1);
    put(&*store, &expected);
    compact(&store);
    let newer = entries(ALL, 50..150, 2);
    put(&*store, &newer);
    expected.extend(newer);
    store.delete_range(&key(2, 0), &key(2, 60)).unwrap();
    expected.retain(|entry, _| !(key(2, 0)..key(2, 60)).contains(entry));
    (store.snapshot(&folder.join("snapshot")).unwrap(), expected)
}

/// Opens a store from the snapshot and reads everything twice.
fn read(folder: &Path, n: usize, keys: &[Vec<u8>]) -> Result<(Entries, Vec<Option<Vec<u8>>>)> {
    let store =
        open(&folder.join(format!("restored-{n}")), ALL, &[(ALL, &folder.join("snapshot"))], &Configuration::new())?;
    Ok((contents(&*store)?, values(&*store, keys)?))
}

#[test]
fn damaged_files_are_named_or_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let (files, expected) = snapshot(folder.path());
    assert_eq!(tables(&files).len(), 2);
    let keys: Vec<Vec<u8>> = entries(ALL, 0..150, 1).into_keys().collect();
    let sound = (expected.clone(), keys.iter().map(|key| expected.get(key).cloned()).collect::<Vec<_>>());
    assert!(read(folder.path(), 0, &keys).unwrap() == sound);

    let mut runs = 0;
    let mut refused = 0;
    for file in &files {
        let path = folder.path().join("snapshot").join(&file.name);
        let whole = std::fs::read(&path).unwrap();
        // No write goes to the file itself: the store has linked it.
        let mut damaged: Vec<(String, Option<Vec<u8>>)> = vec![("is gone".to_owned(), None)];
        for len in [0, 1, whole.len() / 2, whole.len() - 1] {
            damaged.push((format!("has {len} bytes"), Some(whole[..len].to_vec())));
        }
        for at in (0..whole.len()).step_by((whole.len() / 25).max(1)).chain(whole.len().saturating_sub(60)..whole.len())
        {
            let mut other = whole.clone();
            other[at] ^= 0x10;
            damaged.push((format!("has another byte at {at}"), Some(other)));
        }
        for (what, bytes) in damaged {
            runs += 1;
            std::fs::remove_file(&path).unwrap();
            let has_whole_length = bytes.as_ref().is_some_and(|bytes| bytes.len() == whole.len());
            if let Some(bytes) = bytes {
                std::fs::write(&path, bytes).unwrap();
            } else {
                assert!(!has_whole_length);
            }
            match read(folder.path(), runs, &keys) {
                Ok(found) => {
                    assert!(has_whole_length, "{} {what}, and nobody has noticed", file.name);
                    assert!(found == sound, "{} {what}, and something else was read", file.name);
                }
                Err(error) => {
                    refused += 1;
                    assert_eq!(error.kind(), ErrorKind::Corrupt, "{} {what}: {error}", file.name);
                    assert!(error.to_string().contains(&file.name), "{} {what}: {error}", file.name);
                }
            }
            std::fs::write(&path, &whole).unwrap();
        }
    }
    assert!(refused * 10 > runs * 9, "{refused} of {runs}");
}

#[test]
fn a_damaged_snapshot_that_is_merged_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = snapshot(folder.path());
    let path = folder.path().join("snapshot").join(&tables(&files)[0]);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[1000] ^= 1;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, bytes).unwrap();
    let base = KeyGroupRange { start: 12, end: 40 };
    let store = open(&folder.path().join("base"), base, &[], &Configuration::new()).unwrap();
    store.snapshot(&folder.path().join("base-snapshot")).unwrap();
    let restored = [(ALL, folder.path().join("snapshot")), (base, folder.path().join("base-snapshot"))];
    let restored: Vec<(KeyGroupRange, &Path)> = restored.iter().map(|(range, path)| (*range, path.as_path())).collect();
    let all = KeyGroupRange { start: 0, end: 40 };
    let error = open(&folder.path().join("merged"), all, &restored, &Configuration::new()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains(&tables(&files)[0]), "{error}");
}
