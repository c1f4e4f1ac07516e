//! Lists in parts: what is written of a long one, and lists that were written whole.

use super::list_part::ListPart;
use super::*;
use crate::WorkingSet;
use crate::canonical::Chunk;
use crate::keyed::shape::StateShape;
use crate::keyed::table::Arrange;
use crate::store::{Found, KeyedStore, MemoryStore, Rows, StoreFile, StoreSize, Visit, WriteBatch};
use flott_core::schema::Schema;
use flott_core::{KeyGroup, Result};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Elements of a long list.
const LONG: u64 = 1000;

/// A store in memory that counts what is read and written.
#[derive(Default)]
struct Counting {
    store: MemoryStore,
    read: AtomicUsize,
    written: AtomicUsize,
}

impl KeyedStore for Counting {
    fn get_all(&self, keys: &Rows, found: &mut Found<'_>) -> Result<()> {
        self.store.get_all(keys, &mut |n, value| {
            self.read.fetch_add(value.map_or(0, <[u8]>::len), Ordering::Relaxed);
            found(n, value)
        })
    }

    fn write(&self, batch: &WriteBatch) -> Result<()> {
        self.written.fetch_add(batch.byte_count(), Ordering::Relaxed);
        self.store.write(batch)
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<()> {
        self.store.scan(from, to, visit)
    }

    fn delete_range(&self, from: &[u8], to: &[u8]) -> Result<()> {
        self.store.delete_range(from, to)
    }

    fn snapshot(&self, folder: &Path) -> Result<Vec<StoreFile>> {
        self.store.snapshot(folder)
    }

    fn expire_after(&self, state: crate::store::StateNumber, ttl: Duration) {
        self.store.expire_after(state, ttl);
    }

    fn set_now(&self, now: ProcessingTime) {
        self.store.set_now(now);
    }

    fn size(&self) -> StoreSize {
        self.store.size()
    }
}

#[test]
fn an_incremental_snapshot_holds_what_was_added_to_a_long_list() {
    let mut state = single::<u32>();
    let list = ListState::<u64>::register(&mut state, "list", None).unwrap();
    state.set_key(&7);
    list.add_all(&mut state, 0..LONG).unwrap();
    let mut disk = Disk::default();
    let full = disk.snapshot(&mut state, true);
    let mut saved = disk.save(&full);
    state.set_key(&7);
    list.add(&mut state, LONG).unwrap();
    let next = disk.snapshot(&mut state, false);
    let (full_bytes, added) = (full.files[0].len(), next.files[next.files.len() - 1].len());
    assert!(added * 20 < full_bytes, "{added} of {full_bytes} bytes");
    saved = Saved { range: saved.range, ..disk.save(&next) };
    let mut state = disk.restore::<u32>(&[saved], groups(128), groups(128).all());
    let list = ListState::<u64>::register(&mut state, "list", None).unwrap();
    state.set_key(&7);
    assert_eq!(list.get(&mut state).unwrap(), (0..=LONG).collect::<Vec<_>>());
    list.add(&mut state, 1).unwrap();
    assert_eq!(list.take(&mut state).unwrap().len() as u64, LONG + 2);
    assert!(list.get(&mut state).unwrap().is_empty());
    assert_eq!(state.entry_count(), 0);
}

#[test]
fn adding_to_a_long_list_on_a_store_reads_and_writes_its_last_part() {
    let store = Arc::new(Counting::default());
    let mut state = single::<u32>();
    state.use_store(store.clone(), Default::default(), WorkingSet::fixed(0)).unwrap();
    let list = ListState::<u64>::register(&mut state, "list", None).unwrap();
    state.set_key(&7);
    list.add_all(&mut state, 0..LONG).unwrap();
    AnyKeyedState::settle(&mut state).unwrap();
    AnyKeyedState::settle(&mut state).unwrap();
    assert_eq!(state.entry_count(), 0, "nothing is in memory");
    let written = store.written.swap(0, Ordering::Relaxed);
    assert!(written > LONG as usize);
    store.read.store(0, Ordering::Relaxed);
    state.set_key(&7);
    list.add(&mut state, LONG).unwrap();
    AnyKeyedState::settle(&mut state).unwrap();
    let (read, added) = (store.read.load(Ordering::Relaxed), store.written.load(Ordering::Relaxed));
    assert!(read < 40 && added < 100, "{read} bytes were read and {added} written");
    assert_eq!(list.get(&mut state).unwrap(), (0..=LONG).collect::<Vec<_>>());
}

#[test]
fn rows_of_long_lists_are_in_order_and_numbered() {
    for on_store in [false, true] {
        let mut state = single::<u32>();
        let store = Arc::new(MemoryStore::default());
        if on_store {
            state.use_store(store.clone(), Default::default(), WorkingSet::fixed(0)).unwrap();
        }
        let list = ListState::<u64>::register(&mut state, "list", None).unwrap();
        for key in 0..20 {
            state.set_key(&key);
            list.add_all(&mut state, 0..u64::from(key)).unwrap();
            AnyKeyedState::settle(&mut state).unwrap();
        }
        let state: &mut dyn AnyKeyedState = &mut state;
        let mut walk = match state.snapshot_at_once(SnapshotKind::Savepoint, &mut || "file".to_owned()).unwrap() {
            KeyedPart::Files(files) => RowWalk::of_files(files),
            KeyedPart::Store(part) => RowWalk::of_store(part.store(), part.range(), part.states()),
        };
        let (mut rows, mut described) = (Chunk::new(), None);
        let mut take = |state: &Arc<crate::canonical::StateDescription>, row: crate::canonical::Row<'_>| {
            described = Some(state.table.clone());
            rows.push(row);
            Ok(())
        };
        while walk.next(&mut take).unwrap() {}
        let mut found: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
        let mut last = None;
        for row in rows.iter() {
            let key: u32 = flott_core::codec::from_bytes(row.key).unwrap();
            let list = found.entry(key).or_default();
            assert!(last == Some(key) || list.is_empty(), "the elements of a list stand together");
            assert_eq!(row.position as usize, list.len());
            assert!(row.namespace.is_empty());
            list.push(flott_core::codec::from_bytes(row.value).unwrap());
            last = Some(key);
        }
        let expected: BTreeMap<u32, Vec<u64>> = (1..20).map(|key| (key, (0..u64::from(key)).collect())).collect();
        assert_eq!(found, expected);
        let table = described.unwrap();
        assert_eq!((table.namespace, table.value), (Schema::Unit, Schema::U64));
    }
}

#[test]
fn a_long_list_is_asked_for_by_key() {
    for on_store in [false, true] {
        let mut state = single::<u32>();
        if on_store {
            state.use_store(Arc::new(MemoryStore::default()), Default::default(), WorkingSet::fixed(0)).unwrap();
        }
        let list = ListState::<u64>::register(&mut state, "list", None).unwrap();
        state.set_key(&7);
        list.add_all(&mut state, 0..10).unwrap();
        AnyKeyedState::settle(&mut state).unwrap();
        let key = flott_core::codec::to_bytes(&7u32).unwrap();
        let query = StateQuery { state: "list".to_owned(), key_schema: Schema::U32, key };
        let answer = state.query(&query).unwrap();
        let rows = answer.rows.iter().map(|row| (row.position, flott_core::codec::from_bytes(row.value).unwrap()));
        assert_eq!(rows.collect::<Vec<_>>(), (0..10).map(|n| (n as u32, n)).collect::<Vec<(u32, u64)>>());
    }
}

/// A list with stamps as it was written before lists had parts.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct StampedList {
    values: Vec<u64>,
    stamps: Vec<i64>,
}

/// Writes lists as they were written before they had parts.
fn write_whole(state: &mut KeyedState<u32>, timed: bool) {
    let shape = StateShape::List { timed };
    let stamp: fn(&StampedList) -> i64 = |list| list.stamps.iter().copied().max().unwrap_or(i64::MIN);
    for key in 0..50u32 {
        let values: Vec<u64> = (0..u64::from(key)).collect();
        let slot = state.slot(&key);
        if timed && key == 0 {
            let table = state.restored_table::<(), StampedList>("list", shape, Arrange::Flat, Some(stamp)).unwrap();
            state.add_table("list", shape, table, None).unwrap();
        } else if key == 0 {
            let table = state.restored_table::<(), Vec<u64>>("list", shape, Arrange::Flat, None).unwrap();
            state.add_table("list", shape, table, None).unwrap();
        }
        if key > 0 && timed {
            let stamps = values.iter().map(|value| value.cast_signed()).collect();
            let id = TableId::<(), StampedList>::new(0);
            state.table(id).insert(slot, &key, &(), StampedList { values, stamps }).unwrap();
        } else if key > 0 {
            state.table(TableId::<(), Vec<u64>>::new(0)).insert(slot, &key, &(), values).unwrap();
        }
    }
}

#[test]
fn lists_that_were_written_whole_are_taken_over() {
    for (was_timed, is_timed, on_store) in [false, true]
        .into_iter()
        .flat_map(|a| [false, true].into_iter().flat_map(move |b| [false, true].map(|c| (a, b, c))))
    {
        let store: Arc<dyn KeyedStore> = Arc::new(MemoryStore::default());
        let open = |now| {
            let mut state = single::<u32>();
            if on_store {
                state.use_store(store.clone(), Default::default(), WorkingSet::fixed(1000)).unwrap();
            }
            AnyKeyedState::set_now(&mut state, ProcessingTime(now));
            state
        };
        let mut state = open(0);
        write_whole(&mut state, was_timed);
        let any: &mut dyn AnyKeyedState = &mut state;
        let mut again = open(40);
        match any.snapshot_at_once(SnapshotKind::Full, &mut || "file".to_owned()).unwrap() {
            KeyedPart::Files(files) => {
                // A subtask may hear of lists of which it has none.
                let mut without = open(40);
                AnyKeyedState::describe_restored(&mut without, &files.states);
                let list = ListState::<u64>::register(&mut without, "list", None).unwrap();
                assert!(list.keys(&mut without).unwrap().is_empty());
                AnyKeyedState::describe_restored(&mut again, &files.states);
                files
                    .files
                    .iter()
                    .for_each(|file| AnyKeyedState::restore(&mut again, file.unwritten().unwrap()).unwrap());
            }
            KeyedPart::Store(part) => {
                let folder = tempfile::tempdir().unwrap();
                part.files(&folder.path().join("snapshot")).unwrap();
                AnyKeyedState::describe_restored(&mut again, part.states());
            }
        }
        drop(state);
        let ttl = is_timed.then(|| StateTtl::new(Duration::from_millis(20)));
        let list = ListState::<u64>::register(&mut again, "list", ttl).unwrap();
        for key in 0..50u32 {
            again.set_key(&key);
            list.add(&mut again, 100).unwrap();
            // Elements have the stamps of their values, if they have any, and begin to live if they had none.
            let first = if was_timed && is_timed { 21 } else { 0 };
            let expected: Vec<u64> = (first..u64::from(key)).chain([100]).collect();
            assert_eq!(list.get(&mut again).unwrap(), expected, "{was_timed} {is_timed} {on_store} {key}");
        }
        assert!(again.descriptions()[0].parts);
        assert_eq!(again.restored_shape("list").unwrap().is_some(), on_store);
        assert!(again.range().contains(KeyGroup(0)) && ListPart::<u64>::len_max() < 50);
    }
}

#[test]
fn parts_are_of_some_kib() {
    assert_eq!(ListPart::<u8>::len_max(), 3, "in tests");
    assert_eq!(ListPart::<()>::len_max(), 3);
}
