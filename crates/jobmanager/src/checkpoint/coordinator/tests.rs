//! Every row of the table, one test each; any order of events is in `random.rs`.

mod random;

use super::*;
use crate::checkpoint::Retention;
use flott_core::{AfterSavepoint, ErrorKind, KeyGroupRange, SavepointFormat, SubtaskIndex, VertexId};
use flott_state::{KeyedSnapshot, OperatorSnapshot};

pub(super) fn config() -> CheckpointConfig {
    CheckpointConfig {
        interval: Some(Duration::from_secs(10)),
        timeout: Duration::from_secs(60),
        min_pause: Duration::ZERO,
        tolerable_failures: 0,
        retained_max: 1,
        retention: Retention::RetainOnCancellation,
    }
}

pub(super) fn task(subtask: u32, attempt: u32) -> TaskId {
    TaskId { vertex: VertexId(0), subtask: SubtaskIndex(subtask), attempt: AttemptId(attempt) }
}

pub(super) fn snapshot_of(files: &[String]) -> SubtaskSnapshot {
    let files = files.iter().map(|path| Blob::File { path: path.clone(), len: 10, sum: 0 }).collect();
    let keyed = Some(KeyedSnapshot {
        range: KeyGroupRange { start: 0, end: 128 },
        files,
        states: Vec::new(),
        store: None,
        tables: Vec::new(),
    });
    let operator = OperatorSnapshot { keyed, ..OperatorSnapshot::default() };
    SubtaskSnapshot { operators: vec![(OperatorId([1; 16]), operator)], finished: false }
}

/// Somebody wants a savepoint.
pub(super) fn savepoint(id: u64, then: AfterSavepoint) -> Event {
    let target = SavepointTarget { folder: format!("sp-{id}"), format: SavepointFormat::Canonical, then };
    Event::SavepointRequested(SavepointId(id), Arc::new(target))
}

/// A coordinator of two tasks, with a clock and a diary.
struct Bench {
    coordinator: CheckpointCoordinator,
    now: ProcessingTime,
}

impl Bench {
    fn new(config: CheckpointConfig) -> Self {
        Self::with_retained(config, Vec::new())
    }

    fn with_retained(config: CheckpointConfig, retained: Vec<Retained>) -> Self {
        let places = [0, 1].map(|n| (VertexId(0), SubtaskIndex(n)));
        let coordinator = CheckpointCoordinator::new(config, places, retained, CheckpointId(1));
        let mut bench = Bench { coordinator, now: ProcessingTime(0) };
        assert!(bench.on(Event::Started(AttemptId(0), None)).is_empty());
        bench
    }

    fn on(&mut self, event: Event) -> Vec<String> {
        self.coordinator.on(event, self.now).into_iter().map(show).collect()
    }

    fn at(&mut self, seconds: i64) -> Vec<String> {
        self.now = ProcessingTime(seconds * 1000);
        self.on(Event::Tick)
    }

    fn sources(&mut self, id: u64) -> Vec<String> {
        self.on(Event::SourcesSnapshotted(CheckpointId(id), Ok(BTreeMap::new())))
    }

    fn ack(&mut self, id: u64, subtask: u32, files: &[&str]) -> Vec<String> {
        self.ack_of(id, task(subtask, 0), files)
    }

    fn ack_of(&mut self, id: u64, task: TaskId, files: &[&str]) -> Vec<String> {
        let files: Vec<String> = files.iter().map(|f| (*f).to_owned()).collect();
        self.on(Event::Acknowledged(task, CheckpointId(id), snapshot_of(&files), CheckpointTimes::default()))
    }

    fn written(&mut self, id: u64) -> Vec<String> {
        self.on(Event::MetadataWritten(CheckpointId(id), BTreeSet::new()))
    }

    /// Takes a checkpoint from its trigger to its end, both tasks with these files.
    fn complete(&mut self, id: u64, files: &[&str]) -> Vec<String> {
        self.sources(id);
        self.ack(id, 0, files);
        assert_eq!(self.ack(id, 1, &[]), [format!("store {id}")]);
        self.written(id)
    }
}

fn show(command: Command) -> String {
    match command {
        Command::SnapshotSources(id) => format!("snapshot sources {id}"),
        Command::Trigger(barrier, _) if barrier.kind == BarrierKind::Savepoint => {
            format!("trigger savepoint {}", barrier.checkpoint)
        }
        Command::Trigger(barrier, _) => format!("trigger {}", barrier.checkpoint),
        Command::Store(collected) => format!("store {}", collected.id),
        Command::NotifyComplete(id) => format!("notify complete {id}"),
        Command::NotifyAborted(id) => format!("notify aborted {id}"),
        Command::Completed(id) => format!("completed {id}"),
        Command::Discard { checkpoints, files } => {
            let checkpoints: Vec<String> = checkpoints.iter().map(|c| c.to_string()).collect();
            format!("discard [{}] [{}]", checkpoints.join(" "), files.join(" "))
        }
        Command::FailJob(error) => format!("fail job ({})", error.kind()),
        Command::FinalDone => "final done".to_owned(),
        Command::SavepointDone(id, Outcome::Completed(checkpoint)) => format!("savepoint {} is {checkpoint}", id.0),
        Command::DiscardSavepoint(target) => format!("discard {}", target.folder),
        Command::Stop => "stop".to_owned(),
        Command::SavepointDone(id, Outcome::Failed(_)) => format!("savepoint {} failed", id.0),
    }
}

#[test]
fn due_takes_enumerators_first_then_triggers_all() {
    let mut b = Bench::new(config());
    assert!(b.at(9).is_empty());
    assert_eq!(b.coordinator.next_wakeup(), Some(ProcessingTime(10_000)));
    assert_eq!(b.at(10), ["snapshot sources 1"]);
    assert_eq!(b.sources(1), ["trigger 1"]);
    // The answer to a question of long ago.
    assert!(b.sources(1).is_empty());
}

#[test]
fn the_last_acknowledgement_stores_and_the_metadata_completes() {
    let mut b = Bench::new(config());
    b.at(10);
    b.sources(1);
    assert!(b.ack(1, 0, &["a"]).is_empty());
    assert!(b.ack(1, 0, &["a"]).is_empty(), "twice is once");
    assert_eq!(b.ack(1, 1, &["b"]), ["store 1"]);
    assert!(b.coordinator.is_storing());
    assert_eq!(b.coordinator.latest(), None);
    assert_eq!(b.written(1), ["completed 1", "notify complete 1"]);
    assert_eq!(b.coordinator.latest(), Some(CheckpointId(1)));
    assert!(b.written(1).is_empty());
    let stats = b.coordinator.stats();
    assert_eq!((stats.counts.total, stats.counts.completed, stats.counts.in_progress), (1, 1, 0));
    assert_eq!(stats.latest.completed.as_ref().map(|r| (r.state_size_bytes, r.acknowledged_count)), Some((20, 2)));
}

#[test]
fn an_older_checkpoint_is_subsumed_with_the_files_that_nobody_needs() {
    let mut b = Bench::new(config());
    b.at(10);
    b.complete(1, &["a", "b"]);
    b.at(20);
    // The chain grows: all files are still needed.
    assert_eq!(b.complete(2, &["a", "b", "c"]), ["completed 2", "notify complete 2", "discard [1] []"]);
    assert_eq!(b.coordinator.stats().history[0].checkpointed_size_bytes, 10);
    b.at(30);
    assert_eq!(b.complete(3, &["d"]), ["completed 3", "notify complete 3", "discard [2] [a b c]"]);
}

#[test]
fn as_many_as_wanted_are_kept() {
    let mut b = Bench::new(CheckpointConfig { retained_max: 2, ..config() });
    for n in 1..=2 {
        b.at(10 * n);
        b.complete(n as u64, &[&format!("f{n}")]);
    }
    b.at(30);
    assert_eq!(b.complete(3, &["f3"]), ["completed 3", "notify complete 3", "discard [1] [f1]"]);
    assert_eq!(b.coordinator.retained().map(|r| r.id.0).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn declined_aborts_and_fails_the_job_over_the_limit() {
    let mut b = Bench::new(CheckpointConfig { tolerable_failures: 1, ..config() });
    b.at(10);
    b.sources(1);
    let declined = |id, attempt| Event::Declined(task(1, attempt), CheckpointId(id), Error::unavailable("disk"));
    assert!(b.on(declined(7, 0)).is_empty(), "of another checkpoint");
    assert!(b.on(declined(1, 9)).is_empty(), "of another run");
    assert_eq!(b.on(declined(1, 0)), ["notify aborted 1"]);
    assert!(b.on(declined(1, 0)).is_empty(), "it is over");
    b.at(20);
    b.sources(2);
    assert_eq!(b.on(declined(2, 0)), ["notify aborted 2", "fail job (unavailable)"]);
    // The job is about to stop: nothing is due.
    assert!(b.at(30).is_empty());
    let failed = b.coordinator.stats().latest.failed.clone().unwrap();
    assert!(failed.failure_message.unwrap().contains("disk"));
}

#[test]
fn a_success_clears_the_count_of_failures() {
    let mut b = Bench::new(CheckpointConfig { tolerable_failures: 1, ..config() });
    for n in [1, 3, 5] {
        b.at(10 * n);
        b.sources(n as u64);
        let commands = b.on(Event::Declined(task(0, 0), CheckpointId(n as u64), Error::data("x")));
        assert_eq!(commands, [format!("notify aborted {n}")]);
        b.at(10 * n + 10);
        b.complete(n as u64 + 1, &[]);
    }
}

#[test]
fn expired_aborts_and_names_what_is_missing() {
    let mut b = Bench::new(CheckpointConfig { tolerable_failures: 9, ..config() });
    b.at(10);
    b.sources(1);
    b.ack(1, 0, &["a"]);
    assert_eq!(b.coordinator.next_wakeup(), Some(ProcessingTime(70_000)));
    assert!(b.at(69).is_empty());
    assert_eq!(b.at(70), ["notify aborted 1", "snapshot sources 2"]);
    let why = b.coordinator.stats().latest.failed.clone().unwrap().failure_message.unwrap();
    assert!(why.contains("1 of 2 tasks") && why.contains("vertex 0 subtask 1"), "{why}");
}

#[test]
fn an_expired_checkpoint_counts_as_failed() {
    let mut b = Bench::new(config());
    b.at(10);
    b.sources(1);
    assert_eq!(b.at(70), ["notify aborted 1", "fail job (unavailable)"]);
}

#[test]
fn a_failed_enumerator_snapshot_aborts_without_a_word_to_tasks() {
    let mut b = Bench::new(config());
    b.at(10);
    assert_eq!(b.on(Event::SourcesSnapshotted(CheckpointId(1), Err(Error::data("x")))), ["fail job (data)"]);
}

#[test]
fn failed_metadata_is_discarded_since_nobody_knows_what_was_written() {
    let mut b = Bench::new(config());
    b.at(10);
    b.sources(1);
    b.ack(1, 0, &["a"]);
    b.ack(1, 1, &["b"]);
    let failed = Event::MetadataFailed(CheckpointId(1), Error::unavailable("no answer"));
    assert_eq!(b.on(failed), ["notify aborted 1", "discard [1] []", "fail job (unavailable)"]);
    assert!(!b.coordinator.is_storing());
}

#[test]
fn a_fenced_coordinator_touches_nothing_any_more() {
    let mut b = Bench::new(CheckpointConfig { tolerable_failures: 99, ..config() });
    b.at(10);
    b.complete(1, &["a"]);
    b.at(20);
    b.sources(2);
    b.ack(2, 0, &["b"]);
    b.ack(2, 1, &[]);
    let fenced = Event::MetadataFailed(CheckpointId(2), Error::new(ErrorKind::Fenced, "another leader"));
    assert_eq!(b.on(fenced), ["notify aborted 2", "fail job (fenced)"]);
    assert!(b.on(Event::Closed { delete: true }).is_empty());
}

#[test]
fn stopped_tasks_abort_what_needs_them_and_count_as_no_failure() {
    let mut b = Bench::new(config());
    b.at(10);
    b.sources(1);
    b.ack(1, 0, &["a"]);
    assert!(b.on(Event::Stopped).is_empty());
    assert_eq!(b.coordinator.stats().counts.failed, 1);
    assert_eq!(b.coordinator.next_wakeup(), None);
    assert!(b.at(100).is_empty());
    b.on(Event::Started(AttemptId(1), Some(CheckpointId(1))));
    assert!(b.at(109).is_empty());
    assert_eq!(b.at(110), ["snapshot sources 2"], "the interval begins anew, ids go on");
    assert_eq!(b.coordinator.stats().counts.restored, 1);
}

#[test]
fn what_is_being_stored_outlives_its_tasks() {
    let mut b = Bench::new(config());
    b.at(10);
    b.sources(1);
    b.ack(1, 0, &["a"]);
    b.ack(1, 1, &["b"]);
    assert!(b.on(Event::Stopped).is_empty());
    assert!(b.coordinator.is_storing());
    assert_eq!(b.written(1), ["completed 1"]);
    assert_eq!(b.coordinator.latest(), Some(CheckpointId(1)));
}

#[test]
fn late_acknowledgements_are_discarded_once_that_is_safe() {
    let mut b = Bench::new(CheckpointConfig { tolerable_failures: 9, ..config() });
    b.at(10);
    b.sources(1);
    b.ack(1, 0, &["a"]);
    b.at(70);
    // Checkpoint 1 expired and 2 is under way. `b` may be part of it.
    assert!(b.ack(1, 1, &["b"]).is_empty());
    b.sources(2);
    b.ack(2, 0, &["a", "c"]);
    b.ack(2, 1, &["d"]);
    assert_eq!(b.written(2), ["completed 2", "notify complete 2", "discard [1] [b]"]);
    // Whatever belongs to 1 and comes now is in no chain.
    assert_eq!(b.ack(1, 1, &["e"]), ["discard [] [e]"]);
    assert_eq!(b.ack_of(1, task(7, 3), &["f", "a"]), ["discard [] [f]"]);
    // Of a checkpoint that never was.
    assert!(b.ack(77, 1, &["g"]).is_empty());
}

#[test]
fn acknowledgements_of_another_run_or_of_unknown_tasks_do_not_count() {
    let mut b = Bench::new(config());
    b.at(10);
    b.sources(1);
    b.ack(1, 0, &[]);
    assert!(b.ack_of(1, task(1, 5), &[]).is_empty());
    assert!(b.ack_of(1, task(2, 0), &[]).is_empty());
    assert_eq!(b.ack(1, 1, &[]), ["store 1"]);
}

#[test]
fn the_pause_after_a_checkpoint_is_kept() {
    let mut b = Bench::new(CheckpointConfig { min_pause: Duration::from_secs(7), ..config() });
    b.at(10);
    b.sources(1);
    b.ack(1, 0, &[]);
    b.ack(1, 1, &[]);
    b.now = ProcessingTime(18_000);
    b.written(1);
    assert!(b.at(24).is_empty());
    assert_eq!(b.at(25), ["snapshot sources 2"]);
}

#[test]
fn a_savepoint_comes_next_belongs_to_the_user_and_commits_nothing() {
    let mut b = Bench::new(config());
    assert_eq!(b.on(savepoint(5, AfterSavepoint::GoOn)), ["snapshot sources 1"]);
    assert!(b.on(savepoint(6, AfterSavepoint::GoOn)).is_empty(), "one at a time");
    assert_eq!(b.sources(1), ["trigger savepoint 1"]);
    b.ack(1, 0, &["s"]);
    b.ack(1, 1, &[]);
    assert_eq!(b.written(1), ["savepoint 5 is 1", "snapshot sources 2"]);
    assert_eq!(b.coordinator.latest(), None);
    assert_eq!(b.on(Event::Stopped), ["discard sp-6", "savepoint 6 failed"]);
    assert_eq!(b.on(savepoint(7, AfterSavepoint::GoOn)), ["savepoint 7 failed"]);
    b.on(Event::Started(AttemptId(0), None));
    b.at(20);
    b.complete(3, &["a"]);
    b.at(30);
    assert_eq!(b.complete(4, &["b"]), ["completed 4", "notify complete 4", "discard [3] [a]"]);
}

#[test]
fn a_failed_savepoint_does_not_fail_the_job() {
    let mut b = Bench::new(config());
    b.on(savepoint(5, AfterSavepoint::GoOn));
    b.sources(1);
    assert_eq!(b.at(60), ["notify aborted 1", "discard sp-5", "savepoint 5 failed", "snapshot sources 2"]);
}

#[test]
fn a_job_stops_with_a_savepoint_after_which_no_checkpoint_comes() {
    let mut b = Bench::new(config());
    b.on(savepoint(5, AfterSavepoint::Stop));
    b.sources(1);
    b.ack(1, 0, &[]);
    b.ack(1, 1, &[]);
    assert_eq!(b.written(1), ["savepoint 5 is 1", "notify complete 1", "stop"]);
    assert!(b.at(100).is_empty());
}

#[test]
fn too_many_savepoints_are_refused() {
    let mut b = Bench::new(config());
    let answers: Vec<_> = (0..20).flat_map(|n| b.on(savepoint(n, AfterSavepoint::GoOn))).collect();
    assert_eq!(answers, ["snapshot sources 1", "savepoint 17 failed", "savepoint 18 failed", "savepoint 19 failed"]);
}

#[test]
fn the_final_checkpoint_waits_for_the_one_under_way_and_is_the_last() {
    let mut b = Bench::new(config());
    b.at(10);
    b.sources(1);
    assert!(b.on(Event::FinalRequested).is_empty());
    b.ack(1, 0, &[]);
    b.ack(1, 1, &[]);
    assert_eq!(b.written(1), ["completed 1", "notify complete 1", "snapshot sources 2"]);
    b.sources(2);
    b.ack(2, 0, &[]);
    b.ack(2, 1, &[]);
    assert_eq!(b.written(2), ["completed 2", "notify complete 2", "discard [1] []", "final done"]);
    assert!(b.at(100).is_empty());
}

#[test]
fn a_final_checkpoint_that_fails_is_tried_again() {
    let mut b =
        Bench::new(CheckpointConfig { tolerable_failures: 1, interval: Some(Duration::from_secs(3600)), ..config() });
    assert_eq!(b.on(Event::FinalRequested), ["snapshot sources 1"]);
    b.sources(1);
    assert_eq!(b.at(60), ["notify aborted 1"]);
    assert_eq!(b.coordinator.next_wakeup(), Some(ProcessingTime(70_000)));
    assert_eq!(b.at(70), ["snapshot sources 2"]);
    assert_eq!(b.complete(2, &[]), ["completed 2", "notify complete 2", "discard [1] []", "final done"]);
}

#[test]
fn checkpoints_of_an_earlier_process_are_taken_over_unless_they_are_not_the_jobs() {
    let retained = |owned| Retained { id: CheckpointId(7), files: BTreeSet::from(["old".to_owned()]), owned };
    let mut own = Bench::with_retained(config(), vec![retained(true)]);
    own.at(10);
    assert_eq!(own.complete(8, &["new"]), ["completed 8", "notify complete 8", "discard [7] [old]"]);
    let mut foreign = Bench::with_retained(config(), vec![retained(false)]);
    assert_eq!(foreign.coordinator.latest(), Some(CheckpointId(7)));
    foreign.at(10);
    assert_eq!(foreign.complete(8, &["new"]), ["completed 8", "notify complete 8"]);
}

#[test]
fn a_file_that_two_subtasks_have_from_one_before_them_goes_when_neither_needs_it() {
    let files = BTreeSet::from(["old".to_owned(), "half".to_owned()]);
    let mut b = Bench::with_retained(config(), vec![Retained { id: CheckpointId(4), files, owned: true }]);
    b.at(10);
    b.sources(5);
    b.ack(5, 0, &["old", "a"]);
    assert_eq!(b.ack(5, 1, &["old", "half", "b"]), ["store 5"]);
    assert_eq!(b.written(5), ["completed 5", "notify complete 5", "discard [4] []"]);
    assert_eq!(b.coordinator.stats().history[0].checkpointed_size_bytes, 20, "the others were there");
    b.at(20);
    b.sources(6);
    b.ack(6, 0, &["a"]);
    b.ack(6, 1, &["old", "b"]);
    assert_eq!(b.written(6), ["completed 6", "notify complete 6", "discard [5] [half]"]);
    b.at(30);
    b.sources(7);
    b.ack(7, 0, &["a"]);
    b.ack(7, 1, &["b"]);
    assert_eq!(b.written(7), ["completed 7", "notify complete 7", "discard [6] [old]"]);
}

#[test]
fn what_is_not_retained_goes_with_the_job_after_the_last_write() {
    let mut b = Bench::new(config());
    b.at(10);
    b.complete(1, &["a"]);
    b.at(20);
    b.sources(2);
    b.ack(2, 0, &["b"]);
    b.ack(2, 1, &[]);
    assert!(b.on(Event::Closed { delete: true }).is_empty());
    assert_eq!(b.written(2), ["completed 2", "discard [1] [a]", "discard [2] [b]"]);
}

#[test]
fn without_an_interval_nothing_is_due() {
    let mut b = Bench::new(CheckpointConfig { interval: None, ..config() });
    assert_eq!(b.coordinator.next_wakeup(), None);
    assert!(b.at(1_000_000).is_empty());
}
