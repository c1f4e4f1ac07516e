//! Options that are wrong or misspelt.

use super::{assert_says, environment};
use crate::process::Place;
use flott::prelude::*;

#[test]
fn an_option_of_the_wrong_type_is_one_clear_error() {
    for (key, value, hint) in [
        ("parallelism.default", "many", "write a number"),
        ("execution.checkpointing.interval", "10 parsecs", "is not a unit of time"),
        ("pipeline.operator-chaining.enabled", "maybe", "write true or false"),
        ("execution.checkpointing.data-inline-threshold", "20 apples", "is not a unit of size"),
        ("execution.checkpointing.mode", "TWICE", "EXACTLY_ONCE or AT_LEAST_ONCE"),
        ("execution.runtime-mode", "FAST", "STREAMING, BATCH or AUTOMATIC"),
        ("restart-strategy.type", "hope", "fixed-delay"),
        ("state.backend.type", "tape", "hashmap"),
        ("execution.checkpointing.externalized-checkpoint-retention", "SOMETIMES", "RETAIN_ON_CANCELLATION"),
    ] {
        let env = environment();
        env.configure(key, value);
        let error = env.from_elements([1]).execute_and_collect("wrong option").unwrap_err();
        assert_says(&error, &[key, value, hint]);
        assert_eq!(error.kind(), ErrorKind::Invalid, "{key}");
    }
}

#[test]
fn a_number_that_makes_no_sense_is_one_clear_error() {
    for (key, value) in [
        ("parallelism.default", "0"),
        ("pipeline.max-parallelism", "40000"),
        ("execution.checkpointing.timeout", "0 ms"),
        ("execution.checkpointing.num-retained", "0"),
    ] {
        let env = environment();
        env.configure(key, value);
        let error = env.from_elements([1]).execute_and_collect("senseless option").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{key}: {error}");
    }
}

#[test]
fn the_command_line_is_checked_too() {
    let place = Place::new(1, 1, 1);
    let (status, _, errors) = place.start(&["-Dparallelism.default=many"]).end();
    assert!(!status.success() && errors.contains("parallelism.default") && errors.contains("many"), "{errors}");
}

#[test]
fn an_unknown_option_is_warned_of_with_the_nearest_known_one() {
    let place = Place::new(1, 10, 10);
    let (status, _, errors) = place.start(&["-Dparalelism.default=2", "-Dsome.thing.else=1"]).end();
    assert!(status.success(), "{errors}");
    assert!(
        errors.contains("`paralelism.default`") && errors.contains("did you mean `parallelism.default`"),
        "{errors}"
    );
    assert!(errors.contains("`some.thing.else` is not known"), "{errors}");
    place.check();
}

#[test]
fn a_parallelism_over_the_max_parallelism_is_refused() {
    let env = environment();
    env.set_max_parallelism(4).set_parallelism(5);
    let error = env.from_sequence(1, 9).key_by(|n| *n).sum(|n| n).execute_and_collect("too many").unwrap_err();
    assert_says(&error, &["5", "4"]);
    assert_eq!(error.kind(), ErrorKind::Invalid);
}
