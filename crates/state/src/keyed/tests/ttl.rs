//! Time to live: a test for each of Flink's rules.

use super::*;
use std::time::Duration;

const TTL_MS: i64 = 100;

fn ttl() -> StateTtl {
    StateTtl::new(Duration::from_millis(TTL_MS as u64))
}

fn at(state: &mut KeyedState<u32>, now: i64) {
    state.set_now(ProcessingTime(now));
}

/// Values with this setting, without clean-up by other accesses, at time 0 and key 1.
fn values(ttl: StateTtl) -> (KeyedState<u32>, ValueState<u64>) {
    let mut state = single();
    let value = ValueState::register(&mut state, "value", Some(ttl.cleanup_entries(0))).unwrap();
    state.set_key(&1);
    (state, value)
}

#[test]
fn a_value_expires_exactly_when_its_time_to_live_is_over() {
    let (mut state, value) = values(ttl());
    value.set(&mut state, 7).unwrap();
    at(&mut state, 99);
    assert_eq!(value.get(&mut state).unwrap(), Some(&7));
    at(&mut state, 100);
    assert_eq!(value.get(&mut state).unwrap(), None);
    assert_eq!(state.entry_count(), 0, "reading removes it");
}

#[test]
fn writing_starts_the_time_again() {
    let (mut state, value) = values(ttl());
    value.set(&mut state, 1).unwrap();
    at(&mut state, 60);
    value.update(&mut state, || 0, |n| *n += 1).unwrap();
    at(&mut state, 120);
    assert_eq!(value.get(&mut state).unwrap(), Some(&2));
    value.set(&mut state, 5).unwrap();
    at(&mut state, 219);
    assert_eq!(value.get(&mut state).unwrap(), Some(&5));
    at(&mut state, 220);
    assert_eq!(value.get(&mut state).unwrap(), None);
}

#[test]
fn reading_starts_the_time_again_only_if_it_is_to() {
    for (update, seen) in [(TtlUpdate::OnCreateAndWrite, None), (TtlUpdate::OnReadAndWrite, Some(1))] {
        let (mut state, value) = values(ttl().update(update));
        value.set(&mut state, 1).unwrap();
        at(&mut state, 60);
        value.get(&mut state).unwrap();
        at(&mut state, 150);
        assert_eq!(value.get(&mut state).unwrap().copied(), seen, "{update:?}");
    }
}

#[test]
fn nothing_expires_when_disabled() {
    let (mut state, value) = values(ttl().update(TtlUpdate::Disabled));
    value.set(&mut state, 1).unwrap();
    at(&mut state, 1_000_000);
    assert_eq!(value.get(&mut state).unwrap(), Some(&1));
}

#[test]
fn an_expired_value_can_be_seen_once_more_if_it_may() {
    let (mut state, value) = values(ttl().visibility(TtlVisibility::ReturnExpiredIfNotCleanedUp));
    value.set(&mut state, 1).unwrap();
    at(&mut state, 500);
    assert_eq!(value.get(&mut state).unwrap(), Some(&1));
    assert_eq!(value.get(&mut state).unwrap(), None, "the first reader has removed it");
}

#[test]
fn an_update_starts_anew_after_expiry_unless_the_expired_value_can_be_seen() {
    for (visibility, sum) in [(TtlVisibility::NeverReturnExpired, 1), (TtlVisibility::ReturnExpiredIfNotCleanedUp, 6)] {
        let (mut state, value) = values(ttl().visibility(visibility));
        value.set(&mut state, 5).unwrap();
        at(&mut state, 100);
        value.update(&mut state, || 0, |n| *n += 1).unwrap();
        assert_eq!(value.get(&mut state).unwrap(), Some(&sum), "{visibility:?}");
    }
}

#[test]
fn a_reduction_starts_anew_after_expiry() {
    let mut state = single::<u32>();
    let sum = ReducingState::register(&mut state, "sum", |a: &mut u64, b| *a += b, Some(ttl())).unwrap();
    state.set_key(&1);
    sum.add(&mut state, 5).unwrap();
    at(&mut state, 99);
    sum.add(&mut state, 6).unwrap();
    at(&mut state, 150);
    assert_eq!(sum.get(&mut state).unwrap(), Some(&11));
    at(&mut state, 199);
    sum.add(&mut state, 1).unwrap();
    assert_eq!(sum.get(&mut state).unwrap(), Some(&1));
}

fn lists(ttl: StateTtl) -> (KeyedState<u32>, ListState<u64>) {
    let mut state = single();
    let list = ListState::register(&mut state, "list", Some(ttl.cleanup_entries(0))).unwrap();
    state.set_key(&1);
    for (time, value) in [(0, 1), (50, 2), (90, 3)] {
        at(&mut state, time);
        list.add(&mut state, value).unwrap();
    }
    (state, list)
}

#[test]
fn list_elements_expire_one_by_one() {
    let (mut state, list) = lists(ttl());
    at(&mut state, 99);
    assert_eq!(list.get(&mut state).unwrap(), [1, 2, 3]);
    at(&mut state, 100);
    assert_eq!(list.get(&mut state).unwrap(), [2, 3]);
    at(&mut state, 189);
    assert_eq!(list.get(&mut state).unwrap(), [3]);
    at(&mut state, 190);
    assert_eq!(list.get(&mut state).unwrap(), [0; 0]);
    assert_eq!(state.entry_count(), 0);
}

#[test]
fn reading_a_list_refreshes_all_elements_if_it_is_to() {
    let (mut state, list) = lists(ttl().update(TtlUpdate::OnReadAndWrite));
    at(&mut state, 100);
    assert_eq!(list.get(&mut state).unwrap(), [2, 3]);
    at(&mut state, 199);
    assert_eq!(list.get(&mut state).unwrap(), [2, 3]);
    at(&mut state, 299);
    assert_eq!(list.get(&mut state).unwrap(), [0; 0]);
}

#[test]
fn expired_list_elements_can_be_seen_until_the_list_is_gone_if_they_may() {
    let (mut state, list) = lists(ttl().visibility(TtlVisibility::ReturnExpiredIfNotCleanedUp));
    at(&mut state, 189);
    assert_eq!(list.get(&mut state).unwrap(), [1, 2, 3]);
    assert_eq!(list.get(&mut state).unwrap(), [1, 2, 3], "one element is alive");
    at(&mut state, 190);
    assert_eq!(list.get(&mut state).unwrap(), [1, 2, 3]);
    assert_eq!(list.get(&mut state).unwrap(), [0; 0]);
}

#[test]
fn a_list_that_is_only_added_to_does_not_grow_for_ever() {
    let mut state = single::<u32>();
    let list = ListState::register(&mut state, "list", Some(ttl())).unwrap();
    state.set_key(&1);
    for time in 0..10_000 {
        at(&mut state, time);
        list.add(&mut state, time).unwrap();
    }
    assert_eq!(list.take(&mut state).unwrap(), (9900..10_000).collect::<Vec<_>>());
    list.add(&mut state, 1).unwrap();
    at(&mut state, 20_000);
    assert_eq!(list.take(&mut state).unwrap(), [0; 0]);
    list.update(&mut state, vec![4, 5]).unwrap();
    at(&mut state, 20_099);
    assert_eq!(list.get(&mut state).unwrap(), [4, 5]);
}

fn maps(ttl: StateTtl) -> (KeyedState<u32>, MapState<u32, u64>) {
    let mut state = single();
    let map = MapState::register(&mut state, "map", Some(ttl.cleanup_entries(0))).unwrap();
    state.set_key(&1);
    for (time, key) in [(0, 1), (50, 2), (90, 3)] {
        at(&mut state, time);
        map.put(&mut state, key, u64::from(key) * 10).unwrap();
    }
    (state, map)
}

fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort();
    items
}

#[test]
fn map_entries_expire_one_by_one() {
    let (mut state, map) = maps(ttl());
    at(&mut state, 100);
    assert_eq!(map.len(&mut state).unwrap(), 2);
    assert_eq!(map.get(&mut state, &1).unwrap(), None);
    assert_eq!(map.get(&mut state, &2).unwrap(), Some(&20));
    at(&mut state, 150);
    assert!(!map.contains(&mut state, &2).unwrap());
    assert_eq!(map.entries(&mut state).unwrap(), [(3, 30)]);
    at(&mut state, 190);
    assert!(map.is_empty(&mut state).unwrap());
    assert_eq!(map.entries(&mut state).unwrap(), []);
    assert_eq!(state.entry_count(), 0);
}

#[test]
fn reading_a_map_refreshes_what_was_read_if_it_is_to() {
    let (mut state, map) = maps(ttl().update(TtlUpdate::OnReadAndWrite));
    at(&mut state, 99);
    assert_eq!(map.get(&mut state, &1).unwrap(), Some(&10));
    at(&mut state, 150);
    assert_eq!(sorted(map.entries(&mut state).unwrap()), [(1, 10), (3, 30)]);
    at(&mut state, 249);
    assert_eq!(map.len(&mut state).unwrap(), 2);
    at(&mut state, 250);
    assert_eq!(map.len(&mut state).unwrap(), 0);
}

#[test]
fn an_expired_map_entry_can_be_seen_once_more_if_it_may() {
    let (mut state, map) = maps(ttl().visibility(TtlVisibility::ReturnExpiredIfNotCleanedUp));
    at(&mut state, 100);
    assert_eq!(map.len(&mut state).unwrap(), 3);
    assert_eq!(map.get(&mut state, &1).unwrap(), Some(&10));
    assert_eq!(map.get(&mut state, &1).unwrap(), None);
    at(&mut state, 500);
    assert_eq!(map.remove(&mut state, &2).unwrap(), Some(20));
    assert_eq!(map.entries(&mut state).unwrap(), [(3, 30)]);
    assert_eq!(map.entries(&mut state).unwrap(), []);
}

#[test]
fn updating_an_expired_map_entry_starts_anew() {
    let (mut state, map) = maps(ttl());
    at(&mut state, 100);
    map.update(&mut state, 1, || 0, |n| *n += 1).unwrap();
    map.update(&mut state, 2, || 0, |n| *n += 1).unwrap();
    assert_eq!(sorted(map.entries(&mut state).unwrap()), [(1, 1), (2, 21), (3, 30)]);
    at(&mut state, 500);
    assert_eq!(map.remove(&mut state, &1).unwrap(), None);
}

#[test]
fn every_access_cleans_a_few_entries_so_that_all_go_in_time() {
    let mut state = single::<u32>();
    let value = ValueState::<u64>::register(&mut state, "value", Some(ttl())).unwrap();
    for key in 0..1000 {
        state.set_key(&key);
        value.set(&mut state, 1).unwrap();
    }
    at(&mut state, 100);
    state.set_key(&5000);
    value.get(&mut state).unwrap();
    let after_one = state.entry_count();
    assert!((995..1000).contains(&after_one), "one access looks at no more than five: {after_one}");
    for _ in 0..1000 {
        value.get(&mut state).unwrap();
    }
    assert_eq!(state.entry_count(), 0);
}

#[test]
fn clean_up_reaches_lists_and_maps_of_other_keys() {
    let (mut disk, mut state) = (Disk::default(), single::<u32>());
    let open = |state: &mut KeyedState<u32>| {
        let list = ListState::<u64>::register(state, "list", Some(ttl())).unwrap();
        (list, MapState::<u32, u64>::register(state, "map", Some(ttl())).unwrap())
    };
    let (list, map) = open(&mut state);
    for (time, n) in [(0, 1), (60, 2)] {
        at(&mut state, time);
        // Keys enough that a part of them is listed as changed.
        for key in 1..1000 {
            state.set_key(&key);
            list.add(&mut state, n).unwrap();
            map.put(&mut state, n as u32, n).unwrap();
        }
    }
    disk.snapshot(&mut state, false);
    let clean = |state: &mut KeyedState<u32>, time, accesses| {
        at(state, time);
        state.set_key(&1000);
        for _ in 0..accesses {
            list.get(state).unwrap();
            map.get(state, &1).unwrap();
        }
    };
    clean(&mut state, 100, 2);
    let few = disk.snapshot(&mut state, false);
    assert!(few.files[1].len() < few.files[0].len() / 20, "what was cleaned is written, and no more");
    clean(&mut state, 100, 1000);
    let all = disk.snapshot(&mut state, false);
    let saved = disk.save(&all);
    let mut again = disk.restore::<u32>(&[saved], groups(128), groups(128).all());
    let (list, map) = open(&mut again);
    for state in [&mut state, &mut again] {
        // Earlier than the clean-up, so that reading alone would not hide anything.
        at(state, 0);
        for key in 1..1000 {
            state.set_key(&key);
            assert_eq!(list.get(state).unwrap(), [2], "the first element is gone for good");
            assert_eq!(map.entries(state).unwrap(), [(2, 2)]);
        }
    }
    clean(&mut state, 160, 1000);
    assert_eq!(state.entry_count(), 0);
}

#[test]
fn what_clean_up_removed_stays_removed_after_a_restore() {
    let (mut disk, mut state) = (Disk::default(), single::<u32>());
    let value = ValueState::<u64>::register(&mut state, "value", Some(ttl())).unwrap();
    for key in 0..100 {
        at(&mut state, i64::from(key));
        state.set_key(&key);
        value.set(&mut state, u64::from(key)).unwrap();
    }
    disk.snapshot(&mut state, false);
    at(&mut state, 150);
    for _ in 0..300 {
        value.get(&mut state).unwrap();
    }
    assert_eq!(state.entry_count(), 49);
    let snapshot = disk.snapshot(&mut state, false);
    assert_eq!(snapshot.files.len(), 2);
    let saved = disk.save(&snapshot);
    let mut state = disk.restore::<u32>(&[saved], groups(128), groups(128).all());
    ValueState::<u64>::register(&mut state, "value", Some(ttl())).unwrap();
    assert_eq!(state.entry_count(), 49);
}

#[test]
fn a_full_snapshot_leaves_out_what_has_expired() {
    for savepoint in [false, true] {
        let (mut disk, mut state) = (Disk::default(), single::<u32>());
        let value = ValueState::<u64>::register(&mut state, "value", Some(ttl().cleanup_entries(0))).unwrap();
        let list = ListState::<u64>::register(&mut state, "list", Some(ttl().cleanup_entries(0))).unwrap();
        for key in 0..100 {
            at(&mut state, i64::from(key));
            state.set_key(&key);
            value.set(&mut state, u64::from(key)).unwrap();
        }
        state.set_key(&1);
        list.add(&mut state, 1).unwrap();
        at(&mut state, 150);
        list.add(&mut state, 2).unwrap();
        at(&mut state, 199);
        let snapshot = if savepoint { disk.savepoint(&mut state) } else { disk.snapshot(&mut state, true) };
        assert_eq!(state.entry_count(), 1);
        let saved = disk.save(&snapshot);
        let mut state = disk.restore::<u32>(&[saved], groups(128), groups(128).all());
        ValueState::<u64>::register(&mut state, "value", Some(ttl())).unwrap();
        let list = ListState::<u64>::register(&mut state, "list", Some(ttl())).unwrap();
        assert_eq!(state.entry_count(), 1);
        state.set_key(&1);
        assert_eq!(list.get(&mut state).unwrap(), [2]);
    }
}

#[test]
fn stamps_are_restored_and_the_setting_is_not() {
    let (mut state, value) = values(ttl());
    at(&mut state, 40);
    value.set(&mut state, 1).unwrap();
    let mut state = restored(&mut state);
    let longer = StateTtl::new(Duration::from_millis(1000));
    let value = ValueState::<u64>::register(&mut state, "value", Some(longer)).unwrap();
    state.set_key(&1);
    at(&mut state, 1039);
    assert_eq!(value.get(&mut state).unwrap(), Some(&1));
    at(&mut state, 1040);
    assert_eq!(value.get(&mut state).unwrap(), None);
}

#[test]
fn a_ttl_can_be_added_and_dropped_at_a_restore() {
    let mut state = single::<u32>();
    let value = ValueState::<u64>::register(&mut state, "value", None).unwrap();
    let list = ListState::<u64>::register(&mut state, "list", None).unwrap();
    let map = MapState::<u32, u64>::register(&mut state, "map", None).unwrap();
    state.set_key(&1);
    value.set(&mut state, 1).unwrap();
    list.add_all(&mut state, [1, 2]).unwrap();
    map.put(&mut state, 1, 2).unwrap();

    let mut state = restored(&mut state);
    at(&mut state, 1000);
    let value = ValueState::<u64>::register(&mut state, "value", Some(ttl())).unwrap();
    let list = ListState::<u64>::register(&mut state, "list", Some(ttl())).unwrap();
    let map = MapState::<u32, u64>::register(&mut state, "map", Some(ttl())).unwrap();
    state.set_key(&1);
    at(&mut state, 1099);
    assert_eq!(value.get(&mut state).unwrap(), Some(&1), "its time began at the restore");
    assert_eq!(list.get(&mut state).unwrap(), [1, 2]);
    assert_eq!(map.entries(&mut state).unwrap(), [(1, 2)]);

    let mut again = restored(&mut state);
    at(&mut again, 1_000_000);
    let plain = ValueState::<u64>::register(&mut again, "value", None).unwrap();
    let plain_list = ListState::<u64>::register(&mut again, "list", None).unwrap();
    let plain_map = MapState::<u32, u64>::register(&mut again, "map", None).unwrap();
    again.set_key(&1);
    assert_eq!(plain.get(&mut again).unwrap(), Some(&1));
    assert_eq!(plain_list.get(&mut again).unwrap(), [1, 2]);
    assert_eq!(plain_map.get(&mut again, &1).unwrap(), Some(&2));

    at(&mut state, 1100);
    assert_eq!(value.get(&mut state).unwrap(), None);
}
