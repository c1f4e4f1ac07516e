//! Jobs that start from savepoints which were made or changed outside of them, on both backends.

use flott::prelude::*;
use flott::savepoint::{NewState, Savepoint, SavepointWriter, StateRow, TableKind};
use flott_core::MaxParallelism;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Totals {
    count: u64,
    name: String,
}

/// A time in the year 2100: what was accessed then has not expired.
const FAR_AHEAD: i64 = 4_102_444_800_000;

/// Says for each record what is remembered of its key, and when its timers fire.
#[derive(Clone, Default)]
struct Remember {
    total: ValueState<Totals>,
    sum: ReducingState<u64>,
    pages: ListState<String>,
    days: MapState<u8, u64>,
    seen: ValueState<u64>,
}

impl KeyedProcessFunction for Remember {
    type Key = u64;
    type In = u64;
    type Out = String;

    fn open(&mut self, cx: &mut KeyedOpenContext<'_, u64>) -> Result<()> {
        let hour = StateTtl::new(Duration::from_secs(3600));
        self.total = ValueState::register(cx.keyed_state(), "total", None)?;
        self.sum = ReducingState::register(cx.keyed_state(), "sum", |sum: &mut u64, n| *sum += n, None)?;
        self.pages = ListState::register(cx.keyed_state(), "pages", None)?;
        self.days = MapState::register(cx.keyed_state(), "days", None)?;
        self.seen = ValueState::register(cx.keyed_state(), "seen", Some(hour))?;
        Ok(())
    }

    fn process(&mut self, n: u64, cx: &mut KeyedContext<'_, u64>, out: &mut Collector<String>) -> Result<()> {
        let key = *cx.current_key()?;
        let mut total = self.total.get(cx)?.cloned().unwrap_or(Totals { count: 0, name: format!("user {key}") });
        total.count += 1;
        self.total.set(cx, total.clone())?;
        self.sum.add(cx, n)?;
        let sum = self.sum.get(cx)?.copied();
        let pages = self.pages.get(cx)?.join("+");
        let mut days = self.days.entries(cx)?;
        days.sort();
        let seen = self.seen.get(cx)?.copied();
        out.collect(format!("{} {} {sum:?} {pages} {days:?} {seen:?}", total.name, total.count));
        Ok(())
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut KeyedContext<'_, u64>, out: &mut Collector<String>) -> Result<()> {
        out.collect(format!("timer {} {}", cx.current_key()?, timer.millis()));
        Ok(())
    }
}

fn environment(options: &[(&str, &str)]) -> StreamExecutionEnvironment {
    let env = StreamExecutionEnvironment::get_execution_environment().unwrap();
    for (key, value) in options {
        env.configure(key, *value);
    }
    env
}

#[test]
fn a_job_starts_from_state_that_no_job_has_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sp-1").display().to_string();
    let mut writer = SavepointWriter::create(&path, &Configuration::new(), "remember").unwrap();
    let seen = |key: u64, time| StateRow::<_, (), (), _> { key, time, value: key * 2, ..StateRow::default() };
    writer
        .add_operator("remember", MaxParallelism::new(128).unwrap())
        .unwrap()
        .value("total", (0..100u64).map(|key| (key, Totals { count: key * 10, name: format!("user {key}") })))
        .unwrap()
        .reducing("sum", [(1u64, 1000u64)])
        .unwrap()
        .list("pages", [(1u64, ["a", "b", "c"].map(str::to_owned).to_vec())])
        .unwrap()
        .map("days", [(1u64, 7u8, 70u64), (1, 3, 30)])
        .unwrap()
        .rows(NewState::new("seen", TableKind::Value).ttl(Duration::from_secs(60)), [seen(1, FAR_AHEAD), seen(2, 5)])
        .unwrap()
        .event_timers("user", [(1u64, (), EventTime(500)), (77, (), EventTime(400))])
        .unwrap();
    writer.finish().unwrap();
    for backend in ["hashmap", "rocksdb"] {
        for parallelism in ["1", "3"] {
            let env = environment(&[
                ("parallelism.default", parallelism),
                ("state.backend.type", backend),
                ("execution.state-recovery.path", &path),
            ]);
            let records = env.from_collection([1u64, 2, 200]);
            let said = records.key_by(|n: &u64| *n).process(Remember::default()).uid("remember");
            let mut said = said.execute_and_collect("remember").unwrap();
            said.sort();
            let expected = [
                "timer 1 500",
                "timer 77 400",
                "user 1 11 Some(1001) a+b+c [(3, 30), (7, 70)] Some(2)",
                "user 2 21 Some(2)  [] None",
                "user 200 1 Some(200)  [] None",
            ];
            assert_eq!(said, expected, "{backend} at parallelism {parallelism}");
        }
    }
}

#[test]
fn a_job_goes_on_from_a_savepoint_that_was_put_right() {
    let folder = tempfile::tempdir().unwrap();
    let (output, savepoints) = (folder.path().join("output"), folder.path().join("savepoints"));
    let job = |env: &StreamExecutionEnvironment| {
        let options = DataGenOptions::new().with_count(4000).with_rate_per_second(4000.0);
        let numbers = env.datagen(|n| n, options).uid("numbers");
        numbers.key_by(|n: &u64| n % 10).process(Remember::default()).uid("remember")
    };
    let env = environment(&[("parallelism.default", "2"), ("execution.checkpointing.interval", "50 ms")]);
    job(&env).write_text(output.display().to_string()).uid("files");
    let running = env.execute_async("remember").unwrap();
    while running.latest_checkpoint().is_none() {
        std::thread::yield_now();
    }
    let path = running.stop_with_savepoint(false, savepoints.to_str(), SavepointFormat::Canonical).unwrap();
    assert_eq!(running.wait().unwrap().status(), JobStatus::Finished);

    let config = Configuration::new();
    let savepoint = Savepoint::open(&path, &config).unwrap();
    let remember = savepoint.operator("remember").unwrap();
    let totals: Vec<(u64, Totals)> = remember.values("total").unwrap().collect::<Result<_>>().unwrap();
    let sums: Vec<(u64, u64)> = remember.values("sum").unwrap().collect::<Result<_>>().unwrap();
    assert_eq!((totals.len(), sums.len()), (10, 10));
    let so_far: u64 = totals.iter().map(|(_, total)| total.count).sum();
    let of_third = totals.iter().find(|(key, _)| *key == 3).unwrap().1.count;

    // Files of the sink and what is committed there belong to the first output; only the counts are wanted here.
    let changed = folder.path().join("changed").display().to_string();
    let mut writer = SavepointWriter::from_existing(&savepoint, &changed, &config).unwrap();
    writer.remove_operator("files").unwrap();
    let mut operator = writer.operator("remember").unwrap();
    operator
        .update_values("total", |key: &u64, total: Totals| {
            let count = if *key == 3 { 1_000_000 } else { total.count };
            Ok(Some(Totals { count, name: total.name.to_uppercase() }))
        })
        .unwrap()
        .remove_state("sum")
        .unwrap();
    writer.finish().unwrap();

    let env = environment(&[("parallelism.default", "3"), ("execution.state-recovery.path", &changed)]);
    let said = job(&env).execute_and_collect("remember").unwrap();
    assert_eq!(said.len() as u64, 4000 - so_far, "the source goes on where it was");
    assert!(said.iter().all(|line| line.starts_with("USER ") && line.contains(" Some(")), "{said:?}");
    let third: Vec<&String> = said.iter().filter(|line| line.starts_with("USER 3 1000")).collect();
    assert_eq!(third.len() as u64, 400 - of_third, "{said:?}");
}
