//! What the build needs beside Rust, and how it is installed where that is possible: as root on Debian and Ubuntu.

use crate::Failure;
use crate::program::{self, exists, output, program};

/// Something that the build needs: whether it is there, the Debian packages that have it, and what it is.
pub(crate) struct Need {
    is_there: fn() -> bool,
    packages: &'static [&'static str],
    what: &'static str,
}

const C_COMPILER: Need =
    Need { is_there: || exists("cc"), packages: &["gcc", "libc6-dev"], what: "the C compiler `cc`" };
const CPP_COMPILER: Need = Need { is_there: || exists("c++"), packages: &["g++"], what: "the C++ compiler `c++`" };
/// RocksDB's bindings are made from its header when it is built.
const LIBCLANG: Need = Need {
    is_there: || exists("clang") || output(&mut program("ldconfig", &["-p"])).is_ok_and(|all| all.contains("libclang")),
    packages: &["libclang-dev"],
    what: "the library `libclang` with its headers",
};

/// What `flott` needs without the state backend on RocksDB.
pub(crate) const LEAN: &[Need] = &[C_COMPILER];
/// What the whole workspace needs.
pub(crate) const WORKSPACE: &[Need] = &[C_COMPILER, CPP_COMPILER, LIBCLANG];

/// Installs what is missing.
pub(crate) fn install(needs: &[Need]) -> Result<(), Failure> {
    let missing: Vec<_> = needs.iter().filter(|need| !(need.is_there)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().flat_map(|need| need.packages.iter().copied()).collect();
    let is_root = output(&mut program("id", &["-u"])).is_ok_and(|id| id.trim() == "0");
    if !is_root || !exists("apt-get") {
        let names: Vec<&str> = missing.iter().map(|need| need.what).collect();
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
