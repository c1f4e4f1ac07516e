//! Every kind of state comes back as it was written; types may have changed; what cannot be read is refused.

use super::*;
use crate::{NewState, StateRow, TableKind};
use flott_core::{EventTime, KeyGroup, KeyHash, OperatorId, ProcessingTime};
use flott_state::Redistribution;
use std::time::Duration;

/// A savepoint with an operator that has state of every kind.
fn everything(place: &Place) -> Savepoint {
    let mut writer = place.create("sp-1");
    let pairs = || names().into_iter().zip([3u32, 1, 2]);
    let window = |start| TimeWindow { start, end: start + 10 };
    writer
        .add_operator("counts", max())
        .unwrap()
        .set_name("Count by user")
        .value("total", pairs().map(|(key, count)| (key, Totals { count, plan: Plan::Paid(count) })))
        .unwrap()
        .reducing("sum", pairs())
        .unwrap()
        .aggregating("mean", pairs().map(|(key, n)| (key, (n, f64::from(n)))))
        .unwrap()
        .list("pages", pairs().map(|(key, n)| (key, (0..n).collect::<Vec<u32>>())))
        .unwrap()
        .map("by day", pairs().flat_map(|(key, n)| (0..n as u8).map(move |day| (key.clone(), day, n))))
        .unwrap()
        .event_timers("timers", pairs().map(|(key, n)| (key, (), EventTime(i64::from(n)))))
        .unwrap()
        .processing_timers("clock", pairs().map(|(key, n)| (key, window(n.into()), ProcessingTime(i64::MAX))))
        .unwrap()
        .operator_list("offsets", Redistribution::Union, [(7u16, "a".to_owned()), (8, "b".to_owned())])
        .unwrap()
        .broadcast("rules", pairs())
        .unwrap()
        .rows(
            NewState::new("windows", TableKind::List),
            (0..3u32).map(|n| StateRow::<_, _, (), _> {
                key: "ada".to_owned(),
                namespace: window(i64::from(n / 2)),
                position: n % 2,
                value: n,
                ..StateRow::default()
            }),
        )
        .unwrap()
        .rows(
            NewState::new("sessions", TableKind::Value).ttl(Duration::from_secs(60)),
            [StateRow::<_, _, (), _> { key: 1u8, namespace: window(0), time: 77, value: true, ..StateRow::default() }],
        )
        .unwrap();
    writer.finish().unwrap()
}

#[test]
fn every_kind_comes_back() {
    let place = Place::new();
    let written = everything(&place);
    let savepoint = place.open("sp-1").unwrap();
    assert_eq!(savepoint.manifest(), written.manifest());
    let counts = savepoint.operator("counts").unwrap();
    let entry = counts.entry();
    assert_eq!((entry.id, &*entry.name, entry.parallelism), (OperatorId::from_uid("counts"), "Count by user", 1));
    assert_eq!(entry.finished, [false]);
    assert_eq!(savepoint.operators().count(), 1);

    let pair = |key: &str, n: u32| (key.to_owned(), n);
    let pairs = [pair("ada", 3), pair("bob", 1), pair("eve", 2)];
    let found = sorted(counts.values::<String, Totals>("total").unwrap());
    assert_eq!(found, pairs.clone().map(|(key, count)| (key, Totals { count, plan: Plan::Paid(count) })));
    assert_eq!(sorted(counts.values::<String, u32>("sum").unwrap()), pairs);
    let means: Vec<_> = counts.values::<String, (u32, f64)>("mean").unwrap().collect::<Result<_>>().unwrap();
    assert!(means.len() == 3 && means.contains(&("bob".into(), (1, 1.0))));
    let lists = sorted(counts.lists::<String, u32>("pages").unwrap());
    assert_eq!(lists, pairs.clone().map(|(key, n)| (key, (0..n).collect())));
    let days = sorted(counts.maps::<String, u8, u32>("by day").unwrap());
    assert_eq!(days.len(), 6);
    assert_eq!(days[2], ("ada".into(), 2, 3));
    let timers = sorted(counts.event_timers::<String, ()>("timers").unwrap());
    assert_eq!(timers[0], ("ada".into(), (), EventTime(3)));
    let clock = sorted(counts.processing_timers::<String, TimeWindow>("clock").unwrap());
    assert_eq!(clock[1], ("bob".into(), TimeWindow { start: 1, end: 11 }, ProcessingTime(i64::MAX)));
    let offsets: Vec<(u16, String)> = counts.operator_list("offsets").unwrap().collect::<Result<_>>().unwrap();
    assert_eq!(offsets, [(7, "a".into()), (8, "b".into())]);
    assert_eq!(sorted(counts.broadcast::<String, u32>("rules").unwrap()), pairs);
    let windows = sorted(counts.window_lists::<String, TimeWindow, u32>("windows").unwrap());
    assert_eq!(
        windows.iter().map(|(_, window, list)| (window.start, list.len())).collect::<Vec<_>>(),
        [(0, 2), (1, 1)]
    );
    let sessions = sorted(counts.window_values::<u8, TimeWindow, bool>("sessions").unwrap());
    assert_eq!(sessions, [(1, TimeWindow { start: 0, end: 10 }, true)]);

    let row = counts.rows::<u8, TimeWindow, (), bool>("sessions").unwrap().next().unwrap().unwrap();
    assert_eq!((row.time, row.group), (77, max().key_group(KeyHash::of(&1u8)).0.into()));
    let state = |name: &str| entry.states.iter().find(|state| state.name == name).unwrap();
    assert_eq!((state("sessions").ttl_ms, state("sessions").table.stamped), (Some(60_000), true));
    assert_eq!(state("offsets").redistribution, Some(Redistribution::Union));
    assert_eq!(state("rules").redistribution, Some(Redistribution::Broadcast));
    assert_eq!(state("by day").files[0].path, "counts/by_day-0.parquet");
}

#[test]
fn rows_of_a_file_are_in_the_order_of_their_key_groups() {
    let place = Place::new();
    let mut writer = place.create("sp-1");
    // A row takes about 60 bytes, so there are some files.
    writer.target.file_bytes = 10_000;
    let lists = (0..1000u64).map(|n| (n, vec![n; (n % 4) as usize]));
    writer.add_operator("counts", max()).unwrap().list("lists", lists.clone()).unwrap();
    let savepoint = writer.finish().unwrap();
    let files = &savepoint.manifest().operators[0].states[0].files;
    assert!(files.len() > 3, "{}", files.len());
    assert_eq!(files.iter().map(|file| file.rows).sum::<u64>(), 1500);
    let counts = savepoint.operator("counts").unwrap();
    let rows: Vec<_> = counts.rows::<u64, (), (), u64>("lists").unwrap().collect::<Result<_>>().unwrap();
    let mut rest = &rows[..];
    for file in files {
        let (own, others) = rest.split_at(file.rows as usize);
        assert!(own.is_sorted_by_key(|row| row.group));
        let groups = file.key_groups.unwrap();
        assert!(own.iter().all(|row| groups.contains(KeyGroup(row.group as u16))));
        rest = others;
    }
    let expected: Vec<_> = lists.filter(|(_, list)| !list.is_empty()).collect();
    assert_eq!(sorted(counts.lists::<u64, u64>("lists").unwrap()), expected);
}

#[test]
fn what_another_savepoint_gives_can_be_written() {
    let place = Place::new();
    let before = everything(&place);
    let mut writer = place.create("sp-2");
    let values = before.operator("counts").unwrap().values::<String, u32>("sum").unwrap();
    let values = values.map(|pair| pair.map(|(key, sum)| (key, u64::from(sum) * 2)));
    writer.add_operator("doubled", max()).unwrap().value("sum", values).unwrap();
    let after = writer.finish().unwrap();
    let found = sorted(after.operator("doubled").unwrap().values::<String, u64>("sum").unwrap());
    assert_eq!(found, [("ada".into(), 6), ("bob".into(), 2), ("eve".into(), 4)]);

    let failing = [Ok((1u8, 1u8)), Err(Error::data("line 2 is no number")), Ok((2, 2))];
    let mut writer = place.create("sp-3");
    let written = writer.add_operator("x", max()).unwrap().value("y", failing).map(|_| ());
    assert_fails(written, ErrorKind::Data, &["line 2", "state `y` of operator `x`"]);
}

#[test]
fn types_may_have_changed() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Now {
        plan: Option<Plan>,
        #[serde(alias = "count")]
        visits: u64,
        #[serde(default)]
        seen: bool,
    }
    let place = Place::new();
    let savepoint = everything(&place);
    let counts = savepoint.operator("counts").unwrap();
    let found: Vec<_> = counts.values::<String, Now>("total").unwrap().collect::<Result<_>>().unwrap();
    let bob = found.iter().find(|(key, _)| key == "bob").unwrap();
    assert_eq!(bob.1, Now { plan: Some(Plan::Paid(1)), visits: 1, seen: false });

    #[derive(Debug, PartialEq, Deserialize)]
    struct Other {
        count: String,
    }
    let refused = counts.values::<String, Other>("total").map(|_| ());
    assert_fails(
        refused,
        ErrorKind::Invalid,
        &[
            "`value.count`: it was u32",
            "struct Other {",
            "struct Totals {",
            "value of state `total` of operator `counts`",
        ],
    );
    let refused = counts.values::<u64, u64>("sum").map(|_| ());
    assert_fails(refused, ErrorKind::Invalid, &["it was String", "key of state `sum` of operator `counts`"]);
    let refused = counts.values::<u8, bool>("sessions").map(|_| ());
    assert_fails(refused, ErrorKind::Invalid, &["struct TimeWindow", "namespace of state `sessions`"]);
}

#[test]
fn what_is_not_there_is_an_error_that_says_what_is() {
    let place = Place::new();
    let savepoint = everything(&place);
    let unknown = savepoint.operator("count").map(|_| ());
    assert_fails(unknown, ErrorKind::Invalid, &["`count`", "did you mean `counts`?", "its operators are `counts`"]);
    let counts = savepoint.operator("counts").unwrap();
    let unknown = counts.values::<String, u32>("totals").map(|_| ());
    let parts = ["`totals`", "did you mean `total`?", "`total` (value), `sum` (reducing)", "`rules` (broadcast)"];
    assert_fails(unknown, ErrorKind::Invalid, &parts);
    let wrong = counts.values::<String, u32>("pages").map(|_| ());
    assert_fails(wrong, ErrorKind::Invalid, &["state `pages` of operator `counts` is of kind list; `lists` reads it"]);
    let id = OperatorId::from_uid("counts").to_string();
    assert_eq!(savepoint.operator(&id).unwrap().entry().id.to_string(), id);
}
