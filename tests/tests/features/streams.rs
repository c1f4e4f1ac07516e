//! Streams of which it takes a whole job to see what comes out.

use super::lab;
use flott::prelude::*;

fn environment() -> StreamExecutionEnvironment {
    StreamExecutionEnvironment::get_execution_environment().unwrap()
}

fn sorted<T: Ord>(mut rows: Vec<T>) -> Vec<T> {
    rows.sort();
    rows
}

#[test]
fn a_union_of_a_stream_with_itself_has_every_record_twice() {
    let env = environment();
    let numbers = env.from_sequence(1, 4);
    let both = numbers.union([&numbers]).execute_and_collect("twice").unwrap();
    assert_eq!(sorted(both), [1, 1, 2, 2, 3, 3, 4, 4]);
}

#[test]
fn min_keeps_the_first_record_and_min_by_gives_the_one_that_is_least() {
    let readings = [("a".to_owned(), 5), ("b".to_owned(), 3), ("c".to_owned(), 4)];
    let keyed = |env: &StreamExecutionEnvironment| env.from_collection(readings.clone()).key_by(|_| 0u8);
    let env = environment();
    let min = keyed(&env).min(|reading| &mut reading.1).execute_and_collect("min").unwrap();
    assert_eq!(min, [("a".to_owned(), 5), ("a".to_owned(), 3), ("a".to_owned(), 3)]);
    let min_by = keyed(&env).min_by(|reading| reading.1).execute_and_collect("min by").unwrap();
    assert_eq!(min_by, [("a".to_owned(), 5), ("b".to_owned(), 3), ("b".to_owned(), 3)]);
}

/// Tells the two inputs apart.
#[derive(Clone)]
struct Sides;

impl CoProcessFunction for Sides {
    type In1 = i64;
    type In2 = String;
    type Out = String;

    fn process1(&mut self, n: i64, _: &mut ProcessContext<'_>, out: &mut Collector<String>) -> Result<()> {
        out.collect(format!("number {n}"));
        Ok(())
    }

    fn process2(&mut self, text: String, cx: &mut ProcessContext<'_>, out: &mut Collector<String>) -> Result<()> {
        cx.output(&OutputTag::new("texts"), text.len() as u64);
        out.collect(format!("text {text}"));
        Ok(())
    }
}

#[test]
fn a_co_process_function_has_a_method_for_each_of_two_types() {
    let env = environment();
    let texts = env.from_elements(["x".to_owned(), "yy".to_owned()]);
    let all = env.from_sequence(1, 2).connect(&texts).process(Sides);
    assert_eq!(sorted(all.execute_and_collect("sides").unwrap()), ["number 1", "number 2", "text x", "text yy"]);
}

#[test]
fn rebalance_gives_every_subtask_its_share_and_global_gives_all_to_the_first() {
    /// Adds where a record was processed.
    #[derive(Clone)]
    struct Where;
    impl ProcessFunction for Where {
        type In = i64;
        type Out = u32;
        fn process(&mut self, _: i64, cx: &mut ProcessContext<'_>, out: &mut Collector<u32>) -> Result<()> {
            out.collect(cx.subtask_index());
            Ok(())
        }
    }
    let shares = |partition: fn(&DataStream<i64>) -> DataStream<i64>| {
        let world = lab::world(0);
        let (ended, notes) = lab::run(&world, &[], |env, notes| {
            let notes = notes.clone();
            let numbers = env.from_source(world.replay(vec![(0..30).collect()]), lab::by_value(), "numbers");
            let places = partition(&numbers).process(Where).set_parallelism(3);
            places.global().for_each(move |subtask| notes.note(subtask.to_string())).set_parallelism(1);
        });
        ended.unwrap();
        [0, 1, 2].map(|n: u32| notes.lines().iter().filter(|line| **line == n.to_string()).count())
    };
    assert_eq!(shares(|numbers| numbers.rebalance()), [10, 10, 10]);
    assert_eq!(shares(|numbers| numbers.global()), [30, 0, 0]);
}
