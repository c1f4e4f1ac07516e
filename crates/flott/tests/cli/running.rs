//! SQL on the state of a running job.

use flott::datastream::JobClient;
use flott::prelude::*;
use std::path::Path;
use tempfile::TempDir;

const KEYS: u64 = 50;
const TOTALS: &str = "SELECT (SELECT sum(value) FROM first.state) AS first, (SELECT sum(value) FROM second.state) AS second, \
     (SELECT count(*) FROM second.state) AS keys";

/// Counts numbers by key, and what comes of it once more: in every consistent picture both have counted as many.
fn start(folder: &Path, options: &[(&str, &str)]) -> JobClient {
    let env = StreamExecutionEnvironment::get_execution_environment().unwrap();
    env.configure("queryable-state.enable", "true");
    env.configure("execution.checkpointing.interval", "20 ms");
    env.configure("execution.checkpointing.dir", folder.join("checkpoints").display().to_string());
    env.configure("io.tmp.dirs", folder.display().to_string());
    for &(key, value) in options {
        env.configure(key, value);
    }
    let count = |n: u64, count: &mut Option<u64>| {
        *count.get_or_insert(0) += 1;
        n
    };
    let numbers = env.datagen(|n| n, DataGenOptions::new().with_rate_per_second(20_000.0)).uid("numbers");
    let first = numbers.key_by(|n: &u64| n % KEYS).map_with_state(count).uid("first");
    first.key_by(|n: &u64| n / 7 % KEYS).map_with_state(count).uid("second").blackhole();
    env.execute_async("twice").unwrap()
}

fn ask(job: &JobClient, of: StateOf, sql: &str) -> Result<Vec<serde_json::Value>> {
    let mut out = Vec::new();
    job.query_sql(of, sql, &mut out)?;
    Ok(String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// What both have counted, as soon as there is something to ask.
fn total(job: &JobClient, of: StateOf) -> u64 {
    loop {
        match ask(job, of, TOTALS) {
            Ok(rows) if rows[0]["keys"] == KEYS => {
                assert_eq!(rows[0]["first"], rows[0]["second"], "{of:?} is no consistent picture");
                return rows[0]["first"].as_u64().unwrap();
            }
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}"),
        }
    }
}

fn backends() -> Vec<&'static str> {
    if cfg!(feature = "rocksdb") { vec!["hashmap", "rocksdb"] } else { vec!["hashmap"] }
}

#[test]
fn sql_sees_one_moment_of_a_job_that_goes_on_and_is_restored() {
    for backend in backends() {
        let folder = TempDir::new().unwrap();
        let mut before = 0;
        // Killed in between: the second run goes on from the checkpoint of the first, at another parallelism.
        for (parallelism, from) in [("3", "nothing"), ("2", "latest")] {
            let mut options = vec![("parallelism.default", parallelism), ("state.backend.type", backend)];
            options.extend((from == "latest").then_some(("execution.state-recovery.path", from)));
            let job = start(folder.path(), &options);
            for _ in 0..3 {
                let checkpoint = total(&job, StateOf::LatestCheckpoint);
                let now = total(&job, StateOf::Now);
                assert!(before <= checkpoint && checkpoint < now, "{before} {checkpoint} {now}");
                before = checkpoint;
            }
            assert_eq!(job.status(), JobStatus::Running);
            assert_eq!(job.metric("numberOfFailedCheckpoints"), 0);
            job.cancel();
            job.wait().unwrap();
            let over = ask(&job, StateOf::LatestCheckpoint, TOTALS).unwrap_err();
            assert!(over.kind() == ErrorKind::Unavailable && over.to_string().contains("is over"), "{over}");
        }
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| !name.to_str().unwrap().starts_with(".tmp")), "tables are left: {left:?}");
    }
}

#[test]
fn sql_on_a_running_job_has_limits_and_is_off_by_default() {
    let folder = TempDir::new().unwrap();
    let refused = |options: &[(&str, &str)], of: StateOf, sql: &str| {
        let job = start(folder.path(), options);
        while job.latest_checkpoint().is_none() {
            job.wait_for(Duration::from_millis(10)).unwrap();
        }
        let error = ask(&job, of, sql).unwrap_err();
        job.cancel();
        job.wait().unwrap();
        error
    };
    let (checkpoint, now) = (StateOf::LatestCheckpoint, StateOf::Now);
    let error = refused(&[("queryable-state.enable", "false")], now, TOTALS);
    assert!(
        error.kind() == ErrorKind::Invalid && error.to_string().contains("set `queryable-state.enable`"),
        "{error}"
    );
    let error = refused(&[("flott.queryable-state.sql.timeout", "0 ms")], checkpoint, TOTALS);
    assert!(error.kind() == ErrorKind::Limit && error.to_string().contains("sql.timeout"), "{error}");
    let much = "SELECT a.key, b.key, c.key FROM first.state a, first.state b, first.state c ORDER BY a.value + b.value * c.value";
    let error = refused(&[("flott.queryable-state.sql.memory", "256 kb")], checkpoint, much);
    assert!(error.kind() == ErrorKind::Limit && error.to_string().contains("more memory than 256 kb"), "{error}");
    let error = refused(&[], checkpoint, "SELECT 1 FROM first.stat");
    assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains("did you mean `first.state`?"), "{error}");
    let error = refused(&[], now, "DROP TABLE first.state");
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
}
