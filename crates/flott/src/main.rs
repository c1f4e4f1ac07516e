//! The `flott` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    flott::cli::verbs::main()
}
