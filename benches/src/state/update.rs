//! Random updates of far more keys than the working set holds, through the whole engine on RocksDB. The peer is what is
//! written by hand: one get and one put for each record, on the same store in a program of its own.

use super::accounts;
use crate::bench::{Bench, Case, Failure};
use crate::child::{self, Meter, Run, Sample};
use crate::engine::RECORDS_PER_CPU_SECOND;
use crate::engine::numbers::{key, mix, numbers};
use crate::report::{Bar, Line, median, throughput};
use flott_core::{Configuration, KeyGroup, KeyGroupRange, codec};
use flott_rocksdb::RocksBackend;
use flott_state::store::{KeyedStore, OpenStore, Rows, StateBackend, StateNumber, WriteBatch, store_key};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const CASE: Case = Case {
    name: "update_rocksdb",
    about: "random update of 20 M keys of 100 bytes on rocksdb, checkpoint every 10 s; at least 0.2 M records per CPU-second, 3 x get and put",
    measure,
    child,
};

const KEYS: u64 = 20_000_000;
const UPDATES: u64 = 10_000_000;
/// The peer is slow.
const PEER_UPDATES: u64 = 1_000_000;
const BAR: f64 = 0.2;
/// In times of the peer.
const BAR_RATIO: f64 = 3.0;
const INTERVAL_S: u64 = 10;
/// Rows that are worked on together.
const GATHERED: u64 = 65_536;
/// Key groups of the peer's keys.
const GROUPS: u16 = 128;

fn measure(bench: &Bench) -> Result<Line, Failure> {
    let run = |engine, updates| {
        Run::new(CASE.name, engine)
            .with("keys", bench.records(KEYS))
            .with("updates", bench.records(updates))
            .with("interval_s", INTERVAL_S)
            .with("gathered", GATHERED)
    };
    let [flott, naive] = bench.in_turns([run("flott", UPDATES), run("get_and_put", PEER_UPDATES)])?;
    let ratios = flott.iter().zip(&naive).map(|(a, b)| a.mega_per_cpu_second() / b.mega_per_cpu_second());
    Ok(Line::new(throughput(&flott), RECORDS_PER_CPU_SECOND, Bar::AtLeast(BAR))
        .and("times of get and put", median(ratios), Bar::AtLeast(BAR_RATIO))
        .with_peer("get and put", throughput(&naive)))
}

fn child(run: &Run) -> Result<Sample, Failure> {
    let (keys, updates) = (run.number("keys")?, run.number("updates")?);
    if run.engine != "flott" {
        return naive(keys, updates);
    }
    let folder = tempfile::tempdir()?;
    let interval = Duration::from_secs(run.number("interval_s")?);
    let checkpoints = folder.path().display().to_string();
    let env = accounts::on("rocksdb", 1, keys, &checkpoints, Some(interval))?;
    env.configure("flott.state.gathered-rows", run.text("gathered")?);
    let all = numbers(&env, keys + updates).map(move |n| if n < keys { n } else { key(n, keys) });
    accounts::count(all).blackhole();
    let job = env.execute_async("update")?;
    accounts::wait(&job, || accounts::counted(&job) >= keys)?;
    let (meter, before) = (Meter::start()?, accounts::counted(&job));
    job.wait()?;
    meter.stop(keys + updates - before)
}

/// One record after the other.
fn naive(keys: u64, updates: u64) -> Result<Sample, Failure> {
    let folder = tempfile::tempdir()?;
    let config = Configuration::new();
    let backend = RocksBackend::new(&config, accounts::memory(keys))?;
    let range = KeyGroupRange { start: 0, end: GROUPS };
    let open = OpenStore { folder: folder.path().join("store"), range, restored: Vec::new(), config: &config };
    let store: Arc<dyn KeyedStore> = backend.open(open)?;
    let name = |key: u64, name: &mut Vec<u8>| {
        store_key(KeyGroup((mix(key) % u64::from(GROUPS)) as u16), StateNumber(1), name);
        name.extend_from_slice(&key.to_be_bytes());
    };
    let (mut batch, mut rows, mut bytes) = (WriteBatch::new(), Rows::new(), Vec::new());
    let mut put = |key: u64, account: &accounts::Account| -> Result<(), Failure> {
        batch.clear();
        bytes.clear();
        name(key, &mut bytes);
        let head = bytes.len();
        codec::encode(account, &mut bytes)?;
        batch.put(&bytes[..head], &bytes[head..]);
        Ok(store.write(&batch)?)
    };
    for key in 0..keys {
        put(key, &accounts::opened(key))?;
    }
    child::measure(|| {
        for n in keys..keys + updates {
            let key = key(n, keys);
            rows.clear();
            rows.push_with(|bytes| {
                name(key, bytes);
                Ok::<(), Failure>(())
            })?;
            let mut account = None;
            store.get_all(&rows, &mut |_, found| {
                account = found.map(codec::from_bytes).transpose()?;
                Ok(())
            })?;
            let mut account: accounts::Account = account.ok_or("a key is not in the store")?;
            account.0 += 1;
            put(key, &account)?;
        }
        Ok(updates)
    })
}
