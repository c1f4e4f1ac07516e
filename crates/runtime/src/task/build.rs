//! A task from its description: operators made, state restored, everything opened.

use super::portion::Portion;
use super::{Running, Task, TaskInput};
use crate::chain::{Chain, Exit, Link, Node, Target};
use crate::deploy::TaskSpec;
use crate::in_flight::replay::{Edge, Replay, Taker};
use crate::input::barrier::Barriers;
use crate::metrics::{HotKeyGauges, TaskMetrics, hot_key_gauges, operator_metrics};
use crate::savepoint::restore_tables;
use crate::sink::SinkTask;
use crate::snapshot::{SPLITS, SnapshotWriter};
use crate::sort::SortedInput;
use crate::source_task::{SourceTask, SourceTiming};
use flott_api::context::{OperatorContext, TaskInfo};
use flott_api::control::SplitBytes;
use flott_api::sink::SinkContext;
use flott_api::source::ReaderContext;
use flott_api::{AnySource, RuntimeMode};
use flott_core::batch::DecodeRows;
use flott_core::config::{AUTO_WATERMARK_INTERVAL, HOT_KEYS, STATE_WORKING_SET};
use flott_core::{Error, Result, Watermark, codec, error::ResultExt};
use flott_graph::{ChainNode, JobVertex, NodeKind};
use flott_state::OperatorState;
use flott_state::checkpoint::{LocalStores, StoreFolder, SubtaskRestore, check_backend};
use flott_state::store::HASHMAP;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::watch;

/// Makes the task: sinks first, so that what a checkpoint left is committed before anything runs.
pub(super) async fn build(mut spec: TaskSpec, running: &Running) -> Result<Task> {
    let graph = spec.graph.clone();
    let vertex = graph
        .vertices
        .get(spec.id.vertex.0 as usize)
        .ok_or_else(|| Error::internal(format!("the job graph has no vertex {}", spec.id.vertex)))?;
    let mut restore = std::mem::take(&mut spec.restore);

    let (targets, known) = watch::channel(None);
    let snapshots = SnapshotWriter::new(&spec, &vertex.nodes, known)?;
    let mut chain = Chain { nodes: Vec::new(), exits: Vec::new(), entry: Vec::new(), running: running.node.clone() };
    // Where each node of the graph's chain went: operators to nodes, sinks to exits, a source to the entry.
    let places = places(vertex);
    let exchanges: Vec<usize> = spec.ports.keys().copied().collect();
    let first_port = places.iter().filter(|p| matches!(p, Some(Target::Exit(_)))).count();
    let mut source = None;
    // What is sorted, if anything: the inputs of the head.
    let mut keyed_rows = Vec::new();
    let mut replays = VecDeque::new();
    for (node, place) in vertex.nodes.iter().zip(&places) {
        let restore = restore.remove(&node.id).unwrap_or_default();
        if let (Some(target), false) = (place, restore.in_flight.is_empty()) {
            // What is further down the chain is worked off first: it had come further.
            replays.push_front((*target, replay(&spec, vertex, node, &restore).await?));
        }
        let info = info(&spec, vertex, node);
        let links = links(node, &places, &exchanges, first_port);
        let metrics = operator_metrics(&spec.metrics, &info, &vertex.name);
        match &node.kind {
            NodeKind::Source(made_by) => {
                let cx = ReaderContext { env: spec.env.clone(), info, config: spec.config.clone(), metrics };
                source = Some(source_task(&spec, &**made_by, cx, restore).await?);
                chain.entry = links;
            }
            NodeKind::Operator(factory) => {
                let mut cx = OperatorContext::new(info, spec.env.clone(), spec.mode, spec.config.clone(), metrics);
                cx.keyed = factory.keyed_state(cx.info.max_parallelism, cx.info.key_groups());
                if chain.nodes.is_empty() && spec.mode == RuntimeMode::Batch {
                    keyed_rows = (0..vertex.inputs.len()).map(|input| factory.keyed_rows(input)).collect();
                }
                let restored = restore_operator(&spec, &mut cx, restore).await;
                let store = restored.in_context(|| format!("operator `{}`", node.name))?;
                let hot_keys = watch_hot_keys(&spec, &mut cx, &vertex.name)?;
                chain.nodes.push(Node { operator: factory.create()?, cx, links, store, hot_keys });
            }
            NodeKind::Sink(sink) => {
                let cx = SinkContext { env: spec.env.clone(), info, config: spec.config.clone(), metrics };
                let mut state = OperatorState::new();
                let restored = spec.restore_files.restore_operator_state(&restore, &mut state).await;
                restored.in_context(|| format!("operator `{}`", node.name))?;
                chain.exits.push(Exit::Sink(SinkTask::open(&**sink, cx, state).await?));
            }
        }
    }
    if source.is_none() {
        // What comes over channels goes to the head, which is an operator or, alone in its chain, a sink.
        chain.entry = places.first().copied().flatten().map(|target| Link { tag: None, target }).into_iter().collect();
    }
    chain.exits.extend(spec.ports.into_values().map(Exit::Port));
    running.names.set(chain.nodes.iter().map(|n| n.cx.info.operator_name.clone()).collect());
    chain.open()?;

    let input = match (source, spec.input) {
        (Some(source), _) => TaskInput::Source(source),
        (None, Some(input)) if keyed_rows.iter().any(Option::is_some) => {
            let turn = spec.id.subtask.0 as usize;
            TaskInput::Sorted(Box::new(SortedInput::new(input, keyed_rows, &spec.config, &spec.env, turn)?))
        }
        (None, Some(input)) => TaskInput::Channels(input),
        (None, None) => return Err(Error::internal("a task has neither a source nor channels")),
    };
    let head = vertex.nodes.first().ok_or_else(|| Error::internal("a vertex has no operator"))?;
    let task_info = info_of(&spec.graph.name, spec.job, spec.id, vertex, head);
    let mut metrics = TaskMetrics::new(&spec.metrics, &task_info, &vertex.name, &spec.env);
    watch(&mut metrics, &input, &mut chain);
    Ok(Task {
        metrics,
        id: spec.id,
        env: spec.env,
        mode: spec.mode,
        chain,
        head: head.id,
        input,
        replays,
        rule: spec.barriers,
        commands: spec.commands,
        events: spec.events,
        snapshots,
        targets,
        stopping_for: None,
        watermark: Watermark::MIN,
        finished: false,
        ended: false,
        requested: None,
        snapshot: None,
        taken: None,
        alignment_start: None,
        portion: match spec.barriers.barriers {
            Barriers::Overtaking => Portion::short(),
            Barriers::Aligned | Barriers::AtLeastOnce => Portion::default(),
        },
        work: None,
        open_since: None,
        alarm: None,
    })
}

/// Sinks become the first exits, ports follow them.
fn places(vertex: &JobVertex) -> Vec<Option<Target>> {
    let (mut nodes, mut exits) = (0, 0);
    let place = |node: &ChainNode| match node.kind {
        NodeKind::Source(_) => None,
        NodeKind::Operator(_) => {
            nodes += 1;
            Some(Target::Node(nodes - 1))
        }
        NodeKind::Sink(_) => {
            exits += 1;
            Some(Target::Exit(exits - 1))
        }
    };
    vertex.nodes.iter().map(place).collect()
}

fn links(node: &ChainNode, places: &[Option<Target>], exchanges: &[usize], first_port: usize) -> Vec<Link> {
    let target = |target: flott_graph::Target| match target {
        flott_graph::Target::Chained(n) => places.get(n).copied().flatten(),
        flott_graph::Target::Exchange(edge) => {
            exchanges.iter().position(|e| *e == edge).map(|n| Target::Exit(first_port + n))
        }
    };
    node.links.iter().filter_map(|l| Some(Link { tag: l.tag.clone(), target: target(l.target)? })).collect()
}

fn info(spec: &TaskSpec, vertex: &JobVertex, node: &ChainNode) -> TaskInfo {
    info_of(&spec.graph.name, spec.job, spec.id, vertex, node)
}

fn info_of(
    job_name: &Arc<str>,
    job: flott_core::JobId,
    id: flott_api::control::TaskId,
    vertex: &JobVertex,
    node: &ChainNode,
) -> TaskInfo {
    TaskInfo {
        job,
        job_name: job_name.clone(),
        operator: node.id,
        operator_name: node.name.clone(),
        subtask: id.subtask,
        parallelism: vertex.parallelism,
        max_parallelism: vertex.max_parallelism,
        attempt: id.attempt,
    }
}

/// Gives an operator what it takes over, and returns where its store is, if its keyed state lies on one.
async fn restore_operator(
    spec: &TaskSpec,
    cx: &mut OperatorContext,
    restore: SubtaskRestore,
) -> Result<Option<(StoreFolder, LocalStores)>> {
    cx.restored = !restore.keyed.is_empty() || !restore.lists.is_empty();
    let mut folder = None;
    if let Some(keyed) = &mut cx.keyed {
        match &spec.stores {
            Some(stores) => {
                let opened = stores.open(&spec.restore_files, &restore.keyed, cx.info.key_groups()).await?;
                let stored = spec.checkpoints.stored_already(&spec.restore_files, &restore.keyed);
                let cap = spec.config.get_optional(&STATE_WORKING_SET)?.map(|size| size.0 as usize);
                keyed.use_store(opened.store, stored, spec.working_sets.on_store(cap))?;
                folder = Some((opened.folder, stores.clone()));
            }
            None => {
                check_backend(&restore.keyed, HASHMAP)?;
                keyed.use_memory(spec.working_sets.on_heap());
            }
        }
        keyed.describe_restored(&restore.states);
        for snapshot in restore.keyed.iter().filter(|snapshot| snapshot.store.is_none()) {
            if !snapshot.tables.is_empty() {
                let range = cx.info.key_groups();
                restore_tables(&spec.restore_files, snapshot, &restore.states, range, &mut **keyed).await?;
                continue;
            }
            for file in spec.restore_files.read_keyed(std::slice::from_ref(snapshot)).await? {
                keyed.restore(file)?;
            }
        }
    }
    spec.restore_files.restore_operator_state(&restore, &mut cx.state).await?;
    Ok(folder)
}

/// Has keyed state watch its hot keys, unless the user does not want to have them shown.
fn watch_hot_keys(spec: &TaskSpec, cx: &mut OperatorContext, task_name: &str) -> Result<Option<HotKeyGauges>> {
    if !spec.config.get(&HOT_KEYS)? {
        return Ok(None);
    }
    Ok(cx.keyed.as_mut().map(|keyed| {
        keyed.watch_hot_keys();
        hot_key_gauges(&spec.metrics, &cx.info, task_name)
    }))
}

/// What was in flight for an operator, to be given to it before anything else.
async fn replay(spec: &TaskSpec, vertex: &JobVertex, node: &ChainNode, restore: &SubtaskRestore) -> Result<Replay> {
    let is_head = vertex.nodes.first().is_some_and(|head| head.id == node.id);
    let edges = node.decoders.iter().enumerate().map(|(input, decoders)| {
        let exchanges = vertex.inputs.get(input).filter(|_| is_head);
        let edge = |(number, decode): (usize, &DecodeRows)| Edge {
            partitioning: exchanges.and_then(|e| e.get(number)).map(|e| spec.graph.edges[*e].partitioning.clone()),
            decode: *decode,
        };
        decoders.iter().enumerate().map(edge).collect()
    });
    let taker = Taker {
        name: node.name.clone(),
        subtask: spec.id.subtask.0,
        parallelism: vertex.parallelism,
        max_parallelism: vertex.max_parallelism,
        edges: edges.collect(),
    };
    let mut olds = Vec::with_capacity(restore.in_flight.len());
    for old in &restore.in_flight {
        olds.push((old.subtask, old.parallelism, spec.restore_files.read_blob(&old.data).await?));
    }
    Replay::new(taker, &olds)
}

async fn source_task(
    spec: &TaskSpec,
    source: &dyn AnySource,
    cx: ReaderContext,
    restore: SubtaskRestore,
) -> Result<SourceTask> {
    let reader = source.reader(&cx).in_context(|| format!("operator `{}`", cx.info.operator_name))?;
    let timing = SourceTiming {
        interval: spec.config.get(&AUTO_WATERMARK_INTERVAL)?,
        idleness: source.idleness(),
        alignment: source.alignment().cloned().filter(|_| spec.mode == RuntimeMode::Streaming),
    };
    let name = cx.info.operator_name.clone();
    let mut task = SourceTask::new(cx, reader, spec.mode, spec.batch_rows.clone(), timing);
    let mut state = OperatorState::new();
    let restored = spec.restore_files.restore_operator_state(&restore, &mut state).await;
    restored.in_context(|| format!("operator `{name}`"))?;
    let splits = state.take_items(SPLITS);
    let splits = splits.iter().map(|bytes| codec::from_bytes(bytes)).collect::<Result<Vec<SplitBytes>>>()?;
    if !splits.is_empty() {
        task.add_splits(splits)?;
    }
    Ok(task)
}

/// Shows the rates of every operator of the task, and counts what leaves it.
fn watch(metrics: &mut TaskMetrics, input: &TaskInput, chain: &mut Chain) {
    if let TaskInput::Source(source) = input {
        metrics.watch(&source.metrics);
    }
    for node in &chain.nodes {
        metrics.watch(&node.cx.metrics);
    }
    for exit in &mut chain.exits {
        match exit {
            Exit::Port(port) => port.count_bytes(metrics.bytes_out.clone()),
            Exit::Sink(sink) => metrics.watch(sink.metrics()),
        }
    }
}
