//! DuckDB, which reads the tables of savepoints in tests: a Python with the package `duckdb` in a folder of the cache,
//! and `pytz`, which it needs for times. Nothing runs; the test starts it.

use crate::Failure;
use crate::program::{program, run};
use std::path::PathBuf;

/// The version that tests are written for. `crates/savepoint/tests/duckdb.rs` looks for the same.
const VERSION: &str = "2.0.0";

const PYTZ_VERSION: &str = "2025.2";

/// Installs it once.
pub(super) fn start() -> Result<(), Failure> {
    let folder = cache()?.join(format!("duckdb-{VERSION}"));
    // The mark is made last, so that an installation that was broken off is made again.
    let mark = folder.join("installed");
    let packages = [format!("duckdb=={VERSION}"), format!("pytz=={PYTZ_VERSION}")];
    if std::fs::read_to_string(&mark).is_ok_and(|text| text == packages.join(" ")) {
        return Ok(());
    }
    let path = folder.to_str().ok_or("the cache folder is not UTF-8; set XDG_CACHE_HOME")?.to_owned();
    run(&mut program("python3", &["-m", "venv", "--clear", &path]))?;
    let python = format!("{path}/bin/python");
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run(program(&python, &pip).args(&packages))?;
    std::fs::write(&mark, packages.join(" ")).map_err(|e| format!("{}: {e}", mark.display()))
}

/// Where things are kept that outlive a clone.
fn cache() -> Result<PathBuf, Failure> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    base.map(|base| base.join("flott")).ok_or_else(|| "there is no home folder; set XDG_CACHE_HOME".to_owned())
}
