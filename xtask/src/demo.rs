//! `cargo xtask demo`: from a fresh clone to a job's result.
//!
//! Installs what the build needs if it can, builds the word count example in release (nothing else) and runs it on
//! the input that it carries. Arguments are handed to the example.

use crate::program::{self, cargo};
use crate::{Failure, needs};
use std::time::Instant;

/// The example that is shown.
const EXAMPLE: &str = "word_count";

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let start = Instant::now();
    needs::install(needs::LEAN)?;
    program::run(&mut cargo(&["build", "--release", "--locked", "-p", "flott", "--example", EXAMPLE]))?;
    println!("built in {:.0} s\n", start.elapsed().as_secs_f64());
    let mut job = cargo(&["run", "--release", "--locked", "--quiet", "-p", "flott", "--example", EXAMPLE, "--"]);
    program::run(job.args(args))?;
    println!(
        "\nThat was examples/{EXAMPLE}.rs, from start to result in {:.0} s.\n\
         Own text: cargo run --release -p flott --example {EXAMPLE} -- --help",
        start.elapsed().as_secs_f64()
    );
    Ok(())
}
