//! What each kind of state does, and what it refuses.

use super::*;
use flott_core::ErrorKind;

#[test]
fn each_key_has_its_own_value() {
    let mut state = single::<String>();
    let count = ValueState::<u64>::register(&mut state, "count", None).unwrap();
    for word in ["to", "be", "or", "not", "to", "be"] {
        state.set_key(&word.to_owned());
        count.update(&mut state, || 0, |n| *n += 1).unwrap();
    }
    for (word, n) in [("to", Some(2)), ("or", Some(1)), ("question", None)] {
        state.set_key(&word.to_owned());
        assert_eq!(count.get(&mut state).unwrap().copied(), n, "{word}");
    }
    count.set(&mut state, 9).unwrap();
    count.clear(&mut state).unwrap();
    assert_eq!(count.get(&mut state).unwrap(), None);
    let mut keys = count.keys(&mut state).unwrap();
    keys.sort();
    assert_eq!(keys, ["be", "not", "or", "to"]);
}

#[test]
fn a_list_keeps_the_order_of_its_elements() {
    let mut state = single::<u32>();
    let list = ListState::<u64>::register(&mut state, "list", None).unwrap();
    state.set_key(&1);
    assert_eq!(list.get(&mut state).unwrap(), [0; 0]);
    list.add(&mut state, 3).unwrap();
    list.add_all(&mut state, [1, 2]).unwrap();
    assert_eq!(list.get(&mut state).unwrap(), [3, 1, 2]);
    list.update(&mut state, vec![7]).unwrap();
    list.add(&mut state, 8).unwrap();
    assert_eq!(list.take(&mut state).unwrap(), [7, 8]);
    assert_eq!(list.get(&mut state).unwrap(), [0; 0]);
}

#[test]
fn an_empty_list_leaves_nothing_behind() {
    let mut state = single::<u32>();
    let list = ListState::<u64>::register(&mut state, "list", None).unwrap();
    state.set_key(&1);
    list.add_all(&mut state, []).unwrap();
    assert_eq!(state.entry_count(), 0);
    list.add(&mut state, 1).unwrap();
    list.update(&mut state, Vec::new()).unwrap();
    assert_eq!(state.entry_count(), 0);
}

#[test]
fn a_map_has_entries_per_key() {
    let mut state = single::<u32>();
    let map = MapState::<String, u64>::register(&mut state, "map", None).unwrap();
    state.set_key(&1);
    assert!(map.is_empty(&mut state).unwrap());
    map.put(&mut state, "a".into(), 1).unwrap();
    map.put(&mut state, "b".into(), 2).unwrap();
    assert_eq!(map.update(&mut state, "b".into(), || 0, |n| std::mem::replace(n, 5)).unwrap(), 2);
    assert_eq!(map.get(&mut state, &"b".into()).unwrap(), Some(&5));
    assert!(map.contains(&mut state, &"a".into()).unwrap() && !map.contains(&mut state, &"c".into()).unwrap());
    let mut entries = map.entries(&mut state).unwrap();
    entries.sort();
    assert_eq!(entries, [("a".into(), 1), ("b".into(), 5)]);
    state.set_key(&2);
    assert_eq!(map.len(&mut state).unwrap(), 0);
    state.set_key(&1);
    assert_eq!(map.remove(&mut state, &"a".into()).unwrap(), Some(1));
    assert_eq!(map.remove(&mut state, &"a".into()).unwrap(), None);
    assert_eq!(map.remove(&mut state, &"b".into()).unwrap(), Some(5));
    assert_eq!(state.entry_count(), 0, "a map without entries is no map");
}

#[test]
fn reducing_state_merges_what_is_added() {
    let mut state = single::<u32>();
    let words = ReducingState::register(&mut state, "words", |all: &mut String, new| *all += &new, None).unwrap();
    state.set_key(&1);
    assert_eq!(words.get(&mut state).unwrap(), None);
    for word in ["a", "b", "c"] {
        words.add(&mut state, word.into()).unwrap();
    }
    assert_eq!(words.get(&mut state).unwrap().unwrap(), "abc");
    words.clear(&mut state).unwrap();
    assert_eq!(words.get(&mut state).unwrap(), None);
}

#[derive(Clone)]
struct Average;

impl AggregateFunction for Average {
    type In = u32;
    type Acc = (u64, u64);
    type Out = f64;

    fn create(&self) -> (u64, u64) {
        (0, 0)
    }
    fn add(&self, acc: &mut (u64, u64), value: u32) {
        *acc = (acc.0 + u64::from(value), acc.1 + 1);
    }
    fn result(&self, acc: &(u64, u64)) -> f64 {
        acc.0 as f64 / acc.1 as f64
    }
    fn merge(&self, into: &mut (u64, u64), other: (u64, u64)) {
        *into = (into.0 + other.0, into.1 + other.1);
    }
}

#[test]
fn aggregating_state_accumulates_what_is_added() {
    let mut state = single::<u32>();
    let average = AggregatingState::register(&mut state, "average", Average, None).unwrap();
    state.set_key(&1);
    assert_eq!(average.get(&mut state).unwrap(), None);
    for n in [1, 2, 6] {
        average.add(&mut state, n).unwrap();
    }
    assert_eq!(average.get(&mut state).unwrap(), Some(3.0));
    let mut state = restored(&mut state);
    let average = AggregatingState::register(&mut state, "average", Average, None).unwrap();
    state.set_key(&1);
    assert_eq!(average.get(&mut state).unwrap(), Some(3.0));
    average.clear(&mut state).unwrap();
    assert_eq!(average.get(&mut state).unwrap(), None);
}

#[test]
fn misuse_is_refused_with_advice() {
    let mut state = single::<u32>();
    let refused = |error: flott_core::Error, words: &str| {
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    };
    refused(ValueState::<u64>::default().get(&mut state).unwrap_err(), "register it in `open`");
    refused(ListState::<u64>::default().add(&mut state, 1).unwrap_err(), "register it in `open`");
    refused(MapState::<u64, u64>::default().len(&mut state).unwrap_err(), "register it in `open`");
    refused(ReducingState::<u64>::default().add(&mut state, 1).unwrap_err(), "register it in `open`");
    refused(AggregatingState::<Average>::default().add(&mut state, 1).unwrap_err(), "register it in `open`");

    let count = ValueState::<u64>::register(&mut state, "count", None).unwrap();
    refused(count.get(&mut state).unwrap_err(), "no key");
    refused(ListState::<u64>::register(&mut state, "count", None).err().unwrap(), "`count`");
    let zero = StateTtl::new(std::time::Duration::ZERO);
    refused(ValueState::<u64>::register(&mut state, "zero", Some(zero)).err().unwrap(), "longer");

    let mut other = single::<u32>();
    other.set_key(&1);
    refused(count.get(&mut other).unwrap_err(), "each operator");
    state.set_key(&1);
    state.clear_key();
    refused(count.set(&mut state, 1).unwrap_err(), "no key");
}

#[test]
fn key_maps_are_maps() {
    let mut map: KeyMap<String, u32> = [("a".to_owned(), 1), ("b".to_owned(), 2)].into_iter().collect();
    assert_eq!(map.insert("a".into(), 3), Some(1));
    assert_eq!((map.get(&"a".into()), map.get(&"c".into())), (Some(&3), None));
    *map.get_mut(&"b".into()).unwrap() += 1;
    let bytes = flott_core::codec::to_bytes(&map).unwrap();
    let mut back: KeyMap<String, u32> = flott_core::codec::from_bytes(&bytes).unwrap();
    assert_eq!(map, back);
    back.retain(|_, n| *n < 3);
    assert!(back.is_empty());
    assert_eq!(map.remove(&"b".into()), Some(3));
    assert_eq!(map.len(), 1);
    map.clear();
    assert_eq!(map, back);
}
