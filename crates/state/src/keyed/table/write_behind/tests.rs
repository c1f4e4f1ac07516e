//! What waits is found by whoever asks, and written once.

use super::super::encode::{Form, NamesForm, StoreForm};
use super::*;
use crate::store::MemoryStore;
use flott_core::{Error, ErrorKind, KeyGroup};
use std::sync::atomic::AtomicUsize;

/// Counts writes, of which the first ones fail.
#[derive(Default)]
struct Counting {
    store: MemoryStore,
    writes: AtomicUsize,
    failures: AtomicUsize,
}

impl KeyedStore for Counting {
    fn get_all(&self, keys: &Rows, found: &mut Found<'_>) -> Result<()> {
        self.store.get_all(keys, found)
    }

    fn write(&self, batch: &WriteBatch) -> Result<()> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        match self.failures.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) {
            Ok(_) => Err(Error::limit("the disk is full")),
            Err(_) => self.store.write(batch),
        }
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

    fn expire_after(&self, _: StateNumber, _: Duration) {}

    fn set_now(&self, _: ProcessingTime) {}

    fn size(&self) -> StoreSize {
        self.store.size()
    }
}

const FORM: Form<u8, (), u64> =
    Form::Store(StoreForm { number: StateNumber(1), names: NamesForm::KEY_FIRST, stamp: None });

fn part(key: u8, value: u64) -> Encoded {
    let mut encoded = Encoded::default();
    encoded.put(&FORM, KeyGroup(0), &key, &(), &value).unwrap();
    encoded
}

fn value(store: &WriteBehind, key: u8) -> Option<u64> {
    let (mut keys, mut value) = (Rows::new(), None);
    let Form::Store(form) = FORM else { unreachable!() };
    keys.push_with(|out| form.key(KeyGroup(0), &key, &(), out)).unwrap();
    let found = &mut |_: usize, bytes: Option<&[u8]>| {
        value = bytes.map(|bytes| form.read(bytes)).transpose()?;
        Ok(())
    };
    store.get_all(&keys, found).unwrap();
    value
}

fn behind(bytes_max: usize) -> (Arc<Counting>, WriteBehind) {
    let store = Arc::new(Counting::default());
    (store.clone(), WriteBehind::new(store, WorkingSet::fixed(bytes_max)))
}

#[test]
fn whoever_asks_finds_what_waits_and_from_then_on_nothing_is_put_off() {
    let (counting, store) = behind(usize::MAX);
    store.on_snapshot();
    store.write_later(part(1, 10)).unwrap();
    store.write_later(part(1, 11)).unwrap();
    assert_eq!(counting.writes.load(Ordering::Relaxed), 0);
    assert_eq!(value(&store, 1), Some(11), "the later one counts");
    store.write_later(part(2, 20)).unwrap();
    assert_eq!(counting.writes.load(Ordering::Relaxed), 3);
    store.on_snapshot();
    store.write_later(part(2, 21)).unwrap();
    assert_eq!(counting.writes.load(Ordering::Relaxed), 3);
    let mut removed = Encoded::default();
    removed.remove(&FORM, KeyGroup(0), &1, &()).unwrap();
    store.write_later(removed).unwrap();
    assert_eq!((value(&store, 1), value(&store, 2)), (None, Some(21)));
}

#[test]
fn a_snapshot_and_a_write_come_after_what_waits() {
    let (counting, store) = behind(usize::MAX);
    store.write_later(part(1, 10)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    store.snapshot(&folder.path().join("snapshot")).unwrap();
    assert_eq!(counting.size().entries, 1);
    store.write_later(part(1, 11)).unwrap();
    let mut batch = WriteBatch::new();
    part(1, 12).sort_into(&mut batch);
    store.write(&batch).unwrap();
    assert_eq!(value(&store, 1), Some(12));
}

#[test]
fn no_more_waits_than_the_working_set_allows() {
    let (counting, store) = behind(8);
    store.write_later(part(1, 1)).unwrap();
    assert_eq!(counting.writes.load(Ordering::Relaxed), 1);
}

#[test]
fn what_could_not_be_written_waits_on() {
    let (counting, store) = behind(usize::MAX);
    counting.failures.store(1, Ordering::Relaxed);
    store.write_later(part(1, 10)).unwrap();
    store.write_later(part(2, 20)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let error = store.snapshot(&folder.path().join("snapshot")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert_eq!((value(&store, 1), value(&store, 2)), (Some(10), Some(20)));
}
