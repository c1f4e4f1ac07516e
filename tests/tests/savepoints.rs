//! Savepoints of whole jobs on real threads and real storage: taken, read by another program, restored on another backend
//! by types of a later version of the job, and refused where that cannot be.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the tests wait for a job in real time, look at its files and start another program"
)]

use flott::prelude::*;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::Command;

/// As in `xtask/src/services/duckdb.rs`.
const DUCKDB: &str = "2.0.0";

/// Asks DuckDB and returns the one number that it answers.
fn ask_duckdb(sql: &str) -> u64 {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(std::path::PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache"))).unwrap();
    let python = cache.join(format!("flott/duckdb-{DUCKDB}/bin/python"));
    assert!(python.exists(), "DuckDB {DUCKDB} is not installed; run `cargo xtask services`");
    let script = "import duckdb, sys; print(duckdb.connect().execute(sys.argv[1]).fetchone()[0])";
    let output = Command::new(python).args(["-c", script, sql]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Totals {
    count: u32,
    name: String,
}

/// The same some months later.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct NewTotals {
    #[serde(alias = "name")]
    user: String,
    count: u64,
    #[serde(default)]
    since: Option<i64>,
}

/// What cannot be read from [`Totals`].
#[derive(Clone, Debug, Serialize, Deserialize)]
struct OtherTotals {
    count: bool,
}

trait Counting: Clone + Send + Sync + Serialize + serde::de::DeserializeOwned + 'static {
    fn count(totals: &mut Option<Self>, key: u64) -> u64;
}

impl Counting for Totals {
    fn count(totals: &mut Option<Self>, key: u64) -> u64 {
        let totals = totals.get_or_insert(Totals { count: 0, name: format!("user {key}") });
        totals.count += 1;
        totals.count.into()
    }
}

impl Counting for NewTotals {
    fn count(totals: &mut Option<Self>, key: u64) -> u64 {
        let totals = totals.get_or_insert(NewTotals { user: format!("user {key}"), count: 0, since: Some(1) });
        assert_eq!(totals.user, format!("user {key}"));
        totals.count += 1;
        totals.count
    }
}

impl Counting for OtherTotals {
    fn count(_: &mut Option<Self>, _: u64) -> u64 {
        0
    }
}

const KEYS: u64 = 50;
const RECORDS: u64 = 10_000;

/// Counts generated numbers by key and writes each count, exactly once, into files.
fn count<T: Counting>(env: &StreamExecutionEnvironment, output: &Path) {
    let options = DataGenOptions::new().with_count(RECORDS).with_rate_per_second(4000.0);
    let numbers = env.datagen(|n| n, options).uid("numbers");
    let counts = numbers
        .key_by(|n: &u64| n % KEYS)
        .map_with_state(|n: u64, totals: &mut Option<T>| format!("{} {}", n % KEYS, T::count(totals, n % KEYS)))
        .uid("counts");
    let rolling = RollingPolicy::on_checkpoint();
    counts.write_text(output.display().to_string()).with_rolling_policy(rolling).uid("files");
}

fn environment(options: &[(&str, &str)]) -> StreamExecutionEnvironment {
    let env = StreamExecutionEnvironment::get_execution_environment().unwrap();
    env.configure("execution.checkpointing.interval", "50 ms");
    for &(key, value) in options {
        env.configure(key, value);
    }
    env
}

/// The committed lines, sorted.
fn committed(folder: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let is_hidden = entry.file_name().unwrap().to_string_lossy().starts_with(['.', '_']);
            if entry.is_dir() {
                folders.push(entry);
            } else if !is_hidden {
                lines.extend(std::fs::read_to_string(entry).unwrap().lines().map(str::to_owned));
            }
        }
    }
    lines.sort();
    lines
}

fn expected() -> Vec<String> {
    let mut lines: Vec<String> = (0..RECORDS).map(|n| format!("{} {}", n % KEYS, n / KEYS + 1)).collect();
    lines.sort();
    lines
}

/// Runs the job until a savepoint stops it, and returns where that is.
fn stopped(output: &Path, savepoints: &Path, backend: &str, format: SavepointFormat) -> String {
    let env = environment(&[("parallelism.default", "3"), ("state.backend.type", backend)]);
    count::<Totals>(&env, output);
    let job = env.execute_async("counts").unwrap();
    while job.latest_checkpoint().is_none() {
        job.wait_for(Duration::from_millis(10)).unwrap();
    }
    let path = job.stop_with_savepoint(false, Some(savepoints.to_str().unwrap()), format).unwrap();
    assert_eq!(job.wait().unwrap().status(), JobStatus::Finished);
    path
}

#[test]
fn a_savepoint_of_rocksdb_is_read_by_duckdb_and_goes_on_on_the_heap_with_types_of_a_later_version() {
    let folder = tempfile::tempdir().unwrap();
    let (output, savepoints) = (folder.path().join("output"), folder.path().join("savepoints"));
    let path = stopped(&output, &savepoints, "rocksdb", SavepointFormat::Canonical);
    let before = committed(&output);
    let tables = format!("'{path}/counts/*.parquet'");
    let sum = ask_duckdb(&format!("SELECT sum(value.count)::BIGINT FROM {tables}"));
    assert_eq!(sum, before.len() as u64, "what was counted is what was committed");
    assert_eq!(ask_duckdb(&format!("SELECT count(DISTINCT value.name) FROM {tables}")), KEYS);

    let env = environment(&[("parallelism.default", "2"), ("execution.state-recovery.path", &path)]);
    count::<NewTotals>(&env, &output);
    env.execute("counts").unwrap();
    assert!(committed(&output) == expected(), "{} lines", committed(&output).len());
}

#[test]
fn a_native_savepoint_goes_on_at_another_parallelism() {
    let folder = tempfile::tempdir().unwrap();
    let (output, savepoints) = (folder.path().join("output"), folder.path().join("savepoints"));
    for backend in ["rocksdb", "hashmap"] {
        let output = output.join(backend);
        let path = stopped(&output, &savepoints, backend, SavepointFormat::Native);
        assert!(committed(&output).len() < RECORDS as usize);
        let options =
            [("parallelism.default", "2"), ("execution.state-recovery.path", &*path), ("state.backend.type", backend)];
        let env = environment(&options);
        count::<Totals>(&env, &output);
        env.execute("counts").unwrap();
        assert!(committed(&output) == expected(), "{} lines", committed(&output).len());
    }
}

#[test]
fn a_job_whose_types_do_not_fit_is_refused_with_both_schemas() {
    let folder = tempfile::tempdir().unwrap();
    let (output, savepoints) = (folder.path().join("output"), folder.path().join("savepoints"));
    let path = stopped(&output, &savepoints, "hashmap", SavepointFormat::Canonical);
    let before = committed(&output);
    for backend in ["rocksdb", "hashmap"] {
        let env = environment(&[("execution.state-recovery.path", &path), ("state.backend.type", backend)]);
        count::<OtherTotals>(&env, &output);
        let error = env.execute("counts").err().unwrap();
        let text = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{text}");
        for part in
            ["state `state`", "it was u32 and the job reads bool", "written", "the job's type", "operator `Map`"]
        {
            assert!(text.contains(part), "`{part}` is missing: {text}");
        }
    }
    assert_eq!(committed(&output), before, "nothing has run");
}

#[test]
fn a_savepoint_while_the_job_goes_on_and_one_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("output");
    let env = environment(&[]);
    count::<Totals>(&env, &output);
    let job = env.execute_async("counts").unwrap();
    while job.latest_checkpoint().is_none() {
        job.wait_for(Duration::from_millis(10)).unwrap();
    }
    let error = job.trigger_savepoint(None, SavepointFormat::Canonical).err().unwrap();
    assert!(error.to_string().contains("execution.checkpointing.savepoint-dir"), "{error}");
    std::fs::write(folder.path().join("file"), "").unwrap();
    let within = folder.path().join("file/savepoints");
    let error = job.trigger_savepoint(within.to_str(), SavepointFormat::Canonical).err().unwrap();
    assert!(error.to_string().contains("file/savepoints"), "{error}");
    let within = folder.path().join("savepoints");
    let path = job.trigger_savepoint(within.to_str(), SavepointFormat::Canonical).unwrap();
    assert!(ask_duckdb(&format!("SELECT sum(value.count)::BIGINT FROM '{path}/counts/*.parquet'")) > 0);
    assert_eq!(job.status(), JobStatus::Running);
    assert_eq!(job.wait().unwrap().status(), JobStatus::Finished);
    assert_eq!(committed(&output), expected());
    let error = job.trigger_savepoint(within.to_str(), SavepointFormat::Canonical).err().unwrap();
    assert!(error.to_string().contains("is over"), "{error}");
}

/// What a window holds: the smallest and the largest number, and how many there are.
type Range = (u64, u64, u64);

const DRAINED_KEYS: u64 = 4;

/// Numbers without end, in windows of which none ends by itself, and a timer for the end of time.
fn windows(env: &StreamExecutionEnvironment, output: &Path) {
    let by_value =
        WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|n: &u64, _| EventTime(*n as i64));
    let source =
        flott::connectors::DataGeneratorSource::new(|n| n).with_rate_limiter(RateLimiterStrategy::PerSecond(4000.0));
    // One subtask, so that the numbers before a barrier are those up to some number.
    let numbers = env.from_source(source, by_value, "numbers").set_parallelism(1).uid("numbers");
    let by_key = |(n, _, _): &Range| n % DRAINED_KEYS;
    let counts = numbers
        .map(|n| (n, n, 1))
        .key_by(by_key)
        .window(TumblingEventTimeWindows::of(Duration::from_secs(1_000_000)))
        .reduce_with(|a: Range, b: Range| (a.0.min(b.0), a.1.max(b.1), a.2 + b.2), Whole)
        .uid("counts");
    let ends = numbers.key_by(|n: &u64| n % DRAINED_KEYS).process(AtTheEnd).uid("ends");
    let rolling = || RollingPolicy::on_checkpoint();
    counts.write_text(output.join("counts").display().to_string()).with_rolling_policy(rolling()).uid("files");
    ends.write_text(output.join("ends").display().to_string()).with_rolling_policy(rolling()).uid("end files");
}

/// Tells what a window holds.
#[derive(Clone)]
struct Whole;

impl ProcessWindowFunction for Whole {
    type Key = u64;
    type Window = TimeWindow;
    type In = Range;
    type Out = String;

    fn process(
        &mut self,
        ranges: &[Range],
        cx: &mut WindowContext<'_, u64, TimeWindow>,
        out: &mut Collector<String>,
    ) -> Result<()> {
        let key = *cx.current_key()?;
        ranges.iter().for_each(|(min, max, count)| out.collect(format!("{key} {min} {max} {count}")));
        Ok(())
    }
}

/// Says of each key when time is over.
#[derive(Clone)]
struct AtTheEnd;

impl KeyedProcessFunction for AtTheEnd {
    type Key = u64;
    type In = u64;
    type Out = String;

    fn process(&mut self, _: u64, cx: &mut KeyedContext<'_, u64>, _: &mut Collector<String>) -> Result<()> {
        cx.timer_service().register_event_time_timer(EventTime(i64::MAX - 1))?;
        Ok(())
    }

    fn on_timer(&mut self, _: Timer, cx: &mut KeyedContext<'_, u64>, out: &mut Collector<String>) -> Result<()> {
        let watermark = cx.timer_service().current_watermark();
        assert_eq!(watermark, Watermark::MAX);
        out.collect(cx.current_key()?.to_string());
        Ok(())
    }
}

/// Runs the windows until there is a checkpoint of this run, and then as `then` says.
fn run_windows(folder: &Path, options: &[(&str, &str)], then: impl FnOnce(&flott::datastream::JobClient)) {
    let env = environment(options);
    env.configure("execution.checkpointing.dir", folder.join("checkpoints").display().to_string());
    windows(&env, &folder.join("output"));
    let job = env.execute_async("drained").unwrap();
    while job.latest_checkpoint().is_none() {
        job.wait_for(Duration::from_millis(10)).unwrap();
    }
    then(&job);
    job.wait().unwrap();
}

/// Asserts that the lines are one window of each key with all numbers from `from` on. Returns the number behind the last.
fn assert_whole(lines: &[String], from: u64) -> u64 {
    let parse = |line: &String| -> Vec<u64> { line.split(' ').map(|part| part.parse().unwrap()).collect() };
    let windows: Vec<Vec<u64>> = lines.iter().map(parse).collect();
    assert_eq!(windows.len() as u64, DRAINED_KEYS, "one window of each key: {lines:?}");
    let end = windows.iter().map(|window| window[2]).max().unwrap() + 1;
    for window in &windows {
        let numbers: Vec<u64> = (from..end).filter(|n| n % DRAINED_KEYS == window[0]).collect();
        let all = [window[0], numbers[0], *numbers.last().unwrap(), numbers.len() as u64];
        assert_eq!(window[..], all, "from {from} to {end}: {lines:?}");
    }
    end
}

#[test]
fn a_job_that_is_drained_closes_its_windows_and_commits_what_comes_of_them() {
    for (backend, other) in [("hashmap", "rocksdb"), ("rocksdb", "hashmap")] {
        let folder = tempfile::tempdir().unwrap();
        let savepoints = folder.path().join("savepoints").display().to_string();
        let output = folder.path().join("output");
        std::fs::create_dir_all(output.join("counts")).unwrap();
        let mut path = String::new();
        let mut stop = |job: &flott::datastream::JobClient, drain: bool| {
            path = job.stop_with_savepoint(drain, Some(&savepoints), SavepointFormat::Canonical).unwrap();
            assert_eq!(job.wait().unwrap().status(), JobStatus::Finished);
            assert!(Path::new(&path).join("manifest.json").exists());
            path.clone()
        };

        // Stopped and not drained: nothing fires. Killed after the restore, and restored again.
        let mut stopped = String::new();
        run_windows(folder.path(), &[("parallelism.default", "3"), ("state.backend.type", backend)], |job| {
            stopped = stop(job, false);
        });
        let options =
            [("parallelism.default", "2"), ("state.backend.type", other), ("execution.state-recovery.path", &*stopped)];
        run_windows(folder.path(), &options, flott::datastream::JobClient::cancel);
        assert!(committed(&output).is_empty(), "no window has ended");

        let options =
            [("parallelism.default", "1"), ("state.backend.type", other), ("execution.state-recovery.path", "latest")];
        let mut drained = String::new();
        run_windows(folder.path(), &options, |job| drained = stop(job, true));
        let first = committed(&output.join("counts"));
        let end = assert_whole(&first, 0);
        assert_eq!(committed(&output.join("ends")), ["0", "1", "2", "3"]);

        // Whoever goes on all the same starts with empty windows behind what was drained.
        let options = [
            ("parallelism.default", "2"),
            ("state.backend.type", backend),
            ("execution.state-recovery.path", &*drained),
        ];
        run_windows(folder.path(), &options, |job| drop(stop(job, true)));
        let mut second = committed(&output.join("counts"));
        second.retain(|line| !first.contains(line));
        assert_whole(&second, end);
        assert_eq!(committed(&output.join("ends")), ["0", "0", "1", "1", "2", "2", "3", "3"]);
    }
}
