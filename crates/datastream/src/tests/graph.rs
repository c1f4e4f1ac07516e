use super::*;
use flott_api::Partitioning;
use flott_api::function::{Collector, OutputTag, ProcessContext, ProcessFunction};
use flott_core::{Batch, KeyHash, MaxParallelism};

#[test]
fn neighbours_are_chained_and_named_as_in_flink() {
    let env = env();
    numbers(&env).map(|n| n + 1).filter(|n| *n > 2).flat_map(|n: i64, out| out.collect(n)).print();
    assert_eq!(
        plan(&env),
        ["1: Source: Sequence Source -> Map -> Filter -> Flat Map -> Sink: Print to Std. Out (parallelism 1)"]
    );
}

#[test]
fn keys_part_the_chain_and_are_routed_by_hash() {
    let env = env();
    env.set_parallelism(2);
    numbers(&env).key_by(|n| n % 3).sum(|n| n).blackhole();
    assert_eq!(
        plan(&env),
        [
            "1: Source: Sequence Source (parallelism 2)",
            "2: Keyed Aggregation -> Sink: Blackhole (parallelism 2) <- 1 HASH"
        ]
    );
    let job = job(&env);
    let Some(Partitioning::Hash(router)) = &job.graph.edges[0].partitioning else { panic!("not by key") };
    let max = MaxParallelism::new(128).unwrap();
    let mut channels = Vec::new();
    router.route(&Batch::of(vec![4i64, 7, 5]), max, 2, &mut channels).unwrap();
    let owner = |key: i64| max.owner(max.key_group(KeyHash::of(&key)), 2);
    assert_eq!(channels, [owner(1), owner(1), owner(2)]);
}

#[test]
fn a_stream_used_twice_is_one_node_with_two_ways_out() {
    let env = env();
    let source = numbers(&env);
    source.map(|n| n).blackhole();
    source.filter(|_| true).print();
    assert_eq!(plan(&env).len(), 1);
    assert_eq!(
        plan(&env)[0],
        "1: Source: Sequence Source -> (Map -> Sink: Blackhole, Filter -> Sink: Print to Std. Out) (parallelism 1)"
    );
}

#[test]
fn a_union_of_a_stream_with_itself_has_two_edges() {
    let env = env();
    let source = numbers(&env);
    source.union([&source]).map(|n| n).blackhole();
    let job = job(&env);
    assert_eq!(
        edges(&job.graph),
        ["Source: Sequence Source -> Map", "Source: Sequence Source -> Map", "Map -> Sink: Blackhole"]
    );
    // What has two inputs starts a chain of its own.
    let graph = job_graph(&job);
    assert_eq!(graph.vertices.len(), 2);
    assert_eq!(graph.vertices[1].inputs, [vec![0, 1]]);
}

#[test]
fn a_union_may_be_partitioned_and_keyed() {
    let env = env();
    let (a, b) = (numbers(&env).name("a"), numbers(&env).name("b"));
    let all = a.union(&[b]);
    all.rebalance().map(|n| n).blackhole();
    all.key_by(|n| *n).reduce(|a, b| a + b).blackhole();
    assert_eq!(
        edges(&job(&env).graph),
        [
            "Source: a -> Map REBALANCE",
            "Source: b -> Map REBALANCE",
            "Map -> Sink: Blackhole",
            "Source: a -> Keyed Reduce HASH",
            "Source: b -> Keyed Reduce HASH",
            "Keyed Reduce -> Sink: Blackhole",
        ]
    );
}

#[derive(Clone)]
struct Split(OutputTag<String>);

impl ProcessFunction for Split {
    type In = i64;
    type Out = i64;
    fn process(&mut self, n: i64, cx: &mut ProcessContext<'_>, _: &mut Collector<i64>) -> flott_core::Result<()> {
        cx.output(&self.0, n.to_string());
        Ok(())
    }
}

#[test]
fn side_outputs_are_edges_with_a_tag() {
    let env = env();
    let tag = OutputTag::new("odd");
    let split = numbers(&env).process(Split(tag.clone()));
    let odd: DataStream<String> = split.get_side_output(&tag);
    odd.map(|text| text.len() as u64).blackhole();
    odd.rebalance().union([&odd]).key_by_ref(|text| text).reduce(|a: String, _| a).blackhole();
    split.blackhole();
    assert_eq!(
        edges(&job(&env).graph),
        [
            "Source: Sequence Source -> Process",
            "Process [odd] -> Map",
            "Map -> Sink: Blackhole",
            "Process [odd] -> Keyed Reduce HASH",
            "Process [odd] -> Keyed Reduce HASH",
            "Keyed Reduce -> Sink: Blackhole",
            "Process -> Sink: Blackhole",
        ]
    );
}

#[test]
fn partitionings_are_what_was_said_last() {
    let env = env();
    let source = numbers(&env).name("s");
    source.rescale().map(|n| n).blackhole();
    source.shuffle().rebalance().map(|n| n).blackhole();
    source.broadcast().map(|n| n).blackhole();
    source.global().map(|n| n).blackhole();
    source.forward().map(|n| n).blackhole();
    source.key_by(|n| *n).shuffle().map(|n| n).blackhole();
    source.partition_custom(|key: &i64, subtasks| (*key as u32) % subtasks, |n| *n).map(|n| n).blackhole();
    let edges: Vec<_> = edges(&job(&env).graph).into_iter().filter(|e| e.starts_with("Source")).collect();
    let how = ["RESCALE", "REBALANCE", "BROADCAST", "GLOBAL", "FORWARD", "SHUFFLE", "CUSTOM"];
    assert_eq!(edges, how.map(|how| format!("Source: s -> Map {how}")));
}

#[test]
fn a_custom_partitioner_sees_key_and_number_of_subtasks() {
    let env = env();
    numbers(&env).partition_custom(|key: &i64, subtasks| (*key as u32) % subtasks, |n| n * 2).blackhole();
    let job = job(&env);
    let Some(Partitioning::Custom(router)) = &job.graph.edges[0].partitioning else { panic!("not custom") };
    let mut channels = Vec::new();
    router.route(&Batch::of(vec![1i64, 2, 3]), MaxParallelism::new(128).unwrap(), 4, &mut channels).unwrap();
    assert_eq!(channels, [2, 0, 2]);
}

#[test]
fn connected_streams_have_two_inputs() {
    let env = env();
    let (a, b) = (numbers(&env).name("a"), numbers(&env).name("b"));
    a.connect(&b).map(|a| a, |b| b).blackhole();
    a.union([&b]).connect(&a).key_by(|n| *n, |n| *n).map(|a| a, |b| b).name("keyed").blackhole();
    assert_eq!(
        edges(&job(&env).graph),
        [
            "Source: a -> Co-Map",
            "Source: b -> Co-Map #1",
            "Co-Map -> Sink: Blackhole",
            "Source: a -> keyed HASH",
            "Source: b -> keyed HASH",
            "Source: a -> keyed #1 HASH",
            "keyed -> Sink: Blackhole",
        ]
    );
}

#[test]
fn settings_reach_the_operator_before_them() {
    let env = env();
    numbers(&env)
        .name("numbers")
        .uid("numbers")
        .map(|n| n)
        .uid("m")
        .name("m")
        .set_parallelism(3)
        .set_max_parallelism(30)
        .slot_sharing_group("g")
        .set_description("says more")
        .start_new_chain()
        .print_to_err()
        .name("out")
        .uid("out")
        .set_parallelism(2)
        .disable_chaining();
    let text = plan(&env);
    assert_eq!(
        text,
        [
            "1: Source: numbers (parallelism 1)",
            "2: m (parallelism 3) <- 1 REBALANCE",
            "3: Sink: out (parallelism 2) <- 2 REBALANCE",
            "m: says more",
        ]
    );
    let graph = job_graph(&job(&env));
    assert_eq!(graph.vertices[1].max_parallelism.get(), 30);
    assert_eq!(graph.vertices[1].slot_sharing_group, "g");
    assert_eq!(graph.vertices[2].slot_sharing_group, "g");
    let uids: Vec<_> =
        graph.vertices.iter().flat_map(|v| &v.nodes).map(|n| n.uid.clone().unwrap_or_default()).collect();
    assert_eq!(uids, ["numbers", "m", "out"]);
}

#[test]
fn chains_can_be_cut() {
    let env = env();
    numbers(&env).map(|n| n).start_new_chain().map(|n| n).disable_chaining().map(|n| n).blackhole();
    assert_eq!(
        plan(&env),
        [
            "1: Source: Sequence Source (parallelism 1)",
            "2: Map (parallelism 1) <- 1 FORWARD",
            "3: Map (parallelism 1) <- 2 FORWARD",
            "4: Map -> Sink: Blackhole (parallelism 1) <- 3 FORWARD",
        ]
    );
    let env = super::env();
    env.disable_operator_chaining();
    numbers(&env).map(|n| n).blackhole();
    assert_eq!(plan(&env).len(), 3);
}

#[test]
fn a_collection_has_one_subtask_whatever_the_parallelism() {
    let env = env();
    env.set_parallelism(4);
    env.from_elements([1, 2]).map(|n| n).blackhole();
    assert_eq!(
        plan(&env),
        ["1: Source: Collection Source (parallelism 1)", "2: Map -> Sink: Blackhole (parallelism 4) <- 1 REBALANCE"]
    );
}
