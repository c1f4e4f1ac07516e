//! Tests of comparison.

use super::*;
use crate::canonical::{StateDescription, TableKind, TableSchema};
use crate::snapshot::{Blob, KeyedSnapshot, OperatorSnapshot};
use flott_core::schema::Schema;
use flott_core::{BarrierKind, CheckpointId, ErrorKind, JobId, ProcessingTime};
use std::sync::Arc;

fn max(count: u32) -> MaxParallelism {
    MaxParallelism::new(count).unwrap()
}

fn saved(name: &str, uid: Option<&str>, bytes: usize) -> OperatorMetadata {
    let keyed = KeyedSnapshot {
        range: max(128).all(),
        files: vec![Blob::Inline(vec![0; bytes])],
        store: None,
        states: Vec::new(),
        tables: Vec::new(),
    };
    OperatorMetadata {
        states: Vec::new(),
        id: OperatorId::from_uid(uid.unwrap_or(name)),
        uid: uid.map(str::to_owned),
        name: name.to_owned(),
        parallelism: 1,
        max_parallelism: max(128),
        coordinator: None,
        subtasks: vec![OperatorSnapshot { keyed: (bytes > 0).then_some(keyed), ..OperatorSnapshot::default() }],
        finished: vec![false],
    }
}

fn checkpoint(operators: Vec<OperatorMetadata>) -> CheckpointMetadata {
    let (job, id) = (JobId([7; 16]), CheckpointId(3));
    CheckpointMetadata::new(job, "shop", id, BarrierKind::Checkpoint, ProcessingTime(5), operators)
}

fn wanted(name: &str, uid: &str) -> JobOperator {
    let id = OperatorId::from_uid(uid);
    JobOperator { id, uid: Some(uid.to_owned()), name: name.to_owned(), max_parallelism: max(128) }
}

#[test]
fn the_report_says_what_becomes_of_each_operator() {
    let metadata =
        checkpoint(vec![saved("count", Some("count"), 10), saved("old", Some("old"), 20), saved("map", None, 0)]);
    let job = [wanted("count words", "count"), wanted("alert", "alert")];
    let report = compare(&metadata, &job, true).unwrap();
    assert_eq!(
        report.to_string(),
        "kept    operator `count words` (uid count): 10 bytes of state\n\
         new     operator `alert` (uid alert): starts with empty state\n\
         dropped operator `old` (uid old): 20 bytes of state are left behind"
    );
    assert_eq!(report.of(Fate::Dropped).count(), 1, "an operator without state is not missed");
}

#[test]
fn unclaimed_state_is_refused_unless_it_may_be_dropped() {
    let metadata = checkpoint(vec![saved("count", Some("count"), 10), saved("sum", None, 10)]);
    let error = compare(&metadata, &[wanted("count", "count")], false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let text = error.to_string();
    for words in ["`sum`", "without one is found again only", "ignore-unclaimed-state", "kept    operator `count`"] {
        assert!(text.contains(words), "{text}");
    }
    let error = compare(&metadata, &[], false).unwrap_err().to_string();
    assert!(error.contains("and 1 more") && error.contains("no operator with this uid"), "{error}");
    assert!(compare(&metadata, &[wanted("count", "count"), wanted("x", "sum")], false).is_ok());
}

#[test]
fn a_changed_max_parallelism_is_refused() {
    let metadata = checkpoint(vec![saved("count", Some("count"), 10)]);
    let operator = JobOperator { max_parallelism: max(256), ..wanted("count", "count") };
    let error = compare(&metadata, &[operator], false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("256") && error.to_string().contains("set it to 128"), "{error}");
}

#[test]
fn two_operators_with_one_uid_are_refused() {
    let error = compare(&checkpoint(Vec::new()), &[wanted("a", "x"), wanted("b", "x")], false).unwrap_err();
    assert!(error.to_string().contains("`b`"), "{error}");
}

#[test]
fn a_state_in_parts_is_the_one_that_they_are_parts_of() {
    let described = |name: &str| {
        let table = TableSchema::new(TableKind::Value, Schema::U32);
        Arc::new(StateDescription { name: name.to_owned(), table, ttl_ms: None, parts: false })
    };
    let states = |names: &[&str]| names.iter().map(|name| described(name)).collect::<Vec<_>>();
    let (whole, parts) = (states(&["join", "a"]), states(&["_parts/join/left", "_parts/join/right", "a/join"]));
    let lines = |was: &[Arc<StateDescription>], is: &[Arc<StateDescription>]| {
        let found = OperatorMetadata { states: was.to_vec(), ..saved("join", None, 1) };
        let job = JobStates { keyed: is.to_vec(), ..JobStates::default() };
        compare_states(&found, &job).into_iter().map(|state| (state.name, state.fate)).collect::<Vec<_>>()
    };
    let of = |list: &[(&str, StateFate)]| {
        list.iter().map(|(name, fate)| ((*name).to_owned(), fate.clone())).collect::<Vec<_>>()
    };
    use StateFate::{Dropped, Kept, New};
    assert_eq!(lines(&parts, &whole), of(&[("join", Kept), ("a", New), ("a/join", Dropped)]));
    assert_eq!(
        lines(&whole, &parts),
        of(&[("_parts/join/left", Kept), ("_parts/join/right", Kept), ("a/join", New), ("a", Dropped)])
    );
}
