use super::*;
use crate::{DataGenOptions, RuntimeExecutionMode};
use flott_api::RuntimeMode;

#[test]
fn automatic_is_batch_exactly_when_every_source_ends() {
    let modes = |add_unbounded: bool| {
        let env = env();
        env.set_runtime_mode(RuntimeExecutionMode::Automatic).enable_checkpointing(Duration::from_secs(1));
        numbers(&env).blackhole();
        if add_unbounded {
            env.datagen(|n| n, DataGenOptions::new()).blackhole();
        }
        let job = job(&env);
        (job.mode, job.config.raw("execution.checkpointing.interval").map(str::to_owned))
    };
    assert_eq!(modes(false), (RuntimeMode::Batch, None), "no checkpoints in batch mode");
    assert_eq!(modes(true), (RuntimeMode::Streaming, Some("1000 ms".to_owned())));
}

#[test]
fn streaming_is_the_default_and_batch_wants_an_end() {
    let env = env();
    numbers(&env).blackhole();
    assert_eq!(job(&env).mode, RuntimeMode::Streaming);
    env.configure("execution.runtime-mode", "batch");
    env.datagen(|n| n, DataGenOptions::new()).blackhole();
    let text = error(&env);
    assert!(text.starts_with("operator `Source: Data Generator` never ends by itself"), "{text}");
    env.datagen(|n| n, DataGenOptions::new().with_count(5)).blackhole();
    assert_eq!(job(&env).mode, RuntimeMode::Batch);
}

#[test]
fn settings_come_from_options_and_calls() {
    let env = env();
    env.set_parallelism(3).set_max_parallelism(300).disable_operator_chaining();
    numbers(&env).blackhole();
    let settings = job(&env).settings;
    assert_eq!((settings.name.as_str(), settings.parallelism), ("test", 3));
    assert_eq!((settings.max_parallelism, settings.chaining), (Some(300), false));
    env.configure("pipeline.name", "from the options");
    numbers(&env).blackhole();
    assert_eq!(job(&env).settings.name, "from the options");
}

#[test]
fn a_second_job_has_what_is_new_and_what_that_reads_from() {
    let (env, kept) = environment();
    let source = numbers(&env);
    let mapped = source.map(|n| n + 1).name("mapped");
    mapped.blackhole();
    env.execute("first").unwrap();
    mapped.filter(|_| true).print();
    env.execute("second").unwrap();
    assert!(env.execute("third").unwrap_err().to_string().contains("the job is empty"));
    let jobs = kept.0.lock().unwrap();
    assert_eq!(edges(&jobs[0].graph), ["Source: Sequence Source -> mapped", "mapped -> Sink: Blackhole"]);
    assert_eq!(
        edges(&jobs[1].graph),
        ["Source: Sequence Source -> mapped", "mapped -> Filter", "Filter -> Sink: Print to Std. Out"]
    );
}

#[test]
fn results_of_a_job_that_has_ended() {
    let env = env();
    assert!(numbers(&env).execute_and_collect("nothing was run").unwrap().is_empty());
    numbers(&env).blackhole();
    let result = env.execute("test").unwrap();
    assert_eq!((result.job_name(), result.status()), ("test", JobStatus::Finished));
    assert_eq!((result.metric("numRecordsIn"), result.operator_metric("Map", "numRecordsIn")), (2, 1));
    assert_eq!(result.net_runtime(), Duration::from_secs(1));
}
