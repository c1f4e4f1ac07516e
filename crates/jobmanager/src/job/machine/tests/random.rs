//! Any order of events, those that make no sense among them.

use super::*;
use proptest::prelude::*;

const TASKS: u32 = 3;

#[derive(Clone, Debug)]
enum Step {
    Say(u32, u32, u8),
    Pass(u16),
    Cancel,
    Suspend,
    JobFails,
    DeployFails,
    FinalDone,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        20 => (0u32..3, 0..TASKS + 1, 0u8..12).prop_map(|(age, task, what)| Step::Say(age, task, what)),
        4 => (0u16..3000).prop_map(Step::Pass),
        1 => Just(Step::JobFails),
        1 => Just(Step::DeployFails),
        2 => Just(Step::FinalDone),
    ];
    let stop = prop_oneof![1 => Just(Step::Cancel), 1 => Just(Step::Suspend)];
    prop::collection::vec(prop_oneof![60 => step, 1 => stop], 0..120)
}

/// What the commands have led to, and what must never be.
#[derive(Default)]
struct Watcher {
    attempt: Option<AttemptId>,
    /// Tasks of the attempt that were started and have not said that they are gone.
    alive: usize,
    released: bool,
    last_wanted: bool,
}

impl Watcher {
    fn see(&mut self, commands: &[JobCommand], machine: &JobMachine) {
        for command in commands {
            match command {
                JobCommand::Deploy(attempt) => {
                    assert!(self.attempt.is_none_or(|last| last < *attempt), "attempts only grow");
                    assert_eq!(self.alive, 0, "nothing is deployed beside an older attempt");
                    *self = Watcher { attempt: Some(*attempt), alive: TASKS as usize, ..Watcher::default() };
                }
                JobCommand::RequestFinalCheckpoint => self.last_wanted = true,
                JobCommand::Release(attempt) => {
                    assert_eq!(Some(*attempt), self.attempt);
                    assert!(!std::mem::replace(&mut self.released, true), "released once");
                    assert!(self.last_wanted, "not before the last checkpoint");
                    assert!(machine.tasks().values().all(|t| *t == TaskStatus::Ended));
                }
                JobCommand::StartCheckpoints(attempt) | JobCommand::CancelTasks(attempt) => {
                    assert_eq!(Some(*attempt), self.attempt);
                }
                JobCommand::StopCheckpoints => {}
            }
        }
        if machine.status() == JobStatus::Finished {
            assert!(self.released && machine.tasks().values().all(|t| *t == TaskStatus::Finished));
        }
        if machine.status() == JobStatus::Failed {
            assert!(machine.error().is_some());
        }
    }
}

fn signal(what: u8) -> TaskSignal {
    match what {
        0..=3 => TaskSignal::Running,
        4..=7 => TaskSignal::Ended,
        8..=10 => TaskSignal::Gone,
        _ => failure(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_job_ends_when_tasks_behave(steps in steps(), restarts in 0u32..4) {
        let attempts = restarts.to_string();
        let settings = [
            ("execution.checkpointing.interval", "10 s"),
            ("restart-strategy.type", "fixed-delay"),
            ("restart-strategy.fixed-delay.attempts", attempts.as_str()),
        ];
        let job = Arc::new(job(TASKS, &settings));
        let restart = RestartStrategy::from_config(&job.config, true).unwrap();
        let mut machine = JobMachine::new(job, restart, ProcessingTime(0));
        let mut watcher = Watcher::default();
        let mut now = ProcessingTime(0);
        let mut feed = |machine: &mut JobMachine, event: JobEvent, now| {
            if let JobEvent::Task(task, TaskSignal::Gone | TaskSignal::Failed(_)) = &event {
                watcher.alive -= usize::from(machine.is_present(*task));
            }
            if matches!(event, JobEvent::DeployFailed(_)) {
                watcher.alive = 0;
            }
            let commands = machine.on(event, now, 0.5);
            watcher.see(&commands, machine);
        };
        feed(&mut machine, JobEvent::Initialized, now);
        for step in steps {
            let attempt = machine.attempt().unwrap();
            let event = match step {
                Step::Say(age, subtask, what) => {
                    let attempt = AttemptId(attempt.0.saturating_sub(age / 2));
                    JobEvent::Task(TaskId { vertex: VertexId(0), subtask: SubtaskIndex(subtask), attempt }, signal(what))
                }
                Step::Pass(ms) => {
                    now = now.plus(Duration::from_millis(u64::from(ms)));
                    JobEvent::Tick
                }
                Step::Cancel => JobEvent::CancelRequested,
                Step::Suspend => JobEvent::SuspendRequested,
                Step::JobFails => JobEvent::Failed(Error::unavailable("checkpoints")),
                // What was not started fails before it has said anything.
                Step::DeployFails if machine.tasks().values().all(|t| *t == TaskStatus::Deploying) => {
                    JobEvent::DeployFailed(Error::unavailable("no slots"))
                }
                Step::DeployFails => JobEvent::Tick,
                Step::FinalDone => JobEvent::FinalCheckpointDone,
            };
            feed(&mut machine, event, now);
        }
        // From here on every task does what it is told.
        for _ in 0..20 {
            now = now.plus(Duration::from_secs(60));
            feed(&mut machine, JobEvent::Tick, now);
            let Some(attempt) = machine.attempt() else { break };
            for phase in [TaskSignal::Running, TaskSignal::Ended, TaskSignal::Gone] {
                let is_stopping = matches!(machine.status(), JobStatus::Failing | JobStatus::Cancelling);
                for subtask in 0..TASKS {
                    let said = match &phase {
                        TaskSignal::Running => TaskSignal::Running,
                        TaskSignal::Ended if !is_stopping => TaskSignal::Ended,
                        _ => TaskSignal::Gone,
                    };
                    let task = TaskId { vertex: VertexId(0), subtask: SubtaskIndex(subtask), attempt };
                    feed(&mut machine, JobEvent::Task(task, said), now);
                }
                feed(&mut machine, JobEvent::FinalCheckpointDone, now);
            }
        }
        prop_assert!(machine.status().is_terminal(), "{} with {:?}", machine.status(), machine.tasks());
    }
}
