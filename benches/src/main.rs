//! Benchmarks: `cargo xtask bench GROUP [--case NAME] [--peer flink ...]`, of which groups there are `engine` and `state`.
//!
//! ```text
//! main.rs     the command line
//! bench.rs    what a case is; the cases of each group are in a folder of its name
//! child.rs    one measured run: a process of its own, so that its CPU time and memory are its own
//! report.rs   medians, and the line of JSON that a case prints
//! flink.rs    Apache Flink as a peer
//! ```
//!
//! On a machine with other work CPU seconds and ratios of neighbouring runs mean something, wall time little. So
//! throughput is records per CPU-second, and engines that are compared run in turns: A B A B.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark measures real processes, clocks and files, and prints what it found"
)]

mod bench;
mod child;
mod engine;
mod flink;
mod report;
mod state;

use bench::{Bench, Case, Failure};
use flink::Flink;
use flott::ParameterTool;

const USAGE: &str = "\
Usage: flott-benches engine|state [OPTIONS]

Prints one line of JSON per case:
  {\"bench\":\"engine\",\"case\":..,\"value\":..,\"unit\":..,\"peer\":{name: value},\"bar\":..,\"also\":{..},\"holds\":true|false}

Options:
  --case NAME         only the cases whose names begin so
  --list              name the cases and what they measure
  --runs N            measured runs of each engine, 3 when not given; the value is the median
  --scale X           X times as many records, for a quick look (0.1) or a quiet machine (3)
  --text FILE         the text of the word count; made from the documentation of crates when not given
  --checkpoints URL   where the checkpoint goes that is restored; a folder that is dropped, when not given
  --peer flink        also run Apache Flink, where it has the same job
  --flink-peer PATH   the harness that runs it, run.py
  --flink-cache DIR   where the harness keeps Flink (330 MB), target/flink when not given
  --flink-events N    records of a run of Flink, 10000000 when not given";

/// The groups of cases.
const GROUPS: &[(&str, &[Case])] = &[("engine", engine::CASES), ("state", state::CASES)];

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some(child::VERB) => {
            let cases: Vec<&Case> = GROUPS.iter().flat_map(|(_, cases)| *cases).collect();
            child::main(&cases, &args.collect::<Vec<_>>())
        }
        Some(group) if GROUPS.iter().any(|(name, _)| *name == group) => {
            let cases = GROUPS.iter().filter(|(name, _)| *name == group).flat_map(|(_, cases)| *cases);
            run_cases(group, cases, &ParameterTool::from_args(args)?)
        }
        _ => {
            println!("{USAGE}");
            Ok(())
        }
    }
}

fn run_cases(group: &str, cases: impl Iterator<Item = &'static Case>, args: &ParameterTool) -> Result<(), Failure> {
    if args.has("help") {
        println!("{USAGE}");
        return Ok(());
    }
    let start = args.get("case").unwrap_or_default();
    let cases: Vec<_> = cases.filter(|case| case.name.starts_with(start)).collect();
    if cases.is_empty() {
        return Err(format!("no case begins with `{start}`; --list names them").into());
    }
    if args.has("list") {
        cases.iter().for_each(|case| println!("{:12} {}", case.name, case.about));
        return Ok(());
    }
    let flink = match args.get("peer") {
        None => None,
        Some("flink") => Some(Flink::from_args(args)?),
        Some(other) => return Err(format!("there is no peer `{other}`; write --peer flink").into()),
    };
    let bench = Bench {
        runs: args.get_or("runs", 3)?,
        scale: args.get_or("scale", 1.0)?,
        text: args.get("text").map(Into::into),
        checkpoints: args.get("checkpoints").map(Into::into),
        flink,
    };
    let mut failed = Vec::new();
    for case in cases {
        // One case that cannot be measured does not take the others with it.
        if let Err(failure) = (case.measure)(&bench).and_then(|line| line.print(group, case.name)) {
            eprintln!("{}: {failure}", case.name);
            failed.push(case.name);
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("not measured: {}", failed.join(", ")).into()) }
}
