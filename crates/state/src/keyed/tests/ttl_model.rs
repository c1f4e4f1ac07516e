//! State with TTL against a model: what is seen depends on the times of writes and reads alone, never on clean-up,
//! snapshots or restores.

use super::*;
use proptest::prelude::*;
use std::time::Duration;

const TTL_MS: i64 = 50;

#[derive(Clone, Debug)]
enum Op {
    Wait(i64),
    Set(u8),
    Get(u8),
    Update(u8),
    Put(u8, u8),
    GetEntry(u8, u8),
    Entries(u8),
    Remove(u8, u8),
    Add(u8),
    List(u8),
    Snapshot(bool),
    Restore,
}

fn op() -> impl Strategy<Value = Op> {
    let key = || 0..6u8;
    prop_oneof![
        6 => (0..40i64).prop_map(Op::Wait),
        3 => key().prop_map(Op::Set),
        3 => key().prop_map(Op::Get),
        3 => key().prop_map(Op::Update),
        3 => (key(), 0..3u8).prop_map(|(k, m)| Op::Put(k, m)),
        2 => (key(), 0..3u8).prop_map(|(k, m)| Op::GetEntry(k, m)),
        2 => key().prop_map(Op::Entries),
        1 => (key(), 0..3u8).prop_map(|(k, m)| Op::Remove(k, m)),
        3 => key().prop_map(Op::Add),
        2 => key().prop_map(Op::List),
        1 => any::<bool>().prop_map(Op::Snapshot),
        1 => Just(Op::Restore),
    ]
}

/// A value and the time of its last access that counts.
type Stamped = (i64, i64);

#[derive(Clone, Default)]
struct Model {
    values: BTreeMap<u8, Stamped>,
    entries: BTreeMap<(u8, u8), Stamped>,
    lists: BTreeMap<u8, Vec<Stamped>>,
}

impl Model {
    fn forget(&mut self, now: i64) {
        self.values.retain(|_, v| v.1 + TTL_MS > now);
        self.entries.retain(|_, v| v.1 + TTL_MS > now);
        self.lists.values_mut().for_each(|list| list.retain(|v| v.1 + TTL_MS > now));
        self.lists.retain(|_, list| !list.is_empty());
    }
}

struct Run {
    ttl: StateTtl,
    now: i64,
    disk: Disk,
    state: KeyedState<u8>,
    value: ValueState<i64>,
    map: MapState<u8, i64>,
    list: ListState<i64>,
    model: Model,
    /// The last snapshot, its content and its time.
    saved: Option<(Saved, Model)>,
}

impl Run {
    fn new(ttl: StateTtl) -> Run {
        let mut run = Run {
            ttl,
            now: 0,
            disk: Disk::default(),
            state: single(),
            value: ValueState::default(),
            map: MapState::default(),
            list: ListState::default(),
            model: Model::default(),
            saved: None,
        };
        run.open();
        run
    }

    fn open(&mut self) {
        self.state.set_now(ProcessingTime(self.now));
        self.value = ValueState::register(&mut self.state, "value", Some(self.ttl)).unwrap();
        self.map = MapState::register(&mut self.state, "map", Some(self.ttl)).unwrap();
        self.list = ListState::register(&mut self.state, "list", Some(self.ttl)).unwrap();
    }

    fn apply(&mut self, op: Op) {
        let now = self.now;
        self.model.forget(now);
        let (state, model) = (&mut self.state, &mut self.model);
        let refresh = self.ttl.update == TtlUpdate::OnReadAndWrite;
        let read = |v: &mut Stamped| {
            if refresh {
                v.1 = now;
            }
            v.0
        };
        match op {
            Op::Wait(millis) => {
                self.now += millis;
                state.set_now(ProcessingTime(self.now));
            }
            Op::Set(key) => {
                state.set_key(&key);
                self.value.set(state, now).unwrap();
                model.values.insert(key, (now, now));
            }
            Op::Get(key) => {
                state.set_key(&key);
                assert_eq!(self.value.get(state).unwrap().copied(), model.values.get_mut(&key).map(read));
            }
            Op::Update(key) => {
                state.set_key(&key);
                let value = self
                    .value
                    .update(
                        state,
                        || 0,
                        |n| {
                            *n += 1;
                            *n
                        },
                    )
                    .unwrap();
                let expected = model.values.entry(key).or_default();
                *expected = (expected.0 + 1, now);
                assert_eq!(value, expected.0);
            }
            Op::Put(key, map_key) => {
                state.set_key(&key);
                self.map.put(state, map_key, now).unwrap();
                model.entries.insert((key, map_key), (now, now));
            }
            Op::GetEntry(key, map_key) => {
                state.set_key(&key);
                let found = self.map.get(state, &map_key).unwrap().copied();
                assert_eq!(found, model.entries.get_mut(&(key, map_key)).map(read));
            }
            Op::Entries(key) => {
                state.set_key(&key);
                let mine = model.entries.iter_mut().filter(|((k, _), _)| *k == key);
                let expected: Vec<_> = mine.map(|((_, map_key), v)| (*map_key, read(v))).collect();
                assert_eq!(self.map.len(state).unwrap(), expected.len());
                let mut found = self.map.entries(state).unwrap();
                found.sort();
                assert_eq!(found, expected);
            }
            Op::Remove(key, map_key) => {
                state.set_key(&key);
                let removed = self.map.remove(state, &map_key).unwrap();
                assert_eq!(removed, model.entries.remove(&(key, map_key)).map(|v| v.0));
            }
            Op::Add(key) => {
                state.set_key(&key);
                self.list.add(state, now).unwrap();
                model.lists.entry(key).or_default().push((now, now));
            }
            Op::List(key) => {
                state.set_key(&key);
                let expected: Vec<_> = model.lists.entry(key).or_default().iter_mut().map(read).collect();
                assert_eq!(self.list.get(state).unwrap(), expected);
            }
            Op::Snapshot(full) => {
                let files = self.disk.snapshot(state, full);
                self.saved = Some((self.disk.save(&files), model.clone()));
            }
            Op::Restore => {
                let Some((saved, content)) = self.saved.clone() else { return };
                self.model = content;
                self.state = self.disk.restore(&[saved], groups(128), groups(128).all());
                self.open();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn what_is_seen_depends_on_times_alone(
        ops in prop::collection::vec(op(), 1..100),
        refresh: bool,
        cleanup in 0..6usize,
    ) {
        let update = if refresh { TtlUpdate::OnReadAndWrite } else { TtlUpdate::OnCreateAndWrite };
        let ttl = StateTtl::new(Duration::from_millis(TTL_MS as u64)).update(update).cleanup_entries(cleanup);
        let mut run = Run::new(ttl);
        for op in ops {
            run.apply(op);
        }
    }
}
