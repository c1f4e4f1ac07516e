//! Files of keyed state: when they are full, what they hold, what is refused.

use super::*;
use flott_core::{ErrorKind, codec};

fn fill(state: &mut KeyedState<u64>, value: &ValueState<u64>, keys: std::ops::Range<u64>) {
    for key in keys {
        state.set_key(&key);
        value.update(state, || 0, |n| *n += 1).unwrap();
    }
}

#[test]
fn only_changes_are_written_until_they_outgrow_the_whole() {
    let (mut disk, mut state) = (Disk::default(), single::<u64>());
    let value = ValueState::<u64>::register(&mut state, "value", None).unwrap();
    fill(&mut state, &value, 0..10_000);
    let full = disk.snapshot(&mut state, false);
    assert_eq!(full.files.len(), 1);
    let unchanged = disk.snapshot(&mut state, false);
    assert_eq!(unchanged.files.len(), 1, "nothing changed, so nothing is written");
    fill(&mut state, &value, 0..100);
    let changed = disk.snapshot(&mut state, false);
    assert_eq!(changed.files.len(), 2);
    assert!(changed.files[1].len() < full.files[0].len() / 20);
    let mut lengths = Vec::new();
    for _ in 0..4 {
        fill(&mut state, &value, 0..6_000);
        lengths.push(disk.snapshot(&mut state, false).files.len());
    }
    assert_eq!(lengths, [3, 4, 1, 2], "after more changes than the whole has bytes comes a full file");
}

#[test]
fn a_chain_has_an_end() {
    let (mut disk, mut state) = (Disk::default(), single::<u64>());
    let value = ValueState::<u64>::register(&mut state, "value", None).unwrap();
    fill(&mut state, &value, 0..100_000);
    let longest = (0..200).map(|n| {
        fill(&mut state, &value, n..n + 1);
        disk.snapshot(&mut state, false).files.len()
    });
    assert_eq!(longest.max(), Some(64));
}

#[test]
fn a_full_snapshot_starts_a_chain_and_a_savepoint_does_not() {
    let (mut disk, mut state) = (Disk::default(), single::<u64>());
    let value = ValueState::<u64>::register(&mut state, "value", None).unwrap();
    fill(&mut state, &value, 0..1000);
    disk.snapshot(&mut state, false);
    fill(&mut state, &value, 0..10);
    let savepoint = disk.savepoint(&mut state);
    let next = disk.snapshot(&mut state, false);
    assert_eq!((savepoint.files.len(), next.files.len()), (1, 2));
    assert!(next.files.iter().all(|f| f.path() != savepoint.files[0].path()));
    let full = disk.snapshot(&mut state, true);
    assert_eq!(full.files.len(), 1);
    for saved in [disk.save(&savepoint), disk.save(&next), disk.save(&full)] {
        let mut state = disk.restore::<u64>(&[saved], groups(128), groups(128).all());
        let value = ValueState::<u64>::register(&mut state, "value", None).unwrap();
        assert_eq!(state.entry_count(), 1000);
        state.set_key(&5);
        assert_eq!(value.get(&mut state).unwrap(), Some(&2));
    }
}

#[test]
fn a_removed_key_stays_removed_and_may_come_back() {
    let (mut disk, mut state) = (Disk::default(), single::<u64>());
    let value = ValueState::<u64>::register(&mut state, "value", None).unwrap();
    fill(&mut state, &value, 0..1000);
    disk.snapshot(&mut state, false);
    for key in 0..3 {
        state.set_key(&key);
        value.clear(&mut state).unwrap();
    }
    state.set_key(&1);
    value.set(&mut state, 77).unwrap();
    disk.snapshot(&mut state, false);
    state.set_key(&2);
    value.set(&mut state, 88).unwrap();
    let last = disk.snapshot(&mut state, false);
    assert_eq!(last.files.len(), 3);
    let saved = disk.save(&last);
    let mut state = disk.restore::<u64>(&[saved], groups(128), groups(128).all());
    let value = ValueState::<u64>::register(&mut state, "value", None).unwrap();
    for (key, expected) in [(0, None), (1, Some(77)), (2, Some(88)), (3, Some(1))] {
        state.set_key(&key);
        assert_eq!(value.get(&mut state).unwrap().copied(), expected, "key {key}");
    }
}

#[test]
fn a_failed_upload_is_made_up_for_by_the_next_snapshot() {
    let (mut disk, mut state) = (Disk::default(), single::<u64>());
    let value = ValueState::<u64>::register(&mut state, "value", None).unwrap();
    fill(&mut state, &value, 0..1000);
    let failed = disk.snapshot(&mut state, false);
    assert!(!disk.write(&failed, 0));
    fill(&mut state, &value, 0..10);
    let failed = disk.snapshot(&mut state, false);
    assert!(!disk.write(&failed, 1));
    fill(&mut state, &value, 0..5);
    let good = disk.snapshot(&mut state, false);
    let saved = disk.save(&good);
    assert_eq!(saved.paths.len(), 3);
    let mut state = disk.restore::<u64>(&[saved], groups(128), groups(128).all());
    let value = ValueState::<u64>::register(&mut state, "value", None).unwrap();
    for (key, expected) in [(0, 3), (7, 2), (10, 1)] {
        state.set_key(&key);
        assert_eq!(value.get(&mut state).unwrap(), Some(&expected));
    }
}

#[test]
fn without_checkpoints_nothing_piles_up() {
    let mut state = single::<u64>();
    let value = ValueState::<u64>::register(&mut state, "value", None).unwrap();
    fill(&mut state, &value, 0..100);
    let mut churn = |rounds: u64| {
        for key in (0..rounds).map(|round| 100 + round % 50) {
            fill(&mut state, &value, key..key + 1);
            value.clear(&mut state).unwrap();
        }
        let noted = state.tables().map(|t| t.snapshot_bytes(super::super::table::Take::Changes)).sum::<usize>();
        (state.byte_count(), noted)
    };
    assert_eq!(churn(10_000), churn(10_000));
}

#[test]
fn state_that_no_one_registers_is_carried_along() {
    let mut state = single::<u64>();
    let value = ValueState::<u64>::register(&mut state, "value", None).unwrap();
    let other = ListState::<u64>::register(&mut state, "other", None).unwrap();
    fill(&mut state, &value, 0..100);
    state.set_key(&7);
    other.add(&mut state, 70).unwrap();
    for _ in 0..2 {
        state = restored(&mut state);
        let value = ValueState::<u64>::register(&mut state, "value", None).unwrap();
        fill(&mut state, &value, 0..10);
        assert_eq!(AnyKeyedState::unregistered(&state), ["other"]);
    }
    let mut state = restored(&mut state);
    let other = ListState::<u64>::register(&mut state, "other", None).unwrap();
    state.set_key(&7);
    assert_eq!(other.get(&mut state).unwrap(), [70]);
}

#[test]
fn state_that_is_registered_late_is_still_in_every_snapshot() {
    let ttl = Some(StateTtl::new(std::time::Duration::from_secs(1)));
    let (mut disk, mut state) = (Disk::default(), single::<u64>());
    let value = ValueState::<u64>::register(&mut state, "value", None).unwrap();
    fill(&mut state, &value, 0..100);
    let mut state = restored(&mut state);
    disk.snapshot(&mut state, false);
    let value = ValueState::<u64>::register(&mut state, "value", ttl).unwrap();
    fill(&mut state, &value, 0..1);
    let snapshot = disk.snapshot(&mut state, false);
    let saved = disk.save(&snapshot);
    let mut state = disk.restore::<u64>(&[saved], groups(128), groups(128).all());
    ValueState::<u64>::register(&mut state, "value", ttl).unwrap();
    assert_eq!(state.entry_count(), 100);
}

#[test]
fn a_full_file_makes_earlier_removals_void() {
    let (mut disk, mut state) = (Disk::default(), single::<u64>());
    let value = ValueState::<u64>::register(&mut state, "value", None).unwrap();
    fill(&mut state, &value, 0..100);
    disk.snapshot(&mut state, false);
    state.set_key(&1);
    value.clear(&mut state).unwrap();
    value.set(&mut state, 5).unwrap();
    disk.snapshot(&mut state, true);
    fill(&mut state, &value, 2..3);
    let snapshot = disk.snapshot(&mut state, false);
    let saved = disk.save(&snapshot);
    assert_eq!(saved.paths.len(), 2);
    let mut state = disk.restore::<u64>(&[saved], groups(128), groups(128).all());
    let value = ValueState::<u64>::register(&mut state, "value", None).unwrap();
    state.set_key(&1);
    assert_eq!(value.get(&mut state).unwrap(), Some(&5));
}

#[test]
fn another_kind_or_type_under_the_name_is_refused() {
    let mut state = single::<u64>();
    let value = ValueState::<String>::register(&mut state, "name", None).unwrap();
    state.set_key(&1);
    value.set(&mut state, "long enough".into()).unwrap();
    let mut again = restored(&mut state);
    let error = ListState::<String>::register(&mut again, "name", None).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("it is a value and the job registers a list"), "{error}");
    let mut again = restored(&mut state);
    let error = ValueState::<u64>::register(&mut again, "name", None).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("`name`") && error.to_string().contains("another name"), "{error}");
}

#[test]
fn a_file_that_is_none_is_refused() {
    let (mut disk, mut state) = (Disk::default(), single::<u64>());
    let value = ValueState::<u64>::register(&mut state, "value", None).unwrap();
    fill(&mut state, &value, 0..10);
    let file = disk.snapshot(&mut state, false).files[0].unwritten().unwrap();
    for len in 0..file.len() {
        let mut cut = single::<u64>();
        let result = AnyKeyedState::restore(&mut cut, file.slice(..len))
            .and_then(|()| ValueState::<u64>::register(&mut cut, "value", None));
        // A file that ends between two sections cannot be told from a whole one here; its length and checksum tell,
        // before it comes here.
        assert!(result.is_err_and(|e| e.kind() == ErrorKind::Corrupt) || cut.entry_count() < 10);
    }
    let error = AnyKeyedState::restore(&mut single::<u64>(), codec::to_bytes("some text").unwrap().into());
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Corrupt);
    let mut newer = file.to_vec();
    newer[4] = 9;
    let error = AnyKeyedState::restore(&mut single::<u64>(), newer.into()).unwrap_err();
    assert!(error.to_string().contains("version 9"), "{error}");
}

#[test]
fn pinned_format() {
    let (mut disk, mut state) = (Disk::default(), KeyedState::<u64>::new(groups(4), groups(4).all()));
    let value = ValueState::<String>::register(&mut state, "v", None).unwrap();
    state.set_key(&5);
    value.set(&mut state, "five".into()).unwrap();
    let file = disk.snapshot(&mut state, false).files[0].unwritten().unwrap();
    let hex: String = file.iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(hex, PINNED, "files of keyed state are read for ever: raise the version and keep reading this one");
}

const PINNED: &str = "464c4b530101000101007600000200000000000100000006000000050466697665";

#[test]
fn a_state_that_is_registered_while_a_snapshot_is_taken_is_not_lost() {
    for kind in [SnapshotKind::Full, SnapshotKind::Incremental, SnapshotKind::Savepoint] {
        let (mut disk, mut state) = (Disk::default(), single::<u64>());
        let first = ValueState::<u64>::register(&mut state, "first", None).unwrap();
        let late = ValueState::<u64>::register(&mut state, "late", None).unwrap();
        for key in 0..50 {
            state.set_key(&key);
            first.set(&mut state, key).unwrap();
            late.set(&mut state, key).unwrap();
        }
        let saved = disk.snapshot(&mut state, true);
        let saved = disk.save(&saved);

        // The next run registers the second state when a snapshot is open already.
        let mut state = disk.restore::<u64>(&[saved], groups(128), groups(128).all());
        let first = ValueState::<u64>::register(&mut state, "first", None).unwrap();
        if kind == SnapshotKind::Incremental {
            let full = disk.snapshot(&mut state, false);
            disk.save(&full);
        }
        state.set_key(&7);
        first.set(&mut state, 70).unwrap();
        let mut name_file = || format!("open-{kind:?}");
        let opened: &mut dyn AnyKeyedState = &mut state;
        opened.open_snapshot(kind, &mut name_file).unwrap();
        let late = ValueState::<u64>::register(&mut state, "late", None).unwrap();
        state.set_key(&7);
        late.set(&mut state, 71).unwrap();
        let part = AnyKeyedState::continue_snapshot(&mut state, usize::MAX, &mut name_file).unwrap();
        let Some(KeyedPart::Files(files)) = part else { panic!("state on the heap gives files") };
        let next = disk.snapshot(&mut state, false);
        for (files, expected) in [(files, 7), (next, 71)] {
            let saved = disk.save(&files);
            let mut state = disk.restore::<u64>(&[saved], groups(128), groups(128).all());
            let first = ValueState::<u64>::register(&mut state, "first", None).unwrap();
            let late = ValueState::<u64>::register(&mut state, "late", None).unwrap();
            assert_eq!(state.entry_count(), 100, "{kind:?}");
            state.set_key(&7);
            assert_eq!(first.get(&mut state).unwrap(), Some(&70), "{kind:?}");
            assert_eq!(late.get(&mut state).unwrap(), Some(&expected), "{kind:?}");
        }
    }
}

#[test]
fn files_of_a_large_snapshot_are_given_out_one_by_one() {
    let mut state = single::<u32>();
    let value = ValueState::<Vec<u8>>::register(&mut state, "value", None).unwrap();
    let large = |key: u32| vec![key as u8; 1 << 20];
    for key in 0..80 {
        state.set_key(&key);
        value.set(&mut state, large(key)).unwrap();
    }
    let (mut disk, mut named, mut ahead) = (Disk::default(), 0, Vec::new());
    let any: &mut dyn AnyKeyedState = &mut state;
    assert!(any.finished_files().is_empty(), "no snapshot is open");
    any.open_snapshot(SnapshotKind::Full, &mut || next_name(&mut named)).unwrap();
    let files = loop {
        if let Some(KeyedPart::Files(files)) = any.continue_snapshot(1, &mut || next_name(&mut named)).unwrap() {
            break files;
        }
        for file in any.finished_files() {
            disk.files.insert(file.path().to_owned(), file.unwritten().unwrap());
            file.written(crate::Blob::Inline(Vec::new()));
            ahead.push(file.path().to_owned());
        }
    };
    let paths: Vec<String> = files.files.iter().map(|file| file.path().to_owned()).collect();
    assert_eq!(paths[..ahead.len()], ahead);
    assert_eq!((ahead.len(), paths.len()), (2, 3), "the last file is complete when the snapshot is");
    assert!(files.unwritten_bytes() < 20 << 20);
    let saved = disk.save(&files);
    let mut state = disk.restore::<u32>(&[saved], groups(128), groups(128).all());
    let value = ValueState::<Vec<u8>>::register(&mut state, "value", None).unwrap();
    for key in 0..80 {
        state.set_key(&key);
        assert!(value.get(&mut state).unwrap() == Some(&large(key)), "{key}");
    }
}
