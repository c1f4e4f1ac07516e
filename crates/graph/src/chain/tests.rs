use super::*;
use crate::StreamNode;
use flott_api::{Operator, OperatorContext, Output};
use flott_core::Batch;
use std::sync::Arc;

struct Nothing;

impl Operator for Nothing {
    fn process(&mut self, _: usize, _: Batch, _: &mut OperatorContext, _: &mut dyn Output) -> Result<()> {
        Ok(())
    }
}

/// A source is told apart from an operator by its place only, so tests use operators and give `build` a source kind
/// where the rule asks for one.
fn graph(names: &[&str], edges: &[(usize, usize, Option<Partitioning>)]) -> StreamGraph {
    let mut graph = StreamGraph::default();
    for (n, name) in names.iter().enumerate() {
        let kind = if n == 0 { NodeKind::Source(Arc::new(NoSource)) } else { operator() };
        graph.add_node(StreamNode::new(*name, kind));
    }
    for (from, to, partitioning) in edges {
        graph.add_edge(StreamEdge {
            from: NodeId(*from),
            tag: None,
            to: NodeId(*to),
            input: 0,
            partitioning: partitioning.clone(),
            decode: flott_core::batch::decode_rows::<u64>,
        });
    }
    graph
}

fn operator() -> NodeKind {
    NodeKind::Operator(Arc::new(|| Ok(Box::new(Nothing) as Box<dyn Operator>)))
}

struct NoSource;

impl flott_api::AnySource for NoSource {
    fn boundedness(&self) -> flott_api::Boundedness {
        flott_api::Boundedness::Bounded
    }
    fn enumerator(
        &self,
        _: &flott_api::source::EnumeratorContext,
        _: Option<&[u8]>,
    ) -> Result<Box<dyn flott_api::source::AnyEnumerator>> {
        Err(Error::internal("never asked"))
    }
    fn reader(&self, _: &flott_api::source::ReaderContext) -> Result<Box<dyn flott_api::source::AnyReader>> {
        Err(Error::internal("never asked"))
    }
    fn idleness(&self) -> Option<std::time::Duration> {
        None
    }
    fn alignment(&self) -> Option<&flott_api::watermark::Alignment> {
        None
    }
}

fn settings(parallelism: u32) -> JobSettings {
    JobSettings { name: "job".into(), parallelism, max_parallelism: None, chaining: true }
}

fn names(graph: &JobGraph) -> Vec<String> {
    graph.vertices.iter().map(|v| v.name.to_string()).collect()
}

#[test]
fn forward_neighbours_are_one_vertex_and_a_shuffle_parts_them() {
    let g = graph(
        &["source", "map", "reduce", "sink"],
        &[(0, 1, None), (1, 2, Some(Partitioning::Rebalance)), (2, 3, None)],
    );
    let job = JobGraph::build(&g, &settings(2)).unwrap();
    assert_eq!(names(&job), ["source -> map", "reduce -> sink"]);
    assert_eq!(job.edges.len(), 1);
    assert_eq!(job.vertices[1].inputs, vec![vec![0]]);
}

#[test]
fn a_node_with_two_outputs_chains_both() {
    let g = graph(&["source", "a", "b", "c"], &[(0, 1, None), (0, 2, None), (2, 3, None)]);
    let job = JobGraph::build(&g, &settings(1)).unwrap();
    assert_eq!(names(&job), ["source -> (a, b -> c)"]);
}

#[test]
fn a_union_is_not_chained() {
    let g = graph(&["source", "a", "b", "union"], &[(0, 1, None), (0, 2, None), (1, 3, None), (2, 3, None)]);
    let job = JobGraph::build(&g, &settings(1)).unwrap();
    assert_eq!(names(&job), ["source -> (a, b)", "union"]);
    assert_eq!(job.vertices[1].inputs, vec![vec![0, 1]]);
}

#[test]
fn strategies_groups_and_parallelism_part_chains() {
    let mut g = graph(&["source", "a", "b", "c", "d"], &[(0, 1, None), (1, 2, None), (2, 3, None), (3, 4, None)]);
    g.nodes[1].chaining = ChainingStrategy::Head;
    g.nodes[2].chaining = ChainingStrategy::Never;
    g.nodes[4].slot_sharing_group = Some("other".into());
    let job = JobGraph::build(&g, &settings(1)).unwrap();
    assert_eq!(names(&job), ["source", "a", "b", "c", "d"]);
    assert_eq!(crate::slots(&job).len(), 2);

    let mut g = graph(&["source", "a"], &[(0, 1, None)]);
    g.nodes[1].parallelism = Some(3);
    let job = JobGraph::build(&g, &settings(1)).unwrap();
    assert_eq!(job.edges[0].partitioning.name(), "REBALANCE");
}

#[test]
fn ids_are_stable_and_uids_unique() {
    let g = graph(&["source", "map", "map"], &[(0, 1, None), (0, 2, None)]);
    let ids = identity::operator_ids(&g).unwrap();
    assert_eq!(ids, identity::operator_ids(&g).unwrap());
    assert_ne!(ids[1], ids[2]);

    let mut g = g;
    g.nodes[1].uid = Some("x".into());
    g.nodes[2].uid = Some("x".into());
    let error = JobGraph::build(&g, &settings(1)).err().unwrap().to_string();
    assert!(error.contains("same uid `x`"), "{error}");
}

#[test]
fn an_id_without_a_uid_depends_on_the_place_and_not_on_names_or_parallelism() {
    let ids = |names: &[&str]| identity::operator_ids(&graph(names, &[(0, 1, None), (1, 2, None)])).unwrap();
    assert_eq!(ids(&["source", "map", "sink"]), ids(&["other", "names", "here"]));
    let mut wider = graph(&["source", "map", "sink"], &[(0, 1, None), (1, 2, None)]);
    wider.nodes[1].parallelism = Some(7);
    assert_eq!(identity::operator_ids(&wider).unwrap(), ids(&["source", "map", "sink"]));
    let moved = identity::operator_ids(&graph(&["source", "map", "sink"], &[(0, 1, None), (0, 2, None)])).unwrap();
    assert_eq!(moved[1], ids(&["source", "map", "sink"])[1]);
    assert_ne!(moved[2], ids(&["source", "map", "sink"])[2], "it has another input");
}

#[test]
fn a_uid_decides_the_id_wherever_the_operator_stands() {
    let mut g = graph(&["source", "a", "b"], &[(0, 1, None), (1, 2, None)]);
    g.nodes[2].uid = Some("hello".into());
    let ids = identity::operator_ids(&g).unwrap();
    assert_eq!(ids[2].to_string(), "029bbd41b3a7d8cb191dae486a901e5b", "murmur3, as in Flink");
}

#[test]
fn a_slot_sharing_group_needs_as_many_slots_as_its_widest_vertex_has_subtasks() {
    let mut g = graph(&["source", "a", "b", "c"], &[(0, 1, None), (1, 2, None), (2, 3, None)]);
    (g.nodes[1].parallelism, g.nodes[2].parallelism) = (Some(5), Some(3));
    let slots = |g: &StreamGraph| crate::slots(&JobGraph::build(g, &settings(2)).unwrap());
    let shared: Vec<usize> = slots(&g).iter().map(Vec::len).collect();
    assert_eq!(shared, [4, 4, 2, 1, 1], "a slot has at most one subtask of each vertex");
    g.nodes[2].slot_sharing_group = Some("other".into());
    assert_eq!(slots(&g).len(), 5 + 3, "`c` goes on in the group of its input");
}

#[test]
fn wrong_parallelism_is_refused_with_advice() {
    let mut g = graph(&["source", "a"], &[(0, 1, Some(Partitioning::Forward))]);
    g.nodes[1].parallelism = Some(2);
    assert!(JobGraph::build(&g, &settings(1)).err().unwrap().to_string().contains("rebalance"));
    g.nodes[1].parallelism = Some(0);
    assert!(JobGraph::build(&g, &settings(1)).err().unwrap().to_string().contains("at least 1"));
}
