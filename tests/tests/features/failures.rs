//! What a failure leads to: in a snapshot, in the upload behind it, in a task, and when the word that a checkpoint is
//! complete gets lost.

use super::lab;
use flott::api::control::{TaskCommand, TaskId};
use flott::api::sink::{NoCommitter, Sink, SinkContext, SinkWriter};
use flott::minicluster::MiniCluster;
use flott::prelude::*;
use flott_env::Env;
use flott_jobmanager::job::JobView;
use flott_jobmanager::{Deployment, TaskGateway};
use flott_sim::executor::submission;
use flott_sim::{Rows, World};
use flott_state::checkpoint::CheckpointStorage;
use std::sync::Arc;

const COUNT: u64 = 200;

/// Its writer cannot say what must be remembered.
struct Forgetful;

struct ForgetfulWriter;

impl Sink for Forgetful {
    type Item = u64;
    type State = u64;
    type Committable = ();
    type Writer = ForgetfulWriter;
    type Committer = NoCommitter<()>;

    async fn create_writer(&self, _: &SinkContext, _: Vec<u64>) -> Result<ForgetfulWriter> {
        Ok(ForgetfulWriter)
    }

    fn create_committer(&self, _: &SinkContext) -> Result<Option<NoCommitter<()>>> {
        Ok(None)
    }
}

impl SinkWriter for ForgetfulWriter {
    type Item = u64;
    type State = u64;
    type Committable = ();

    async fn write(&mut self, _: Vec<u64>, _: Option<Vec<EventTime>>) -> Result<()> {
        Ok(())
    }

    async fn flush(&mut self, _: bool) -> Result<()> {
        Ok(())
    }

    async fn snapshot(&mut self) -> Result<Vec<u64>> {
        Err(Error::unavailable("it has forgotten"))
    }
}

#[test]
fn a_failure_while_state_is_handed_over_fails_the_task_however_many_checkpoints_may_fail() {
    let options = [
        ("execution.checkpointing.interval", "20 ms"),
        ("execution.checkpointing.tolerable-failed-checkpoints", "100"),
        ("restart-strategy.type", "none"),
    ];
    let world = lab::world(5);
    let (ended, _) = lab::run(&world, &options, |env, _| {
        let numbers = world.replay(vec![(0..COUNT).collect()]);
        env.from_source(numbers, WatermarkStrategy::no_watermarks(), "numbers").sink_to(Forgetful).name("forgetful");
    });
    let error = ended.unwrap_err().to_string();
    assert!(error.contains("it has forgotten") && error.contains("`Sink: forgetful`"), "{error}");
}

/// Loses every word that a checkpoint is complete.
struct Deaf(Arc<dyn TaskGateway>);

impl TaskGateway for Deaf {
    fn deploy(&self, deployment: Deployment) -> Result<()> {
        self.0.deploy(deployment)
    }

    fn send(&self, task: TaskId, command: TaskCommand) -> Result<()> {
        if matches!(command, TaskCommand::Complete(_)) { Ok(()) } else { self.0.send(task, command) }
    }

    fn cancel(&self, attempt: flott::core::AttemptId) {
        self.0.cancel(attempt);
    }
}

/// Runs a job with a sink of two phases whose tasks never hear that a checkpoint is complete, until it is told to die or
/// has ended.
fn run_deaf(world: &World, options: &[(&str, &str)], until: fn(&JobView) -> bool) {
    let mut config = Configuration::new();
    config.set("execution.checkpointing.interval", "20 ms").set("parallelism.default", "2");
    for (key, value) in options {
        config.set(*key, *value);
    }
    Env::run_simulation(4, |env| async move {
        let storage = CheckpointStorage::with_store(&env, world.disk().objects(), "");
        let job = submission("deaf", config, |stream_env| {
            let numbers = world.replay(vec![(0..COUNT).collect()]);
            let numbers = stream_env.from_source(numbers, WatermarkStrategy::no_watermarks(), "numbers").uid("numbers");
            numbers.sink_to(world.ledger("numbers")).uid("ledger");
        });
        let cluster = MiniCluster::new(env.clone(), Default::default());
        let deaf = |gateway, events| (Arc::new(Deaf(gateway)) as Arc<dyn TaskGateway>, events);
        let job = cluster.submit_through(job.unwrap(), &storage, deaf).await.unwrap();
        job.watch().wait_for(|view| view.status.is_terminal() || until(view)).await.unwrap();
    })
    .unwrap();
}

fn expected() -> Rows {
    let mut rows = Rows::new();
    rows.extend("numbers", 0..COUNT);
    rows
}

#[test]
fn what_a_lost_word_of_completion_has_left_uncommitted_is_committed_at_the_end() {
    let world = lab::world(5);
    run_deaf(&world, &[], |_| false);
    world.committed().check(&expected()).unwrap();
}

#[test]
fn what_a_lost_word_of_completion_has_left_uncommitted_is_committed_after_a_restore() {
    let world = lab::world(5);
    run_deaf(&world, &[], |view| view.checkpoints.counts.completed == 3);
    assert!(world.committed().is_empty());
    let restored = [("execution.state-recovery.path", "latest")];
    run_deaf(&world, &restored, |view| view.status == JobStatus::Running);
    let committed = world.committed().len();
    assert!(committed > 0 && committed < COUNT, "{committed} of what the three checkpoints hold");
    run_deaf(&world, &restored, |_| false);
    world.committed().check(&expected()).unwrap();
}

#[test]
fn one_failed_task_restarts_all_tasks() {
    let options = [
        ("parallelism.default", "2"),
        ("restart-strategy.type", "fixed-delay"),
        ("restart-strategy.fixed-delay.delay", "1 ms"),
    ];
    /// Notes each start of a subtask, and fails once, in the second subtask of the first operator.
    #[derive(Clone)]
    struct Starts(&'static str, lab::Notes);
    impl ProcessFunction for Starts {
        type In = u64;
        type Out = u64;
        fn open(&mut self, cx: &mut OpenContext<'_>) -> Result<()> {
            self.1.note(format!("{} {}", self.0, cx.subtask_index()));
            Ok(())
        }
        fn process(&mut self, n: u64, cx: &mut ProcessContext<'_>, out: &mut Collector<u64>) -> Result<()> {
            let is_first_run = self.1.lines().len() <= 4;
            if is_first_run && self.0 == "first" && cx.subtask_index() == 1 {
                return Err(Error::data("once"));
            }
            out.collect(n);
            Ok(())
        }
    }
    let world = lab::world(1);
    let (ended, notes) = lab::run(&world, &options, |env, notes| {
        let numbers = world.replay(vec![(0..20).collect(), (20..40).collect()]);
        let numbers = env.from_source(numbers, WatermarkStrategy::no_watermarks(), "numbers");
        let first = numbers.process(Starts("first", notes.clone())).rebalance();
        first.process(Starts("second", notes.clone())).blackhole();
    });
    ended.unwrap();
    assert_eq!(
        notes.sorted(),
        ["first 0", "first 0", "first 1", "first 1", "second 0", "second 0", "second 1", "second 1"]
    );
}
