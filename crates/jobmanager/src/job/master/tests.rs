//! What the machines decide together; each alone is tested where it is.

use super::*;
use crate::checkpoint::{CheckpointConfig, Collected};
use crate::job::driver::tests::numbers::{Numbers, Range};
use crate::job::{OperatorDescription, VertexDescription};
use flott_api::RuntimeMode;
use flott_api::control::CheckpointTimes;
use flott_core::{Configuration, JobId, MaxParallelism, codec};
use flott_state::SubtaskSnapshot;
use flott_state::checkpoint::CheckpointStorage;
use std::time::Duration;

fn source() -> OperatorId {
    OperatorId::from_uid("numbers")
}

fn start(env: &Env) -> Start {
    let mut config = Configuration::new();
    config.set("execution.checkpointing.interval", "10 s");
    config.set("restart-strategy.type", "fixed-delay").set("restart-strategy.fixed-delay.attempts", "10");
    let numbers = Numbers { count: 100, split_count: 10, failing: 0.0, alignment: None };
    let job = JobDescription {
        id: JobId([1; 16]),
        name: "numbers".into(),
        vertices: vec![VertexDescription {
            id: VertexId(0),
            name: "numbers".into(),
            parallelism: 2,
            max_parallelism: MaxParallelism::default_for(2),
            is_max_parallelism_set: false,
            operators: vec![OperatorDescription {
                id: source(),
                uid: None,
                name: "numbers".into(),
                source: Some(Arc::new(numbers)),
            }],
        }],
        mode: RuntimeMode::Streaming,
        checkpoints: CheckpointConfig::from_config(&config).unwrap(),
        config: Arc::new(config),
        cancellation_timeout: Duration::from_secs(180),
    };
    let checkpoints = CheckpointStorage::memory(env).job(job.id);
    Start {
        job,
        checkpoints,
        restored: None,
        kept: Vec::new(),
        owns_folder: true,
        next_id: CheckpointId(1),
        report: None,
    }
}

/// A job master of two readers, with a clock.
struct Bench {
    master: JobMaster,
    now: ProcessingTime,
}

impl Bench {
    /// All tasks run; the splits have been found.
    fn running() -> Bench {
        Bench::keeping(1)
    }

    /// The same with so many checkpoints kept.
    fn keeping(retained_max: usize) -> Bench {
        let master = Env::run_simulation(0, |env| async move {
            let mut start = start(&env);
            start.job.checkpoints.retained_max = retained_max;
            JobMaster::new(start, env.clone(), env.now()).unwrap()
        });
        let mut bench = Bench { master: master.unwrap(), now: ProcessingTime(0) };
        bench.begin();
        bench
    }

    fn begin(&mut self) {
        let actions = self.on(MasterEvent::Begin);
        self.run(actions);
    }

    /// Does what a new attempt asks for.
    fn run(&mut self, actions: Vec<Action>) {
        for action in actions {
            if let Action::Discover(attempt, operator, work) = action {
                self.on(MasterEvent::Discovered(attempt, operator, (work.find)()));
            }
        }
        self.say(0, TaskEvent::Running);
        self.say(1, TaskEvent::Running);
        assert_eq!(self.master.machine().status(), JobStatus::Running);
    }

    fn on(&mut self, event: MasterEvent) -> Vec<Action> {
        self.master.on(event, self.now, 0.5)
    }

    fn say(&mut self, subtask: u32, event: TaskEvent) -> Vec<Action> {
        let attempt = self.master.machine().attempt().unwrap();
        self.on(MasterEvent::Task(TaskId { vertex: VertexId(0), subtask: SubtaskIndex(subtask), attempt }, event))
    }

    fn request(&mut self, subtask: u32) -> Vec<Action> {
        self.say(subtask, TaskEvent::RequestSplit { operator: source() })
    }

    /// Takes all splits that are left.
    fn count_splits(&mut self) -> usize {
        (0..20)
            .filter(|_| matches!(self.request(0).pop(), Some(Action::Send(_, TaskCommand::AddSplits { .. }))))
            .count()
    }

    fn pass(&mut self, seconds: u64) -> Vec<Action> {
        self.now = self.now.plus(Duration::from_secs(seconds));
        self.on(MasterEvent::Tick)
    }

    /// Takes a checkpoint up to the point where its metadata is to be written.
    fn store(&mut self) -> Collected {
        let triggered = self.pass(10);
        let Some(Action::Send(_, TaskCommand::Trigger(barrier, _))) = triggered.first() else {
            panic!("nothing triggered")
        };
        let checkpoint = barrier.checkpoint;
        let ack = || TaskEvent::Acknowledge {
            checkpoint,
            snapshot: SubtaskSnapshot::default(),
            times: CheckpointTimes::default(),
        };
        self.say(0, ack());
        match self.say(1, ack()).pop() {
            Some(Action::Store(collected)) => collected,
            _ => panic!("nothing to store"),
        }
    }

    fn metadata(&self, collected: &Collected) -> CheckpointMetadata {
        checkpoint::metadata_of(self.master.job(), collected, BTreeMap::new(), self.now)
    }

    /// Takes a checkpoint to its end.
    fn complete(&mut self) -> CheckpointMetadata {
        let collected = self.store();
        let metadata = self.metadata(&collected);
        self.on(MasterEvent::Stored(collected.id, Ok(metadata.clone())));
        metadata
    }

    /// A task meets damage. Returns the checkpoints that are looked through for one that is whole.
    fn meet_damage(&mut self) -> Vec<u64> {
        let actions = self.say(0, TaskEvent::Failed(Error::corrupt("x")));
        let again = self.say(1, TaskEvent::Failed(Error::corrupt("y")));
        assert!(!again.iter().any(|action| matches!(action, Action::FindOlder(..))), "it is being looked for");
        let ids = |metadata: &Vec<Arc<CheckpointMetadata>>| metadata.iter().map(|m| m.checkpoint.0).collect();
        let found =
            actions.iter().find_map(|a| if let Action::FindOlder(_, found) = a { Some(ids(found)) } else { None });
        found.unwrap_or_default()
    }

    /// The one that is found is deployed, after the delay. Returns which one.
    fn go_on_from(&mut self, found: &CheckpointMetadata) -> Option<u64> {
        assert_eq!(self.master.machine().status(), JobStatus::Restarting);
        self.pass(100);
        let (metadata, files) = (Arc::new(found.clone()), self.master.checkpoints.clone());
        let restored = Restored { metadata, files, coordinators: Arc::default() };
        self.on(MasterEvent::FoundOlder(Ok(Some(restored))));
        let actions = self.on(MasterEvent::Swept(Ok(())));
        let from = deployed(&actions).and_then(|deployment| deployment.restored).map(|id| id.0);
        self.run(actions);
        from
    }

    /// A task fails while the metadata is being written, and the delay until the restart passes.
    fn fail_while_storing(&mut self) -> Collected {
        let collected = self.store();
        self.say(0, TaskEvent::Failed(Error::data("x")));
        self.say(1, TaskEvent::Gone);
        assert_eq!(self.master.machine().status(), JobStatus::Restarting);
        assert!(self.pass(1).is_empty(), "nothing is deployed before the checkpoint's fate is known");
        assert_eq!(self.master.machine().status(), JobStatus::Created);
        collected
    }
}

/// The checkpoints that are kept when the folder is swept.
fn swept(actions: &[Action]) -> Option<Vec<u64>> {
    actions.iter().find_map(|action| match action {
        Action::Sweep(keep) => Some(keep.iter().map(|metadata| metadata.checkpoint.0).collect()),
        _ => None,
    })
}

fn deployed(actions: &[Action]) -> Option<&Deployment> {
    actions.iter().find_map(|action| if let Action::Deploy(deployment) = action { Some(&**deployment) } else { None })
}

#[test]
fn a_restart_waits_for_the_fate_of_the_checkpoint_that_is_being_written() {
    let mut b = Bench::running();
    let collected = b.fail_while_storing();
    let metadata = b.metadata(&collected);
    let actions = b.on(MasterEvent::Stored(collected.id, Ok(metadata)));
    assert_eq!(swept(&actions), Some(vec![1]), "and for what is left of the tasks before");
    assert!(deployed(&actions).is_none());
    let actions = b.on(MasterEvent::Swept(Ok(())));
    assert_eq!(deployed(&actions).unwrap().restored, Some(collected.id));
    b.run(actions);
    let mut b = Bench::running();
    let collected = b.fail_while_storing();
    let actions = b.on(MasterEvent::Stored(collected.id, Err(Error::unavailable("x"))));
    assert_eq!(swept(&actions), Some(vec![]));
    let actions = b.on(MasterEvent::Swept(Ok(())));
    assert_eq!(deployed(&actions).unwrap().restored, None);
    b.run(actions);
}

#[test]
fn a_restart_that_waits_can_be_cancelled() {
    let mut b = Bench::running();
    let collected = b.fail_while_storing();
    b.on(MasterEvent::CancelRequested);
    assert_eq!(b.master.machine().status(), JobStatus::Canceled);
    assert!(!b.master.is_over(), "an answer is awaited");
    let metadata = b.metadata(&collected);
    assert!(b.on(MasterEvent::Stored(collected.id, Ok(metadata))).is_empty());
    assert!(b.master.is_over());
}

#[test]
fn a_split_is_sent_before_the_barrier_or_is_in_the_enumerators_snapshot() {
    let mut b = Bench::running();
    let mut sent = Vec::new();
    for subtask in [0, 1, 1] {
        match b.request(subtask).pop() {
            Some(Action::Send(_, TaskCommand::AddSplits { splits, .. })) => sent.extend(splits),
            _ => panic!("no split"),
        }
    }
    let collected = b.store();
    let (_, left): (bool, Vec<Range>) = codec::from_bytes(&collected.sources[&source()]).unwrap();
    let mut starts: Vec<u64> = sent.iter().map(|s| Range::decode(&s.bytes)).chain(left).map(|r| r.at).collect();
    starts.sort_unstable();
    assert_eq!(starts, (0..10).map(|n| n * 10).collect::<Vec<_>>());
}

#[test]
fn an_enumerator_goes_on_from_its_snapshot() {
    let mut b = Bench::running();
    b.request(0);
    let collected = b.fail_while_storing();
    let metadata = b.metadata(&collected);
    b.on(MasterEvent::Stored(collected.id, Ok(metadata)));
    let actions = b.on(MasterEvent::Swept(Ok(())));
    assert!(!actions.iter().any(|a| matches!(a, Action::Discover(..))), "the splits are known already");
    b.run(actions);
    assert_eq!(b.count_splits(), 9, "one was assigned before the checkpoint");
}

#[test]
fn what_an_older_attempt_says_or_finds_changes_nothing() {
    let mut b = Bench::running();
    b.say(0, TaskEvent::Failed(Error::data("x")));
    assert!(b.request(1).is_empty(), "the job is being stopped");
    let actions = b.say(1, TaskEvent::Gone);
    assert_eq!(swept(&actions), Some(vec![]));
    assert!(b.on(MasterEvent::Swept(Ok(()))).is_empty(), "the delay still runs");
    let actions = b.pass(1);
    assert_eq!(deployed(&actions).unwrap().attempt, AttemptId(1));
    let stale = Ok(vec![Range { at: 7, end: 8 }.encode()]);
    assert!(b.on(MasterEvent::Discovered(AttemptId(0), source(), stale)).is_empty());
    let dead = TaskId { vertex: VertexId(0), subtask: SubtaskIndex(0), attempt: AttemptId(0) };
    assert!(b.on(MasterEvent::Task(dead, TaskEvent::RequestSplit { operator: source() })).is_empty());
    assert!(b.on(MasterEvent::DeployFailed(AttemptId(0), Error::unavailable("x"))).is_empty());
    assert!(b.on(MasterEvent::SendFailed(dead, Error::unavailable("x"))).is_empty());
    b.run(actions);
    assert_eq!(b.master.machine().restarts(), 1);
    assert_eq!(b.count_splits(), 10, "none of the stale ones");
}

#[test]
fn a_task_that_takes_no_commands_fails_the_job() {
    let mut b = Bench::running();
    let task = TaskId { vertex: VertexId(0), subtask: SubtaskIndex(1), attempt: AttemptId(0) };
    let actions = b.on(MasterEvent::SendFailed(task, Error::unavailable("1024 commands wait")));
    assert!(matches!(actions[..], [Action::CancelTasks(AttemptId(0))]));
    let history = &b.master.machine().exceptions().entries;
    assert!(history[0].root.text.contains("numbers (2/2)"), "{}", history[0].root.text);
}

#[test]
fn all_tasks_are_told_in_order_complete_then_release() {
    let mut b = Bench::running();
    b.say(0, TaskEvent::Ended);
    // The last checkpoint does not wait for its interval.
    let triggered = b.say(1, TaskEvent::Ended);
    assert!(matches!(triggered[..], [Action::Send(..), Action::Send(..)]));
    let ack = || TaskEvent::Acknowledge {
        checkpoint: CheckpointId(1),
        snapshot: SubtaskSnapshot { operators: Vec::new(), finished: true },
        times: CheckpointTimes::default(),
    };
    b.say(0, ack());
    let Some(Action::Store(collected)) = b.say(1, ack()).pop() else { panic!("nothing to store") };
    let metadata = b.metadata(&collected);
    assert_eq!(metadata.operators[0].finished, [true, true]);
    let said: Vec<String> = b
        .on(MasterEvent::Stored(CheckpointId(1), Ok(metadata)))
        .iter()
        .map(|action| match action {
            Action::Send(task, command) => format!("{} {command:?}", task.subtask),
            _ => panic!("something else"),
        })
        .collect();
    assert_eq!(said, ["0 Complete(CheckpointId(1))", "1 Complete(CheckpointId(1))", "0 Release", "1 Release"]);
}

#[test]
fn damage_that_a_running_task_meets_leads_to_the_newest_checkpoint_that_is_whole_and_not_to_the_same_one_twice() {
    let mut b = Bench::keeping(3);
    let all: Vec<CheckpointMetadata> = (0..3).map(|_| b.complete()).collect();
    assert_eq!(b.meet_damage(), [3, 2, 1]);
    assert_eq!(b.go_on_from(&all[2]), Some(3));
    assert_eq!(b.meet_damage(), [2, 1], "the third was whole and led to damage");
    assert_eq!(b.go_on_from(&all[0]), Some(1), "the second was not");
    // A newer one has not been tried.
    let next = b.complete();
    assert_eq!(b.meet_damage(), [next.checkpoint.0, 1]);
    assert_eq!(b.go_on_from(&next), Some(next.checkpoint.0));
}

#[test]
fn damage_without_an_older_checkpoint_fails_the_job() {
    let mut b = Bench::running();
    let only = b.complete();
    assert_eq!(b.meet_damage(), [1]);
    assert_eq!(b.go_on_from(&only), Some(1));
    b.say(0, TaskEvent::Failed(Error::corrupt("the file `shared/x` is damaged")));
    b.say(1, TaskEvent::Gone);
    assert_eq!(b.master.machine().status(), JobStatus::Failed);
    let error = b.master.machine().error().unwrap().to_string();
    assert!(error.contains("shared/x"), "{error}");
}
