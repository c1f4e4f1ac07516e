//! What an operator is given with every call: who it is, what time it is, and what it remembers.

use crate::metrics::OperatorMetrics;
use flott_core::{
    AttemptId, Error, JobId, Key, MaxParallelism, OperatorId, ProcessingTime, Result, SubtaskIndex, Watermark,
};
use flott_core::{Configuration, KeyGroupRange};
use flott_env::Env;
use flott_state::{AnyKeyedState, KeyedState, OperatorState};
use std::sync::Arc;

/// Whether results are updated as records come, or given once at the end of bounded input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeMode {
    /// Records and watermarks flow as they come; checkpoints are taken.
    Streaming,
    /// Input is bounded; only final results are emitted and there are no checkpoints.
    Batch,
}

/// Which operator, in which subtask, of which run.
#[derive(Clone, Debug)]
pub struct TaskInfo {
    /// The job.
    pub job: JobId,
    /// The job's name.
    pub job_name: Arc<str>,
    /// The operator across versions of the job.
    pub operator: OperatorId,
    /// The operator's name as the user gave it or as made from what it does.
    pub operator_name: Arc<str>,
    /// Which of the parallel instances.
    pub subtask: SubtaskIndex,
    /// How many instances there are.
    pub parallelism: u32,
    /// How many key groups the operator has.
    pub max_parallelism: MaxParallelism,
    /// Which run of the job.
    pub attempt: AttemptId,
}

impl TaskInfo {
    /// The key groups that this subtask owns.
    pub fn key_groups(&self) -> KeyGroupRange {
        self.max_parallelism.range(self.subtask.0, self.parallelism)
    }
}

/// The operator's surroundings. The runtime owns it and snapshots the state in it; fields are public so that an
/// operator can hold its state and its metrics at the same time.
pub struct OperatorContext {
    /// Who the operator is.
    pub info: TaskInfo,
    /// The world.
    pub env: Env,
    /// Streaming or batch.
    pub mode: RuntimeMode,
    /// What the user has set.
    pub config: Arc<Configuration>,
    /// The operator's event time: every record with a time `<=` it is late. Already moved on when timers fire.
    pub watermark: Watermark,
    /// Keyed state, if the operator follows a `key_by`.
    pub keyed: Option<Box<dyn AnyKeyedState>>,
    /// Non-keyed state.
    pub state: OperatorState,
    /// The operator's counters.
    pub metrics: OperatorMetrics,
    /// Whether the operator was restored from a checkpoint.
    pub restored: bool,
    wakeup: Option<ProcessingTime>,
}

impl OperatorContext {
    /// Surroundings without any history.
    pub fn new(
        info: TaskInfo,
        env: Env,
        mode: RuntimeMode,
        config: Arc<Configuration>,
        metrics: OperatorMetrics,
    ) -> Self {
        OperatorContext {
            info,
            env,
            mode,
            config,
            watermark: Watermark::MIN,
            keyed: None,
            state: OperatorState::new(),
            metrics,
            restored: false,
            wakeup: None,
        }
    }

    /// The keyed state with its key type.
    ///
    /// # Errors
    /// `Internal` when the operator has no keyed state or its keys are of another type.
    pub fn keyed<K: Key>(&mut self) -> Result<&mut KeyedState<K>> {
        keyed_of(&mut self.keyed)
    }

    /// Asks that [`crate::Operator::advance_processing_time`] be called at `time` or soon after. Several wishes are
    /// all met by the earliest; the operator asks again for the others.
    pub fn wake_at(&mut self, time: ProcessingTime) {
        self.wakeup = Some(self.wakeup.map_or(time, |earlier| earlier.min(time)));
    }

    /// When the operator wants to be called next: its own wish or its first processing-time timer.
    pub fn next_wakeup(&self) -> Option<ProcessingTime> {
        let timer = self.keyed.as_ref().and_then(|k| k.next_processing_timer());
        [self.wakeup, timer].into_iter().flatten().min()
    }

    /// Forgets the operator's own wish, which is being met.
    pub fn clear_wakeup(&mut self) {
        self.wakeup = None;
    }
}

/// The keyed state with its key type, borrowing nothing else of the context.
///
/// # Errors
/// `Internal` when there is none or its keys are of another type.
pub fn keyed_of<K: Key>(keyed: &mut Option<Box<dyn AnyKeyedState>>) -> Result<&mut KeyedState<K>> {
    keyed.as_mut().ok_or_else(|| Error::internal("the operator has no keyed state"))?.of::<K>()
}
