use super::*;
use flott_api::function::OutputTag;
use flott_core::ErrorKind;

#[test]
fn a_uid_on_what_is_no_operator() {
    let env = env();
    let source = numbers(&env);
    source.union([&source]).uid("x").blackhole();
    assert_eq!(
        error(&env),
        "operator `Source: Sequence Source`: `uid` is called on a union behind it; call it right behind the operator that it is for"
    );
    numbers(&env).rebalance().name("x").blackhole();
    assert!(error(&env).contains("`name` is called on a partitioning (rebalance) behind it"));
    numbers(&env).key_by(|n| *n).set_parallelism(2).blackhole();
    assert!(error(&env).contains("`set_parallelism` is called on a partitioning (hash) behind it"));
    numbers(&env).get_side_output(&OutputTag::<i64>::new("late")).uid("x").blackhole();
    assert!(error(&env).contains("`uid` is called on the side output `late` behind it"));
}

#[test]
fn all_mistakes_come_at_once_and_name_their_operator() {
    let env = env();
    env.set_parallelism(0);
    numbers(&env)
        .map(|n| n)
        .set_parallelism(0)
        .name("first")
        .map(|n| n)
        .set_max_parallelism(40_000)
        .uid("")
        .blackhole();
    let all = env.execute("test").unwrap_err();
    assert_eq!(all.kind(), ErrorKind::Invalid);
    let text = all.to_string();
    for part in [
        "the job has 4 mistakes: the environment's parallelism is 0; set at least 1; ",
        "operator `first`: its parallelism is 0; set at least 1; ",
        "operator `Map`: max parallelism 40000 is not possible",
        "operator `Map`: its uid is empty",
    ] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
}

#[test]
fn mistakes_are_forgotten_with_their_job() {
    let env = env();
    numbers(&env).map(|n| n).uid("").blackhole();
    env.execute("wrong").unwrap_err();
    numbers(&env).blackhole();
    env.execute("right").unwrap();
}

#[test]
fn several_subtasks_where_there_can_be_one_only() {
    let env = env();
    env.from_elements([1]).set_parallelism(1).set_parallelism(2).blackhole();
    assert_eq!(
        error(&env),
        "operator `Source: Collection Source`: its parallelism is 2, but it has one subtask only: a collection is read in order"
    );
}

#[test]
fn forward_between_different_parallelisms() {
    let env = env();
    numbers(&env).forward().map(|n| n).set_parallelism(2).name("two").blackhole();
    let text = error(&env);
    assert!(text.contains("to `two` (parallelism 2)") && text.contains("rebalance"), "{text}");
}

#[test]
fn a_uid_twice() {
    let env = env();
    numbers(&env).uid("a").map(|n| n).uid("a").blackhole();
    assert!(error(&env).contains("have the same uid `a`"));
}

#[test]
fn streams_of_two_environments() {
    let (env, other) = (env(), super::env());
    let stream = numbers(&env);
    stream.union([&numbers(&other)]).blackhole();
    stream.connect(&numbers(&other)).map(|a| a, |b| b).blackhole();
    let text = error(&env);
    assert!(text.contains("2 mistakes") && text.contains("`union` is given a stream of another environment"), "{text}");
}

#[test]
fn side_outputs_come_from_operators() {
    let env = env();
    let tag = OutputTag::<i64>::new("late");
    numbers(&env).rebalance().get_side_output(&tag).blackhole();
    assert!(error(&env).contains("the side output `late` is asked of a partitioning (rebalance)"));
}

#[test]
fn an_empty_job() {
    let env = env();
    numbers(&env);
    let text = error(&env);
    assert!(text.contains("the job is empty"), "{text}");
}

#[test]
fn options_of_the_wrong_type() {
    let env = env();
    numbers(&env).blackhole();
    env.configure("parallelism.default", "many");
    assert!(error(&env).contains("option `parallelism.default` cannot be `many`"));
    env.set_parallelism(1).configure("execution.runtime-mode", "FAST");
    numbers(&env).blackhole();
    assert!(error(&env).contains("write STREAMING, BATCH or AUTOMATIC"));
}
