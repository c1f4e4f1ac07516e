//! The subtasks of an operator whose state is rows, beside a model of them.

use super::model::{Model, TTL, key_columns, keys, map_key_columns, same, value, value_columns};
use crate::WorkingSet;
use crate::canonical::{Chunk, StateDescription};
use crate::keyed::{
    AnyKeyedState, BinaryRow, KeyRows, KeyedPart, KeyedState, MapState, RowWalk, SnapshotKind, StateEntry, StateTtl,
    ValueState,
};
use crate::store::{OpenStore, RestoredStore, StateBackend};
use bytes::Bytes;
use flott_core::{Configuration, Error, KeyGroup, KeyGroupRange, KeyHash, MaxParallelism, ProcessingTime, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const GROUPS: u32 = 8;
/// Records of a batch.
const BATCH_MAX: usize = 300;
/// So little is kept in memory that nearly all is on the store.
const RESIDENT_BYTES: usize = 4000;

pub(super) struct Job<'a> {
    backend: Option<&'a dyn StateBackend>,
    folder: &'a Path,
    config: Configuration,
    pub chance: fastrand::Rng,
    keys: Vec<Vec<u8>>,
    map_keys: Vec<Vec<u8>>,
    subtasks: Vec<Subtask>,
    model: Model,
    pending: Option<Pending>,
    /// The last snapshot, and what was in the states then.
    last: (Vec<Kept>, Model),
    /// Files on the heap's storage.
    files: BTreeMap<String, Bytes>,
    named: usize,
}

struct Subtask {
    range: KeyGroupRange,
    state: KeyedState<BinaryRow>,
    keys: KeyRows,
    values: ValueState<BinaryRow>,
    timed: ValueState<BinaryRow>,
    maps: MapState<BinaryRow, BinaryRow>,
}

struct Pending {
    model: Model,
    parts: Vec<Option<KeyedPart>>,
}

/// A snapshot of one subtask.
#[derive(Clone)]
enum Kept {
    Files(KeyGroupRange, Vec<String>, Vec<Arc<StateDescription>>),
    Store(RestoredStore, Vec<Arc<StateDescription>>),
    Rows(Arc<StateDescription>, Chunk),
}

/// What becomes of a record.
enum Change {
    Look,
    Set(Vec<u8>),
    Remove,
}

impl<'a> Job<'a> {
    pub fn start(backend: Option<&'a dyn StateBackend>, folder: &'a Path, seed: u64) -> Result<Job<'a>> {
        let (keys, map_keys) = keys()?;
        let mut job = Job {
            backend,
            folder,
            config: Configuration::new(),
            chance: fastrand::Rng::with_seed(seed),
            keys,
            map_keys,
            subtasks: Vec::new(),
            model: Model { now: 1000, ..Model::default() },
            pending: None,
            last: Default::default(),
            files: BTreeMap::new(),
            named: 0,
        };
        job.last.1 = job.model.clone();
        job.restore(2)?;
        Ok(job)
    }

    fn max() -> Result<MaxParallelism> {
        MaxParallelism::new(GROUPS)
    }

    fn next_folder(&mut self) -> PathBuf {
        self.named += 1;
        self.folder.join(format!("rows-{}", self.named))
    }

    /// From the last snapshot. Time does not go back.
    pub fn restore(&mut self, parallelism: u32) -> Result<()> {
        self.pending = None;
        self.subtasks.clear();
        let (kept, model) = self.last.clone();
        self.model = Model { now: self.model.now, ..model };
        for subtask in 0..parallelism {
            let range = Self::max()?.range(subtask, parallelism);
            let subtask = self.open(range, &kept)?;
            self.subtasks.push(subtask);
        }
        self.compare()
    }

    fn open(&mut self, range: KeyGroupRange, kept: &[Kept]) -> Result<Subtask> {
        let mut state = KeyedState::<BinaryRow>::new(Self::max()?, range);
        if let Some(backend) = self.backend {
            let stores =
                kept.iter().filter_map(|kept| if let Kept::Store(store, _) = kept { Some(store) } else { None });
            let restored = stores.filter(|store| store.range.intersects(range)).cloned().collect();
            let open = OpenStore { folder: self.next_folder(), range, restored, config: &self.config };
            state.use_store(backend.open(open)?, Default::default(), WorkingSet::fixed(RESIDENT_BYTES))?;
        }
        state.set_now(ProcessingTime(self.model.now));
        let any: &mut dyn AnyKeyedState = &mut state;
        for kept in kept {
            match kept {
                Kept::Files(of, paths, states) if of.intersects(range) => {
                    any.describe_restored(states);
                    for path in paths {
                        any.restore(self.files.get(path).cloned().unwrap_or_default())?;
                    }
                }
                Kept::Files(..) => {}
                Kept::Store(_, states) => any.describe_restored(states),
                Kept::Rows(state, rows) => any.restore_rows(state, rows)?,
            }
        }
        for kept in kept {
            if let Kept::Rows(state, _) = kept {
                any.finish_rows(&state.name, KeyGroup(u16::MAX))?;
            }
        }
        state.set_key_columns(key_columns());
        let values = ValueState::register_rows(&mut state, "values", value_columns(), None)?;
        let ttl = Some(StateTtl::new(TTL));
        let timed = ValueState::register_rows(&mut state, "timed", value_columns(), ttl)?;
        let maps = MapState::register_rows(&mut state, "maps", map_key_columns(), value_columns(), None)?;
        Ok(Subtask { range, state, keys: KeyRows::new(), values, timed, maps })
    }

    /// The keys of a batch, and what becomes of each record.
    fn batch(&mut self) -> Result<Vec<(Vec<u8>, Change)>> {
        let count = self.chance.usize(1..BATCH_MAX);
        let removes = self.chance.bool();
        let one = |_| {
            let key = self.keys[self.chance.usize(0..self.keys.len())].clone();
            let change = match self.chance.u32(0..4) {
                0 | 1 => Change::Look,
                2 if removes => Change::Remove,
                _ => Change::Set(value(&mut self.chance)?),
            };
            Ok((key, change))
        };
        (0..count).map(one).collect()
    }

    pub fn change_values(&mut self) -> Result<()> {
        let batch = self.batch()?;
        for subtask in &mut self.subtasks {
            let Subtask { state, keys, values, .. } = subtask;
            let own = own(&batch, subtask.range)?;
            keys.fill(state, own.iter().map(|(key, _)| (KeyHash::of_bytes(key), key.as_slice())));
            let model = &mut self.model.values;
            values.update_all(state, keys.keys(), keys.slots(), |n, mut entry| {
                let (key, change) = own[n];
                same("a value", entry.get()?.map(BinaryRow::bytes), model.get(key).map(Vec::as_slice))?;
                apply(&mut entry, change)?;
                match change {
                    Change::Look => {}
                    Change::Set(value) => drop(model.insert(key.clone(), value.clone())),
                    Change::Remove => drop(model.remove(key)),
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    pub fn change_timed(&mut self) -> Result<()> {
        let batch = self.batch()?;
        for subtask in &mut self.subtasks {
            let Subtask { state, keys, timed, .. } = subtask;
            let own = own(&batch, subtask.range)?;
            keys.fill(state, own.iter().map(|(key, _)| (KeyHash::of_bytes(key), key.as_slice())));
            let model = &mut self.model;
            timed.update_all(state, keys.keys(), keys.slots(), |n, mut entry| {
                let (key, change) = own[n];
                same("a value with TTL", entry.get()?.map(BinaryRow::bytes), model.timed(key))?;
                apply(&mut entry, change)?;
                match change {
                    Change::Look => {}
                    Change::Set(value) => drop(model.timed.insert(key.clone(), (model.now, value.clone()))),
                    Change::Remove => drop(model.timed.remove(key)),
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    pub fn change_maps(&mut self) -> Result<()> {
        let batch = self.batch()?;
        for subtask in &mut self.subtasks {
            let Subtask { state, keys, maps, .. } = subtask;
            let own = own(&batch, subtask.range)?;
            keys.fill(state, own.iter().map(|(key, _)| (KeyHash::of_bytes(key), key.as_slice())));
            let names: Vec<&Vec<u8>> =
                own.iter().map(|_| &self.map_keys[self.chance.usize(0..self.map_keys.len())]).collect();
            let map_keys: Vec<BinaryRow> = names.iter().map(|name| BinaryRow::from(name.as_slice())).collect();
            let model = &mut self.model.maps;
            maps.update_all(state, keys.keys(), keys.slots(), &map_keys, |n, mut entry| {
                let ((key, change), name) = (own[n], (own[n].0.clone(), names[n].clone()));
                debug_assert_eq!(&name.0, key);
                same("an entry of a map", entry.get()?.map(BinaryRow::bytes), model.get(&name).map(Vec::as_slice))?;
                apply(&mut entry, change)?;
                match change {
                    Change::Look => {}
                    Change::Set(value) => drop(model.insert(name, value.clone())),
                    Change::Remove => drop(model.remove(&name)),
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// The whole maps of some keys.
    pub fn visit_maps(&mut self) -> Result<()> {
        let batch = self.batch()?;
        for subtask in &mut self.subtasks {
            let Subtask { state, keys, maps, .. } = subtask;
            let own = own(&batch, subtask.range)?;
            keys.fill(state, own.iter().map(|(key, _)| (KeyHash::of_bytes(key), key.as_slice())));
            let mut found = BTreeSet::new();
            maps.for_each_all(state, keys.keys(), keys.slots(), |n, name, value| {
                found.insert((n, name.bytes().to_vec(), value.bytes().to_vec()));
            })?;
            let mut expected = BTreeSet::new();
            for (n, (key, _)) in own.iter().enumerate() {
                let names = self.map_keys.iter().filter_map(|name| {
                    let value = self.model.maps.get(&((*key).clone(), name.clone()))?;
                    Some((n, name.clone(), value.clone()))
                });
                expected.extend(names);
            }
            same("the maps of keys", found, expected)?;
        }
        Ok(())
    }

    pub fn pass_time(&mut self) -> Result<()> {
        self.model.now += self.chance.i64(0..40);
        let now = ProcessingTime(self.model.now);
        self.subtasks.iter_mut().for_each(|subtask| subtask.state.set_now(now));
        Ok(())
    }

    pub fn settle(&mut self) -> Result<()> {
        self.subtasks.iter_mut().try_for_each(|subtask| AnyKeyedState::settle(&mut subtask.state))
    }

    pub fn open_snapshot(&mut self) -> Result<()> {
        self.store_snapshot()?;
        let kinds = [SnapshotKind::Incremental, SnapshotKind::Incremental, SnapshotKind::Full, SnapshotKind::Savepoint];
        let kind = kinds[self.chance.usize(0..kinds.len())];
        let named = &mut self.named;
        for subtask in &mut self.subtasks {
            AnyKeyedState::open_snapshot(&mut subtask.state, kind, &mut || name(named))?;
        }
        let parts = self.subtasks.iter().map(|_| None).collect();
        self.pending = Some(Pending { model: self.model.clone(), parts });
        Ok(())
    }

    /// Takes a little more of the open snapshot.
    pub fn continue_snapshot(&mut self) -> Result<()> {
        let Some(pending) = &mut self.pending else { return Ok(()) };
        let named = &mut self.named;
        for (subtask, part) in self.subtasks.iter_mut().zip(&mut pending.parts) {
            if part.is_none() {
                *part = AnyKeyedState::continue_snapshot(&mut subtask.state, 1, &mut || name(named))?;
            }
        }
        Ok(())
    }

    pub fn store_snapshot(&mut self) -> Result<()> {
        while self.pending.as_ref().is_some_and(|pending| pending.parts.iter().any(Option::is_none)) {
            self.continue_snapshot()?;
        }
        let Some(Pending { model, parts }) = self.pending.take() else { return Ok(()) };
        let mut kept = Vec::new();
        for part in parts.into_iter().flatten() {
            kept.push(match part {
                KeyedPart::Files(files) => {
                    for file in &files.files {
                        if let Some(bytes) = file.unwritten() {
                            self.files.insert(file.path().to_owned(), bytes);
                            file.written(crate::Blob::Inline(Vec::new()));
                        }
                    }
                    let paths = files.files.iter().map(|file| file.path().to_owned()).collect();
                    Kept::Files(files.range, paths, files.states.clone())
                }
                KeyedPart::Store(store) => {
                    let folder = self.next_folder();
                    store.files(&folder)?;
                    Kept::Store(RestoredStore { range: store.range(), folder }, store.states().to_vec())
                }
            });
        }
        self.last = (kept, model);
        Ok(())
    }

    /// Goes on from the rows of a savepoint.
    pub fn move_as_rows(&mut self) -> Result<()> {
        self.store_snapshot()?;
        let mut rows: BTreeMap<String, (Arc<StateDescription>, Chunk)> = BTreeMap::new();
        for n in 0..self.subtasks.len() {
            let named = &mut self.named;
            let state: &mut dyn AnyKeyedState = &mut self.subtasks[n].state;
            let mut walk = match (state.snapshot_at_once(SnapshotKind::Savepoint, &mut || name(named))?, self.backend) {
                (KeyedPart::Files(files), _) => RowWalk::of_files(files),
                (KeyedPart::Store(store), Some(backend)) => {
                    let (folder, copy) = (self.next_folder(), self.next_folder());
                    store.files(&folder)?;
                    let restored = vec![RestoredStore { range: store.range(), folder }];
                    let open = OpenStore { folder: copy, range: store.range(), restored, config: &self.config };
                    RowWalk::of_store(backend.open(open)?, store.range(), store.states())
                }
                (KeyedPart::Store(_), None) => return Err(Error::internal("state on the heap gave a store")),
            };
            let mut take = |state: &Arc<StateDescription>, row: crate::canonical::Row<'_>| {
                rows.entry(state.name.clone()).or_insert_with(|| (state.clone(), Chunk::new())).1.push(row);
                Ok(())
            };
            while walk.next(&mut take)? {}
        }
        self.last = (rows.into_values().map(|(state, rows)| Kept::Rows(state, rows)).collect(), self.model.clone());
        let parallelism = self.chance.u32(1..5);
        self.restore(parallelism)
    }

    /// The states are what the model says, no more and no less.
    pub fn compare(&mut self) -> Result<()> {
        let mut found = Model { now: self.model.now, ..Model::default() };
        let mut timed = BTreeMap::new();
        for subtask in &mut self.subtasks {
            let Subtask { state, values, timed: with_ttl, maps, .. } = subtask;
            let all: BTreeSet<_> =
                [values.keys(state)?, with_ttl.keys(state)?, maps.keys(state)?].concat().into_iter().collect();
            for key in all {
                state.set_key(&key);
                let bytes = key.bytes().to_vec();
                found.values.extend(values.get(state)?.map(|value| (bytes.clone(), value.bytes().to_vec())));
                timed.extend(with_ttl.get(state)?.map(|value| (bytes.clone(), value.bytes().to_vec())));
                let entries = maps.entries(state)?.into_iter();
                found.maps.extend(
                    entries.map(|(name, value)| ((bytes.clone(), name.bytes().to_vec()), value.bytes().to_vec())),
                );
            }
        }
        let live =
            self.model.timed.keys().filter_map(|key| Some((key.clone(), self.model.timed(key)?.to_vec()))).collect();
        same("all values", &found.values, &self.model.values)?;
        same("all maps", &found.maps, &self.model.maps)?;
        same("all values with TTL", timed, live)
    }
}

/// The records of a batch that belong to a subtask.
fn own(batch: &[(Vec<u8>, Change)], range: KeyGroupRange) -> Result<Vec<(&Vec<u8>, &Change)>> {
    let max = Job::max()?;
    let is_own = |key: &[u8]| range.contains(max.key_group(KeyHash::of_bytes(key)));
    Ok(batch.iter().filter(|(key, _)| is_own(key)).map(|(key, change)| (key, change)).collect())
}

fn apply<N: flott_core::Key>(entry: &mut StateEntry<'_, BinaryRow, N, BinaryRow>, change: &Change) -> Result<()> {
    match change {
        Change::Look => Ok(()),
        Change::Set(value) => entry.update(BinaryRow::default, |row| row.set(value)),
        Change::Remove => entry.remove(),
    }
}

fn name(named: &mut usize) -> String {
    *named += 1;
    format!("file-{named}")
}
