//! Keyed state on a store: what is said there about states, other settings of TTL, and more timers than are in memory.

use super::*;
use crate::WorkingSet;
use crate::store::{KeyedStore, MemoryStore};
use flott_core::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

fn on(store: &Arc<dyn KeyedStore>, bytes: usize) -> KeyedState<u32> {
    let mut state = single();
    state.use_store(store.clone(), Default::default(), WorkingSet::fixed(bytes)).unwrap();
    state
}

/// Everything goes into the store.
fn write(mut state: KeyedState<u32>) {
    let state: &mut dyn AnyKeyedState = &mut state;
    let part = state.snapshot_at_once(SnapshotKind::Incremental, &mut || unreachable!("a store names no files"));
    let KeyedPart::Store(snapshot) = part.unwrap() else { panic!("state on a store is in the store") };
    let folder = tempfile::tempdir().unwrap();
    snapshot.files(&folder.path().join("snapshot")).unwrap();
}

fn at(state: &mut KeyedState<u32>, ms: i64) {
    AnyKeyedState::set_now(state, ProcessingTime(ms));
}

#[test]
fn a_time_to_live_is_switched_on_and_off_on_a_store() {
    let store: Arc<dyn KeyedStore> = Arc::new(MemoryStore::default());
    let ttl = || Some(StateTtl::new(Duration::from_millis(100)));
    let mut state = on(&store, usize::MAX);
    let plain = ValueState::<u64>::register(&mut state, "value", None).unwrap();
    let map = MapState::<u8, u64>::register(&mut state, "map", None).unwrap();
    for key in 0..50 {
        state.set_key(&key);
        plain.set(&mut state, u64::from(key)).unwrap();
        map.put(&mut state, 1, u64::from(key)).unwrap();
    }
    write(state);

    // What was written without a stamp begins to live when it is restored.
    let mut state = on(&store, usize::MAX);
    at(&mut state, 1000);
    let timed = ValueState::<u64>::register(&mut state, "value", ttl()).unwrap();
    let map = MapState::<u8, u64>::register(&mut state, "map", ttl()).unwrap();
    at(&mut state, 1099);
    state.set_key(&7);
    assert_eq!(timed.get(&mut state).unwrap(), Some(&7));
    timed.set(&mut state, 8).unwrap();
    assert_eq!(map.get(&mut state, &1).unwrap(), Some(&7));
    at(&mut state, 1100);
    assert_eq!(timed.get(&mut state).unwrap(), Some(&8));
    assert_eq!(map.get(&mut state, &1).unwrap(), None);
    state.set_key(&9);
    assert_eq!(timed.get(&mut state).unwrap(), None);
    write(state);

    let mut state = on(&store, usize::MAX);
    at(&mut state, 5000);
    let plain = ValueState::<u64>::register(&mut state, "value", None).unwrap();
    state.set_key(&7);
    assert_eq!(plain.get(&mut state).unwrap(), Some(&8));
    state.set_key(&9);
    assert_eq!(plain.get(&mut state).unwrap(), None, "it had expired and was removed");
}

#[test]
fn a_state_of_another_kind_is_refused() {
    let store: Arc<dyn KeyedStore> = Arc::new(MemoryStore::default());
    let mut state = on(&store, usize::MAX);
    ValueState::<u64>::register(&mut state, "seen", None).unwrap();
    write(state);
    let error = ListState::<u64>::register(&mut on(&store, usize::MAX), "seen", None).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let text = error.to_string();
    assert!(text.contains("`seen`") && text.contains("a value") && text.contains("a list"), "{text}");
}

#[test]
fn nothing_is_written_while_any_snapshot_of_the_store_is_taken() {
    let store: Arc<dyn KeyedStore> = Arc::new(MemoryStore::default());
    let mut state = on(&store, 0);
    let value = ValueState::<u64>::register(&mut state, "value", None).unwrap();
    let fill = |state: &mut KeyedState<u32>, keys: std::ops::Range<u32>| {
        for key in keys {
            state.set_key(&key);
            value.set(state, 1).unwrap();
        }
    };
    fn snapshot(state: &mut KeyedState<u32>) -> KeyedPart {
        let state: &mut dyn AnyKeyedState = state;
        state.snapshot_at_once(SnapshotKind::Incremental, &mut || unreachable!("a store names no files")).unwrap()
    }
    fill(&mut state, 0..100);
    let given_up = snapshot(&mut state);
    fill(&mut state, 100..200);
    let taken = snapshot(&mut state);
    fill(&mut state, 200..300);
    drop(given_up);
    AnyKeyedState::settle(&mut state).unwrap();
    // One entry says what the state is.
    assert_eq!(store.size().entries, 201);
    drop(taken);
    AnyKeyedState::settle(&mut state).unwrap();
    assert_eq!(store.size().entries, 301);
    assert_eq!(AnyKeyedState::entry_count(&state), 0);
}

#[test]
fn what_is_registered_while_a_snapshot_is_taken_is_not_part_of_it() {
    let store: Arc<dyn KeyedStore> = Arc::new(MemoryStore::default());
    let mut state = on(&store, usize::MAX);
    let early = ValueState::<u64>::register(&mut state, "early", None).unwrap();
    state.set_key(&1);
    early.set(&mut state, 1).unwrap();
    let mut name_file = || unreachable!("a store names no files");
    AnyKeyedState::open_snapshot(&mut state, SnapshotKind::Incremental, &mut name_file).unwrap();
    let late = ValueState::<u64>::register(&mut state, "late", None).unwrap();
    late.set(&mut state, 1).unwrap();
    let part = AnyKeyedState::continue_snapshot(&mut state, usize::MAX, &mut name_file).unwrap();
    assert!(part.is_some());
    // The early value, and what is said of both states.
    assert_eq!(store.size().entries, 3);
}

#[test]
fn more_timers_than_are_in_memory_fire_in_order() {
    const TIMERS: i64 = 200_000;
    let store: Arc<dyn KeyedStore> = Arc::new(MemoryStore::default());
    let mut state = on(&store, 1 << 20);
    let timers = state.register_timers::<()>(TimerKind::EventTime, "user").unwrap();
    // A third of them are of one time, more than are taken at once.
    let time_of = |n: i64| if n % 3 == 0 { 50_000 } else { n * 7919 % 100_000 };
    for n in 0..TIMERS {
        state.set_key(&(n as u32));
        state.register_timer(timers, &(), time_of(n)).unwrap();
        if n % 1000 == 0 {
            AnyKeyedState::settle(&mut state).unwrap();
        }
    }
    for n in (0..TIMERS).step_by(10) {
        state.set_key(&(n as u32));
        state.delete_timer(timers, &(), time_of(n)).unwrap();
    }
    write(state);
    let mut state = on(&store, 1 << 20);
    let timers = state.register_timers::<()>(TimerKind::EventTime, "user").unwrap();
    let mut fired = vec![false; TIMERS as usize];
    let mut last = i64::MIN;
    while let Some((time, ())) = state.pop_timer(timers, i64::MAX).unwrap() {
        assert!(time >= last);
        last = time;
        let n = *state.key().unwrap();
        assert_eq!(time, time_of(i64::from(n)));
        assert!(!std::mem::replace(&mut fired[n as usize], true), "a timer fired twice");
        if n % 1000 == 1 {
            AnyKeyedState::settle(&mut state).unwrap();
        }
    }
    for (n, fired) in fired.into_iter().enumerate() {
        assert_eq!(fired, n % 10 != 0, "timer {n}");
    }
}

#[test]
fn while_a_snapshot_is_taken_of_a_store_state_that_is_too_much_waits() {
    const MAX: usize = 40_000;
    let store: Arc<dyn KeyedStore> = Arc::new(MemoryStore::default());
    let mut state = on(&store, MAX);
    let value = ValueState::<String>::register(&mut state, "value", None).unwrap();
    let fill = |state: &mut KeyedState<u32>| {
        for key in 0..100 {
            state.set_key(&key);
            value.set(state, "x".repeat(1000)).unwrap();
        }
        AnyKeyedState::settle(state).unwrap();
    };
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    fill(&mut state);
    assert!(state.byte_count() <= MAX, "{} bytes are left", state.byte_count());
    let any: &mut dyn AnyKeyedState = &mut state;
    let snapshot = any.snapshot_at_once(SnapshotKind::Incremental, &mut || unreachable!()).unwrap();
    fill(&mut state);
    let set = AnyKeyedState::working_set(&state);
    assert!(set.bytes() > 100_000, "nothing can be written: {} bytes", set.bytes());
    assert!(set.poll_room(&mut task).is_pending());
    drop(snapshot);
    let set = AnyKeyedState::working_set(&state);
    assert!(set.poll_room(&mut task).is_ready() && set.is_to_settle());
    AnyKeyedState::settle(&mut state).unwrap();
    assert!(AnyKeyedState::working_set(&state).bytes() <= MAX);
}

#[test]
fn state_on_the_heap_says_how_much_it_is_with_what_it_points_to() {
    let mut state = single();
    let set = crate::WorkingSets::new(0);
    AnyKeyedState::use_memory(&mut state, set.on_heap());
    let value = ValueState::<String>::register(&mut state, "value", None).unwrap();
    for key in 0..1000 {
        state.set_key(&key);
        value.set(&mut state, "x".repeat(1000)).unwrap();
    }
    AnyKeyedState::working_set(&state).ask();
    AnyKeyedState::settle(&mut state).unwrap();
    let bytes = AnyKeyedState::working_set(&state).bytes();
    assert!((1_000_000..1_300_000).contains(&bytes), "{bytes}");
}
