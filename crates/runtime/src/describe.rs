//! Which states the operators of a job register: found by opening one subtask of each, with nothing restored, and dropping
//! it again. Nothing is read or written, but what the user's `open` does is done.

use flott_api::RuntimeMode;
use flott_api::context::{OperatorContext, TaskInfo};
use flott_api::metrics::{MetricRegistry, OperatorMetrics};
use flott_core::{AttemptId, Configuration, JobId, OperatorId, Result, SubtaskIndex, error::ResultExt};
use flott_env::{Env, catch};
use flott_graph::{JobGraph, NodeKind};
use flott_state::checkpoint::JobStates;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The states of every operator of a job. Sources and sinks register none; what they remember is the runtime's.
///
/// # Errors
/// What `open` of an operator gives, with its name.
pub fn describe_states(
    graph: &JobGraph,
    mode: RuntimeMode,
    config: &Arc<Configuration>,
    env: &Env,
) -> Result<BTreeMap<OperatorId, JobStates>> {
    let mut all = BTreeMap::new();
    for vertex in &graph.vertices {
        for node in &vertex.nodes {
            let NodeKind::Operator(factory) = &node.kind else { continue };
            let info = TaskInfo {
                job: JobId([0; 16]),
                job_name: graph.name.clone(),
                operator: node.id,
                operator_name: node.name.clone(),
                subtask: SubtaskIndex(0),
                parallelism: vertex.parallelism,
                max_parallelism: vertex.max_parallelism,
                attempt: AttemptId(0),
            };
            let metrics = crate::metrics::operator_metrics(&MetricRegistry::new(), &info, &vertex.name);
            let states = opened(&**factory, info, metrics, mode, config, env);
            all.insert(node.id, states.in_context(|| format!("operator `{}`", node.name))?);
        }
    }
    Ok(all)
}

fn opened(
    factory: &dyn flott_api::OperatorFactory,
    info: TaskInfo,
    metrics: OperatorMetrics,
    mode: RuntimeMode,
    config: &Arc<Configuration>,
    env: &Env,
) -> Result<JobStates> {
    catch(|| {
        let mut cx = OperatorContext::new(info, env.clone(), mode, config.clone(), metrics);
        cx.keyed = factory.keyed_state(cx.info.max_parallelism, cx.info.key_groups());
        let mut operator = factory.create()?;
        operator.open(&mut cx)?;
        let lists = cx.state.snapshot()?.into_iter().map(|list| (list.name, (list.redistribution, list.schema)));
        Ok(JobStates { keyed: cx.keyed.map(|keyed| keyed.descriptions()).unwrap_or_default(), lists: lists.collect() })
    })
}
