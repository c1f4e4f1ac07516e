//! Drives an operator as the runtime does: batches, watermarks, the clock, snapshots, the end. For tests.

use flott_api::key_selector::Owned;
use flott_api::metrics::{MetricRegistry, OperatorMetrics};
use flott_api::operator::{Progress, Readiness};
use flott_api::{Operator, OperatorContext, OperatorFactory, Output, RuntimeMode, TaskInfo};
use flott_core::{AttemptId, Batch, Configuration, Data, EventTime, JobId, Key, KeyGroup, MaxParallelism, OperatorId};
use flott_core::{Payload, ProcessingTime, Result, SubtaskIndex, Watermark};
use flott_env::Env;
use flott_state::canonical::{Chunk, StateDescription};
use flott_state::keyed::{KeyedPart, RowWalk, SnapshotKind};
use flott_state::store::{ABOUT_GROUP, MemoryBackend, OpenStore, RestoredStore, StateBackend};
use flott_state::{EncodedList, Redistribution, WorkingSet};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Waker};

/// The selector of a closure.
pub fn by<T: 'static, K: Key>(select: impl Fn(&T) -> K + Send + Sync + 'static) -> crate::Selector<T, K> {
    Arc::new(Owned::new(select))
}

/// A world for tests that do not look at the clock.
fn some_env() -> Env {
    static ENV: OnceLock<Env> = OnceLock::new();
    ENV.get_or_init(|| Env::real().unwrap()).clone()
}

/// What an operator has given out.
#[derive(Debug)]
pub enum Out {
    Rows(Batch),
    Side(String, Batch),
    Watermark(i64),
    Idle,
}

#[derive(Default)]
struct Collected(Vec<Out>);

impl Output for Collected {
    fn emit(&mut self, batch: Batch) -> Result<()> {
        self.0.push(Out::Rows(batch));
        Ok(())
    }
    fn emit_side(&mut self, tag: &str, batch: Batch) -> Result<()> {
        self.0.push(Out::Side(tag.to_owned(), batch));
        Ok(())
    }
    fn watermark(&mut self, watermark: Watermark) -> Result<()> {
        self.0.push(Out::Watermark(watermark.0));
        Ok(())
    }
    fn idle(&mut self) -> Result<()> {
        self.0.push(Out::Idle);
        Ok(())
    }
}

mod fleet;

pub use fleet::{Fleet, Move};

/// What one subtask remembers.
#[derive(Clone)]
pub struct Snapshot {
    keyed: Vec<bytes::Bytes>,
    store: Option<(RestoredStore, Arc<tempfile::TempDir>)>,
    states: Vec<Arc<StateDescription>>,
    rows: BTreeMap<String, (Arc<StateDescription>, Chunk)>,
    lists: Vec<EncodedList>,
}

/// How a harness is to be set up.
pub struct Setup {
    pub env: Option<Env>,
    pub mode: RuntimeMode,
    pub subtask: u32,
    pub parallelism: u32,
    pub config: Configuration,
    pub restore: Vec<Snapshot>,
    pub inputs: usize,
    /// Keyed state lies on a store, and about so many bytes of it are in memory.
    pub store: Option<usize>,
}

impl Default for Setup {
    fn default() -> Self {
        Setup {
            env: None,
            mode: RuntimeMode::Streaming,
            subtask: 0,
            parallelism: 1,
            config: Configuration::new(),
            restore: Vec::new(),
            inputs: 1,
            store: None,
        }
    }
}

/// An operator in its surroundings.
pub struct Harness {
    operator: Box<dyn Operator>,
    pub cx: OperatorContext,
    out: Collected,
    inputs: usize,
    is_on_store: bool,
}

pub const MAX: u32 = 128;

impl Harness {
    pub fn new(factory: impl OperatorFactory) -> Harness {
        Harness::with(&factory, Setup::default()).unwrap()
    }

    pub fn batch_mode(factory: impl OperatorFactory, inputs: usize) -> Harness {
        Harness::with(&factory, Setup { mode: RuntimeMode::Batch, inputs, ..Setup::default() }).unwrap()
    }

    pub fn on(env: &Env, factory: impl OperatorFactory) -> Harness {
        Harness::with(&factory, Setup { env: Some(env.clone()), ..Setup::default() }).unwrap()
    }

    pub fn with(factory: &dyn OperatorFactory, setup: Setup) -> Result<Harness> {
        let max = MaxParallelism::new(MAX).unwrap();
        let info = TaskInfo {
            job: JobId([0; 16]),
            job_name: "job".into(),
            operator: OperatorId::from_uid("operator"),
            operator_name: "operator".into(),
            subtask: SubtaskIndex(setup.subtask),
            parallelism: setup.parallelism,
            max_parallelism: max,
            attempt: AttemptId(0),
        };
        let range = info.key_groups();
        let metrics = OperatorMetrics::new(&MetricRegistry::new(), [].into());
        let env = setup.env.unwrap_or_else(some_env);
        let mut cx = OperatorContext::new(info, env, setup.mode, Arc::new(setup.config), metrics);
        cx.keyed = factory.keyed_state(max, range);
        cx.restored = !setup.restore.is_empty();
        if let (Some(bytes), Some(keyed)) = (setup.store, &mut cx.keyed) {
            let of = |snapshot: &Snapshot| snapshot.store.as_ref().map(|(store, _)| store.clone());
            let restored = setup.restore.iter().filter_map(of).filter(|store| store.range.intersects(range)).collect();
            let open = OpenStore { folder: PathBuf::new(), range, restored, config: &cx.config };
            keyed.use_store(MemoryBackend.open(open)?, Default::default(), WorkingSet::fixed(bytes))?;
        }
        let mut dealt = 0;
        for (n, snapshot) in setup.restore.into_iter().enumerate() {
            if let Some(keyed) = &mut cx.keyed {
                keyed.describe_restored(&snapshot.states);
                snapshot.keyed.into_iter().try_for_each(|file| keyed.restore(file))?;
                for (state, rows) in snapshot.rows.values() {
                    keyed.restore_rows(state, rows)?;
                    keyed.finish_rows(&state.name, KeyGroup(u16::MAX))?;
                }
            }
            for EncodedList { name, redistribution, schema, items } in snapshot.lists {
                let items = match redistribution {
                    Redistribution::Union => items,
                    Redistribution::Broadcast if n == 0 => items,
                    Redistribution::Broadcast => continue,
                    Redistribution::Split => {
                        let mut mine = Vec::new();
                        for item in items {
                            if dealt % setup.parallelism == setup.subtask {
                                mine.push(item);
                            }
                            dealt += 1;
                        }
                        mine
                    }
                };
                cx.state.restore(EncodedList { name, redistribution, schema, items })?;
            }
        }
        let mut operator = factory.create()?;
        operator.open(&mut cx)?;
        Ok(Harness {
            operator,
            cx,
            out: Collected::default(),
            inputs: setup.inputs,
            is_on_store: setup.store.is_some(),
        })
    }

    /// Sends rows without times to the first input.
    pub fn process<T: Data>(&mut self, rows: Vec<T>) -> Result<()> {
        self.send(0, Batch::of(rows))
    }

    /// Sends rows with times to the first input.
    pub fn process_timed<T: Data>(&mut self, rows: Vec<(T, i64)>) -> Result<()> {
        self.process_on(0, rows)
    }

    /// Sends rows with times to an input.
    pub fn process_on<T: Data>(&mut self, input: usize, rows: Vec<(T, i64)>) -> Result<()> {
        let (rows, times): (Vec<T>, Vec<EventTime>) =
            rows.into_iter().map(|(row, time)| (row, EventTime(time))).unzip();
        self.send(input, Batch::timed(rows, Some(times)))
    }

    pub fn send(&mut self, input: usize, batch: Batch) -> Result<()> {
        let now = self.cx.env.now();
        if let Some(keyed) = &mut self.cx.keyed {
            keyed.set_now(now);
        }
        self.operator.process(input, batch, &mut self.cx, &mut self.out)?;
        self.settle()
    }

    /// What the runtime does between two slices of work.
    fn settle(&mut self) -> Result<()> {
        self.cx.keyed.as_mut().map_or(Ok(()), |keyed| keyed.settle())
    }

    /// The event time of all inputs reaches `watermark`.
    pub fn watermark(&mut self, watermark: i64) -> Result<()> {
        let watermark = Watermark(watermark);
        if watermark <= self.cx.watermark {
            return Ok(());
        }
        self.cx.watermark = watermark;
        while self.operator.advance_event_time(watermark, &mut self.cx, &mut self.out)? == Progress::More {
            self.settle()?;
        }
        self.operator.on_watermark(watermark, &mut self.cx, &mut self.out)
    }

    pub fn idle(&mut self) {
        self.operator.on_idle(&mut self.cx, &mut self.out).unwrap();
    }

    /// Calls the operator if it wants to be called by now.
    pub fn tick(&mut self) -> Result<()> {
        let now = self.cx.env.now();
        if self.cx.mode == RuntimeMode::Batch || self.cx.next_wakeup().is_none_or(|time| time > now) {
            return Ok(());
        }
        self.cx.clear_wakeup();
        if let Some(keyed) = &mut self.cx.keyed {
            keyed.set_now(now);
        }
        while self.operator.advance_processing_time(now, &mut self.cx, &mut self.out)? == Progress::More {}
        Ok(())
    }

    /// Lets the simulated clock run for `millis`, calling the operator whenever it wants to be called.
    pub async fn run_for(&mut self, millis: i64) {
        let env = self.cx.env.clone();
        let end = ProcessingTime(env.now().0 + millis);
        loop {
            self.tick().unwrap();
            match self.cx.next_wakeup().filter(|time| *time <= end) {
                Some(time) => env.sleep_until(time).await,
                None => break,
            }
        }
        env.sleep_until(end).await;
        self.tick().unwrap();
    }

    pub fn poll(&mut self) -> Result<Readiness> {
        self.operator.poll(&mut Context::from_waker(Waker::noop()), &mut self.cx, &mut self.out)
    }

    /// Waits until the operator takes input.
    pub async fn ready(&mut self) -> Result<()> {
        let Harness { operator, cx, out, .. } = self;
        std::future::poll_fn(|task| match operator.poll(task, cx, out) {
            Ok(Readiness::Ready) => std::task::Poll::Ready(Ok(())),
            Ok(Readiness::Busy) => std::task::Poll::Pending,
            Err(e) => std::task::Poll::Ready(Err(e)),
        })
        .await
    }

    pub fn end_input(&mut self, input: usize) -> Result<()> {
        self.operator.end_input(input, &mut self.cx, &mut self.out)
    }

    /// The bounded input ends.
    pub fn finish(&mut self) -> Result<()> {
        for input in 0..self.inputs {
            self.end_input(input)?;
        }
        self.watermark(i64::MAX)?;
        while self.operator.finish(&mut self.cx, &mut self.out)? == Progress::More {}
        Ok(())
    }

    /// As [`Harness::finish`], for operators that wait for something.
    pub async fn finish_waiting(&mut self) -> Result<()> {
        for input in 0..self.inputs {
            self.end_input(input)?;
        }
        self.watermark(i64::MAX)?;
        while self.operator.finish(&mut self.cx, &mut self.out)? == Progress::More {
            self.ready().await?;
        }
        Ok(())
    }

    pub fn snapshot(&mut self) -> Snapshot {
        self.snapshot_of(SnapshotKind::Full)
    }

    /// As rows, which the heap and stores take.
    pub fn savepoint(&mut self) -> Snapshot {
        self.snapshot_of(SnapshotKind::Savepoint)
    }

    fn snapshot_of(&mut self, kind: SnapshotKind) -> Snapshot {
        self.operator.before_barrier(&mut self.cx, &mut self.out).unwrap();
        let lists = self.cx.state.snapshot().unwrap();
        let (states, rows) = (Vec::new(), BTreeMap::new());
        let mut snapshot = Snapshot { keyed: Vec::new(), store: None, states, rows, lists };
        let Some(keyed) = &mut self.cx.keyed else { return snapshot };
        let mut files = 0;
        let mut name_file = || {
            files += 1;
            format!("file-{files}")
        };
        let part = keyed.snapshot_at_once(kind, &mut name_file).unwrap();
        let mut walk = match part {
            KeyedPart::Files(files) if kind == SnapshotKind::Savepoint => RowWalk::of_files(files),
            KeyedPart::Files(files) => {
                snapshot.keyed = files.files.iter().map(|f| f.unwritten().unwrap()).collect();
                return snapshot;
            }
            KeyedPart::Store(store) if kind == SnapshotKind::Savepoint => {
                RowWalk::of_store(store.store(), store.range(), store.states())
            }
            KeyedPart::Store(store) => {
                let (folder, range) = (tempfile::tempdir().unwrap(), store.range());
                let restored = RestoredStore { range, folder: folder.path().join("store") };
                store.files(&restored.folder).unwrap();
                snapshot.states = store.states().to_vec();
                snapshot.store = Some((restored, Arc::new(folder)));
                return snapshot;
            }
        };
        let rows = &mut snapshot.rows;
        let mut take = |state: &Arc<StateDescription>, row: flott_state::canonical::Row<'_>| {
            rows.entry(state.name.clone()).or_insert_with(|| (state.clone(), Chunk::new())).1.push(row);
            Ok(())
        };
        while walk.next(&mut take).unwrap() {}
        snapshot
    }

    /// Everything given out since the last time, in order.
    pub fn take_all(&mut self) -> Vec<Out> {
        std::mem::take(&mut self.out.0)
    }

    /// Number of batches given out and not taken.
    pub fn batches(&self) -> usize {
        self.out.0.iter().filter(|o| matches!(o, Out::Rows(_))).count()
    }

    /// The rows of the main output, with their times. Forgets all else.
    pub fn take_timed<T: Data>(&mut self) -> Vec<(T, Option<i64>)> {
        let rows = self.take_all().into_iter().filter_map(|o| match o {
            Out::Rows(batch) => Some(batch),
            _ => None,
        });
        rows.flat_map(timed_rows).collect()
    }

    /// The rows of the main output. Forgets all else.
    pub fn take<T: Data>(&mut self) -> Vec<T> {
        self.take_timed().into_iter().map(|(row, _)| row).collect()
    }

    /// The rows of a side output, with their times. Keeps all else.
    pub fn take_side<T: Data>(&mut self, tag: &str) -> Vec<(T, Option<i64>)> {
        let (side, rest) = self.take_all().into_iter().partition(|o| matches!(o, Out::Side(t, _) if t == tag));
        self.out.0 = rest;
        let side: Vec<Out> = side;
        let batches = side.into_iter().filter_map(|o| match o {
            Out::Side(_, batch) => Some(batch),
            _ => None,
        });
        batches.flat_map(timed_rows).collect()
    }

    /// The watermarks given out. Forgets all else.
    pub fn take_watermarks(&mut self) -> Vec<i64> {
        let watermark = |o| match o {
            Out::Watermark(watermark) => Some(watermark),
            _ => None,
        };
        self.take_all().into_iter().filter_map(watermark).collect()
    }

    /// Number of entries of keyed state, timers included: those in memory, or all that are on the store.
    pub fn entries(&mut self) -> usize {
        let Some(keyed) = &mut self.cx.keyed else { return 0 };
        if !self.is_on_store {
            return keyed.entry_count();
        }
        let part = keyed.snapshot_at_once(SnapshotKind::Full, &mut String::new).unwrap();
        let KeyedPart::Store(snapshot) = part else { panic!("state on a store is in the store") };
        let mut count = 0;
        let count_one = &mut |_: &[u8], _: &[u8]| {
            count += 1;
            Ok(true)
        };
        snapshot.store().scan(&[], &ABOUT_GROUP.0.to_be_bytes(), count_one).unwrap();
        count
    }

    /// Number of entries of keyed state that are in memory.
    pub fn in_memory(&self) -> usize {
        self.cx.keyed.as_ref().map_or(0, |k| k.entry_count())
    }
}

fn timed_rows<T: Data>(batch: Batch) -> Vec<(T, Option<i64>)> {
    let is_typed = matches!(batch.payload(), Payload::Rows(_));
    assert!(is_typed, "typed rows are expected");
    let (rows, times) = batch.into_rows::<T>().unwrap();
    let times: Vec<Option<i64>> = match times {
        Some(times) => times.into_iter().map(|t| Some(t.0)).collect(),
        None => vec![None; rows.len()],
    };
    rows.into_iter().zip(times).collect()
}

/// Rows as they were given, in one line per kind of output: handy for whole courses of events.
pub fn describe<T: Data + std::fmt::Debug>(outs: Vec<Out>) -> Vec<String> {
    let mut lines = Vec::new();
    for out in outs {
        match out {
            Out::Rows(batch) => lines.extend(timed_rows::<T>(batch).into_iter().map(|(row, _)| format!("{row:?}"))),
            Out::Side(tag, batch) => {
                lines.extend(timed_rows::<T>(batch).into_iter().map(|(row, _)| format!("{tag}: {row:?}")));
            }
            Out::Watermark(i64::MAX) => lines.push("watermark end".to_owned()),
            Out::Watermark(watermark) => lines.push(format!("watermark {watermark}")),
            Out::Idle => lines.push("idle".to_owned()),
        }
    }
    lines
}
