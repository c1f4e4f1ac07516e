//! The job of the book's chapters on state: it counts the visits of a site's users, in three versions whose types differ.
//!
//! ```sh
//! cargo run --release -p flott --example page_views -- --visits visits --until 6 --savepoints savepoints
//! ```
//!
//! `visits` is a folder of CSV files with lines of time,user,page,seconds,cents, such as `1699999000000,ada,/,3.5,0`.

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use flott::prelude::*;
use serde::{Deserialize, Serialize};

const USAGE: &str = "\
Counts the visits of a site's users, and stops with a savepoint when there are enough.

Options:
  --visits DIR       a folder of CSV files: time,user,page,seconds,cents
  --until N          stop when so many visits have been read; 6 when not given
  --checkpoints N    and so many checkpoints have been taken after that; 0 when not given
  --ask USER         before that, look at what is remembered of a user
  --show METRICS     and at metrics, such as numRecordsIn,stateEntries
  --savepoints DIR   where the savepoint goes; none is taken when not given
  --drain            let all timers fire before the savepoint
  --ttl HOURS        how long the visits of a page are remembered, 0 for ever; 1 when not given
  --version N        1, 2 or 3: the types of the job before and after a change, and after one that cannot be";

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Visit {
    time: i64,
    user: String,
    page: String,
    seconds: f64,
    cents: u32,
}

/// What is remembered of a user, whatever it looks like.
trait Remembered: flott::core::Data {
    fn first() -> Self;
    fn add(&mut self, visit: &Visit);
    fn text(&self) -> String;
}

mod version_1 {
    use super::{Deserialize, Remembered, Serialize, Visit};

    #[derive(Clone, Serialize, Deserialize)]
    pub(super) struct Totals {
        count: u64,
        #[serde(default)]
        seconds: f64,
        plan: Plan,
    }

    #[derive(Clone, Serialize, Deserialize)]
    enum Plan {
        Free,
        Paid(u32),
    }

    impl Remembered for Totals {
        fn first() -> Self {
            Totals { count: 0, seconds: 0.0, plan: Plan::Free }
        }

        fn add(&mut self, visit: &Visit) {
            self.count += 1;
            self.seconds += visit.seconds;
            self.plan = match (&self.plan, visit.cents) {
                (Plan::Free, 0) => Plan::Free,
                (Plan::Free, cents) => Plan::Paid(cents),
                (Plan::Paid(before), cents) => Plan::Paid(before + cents),
            };
        }

        fn text(&self) -> String {
            format!("{} visits, {} s", self.count, self.seconds)
        }
    }
}

mod version_2 {
    use super::{Deserialize, Remembered, Serialize, Visit};

    /// A field has another name and another is new; one has moved.
    #[derive(Clone, Serialize, Deserialize)]
    pub(super) struct Totals {
        plan: Plan,
        #[serde(alias = "count")]
        visits: u64,
        #[serde(default)]
        seconds: f64,
        last_page: Option<String>,
    }

    /// There is one more, and cents have more room.
    #[derive(Clone, Serialize, Deserialize)]
    enum Plan {
        Free,
        Trial,
        Paid(u64),
    }

    impl Remembered for Totals {
        fn first() -> Self {
            Totals { plan: Plan::Trial, visits: 0, seconds: 0.0, last_page: None }
        }

        fn add(&mut self, visit: &Visit) {
            self.visits += 1;
            self.seconds += visit.seconds;
            self.last_page = Some(visit.page.clone());
            if visit.cents > 0 {
                let before = if let Plan::Paid(before) = self.plan { before } else { 0 };
                self.plan = Plan::Paid(before + u64::from(visit.cents));
            }
        }

        fn text(&self) -> String {
            let page = self.last_page.as_deref().unwrap_or("nowhere known");
            format!("{} visits, {} s, last at {page}", self.visits, self.seconds)
        }
    }
}

mod version_3 {
    use super::{Deserialize, Remembered, Serialize, Visit};

    /// What was written does not fit, and something is missing.
    #[derive(Clone, Serialize, Deserialize)]
    pub(super) struct Totals {
        count: u32,
        seconds: f64,
        country: String,
    }

    impl Remembered for Totals {
        fn first() -> Self {
            Totals { count: 0, seconds: 0.0, country: String::new() }
        }

        fn add(&mut self, visit: &Visit) {
            self.count += 1;
            self.seconds += visit.seconds;
        }

        fn text(&self) -> String {
            format!("{} visits, {} s, from {}", self.count, self.seconds, self.country)
        }
    }
}

const HOUR_MS: i64 = 3_600_000;

/// Counts visits, and those of each page for as long as it is visited; says when somebody has been away for an hour.
#[derive(Clone)]
struct CountByUser<T> {
    totals: ValueState<T>,
    pages: MapState<String, u32>,
    ttl: Option<Duration>,
}

impl<T: Remembered> KeyedProcessFunction for CountByUser<T> {
    type Key = String;
    type In = Visit;
    type Out = String;

    fn open(&mut self, cx: &mut KeyedOpenContext<'_, String>) -> Result<()> {
        self.totals = ValueState::register(cx.keyed_state(), "totals", None)?;
        self.pages = MapState::register(cx.keyed_state(), "pages", self.ttl.map(StateTtl::new))?;
        Ok(())
    }

    fn process(&mut self, visit: Visit, cx: &mut KeyedContext<'_, String>, _: &mut Collector<String>) -> Result<()> {
        let mut totals = self.totals.get(cx)?.cloned().unwrap_or_else(T::first);
        totals.add(&visit);
        self.totals.set(cx, totals)?;
        cx.timer_service().register_event_time_timer(EventTime(visit.time.saturating_add(HOUR_MS)))?;
        let before = self.pages.get(cx, &visit.page)?.copied().unwrap_or(0);
        self.pages.put(cx, visit.page, before + 1)
    }

    fn on_timer(&mut self, _: Timer, cx: &mut KeyedContext<'_, String>, out: &mut Collector<String>) -> Result<()> {
        out.collect(format!("{} may be gone", cx.current_key()?));
        Ok(())
    }
}

fn main() -> Result<()> {
    let (env, args) = StreamExecutionEnvironment::from_args(USAGE)?;
    match args.get_or("version", 1u32)? {
        1 => run::<version_1::Totals>(&env, &args),
        2 => run::<version_2::Totals>(&env, &args),
        3 => run::<version_3::Totals>(&env, &args),
        other => Err(Error::invalid(format!("there is no version {other} of this job; give 1, 2 or 3"))),
    }
}

fn run<T: Remembered>(env: &StreamExecutionEnvironment, args: &ParameterTool) -> Result<()> {
    env.configure("queryable-state.enable", "true");
    let times =
        WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|v: &Visit, _| EventTime(v.time));
    let ttl = Some(Duration::from_hours(args.get_or("ttl", 1u64)?)).filter(|ttl| !ttl.is_zero());
    env.read_csv::<Visit>(args.get("visits").unwrap_or("visits"))
        .monitor_continuously(Duration::from_millis(10))
        .uid("visits")
        .assign_timestamps_and_watermarks(times)
        .key_by_ref(|visit| &visit.user)
        .process(CountByUser::<T> { totals: ValueState::default(), pages: MapState::default(), ttl })
        .name("Count by user")
        .uid("counts")
        .print();
    let job = env.execute_async("Page views")?;

    let until = args.get_or("until", 6i64)?;
    let has_read = || job.operator_metric("Count by user", "numRecordsIn") >= until;
    if !wait(&job, || job.status() == JobStatus::Running && has_read())? {
        return Ok(());
    }
    // One that is under way may have begun before.
    let begun = job.metric("numberOfCompletedCheckpoints") + job.metric("numberOfInProgressCheckpoints");
    let checkpoints = begun + args.get_or("checkpoints", 0i64)?;
    if args.has("checkpoints") && !wait(&job, || job.metric("numberOfCompletedCheckpoints") >= checkpoints)? {
        return Ok(());
    }
    if let Some(user) = args.get("ask") {
        let found = job.query_value::<String, T>("counts", "totals", &user.to_owned())?;
        println!("{user}: {}", found.map_or_else(|| "never seen".to_owned(), |totals| totals.text()));
    }
    if let Some(metrics) = args.get("show") {
        // State is measured once a second.
        let mut before = 0;
        while before == 0 || before != job.metric("stateEntries") {
            before = job.metric("stateEntries");
            job.wait_for(Duration::from_millis(1500))?;
        }
        metrics.split(',').for_each(|metric| println!("{metric} {}", job.metric(metric)));
    }
    if let Some(folder) = args.get("savepoints") {
        let path = job.stop_with_savepoint(args.has("drain"), Some(folder), SavepointFormat::Canonical)?;
        println!("stopped with {path}");
    } else {
        job.cancel();
    }
    job.wait()?;
    Ok(())
}

/// Waits until it is so, or the job has ended; says whether it goes on.
fn wait(job: &JobClient, is_so: impl Fn() -> bool) -> Result<bool> {
    while !is_so() {
        if job.wait_for(Duration::from_millis(10))?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}
