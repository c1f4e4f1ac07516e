//! Tasks that do what real ones do towards the job master, and nothing else: they read numbers, keep them as
//! committables, take snapshots with a chain of files, commit on completion, restore and release; and they fail, hang,
//! lose and repeat messages as a seed says.

use super::numbers::Range;
use crate::job::{Deployment, Place, TaskGateway};
use bytes::Bytes;
use flott_api::control::{CheckpointTimes, TaskCommand, TaskEvent, TaskId};
use flott_core::{AttemptId, Barrier, BarrierKind, CheckpointId, Error, KeyGroupRange, OperatorId, Result, codec};
use flott_env::Env;
use flott_state::checkpoint::{JobCheckpoints, SubtaskRestore};
use flott_state::{Blob, KeyedSnapshot, ListSnapshot, OperatorSnapshot, Redistribution, SubtaskSnapshot};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Committed numbers, by committable: the outside world, which outlives every process.
pub type Output = Arc<Mutex<BTreeMap<String, Vec<u64>>>>;

/// How often what goes wrong.
#[derive(Clone, Copy, Default)]
pub struct Faults {
    /// Per number read.
    pub task: f64,
    /// Per deployment.
    pub deploy: f64,
    /// Per snapshot.
    pub decline: f64,
    pub lost_ack: f64,
    pub repeated_ack: f64,
    /// Per attempt: a task that does not stop when it is told to.
    pub hang: f64,
    /// Per command: the task's queue is full.
    pub full: f64,
}

/// Where a task takes commands, and where it is stopped.
type Ends = (mpsc::Sender<TaskCommand>, watch::Sender<bool>);

pub struct Cluster {
    pub env: Env,
    pub source: OperatorId,
    pub faults: Faults,
    pub output: Output,
    pub events: mpsc::Sender<(TaskId, TaskEvent)>,
    /// Distinguishes committables of one process from those of the next.
    pub process: u64,
    pub sources: BTreeSet<Place>,
    pub others: BTreeSet<Place>,
    pub running: Mutex<BTreeMap<TaskId, Ends>>,
    /// Limits of watermark alignment that tasks were told.
    pub limits: Mutex<Vec<i64>>,
}

impl TaskGateway for Cluster {
    fn deploy(&self, deployment: Deployment) -> Result<()> {
        if self.env.random_f64() < self.faults.deploy {
            return Err(Error::unavailable("no slots just now"));
        }
        for place in self.sources.iter().chain(&self.others) {
            let id = TaskId { vertex: place.0, subtask: place.1, attempt: deployment.attempt };
            let (commands, mailbox) = mpsc::channel(64);
            let (cancel, cancelled) = watch::channel(false);
            let task = Task {
                id,
                env: self.env.clone(),
                operator: if self.sources.contains(place) { self.source } else { other_operator() },
                faults: self.faults,
                output: self.output.clone(),
                events: self.events.clone(),
                checkpoints: deployment.checkpoints.clone(),
                name: format!("{}-{id}", self.process),
                ranges: Vec::new(),
                current: Vec::new(),
                committables: BTreeMap::new(),
                chain: Vec::new(),
                // Those that read nothing end when they please.
                no_more: !self.sources.contains(place),
                requested: false,
                ended: false,
            };
            let restore = deployment.restore.get(place).and_then(|r| r.get(&task.operator)).cloned();
            self.running.lock().unwrap().insert(id, (commands, cancel));
            self.env.spawn(task.run(restore, deployment.restore_files.clone(), mailbox, cancelled)).detach();
        }
        Ok(())
    }

    fn send(&self, task: TaskId, command: TaskCommand) -> Result<()> {
        if self.env.random_f64() < self.faults.full {
            return Err(Error::unavailable(format!("{task} takes no commands")));
        }
        if let TaskCommand::AlignWatermark { limit, .. } = &command {
            self.limits.lock().unwrap().push(limit.0);
        }
        match self.running.lock().unwrap().get(&task) {
            Some((commands, _)) => drop(commands.try_send(command)),
            None => panic!("a command to {task}, which was never deployed"),
        }
        Ok(())
    }

    fn cancel(&self, attempt: AttemptId) {
        let running = self.running.lock().unwrap();
        for (_, (_, cancel)) in running.iter().filter(|(task, _)| task.attempt == attempt) {
            let _ = cancel.send(true);
        }
    }
}

pub fn other_operator() -> OperatorId {
    OperatorId::from_uid("other")
}

/// A file of a chain, written at most once.
struct ChainFile {
    path: String,
    is_written: AtomicBool,
}

struct Task {
    id: TaskId,
    env: Env,
    operator: OperatorId,
    faults: Faults,
    output: Output,
    events: mpsc::Sender<(TaskId, TaskEvent)>,
    checkpoints: JobCheckpoints,
    name: String,
    ranges: Vec<Range>,
    /// Read since the last barrier.
    current: Vec<u64>,
    committables: BTreeMap<String, (u64, Vec<u64>)>,
    chain: Vec<Arc<ChainFile>>,
    no_more: bool,
    requested: bool,
    ended: bool,
}

impl Task {
    async fn run(
        mut self,
        restore: Option<SubtaskRestore>,
        files: JobCheckpoints,
        mut commands: mpsc::Receiver<TaskCommand>,
        mut cancelled: watch::Receiver<bool>,
    ) {
        let hangs = self.chance() < self.faults.hang;
        let events = self.events.clone();
        let (id, env) = (self.id, self.env.clone());
        let last = tokio::select! {
            ended = self.work(restore, files, &mut commands) => match ended {
                Ok(()) => TaskEvent::Gone,
                Err(error) => TaskEvent::Failed(error),
            },
            () = async { drop(cancelled.wait_for(|c| *c).await) } => {
                if hangs {
                    return;
                }
                TaskEvent::Gone
            }
        };
        env.sleep(Duration::from_millis(env.random() % 20)).await;
        let _ = events.send((id, last)).await;
    }

    async fn work(
        &mut self,
        restore: Option<SubtaskRestore>,
        files: JobCheckpoints,
        commands: &mut mpsc::Receiver<TaskCommand>,
    ) -> Result<()> {
        self.pause(50).await;
        if let Some(restore) = restore {
            self.restore(restore, &files).await?;
        }
        self.say(TaskEvent::Running).await;
        loop {
            let nap = Duration::from_millis(1 + self.env.random() % 20);
            let env = self.env.clone();
            tokio::select! {
                biased;
                command = commands.recv() => match command {
                    None => return Ok(()),
                    Some(TaskCommand::Release) => {
                        self.cut(u64::MAX);
                        self.commit(u64::MAX);
                        return Ok(());
                    }
                    Some(command) => self.on(command).await,
                },
                () = env.sleep(nap) => self.read().await?,
            }
        }
    }

    async fn restore(&mut self, restore: SubtaskRestore, files: &JobCheckpoints) -> Result<()> {
        for blob in restore.keyed.iter().flat_map(|k| &k.files) {
            // Every file of the chain must be there.
            files.read(blob.path().unwrap_or_default()).await?;
        }
        for (name, list) in &restore.lists {
            for piece in &list.pieces {
                let bytes = files.read_blob(&piece.blob).await?;
                for item in &piece.items {
                    let item = &bytes[item.offset as usize..][..item.len as usize];
                    if name == "splits" {
                        self.ranges.push(Range::decode(item));
                    } else {
                        let (id, numbers) = codec::from_bytes::<(String, Vec<u64>)>(item)?;
                        // Complete with the checkpoint, so committed again.
                        self.output.lock().unwrap().insert(id, numbers);
                    }
                }
            }
        }
        if restore.finished {
            self.no_more = true;
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<()> {
        if self.ended {
            return Ok(());
        }
        if self.chance() < self.faults.task {
            return Err(Error::data("a number that nobody likes"));
        }
        if let Some(range) = self.ranges.last_mut() {
            if range.at < range.end {
                self.current.push(range.at);
                range.at += 1;
                let watermark = flott_core::Watermark(range.at as i64);
                self.say(TaskEvent::SourceWatermark { operator: self.operator, watermark }).await;
            } else {
                self.ranges.pop();
            }
        } else if self.no_more {
            if self.chance() < 0.1 {
                self.ended = true;
                self.say(TaskEvent::Ended).await;
            }
        } else if !self.requested {
            self.requested = true;
            self.say(TaskEvent::RequestSplit { operator: self.operator }).await;
        }
        Ok(())
    }

    async fn on(&mut self, command: TaskCommand) {
        match command {
            TaskCommand::AddSplits { splits, .. } => {
                self.requested = false;
                self.ranges.extend(splits.iter().map(|s| Range::decode(&s.bytes)));
            }
            TaskCommand::NoMoreSplits { .. } => self.no_more = true,
            TaskCommand::Trigger(barrier, _) => self.snapshot(barrier).await,
            TaskCommand::Complete(id) => self.commit(id.0),
            TaskCommand::Abort(_) | TaskCommand::AlignWatermark { .. } | TaskCommand::Query(_) => {}
            TaskCommand::Release | TaskCommand::Cancel => unreachable!("handled elsewhere"),
        }
    }

    /// Ends the committable that is being filled.
    fn cut(&mut self, checkpoint: u64) {
        let numbers = std::mem::take(&mut self.current);
        if !numbers.is_empty() {
            self.committables.insert(format!("{}-{checkpoint}", self.name), (checkpoint, numbers));
        }
    }

    fn commit(&mut self, up_to: u64) {
        let mut output = self.output.lock().unwrap();
        self.committables.retain(|id, (checkpoint, numbers)| {
            if *checkpoint <= up_to {
                output.insert(id.clone(), numbers.clone());
            }
            *checkpoint > up_to
        });
    }

    async fn snapshot(&mut self, barrier: Barrier) {
        let id = barrier.checkpoint;
        assert_eq!(barrier.kind, BarrierKind::Checkpoint);
        self.cut(id.0);
        if self.chance() < self.faults.decline {
            return self.say(TaskEvent::Decline { checkpoint: id, error: Error::unavailable("no room") }).await;
        }
        if self.chain.len() >= 4 {
            self.chain.clear();
        }
        let path = self.checkpoints.new_shared_file();
        self.chain.push(Arc::new(ChainFile { path, is_written: AtomicBool::new(false) }));
        let splits = self.ranges.iter().map(|r| r.encode().bytes).collect();
        let committables = self.committables.iter().map(|(id, (_, n))| codec::to_bytes(&(id, n)).unwrap()).collect();
        let lists = BTreeMap::from([
            ("splits".to_owned(), list(splits, &self.checkpoints, id).await),
            ("committables".to_owned(), list(committables, &self.checkpoints, id).await),
        ]);
        let upload = Upload {
            task: self.id,
            operator: self.operator,
            finished: self.ended,
            lists,
            chain: self.chain.clone(),
            faults: self.faults,
            checkpoints: self.checkpoints.clone(),
            env: self.env.clone(),
            events: self.events.clone(),
        };
        // It outlives the task, as an upload that nobody can call back does.
        self.env.spawn(upload.run(id)).detach();
    }

    async fn say(&self, event: TaskEvent) {
        let _ = self.events.send((self.id, event)).await;
    }

    async fn pause(&self, longest_ms: u64) {
        self.env.sleep(Duration::from_millis(self.env.random() % longest_ms)).await;
    }

    fn chance(&self) -> f64 {
        self.env.random_f64()
    }
}

/// Inline as a rule, and a file of the checkpoint now and then.
async fn list(items: Vec<Vec<u8>>, checkpoints: &JobCheckpoints, id: CheckpointId) -> ListSnapshot {
    let lengths = items.iter().map(|i| i.len() as u32).collect();
    let bytes = items.concat();
    let items = match checkpoints.write_blob(id, bytes.clone(), 40).await {
        Ok(blob) => blob,
        Err(_) => Blob::Inline(bytes),
    };
    ListSnapshot { redistribution: Redistribution::Split, schema: None, lengths, items }
}

/// The asynchronous part of a snapshot.
struct Upload {
    task: TaskId,
    operator: OperatorId,
    finished: bool,
    lists: BTreeMap<String, ListSnapshot>,
    chain: Vec<Arc<ChainFile>>,
    faults: Faults,
    checkpoints: JobCheckpoints,
    env: Env,
    events: mpsc::Sender<(TaskId, TaskEvent)>,
}

impl Upload {
    async fn run(self, checkpoint: CheckpointId) {
        let long = self.env.random().is_multiple_of(10);
        self.env.sleep(Duration::from_millis(self.env.random() % if long { 4000 } else { 100 })).await;
        for file in &self.chain {
            if file.is_written.load(Ordering::Relaxed) {
                continue;
            }
            if let Err(error) = self.checkpoints.write(&file.path, Bytes::from_static(b"state")).await {
                return self.say(TaskEvent::Decline { checkpoint, error }).await;
            }
            file.is_written.store(true, Ordering::Relaxed);
        }
        if self.env.random_f64() < self.faults.lost_ack {
            return;
        }
        let times = if self.env.random_f64() < self.faults.repeated_ack { 2 } else { 1 };
        for _ in 0..times {
            let snapshot = self.describe();
            self.say(TaskEvent::Acknowledge { checkpoint, snapshot, times: CheckpointTimes::default() }).await;
            self.env.sleep(Duration::from_millis(self.env.random() % 500)).await;
        }
    }

    fn describe(&self) -> SubtaskSnapshot {
        let files = self.chain.iter().map(|f| Blob::File { path: f.path.clone(), len: 5, sum: 0 }).collect();
        let keyed = Some(KeyedSnapshot {
            range: KeyGroupRange { start: 0, end: 128 },
            files,
            states: Vec::new(),
            store: None,
            tables: Vec::new(),
        });
        let operator = OperatorSnapshot { keyed, lists: self.lists.clone(), in_flight: None };
        SubtaskSnapshot { operators: vec![(self.operator, operator)], finished: self.finished }
    }

    async fn say(&self, event: TaskEvent) {
        let _ = self.events.send((self.task, event)).await;
    }
}
