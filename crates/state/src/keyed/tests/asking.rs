//! What a key has, asked from outside: whatever of it is in memory, on the store, or gone.

use super::*;
use crate::WorkingSet;
use crate::store::{KeyedStore, MemoryStore};
use flott_core::schema::Schema;
use flott_core::{ErrorKind, codec};
use proptest::prelude::*;
use std::sync::Arc;

const KEYS: u16 = 6;

/// Tables of every arrangement, which hold the same.
struct Tables {
    flat: TableId<u16, u32>,
    parted: TableId<u16, u32>,
    map: MapState<u16, u32>,
}

impl Tables {
    fn register(state: &mut KeyedState<u16>) -> Tables {
        let (flat, parted) = (state.register("flat").unwrap(), state.register_parted("parted").unwrap());
        Tables { flat, parted, map: MapState::register(state, "map", None).unwrap() }
    }

    fn put(&self, state: &mut KeyedState<u16>, key: u16, name: u16, value: Option<u32>) {
        state.set_key(&key);
        let slot = state.slot(&key);
        for id in [self.flat, self.parted] {
            let table = state.table(id);
            match value {
                Some(value) => drop(table.insert(slot, &key, &name, value).unwrap()),
                None => drop(table.remove(slot, &key, &name).unwrap()),
            }
        }
        match value {
            Some(value) => self.map.put(state, name, value).unwrap(),
            None => drop(self.map.remove(state, &name).unwrap()),
        }
    }
}

fn ask(state: &mut KeyedState<u16>, name: &str, key: u16) -> flott_core::Result<Vec<(u16, u32)>> {
    let key = codec::to_bytes(&key).unwrap();
    let answer = state.query(&StateQuery { state: name.to_owned(), key_schema: Schema::U16, key })?;
    let of = |row: crate::canonical::Row<'_>| {
        let name = if name == "map" { row.map_key } else { row.namespace };
        (codec::from_bytes(name).unwrap(), codec::from_bytes(row.value).unwrap())
    };
    let mut found: Vec<(u16, u32)> = answer.rows.iter().map(of).collect();
    found.sort_unstable();
    Ok(found)
}

#[derive(Clone, Debug)]
enum Op {
    Put(u16, u16, Option<u32>),
    /// Memory is made free.
    Settle,
    /// A snapshot is opened, and taken in part.
    Snapshot,
    Ask(u16),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (0..KEYS, 0..8u16, any::<Option<u32>>()).prop_map(|(key, name, value)| Op::Put(key, name, value)),
        2 => Just(Op::Settle),
        1 => Just(Op::Snapshot),
        3 => (0..KEYS).prop_map(Op::Ask),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_answer_is_what_a_map_holds(ops in proptest::collection::vec(op(), 1..80), on_store: bool) {
        let mut state = KeyedState::<u16>::new(groups(4), groups(4).all());
        if on_store {
            let store: Arc<dyn KeyedStore> = Arc::new(MemoryStore::default());
            state.use_store(store, Default::default(), WorkingSet::fixed(0)).unwrap();
        }
        let tables = Tables::register(&mut state);
        let mut model: BTreeMap<(u16, u16), u32> = BTreeMap::new();
        let mut name_file = { let mut n = 0; move || { n += 1; format!("file-{n}") } };
        for op in ops {
            match op {
                Op::Put(key, name, value) => {
                    tables.put(&mut state, key, name, value);
                    match value {
                        Some(value) => drop(model.insert((key, name), value)),
                        None => drop(model.remove(&(key, name))),
                    }
                }
                Op::Settle => AnyKeyedState::settle(&mut state).unwrap(),
                Op::Snapshot => {
                    AnyKeyedState::open_snapshot(&mut state, SnapshotKind::Incremental, &mut name_file).unwrap();
                    drop(AnyKeyedState::continue_snapshot(&mut state, 1, &mut name_file).unwrap());
                }
                Op::Ask(key) => {
                    let expected: Vec<_> = model.range((key, 0)..=(key, u16::MAX)).map(|((_, n), v)| (*n, *v)).collect();
                    for name in ["flat", "parted", "map"] {
                        prop_assert_eq!(&ask(&mut state, name, key).unwrap(), &expected, "{}", name);
                    }
                }
            }
        }
    }
}

#[test]
fn an_answer_that_is_too_large_is_refused() {
    let mut state = KeyedState::<u16>::new(groups(4), groups(4).all());
    state.use_store(Arc::new(MemoryStore::default()), Default::default(), WorkingSet::fixed(0)).unwrap();
    let table: TableId<u16, String> = state.register_parted("parted").unwrap();
    let slot = state.slot(&1);
    for name in 0..20 {
        state.table(table).insert(slot, &1, &name, "x".repeat(1 << 20)).unwrap();
        AnyKeyedState::settle(&mut state).unwrap();
    }
    let error = ask(&mut state, "parted", 1).unwrap_err();
    assert!(error.kind() == ErrorKind::Limit && error.message().contains("16 MiB"), "{error}");
    assert_eq!(ask(&mut state, "parted", 2).unwrap(), []);
}
