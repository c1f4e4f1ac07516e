use super::*;
use crate::{
    CountEvictor, CountTrigger, DeltaTrigger, EventTimeSessionWindows, GlobalWindows, SlidingEventTimeWindows,
    TumblingEventTimeWindows,
};
use flott_api::function::OutputTag;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn windows_are_called_as_their_assigners() {
    let env = env();
    env.set_parallelism(2);
    let keyed = numbers(&env).key_by(|n| *n);
    keyed.window(TumblingEventTimeWindows::of(ms(10))).sum(|n| n).blackhole();
    keyed.window(SlidingEventTimeWindows::of(ms(10), ms(5))).reduce(|a, b| a + b).blackhole();
    keyed.window(EventTimeSessionWindows::with_gap(ms(5))).max(|n| n).blackhole();
    keyed.count_window(3).apply(|_, _, elements, out| out.collect(elements.len() as u64)).blackhole();
    let plan = plan(&env);
    let names = ["TumblingEventTimeWindows", "SlidingEventTimeWindows", "EventTimeSessionWindows", "GlobalWindows"];
    for (line, name) in plan[1..].iter().zip(names) {
        assert!(line.contains(&format!(": {name} -> Sink: Blackhole (parallelism 2) <- 1 HASH")), "{line}");
    }
}

#[test]
fn windows_over_all_records_have_one_subtask() {
    let env = env();
    env.set_parallelism(4);
    let sums = numbers(&env).window_all(TumblingEventTimeWindows::of(ms(10))).sum(|n| n);
    sums.map(|n| n).blackhole();
    assert_eq!(
        plan(&env),
        [
            "1: Source: Sequence Source (parallelism 4)",
            "2: TumblingEventTimeWindows (parallelism 1) <- 1 HASH",
            "3: Map -> Sink: Blackhole (parallelism 4) <- 2 REBALANCE",
        ]
    );
    sums.set_parallelism(2).blackhole();
    assert!(error(&env).contains("it has one subtask only: windows over a stream without keys need all records"));
}

#[test]
fn options_of_windows_may_come_in_any_order() {
    let env = env();
    let late = OutputTag::new("late");
    let sums = numbers(&env)
        .key_by(|n| *n)
        .window(GlobalWindows)
        .evictor(CountEvictor::of(2))
        .side_output_late_data(&late)
        .trigger(CountTrigger::of(2))
        .allowed_lateness(ms(1))
        .sum(|n| n);
    sums.get_side_output(&late).blackhole();
    assert_eq!(edges(&job(&env).graph).last().unwrap(), "GlobalWindows [late] -> Sink: Blackhole");
}

#[test]
fn windows_that_cannot_work_are_mistakes() {
    let env = env();
    let keyed = numbers(&env).key_by(|n| *n);
    keyed.window(TumblingEventTimeWindows::of(Duration::ZERO)).sum(|n| n).blackhole();
    assert!(error(&env).starts_with("operator `TumblingEventTimeWindows`: "));
    let delta = DeltaTrigger::of(1.0, |a: &i64, b: &i64| (a - b) as f64);
    keyed.window(EventTimeSessionWindows::with_gap(ms(5))).trigger(delta).sum(|n| n).blackhole();
    assert!(error(&env).contains("windows that merge cannot be used with a trigger that cannot follow them"));
    keyed.count_window(0).sum(|n| n).blackhole();
    assert!(error(&env).contains("the `size` of its `count_window` is 0"));
    keyed.count_window_sliding(3, 0).sum(|n| n).blackhole();
    assert!(error(&env).contains("the `slide` of its `count_window_sliding` is 0"));
}

#[test]
fn joins_have_two_keyed_inputs() {
    let env = env();
    let (a, b) = (numbers(&env).name("a"), env.from_elements([("x".to_owned(), 3i64)]).name("b"));
    let joined = a.join(&b).where_(|n| *n).equal_to(|r| r.1).window(TumblingEventTimeWindows::of(ms(10)));
    joined.apply(|n, r| (*n, r.0.clone())).blackhole();
    let grouped = a.co_group(&b).where_(|n| *n).equal_to(|r| r.1).window(TumblingEventTimeWindows::of(ms(10)));
    grouped.apply(|_, ones, twos, out| out.collect((ones.len(), twos.len()))).blackhole();
    let within = a.key_by(|n| *n).interval_join(&b.key_by(|r| r.1)).between(-5, 5);
    within.apply(|n, r| (*n, r.1)).blackhole();
    let edges: Vec<_> = edges(&job(&env).graph).into_iter().filter(|e| e.starts_with("Source")).collect();
    let expected = ["Window Join", "Window Co-Group", "Interval Join"]
        .map(|name| [format!("Source: a -> {name} HASH"), format!("Source: b -> {name} #1 HASH")]);
    assert_eq!(edges, expected.concat());
}

#[test]
fn an_interval_upside_down_is_a_mistake() {
    let env = env();
    let keyed = numbers(&env).key_by(|n| *n);
    keyed.interval_join(&keyed).between(5, -5).apply(|a, b| a + b).blackhole();
    let text = error(&env);
    assert!(text.starts_with("operator `Interval Join`: the lower bound") && text.contains("swap them"), "{text}");
}
