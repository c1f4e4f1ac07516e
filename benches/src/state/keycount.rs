//! The running count per key of the engine's bench, with all keys in the working set and a checkpoint every ten seconds: on
//! RocksDB, and on the heap.

use crate::bench::{Bench, Case, Failure};
use crate::child::{self, Run, Sample};
use crate::engine::{RECORDS_PER_CPU_SECOND, keycount, numbers::environment};
use crate::report::{Bar, Line, median, throughput};
use std::time::Duration;

pub(crate) const CASE: Case = Case {
    name: "keycount_rocksdb",
    about: "running count over 1 M keys on rocksdb, all of them in the working set; at least 0.7 x the heap, 20 x Flink",
    measure,
    child,
};

/// Enough for more than one checkpoint.
const RECORDS: u64 = 300_000_000;
const BAR_RATIO: f64 = 0.7;
/// 20 times what Flink 2.3 does on RocksDB on the same kind of machine.
const BAR: f64 = 20.0 * 0.24;
const INTERVAL: Duration = Duration::from_secs(10);

fn measure(bench: &Bench) -> Result<Line, Failure> {
    let run = |engine| Run::new("keycount_rocksdb", engine).with("records", bench.records(RECORDS));
    let [rocksdb, heap] = bench.in_turns([run("rocksdb"), run("hashmap")])?;
    let ratios = rocksdb.iter().zip(&heap).map(|(a, b)| a.mega_per_cpu_second() / b.mega_per_cpu_second());
    let (ratio, value) = (median(ratios), throughput(&rocksdb));
    Ok(Line::new(value, RECORDS_PER_CPU_SECOND, Bar::AtLeast(BAR))
        .and("times of the heap", ratio, Bar::AtLeast(BAR_RATIO))
        .with_peer("hashmap", throughput(&heap)))
}

fn child(run: &Run) -> Result<Sample, Failure> {
    let records = run.number("records")?;
    let folder = tempfile::tempdir()?;
    let env = environment(1)?;
    env.enable_checkpointing(INTERVAL);
    env.configure("execution.checkpointing.dir", folder.path().display().to_string());
    env.configure("state.backend.type", run.engine.clone());
    env.configure("flott.state.working-set.size", "512 mb");
    keycount::build(&env, records);
    child::measure(|| {
        env.execute("keycount")?;
        Ok(records)
    })
}
