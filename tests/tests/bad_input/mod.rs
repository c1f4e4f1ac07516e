//! Bad input of every kind: one clear error each, or the record put aside; nothing lost and nothing doubled.

mod checkpoints;
mod disk;
mod graph;
mod malformed;
mod options;
mod times;
mod unreadable;
mod user_code;

use flott::prelude::*;

/// An environment of its own, with checkpoints off.
fn environment() -> StreamExecutionEnvironment {
    StreamExecutionEnvironment::get_execution_environment().unwrap()
}

/// Asserts that the error says all of this.
#[track_caller]
fn assert_says(error: &Error, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
    assert!(!text.contains('\n') || parts.contains(&"\n"), "more than one line: {text}");
}
