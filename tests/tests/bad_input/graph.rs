//! Jobs that cannot be run, and jobs that have changed since their checkpoint.

use super::{assert_says, environment};
use flott::prelude::*;
use flott::state::StateAccess;
use flott_sim::scenario::End;
use flott_sim::{Job, Life, Plan, Rows, Until, World, run};

#[test]
fn a_uid_twice_names_both_operators() {
    let env = environment();
    env.from_elements([1]).map(|n| n).name("one").uid("same").map(|n| n).name("two").uid("same").blackhole();
    let error = env.execute("twice").unwrap_err();
    assert_says(&error, &["`one`", "`two`", "`same`"]);
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

fn input(world: &World) -> Vec<Vec<u64>> {
    world.events(3, 100, |partition, n, _| u64::from(partition) * 1000 + n)
}

/// A job of which a version has an operator more: which one is decided by how often it has been built in this world.
fn build(world: &World, env: &StreamExecutionEnvironment) {
    let numbers =
        env.from_source(world.replay(input(world)), WatermarkStrategy::no_watermarks(), "numbers").uid("numbers");
    let (_, is_first) = world.folder();
    let numbers = if is_first { numbers.key_by(|n| n % 7).map_with_state(count).uid("removed") } else { numbers };
    numbers.uid_of_sink(world);
}

fn count(n: u64, count: &mut Option<u64>) -> u64 {
    *count = Some(count.unwrap_or(0) + 1);
    n
}

trait SinkWithUid {
    fn uid_of_sink(&self, world: &World);
}

impl SinkWithUid for DataStream<u64> {
    fn uid_of_sink(&self, world: &World) {
        self.sink_to(world.ledger("numbers")).uid("sink");
    }
}

fn expected(world: &World) -> Rows {
    let mut rows = Rows::new();
    rows.extend("numbers", input(world).into_iter().flatten());
    rows
}

fn changed(ignore: bool) -> Plan {
    let mut second = Life::quiet(2, Until::End);
    second.options.push(("execution.state-recovery.ignore-unclaimed-state", ignore.to_string()));
    let first = Life::quiet(2, Until::Checkpoints(2, Duration::from_millis(5)));
    Plan { seed: 1, data_seed: 1, lives: vec![first, second] }
}

#[test]
fn a_removed_operator_with_state_is_refused_unless_that_is_allowed() {
    let job = Job::new("changed", build, expected);
    let failure = run(&job, &changed(false)).unwrap_err();
    let Some(End::Refused(error)) = failure.outcome.ends.last() else { panic!("{failure}") };
    for part in ["uid removed", "does not claim", "ignore-unclaimed-state", "kept    operator `Source: numbers`"] {
        assert!(error.contains(part), "`{part}` is missing in: {error}");
    }
    let outcome = run(&job, &changed(true)).unwrap();
    assert_eq!(outcome.restores, 1);
}

#[test]
fn another_max_parallelism_is_refused() {
    fn build(world: &World, env: &StreamExecutionEnvironment) {
        let (_, is_first) = world.folder();
        let numbers =
            env.from_source(world.replay(input(world)), WatermarkStrategy::no_watermarks(), "numbers").uid("numbers");
        let counted = numbers.key_by(|n| n % 7).map_with_state(count).uid("counted").name("counted");
        let counted = if is_first { counted.set_max_parallelism(16) } else { counted.set_max_parallelism(32) };
        counted.uid_of_sink(world);
    }
    let failure = run(&Job::new("max", build, expected), &changed(false)).unwrap_err();
    let Some(End::Refused(error)) = failure.outcome.ends.last() else { panic!("{failure}") };
    assert!(error.contains("`counted`") && error.contains("max parallelism 32, and 16 in the checkpoint"), "{error}");
}

#[test]
fn state_of_another_type_is_refused() {
    fn build(world: &World, env: &StreamExecutionEnvironment) {
        let (_, is_first) = world.folder();
        let numbers =
            env.from_source(world.replay(input(world)), WatermarkStrategy::no_watermarks(), "numbers").uid("numbers");
        let keyed = numbers.key_by(|n| n % 7);
        keyed
            .process(Counts { as_map: !is_first, value: ValueState::default() })
            .uid("counted")
            .name("counted")
            .uid_of_sink(world);
    }
    let mut plan = changed(false);
    plan.lives[1].options.push(("restart-strategy.type", "none".to_owned()));
    let failure = run(&Job::new("types", build, expected), &plan).unwrap_err();
    let Some(End::Failed(error)) = failure.outcome.ends.last() else { panic!("{failure}") };
    assert!(error.contains("`count`") && error.contains("`counted`"), "{error}");
}

/// A state that is a value in one version and a map in the other.
#[derive(Clone)]
struct Counts {
    as_map: bool,
    value: ValueState<u64>,
}

impl KeyedProcessFunction for Counts {
    type Key = u64;
    type In = u64;
    type Out = u64;

    fn open(&mut self, cx: &mut KeyedOpenContext<'_, u64>) -> Result<()> {
        if self.as_map {
            MapState::<u8, u64>::register(cx.keyed_state(), "count", None)?;
        } else {
            self.value = ValueState::register(cx.keyed_state(), "count", None)?;
        }
        Ok(())
    }

    fn process(&mut self, n: u64, cx: &mut KeyedContext<'_, u64>, out: &mut Collector<u64>) -> Result<()> {
        if !self.as_map {
            self.value.set(cx, n)?;
        }
        out.collect(n);
        Ok(())
    }
}
