//! Tests of operator state.

use super::*;
use crate::snapshot::Redistribution;
use flott_core::ErrorKind;
use flott_core::schema::Schema;
use std::sync::Arc;

/// The state after a snapshot and a restore.
fn restored(state: &OperatorState) -> OperatorState {
    let mut next = OperatorState::new();
    for list in state.snapshot().unwrap() {
        next.restore(list).unwrap();
    }
    next
}

#[test]
fn lists_and_maps_come_back() {
    let mut state = OperatorState::new();
    let offsets = state.list::<(String, u64)>("offsets", Redistribution::Split).unwrap();
    let rules = state.broadcast::<u32, String>("rules").unwrap();
    offsets.add(&mut state, ("a".into(), 1));
    offsets.get_mut(&mut state).push(("b".into(), 2));
    assert_eq!(rules.put(&mut state, 1, "one".into()), None);
    assert_eq!(rules.put(&mut state, 1, "uno".into()), Some("one".into()));
    rules.put(&mut state, 2, "two".into());
    assert_eq!(rules.remove(&mut state, &2), Some("two".into()));

    let mut state = restored(&state);
    assert_eq!(state.unregistered(), ["offsets", "rules"]);
    let offsets = state.list::<(String, u64)>("offsets", Redistribution::Split).unwrap();
    let rules = state.broadcast::<u32, String>("rules").unwrap();
    assert_eq!(offsets.get(&state), [("a".to_owned(), 1), ("b".to_owned(), 2)]);
    assert_eq!(rules.iter(&state).collect::<Vec<_>>(), [(&1, &"uno".to_owned())]);
    assert!(rules.contains(&state, &1) && rules.get(&state, &2).is_none() && rules.len(&state) == 1);
    offsets.update(&mut state, vec![("c".into(), 3)]);
    rules.clear(&mut state);
    assert!(rules.is_empty(&state));
    offsets.clear(&mut state);
    assert!(offsets.get(&state).is_empty());
}

#[test]
fn each_item_is_encoded_on_its_own() {
    let mut state = OperatorState::new();
    let list = state.list::<u8>("list", Redistribution::Union).unwrap();
    list.update(&mut state, vec![1, 2, 3]);
    state.set_items("splits", vec![b"raw".to_vec()]);
    assert_eq!(
        state.snapshot().unwrap(),
        [
            EncodedList {
                schema: Some(Arc::new(Schema::U8)),
                ..EncodedList::of_bytes("list", Redistribution::Union, vec![vec![1], vec![2], vec![3]])
            },
            EncodedList::of_bytes("splits", Redistribution::Split, vec![b"raw".to_vec()]),
        ]
    );
}

#[test]
fn what_no_one_registers_is_carried_along_once() {
    let mut state = OperatorState::new();
    state.restore(EncodedList::of_bytes("mine", Redistribution::Union, vec![vec![1]])).unwrap();
    state.restore(EncodedList::of_bytes("mine", Redistribution::Union, vec![vec![2]])).unwrap();
    state.restore_copy(EncodedList::of_bytes("others", Redistribution::Union, vec![vec![3]])).unwrap();
    assert_eq!(
        state.snapshot().unwrap(),
        [EncodedList::of_bytes("mine", Redistribution::Union, vec![vec![1], vec![2]])]
    );
    let others = state.list::<u8>("others", Redistribution::Union).unwrap();
    assert_eq!(others.get(&state), [3], "but whoever registers it has it");
}

#[test]
fn the_runtimes_items_are_taken_and_set() {
    let mut state = OperatorState::new();
    state.restore(EncodedList::of_bytes("splits", Redistribution::Split, vec![vec![1], vec![2]])).unwrap();
    assert_eq!(state.take_items("splits"), [[1], [2]]);
    assert_eq!(state.take_items("splits"), [[0u8; 0]; 0]);
    state.set_items("splits", vec![vec![3]]);
    state.set_items("splits", vec![vec![4]]);
    assert_eq!(restored(&state).take_items("splits"), [[4]]);
}

#[test]
fn misuse_is_refused_with_advice() {
    let mut state = OperatorState::new();
    state.list::<u8>("name", Redistribution::Split).unwrap();
    let error = state.broadcast::<u8, u8>("name").err().unwrap();
    assert!(error.to_string().contains("`name`"), "{error}");
    assert_eq!(
        state.restore(EncodedList::of_bytes("name", Redistribution::Split, Vec::new())).unwrap_err().kind(),
        ErrorKind::Invalid
    );

    let mut state = OperatorState::new();
    state.restore(EncodedList::of_bytes("map", Redistribution::Broadcast, vec![vec![1, 1]])).unwrap();
    let error = state.list::<u8>("map", Redistribution::Split).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("broadcast"), "{error}");
    state.restore(EncodedList::of_bytes("text", Redistribution::Split, vec![vec![1, 1]])).unwrap();
    let error = state.list::<u8>("text", Redistribution::Split).err().unwrap();
    assert!(error.to_string().contains("`text`") && error.kind() == ErrorKind::Corrupt, "{error}");
}

#[test]
fn items_of_an_earlier_version_of_their_type_are_read() {
    let mut before = OperatorState::new();
    let list = before.list::<(u8, u16)>("list", Redistribution::Split).unwrap();
    list.update(&mut before, vec![(1, 300)]);
    let map = before.broadcast::<u16, u8>("map").unwrap();
    map.put(&mut before, 300, 7);
    let mut after = restored(&before);
    let list = after.list::<(u16, Option<u32>)>("list", Redistribution::Split).unwrap();
    assert_eq!(list.get(&after), [(1, Some(300))]);
    let map = after.broadcast::<u32, u64>("map").unwrap();
    assert_eq!(map.get(&after, &300), Some(&7));

    let error = restored(&before).list::<(bool, u16)>("list", Redistribution::Split).err().unwrap();
    assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains("| the job's type"), "{error}");
}
