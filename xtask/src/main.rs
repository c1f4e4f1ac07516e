//! The house's tools: `cargo xtask COMMAND`. The only scripting language here is Rust.
//!
//! One file per command; [`COMMANDS`] lists them and is the help text. Nothing of this goes into the product, and
//! nothing here builds anything but what the command needs, because the demo has to be quick on a fresh clone.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "a tool for the developer's terminal: it reads files, starts programs and prints"
)]

mod bench;
mod ci;
mod demo;
mod docs;
mod fix;
mod generate;
mod needs;
mod program;
mod services;
mod test;
mod tidy;
mod tree;

use std::path::PathBuf;
use std::process::ExitCode;

/// What a command returns when it fails: what happened and what to do, for the terminal.
type Failure = String;
/// A command: its arguments in, nothing out but what it prints.
type Run = fn(&[String]) -> Result<(), Failure>;

/// Every command: name with arguments, what it does, how.
const COMMANDS: &[(&str, &str, Run)] = &[
    ("demo [ARGS]", "build the main example in release and show its result", demo::run),
    ("test [ARGS]", "start the services that tests need and run every test", test::run),
    ("ci [--from STEP | --only STEP]", "everything that must hold before a change lands", ci::run),
    ("fix [--docs]", "the writing twin of ci: format, apply lint fixes, regenerate docs", fix::run),
    ("tidy", "the house rules that no compiler knows", tidy::run),
    ("bench NAME [ARGS]", "run a benchmark: one JSON object a line", bench::run),
    ("docs", "build the API docs and check the links of the book", docs::run),
    ("services", "start the services that tests need, and leave them running", services::run),
    ("help", "this text", help),
];

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_else(|| "help".into());
    let rest: Vec<String> = args.collect();
    let Some((_, _, run)) = COMMANDS.iter().find(|(usage, _, _)| usage.split(' ').next() == Some(name.as_str())) else {
        eprintln!("xtask: there is no command `{name}`; `cargo xtask help` lists them");
        return ExitCode::from(2);
    };
    match run(&rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask {name}: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn help(_args: &[String]) -> Result<(), Failure> {
    println!("cargo xtask COMMAND\n");
    for (usage, what, _) in COMMANDS {
        println!("  {usage:<32} {what}");
    }
    Ok(())
}

/// The root of the repository that this run is about.
fn root() -> PathBuf {
    // Cargo sets it for `cargo run` and `cargo test`; a binary started by hand stands in the root.
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("xtask"), PathBuf::from);
    folder.parent().map_or_else(|| PathBuf::from("."), PathBuf::from)
}

/// Refuses arguments of a command that takes none.
fn no_arguments(args: &[String]) -> Result<(), Failure> {
    match args.first() {
        None => Ok(()),
        Some(arg) => Err(format!("`{arg}` is not expected; `cargo xtask help` shows what is")),
    }
}
