//! The index of what is due on a store: made from a state, and no state itself.

use super::*;
use crate::WorkingSet;
use crate::canonical::StateDescription;
use crate::store::{KeyedStore, MemoryStore};
use flott_core::ErrorKind;
use flott_core::schema::Schema;
use std::sync::Arc;

type Ends = StateTable<u32, u8, i64>;

fn on(store: &Arc<dyn KeyedStore>) -> KeyedState<u32> {
    let mut state = single();
    state.use_store(store.clone(), Default::default(), WorkingSet::fixed(0)).unwrap();
    state
}

/// Registers what ends when, with an index; returns how many entries were looked at for it.
fn register(state: &mut KeyedState<u32>, later: i64) -> (TableId<u8, i64>, TimersId<u8>, usize) {
    let ends = state.register::<u8, i64>("ends").unwrap();
    let mut seen = 0;
    let index = state.register_index("ends", ends, &[later], |_, name, end, due| {
        seen += 1;
        due(*end + later, *name);
    });
    (ends, index.unwrap(), seen)
}

fn put(table: &mut Ends, (slot, key): (KeySlot, u32), name: u8, end: i64) {
    table.insert(slot, &key, &name, end).unwrap();
}

fn write(mut state: KeyedState<u32>) {
    drop(snapshot(&mut state));
}

fn snapshot(state: &mut KeyedState<u32>) -> KeyedPart {
    let state: &mut dyn AnyKeyedState = state;
    state.snapshot_at_once(SnapshotKind::Incremental, &mut || unreachable!("a store names no files")).unwrap()
}

fn pop_all(state: &mut KeyedState<u32>, index: TimersId<u8>, up_to: i64) -> Vec<(i64, u32, u8)> {
    let mut popped = Vec::new();
    while state.first_due(index).unwrap().is_some_and(|time| time <= up_to) {
        let (time, name) = state.pop_timer(index, up_to).unwrap().unwrap();
        popped.push((time, *state.key().unwrap(), name));
    }
    popped.sort_unstable();
    popped
}

#[test]
fn an_index_is_made_of_what_is_there_once_and_kept_from_then_on() {
    let store: Arc<dyn KeyedStore> = Arc::new(MemoryStore::default());
    let mut state = on(&store);
    // Written before there was an index, as by an earlier Flott.
    let ends = state.register::<u8, i64>("ends").unwrap();
    for key in 0..20_000 {
        let slot = state.slot(&key);
        put(state.table(ends), (slot, key), 1, i64::from(key % 100));
    }
    write(state);
    let mut state = on(&store);
    let (ends, index, seen) = register(&mut state, 0);
    assert_eq!(seen, 20_000);
    let popped = pop_all(&mut state, index, 49);
    assert_eq!(popped.len(), 10_000);
    assert!(popped.iter().all(|(time, key, name)| *time == i64::from(key % 100) && *name == 1));
    let slot = state.slot(&7);
    put(state.table(ends), (slot, 7), 2, 1000);
    state.push_due(index, &7, &2, 1000).unwrap();
    state.push_due(index, &7, &2, 1000).unwrap();
    write(state);
    let mut state = on(&store);
    let (_, index, seen) = register(&mut state, 0);
    assert_eq!(seen, 0, "it was in the store");
    assert_eq!(pop_all(&mut state, index, 99).len(), 10_000);
    assert_eq!(pop_all(&mut state, index, i64::MAX), [(1000, 7, 2)]);
    assert_eq!(state.first_due(index).unwrap(), None);
}

#[test]
fn an_index_that_was_made_by_other_rules_is_made_anew() {
    let store: Arc<dyn KeyedStore> = Arc::new(MemoryStore::default());
    let mut state = on(&store);
    let (ends, index, _) = register(&mut state, 0);
    for key in 0..500 {
        let slot = state.slot(&key);
        put(state.table(ends), (slot, key), 1, i64::from(key));
        state.push_due(index, &key, &1, i64::from(key)).unwrap();
    }
    write(state);
    let mut state = on(&store);
    let (_, index, seen) = register(&mut state, 1000);
    assert_eq!(seen, 500);
    assert_eq!(pop_all(&mut state, index, 999), []);
    assert_eq!(pop_all(&mut state, index, i64::MAX).len(), 500);
}

#[test]
fn nobody_who_looks_at_states_sees_an_index() {
    let store: Arc<dyn KeyedStore> = Arc::new(MemoryStore::default());
    let mut state = on(&store);
    let (_, index, _) = register(&mut state, 0);
    state.push_due(index, &7, &2, 1000).unwrap();
    let names = |states: &[Arc<StateDescription>]| states.iter().map(|s| s.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&state.descriptions()), ["ends"]);
    let KeyedPart::Store(part) = snapshot(&mut state) else { panic!("state on a store gives a store") };
    assert_eq!(names(part.states()), ["ends"]);
    let query = StateQuery { state: "_index/ends".into(), key_schema: Schema::U32, key: vec![7] };
    let error = state.query(&query).unwrap_err();
    assert!(error.message().contains("`ends`") && !error.message().contains("`ends`, `"), "{error}");
}

#[test]
fn on_the_heap_there_is_none() {
    let mut state = single::<u32>();
    let ends = state.register::<u8, i64>("ends").unwrap();
    let error = state.register_index("ends", ends, &[], |_, name, end, due| due(*end, *name)).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Internal);
}
