//! Many stores in little memory. This test is alone in its process, whose memory it watches.

#![expect(clippy::disallowed_methods, reason = "the system says how much memory the process has")]

use flott_core::config::ByteSize;
use flott_core::{Configuration, KeyGroup, KeyGroupRange};
use flott_rocksdb::RocksBackend;
use flott_state::store::{KeyedStore, OpenStore, Rows, StateBackend, StateNumber, WriteBatch, store_key};
use std::sync::Arc;

const STORES: usize = 16;
const MEMORY: u64 = 24 << 20;
/// What everything else may take: RocksDB's own structures, files being written, the batches of this test.
const BESIDE: u64 = 80 << 20;

/// Bytes of memory that the process has now.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? << 10)
}

fn key(number: u32) -> Vec<u8> {
    let mut key = Vec::new();
    store_key(KeyGroup(number as u16 % 8), StateNumber(1), &mut key);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

#[test]
#[cfg(target_os = "linux")]
fn many_stores_stay_within_their_memory() {
    let folder = tempfile::tempdir().unwrap();
    let backend = RocksBackend::new(&Configuration::new(), ByteSize(MEMORY)).unwrap();
    let config = Configuration::new();
    let range = KeyGroupRange { start: 0, end: 8 };
    let before = resident().unwrap();
    let stores: Vec<Arc<dyn KeyedStore>> = (0..STORES)
        .map(|n| {
            let folder = folder.path().join(n.to_string());
            backend.open(OpenStore { folder, range, restored: Vec::new(), config: &config }).unwrap()
        })
        .collect();

    // Over 100 MB, twice, and one store after the other, so that each finds what the others have left.
    let mut chance = fastrand::Rng::with_seed(1);
    let mut most = 0;
    for round in 0..2u8 {
        for store in &stores {
            let mut keys: Vec<Vec<u8>> = (0..80_000).map(|_| key(chance.u32(0..200_000))).collect();
            keys.sort();
            keys.dedup();
            for keys in keys.chunks(10_000) {
                let mut batch = WriteBatch::new();
                keys.iter().for_each(|key| batch.put(key, &[round; 100]));
                store.write(&batch).unwrap();
            }
            let mut rows = Rows::new();
            keys.iter().for_each(|key| rows.push(key));
            store
                .get_all(&rows, &mut |_, value| {
                    assert_eq!(value, Some(&[round; 100][..]));
                    Ok(())
                })
                .unwrap();
            most = most.max(resident().unwrap());
        }
    }
    let grown = most.saturating_sub(before);
    assert!(grown < MEMORY + BESIDE, "{} MB", grown >> 20);
    assert!(backend.metrics().disk > 4 * MEMORY, "{:?}", backend.metrics());

    // Less memory is given up when it is asked for.
    backend.set_memory(MEMORY / 4);
    for store in &stores {
        let mut batch = WriteBatch::new();
        batch.put(&key(0), b"");
        store.write(&batch).unwrap();
        store.snapshot(&folder.path().join("snapshot")).unwrap();
        std::fs::remove_dir_all(folder.path().join("snapshot")).unwrap();
    }
    let used = backend.memory_used();
    assert!(used < MEMORY / 2, "{} MB", used >> 20);
}
