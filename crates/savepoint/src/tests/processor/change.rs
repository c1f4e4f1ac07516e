//! Savepoints made from others: what was changed is, what was not is as it was, and the other one stays.

use super::*;
use crate::{NewState, StateRow, TableKind};
use flott_core::{EventTime, JobId, OperatorId};
use flott_state::Redistribution;
use object_store::{ObjectStore, ObjectStoreExt};
use std::time::Duration;

/// Two operators, one of them with some states.
fn before(place: &Place) -> Savepoint {
    let mut writer = place.create("sp-1");
    let stamped =
        |key: &str, n: u32| StateRow { key: key.to_owned(), time: 40 + i64::from(n), value: n, ..StateRow::default() };
    writer
        .add_operator("counts", max())
        .unwrap()
        .value("total", names().into_iter().zip(1u32..))
        .unwrap()
        .rows::<String, (), (), u32>(
            NewState::new("seen", TableKind::Value).ttl(Duration::from_secs(9)),
            [stamped("ada", 1), stamped("bob", 2)],
        )
        .unwrap()
        .list("pages", [("ada".to_owned(), vec![1u8, 2, 3]), ("bob".to_owned(), vec![4])])
        .unwrap()
        .map("days", [("ada".to_owned(), 1u8, 10u8), ("ada".to_owned(), 2, 20)])
        .unwrap()
        .event_timers("timers", names().into_iter().zip(0..).map(|(key, n)| (key, (), EventTime(n))))
        .unwrap()
        .operator_list("offsets", Redistribution::Split, 0..5u8)
        .unwrap();
    writer.add_operator("other", max()).unwrap().value("x", [(1u8, 2u8)]).unwrap();
    writer.finish().unwrap()
}

/// The paths in a folder.
fn content(place: &Place, savepoint: &Savepoint) -> Vec<(String, bytes::Bytes)> {
    let read = |path: &str| {
        let path = savepoint.folder().path_of(path);
        let store = place.store.clone();
        place.env.block_on(async move { store.get(&path).await.unwrap().bytes().await.unwrap() })
    };
    savepoint.manifest().files().map(|file| (file.path.clone(), read(&file.path))).collect()
}

#[test]
fn nothing_changed_is_a_copy() {
    let place = Place::new();
    let old = before(&place);
    let new = place.change(&old, "sp-2").finish().unwrap();
    assert_eq!(content(&place, &old), content(&place, &new));
    assert_eq!(old.manifest().operators, new.manifest().operators);
    assert_ne!(old.manifest().job_id, JobId([0; 16]));
    assert_eq!(old.manifest().job_id, new.manifest().job_id);
}

#[test]
fn operators_and_states_are_left_out_and_renamed() {
    let place = Place::new();
    let old = before(&place);
    let content_before = content(&place, &old);
    let mut writer = place.change(&old, "sp-2");
    writer.remove_operator("other").unwrap();
    writer.operator("counts").unwrap().remove_state("days").unwrap().set_uid("totals").unwrap();
    writer.add_operator("counts", max()).unwrap().value("total", [(1u8, 1u8)]).unwrap();
    let new = writer.finish().unwrap();
    assert_eq!(content(&place, &old), content_before);
    let operators: Vec<_> = new.operators().map(|operator| operator.entry().uid.clone().unwrap()).collect();
    assert_eq!(operators, ["totals", "counts"]);
    let totals = new.operator("totals").unwrap();
    assert_eq!(totals.entry().id, OperatorId::from_uid("totals"));
    assert_eq!(sorted(totals.values::<String, u32>("total").unwrap()).len(), 3);
    assert_fails(totals.maps::<String, u8, u8>("days").map(|_| ()), ErrorKind::Invalid, &["no state `days`"]);
    // The new operator's files do not take the place of those of the old one, which is called otherwise now.
    assert_eq!(sorted(new.operator("counts").unwrap().values::<u8, u8>("total").unwrap()), [(1, 1)]);
    let paths: Vec<&str> = new.manifest().files().map(|file| file.path.as_str()).collect();
    assert!(paths.contains(&"counts/total-0.parquet") && paths.contains(&"counts/total-1.parquet"), "{paths:?}");
    // What was left out is not copied.
    assert!(!paths.iter().any(|path| path.contains("days") || path.contains("other")), "{paths:?}");
}

fn counts_files(savepoint: &Savepoint) -> usize {
    savepoint.operator("counts").unwrap().entry().states.iter().map(|state| state.files.len()).sum()
}

#[test]
fn values_are_put_right() {
    let place = Place::new();
    let old = before(&place);
    let mut writer = place.change(&old, "sp-2");
    writer
        .operator("counts")
        .unwrap()
        .update_values("total", |key: &String, n: u32| Ok((key != "bob").then(|| (i64::from(n) * 100, key.len()))))
        .unwrap()
        .update_values("seen", |_: &String, n: u32| Ok(Some(n + 1)))
        .unwrap()
        .update_values("pages", |_: &String, page: u8| Ok((page != 2).then_some(page)))
        .unwrap()
        .update_entries("days", |_: &String, day: &u8, n: u8| Ok(Some(n + day)))
        .unwrap()
        .update_rows("timers", |row: StateRow<String, (), (), ()>| Ok((row.time != 1).then_some(())))
        .unwrap()
        .update_rows("offsets", |row: StateRow<(), (), (), u8>| Ok(row.value.is_multiple_of(2).then_some(row.value)))
        .unwrap()
        // Once more, over what was just written.
        .update_values("seen", |_: &String, n: u32| Ok(Some(n * 10)))
        .unwrap();
    let new = writer.finish().unwrap();
    let files =
        place.env.block_on(place.store.list_with_delimiter(Some(&new.folder().path_of("counts")))).unwrap().objects;
    assert_eq!(files.len(), counts_files(&new), "nothing is left of what was written in between");
    let counts = new.operator("counts").unwrap();
    let totals = sorted(counts.values::<String, (i64, usize)>("total").unwrap());
    assert_eq!(totals, [("ada".into(), (100, 3)), ("eve".into(), (300, 3))]);
    let seen =
        counts.rows::<String, (), (), u32>("seen").unwrap().map(|row| row.map(|row| (row.key, row.value, row.time)));
    assert_eq!(sorted(seen), [("ada".into(), 20, 41), ("bob".into(), 30, 42)], "stamps are kept");
    let state = counts.entry().states.iter().find(|state| state.name == "seen").unwrap();
    assert_eq!((state.ttl_ms, state.table.stamped), (Some(9000), true));
    assert_eq!(
        sorted(counts.lists::<String, u8>("pages").unwrap()),
        [("ada".into(), vec![1, 3]), ("bob".into(), vec![4])]
    );
    assert_eq!(sorted(counts.maps::<String, u8, u8>("days").unwrap()), [("ada".into(), 1, 11), ("ada".into(), 2, 22)]);
    let timers = sorted(counts.event_timers::<String, ()>("timers").unwrap());
    assert_eq!(timers.iter().map(|timer| timer.2.0).collect::<Vec<_>>(), [0, 2]);
    let offsets = counts.rows::<(), (), (), u8>("offsets").unwrap().map(|row| row.map(|row| (row.position, row.value)));
    assert_eq!(sorted(offsets), [(0, 0), (1, 2), (2, 4)]);
}

#[test]
fn what_cannot_be_changed_is_refused() {
    let place = Place::new();
    let old = before(&place);
    let taken = SavepointWriter::from_existing_in(&old, place.folder("sp-1")).map(|_| ());
    assert_fails(taken, ErrorKind::Invalid, &["`sp-1/manifest.json` is there already", "choose another folder"]);
    let mut writer = place.change(&old, "sp-2");
    assert_fails(writer.remove_operator("x").map(|_| ()), ErrorKind::Invalid, &["its operators are `counts`, `other`"]);
    assert_fails(writer.add_operator("counts", max()).map(|_| ()), ErrorKind::Invalid, &["`counts` already"]);
    let mut counts = writer.operator("counts").unwrap();
    assert_fails(counts.set_uid("other").map(|_| ()), ErrorKind::Invalid, &["`other` already"]);
    let again = counts.value("total", [(1u8, 1u8)]).map(|_| ());
    assert_fails(again, ErrorKind::Invalid, &["remove_state", "state `total` of operator `counts`"]);
    let twice = counts.value("new", [(1u8, 1u8), (2, 1), (1, 2)]).map(|_| ());
    assert_fails(twice, ErrorKind::Data, &["two values for the key `1`", "state `new` of operator `counts`"]);
    let twice = counts.map("new", [("a".to_owned(), 1u8, 1u8), ("a".to_owned(), 1, 2)]).map(|_| ());
    assert_fails(twice, ErrorKind::Data, &["two values of one entry for the key `\"a\"`"]);
    let twice = counts.list("new", [(1u8, vec![1u8]), (1, vec![2])]).map(|_| ());
    assert_fails(twice, ErrorKind::Data, &["two lists for the key `1`"]);
    let wrong = counts.update_values("total", |_: &String, n: bool| Ok(Some(n))).map(|_| ());
    assert_fails(wrong, ErrorKind::Invalid, &["it was u32 and the job reads bool"]);
    let failed =
        counts.update_values("total", |_: &String, _: u32| Err::<Option<u32>, _>(Error::data("odd"))).map(|_| ());
    assert_fails(failed, ErrorKind::Data, &["odd", "state `total` of operator `counts`"]);
    let timers = counts.update_rows("timers", |_: StateRow<String, (), (), ()>| Ok(Some(1u8))).map(|_| ());
    assert_fails(timers, ErrorKind::Invalid, &["timers have no values"]);
    // A timer that is set twice is one.
    counts.event_timers("again", [(1u8, (), EventTime(5)), (1, (), EventTime(5)), (1, (), EventTime(6))]).unwrap();
    let new = writer.finish().unwrap();
    assert_eq!(sorted(new.operator("counts").unwrap().event_timers::<u8, ()>("again").unwrap()).len(), 2);
}
