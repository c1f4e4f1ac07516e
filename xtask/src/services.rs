//! `cargo xtask services`: what tests need beside themselves, such as a broker or a database.
//!
//! One line per service.

mod duckdb;

use crate::Failure;

/// A service: its name, which tests need it, and how it is started. Starting installs what is missing, returns
/// when the service answers, and does nothing when it already does.
type Service = (&'static str, &'static str, fn() -> Result<(), Failure>);

const SERVICES: &[Service] = &[("duckdb", "crates/savepoint", duckdb::start)];

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    crate::no_arguments(args)?;
    start_all()
}

/// Starts what is in the table.
pub(crate) fn start_all() -> Result<(), Failure> {
    for (name, needed_by, start) in SERVICES {
        start().map_err(|e| format!("{name}, which {needed_by} needs, does not start: {e}"))?;
        println!("{name} is up");
    }
    Ok(())
}
