//! `cargo xtask ci`: what must hold before a change lands. CI runs exactly this.
//!
//! The steps run in order, cheap ones first, each with a heading and its seconds; the first that fails ends the run.
//! The last one checks that the run has changed nothing in the clone.

use crate::program::{self, cargo, output, program};
use crate::{Failure, docs, needs, test, tidy};
use std::time::{Duration, Instant};

/// A step: its name and what it runs.
type Step = (&'static str, fn() -> Result<(), Failure>);

/// The steps in order. The clean tree is compared with the one before the first step.
const STEPS: &[Step] = &[
    ("tidy", tidy_step),
    ("fmt", fmt),
    ("clippy", clippy),
    ("test", tests),
    ("query", query_tests),
    ("docs", doc_step),
];

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let steps = choose(args)?;
    let before = tree_state()?;
    let mut took: Vec<(&str, Duration)> = Vec::new();
    for (name, step) in steps {
        println!("\n=== {name}");
        let start = Instant::now();
        let result = step();
        println!("=== {name}: {} in {:.1} s", verdict(&result), start.elapsed().as_secs_f64());
        took.push((name, start.elapsed()));
        result.map_err(|e| format!("step `{name}`: {e}"))?;
    }
    println!("\n=== clean");
    if tree_state()? != before {
        program::run(&mut program("git", &["status", "--short"]))?;
        return Err("step `clean`: the run has changed files of the clone; write test files to a temporary folder, \
                    and commit what `cargo xtask fix` generates"
            .into());
    }
    println!("=== clean: ok\n");
    for (name, time) in &took {
        println!("{name:<8} {:>7.1} s", time.as_secs_f64());
    }
    println!("{:<8} {:>7.1} s", "all", took.iter().map(|(_, time)| time.as_secs_f64()).sum::<f64>());
    Ok(())
}

/// The steps that the arguments ask for.
fn choose(args: &[String]) -> Result<&'static [Step], Failure> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (only, wanted) = match args[..] {
        [] => return Ok(STEPS),
        ["--from", wanted] => (false, wanted),
        ["--only", wanted] => (true, wanted),
        _ => return Err("write `cargo xtask ci`, `... --from STEP` or `... --only STEP`".into()),
    };
    let names: Vec<&str> = STEPS.iter().map(|(name, _)| *name).collect();
    let Some(at) = names.iter().position(|name| *name == wanted) else {
        return Err(format!("there is no step `{wanted}`; the steps are {}", names.join(", ")));
    };
    Ok(if only { &STEPS[at..=at] } else { &STEPS[at..] })
}

fn tidy_step() -> Result<(), Failure> {
    tidy::run(&[])
}

fn fmt() -> Result<(), Failure> {
    program::run(&mut cargo(&["fmt", "--all", "--check"]))
}

fn clippy() -> Result<(), Failure> {
    needs::install(needs::WORKSPACE)?;
    program::run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn tests() -> Result<(), Failure> {
    test::run(&[])
}

/// SQL over savepoints, whose feature is off elsewhere: DataFusion takes 18 minutes of one core to build. That is done
/// once for a build folder; later runs build the crates of Flott again, with the feature, and run the tests that it is for.
fn query_tests() -> Result<(), Failure> {
    let crates = ["test", "-p", "flott-savepoint", "-p", "flott", "--features", "flott/query"];
    let tests = ["--lib", "--test", "cli", "--", "query", "sql", "book"];
    program::run(&mut cargo(&[&crates[..], &tests].concat()))
}

fn doc_step() -> Result<(), Failure> {
    docs::run(&[])
}

fn verdict(result: &Result<(), Failure>) -> &'static str {
    if result.is_ok() { "ok" } else { "failed" }
}

/// What git sees of the clone: the state of every file and the text of every change.
fn tree_state() -> Result<(String, String), Failure> {
    Ok((output(&mut program("git", &["status", "--porcelain"]))?, output(&mut program("git", &["diff"]))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(args: &[&str]) -> Result<Vec<&'static str>, Failure> {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        Ok(choose(&args)?.iter().map(|(name, _)| *name).collect())
    }

    #[test]
    fn steps_can_be_chosen() {
        assert_eq!(names(&[]).unwrap().len(), STEPS.len());
        assert_eq!(names(&["--from", "test"]).unwrap(), ["test", "query", "docs"]);
        assert_eq!(names(&["--only", "fmt"]).unwrap(), ["fmt"]);
        assert!(names(&["--only", "tset"]).unwrap_err().contains("tidy, fmt"));
    }
}
