//! Every example gives what `examples/expected/` holds: run straight at every parallelism, and killed again and again.
//! Every one knows `--help`.
//!
//! The examples are run as programs of their own. Nothing is built here: `cargo test` builds them, next to this test.

#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "examples are run as processes, on real files"
)]

mod killed;
mod process;

use process::{expected, output};
use std::path::Path;

/// A job gives the same at each of them, and when it goes from one to another.
const PARALLELISMS: [&str; 4] = ["1", "2", "3", "7"];

macro_rules! examples {
    ($($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            let name = stringify!($name);
            for parallelism in PARALLELISMS {
                assert_eq!(output(name, &["-p", parallelism]), expected(name), "{name} at parallelism {parallelism}");
            }
            let help = output(name, &["--help"]);
            assert!(help.contains("--checkpoint-dir"), "{name} --help prints {help}");
        })*

        mod when_killed {
            $(#[test]
            fn $name() {
                crate::killed::kill(stringify!($name));
            })*
        }

        #[test]
        fn every_example_is_tested() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
            let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            let examples = files.filter(|path| path.extension().is_some_and(|e| e == "rs"));
            let mut names: Vec<_> = examples.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
            names.sort();
            assert_eq!(names, [$(stringify!($name)),*], "list every example here, in order");
            let killed: Vec<_> = killed::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
            assert_eq!(names, killed, "list every example in `killed.rs`, in order");
        }
    };
}

examples! {
    async_enrichment,
    broadcast_rules,
    daily_files,
    fraud_detection,
    odd_even,
    sensor_averages,
    session_analytics,
    socket_word_count,
    word_count,
}
