//! Tables in which each namespace has a part of its own, and access to many keys at once, against plain tables.

use super::*;
use crate::store::MemoryStore;
use proptest::prelude::*;
use std::sync::Arc;

type Found = BTreeMap<(u64, u32), u64>;

#[derive(Clone, Debug)]
enum Step {
    Add(u64, u32, u64),
    Remove(u64, u32),
    Keep(u64),
    Snapshot { full: bool },
    Restore,
}

fn any_step() -> impl Strategy<Value = Step> {
    let (key, namespace) = (0..20u64, 0..4u32);
    prop_oneof![
        8 => (key.clone(), namespace.clone(), 1..100u64).prop_map(|(k, n, v)| Step::Add(k, n, v)),
        4 => (key, namespace).prop_map(|(k, n)| Step::Remove(k, n)),
        1 => (0..100u64).prop_map(Step::Keep),
        2 => any::<bool>().prop_map(|full| Step::Snapshot { full }),
        1 => Just(Step::Restore),
    ]
}

fn register(state: &mut KeyedState<u64>) -> TableId<u32, u64> {
    state.register_parted("sums").unwrap()
}

fn found(state: &mut KeyedState<u64>, id: TableId<u32, u64>) -> Found {
    let mut found = BTreeMap::new();
    state.table(id).for_each(|key, namespace, value| found.extend([((*key, *namespace), *value)])).unwrap();
    found
}

proptest! {
    #[test]
    fn a_parted_table_holds_what_a_map_holds(steps in proptest::collection::vec(any_step(), 1..60)) {
        let max = groups(4);
        let (mut disk, mut saved) = (Disk::default(), None);
        let mut state = KeyedState::<u64>::new(max, max.all());
        let mut id = register(&mut state);
        let mut expected = Found::new();
        for step in steps {
            match step {
                Step::Add(key, namespace, value) => {
                    let slot = state.slot(&key);
                    let (sum, is_new) = state.table(id).get_or_insert_with(slot, &key, &namespace, || 0).unwrap();
                    *sum += value;
                    prop_assert_eq!(is_new, !expected.contains_key(&(key, namespace)));
                    *expected.entry((key, namespace)).or_default() += value;
                }
                Step::Remove(key, namespace) => {
                    let slot = state.slot(&key);
                    prop_assert_eq!(state.table(id).get(slot, &key, &namespace).unwrap(), expected.get(&(key, namespace)));
                    prop_assert_eq!(
                        state.table(id).remove(slot, &key, &namespace).unwrap(),
                        expected.remove(&(key, namespace))
                    );
                    prop_assert_eq!(state.table(id).get_mut(slot, &key, &namespace).unwrap(), None);
                }
                Step::Keep(limit) => {
                    let mut drained = Found::new();
                    let mut take = |key: &u64, namespace: &u32, value: &mut u64| {
                        drained.insert((*key, *namespace), *value);
                    };
                    state.table(id).drain(&mut take).unwrap();
                    prop_assert_eq!(&drained, &expected);
                    expected.retain(|_, value| *value < limit);
                    for ((key, namespace), value) in &expected {
                        let slot = state.slot(key);
                        prop_assert!(state.table(id).insert(slot, key, namespace, *value).unwrap());
                    }
                }
                Step::Snapshot { full } => {
                    let files = disk.snapshot(&mut state, full);
                    saved = Some((disk.save(&files), expected.clone()));
                }
                Step::Restore => {
                    if let Some((files, then)) = &saved {
                        // A plain table reads what a parted one has written.
                        let mut plain = disk.restore::<u64>(std::slice::from_ref(files), max, max.all());
                        let plain_id = plain.register::<u32, u64>("sums").unwrap();
                        prop_assert_eq!(&found(&mut plain, plain_id), then);
                        state = disk.restore(std::slice::from_ref(files), max, max.all());
                        id = register(&mut state);
                        expected.clone_from(then);
                    }
                }
            }
            prop_assert_eq!(state.table(id).len(), expected.len());
            prop_assert_eq!(state.table(id).is_empty(), expected.is_empty());
        }
        prop_assert_eq!(found(&mut state, id), expected);
    }
}

/// Counts keys, in batches that add keys, change them, and do both; a key that has been counted so often is gone.
fn count_many(state: &mut KeyedState<u64>) {
    const GONE_AT: u64 = 2;
    let id = state.register::<(), u64>("count").unwrap();
    let (mut expected, mut found, mut wanted) = (BTreeMap::new(), Vec::new(), Vec::new());
    for round in 0..60u64 {
        let keys: Vec<u64> = (0..5000).map(|n: u64| (n * 7919 + round * 104_729) % 150_000).collect();
        for keys in [keys, vec![round, round]] {
            let slots: Vec<KeySlot> = keys.iter().map(|key| state.slot(key)).collect();
            let count = |count: &mut u64| {
                *count += 1;
                found.push(*count);
                Ok(*count < GONE_AT)
            };
            state.table(id).update_all(&keys, &slots, &(), || 0, count).unwrap();
            for key in keys {
                let count = expected.entry(key).or_insert(0u64);
                *count += 1;
                wanted.push(*count);
                if *count == GONE_AT {
                    expected.remove(&key);
                }
            }
        }
        AnyKeyedState::settle(state).unwrap();
    }
    assert_eq!(found, wanted);
    assert!(wanted.contains(&GONE_AT));
    let mut found = BTreeMap::new();
    state.table(id).for_each(|key, (), count| found.extend([(*key, *count)])).unwrap();
    assert_eq!(found, expected);
}

#[test]
fn many_keys_at_once_are_as_one_after_the_other() {
    // So many that entries are fetched ahead.
    count_many(&mut single());
}

#[test]
fn many_keys_at_once_on_a_store_are_as_one_after_the_other() {
    for resident_bytes_max in [0, 1 << 20, usize::MAX] {
        let mut state = single();
        let store = Arc::new(MemoryStore::default());
        state.use_store(store, Default::default(), crate::WorkingSet::fixed(resident_bytes_max)).unwrap();
        count_many(&mut state);
    }
}
