use super::*;
use std::time::Duration;

#[test]
fn a_set_value_wins_over_the_default() {
    let mut c = Configuration::new();
    assert_eq!(c.get(&CHECKPOINTING_TIMEOUT).unwrap(), Duration::from_secs(600));
    c.set("execution.checkpointing.timeout", "90 s");
    assert_eq!(c.get(&CHECKPOINTING_TIMEOUT).unwrap(), Duration::from_secs(90));
}

#[test]
fn a_wrong_value_names_key_text_and_what_to_write() {
    let mut c = Configuration::new();
    c.set("execution.checkpointing.interval", "soon");
    let e = c.check().unwrap_err().to_string();
    assert!(e.contains("execution.checkpointing.interval") && e.contains("soon") && e.contains("10 s"), "{e}");
}

#[test]
fn an_unknown_key_gets_the_nearest_known_one() {
    let mut c = Configuration::new();
    c.set("execution.checkpointing.intervall", "1 s").set("my.own", "x");
    let unknown = c.check().unwrap();
    assert_eq!(unknown[0].1, Some("execution.checkpointing.interval"));
    assert_eq!(unknown[1].1, None);
}

#[test]
fn every_default_is_a_value_of_its_option() {
    for option in OPTIONS.iter().filter(|o| !o.default.is_empty()) {
        (option.check)(option.default).unwrap_or_else(|e| panic!("{}: {e}", option.key));
    }
}

#[test]
fn defaults_are_flinks_but_for_two() {
    let flinks = [
        ("parallelism.default", "1"),
        ("execution.runtime-mode", "STREAMING"),
        ("pipeline.max-parallelism", ""),
        ("pipeline.operator-chaining.enabled", "true"),
        ("pipeline.auto-watermark-interval", "200 ms"),
        ("execution.checkpointing.interval", ""),
        ("execution.checkpointing.mode", "EXACTLY_ONCE"),
        ("execution.checkpointing.timeout", "10 min"),
        ("execution.checkpointing.min-pause", "0 ms"),
        ("execution.checkpointing.tolerable-failed-checkpoints", "0"),
        ("execution.checkpointing.num-retained", "1"),
        ("execution.checkpointing.externalized-checkpoint-retention", "NO_EXTERNALIZED_CHECKPOINTS"),
        ("execution.checkpointing.incremental", "false"),
        ("execution.checkpointing.data-inline-threshold", "20 kb"),
        ("execution.state-recovery.ignore-unclaimed-state", "false"),
        ("state.backend.type", "hashmap"),
        ("restart-strategy.type", ""),
        ("restart-strategy.fixed-delay.attempts", "1"),
        ("restart-strategy.fixed-delay.delay", "1 s"),
        ("restart-strategy.failure-rate.max-failures-per-interval", "1"),
        ("restart-strategy.failure-rate.failure-rate-interval", "1 min"),
        ("restart-strategy.failure-rate.delay", "1 s"),
        ("restart-strategy.exponential-delay.initial-backoff", "1 s"),
        ("restart-strategy.exponential-delay.max-backoff", "1 min"),
        ("restart-strategy.exponential-delay.backoff-multiplier", "1.5"),
        ("restart-strategy.exponential-delay.jitter-factor", "0.1"),
        ("restart-strategy.exponential-delay.reset-backoff-threshold", "1 h"),
        ("restart-strategy.exponential-delay.attempts-before-reset-backoff", ""),
    ];
    let default = |key: &str| OPTIONS.iter().find(|option| option.key == key).unwrap().default;
    let others: Vec<_> =
        flinks.into_iter().filter(|(key, flinks)| default(key) != *flinks).map(|(key, _)| key).collect();
    assert_eq!(
        others,
        ["execution.checkpointing.externalized-checkpoint-retention", "execution.checkpointing.incremental"],
        "each of them is in docs/differences-from-flink.md"
    );
}

#[test]
fn durations_and_sizes_are_written_as_in_flink() {
    for (text, millis) in
        [("500 ms", 500), ("10s", 10_000), ("2 min", 120_000), ("1 h", 3_600_000), ("3 d", 259_200_000), ("7", 7)]
    {
        assert_eq!(Duration::parse(text).unwrap(), Duration::from_millis(millis), "{text}");
    }
    for (text, bytes) in [("20 kb", 20 << 10), ("128mb", 128 << 20), ("1g", 1 << 30), ("512", 512)] {
        assert_eq!(ByteSize::parse(text).unwrap().0, bytes, "{text}");
    }
}

#[test]
fn secrets_are_not_shown() {
    let mut c = Configuration::new();
    c.set("s3.secret-key", "hidden-1").set("s3.access-key", "hidden-2").set("s3.endpoint", "http://shown");
    c.set("fs.azure.account.key.shop.blob.core.windows.net", "hidden-3");
    let text = format!("{c:?}");
    assert!(text.contains("http://shown") && !text.contains("hidden"), "{text}");
    assert!(c.check().unwrap().is_empty());
}

#[test]
fn options_without_effect_are_known_and_say_why() {
    let mut c = Configuration::new();
    c.set("state.backend.rocksdb.metrics.block-cache-hit", "true")
        .set("state.backend.rocksdb.block.cache-size", "8 mb");
    c.set("state.backend.rocksdb.metrix", "true").set("state.backend.rocksdb.block.blocksize", "8 kb");
    let keys: Vec<&str> = c.without_effect().map(|(key, _)| key).collect();
    assert_eq!(keys, ["state.backend.rocksdb.block.cache-size", "state.backend.rocksdb.metrics.block-cache-hit"]);
    assert_eq!(c.check().unwrap()[0].0, "state.backend.rocksdb.metrix");
}
