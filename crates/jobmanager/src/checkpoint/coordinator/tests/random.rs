//! Any order of events: acknowledgements lost, late and twice, failures anywhere, storage that lies.
//!
//! Tasks are modelled as they are: each has a chain of files that grows with every snapshot, whether or not the
//! checkpoint completes, or is replaced whole; after a restart it has that of the checkpoint it was restored from, and
//! the next snapshot starts a new one.

use super::*;
use proptest::prelude::*;

const TASKS: u32 = 3;

#[derive(Clone, Debug)]
enum Step {
    /// Seconds pass.
    Pass(u8),
    /// Deliver an acknowledgement that is on its way, maybe keeping it to be delivered again.
    Deliver(prop::sample::Index, bool),
    Lose(prop::sample::Index),
    Decline(u32),
    /// The storage answers: well or not.
    Answer(bool),
    SourcesFail,
    Savepoint,
    Final,
    /// Tasks fail, and are started again unless something is being stored.
    Fail,
    Restart,
    /// A task replaces its chain at its next snapshot.
    Compact(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let index = any::<prop::sample::Index>;
    let step = prop_oneof![
        4 => (0u8..40).prop_map(Step::Pass),
        12 => (index(), prop::bool::weighted(0.2)).prop_map(|(i, again)| Step::Deliver(i, again)),
        1 => index().prop_map(Step::Lose),
        1 => (0..TASKS).prop_map(Step::Decline),
        5 => prop::bool::weighted(0.8).prop_map(Step::Answer),
        1 => Just(Step::SourcesFail),
        1 => Just(Step::Savepoint),
        1 => Just(Step::Final),
        1 => Just(Step::Fail),
        3 => Just(Step::Restart),
        2 => (0..TASKS).prop_map(Step::Compact),
    ];
    prop::collection::vec(step, 0..400)
}

struct World {
    coordinator: CheckpointCoordinator,
    config: CheckpointConfig,
    now: ProcessingTime,
    attempt: u32,
    is_running: bool,
    next_file: u32,
    chains: Vec<Vec<String>>,
    on_the_way: Vec<(TaskId, CheckpointId, SubtaskSnapshot)>,
    /// Distinct tasks whose acknowledgements of the running attempt were delivered, by checkpoint.
    delivered: BTreeMap<CheckpointId, BTreeSet<u32>>,
    stored: Option<Collected>,
    storing: Option<Collected>,
    /// What storage would restore: complete and not deleted.
    complete: BTreeMap<CheckpointId, Collected>,
    savepoints: Vec<Collected>,
    deleted: BTreeSet<String>,
    largest: CheckpointId,
    failed_job: bool,
    sources_fail: bool,
}

impl World {
    fn new(retained_max: usize, tolerable_failures: u32) -> Self {
        let config = CheckpointConfig { retained_max, tolerable_failures, ..config() };
        let places = (0..TASKS).map(|n| (VertexId(0), SubtaskIndex(n)));
        let mut world = World {
            coordinator: CheckpointCoordinator::new(config.clone(), places, Vec::new(), CheckpointId(1)),
            config,
            now: ProcessingTime(0),
            attempt: 0,
            is_running: false,
            next_file: 0,
            chains: vec![Vec::new(); TASKS as usize],
            on_the_way: Vec::new(),
            delivered: BTreeMap::new(),
            stored: None,
            storing: None,
            complete: BTreeMap::new(),
            savepoints: Vec::new(),
            deleted: BTreeSet::new(),
            largest: CheckpointId(0),
            failed_job: false,
            sources_fail: false,
        };
        world.start();
        world
    }

    fn start(&mut self) {
        let latest = self.coordinator.latest();
        assert_eq!(latest, self.complete.keys().next_back().copied(), "the newest complete one is restored from");
        // Every file that a task would read is there.
        for path in latest.and_then(|id| self.complete.get(&id)).iter().flat_map(|c| c.tasks.values()).flat_map(paths) {
            assert!(!self.deleted.contains(path), "{path} was deleted and is needed to restore");
        }
        // The first snapshot after a restart is a full one.
        self.chains.iter_mut().for_each(Vec::clear);
        self.is_running = true;
        self.failed_job = false;
        self.feed(Event::Started(AttemptId(self.attempt), latest));
    }

    fn fail(&mut self) {
        if std::mem::take(&mut self.is_running) {
            self.attempt += 1;
            self.feed(Event::Stopped);
        }
    }

    fn feed(&mut self, event: Event) {
        let commands = self.coordinator.on(event, self.now);
        for command in commands {
            self.carry_out(command);
        }
        if std::mem::take(&mut self.failed_job) {
            self.fail();
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::SnapshotSources(id) => {
                assert!(id > self.largest, "checkpoint {id} after {}", self.largest);
                self.largest = id;
                let fails = std::mem::take(&mut self.sources_fail);
                let answer = if fails { Err(Error::data("enumerator")) } else { Ok(BTreeMap::new()) };
                self.feed(Event::SourcesSnapshotted(id, answer));
            }
            Command::Trigger(barrier, _) => {
                assert!(self.is_running && barrier.checkpoint == self.largest);
                (0..TASKS).for_each(|task| self.take_snapshot(task, barrier));
            }
            Command::Store(collected) => {
                let delivered = self.delivered.get(&collected.id).cloned().unwrap_or_default();
                assert_eq!(delivered.len(), TASKS as usize, "checkpoint {} lacks an acknowledgement", collected.id);
                assert_eq!(collected.tasks.len(), TASKS as usize);
                assert!(self.storing.replace(collected).is_none(), "one at a time");
            }
            Command::NotifyComplete(id) => assert!(self.complete.contains_key(&id) && self.is_running),
            Command::NotifyAborted(_) | Command::SavepointDone(..) | Command::DiscardSavepoint(_) | Command::Stop => {}
            Command::Completed(id) => {
                let stored = self.stored.take().unwrap();
                assert_eq!(stored.id, id);
                self.complete.insert(id, stored);
            }
            Command::Discard { checkpoints, files } => {
                checkpoints.iter().for_each(|id| drop(self.complete.remove(id)));
                self.delete(files);
            }
            Command::FailJob(_) => self.failed_job = true,
            Command::FinalDone => {}
        }
        assert!(self.complete.len() <= self.config.retained_max + 1);
    }

    fn take_snapshot(&mut self, task: u32, barrier: Barrier) {
        self.next_file += 1;
        let file = format!("{}-{}", self.next_file, barrier.checkpoint);
        let chain = &mut self.chains[task as usize];
        let snapshot = if barrier.kind == BarrierKind::Savepoint {
            snapshot_of(&[file])
        } else {
            chain.push(file);
            snapshot_of(chain)
        };
        self.on_the_way.push((super::task(task, self.attempt), barrier.checkpoint, snapshot));
    }

    fn delete(&mut self, files: Vec<String>) {
        for path in files {
            let kept = self.complete.values().chain(&self.savepoints).chain(&self.storing);
            for checkpoint in kept {
                assert!(
                    !checkpoint.tasks.values().flat_map(paths).any(|p| p == path),
                    "{path} is of {}",
                    checkpoint.id
                );
            }
            // A chain of a running task reaches into its next checkpoint.
            if self.is_running {
                assert!(!self.chains.iter().flatten().any(|p| *p == path), "{path} is in a chain");
            }
            // An acknowledgement that comes once more may have it deleted once more.
            self.deleted.insert(path);
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Pass(seconds) => {
                self.now = self.now.plus(Duration::from_secs(u64::from(seconds)));
                self.feed(Event::Tick);
            }
            Step::Deliver(index, again) if !self.on_the_way.is_empty() => {
                let index = index.index(self.on_the_way.len());
                let (task, id, snapshot) = self.on_the_way[index].clone();
                if !again {
                    self.on_the_way.remove(index);
                }
                if task.attempt.0 == self.attempt && self.is_running {
                    self.delivered.entry(id).or_default().insert(task.subtask.0);
                }
                // What comes late can mention what is gone; nothing is made of it.
                self.feed(Event::Acknowledged(task, id, snapshot, CheckpointTimes::default()));
            }
            Step::Lose(index) if !self.on_the_way.is_empty() => {
                self.on_the_way.remove(index.index(self.on_the_way.len()));
            }
            Step::Deliver(..) | Step::Lose(_) => {}
            Step::Decline(task) => {
                self.feed(Event::Declined(super::task(task, self.attempt), self.largest, Error::unavailable("no")));
            }
            Step::Answer(ok) => self.answer(ok),
            Step::SourcesFail => self.sources_fail = true,
            Step::Savepoint => self.feed(super::savepoint(0, AfterSavepoint::GoOn)),
            Step::Final if self.is_running => self.feed(Event::FinalRequested),
            Step::Final => {}
            Step::Fail => self.fail(),
            Step::Restart => {
                if !self.is_running && !self.coordinator.is_storing() {
                    self.start();
                }
            }
            Step::Compact(task) => self.chains[task as usize].clear(),
        }
    }

    fn answer(&mut self, ok: bool) {
        let Some(collected) = self.storing.take() else { return };
        let id = collected.id;
        if !ok {
            return self.feed(Event::MetadataFailed(id, Error::unavailable("no answer")));
        }
        if collected.kind == BarrierKind::Savepoint {
            self.savepoints.push(collected);
        } else {
            self.stored = Some(collected);
        }
        self.feed(Event::MetadataWritten(id, BTreeSet::new()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_events_breaks_a_promise(
        steps in steps(),
        retained_max in 1usize..4,
        tolerable_failures in prop_oneof![Just(0), Just(1), Just(1000u32)],
    ) {
        let mut world = World::new(retained_max, tolerable_failures);
        for step in steps {
            world.step(step);
        }
        // When nothing goes wrong any more, a checkpoint completes.
        world.answer(true);
        world.fail();
        world.on_the_way.clear();
        world.start();
        let before = world.coordinator.stats().counts.completed;
        for _ in 0..3 {
            world.sources_fail = false;
            world.step(Step::Pass(39));
            for (task, id, snapshot) in std::mem::take(&mut world.on_the_way) {
                world.delivered.entry(id).or_default().insert(task.subtask.0);
                world.feed(Event::Acknowledged(task, id, snapshot, CheckpointTimes::default()));
            }
            world.answer(true);
        }
        prop_assert!(world.coordinator.stats().counts.completed > before);
        prop_assert!(world.coordinator.retained().count() <= retained_max);
        // Nothing is remembered for ever: what is not part of a kept checkpoint goes with the next one.
        let kept: BTreeSet<&str> = world.complete.values().flat_map(|c| c.tasks.values()).flat_map(paths).collect();
        prop_assert_eq!(world.coordinator.files.len(), kept.len());
    }
}
