//! Snapshots, and stores that start from them.

use super::*;

#[test]
fn a_large_store_is_split_and_merged() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Configuration::new();
    config.set("state.backend.rocksdb.compaction.level.target-file-size-base", "64 kb");
    let mut expected = entries(ALL, 0..500, 1);
    let whole = open(&folder.path().join("whole"), ALL, &[], &config).unwrap();
    put(&*whole, &expected);
    compact(&whole);
    // Some in other tables, some deleted.
    let newer = entries(ALL, 100..200, 2);
    put(&*whole, &newer);
    expected.extend(newer);
    whole.delete_range(&key(5, 0), &key(6, 100)).unwrap();
    expected.retain(|entry, _| !(key(5, 0)..key(6, 100)).contains(entry));
    let from = folder.path().join("snapshot");
    whole.snapshot(&from).unwrap();
    drop(whole);

    let parts = [(0, 3), (3, 8), (8, 12)].map(|(start, end)| KeyGroupRange { start, end });
    let mut taken = Vec::new();
    for (n, range) in parts.into_iter().enumerate() {
        let store = open(&folder.path().join(format!("part-{n}")), range, &[(ALL, &from)], &config).unwrap();
        let of_range: Entries = expected
            .iter()
            .filter(|(key, _)| range.contains(KeyGroup(u16::from_be_bytes([key[0], key[1]]))))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        assert_eq!(contents(&*store).unwrap(), of_range);
        let (has, had) = (store.size().disk, std::fs::read_dir(&from).unwrap());
        let had: u64 = had.map(|file| file.unwrap().metadata().unwrap().len()).sum();
        assert!(has * 10 < had * 7, "{has} of {had} bytes are still there");
        taken.push(folder.path().join(format!("snapshot-{n}")));
        store.snapshot(&taken[n]).unwrap();
    }
    let restored: Vec<(KeyGroupRange, &Path)> = parts.into_iter().zip(taken.iter().map(PathBuf::as_path)).collect();
    let merged = open(&folder.path().join("merged"), ALL, &restored, &config).unwrap();
    assert_eq!(contents(&*merged).unwrap(), expected);
    compact(&merged);
    assert_eq!(contents(&*merged).unwrap(), expected);
    assert!(!folder.path().join("merged/other-0").exists(), "files that were needed for a while are gone");
}

#[test]
fn tables_keep_their_names_and_no_two_are_called_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let config = Configuration::new();
    let first = open(&folder.path().join("first"), ALL, &[], &config).unwrap();
    put(&*first, &entries(ALL, 0..100, 1));
    let from = folder.path().join("snapshot");
    let old = tables(&first.snapshot(&from).unwrap());
    assert_eq!(old, tables(&first.snapshot(&folder.path().join("again")).unwrap()), "nothing has changed");
    drop(first);

    // Two stores go on from the same snapshot, and write as many tables each.
    let mut new = Vec::new();
    for n in 0..2 {
        let store = open(&folder.path().join(format!("store-{n}")), ALL, &[(ALL, &from)], &config).unwrap();
        put(&*store, &entries(ALL, 100..200, n));
        let names = tables(&store.snapshot(&folder.path().join(format!("snapshot-{n}"))).unwrap());
        assert!(old.iter().all(|name| names.contains(name)), "{old:?} {names:?}");
        new.extend(names.into_iter().filter(|name| !old.contains(name)));
    }
    assert_eq!(new.len(), 2);
    assert_ne!(new[0], new[1]);
}

#[test]
fn a_dropped_store_leaves_its_files_alone_and_a_snapshot_needs_none_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let config = Configuration::new();
    let expected = entries(ALL, 0..100, 1);
    let store = open(&folder.path().join("store"), ALL, &[], &config).unwrap();
    put(&*store, &expected);
    let from = folder.path().join("snapshot");
    let files = store.snapshot(&from).unwrap();
    put(&*store, &entries(ALL, 50..150, 2));
    drop(store);
    std::fs::remove_dir_all(folder.path().join("store")).unwrap();
    let before: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(from.join(&file.name)).unwrap()).collect();
    let restored = open(&folder.path().join("restored"), ALL, &[(ALL, &from)], &config).unwrap();
    assert_eq!(contents(&*restored).unwrap(), expected);
    put(&*restored, &entries(ALL, 0..200, 3));
    compact(&restored);
    drop(restored);
    let after: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(from.join(&file.name)).unwrap()).collect();
    assert!(before == after, "files of the snapshot were changed");
}
