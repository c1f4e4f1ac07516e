//! From a draft to a job that can be run: the part that is new, its settings, and streaming or batch.

use crate::draft::Draft;
use crate::executor::JobSubmission;
use flott_api::RuntimeMode;
use flott_core::config::{
    CHECKPOINTING_INTERVAL, MAX_PARALLELISM, OPERATOR_CHAINING, PARALLELISM_DEFAULT, PIPELINE_NAME, RUNTIME_MODE,
};
use flott_core::{Configuration, Error, Result};
use flott_graph::{JobGraph, JobSettings, StreamGraph};
use std::fmt::Write;

/// How a job is to be run. Names and meaning are Flink's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RuntimeExecutionMode {
    /// Results are updated as records come; checkpoints are taken.
    #[default]
    Streaming,
    /// Sources are bounded; only final results are given; no checkpoints are taken.
    Batch,
    /// Batch if every source is bounded, otherwise streaming.
    Automatic,
}

impl RuntimeExecutionMode {
    /// The value of the option `execution.runtime-mode`.
    pub fn as_str(self) -> &'static str {
        match self {
            RuntimeExecutionMode::Streaming => "STREAMING",
            RuntimeExecutionMode::Batch => "BATCH",
            RuntimeExecutionMode::Automatic => "AUTOMATIC",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        let all = [RuntimeExecutionMode::Streaming, RuntimeExecutionMode::Batch, RuntimeExecutionMode::Automatic];
        all.into_iter().find(|mode| text.trim().eq_ignore_ascii_case(mode.as_str())).ok_or_else(|| {
            Error::invalid(format!(
                "option `{}` cannot be `{text}`: write STREAMING, BATCH or AUTOMATIC",
                RUNTIME_MODE.key
            ))
        })
    }
}

/// The new part of the draft as a job.
pub(crate) fn submission(draft: &Draft, name: &str) -> Result<JobSubmission> {
    draft.check()?;
    let (graph, _) = draft.pending();
    if graph.nodes.is_empty() {
        return Err(Error::invalid(
            "the job is empty; add a source and something that reads from it, such as `env.from_sequence(1, 10).print()`",
        ));
    }
    let settings = settings(&draft.config, name)?;
    let mode = mode(&draft.config, &graph)?;
    let config = match mode {
        RuntimeMode::Streaming => draft.config.clone(),
        RuntimeMode::Batch => without(&draft.config, CHECKPOINTING_INTERVAL.key),
    };
    // What chaining refuses is refused here already, before anything is asked to run it.
    JobGraph::build(&graph, &settings)?;
    Ok(JobSubmission { graph, settings, mode, config })
}

/// The new part of the draft as text.
pub(crate) fn plan(draft: &Draft, name: &str) -> Result<String> {
    let job = submission(draft, name)?;
    let graph = JobGraph::build(&job.graph, &job.settings)?;
    let mut text = String::new();
    for vertex in &graph.vertices {
        let inputs: Vec<String> = vertex
            .inputs
            .iter()
            .flatten()
            .filter_map(|edge| graph.edges.get(*edge))
            .map(|edge| format!("{} {}", edge.from.0 + 1, edge.partitioning.name()))
            .collect();
        let from = if inputs.is_empty() { String::new() } else { format!(" <- {}", inputs.join(", ")) };
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}: {} (parallelism {}){from}", vertex.id.0 + 1, vertex.name, vertex.parallelism);
    }
    let (_, originals) = draft.pending();
    for id in originals {
        let description = draft.remarks(id).and_then(|r| r.description.as_ref());
        if let (Some(description), Some(node)) = (description, draft.graph.nodes.get(id.0)) {
            let _ = writeln!(text, "{}: {description}", node.name);
        }
    }
    Ok(text)
}

fn settings(config: &Configuration, name: &str) -> Result<JobSettings> {
    Ok(JobSettings {
        name: config.get_optional(&PIPELINE_NAME)?.unwrap_or_else(|| name.to_owned()),
        parallelism: config.get(&PARALLELISM_DEFAULT)?,
        max_parallelism: config.get_optional(&MAX_PARALLELISM)?,
        chaining: config.get(&OPERATOR_CHAINING)?,
    })
}

fn mode(config: &Configuration, graph: &StreamGraph) -> Result<RuntimeMode> {
    match (RuntimeExecutionMode::parse(&config.get(&RUNTIME_MODE)?)?, graph.unbounded_source()) {
        (RuntimeExecutionMode::Streaming, _) | (RuntimeExecutionMode::Automatic, Some(_)) => Ok(RuntimeMode::Streaming),
        (RuntimeExecutionMode::Batch | RuntimeExecutionMode::Automatic, None) => Ok(RuntimeMode::Batch),
        (RuntimeExecutionMode::Batch, Some(node)) => Err(Error::invalid(format!(
            "operator `{}` never ends by itself and cannot be read with `{}` = BATCH; set it to STREAMING or AUTOMATIC",
            node.name, RUNTIME_MODE.key
        ))),
    }
}

fn without(config: &Configuration, key: &str) -> Configuration {
    let mut rest = Configuration::new();
    for (k, value) in config.iter().filter(|(k, _)| *k != key) {
        rest.set(k, value);
    }
    rest
}
