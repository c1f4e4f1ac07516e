//! What a restored job finds again, by uid; and what it does not.

use super::lab;
use flott::prelude::*;
use flott::state::{OperatorListState, Redistribution};
use flott_env::Env;
use flott_sim::store::Disk;
use flott_sim::{Job, Life, Plan, Rows, Until, World, cluster, run};
use flott_state::checkpoint::CheckpointStorage;

const COUNT: u64 = 200;

/// Adds its weight for each record to a list of one item, and tells the sum at the end.
#[derive(Clone)]
struct Weigh {
    name: &'static str,
    weight: u64,
    world: World,
    sum: Opened<OperatorListState<u64>>,
}

impl Weigh {
    fn new(name: &'static str, weight: u64, world: &World) -> Self {
        Weigh { name, weight, world: world.clone(), sum: Opened::default() }
    }
}

impl ProcessFunction for Weigh {
    type In = u64;
    type Out = u64;

    fn open(&mut self, cx: &mut OpenContext<'_>) -> Result<()> {
        self.sum = cx.operator_state().list("sum", Redistribution::Split)?.into();
        Ok(())
    }

    fn process(&mut self, n: u64, cx: &mut ProcessContext<'_>, out: &mut Collector<u64>) -> Result<()> {
        let sum = self.sum.get_mut(cx.operator_state());
        let so_far = sum.pop().unwrap_or(0);
        sum.push(so_far + self.weight);
        out.collect(n);
        Ok(())
    }

    fn finish(&mut self, cx: &mut ProcessContext<'_>, _: &mut Collector<u64>) -> Result<()> {
        self.world.commit_at_once("sums", &(self.name, self.sum.get(cx.operator_state()).to_vec()));
        Ok(())
    }
}

fn weighed(world: &World, env: &StreamExecutionEnvironment, swapped: bool) {
    let numbers = world.replay(vec![(0..COUNT).collect()]);
    let numbers = env.from_source(numbers, WatermarkStrategy::no_watermarks(), "numbers").uid("numbers");
    let light = |input: &DataStream<u64>| input.process(Weigh::new("light", 1, world)).uid("light");
    let heavy = |input: &DataStream<u64>| input.process(Weigh::new("heavy", 1000, world)).uid("heavy");
    let both = if swapped { light(&heavy(&numbers)) } else { heavy(&light(&numbers)) };
    both.blackhole();
}

fn sums(_: &World) -> Rows {
    let mut rows = Rows::new();
    rows.extend("sums", [("light", vec![COUNT]), ("heavy", vec![COUNT * 1000])]);
    rows
}

fn crash_and_restore() -> Plan {
    let lives = vec![Life::quiet(1, Until::Checkpoints(2, Duration::ZERO)), Life::quiet(1, Until::End)];
    Plan { seed: 1, data_seed: 1, lives }
}

#[test]
fn operators_of_one_chain_have_state_of_their_own_by_uid() {
    let job = Job::new("chained", |world, env| weighed(world, env, false), sums);
    assert_eq!(run(&job, &crash_and_restore()).unwrap().restores, 1);
}

#[test]
fn state_goes_with_the_uid_when_operators_change_places() {
    // The first life has the world's folder made.
    let job = Job::new("swapped", |world, env| weighed(world, env, !world.folder().1), sums);
    assert_eq!(run(&job, &crash_and_restore()).unwrap().restores, 1);
}

#[test]
fn event_time_begins_anew_after_a_restore() {
    /// Commits at once what the watermark is when the first record of a run comes.
    #[derive(Clone)]
    struct First(World, bool);
    impl ProcessFunction for First {
        type In = i64;
        type Out = i64;
        fn process(&mut self, n: i64, cx: &mut ProcessContext<'_>, _: &mut Collector<i64>) -> Result<()> {
            if !std::mem::replace(&mut self.1, true) {
                self.0.commit_at_once("first", &(n > 0, cx.current_watermark() == Watermark::MIN));
            }
            Ok(())
        }
    }
    fn build(world: &World, env: &StreamExecutionEnvironment) {
        env.configure("pipeline.auto-watermark-interval", "1 ms");
        let numbers = world.replay(vec![(0..COUNT as i64).collect()]);
        let numbers = env.from_source(numbers, lab::by_value(), "numbers").uid("numbers");
        numbers.process(First(world.clone(), false)).uid("first").blackhole();
    }
    fn expected(_: &World) -> Rows {
        let mut rows = Rows::new();
        rows.extend("first", [(false, true), (true, true)]);
        rows
    }
    assert_eq!(run(&Job::new("first", build, expected), &crash_and_restore()).unwrap().restores, 1);
}

#[test]
fn a_job_from_a_named_checkpoint_writes_all_of_its_state_anew() {
    let disk = Disk::new();
    let world = lab::world(5);
    let step = |seed, from: Option<String>| {
        let (disk, world) = (disk.clone(), world.clone());
        Env::run_simulation(seed, |env| async move {
            let storage = CheckpointStorage::with_store(&env, disk.objects(), "");
            let mut options = vec![
                ("execution.checkpointing.interval", "20 ms"),
                ("execution.checkpointing.data-inline-threshold", "0 b"),
            ];
            options.extend(from.as_deref().map(|path| ("execution.state-recovery.path", path)));
            let job = cluster::start(&env, &storage, &options, |stream_env| {
                let numbers = world.replay(vec![(0..COUNT).collect()]);
                let numbers = stream_env.from_source(numbers, WatermarkStrategy::no_watermarks(), "numbers");
                let counts =
                    numbers.uid("numbers").key_by(|n| *n).map_with_state(|n, seen: &mut Option<u64>| *seen.insert(n));
                counts.uid("counts").blackhole();
            });
            let job = job.await.unwrap();
            let mut view = job.handle.watch();
            view.wait_for(|view| view.checkpoints.counts.completed == 2).await.unwrap();
            job.handle.suspend();
            job.handle.result().await.unwrap();
            let checkpoints = storage.job(job.handle.id());
            let newest = checkpoints.list().await.unwrap()[0];
            let metadata = checkpoints.load(newest).await.unwrap();
            (job.handle.id(), format!("{}/chk-{newest}", job.handle.id()), metadata)
        })
        .unwrap()
    };
    let (first, path, _) = step(1, None);
    let (second, _, metadata) = step(2, Some(path));
    assert_ne!(first, second);
    let files = metadata.referenced_files();
    assert!(!files.is_empty());
    let paths = disk.paths();
    let missing: Vec<_> = files.iter().filter(|file| !paths.contains(&format!("{second}/{file}"))).collect();
    assert!(missing.is_empty(), "they are not in the folder of {second}: {missing:?}");
}
