//! `cargo xtask services`: what tests need beside themselves, such as a broker or a database.
//!
//! One line per service. A service of which each test wants its own, empty and on a free port, is only installed here;
//! the tests start and stop it.

mod duckdb;

use crate::program::{exists, output, program, run as run_program};
use crate::{Failure, root};
use serde_json::Value;
use std::path::PathBuf;

/// A service: its name, which tests need it, and how it is started. Starting installs what is missing, returns
/// when the service answers, and does nothing when it already does.
type Service = (&'static str, &'static str, fn() -> Result<(), Failure>);

const SERVICES: &[Service] = &[
    ("duckdb", "crates/savepoint", duckdb::start),
    ("moto", "tests/tests/object_store", moto),
    ("azurite", "tests/tests/object_store", azurite),
];

/// A server in Python that speaks the protocol of S3, conditional writes and uploads in parts included.
const MOTO: &str = "5.2.5";
/// Microsoft's own server for tests with Azure Blob Storage, in JavaScript.
const AZURITE: &str = "3.37.0";

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    crate::no_arguments(args)?;
    start_all()
}

/// Starts what is in the table.
pub(crate) fn start_all() -> Result<(), Failure> {
    for (name, needed_by, start) in SERVICES {
        start().map_err(|e| format!("{name}, which {needed_by} needs, does not start: {e}"))?;
        println!("{name} is ready");
    }
    Ok(())
}

/// Installs moto into a folder of its own beside the build's output.
fn moto() -> Result<(), Failure> {
    let folder = services_folder()?.join(format!("moto-{MOTO}"));
    let server = folder.join("bin/moto_server");
    if server.is_file() {
        return Ok(());
    }
    if !exists("python3") {
        return Err("it needs `python3` with `venv`; install it and try again".into());
    }
    let folder = folder.to_string_lossy();
    run_program(&mut program("python3", &["-m", "venv", &folder]))?;
    run_program(&mut program(&format!("{folder}/bin/pip"), &["install", "--quiet", &format!("moto[server]=={MOTO}")]))
}

/// Installs Azurite likewise.
fn azurite() -> Result<(), Failure> {
    let folder = services_folder()?.join(format!("azurite-{AZURITE}"));
    if folder.join("node_modules/.bin/azurite-blob").is_file() {
        return Ok(());
    }
    if !exists("npm") {
        return Err("it needs `node` with `npm`; install them and try again".into());
    }
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let (folder, package) = (folder.to_string_lossy(), format!("azurite@{AZURITE}"));
    run_program(&mut program("npm", &["install", "--no-audit", "--no-fund", "--silent", "--prefix", &folder, &package]))
}

/// Where services are installed: beside what cargo builds, so that `cargo clean` removes them too.
fn services_folder() -> Result<PathBuf, Failure> {
    let metadata = output(&mut crate::program::cargo(&["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(|e| format!("cargo metadata cannot be read: {e}"))?;
    let target = metadata["target_directory"].as_str().map_or_else(|| root().join("target"), PathBuf::from);
    Ok(target.join("services"))
}
