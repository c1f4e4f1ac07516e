use super::*;
use crate::{DataGenOptions, OnError, RollingPolicy, async_function};
use arrow_array::{Array, Int64Array, RecordBatch, StringArray};
use flott_api::Boundedness;
use flott_api::function::OutputTag;
use flott_graph::NodeKind;

fn boundedness(env: &StreamExecutionEnvironment) -> Boundedness {
    match &job(env).graph.nodes[0].kind {
        NodeKind::Source(source) => source.boundedness(),
        _ => panic!("no source"),
    }
}

#[test]
fn options_of_files_change_the_source_in_place() {
    let env = env();
    let lines = env.read_text("nowhere");
    lines.map(|line| line.len() as u64).blackhole();
    assert_eq!(plan(&env), ["1: Source: Text Files -> Map -> Sink: Blackhole (parallelism 1)"]);
    assert_eq!(boundedness(&env), Boundedness::Bounded);
    let lines = lines.recursive(false).on_error(OnError::Skip).monitor_continuously(Duration::from_secs(1));
    lines.name("watched").uid("watched").blackhole();
    assert_eq!(boundedness(&env), Boundedness::ContinuousUnbounded);
    assert_eq!(env.draft().graph.nodes.len(), 4);
}

#[test]
fn bad_records_come_out_of_a_step_behind_the_source() {
    let env = env();
    let bad = OutputTag::new("bad");
    let rows = env.read_csv::<(i32, i32)>("nowhere").with_header().side_output_bad_records(&bad);
    rows.blackhole();
    rows.get_side_output(&bad).print();
    assert_eq!(
        edges(&job(&env).graph),
        [
            "Source: CSV Files -> Bad Records",
            "Bad Records -> Sink: Blackhole",
            "Bad Records [bad] -> Sink: Print to Std. Out",
        ]
    );
    env.read_json::<i32>("nowhere").on_error(OnError::SideOutput).blackhole();
    assert!(error(&env).contains("call `side_output_bad_records` with its tag instead"));
}

#[test]
fn options_of_file_sinks_change_the_sink_in_place() {
    let env = env();
    numbers(&env)
        .map(|n| (n, n))
        .write_csv("nowhere")
        .with_header()
        .bucket_by(|row, _| row.0.to_string())
        .with_rolling_policy(RollingPolicy::on_checkpoint())
        .with_part_prefix("x")
        .uid("files")
        .name("files");
    assert_eq!(plan(&env), ["1: Source: Sequence Source -> Map -> Sink: files (parallelism 1)"]);
    assert_eq!(env.draft().graph.nodes.len(), 3);
}

#[test]
fn asynchronous_calls_need_a_place() {
    let env = env();
    let echo = async_function(|n: i64| async move { Ok(vec![n]) });
    numbers(&env).ordered_wait(echo.clone(), Duration::from_secs(1)).capacity(3).blackhole();
    assert_eq!(plan(&env), ["1: Source: Sequence Source -> async wait operator -> Sink: Blackhole (parallelism 1)"]);
    env.submission("done").unwrap();
    numbers(&env).unordered_wait(echo, Duration::ZERO).capacity(0).blackhole();
    assert_eq!(error(&env), "operator `async wait operator`: its capacity is 0; allow at least 1 call");
}

fn users() -> RecordBatch {
    let users = Arc::new(Int64Array::from(vec![7, 8])) as Arc<dyn Array>;
    let names = Arc::new(StringArray::from(vec!["a", "b"])) as Arc<dyn Array>;
    RecordBatch::try_from_iter([("user", users), ("name", names)]).unwrap()
}

#[test]
fn columns_are_keyed_by_name() {
    let env = env();
    env.set_parallelism(2);
    env.from_record_batches([users()]).key_by(&["user"]).count().blackhole();
    assert_eq!(
        plan(&env),
        ["1: Source: Record Batch Source (parallelism 2)", "2: Count -> Sink: Blackhole (parallelism 2) <- 1 HASH"]
    );
}

#[test]
fn columns_that_do_not_fit_are_mistakes() {
    let env = env();
    env.from_record_batches([users()]).key_by(&["usr"]).count().blackhole();
    let text = error(&env);
    assert!(text.contains("`key_by` names the column `usr`, which is not one of `user`, `name`"), "{text}");
    env.from_record_batches([users()]).key_by(&["name"]).count().blackhole();
    assert!(error(&env).contains("needs one key column of type Int64 or UInt64"));
    let other = users().project(&[0]).unwrap();
    env.from_record_batches([users(), other]).blackhole();
    assert!(error(&env).contains("record batches with different schemas"));
}

#[test]
fn generators_end_only_when_told() {
    let env = env();
    env.datagen(|n| n, DataGenOptions::new()).blackhole();
    assert_eq!(boundedness(&env), Boundedness::ContinuousUnbounded);
    env.datagen_columns(users().schema(), |_| users(), DataGenOptions::new().with_count(3)).blackhole();
    assert_eq!(boundedness(&env), Boundedness::Bounded);
}
