//! The state of a running job, looked at by key.

use flott::datastream;
use flott::prelude::*;
use serde::{Deserialize, Serialize};

const KEYS: u64 = 20;

/// Counts the numbers of a key in every kind of state.
#[derive(Clone, Default)]
struct Kinds {
    count: ValueState<u64>,
    recent: ListState<u64>,
    by_digit: MapState<u8, u64>,
    brief: ValueState<u64>,
}

impl KeyedProcessFunction for Kinds {
    type Key = u64;
    type In = u64;
    type Out = u64;

    fn open(&mut self, cx: &mut KeyedOpenContext<'_, u64>) -> Result<()> {
        let keyed = cx.keyed_state();
        self.count = ValueState::register(keyed, "count", None)?;
        self.recent = ListState::register(keyed, "recent", None)?;
        self.by_digit = MapState::register(keyed, "by digit", None)?;
        self.brief = ValueState::register(keyed, "brief", Some(StateTtl::new(Duration::from_millis(1))))?;
        Ok(())
    }

    fn process(&mut self, n: u64, cx: &mut KeyedContext<'_, u64>, out: &mut Collector<u64>) -> Result<()> {
        self.count.update(cx, || 0, |count| *count += 1)?;
        let recent = [self.recent.get(cx)?, &[n]].concat();
        self.recent.update(cx, recent[recent.len().saturating_sub(3)..].to_vec())?;
        self.by_digit.update(cx, (n % 10) as u8, || 0, |count| *count += 1)?;
        if n < KEYS {
            self.brief.set(cx, n)?;
        }
        out.collect(n);
        Ok(())
    }
}

fn start(options: &[(&str, &str)]) -> datastream::JobClient {
    let env = StreamExecutionEnvironment::get_execution_environment().unwrap();
    for &(key, value) in options {
        env.configure(key, value);
    }
    let numbers = env.datagen(|n| n, DataGenOptions::new().with_rate_per_second(20_000.0)).uid("numbers");
    numbers.key_by(|n: &u64| n % KEYS).process(Kinds::default()).uid("kinds").blackhole();
    env.execute_async("kinds").unwrap()
}

#[test]
fn what_a_key_has_is_seen_while_the_stream_goes_on() {
    for backend in ["hashmap", "rocksdb"] {
        let options = [
            ("queryable-state.enable", "true"),
            ("parallelism.default", "3"),
            ("state.backend.type", backend),
            ("execution.checkpointing.interval", "20 ms"),
        ];
        let job = start(&options);
        let count = |key: u64| loop {
            match job.query_value::<u64, u64>("kinds", "count", &key) {
                Ok(count) => return count.unwrap_or(0),
                // Not all tasks run yet.
                Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}"),
            }
        };
        for key in 0..KEYS {
            while count(key) < 5 {}
            let before = count(key);
            let recent: Vec<u64> = job.query_list("kinds", "recent", &key).unwrap();
            assert!(recent.len() == 3 && recent.iter().all(|n| n % KEYS == key), "{recent:?}");
            let by_digit: Vec<(u8, u64)> = job.query_map("kinds", "by digit", &key).unwrap();
            let after = count(key);
            // All numbers of a key end in one digit.
            assert_eq!(by_digit.len(), 1);
            assert!((before..=after).contains(&by_digit[0].1), "{before} {by_digit:?} {after}");
            // It expires.
            while job.query_value::<u64, u64>("kinds", "brief", &key).unwrap().is_some() {}
        }
        assert_eq!(count(KEYS + 7), 0, "a key that never came");

        let refused = |error: Error, parts: &[&str]| {
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            parts.iter().for_each(|part| assert!(error.to_string().contains(part), "`{part}` is missing: {error}"));
        };
        refused(job.query_value::<u64, u64>("other", "count", &1).unwrap_err(), &["`other`", "`kinds`"]);
        refused(job.query_value::<u64, u64>("numbers", "count", &1).unwrap_err(), &["no keyed state"]);
        refused(job.query_value::<u64, u64>("kinds", "sum", &1).unwrap_err(), &["`sum`", "`count`"]);
        let key = "one".to_owned();
        refused(
            job.query_value::<String, u64>("kinds", "count", &key).unwrap_err(),
            &["another type", "String", "u64"],
        );
        refused(job.query_value::<u64, bool>("kinds", "count", &1).unwrap_err(), &["state `count`", "the job's type"]);
        refused(job.query_list::<u64, u64>("kinds", "count", &1).unwrap_err(), &["of kind value, not list"]);
        refused(job.query_value::<u64, u64>("kinds", "_timers/event/user", &1).unwrap_err(), &["by time first"]);
        job.cancel();
        job.wait().unwrap();
        let error = job.query_value::<u64, u64>("kinds", "count", &1).unwrap_err();
        assert!(error.kind() == ErrorKind::Unavailable && error.to_string().contains("is over"), "{error}");
    }
}

/// What a window keeps, as far as this client wants to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Content {
    acc: Option<(u64, u64)>,
}

#[test]
fn what_a_key_has_in_its_windows_is_seen() {
    for backend in ["hashmap", "rocksdb"] {
        let env = StreamExecutionEnvironment::get_execution_environment().unwrap();
        let options = [
            ("queryable-state.enable", "true"),
            ("parallelism.default", "2"),
            ("state.backend.type", backend),
            ("execution.checkpointing.interval", "20 ms"),
            ("flott.state.working-set.size", "1 kb"),
        ];
        for (key, value) in options {
            env.configure(key, value);
        }
        // Numbers are times: every window ends far behind the watermark, which never comes.
        let numbers = env.datagen(|n| n, DataGenOptions::new().with_rate_per_second(20_000.0)).uid("numbers");
        let sum = |a: (u64, u64), b: (u64, u64)| (a.0, a.1 + b.1);
        let keyed = |uid: &str| {
            let strategy =
                WatermarkStrategy::no_watermarks().with_timestamp_assigner(|n: &u64, _| EventTime(*n as i64));
            let timed = numbers.clone().assign_timestamps_and_watermarks(strategy).uid(&format!("times {uid}"));
            timed.map(|n| (n % KEYS, 1)).key_by(|row: &(u64, u64)| row.0)
        };
        let size = Duration::from_millis(1000);
        keyed("a").window(TumblingEventTimeWindows::of(size)).reduce(sum).uid("tumbling").blackhole();
        keyed("b").window(EventTimeSessionWindows::with_gap(size)).reduce(sum).uid("sessions").blackhole();
        let job = env.execute_async("windows").unwrap();
        let windows = |uid: &str, key: u64| loop {
            match job.query_windows::<u64, TimeWindow, Content>(uid, "window contents", &key) {
                Ok(windows) => return windows,
                // Not all tasks run yet.
                Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}"),
            }
        };
        for key in 0..KEYS {
            // Each of the thousand numbers of a window has one of twenty keys.
            for start in [0, 1000, 2000] {
                let count = || {
                    let found = windows("tumbling", key).into_iter().find(|(window, _)| window.start.0 == start);
                    let (of, count) = found.and_then(|(_, content)| content.acc).unwrap_or((key, 0));
                    assert!(of == key && count <= 50, "{of} {count}");
                    count
                };
                while count() < 50 {}
            }
            let count = || {
                let sessions = windows("sessions", key).into_iter().filter_map(|(_, content)| content.acc);
                sessions.map(|(of, count)| if of == key { count } else { panic!("of {of}") }).sum::<u64>()
            };
            while count() < 100 {}
        }
        let error = job.query_value::<u64, Content>("tumbling", "window contents", &1).unwrap_err();
        assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains("query_windows"), "{error}");
        job.cancel();
        job.wait().unwrap();
    }
}

#[test]
fn it_must_be_allowed() {
    let job = start(&[]);
    let error = job.query_value::<u64, u64>("kinds", "count", &1).unwrap_err();
    assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains("queryable-state.enable"), "{error}");
    job.cancel();
    job.wait().unwrap();
}

/// A value that has grown since a client was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Seen {
    count: u32,
    last: u64,
}

#[test]
fn a_client_reads_a_value_as_what_it_knows() {
    let env = StreamExecutionEnvironment::get_execution_environment().unwrap();
    env.configure("queryable-state.enable", "true");
    let numbers = env.datagen(|n| n, DataGenOptions::new().with_rate_per_second(5_000.0)).uid("numbers");
    numbers
        .key_by(|n: &u64| (n % 2, "text".to_owned()))
        .map_with_state(|n: u64, seen: &mut Option<Seen>| {
            let count = seen.as_ref().map_or(0, |seen| seen.count) + 1;
            *seen = Some(Seen { count, last: n });
            n
        })
        .uid("seen")
        .blackhole();
    #[derive(Clone, Debug, Serialize, Deserialize)]
    struct Known {
        last: u64,
    }
    let job = env.execute_async("seen").unwrap();
    let known = loop {
        let known = job.query_value::<(u64, String), Option<Known>>("seen", "state", &(1, "text".to_owned()));
        if let Ok(Some(Some(known))) = known {
            break known;
        }
    };
    assert_eq!(known.last % 2, 1);
    job.cancel();
    job.wait().unwrap();
}
