//! Keyed state of several subtasks against maps, on the heap and on a store that holds nearly everything: random
//! operations, snapshots of every kind that are taken while operations go on, failed uploads, restores at another
//! parallelism.

use super::list_part::ListPart;
use super::*;
use crate::WorkingSet;
use crate::canonical::{Chunk, Row, StateDescription};
use crate::store::{KeyedStore, MemoryBackend, OpenStore, RestoredStore, StateBackend};
use flott_core::{Configuration, KeyGroup};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

const KEYS: u16 = 30;
const GROUPS: u32 = 7;

#[derive(Clone, Debug)]
enum Op {
    SetValue(u16, u32),
    UpdateValue(u16),
    ClearValue(u16),
    AddToList(u16, u8),
    UpdateList(u16, Vec<u8>),
    TakeList(u16),
    PutInMap(u16, u8, u8),
    RemoveFromMap(u16, u8),
    ClearMap(u16),
    Reduce(u16, u8),
    /// The keys of a batch are looked up at once.
    Load(Vec<u16>),
    RegisterTimer(u16, u8, i64),
    DeleteTimer(u16, u8, i64),
    Fire(i64),
    /// A snapshot is opened; the number of files that each subtask can write before its storage fails.
    Snapshot {
        kind: SnapshotKind,
        writable: usize,
    },
    /// Each subtask takes a little more of the open snapshot.
    Continue,
    /// What has been taken is put into storage.
    Store,
    /// From the last checkpoint that did not fail. An incarnation may leave out the list.
    Restore {
        parallelism: u32,
        with_list: bool,
    },
    /// A savepoint is taken as rows, of which `twisted` says that they come in another order, and the job goes on from
    /// it, on the heap if it was on a store and the other way round.
    Move {
        parallelism: u32,
        twisted: bool,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let key = || 0..KEYS;
    let kinds = [SnapshotKind::Incremental, SnapshotKind::Incremental, SnapshotKind::Full, SnapshotKind::Savepoint];
    let kind = prop::sample::select(kinds.to_vec());
    prop_oneof![
        4 => (key(), any::<u32>()).prop_map(|(k, v)| Op::SetValue(k, v)),
        8 => key().prop_map(Op::UpdateValue),
        4 => key().prop_map(Op::ClearValue),
        6 => (key(), any::<u8>()).prop_map(|(k, v)| Op::AddToList(k, v)),
        1 => (key(), prop::collection::vec(any::<u8>(), 0..3)).prop_map(|(k, v)| Op::UpdateList(k, v)),
        2 => key().prop_map(Op::TakeList),
        6 => (key(), 0..4u8, any::<u8>()).prop_map(|(k, m, v)| Op::PutInMap(k, m, v)),
        4 => (key(), 0..4u8).prop_map(|(k, m)| Op::RemoveFromMap(k, m)),
        1 => key().prop_map(Op::ClearMap),
        4 => (key(), any::<u8>()).prop_map(|(k, v)| Op::Reduce(k, v)),
        4 => prop::collection::vec(key(), 1..6).prop_map(Op::Load),
        6 => (key(), 0..2u8, 0..40i64).prop_map(|(k, n, t)| Op::RegisterTimer(k, n, t)),
        3 => (key(), 0..2u8, 0..40i64).prop_map(|(k, n, t)| Op::DeleteTimer(k, n, t)),
        1 => (0..40i64).prop_map(Op::Fire),
        5 => (kind, prop_oneof![3 => Just(usize::MAX), 1 => 0..2usize])
            .prop_map(|(kind, writable)| Op::Snapshot { kind, writable }),
        8 => Just(Op::Continue),
        2 => Just(Op::Store),
        2 => (prop::sample::select(vec![1, 2, 3, 7]), prop::bool::weighted(0.8))
            .prop_map(|(parallelism, with_list)| Op::Restore { parallelism, with_list }),
        2 => (prop::sample::select(vec![1, 2, 3, 7]), any::<bool>())
            .prop_map(|(parallelism, twisted)| Op::Move { parallelism, twisted }),
    ]
}

/// What the state should be.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    values: BTreeMap<u16, u32>,
    lists: BTreeMap<u16, Vec<u8>>,
    maps: BTreeMap<(u16, u8), u8>,
    reduced: BTreeMap<u16, u64>,
    timers: BTreeSet<(i64, u16, u8)>,
}

struct Subtask {
    state: KeyedState<u16>,
    value: ValueState<u32>,
    list: Option<ListState<u8>>,
    map: MapState<u8, u8>,
    reduced: ReducingState<u64>,
    timers: TimersId<u8>,
}

impl Subtask {
    fn open(mut state: KeyedState<u16>, with_list: bool) -> Subtask {
        let value = ValueState::register(&mut state, "value", None).unwrap();
        let list = with_list.then(|| ListState::register(&mut state, "list", None).unwrap());
        let map = MapState::register(&mut state, "map", None).unwrap();
        let reduced = ReducingState::register(&mut state, "reduced", |a: &mut u64, b| *a += b, None).unwrap();
        let timers = state.register_timers(TimerKind::EventTime, "user").unwrap();
        Subtask { state, value, list, map, reduced, timers }
    }
}

/// What lies below the state.
enum Below {
    Heap(Disk),
    /// Snapshots are folders in this one.
    Store(tempfile::TempDir),
}

/// A snapshot of one subtask that is safe.
#[derive(Clone)]
enum Kept {
    Files(Saved, Vec<Arc<StateDescription>>),
    Store(RestoredStore, Vec<Arc<StateDescription>>),
    Rows(Arc<StateDescription>, Chunk),
}

impl Below {
    fn folder(&self, number: u64) -> PathBuf {
        match self {
            Below::Heap(_) => PathBuf::new(),
            Below::Store(folder) => folder.path().join(number.to_string()),
        }
    }

    fn open(&self, kept: &[Kept], range: KeyGroupRange) -> KeyedState<u16> {
        let mut state = KeyedState::new(groups(GROUPS), range);
        state.set_now(ProcessingTime(0));
        if let Below::Store(_) = self {
            let stores =
                kept.iter().filter_map(|k| if let Kept::Store(store, _) = k { Some(store.clone()) } else { None });
            let restored = stores.filter(|store| store.range.intersects(range)).collect();
            let config = Configuration::new();
            let open = OpenStore { folder: PathBuf::new(), range, restored, config: &config };
            let store: Arc<dyn KeyedStore> = MemoryBackend.open(open).unwrap();
            state.use_store(store, Default::default(), WorkingSet::fixed(600)).unwrap();
        }
        let any: &mut dyn AnyKeyedState = &mut state;
        for kept in kept {
            match (kept, self) {
                (Kept::Files(saved, states), Below::Heap(disk)) if saved.range.intersects(range) => {
                    any.describe_restored(states);
                    saved.paths.iter().for_each(|path| any.restore(disk.files[path].clone()).unwrap());
                }
                (Kept::Store(_, states), _) => any.describe_restored(states),
                (Kept::Rows(state, rows), _) => any.restore_rows(state, rows).unwrap(),
                _ => {}
            }
        }
        for kept in kept {
            if let Kept::Rows(described, _) = kept {
                any.finish_rows(&described.name, KeyGroup(u16::MAX)).unwrap();
            }
        }
        state
    }
}

/// A snapshot of all subtasks that is being taken.
struct Pending {
    writable: usize,
    /// What it should hold.
    model: Model,
    parts: Vec<Option<KeyedPart>>,
}

struct Job {
    below: Below,
    subtasks: Vec<Subtask>,
    model: Model,
    /// The last good checkpoint, and what it should hold.
    checkpoint: (Vec<Kept>, Model),
    pending: Option<Pending>,
    /// Counts names of files and folders.
    named: u64,
}

impl Job {
    fn start(below: Below) -> Job {
        let mut job = Job {
            below,
            subtasks: Vec::new(),
            model: Model::default(),
            checkpoint: (Vec::new(), Model::default()),
            pending: None,
            named: 0,
        };
        job.restore(2, true);
        job
    }

    fn of(&mut self, key: u16) -> &mut Subtask {
        let group = groups(GROUPS).key_group(flott_core::KeyHash::of(&key));
        let owner = groups(GROUPS).owner(group, self.subtasks.len() as u32);
        let subtask = &mut self.subtasks[owner as usize];
        subtask.state.set_key(&key);
        subtask
    }

    fn restore(&mut self, parallelism: u32, with_list: bool) {
        self.pending = None;
        let (kept, model) = self.checkpoint.clone();
        self.model = model;
        self.subtasks = (0..parallelism)
            .map(|index| {
                let range = groups(GROUPS).range(index, parallelism);
                Subtask::open(self.below.open(&kept, range), with_list)
            })
            .collect();
    }

    fn open_snapshot(&mut self, kind: SnapshotKind, writable: usize) {
        let named = &mut self.named;
        for subtask in &mut self.subtasks {
            AnyKeyedState::open_snapshot(&mut subtask.state, kind, &mut || name(named)).unwrap();
        }
        let parts = self.subtasks.iter().map(|_| None).collect();
        self.pending = Some(Pending { writable, model: self.model.clone(), parts });
    }

    fn continue_snapshot(&mut self, bytes: usize) -> bool {
        let Some(pending) = &mut self.pending else { return false };
        let named = &mut self.named;
        for (subtask, part) in self.subtasks.iter_mut().zip(&mut pending.parts) {
            if part.is_none() {
                let mut name_file = || name(named);
                *part = AnyKeyedState::continue_snapshot(&mut subtask.state, bytes, &mut name_file).unwrap();
            }
        }
        pending.parts.iter().all(Option::is_some)
    }

    fn store_snapshot(&mut self) {
        while self.pending.is_some() && !self.continue_snapshot(usize::MAX) {}
        let Some(pending) = self.pending.take() else { return };
        let mut kept = Some(Vec::new());
        for part in pending.parts.into_iter().flatten() {
            let one = match (part, &mut self.below) {
                (KeyedPart::Files(files), Below::Heap(disk)) => {
                    let paths = files.files.iter().map(|f| f.path().to_owned()).collect();
                    let is_safe = disk.write(&files, pending.writable);
                    is_safe.then_some(Kept::Files(Saved { range: files.range, paths }, files.states.clone()))
                }
                (KeyedPart::Store(store), below) => {
                    self.named += 1;
                    let folder = below.folder(self.named);
                    store.files(&folder).unwrap();
                    let states = store.states().to_vec();
                    Some(Kept::Store(RestoredStore { range: store.range(), folder }, states))
                }
                (KeyedPart::Files(_), Below::Store(_)) => panic!("state on a store gives a store"),
            };
            kept = kept.zip(one).map(|(mut kept, one)| {
                kept.push(one);
                kept
            });
        }
        if let Some(kept) = kept {
            self.checkpoint = (kept, pending.model);
        }
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::SetValue(key, value) => {
                let s = self.of(key);
                s.value.set(&mut s.state, value).unwrap();
                self.model.values.insert(key, value);
            }
            Op::UpdateValue(key) => {
                let s = self.of(key);
                s.value.update(&mut s.state, || 0, |n| *n = n.wrapping_add(1)).unwrap();
                let value = self.model.values.entry(key).or_default();
                *value = value.wrapping_add(1);
            }
            Op::ClearValue(key) => {
                let s = self.of(key);
                s.value.clear(&mut s.state).unwrap();
                self.model.values.remove(&key);
            }
            Op::AddToList(key, value) => {
                let s = self.of(key);
                let Some(list) = &s.list else { return };
                list.add(&mut s.state, value).unwrap();
                self.model.lists.entry(key).or_default().push(value);
            }
            Op::UpdateList(key, values) => {
                let s = self.of(key);
                let Some(list) = &s.list else { return };
                list.update(&mut s.state, values.clone()).unwrap();
                self.model.lists.insert(key, values);
            }
            Op::TakeList(key) => {
                let s = self.of(key);
                let Some(list) = &s.list else { return };
                let taken = list.take(&mut s.state).unwrap();
                assert_eq!(taken, self.model.lists.remove(&key).unwrap_or_default());
            }
            Op::PutInMap(key, map_key, value) => {
                let s = self.of(key);
                s.map.put(&mut s.state, map_key, value).unwrap();
                self.model.maps.insert((key, map_key), value);
            }
            Op::RemoveFromMap(key, map_key) => {
                let s = self.of(key);
                let removed = s.map.remove(&mut s.state, &map_key).unwrap();
                assert_eq!(removed, self.model.maps.remove(&(key, map_key)));
            }
            Op::ClearMap(key) => {
                let s = self.of(key);
                s.map.clear(&mut s.state).unwrap();
                self.model.maps.retain(|(k, _), _| *k != key);
            }
            Op::Reduce(key, value) => {
                let s = self.of(key);
                s.reduced.add(&mut s.state, u64::from(value)).unwrap();
                *self.model.reduced.entry(key).or_default() += u64::from(value);
            }
            Op::Load(keys) => {
                for s in &mut self.subtasks {
                    let max = groups(GROUPS);
                    let is_own = |key: &&u16| s.state.range().contains(max.key_group(flott_core::KeyHash::of(*key)));
                    let own: Vec<u16> = keys.iter().filter(is_own).copied().collect();
                    let slots: Vec<KeySlot> = own.iter().map(|key| s.state.slot(key)).collect();
                    s.state.load(&own, &slots).unwrap();
                }
            }
            Op::RegisterTimer(key, namespace, time) => {
                let s = self.of(key);
                let new = s.state.register_timer(s.timers, &namespace, time).unwrap();
                let is_new = self.model.timers.insert((time, key, namespace));
                assert!(new || !is_new);
                if matches!(self.below, Below::Heap(_)) {
                    assert_eq!(new, is_new);
                }
            }
            Op::DeleteTimer(key, namespace, time) => {
                let s = self.of(key);
                s.state.delete_timer(s.timers, &namespace, time).unwrap();
                self.model.timers.remove(&(time, key, namespace));
            }
            Op::Fire(up_to) => self.fire(up_to),
            Op::Snapshot { kind, writable } => {
                self.store_snapshot();
                self.open_snapshot(kind, writable);
            }
            Op::Continue => drop(self.continue_snapshot(1)),
            Op::Store => self.store_snapshot(),
            Op::Restore { parallelism, with_list } => {
                self.restore(parallelism, with_list);
                self.check();
            }
            Op::Move { parallelism, twisted } => {
                self.store_snapshot();
                self.move_as_rows(twisted);
                self.restore(parallelism, true);
                self.check();
            }
        }
        self.subtasks.iter_mut().for_each(|s| AnyKeyedState::settle(&mut s.state).unwrap());
    }

    /// The checkpoint becomes one of rows, and what lies below the state another one.
    fn move_as_rows(&mut self, twisted: bool) {
        let mut rows: BTreeMap<String, (Arc<StateDescription>, Chunk)> = BTreeMap::new();
        let mut take = |state: &Arc<StateDescription>, row: Row<'_>| {
            rows.entry(state.name.clone()).or_insert_with(|| (state.clone(), Chunk::new())).1.push(row);
            Ok(())
        };
        let (kept, mut model) = self.checkpoint.clone();
        let is_of_files = !kept.is_empty() && kept.iter().all(|kept| matches!(kept, Kept::Files(..)));
        if let (true, true, Below::Heap(disk)) = (twisted, is_of_files, &self.below) {
            // The last checkpoint, file by file, instead of a savepoint.
            for kept in &kept {
                let Kept::Files(saved, states) = kept else { continue };
                let files = saved.paths.iter().map(|path| disk.files[path].clone());
                let mut walk = RowWalk::of_checkpoint(files, saved.range, states).unwrap();
                while walk.next(&mut take).unwrap() {}
            }
        } else {
            model = self.model.clone();
            self.walk_over_savepoint(&mut take);
        }
        let kept = rows.into_values().map(|(state, rows)| {
            let mut other = Chunk::new();
            (0..rows.len()).rev().for_each(|row| other.push(rows.get(row)));
            Kept::Rows(state, if twisted { other } else { rows })
        });
        self.checkpoint = (kept.collect(), model);
        self.below = match self.below {
            Below::Heap(_) => Below::Store(tempfile::tempdir().unwrap()),
            Below::Store(_) => Below::Heap(Disk::default()),
        };
    }

    fn walk_over_savepoint(&mut self, take: &mut TakeRow<'_>) {
        for subtask in &mut self.subtasks {
            let (state, named): (&mut dyn AnyKeyedState, _) = (&mut subtask.state, &mut self.named);
            let mut walk = match state.snapshot_at_once(SnapshotKind::Savepoint, &mut || name(named)).unwrap() {
                KeyedPart::Files(files) => RowWalk::of_files(files),
                KeyedPart::Store(store) => {
                    let folder = self.below.folder(self.named + 1_000_000);
                    self.named += 1;
                    store.files(&folder).unwrap();
                    let (range, config) = (store.range(), Configuration::new());
                    let restored = vec![RestoredStore { range, folder }];
                    let open = OpenStore { folder: PathBuf::new(), range, restored, config: &config };
                    let copy = MemoryBackend.open(open).unwrap();
                    RowWalk::of_store(copy, range, store.states())
                }
            };
            while walk.next(take).unwrap() {}
        }
    }

    fn fire(&mut self, up_to: i64) {
        let mut fired = BTreeSet::new();
        for s in &mut self.subtasks {
            let mut last = i64::MIN;
            while let Some((time, namespace)) = s.state.pop_timer(s.timers, up_to).unwrap() {
                assert!(time >= last && time <= up_to);
                last = time;
                assert!(fired.insert((time, *s.state.key().unwrap(), namespace)), "a timer fired twice");
            }
        }
        let later = self.model.timers.split_off(&(up_to + 1, 0, 0));
        assert_eq!(fired, std::mem::replace(&mut self.model.timers, later));
    }

    /// The state is what the model says, no more and no less.
    fn check(&mut self) {
        let model = self.model.clone();
        let mut found = Model::default();
        for key in 0..KEYS {
            let s = self.of(key);
            found.values.extend(s.value.get(&mut s.state).unwrap().map(|v| (key, *v)));
            if let Some(list) = &s.list {
                let values = list.get(&mut s.state).unwrap().to_vec();
                found.lists.extend((!values.is_empty()).then_some((key, values)));
            }
            found.maps.extend(s.map.entries(&mut s.state).unwrap().into_iter().map(|(m, v)| ((key, m), v)));
            found.reduced.extend(s.reduced.get(&mut s.state).unwrap().map(|v| (key, *v)));
        }
        found.timers = model.timers.clone();
        let mut expected = model;
        expected.lists.retain(|_, values| !values.is_empty());
        let has_list = self.subtasks[0].list.is_some();
        if !has_list {
            expected.lists.clear();
        }
        assert_eq!(found, expected);
        let entries = expected.values.len()
            + expected.lists.values().map(|list| list.len().div_ceil(ListPart::<u8>::len_max())).sum::<usize>()
            + expected.maps.len()
            + expected.reduced.len()
            + expected.timers.len();
        if matches!(self.below, Below::Heap(_)) {
            assert_eq!(self.subtasks.iter().map(|s| s.state.entry_count()).sum::<usize>(), entries);
        }
    }

    fn run(mut self, ops: Vec<Op>) {
        for op in ops {
            self.apply(op);
        }
        self.check();
        self.restore(3, true);
        self.check();
        self.fire(i64::MAX - 1);
    }
}

fn name(named: &mut u64) -> String {
    *named += 1;
    format!("file-{named}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn state_on_the_heap_is_what_maps_would_be(ops in prop::collection::vec(op(), 1..120)) {
        Job::start(Below::Heap(Disk::default())).run(ops);
    }

    #[test]
    fn state_on_a_store_is_what_maps_would_be(ops in prop::collection::vec(op(), 1..120)) {
        Job::start(Below::Store(tempfile::tempdir().unwrap())).run(ops);
    }
}

proptest! {
    #[test]
    fn no_key_is_lost_or_doubled_by_any_rescaling(
        keys in prop::collection::btree_set(any::<u64>(), 0..300),
        count in 1u32..300,
        parallelisms in prop::collection::vec(1u32..12, 1..4),
    ) {
        let max = groups(count);
        let mut disk = Disk::default();
        let mut state = KeyedState::<u64>::new(max, max.all());
        let value = ValueState::<u64>::register(&mut state, "value", None).unwrap();
        for key in &keys {
            state.set_key(key);
            value.set(&mut state, key / 2).unwrap();
        }
        let snapshot = disk.snapshot(&mut state, false);
        let mut saved = vec![disk.save(&snapshot)];
        for parallelism in parallelisms {
            let parallelism = parallelism.min(count);
            let mut found = Vec::new();
            let mut next = Vec::new();
            for index in 0..parallelism {
                let mut state = disk.restore::<u64>(&saved, max, max.range(index, parallelism));
                let value = ValueState::<u64>::register(&mut state, "value", None).unwrap();
                for key in value.keys(&mut state).unwrap() {
                    state.set_key(&key);
                    prop_assert_eq!(value.get(&mut state).unwrap(), Some(&(key / 2)));
                    found.push(key);
                }
                let snapshot = disk.snapshot(&mut state, false);
                next.push(disk.save(&snapshot));
            }
            found.sort();
            prop_assert!(found.iter().eq(&keys));
            saved = next;
        }
    }
}
