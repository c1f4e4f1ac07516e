//! Time to live.

use super::*;
use flott_core::ProcessingTime;
use flott_state::store::ABOUT_GROUP;
use std::time::Duration;

fn stamped(stamp: i64, value: u8) -> Vec<u8> {
    let mut bytes = stamp.to_le_bytes().to_vec();
    bytes.push(value);
    bytes
}

fn write(store: &dyn KeyedStore, key: &[u8], value: &[u8]) {
    let mut batch = WriteBatch::new();
    batch.put(key, value);
    store.write(&batch).unwrap();
}

#[test]
fn compaction_drops_what_was_last_used_a_ttl_ago() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store"), ALL, &[], &Configuration::new()).unwrap();
    let mut other_state = Vec::new();
    store_key(KeyGroup(1), StateNumber(8), &mut other_state);
    let mut about = Vec::new();
    store_key(ABOUT_GROUP, STATE, &mut about);
    for (key, stamp) in [(&other_state, 0), (&about, 0), (&key(1, 0), 999), (&key(1, 1), 1000), (&key(1, 2), 1001)] {
        write(&*store, key, &stamped(stamp, 1));
    }
    store.expire_after(STATE, Duration::from_millis(500));
    compact(&store);
    assert_eq!(contents(&*store).unwrap().len(), 5, "nobody has said what time it is");
    store.set_now(ProcessingTime(1500));
    compact(&store);
    let left: Vec<Vec<u8>> = contents(&*store).unwrap().into_keys().collect();
    assert_eq!(left, [key(1, 2), other_state, about]);
}

#[test]
fn what_has_expired_does_not_uncover_an_older_value() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store"), ALL, &[], &Configuration::new()).unwrap();
    // An older value in a table below, which would outlive the newer one if that simply went.
    write(&*store, &key(1, 1), &stamped(9_000, 1));
    write(&*store, &key(1, 2), &stamped(0, 1));
    compact(&store);
    write(&*store, &key(1, 1), &stamped(0, 2));
    write(&*store, &key(1, 2), &stamped(9_000, 2));
    store.expire_after(STATE, Duration::from_millis(500));
    store.set_now(ProcessingTime(1000));
    compact(&store);
    assert_eq!(values(&*store, &[key(1, 1), key(1, 2)]).unwrap(), [None, Some(stamped(9_000, 2))]);
}
