//! `cargo xtask test`: every test of the workspace, doc tests and examples among them, in one profile.
//!
//! The lines of the test runner are passed on as they come, and one line at the end adds them up. Arguments go to
//! `cargo test`, so that `cargo xtask test -p flott-core` does what it says.

use crate::program::{cargo, run_lines};
use crate::{Failure, needs, services};

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    needs::install(needs::WORKSPACE)?;
    services::start_all()?;
    let mut command = cargo(&["test", "--no-fail-fast"]);
    if !args.iter().any(|arg| arg == "-p" || arg == "--package") {
        command.arg("--workspace");
    }
    let mut total = Totals::default();
    let result = run_lines(command.args(args), |line| total.add(line));
    println!("\n{} passed, {} failed, {} ignored in {} runs", total.passed, total.failed, total.ignored, total.runs);
    result
}

/// What the runners' result lines add up to.
#[derive(Debug, Default, PartialEq)]
struct Totals {
    runs: usize,
    passed: usize,
    failed: usize,
    ignored: usize,
}

impl Totals {
    /// Adds `test result: ok. 3 passed; 0 failed; 0 ignored; ...`; other lines add nothing.
    fn add(&mut self, line: &str) {
        let Some(rest) = line.strip_prefix("test result: ") else { return };
        self.runs += 1;
        for part in rest.split([';', '.']) {
            let mut words = part.split_whitespace();
            let (Some(number), Some(what)) = (words.next(), words.next()) else { continue };
            let Ok(number) = number.parse::<usize>() else { continue };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_add_up() {
        let mut total = Totals::default();
        total.add("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s");
        total.add("test tests::a_name ... ok");
        total.add("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s");
        assert_eq!(total, Totals { runs: 2, passed: 15, failed: 2, ignored: 1 });
    }
}
