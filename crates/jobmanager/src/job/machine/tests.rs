//! Every row of the table; any order of events is in `random.rs`.

mod random;

use super::*;
use crate::checkpoint::CheckpointConfig;
use crate::job::VertexDescription;
use flott_api::RuntimeMode;
use flott_core::config::TASK_CANCELLATION_TIMEOUT;
use flott_core::{Configuration, ErrorKind, JobId, MaxParallelism, SubtaskIndex, VertexId};

/// A job of one vertex with this many subtasks.
pub(super) fn job(parallelism: u32, settings: &[(&str, &str)]) -> JobDescription {
    let mut config = Configuration::new();
    for (key, value) in settings {
        config.set(*key, *value);
    }
    JobDescription {
        id: JobId([7; 16]),
        name: "test".into(),
        vertices: vec![VertexDescription {
            id: VertexId(0),
            name: "work".into(),
            parallelism,
            max_parallelism: MaxParallelism::default_for(parallelism),
            is_max_parallelism_set: false,
            operators: Vec::new(),
        }],
        mode: RuntimeMode::Streaming,
        checkpoints: CheckpointConfig::from_config(&config).unwrap(),
        cancellation_timeout: config.get(&TASK_CANCELLATION_TIMEOUT).unwrap(),
        config: Arc::new(config),
    }
}

const WITH_CHECKPOINTS: &[(&str, &str)] = &[("execution.checkpointing.interval", "10 s")];
const WITH_RESTARTS: &[(&str, &str)] =
    &[("restart-strategy.type", "fixed-delay"), ("restart-strategy.fixed-delay.attempts", "2")];

struct Bench {
    machine: JobMachine,
    now: ProcessingTime,
}

impl Bench {
    /// A job of two tasks that has been deployed.
    fn deployed(settings: &[(&str, &str)]) -> Self {
        let mut bench = Self::new(settings);
        assert_eq!(bench.on(JobEvent::Initialized), [JobCommand::Deploy(AttemptId(0))]);
        assert_eq!(bench.machine.status(), JobStatus::Created);
        bench
    }

    fn new(settings: &[(&str, &str)]) -> Self {
        let job = Arc::new(job(2, settings));
        let restart = RestartStrategy::from_config(&job.config, job.takes_checkpoints()).unwrap();
        Bench { machine: JobMachine::new(job, restart, ProcessingTime(0)), now: ProcessingTime(0) }
    }

    fn running(settings: &[(&str, &str)]) -> Self {
        let mut bench = Self::deployed(settings);
        assert!(bench.say(0, TaskSignal::Running).is_empty());
        assert_eq!(bench.say(1, TaskSignal::Running), [JobCommand::StartCheckpoints(AttemptId(0))]);
        assert_eq!(bench.machine.status(), JobStatus::Running);
        bench
    }

    fn on(&mut self, event: JobEvent) -> Vec<JobCommand> {
        self.machine.on(event, self.now, 0.5)
    }

    fn say_of(&mut self, attempt: u32, subtask: u32, signal: TaskSignal) -> Vec<JobCommand> {
        let task = TaskId { vertex: VertexId(0), subtask: SubtaskIndex(subtask), attempt: AttemptId(attempt) };
        self.on(JobEvent::Task(task, signal))
    }

    fn say(&mut self, subtask: u32, signal: TaskSignal) -> Vec<JobCommand> {
        let attempt = self.machine.attempt().unwrap();
        self.say_of(attempt.0, subtask, signal)
    }

    fn pass(&mut self, duration_ms: u64) -> Vec<JobCommand> {
        self.now = self.now.plus(Duration::from_millis(duration_ms));
        self.on(JobEvent::Tick)
    }

    fn status(&self) -> JobStatus {
        self.machine.status()
    }
}

fn failure() -> TaskSignal {
    TaskSignal::Failed(Error::data("bad record"))
}

fn cancelled(attempt: u32) -> Vec<JobCommand> {
    vec![JobCommand::StopCheckpoints, JobCommand::CancelTasks(AttemptId(attempt))]
}

#[test]
fn without_checkpoints_tasks_are_released_when_all_have_ended() {
    let mut b = Bench::running(&[]);
    assert!(b.say(0, TaskSignal::Ended).is_empty());
    assert_eq!(b.say(1, TaskSignal::Ended), [JobCommand::Release(AttemptId(0))]);
    assert!(b.say(1, TaskSignal::Ended).is_empty(), "twice is once");
    assert!(b.say(0, TaskSignal::Gone).is_empty());
    assert_eq!(b.say(1, TaskSignal::Gone), [JobCommand::StopCheckpoints]);
    assert_eq!(b.status(), JobStatus::Finished);
    assert!(b.on(JobEvent::CancelRequested).is_empty());
    assert_eq!(b.status(), JobStatus::Finished);
}

#[test]
fn with_checkpoints_the_last_one_comes_first() {
    let mut b = Bench::running(WITH_CHECKPOINTS);
    assert!(b.on(JobEvent::FinalCheckpointDone).is_empty(), "nobody has asked for it");
    b.say(0, TaskSignal::Ended);
    assert_eq!(b.say(1, TaskSignal::Ended), [JobCommand::RequestFinalCheckpoint]);
    assert_eq!(b.on(JobEvent::FinalCheckpointDone), [JobCommand::Release(AttemptId(0))]);
    b.say(0, TaskSignal::Gone);
    b.say(1, TaskSignal::Gone);
    assert_eq!(b.status(), JobStatus::Finished);
}

#[test]
fn a_task_may_end_before_another_runs() {
    let mut b = Bench::deployed(&[]);
    b.say(0, TaskSignal::Running);
    b.say(0, TaskSignal::Ended);
    assert_eq!(b.status(), JobStatus::Created);
    assert_eq!(b.say(1, TaskSignal::Running), [JobCommand::StartCheckpoints(AttemptId(0))]);
    assert_eq!(b.say(1, TaskSignal::Ended), [JobCommand::Release(AttemptId(0))]);
}

#[test]
fn a_failed_task_takes_the_others_with_it_and_the_job_runs_again() {
    let mut b = Bench::running(WITH_RESTARTS);
    assert_eq!(b.say(0, failure()), cancelled(0));
    assert_eq!(b.status(), JobStatus::Failing);
    assert!(b.say(1, TaskSignal::Gone).is_empty());
    assert_eq!(b.status(), JobStatus::Restarting);
    assert!(b.pass(999).is_empty());
    assert_eq!(b.pass(1), [JobCommand::Deploy(AttemptId(1))]);
    assert_eq!((b.status(), b.machine.restarts()), (JobStatus::Created, 1));
    // The dead do not speak.
    assert!(b.say_of(0, 1, TaskSignal::Running).is_empty());
    assert_eq!(b.machine.tasks()[&(VertexId(0), SubtaskIndex(1))], TaskStatus::Deploying);
}

#[test]
fn a_job_that_may_not_restart_fails_with_its_first_error() {
    let mut b = Bench::running(&[]);
    b.say(0, failure());
    b.say(1, TaskSignal::Failed(Error::internal("upstream is gone")));
    assert_eq!(b.status(), JobStatus::Failed);
    let error = b.machine.error().unwrap();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.to_string().contains("bad record") && error.to_string().contains("restart-strategy.type"), "{error}");
    let history = &b.machine.exceptions().entries;
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].root.task_name.as_deref(), Some("work (1/2)"));
    assert_eq!(history[0].concurrent.len(), 1);
}

#[test]
fn restarts_end_when_the_strategy_says_so() {
    let mut b = Bench::running(WITH_RESTARTS);
    for attempt in 0..3 {
        b.say_of(attempt, 0, failure());
        b.say_of(attempt, 1, TaskSignal::Gone);
        b.pass(1000);
    }
    assert_eq!(b.status(), JobStatus::Failed);
    assert_eq!(b.machine.restarts(), 2);
}

#[test]
fn a_failed_deployment_and_a_failed_job_restart_too() {
    let mut b = Bench::deployed(WITH_RESTARTS);
    b.on(JobEvent::DeployFailed(Error::unavailable("no slots")));
    assert_eq!(b.status(), JobStatus::Restarting, "nobody has to be waited for");
    b.pass(1000);
    assert_eq!(b.on(JobEvent::Failed(Error::unavailable("checkpoints"))), cancelled(1));
    b.say(0, TaskSignal::Gone);
    b.say(1, TaskSignal::Gone);
    assert_eq!(b.status(), JobStatus::Restarting);
}

#[test]
fn a_task_that_goes_unasked_has_failed() {
    let mut b = Bench::running(&[]);
    assert_eq!(b.say(0, TaskSignal::Gone), cancelled(0));
    b.say(1, TaskSignal::Gone);
    assert_eq!(b.machine.error().map(Error::kind), Some(ErrorKind::Internal));
}

#[test]
fn cancelling_waits_for_the_tasks() {
    let mut b = Bench::running(WITH_RESTARTS);
    assert_eq!(b.on(JobEvent::CancelRequested), cancelled(0));
    assert_eq!(b.status(), JobStatus::Cancelling);
    assert!(b.on(JobEvent::CancelRequested).is_empty());
    b.say(0, failure());
    b.say(1, TaskSignal::Gone);
    assert_eq!(b.status(), JobStatus::Canceled);
    assert!(b.machine.exceptions().entries.is_empty());
}

#[test]
fn suspending_is_cancelling_with_another_end() {
    let mut b = Bench::deployed(&[]);
    assert_eq!(b.on(JobEvent::SuspendRequested), cancelled(0));
    b.say(0, TaskSignal::Gone);
    b.say(1, TaskSignal::Gone);
    assert_eq!(b.status(), JobStatus::Suspended);
}

#[test]
fn a_job_without_tasks_is_cancelled_at_once() {
    let mut initializing = Bench::new(&[]);
    assert!(initializing.on(JobEvent::CancelRequested).is_empty());
    assert_eq!(initializing.status(), JobStatus::Canceled);
    let mut restarting = Bench::running(WITH_RESTARTS);
    restarting.say(0, failure());
    restarting.say(1, TaskSignal::Gone);
    restarting.on(JobEvent::CancelRequested);
    assert_eq!(restarting.status(), JobStatus::Canceled);
    assert!(restarting.pass(10_000).is_empty());
}

#[test]
fn a_failing_job_can_be_cancelled() {
    let mut b = Bench::running(WITH_RESTARTS);
    b.say(0, failure());
    assert!(b.on(JobEvent::CancelRequested).is_empty(), "its tasks are being stopped already");
    b.say(1, TaskSignal::Gone);
    assert_eq!(b.status(), JobStatus::Canceled);
}

#[test]
fn without_a_timeout_a_task_that_does_not_stop_is_waited_for() {
    let mut b = Bench::running(&[("task.cancellation.timeout", "0 s")]);
    b.on(JobEvent::CancelRequested);
    assert_eq!(b.machine.next_wakeup(), None);
    b.pass(1_000_000_000);
    assert_eq!(b.status(), JobStatus::Cancelling);
}

#[test]
fn a_task_that_does_not_stop_fails_the_job_loudly() {
    for cancel in [true, false] {
        let mut b = Bench::running(WITH_RESTARTS);
        if cancel {
            b.on(JobEvent::CancelRequested);
        } else {
            b.say(0, failure());
        }
        assert_eq!(b.machine.next_wakeup(), Some(ProcessingTime(180_000)));
        b.say(0, TaskSignal::Gone);
        b.pass(180_000);
        assert_eq!(b.status(), JobStatus::Failed);
        let error = b.machine.error().unwrap().to_string();
        assert!(error.contains("work (2/2)") && !error.contains("work (1/2)"), "{error}");
        assert_eq!(error.contains("bad record"), !cancel, "{error}");
    }
}

#[test]
fn output_that_was_committed_without_checkpoints_is_not_made_again() {
    let mut b = Bench::running(WITH_RESTARTS);
    b.say(0, TaskSignal::Ended);
    b.say(1, TaskSignal::Ended);
    b.say(0, TaskSignal::Gone);
    b.say(1, failure());
    assert_eq!(b.status(), JobStatus::Failed);
    assert!(b.machine.error().unwrap().to_string().contains("part of the output is committed"));
}

#[test]
fn with_checkpoints_a_failure_after_release_restarts_from_the_last_one() {
    let mut b = Bench::running(WITH_CHECKPOINTS);
    b.say(0, TaskSignal::Ended);
    b.say(1, TaskSignal::Ended);
    b.on(JobEvent::FinalCheckpointDone);
    b.say(0, TaskSignal::Gone);
    b.say(1, failure());
    assert_eq!(b.status(), JobStatus::Restarting);
    assert_eq!(b.pass(1000), [JobCommand::Deploy(AttemptId(1))]);
    b.say(0, TaskSignal::Running);
    b.say(1, TaskSignal::Running);
    b.say(0, TaskSignal::Ended);
    assert_eq!(b.say(1, TaskSignal::Ended), [JobCommand::RequestFinalCheckpoint], "the end comes again in full");
}

#[test]
fn before_the_release_a_job_without_checkpoints_starts_from_scratch() {
    let mut b = Bench::running(WITH_RESTARTS);
    b.say(0, TaskSignal::Ended);
    b.say(1, failure());
    b.say(0, TaskSignal::Gone);
    assert_eq!(b.status(), JobStatus::Restarting);
}

#[test]
fn when_nobody_hosts_tasks_the_job_is_over() {
    let mut b = Bench::running(WITH_RESTARTS);
    b.on(JobEvent::TasksLost(Error::unavailable("gone")));
    assert_eq!(b.status(), JobStatus::Failed);
    let mut cancelling = Bench::running(WITH_RESTARTS);
    cancelling.on(JobEvent::CancelRequested);
    cancelling.on(JobEvent::TasksLost(Error::unavailable("gone")));
    assert_eq!(cancelling.status(), JobStatus::Canceled);
}

#[test]
fn a_job_without_vertices_is_finished_at_once() {
    let mut empty = job(1, &[]);
    empty.vertices.clear();
    let mut machine = JobMachine::new(Arc::new(empty), RestartStrategy::None, ProcessingTime(0));
    machine.on(JobEvent::Initialized, ProcessingTime(0), 0.5);
    assert_eq!(machine.status(), JobStatus::Finished);
}
