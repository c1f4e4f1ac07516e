//! State that moves between backends as rows, and state whose types have changed since it was written.

use super::*;
use crate::checkpoint::KeyedFiles;
use crate::keyed::{KeyedPart, RowWalk, SnapshotKind};
use crate::store::{KeyedStore, MemoryStore};
use crate::{AnyKeyedState, KeyedState, ListState, MapState, ReducingState, StateTtl, TimerKind, ValueState};
use flott_core::schema::Schema;
use flott_core::{Data, ErrorKind, Key, KeyGroup, KeyHash, MaxParallelism, ProcessingTime};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

fn max() -> MaxParallelism {
    MaxParallelism::new(4).unwrap()
}

fn on<K: Key>(store: Option<&Arc<dyn KeyedStore>>) -> KeyedState<K> {
    let mut state = KeyedState::new(max(), max().all());
    state.set_now(ProcessingTime(1_000));
    if let Some(store) = store {
        state.use_store(store.clone(), Default::default(), crate::WorkingSet::fixed(0)).unwrap();
    }
    state
}

fn memory() -> Arc<dyn KeyedStore> {
    Arc::new(MemoryStore::default())
}

fn files(state: &mut (dyn AnyKeyedState + 'static), kind: SnapshotKind) -> KeyedFiles {
    match state.snapshot_at_once(kind, &mut || "file".to_owned()).unwrap() {
        KeyedPart::Files(files) => files,
        KeyedPart::Store(_) => panic!("the state is on the heap"),
    }
}

/// Everything that a state holds, as rows.
fn rows(state: &mut (dyn AnyKeyedState + 'static)) -> Vec<(Arc<StateDescription>, Chunk)> {
    let mut rows: Vec<(Arc<StateDescription>, Chunk)> = Vec::new();
    let mut take = |state: &Arc<StateDescription>, row: Row<'_>| {
        if rows.last().is_none_or(|(last, _)| last.name != state.name) {
            rows.push((state.clone(), Chunk::new()));
        }
        rows.last_mut().unwrap().1.push(row);
        Ok(())
    };
    let mut walk = match state.snapshot_at_once(SnapshotKind::Savepoint, &mut || "file".to_owned()).unwrap() {
        KeyedPart::Files(files) => RowWalk::of_files(files),
        KeyedPart::Store(part) => RowWalk::of_store(part.store(), part.range(), part.states()),
    };
    while walk.next(&mut take).unwrap() {}
    rows
}

fn give(state: &mut dyn AnyKeyedState, rows: &[(Arc<StateDescription>, Chunk)]) {
    for (described, rows) in rows {
        state.restore_rows(described, rows).unwrap();
        state.finish_rows(&described.name, KeyGroup(u16::MAX)).unwrap();
    }
}

#[test]
fn every_kind_of_state_moves_with_its_stamps_from_one_backend_to_the_other() {
    let ttl = Some(StateTtl::new(Duration::from_millis(100)));
    let fill = |state: &mut KeyedState<String>| {
        let value = ValueState::<(u64, String)>::register(state, "value", ttl).unwrap();
        let list = ListState::<i16>::register(state, "list", ttl).unwrap();
        let map = MapState::<u32, Option<f64>>::register(state, "map", ttl).unwrap();
        let sum = ReducingState::register(state, "sum", |a: &mut i64, b| *a += b, None).unwrap();
        let timers = state.register_timers::<(i64, i64)>(TimerKind::ProcessingTime, "user").unwrap();
        (value, list, map, sum, timers)
    };
    for from_store in [false, true] {
        let store = from_store.then(memory);
        let mut state = on::<String>(store.as_ref());
        let (value, list, map, sum, timers) = fill(&mut state);
        for (now, key) in [(1_000, "ada"), (1_050, "bob"), (1_070, "")] {
            state.set_now(ProcessingTime(now));
            state.set_key(&key.to_owned());
            value.set(&mut state, (now as u64, key.to_owned())).unwrap();
            list.add(&mut state, -3).unwrap();
            state.set_now(ProcessingTime(now + 10));
            list.add(&mut state, 4).unwrap();
            map.put(&mut state, 7, Some(0.5)).unwrap();
            map.put(&mut state, 8, None).unwrap();
            sum.add(&mut state, -now).unwrap();
            state.register_timer(timers, &(now, -1), now * 2).unwrap();
        }
        let moved = rows(&mut state);
        let kinds: Vec<(&str, TableKind, usize)> =
            moved.iter().map(|(state, rows)| (&*state.name, state.table.kind, rows.len())).collect();
        let expected = [
            ("value", TableKind::Value, 3),
            ("list", TableKind::List, 6),
            ("map", TableKind::Map, 6),
            ("sum", TableKind::Reducing, 3),
            ("_timers/processing/user", TableKind::ProcessingTimers, 3),
        ];
        assert_eq!(kinds, expected);
        assert_eq!(moved[0].0.ttl_ms, Some(100));

        let other = (!from_store).then(memory);
        let mut state = on::<String>(other.as_ref());
        give(&mut state, &moved);
        let (value, list, map, sum, timers) = fill(&mut state);
        state.set_now(ProcessingTime(1_105));
        state.set_key(&"ada".to_owned());
        assert_eq!(value.get(&mut state).unwrap(), None, "it has expired by the stamp that it came with");
        assert_eq!(list.get(&mut state).unwrap(), [4]);
        state.set_key(&"bob".to_owned());
        assert_eq!(value.get(&mut state).unwrap(), Some(&(1_050, "bob".to_owned())));
        assert_eq!(list.get(&mut state).unwrap(), [-3, 4]);
        assert_eq!(map.get(&mut state, &7).unwrap(), Some(&Some(0.5)));
        assert_eq!(map.len(&mut state).unwrap(), 2);
        assert_eq!(sum.get(&mut state).unwrap(), Some(&-1_050));
        assert_eq!(state.pop_timer(timers, 2_000).unwrap(), Some((2_000, (1_000, -1))));
        assert_eq!(state.key().unwrap(), "ada");
        let again = rows(&mut state);
        assert_eq!(again.iter().map(|(_, rows)| rows.len()).sum::<usize>(), 3 + 6 + 6 + 3 + 2 - 2, "two had expired");
    }
}

mod before {
    use super::*;

    #[derive(Clone, Serialize, Deserialize)]
    pub struct Visit {
        pub pages: u32,
        pub name: String,
        pub old: u8,
    }
}

mod after {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct Visit {
        #[serde(alias = "name")]
        pub user: String,
        pub pages: u64,
        #[serde(default)]
        pub seconds: Option<f64>,
    }
}

fn write_before(state: &mut KeyedState<u32>) {
    let visits = ValueState::<before::Visit>::register(state, "visits", None).unwrap();
    let seen = MapState::<u16, f32>::register(state, "seen", None).unwrap();
    let recent = ListState::<before::Visit>::register(state, "recent", None).unwrap();
    let timers = state.register_timers::<u8>(TimerKind::EventTime, "user").unwrap();
    for key in 0..50 {
        state.set_key(&key);
        let visit = before::Visit { pages: key, name: format!("user {key}"), old: 1 };
        visits.set(state, visit.clone()).unwrap();
        recent.add(state, visit.clone()).unwrap();
        recent.add(state, visit).unwrap();
        seen.put(state, 300, 0.5).unwrap();
        state.register_timer(timers, &7, i64::from(key)).unwrap();
    }
}

/// The same state, by types of a later version of the job.
fn check_after(state: &mut KeyedState<u64>) {
    let visits = ValueState::<after::Visit>::register(state, "visits", None).unwrap();
    let seen = MapState::<u32, f64>::register(state, "seen", None).unwrap();
    let recent = ListState::<after::Visit>::register(state, "recent", None).unwrap();
    let timers = state.register_timers::<u16>(TimerKind::EventTime, "user").unwrap();
    for key in 0..50 {
        state.set_key(&key);
        let expected = after::Visit { user: format!("user {key}"), pages: key, seconds: None };
        assert_eq!(visits.get(state).unwrap(), Some(&expected));
        assert_eq!(recent.get(state).unwrap(), [expected.clone(), expected]);
        assert_eq!(seen.get(state, &300).unwrap(), Some(&0.5));
        assert_eq!(seen.len(state).unwrap(), 1);
    }
    for key in 0..50 {
        assert_eq!(state.pop_timer(timers, 100).unwrap(), Some((key, 7)));
        assert_eq!(state.key().unwrap(), &key.cast_unsigned());
    }
    assert_eq!(state.pop_timer(timers, 100).unwrap(), None);
}

#[test]
fn types_may_change_between_versions_of_a_job_on_the_heap() {
    let mut state = on::<u32>(None);
    write_before(&mut state);
    let snapshot = files(&mut state, SnapshotKind::Full);
    let mut again = on::<u64>(None);
    let any: &mut dyn AnyKeyedState = &mut again;
    any.describe_restored(&snapshot.states);
    snapshot.files.iter().for_each(|file| any.restore(file.unwritten().unwrap()).unwrap());
    check_after(&mut again);
    assert!(again.descriptions().iter().any(|state| state.table.map_key == Schema::U32));
}

#[test]
fn types_may_change_between_versions_of_a_job_on_a_store() {
    let store = memory();
    let mut state = on::<u32>(Some(&store));
    write_before(&mut state);
    let any: &mut dyn AnyKeyedState = &mut state;
    let KeyedPart::Store(part) = any.snapshot_at_once(SnapshotKind::Full, &mut String::new).unwrap() else {
        panic!("the state is on a store")
    };
    let states = part.states().to_vec();
    drop((part, state));
    let mut again = on::<u64>(Some(&store));
    AnyKeyedState::describe_restored(&mut again, &states);
    check_after(&mut again);
}

#[test]
fn types_may_change_when_state_is_moved_as_rows() {
    let mut state = on::<u32>(None);
    write_before(&mut state);
    let moved = rows(&mut state);
    for store in [None, Some(memory())] {
        let mut again = on::<u64>(store.as_ref());
        give(&mut again, &moved);
        check_after(&mut again);
    }
}

/// Why a value of type `V` does not take what a value of type `W` was, on both backends.
fn refusal<K: Key, W: Data, V: Data>(key: K, value: W) -> Vec<flott_core::Error> {
    let mut errors = Vec::new();
    for store in [None, Some(memory())] {
        let mut state = on::<K>(store.as_ref());
        let written = ValueState::<W>::register(&mut state, "visits", None).unwrap();
        state.set_key(&key);
        written.set(&mut state, value.clone()).unwrap();
        let moved = rows(&mut state);
        let mut again = on::<K>(store.as_ref());
        give(&mut again, &moved);
        errors.push(ValueState::<V>::register(&mut again, "visits", None).err().unwrap());
    }
    errors
}

#[test]
fn what_cannot_be_read_is_refused_with_both_schemas() {
    #[derive(Clone, Serialize, Deserialize)]
    struct Visit {
        pages: u32,
        name: String,
    }
    #[derive(Clone, Serialize, Deserialize)]
    struct Other {
        pages: i16,
        name: String,
        must: bool,
    }
    for error in refusal::<u32, Visit, Other>(1, Visit { pages: 1, name: "x".into() }) {
        let text = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{text}");
        for part in ["`visits`", "field `must` is not there", "u32 is not read as i16", "| the job's type"] {
            assert!(text.contains(part), "{part} is missing: {text}");
        }
    }
}

#[test]
fn a_key_in_the_wrong_key_group_is_found() {
    let mut state = on::<u32>(None);
    let value = ValueState::<u8>::register(&mut state, "value", None).unwrap();
    state.set_key(&1);
    value.set(&mut state, 1).unwrap();
    let mut moved = rows(&mut state);
    let own = max().key_group(KeyHash::of(&1u32)).0;
    let row = Row { group: u32::from((own + 1) % 4), ..moved[0].1.get(0) };
    let mut other = Chunk::new();
    other.push(row);
    moved[0].1 = other.clone();
    for store in [None, Some(memory())] {
        let mut again = on::<u32>(store.as_ref());
        give(&mut again, &moved);
        let error = ValueState::<u8>::register(&mut again, "value", None).err().unwrap();
        assert!(error.to_string().contains(&format!("a key of key group {own} stands in key group")), "{error}");
    }
}

#[test]
fn a_key_that_is_there_twice_is_found() {
    let mut state = on::<u32>(None);
    let value = ValueState::<u8>::register(&mut state, "value", None).unwrap();
    let list = ListState::<u8>::register(&mut state, "list", None).unwrap();
    state.set_key(&1);
    value.set(&mut state, 1).unwrap();
    list.add(&mut state, 1).unwrap();
    let moved = rows(&mut state);
    for store in [None, Some(memory())] {
        let mut again = on::<u32>(store.as_ref());
        let mut twice = moved[0].1.clone();
        twice.push(Row { value: &[2], ..moved[0].1.get(0) });
        give(&mut again, &[(moved[0].0.clone(), twice)]);
        let error = ValueState::<u8>::register(&mut again, "value", None).err().unwrap();
        assert!(error.to_string().contains("2 entries of 1 keys"), "{error}");
        let mut twice = moved[1].1.clone();
        twice.push(Row { value: &[2], ..moved[1].1.get(0) });
        let error = AnyKeyedState::restore_rows(&mut again, &moved[1].0, &twice).unwrap_err();
        assert!(error.to_string().contains("have the position 0"), "{error}");
    }
}
