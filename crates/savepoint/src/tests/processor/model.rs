//! Random rows of random types: what is written is read, whatever the size of files, and so is what changes make of it.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn maps_and_lists_are_what_was_written(
        maps in prop::collection::btree_map(".{0,6}", prop::collection::btree_map(any::<i64>(), any::<Option<u32>>(), 0..6), 0..40),
        lists in prop::collection::btree_map(any::<(u16, bool)>(), prop::collection::vec(".{0,9}", 0..7), 0..40),
        file_bytes in 1usize..4000,
        groups in 1u32..300,
    ) {
        let place = Place::new();
        let mut writer = place.create("sp-1");
        writer.target.file_bytes = file_bytes;
        let entries = maps.iter().flat_map(|(key, map)| map.iter().map(move |(k, v)| (key.clone(), *k, *v)));
        let max = MaxParallelism::new(groups).unwrap();
        writer.add_operator("x", max).unwrap().map("maps", entries.clone()).unwrap().list("lists", lists.clone()).unwrap();
        let before = writer.finish().unwrap();
        let operator = before.operator("x").unwrap();
        let expected: Vec<_> = entries.collect();
        prop_assert_eq!(sorted(operator.maps::<String, i64, Option<u32>>("maps").unwrap()), expected.clone());
        let mut kept = lists.clone();
        kept.retain(|_, list| !list.is_empty());
        let found = sorted(operator.lists::<(u16, bool), String>("lists").unwrap());
        prop_assert_eq!(found, kept.into_iter().collect::<Vec<_>>());

        let mut writer = place.change(&before, "sp-2");
        writer.target.file_bytes = file_bytes * 2;
        writer
            .operator("x")
            .unwrap()
            .update_values("lists", |_: &(u16, bool), text: String| Ok(text.len().is_multiple_of(2).then_some(text.len() as u64)))
            .unwrap();
        let after = writer.finish().unwrap();
        let changed: BTreeMap<_, Vec<u64>> = lists
            .into_iter()
            .map(|(key, list)| (key, list.iter().map(|text| text.len() as u64).filter(|len| len.is_multiple_of(2)).collect()))
            .filter(|(_, list): &(_, Vec<u64>)| !list.is_empty())
            .collect();
        let operator = after.operator("x").unwrap();
        let found = sorted(operator.lists::<(u16, bool), u64>("lists").unwrap());
        prop_assert_eq!(found, changed.into_iter().collect::<Vec<_>>());
        prop_assert_eq!(sorted(operator.maps::<String, i64, Option<u32>>("maps").unwrap()), expected);
    }
}
