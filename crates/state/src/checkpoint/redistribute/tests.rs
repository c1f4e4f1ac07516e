//! Tests of redistribution.

use super::*;
use crate::snapshot::OperatorSnapshot;
use flott_core::{ErrorKind, OperatorId};
use proptest::prelude::*;

const MAX: u32 = 12;

fn max() -> MaxParallelism {
    MaxParallelism::new(MAX).unwrap()
}

fn operator(subtasks: Vec<OperatorSnapshot>) -> OperatorMetadata {
    OperatorMetadata {
        states: Vec::new(),
        id: OperatorId::from_uid("op"),
        uid: Some("op".into()),
        name: "op".into(),
        parallelism: subtasks.len() as u32,
        max_parallelism: max(),
        coordinator: None,
        finished: vec![false; subtasks.len()],
        subtasks,
    }
}

/// Subtasks that each have a list of these items.
fn with_lists(redistribution: Redistribution, subtasks: &[Vec<Vec<u8>>]) -> OperatorMetadata {
    let snapshot = |items: &Vec<Vec<u8>>| {
        let lengths = items.iter().map(|i| i.len() as u32).collect();
        let list = ListSnapshot { redistribution, schema: None, lengths, items: Blob::Inline(items.concat()) };
        OperatorSnapshot { lists: [("list".to_owned(), list)].into(), ..OperatorSnapshot::default() }
    };
    operator(subtasks.iter().map(snapshot).collect())
}

fn items(restore: &SubtaskRestore) -> Vec<Vec<u8>> {
    let pieces = restore.lists.get("list").map(|list| list.pieces.as_slice()).unwrap_or_default();
    pieces
        .iter()
        .flat_map(|piece| {
            let Blob::Inline(bytes) = &*piece.blob else { unreachable!() };
            piece.items.iter().map(|i| bytes[i.offset as usize..][..i.len as usize].to_vec())
        })
        .collect()
}

fn some_items() -> impl Strategy<Value = Vec<Vec<Vec<u8>>>> {
    prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u8>(), 0..4), 0..6), 1..MAX as usize)
}

proptest! {
    #[test]
    fn split_items_are_dealt_out_evenly_and_none_is_lost_or_doubled(old in some_items(), parallelism in 1..=MAX) {
        let restores = redistribute(&with_lists(Redistribution::Split, &old), max(), parallelism).unwrap();
        let mut expected = old.concat();
        let mut found: Vec<_> = restores.iter().flat_map(items).collect();
        if old.len() == parallelism as usize {
            for (restore, old) in restores.iter().zip(&old) {
                prop_assert_eq!(&items(restore), old, "at the same parallelism everyone keeps their own");
            }
        } else {
            let counts = restores.iter().map(|r| items(r).len());
            prop_assert!(counts.clone().max().unwrap() - counts.min().unwrap() <= 1);
        }
        expected.sort();
        found.sort();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn every_subtask_gets_all_of_a_union(old in some_items(), parallelism in 1..=MAX) {
        let restores = redistribute(&with_lists(Redistribution::Union, &old), max(), parallelism).unwrap();
        for (index, restore) in restores.iter().enumerate() {
            prop_assert_eq!(items(restore), old.concat());
            prop_assert!(restore.lists.values().all(|list| list.copy == (index > 0)));
        }
    }

    #[test]
    fn every_subtask_gets_one_copy_of_broadcast_state(old in some_items(), parallelism in 1..=MAX) {
        let restores = redistribute(&with_lists(Redistribution::Broadcast, &old), max(), parallelism).unwrap();
        for (index, restore) in restores.iter().enumerate() {
            prop_assert_eq!(&items(restore), &old[index % old.len()]);
        }
    }

    #[test]
    fn every_key_group_comes_to_its_owner(old in 1..=MAX, new in 1..=MAX) {
        let snapshot = |index| {
            let keyed = KeyedSnapshot { range: max().range(index, old), files: vec![Blob::Inline(vec![index as u8])], store: None, states: Vec::new(), tables: Vec::new() };
            OperatorSnapshot { keyed: Some(keyed), ..OperatorSnapshot::default() }
        };
        let restores = redistribute(&operator((0..old).map(snapshot).collect()), max(), new).unwrap();
        for (index, restore) in (0..).zip(&restores) {
            for group in max().range(index, new).iter() {
                let files = restore.keyed.iter().filter(|k| k.range.contains(group)).count();
                prop_assert_eq!(files, 1);
            }
            prop_assert!(restore.keyed.iter().all(|k| k.range.intersects(max().range(index, new))));
        }
    }
}

#[test]
fn items_are_dealt_out_in_turn() {
    let old: Vec<Vec<Vec<u8>>> = vec![vec![vec![1], vec![2], vec![3]], vec![vec![4], vec![5]]];
    let restores = redistribute(&with_lists(Redistribution::Split, &old), max(), 3).unwrap();
    assert_eq!(restores.iter().map(|r| items(r).concat()).collect::<Vec<_>>(), [vec![1, 4], vec![2, 5], vec![3]]);
}

#[test]
fn a_subtask_that_had_finished_and_left_no_copy_is_passed_over() {
    let mut metadata = with_lists(Redistribution::Broadcast, &[vec![vec![1]], vec![vec![2]]]);
    metadata.subtasks[0].lists.clear();
    metadata.finished[0] = true;
    let restores = redistribute(&metadata, max(), 3).unwrap();
    assert!(restores.iter().all(|r| items(r) == [[2]] && !r.finished));
}

#[test]
fn an_operator_has_finished_when_all_its_subtasks_had() {
    let mut metadata = operator(vec![OperatorSnapshot::default(); 2]);
    metadata.finished = vec![true, true];
    assert!(redistribute(&metadata, max(), 5).unwrap().iter().all(|r| r.finished));
    metadata.finished = vec![true, false];
    assert!(redistribute(&metadata, max(), 2).unwrap().iter().all(|r| !r.finished));
}

#[test]
fn a_changed_max_parallelism_and_too_many_subtasks_are_refused() {
    // Without state it does not matter where keys are.
    let nothing = operator(vec![OperatorSnapshot::default()]);
    assert!(redistribute(&nothing, MaxParallelism::new(128).unwrap(), 1).is_ok());
    let keyed = KeyedSnapshot {
        range: max().all(),
        files: vec![Blob::Inline(vec![1])],
        store: None,
        states: Vec::new(),
        tables: Vec::new(),
    };
    let metadata = operator(vec![OperatorSnapshot { keyed: Some(keyed), ..OperatorSnapshot::default() }]);
    let error = redistribute(&metadata, MaxParallelism::new(128).unwrap(), 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("128") && error.to_string().contains("set it to 12"), "{error}");
    for wrong in [0, 13] {
        let error = redistribute(&metadata, max(), wrong).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("from 1 to 12"), "{error}");
    }
}
