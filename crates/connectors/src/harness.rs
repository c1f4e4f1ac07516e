//! For tests: runs a source without a runtime, stops it between any two events, and restores it at any parallelism.
//! Everything that is remembered goes through its encoding.

use flott_api::metrics::{MetricRegistry, OperatorMetrics};
use flott_api::sink::SinkContext;
use flott_api::source::{EnumeratorContext, ReaderContext};
use flott_api::{ReaderEvent, Source, SourceReader, SplitAssigner, SplitEnumerator, TaskInfo};
use flott_core::{AttemptId, Configuration, Error, JobId, MaxParallelism, OperatorId, Result, SubtaskIndex, codec};
use flott_env::Env;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// After this long without an end a test has failed.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn task_info(subtask: u32, parallelism: u32) -> TaskInfo {
    TaskInfo {
        job: JobId([0; 16]),
        job_name: "job".into(),
        operator: OperatorId::from_uid("op"),
        operator_name: "op".into(),
        subtask: SubtaskIndex(subtask),
        parallelism,
        max_parallelism: MaxParallelism::new(128).unwrap(),
        attempt: AttemptId(0),
    }
}

pub(crate) fn sink_context(env: &Env, subtask: u32, parallelism: u32, config: Configuration) -> SinkContext {
    SinkContext {
        env: env.clone(),
        info: task_info(subtask, parallelism),
        config: Arc::new(config),
        metrics: OperatorMetrics::new(&MetricRegistry::new(), Arc::new([])),
    }
}

/// A running source.
pub(crate) struct Job<S: Source> {
    env: Env,
    enumerator: S::Enumerator,
    readers: Vec<Reader<S>>,
    registry: MetricRegistry,
    pub(crate) rows_max: usize,
    parallelism: u32,
    patience: Duration,
}

pub(crate) struct Reader<S: Source> {
    pub(crate) reader: S::Reader,
    /// Rows in the order in which they came, with their splits.
    pub(crate) rows: Vec<(Arc<str>, S::Item)>,
    pub(crate) requests: usize,
    pub(crate) finished: Vec<Arc<str>>,
    pub(crate) has_ended: bool,
}

/// What is remembered, encoded.
#[derive(Clone)]
pub(crate) struct Checkpoint {
    enumerator: Vec<u8>,
    splits: Vec<Vec<u8>>,
}

impl<S: Source> Job<S> {
    pub(crate) fn start(source: &S, parallelism: u32) -> Result<Self> {
        Self::new(Env::real()?, source, parallelism, None)
    }

    pub(crate) fn restore(source: &S, parallelism: u32, checkpoint: &Checkpoint) -> Result<Self> {
        Self::new(Env::real()?, source, parallelism, Some(checkpoint))
    }

    fn new(env: Env, source: &S, parallelism: u32, checkpoint: Option<&Checkpoint>) -> Result<Self> {
        let config = Arc::new(Configuration::new());
        let cx = EnumeratorContext { env: env.clone(), parallelism, config: config.clone() };
        let restored = checkpoint.map(|c| codec::from_bytes(&c.enumerator)).transpose()?;
        let enumerator = source.create_enumerator(&cx, restored)?;
        let registry = MetricRegistry::new();
        let mut readers: Vec<Reader<S>> = Vec::new();
        for subtask in 0..parallelism {
            let cx = ReaderContext {
                env: env.clone(),
                info: task_info(subtask, parallelism),
                config: config.clone(),
                metrics: OperatorMetrics::new(&registry, Arc::new([("operator_name", "op".to_owned())])),
            };
            let reader = source.create_reader(&cx)?;
            readers.push(Reader { reader, rows: vec![], requests: 0, finished: vec![], has_ended: false });
        }
        let mut job = Job { env, enumerator, readers, registry, rows_max: 7, parallelism, patience: PATIENCE };
        let splits = checkpoint.map(|c| c.splits.clone()).unwrap_or_default();
        for (n, split) in splits.iter().enumerate() {
            job.readers[n % parallelism as usize].reader.add_splits(vec![codec::from_bytes(split)?])?;
        }
        job.discover()?;
        Ok(job)
    }

    /// Does what the enumerator wants to be done, whatever its delay; returns the delay.
    pub(crate) fn discover(&mut self) -> Result<Option<Duration>> {
        let Some(discovery) = self.enumerator.discover() else { return Ok(None) };
        let found = (discovery.find)()?;
        let mut assigner = SplitAssigner::new(self.parallelism);
        self.enumerator.on_discovered(found, &mut assigner)?;
        self.carry_out(assigner)?;
        Ok(Some(discovery.delay))
    }

    fn carry_out(&mut self, assigner: SplitAssigner<S::Split>) -> Result<()> {
        let (splits, no_more) = assigner.into_decisions();
        for (reader, split) in splits {
            let split = codec::from_bytes(&codec::to_bytes(&split)?)?;
            self.readers[reader.0 as usize].reader.add_splits(vec![split])?;
        }
        no_more.iter().for_each(|reader| self.readers[reader.0 as usize].reader.no_more_splits());
        Ok(())
    }

    /// Polls readers in turn until `is_enough` says so or all have ended.
    pub(crate) fn run_until(&mut self, is_enough: impl Fn(&[Reader<S>]) -> bool) -> Result<()> {
        let env = self.env.clone();
        let patience = self.patience;
        let work = std::future::poll_fn(|task| {
            let mut turn: VecDeque<usize> = (0..self.readers.len()).filter(|n| !self.readers[*n].has_ended).collect();
            while let Some(n) = turn.pop_front() {
                if is_enough(&self.readers) {
                    return Poll::Ready(Ok(()));
                }
                let reader = &mut self.readers[n];
                match reader.reader.poll_next(task, self.rows_max) {
                    Poll::Pending => continue,
                    Poll::Ready(Err(e)) => return Poll::Ready(Err(e)),
                    Poll::Ready(Ok(ReaderEvent::Rows { split, rows, .. })) => {
                        assert!(!rows.is_empty() && rows.len() <= self.rows_max);
                        reader.rows.extend(rows.into_iter().map(|row| (split.clone(), row)));
                    }
                    Poll::Ready(Ok(ReaderEvent::SplitFinished(split))) => reader.finished.push(split),
                    Poll::Ready(Ok(ReaderEvent::RequestSplit)) => {
                        reader.requests += 1;
                        let mut assigner = SplitAssigner::new(self.parallelism);
                        let asked = self.enumerator.on_split_request(SubtaskIndex(n as u32), &mut assigner);
                        if let Err(e) = asked.and_then(|()| self.carry_out(assigner)) {
                            return Poll::Ready(Err(e));
                        }
                    }
                    Poll::Ready(Ok(ReaderEvent::End)) => {
                        reader.has_ended = true;
                        continue;
                    }
                }
                turn.push_back(n);
            }
            let is_done = is_enough(&self.readers) || self.readers.iter().all(|r| r.has_ended);
            if is_done { Poll::Ready(Ok(())) } else { Poll::Pending }
        });
        let patient = env.clone();
        env.block_on(async move { patient.timeout(patience, work).await })
            .unwrap_or_else(|| Err(Error::internal("the test waits in vain")))
    }

    pub(crate) fn run_rows(&mut self, rows: usize) -> Result<()> {
        self.run_until(|readers| readers.iter().map(|r| r.rows.len()).sum::<usize>() >= rows)
    }

    /// Whether no row comes for a while.
    pub(crate) fn is_idle(&mut self) -> bool {
        let count = |readers: &[Reader<S>]| readers.iter().map(|r| r.rows.len()).sum::<usize>();
        let before = count(&self.readers);
        self.patience = Duration::from_millis(50);
        let ran = self.run_until(|readers| count(readers) > before);
        self.patience = PATIENCE;
        ran.is_err()
    }

    pub(crate) fn run(&mut self) -> Result<()> {
        self.run_until(|_| false)
    }

    pub(crate) fn checkpoint(&mut self) -> Checkpoint {
        let mut splits = Vec::new();
        for reader in &mut self.readers {
            splits.extend(reader.reader.snapshot().unwrap().iter().map(|split| codec::to_bytes(split).unwrap()));
        }
        Checkpoint { enumerator: codec::to_bytes(&self.enumerator.snapshot().unwrap()).unwrap(), splits }
    }

    /// How many splits the readers remember.
    pub(crate) fn checkpoint_splits(&mut self) -> usize {
        self.checkpoint().splits.len()
    }

    /// All rows, reader after reader.
    pub(crate) fn rows(&self) -> Vec<S::Item> {
        self.readers.iter().flat_map(|r| &r.rows).map(|(_, row)| row.clone()).collect()
    }

    pub(crate) fn readers(&mut self) -> &mut [Reader<S>] {
        &mut self.readers
    }

    pub(crate) fn enumerator(&mut self) -> &mut S::Enumerator {
        &mut self.enumerator
    }

    pub(crate) fn metric(&self, name: &str) -> i64 {
        self.registry.sum(name, "operator_name", "op")
    }
}

/// Every row of a source, sorted.
pub(crate) fn sorted<T: Ord>(mut rows: Vec<T>) -> Vec<T> {
    rows.sort();
    rows
}
