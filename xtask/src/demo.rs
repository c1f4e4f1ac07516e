//! `cargo xtask demo`: from a fresh clone to a job's result.
//!
//! Installs what the build needs if it can, builds the word count example in release (nothing else) and runs it on
//! the input that it carries. Arguments are handed to the example.

use crate::Failure;
use crate::program::{self, cargo, exists, output, program};
use std::time::Instant;

/// The example that is shown.
const EXAMPLE: &str = "word_count";

/// Programs that the build needs: name, Debian packages that have it, what it is for.
const NEEDS: &[(&str, &[&str], &str)] = &[("cc", &["gcc", "libc6-dev"], "the C compiler")];

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let start = Instant::now();
    install_needs()?;
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

fn install_needs() -> Result<(), Failure> {
    let missing: Vec<_> = NEEDS.iter().filter(|(name, _, _)| !exists(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().flat_map(|(_, packages, _)| packages.iter().copied()).collect();
    let is_root = output(&mut program("id", &["-u"])).is_ok_and(|id| id.trim() == "0");
    if !is_root || !exists("apt-get") {
        let names: Vec<String> = missing.iter().map(|(name, _, what)| format!("`{name}` ({what})")).collect();
        return Err(format!(
            "{} missing; install it, on Debian and Ubuntu by `sudo apt-get install {}`, and start again",
            names.join(" and "),
            packages.join(" ")
        ));
    }
    program::run(&mut program("apt-get", &["update", "-qq"]))?;
    let mut install = vec!["install", "-y", "--no-install-recommends"];
    install.extend(packages);
    program::run(program("apt-get", &install).env("DEBIAN_FRONTEND", "noninteractive"))
}
