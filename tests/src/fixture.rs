//! The job whose checkpoint is kept for ever: something of everything that Flott remembers.
//!
//! It emits at its end only, so that what comes out after a restore does not depend on where the checkpoint was taken:
//! the records before it are in the state, or they are missing. `tests/fixtures/README.md` says how to make a new one.

use flott::connectors::DataGeneratorSource;
use flott::prelude::*;
use flott::state::{OperatorListState, Redistribution};

/// How many numbers there are: 0, 1, 2 and so on.
pub const COUNT: u64 = 120;
/// Keys are the numbers modulo this.
pub const KEYS: u64 = 5;
/// Every so many numbers one is held in a list until the end.
pub const HELD_EVERY: u64 = 10;
/// Rules are the numbers 1 to this, from a source that has ended before the checkpoint.
pub const RULES: i64 = 3;
/// A number of this value and more is told what the rules say.
pub const LATE: u64 = COUNT - 5;
/// Later than every number, in event time.
const END: EventTime = EventTime(1_000_000);

/// The job up to its sink. With a `rate` it takes its time, so that there are checkpoints in its midst.
pub fn build(env: &StreamExecutionEnvironment, rate: Option<f64>) -> DataStream<String> {
    let mut source = DataGeneratorSource::new(|n| n).with_count(COUNT);
    if let Some(rate) = rate {
        source = source.with_rate_limiter(RateLimiterStrategy::PerSecond(rate));
    }
    let by_value =
        WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|n: &u64, _| EventTime(*n as i64));
    let numbers = env.from_source(source, by_value, "numbers").uid("numbers");
    let rules = env.from_sequence(1, RULES).uid("rules");
    let keyed = || numbers.key_by(|n| n % KEYS);
    let kinds = keyed().process(Kinds::default()).uid("kinds");
    let windows = keyed()
        .window(SlidingEventTimeWindows::of(Duration::from_secs(1000), Duration::from_secs(500)))
        .reduce_with(|a, b| a + b, Sums("window"))
        .uid("windows");
    let sessions = keyed()
        .window(EventTimeSessionWindows::with_gap(Duration::from_secs(10)))
        .reduce_with(|a, b| a + b, Sums("session"))
        .uid("sessions");
    let lists = numbers.process(Lists::default()).uid("lists");
    let applied = numbers.connect(&rules.broadcast_state()).process(Rules::default()).uid("applied");
    kinds.union([&windows, &sessions, &lists, &applied])
}

/// Sum and number of what was added.
#[derive(Clone)]
struct SumAndCount;

impl AggregateFunction for SumAndCount {
    type In = u64;
    type Acc = (u64, u64);
    type Out = String;

    fn create(&self) -> (u64, u64) {
        (0, 0)
    }

    fn add(&self, acc: &mut (u64, u64), n: u64) {
        *acc = (acc.0 + n, acc.1 + 1);
    }

    fn result(&self, acc: &(u64, u64)) -> String {
        format!("{} in {}", acc.0, acc.1)
    }

    fn merge(&self, into: &mut (u64, u64), other: (u64, u64)) {
        *into = (into.0 + other.0, into.1 + other.1);
    }
}

/// Every kind of keyed state, one of them with a time to live, and a timer that tells of it.
#[derive(Clone, Default)]
struct Kinds {
    largest: ValueState<Option<u64>>,
    count: ValueState<u32>,
    all: ListState<u64>,
    by_digit: MapState<char, u64>,
    sum: ReducingState<u64>,
    mean: AggregatingState<SumAndCount>,
}

impl KeyedProcessFunction for Kinds {
    type Key = u64;
    type In = u64;
    type Out = String;

    fn open(&mut self, cx: &mut KeyedOpenContext<'_, u64>) -> Result<()> {
        let keyed = cx.keyed_state();
        let for_long = StateTtl::new(Duration::from_secs(1_000_000_000));
        self.largest = ValueState::register(keyed, "largest", None)?;
        self.count = ValueState::register(keyed, "count", Some(for_long))?;
        self.all = ListState::register(keyed, "all", None)?;
        self.by_digit = MapState::register(keyed, "by digit", None)?;
        self.sum = ReducingState::register(keyed, "sum", |a: &mut u64, b| *a += b, None)?;
        self.mean = AggregatingState::register(keyed, "mean", SumAndCount, None)?;
        Ok(())
    }

    fn process(&mut self, n: u64, cx: &mut KeyedContext<'_, u64>, _: &mut Collector<String>) -> Result<()> {
        let largest = self.largest.get(cx)?.copied().flatten().max(Some(n));
        self.largest.set(cx, largest)?;
        self.count.update(cx, || 0, |count| *count += 1)?;
        self.all.add(cx, n)?;
        let digit = char::from(b'0' + (n % 10) as u8);
        self.by_digit.update(cx, digit, || 0, |sum| *sum += n)?;
        self.sum.add(cx, n)?;
        self.mean.add(cx, n)?;
        cx.timer_service().register_event_time_timer(END)
    }

    fn on_timer(&mut self, _: Timer, cx: &mut KeyedContext<'_, u64>, out: &mut Collector<String>) -> Result<()> {
        let (key, largest) = (*cx.current_key()?, self.largest.get(cx)?.copied());
        let (count, mut all) = (self.count.get(cx)?.copied(), self.all.get(cx)?.to_vec());
        let mut by_digit = self.by_digit.entries(cx)?;
        // In what order the source's splits are read is left open.
        all.sort_unstable();
        by_digit.sort_unstable();
        let (sum, mean) = (self.sum.get(cx)?.copied(), self.mean.get(cx)?);
        out.collect(format!("kinds {key}: {largest:?} {count:?} {all:?} {by_digit:?} {sum:?} {mean:?}"));
        Ok(())
    }
}

/// Tells the sum of a window.
#[derive(Clone)]
struct Sums(&'static str);

impl ProcessWindowFunction for Sums {
    type Key = u64;
    type Window = TimeWindow;
    type In = u64;
    type Out = String;

    fn process(
        &mut self,
        sums: &[u64],
        cx: &mut WindowContext<'_, u64, TimeWindow>,
        out: &mut Collector<String>,
    ) -> Result<()> {
        let key = *cx.current_key()?;
        sums.iter().for_each(|sum| out.collect(format!("{} {} of {key}: {sum}", self.0, cx.window())));
        Ok(())
    }
}

/// Numbers in operator state: in a list that is dealt out, and in one of which every subtask gets all.
#[derive(Clone, Default)]
struct Lists {
    held: Opened<OperatorListState<u64>>,
    shared: Opened<OperatorListState<u64>>,
}

impl ProcessFunction for Lists {
    type In = u64;
    type Out = String;

    fn open(&mut self, cx: &mut OpenContext<'_>) -> Result<()> {
        let (subtask, parallelism) = (u64::from(cx.subtask_index()), u64::from(cx.parallelism()));
        self.held = cx.operator_state().list("held", Redistribution::Split)?.into();
        self.shared = cx.operator_state().list("shared", Redistribution::Union)?.into();
        self.shared.get_mut(cx.operator_state()).retain(|n| n % parallelism == subtask);
        Ok(())
    }

    fn process(&mut self, n: u64, cx: &mut ProcessContext<'_>, _: &mut Collector<String>) -> Result<()> {
        if n.is_multiple_of(HELD_EVERY) {
            self.held.add(cx.operator_state(), n);
            self.shared.add(cx.operator_state(), n);
        }
        Ok(())
    }

    fn finish(&mut self, cx: &mut ProcessContext<'_>, out: &mut Collector<String>) -> Result<()> {
        self.held.get(cx.operator_state()).iter().for_each(|n| out.collect(format!("held {n}")));
        self.shared.get(cx.operator_state()).iter().for_each(|n| out.collect(format!("shared {n}")));
        Ok(())
    }
}

/// Rules that every subtask knows, told of at the end.
#[derive(Clone, Default)]
struct Rules {
    rules: Opened<BroadcastState<i64, String>>,
}

impl BroadcastProcessFunction for Rules {
    type In = u64;
    type Broadcast = i64;
    type Out = String;

    fn open(&mut self, cx: &mut OpenContext<'_>) -> Result<()> {
        self.rules = cx.operator_state().broadcast("rules")?.into();
        Ok(())
    }

    fn process(&mut self, n: u64, cx: &mut ReadOnlyContext<'_>, out: &mut Collector<String>) -> Result<()> {
        if n >= LATE {
            let mut rules: Vec<&String> = self.rules.iter(cx.broadcast_state()).map(|(_, rule)| rule).collect();
            rules.sort();
            out.collect(format!("{n} by {rules:?}"));
        }
        Ok(())
    }

    fn process_broadcast(&mut self, n: i64, cx: &mut BroadcastContext<'_>, _: &mut Collector<String>) -> Result<()> {
        self.rules.put(cx.broadcast_state(), n, format!("rule {n}"));
        Ok(())
    }
}
