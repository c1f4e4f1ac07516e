//! What a task is made from: everything a TaskManager hands to a slot.

use crate::exchange::{BatchRows, Port};
use crate::input::{BarrierRule, Input};
use flott_api::RuntimeMode;
use flott_api::control::{TaskCommand, TaskEvent, TaskId};
use flott_api::metrics::MetricRegistry;
use flott_core::{Configuration, JobId, OperatorId};
use flott_env::Env;
use flott_graph::JobGraph;
use flott_state::WorkingSets;
use flott_state::checkpoint::{JobCheckpoints, LocalStores, SubtaskRestore};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc;

/// A task, ready to be run by a slot.
pub struct TaskSpec {
    /// Which task.
    pub id: TaskId,
    /// The job that it is part of.
    pub job: JobId,
    /// The job's graph.
    pub graph: Arc<JobGraph>,
    /// Channels from other tasks; none for a source.
    pub input: Option<Input>,
    /// Channels to other tasks, by the edge's index in the job graph.
    pub ports: BTreeMap<usize, Port>,
    /// What operators of the chain take over from a checkpoint; those that are not in it start with empty state.
    pub restore: BTreeMap<OperatorId, SubtaskRestore>,
    /// Where the files are that `restore` names; they may be another job's.
    pub restore_files: JobCheckpoints,
    /// From the job master.
    pub commands: mpsc::Receiver<TaskCommand>,
    /// To the job master.
    pub events: mpsc::Sender<(TaskId, TaskEvent)>,
    /// Where snapshots are written.
    pub checkpoints: JobCheckpoints,
    /// On what stores keyed state lies; on none if it is on the heap.
    pub stores: Option<LocalStores>,
    /// Where keyed state says how much memory it takes.
    pub working_sets: WorkingSets,
    /// Rows that a source is asked for at a time.
    pub batch_rows: Arc<BatchRows>,
    /// The world.
    pub env: Env,
    /// What barriers do.
    pub barriers: BarrierRule,
    /// Streaming or batch.
    pub mode: RuntimeMode,
    /// What the user has set.
    pub config: Arc<Configuration>,
    /// Where the task's metrics are registered.
    pub metrics: MetricRegistry,
}
