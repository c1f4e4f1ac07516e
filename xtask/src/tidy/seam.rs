//! The rule of the seam: only `env` and the crates whose purpose is the outside world may lift the bans of
//! `clippy.toml`; everything else reaches the world through `flott_env::Env`, so that the simulator can run it.

use super::Report;
use crate::tree::Tree;

/// Crates that may lift the bans in product code. Tests may everywhere.
const ALLOWED: &[&str] = &[
    "env",
    "state",
    "rocksdb",
    "connectors",
    "platforms",
    "gateway",
    "flott",
    "examples",
    "tests",
    "sim",
    "benches",
    "xtask",
];
const BANS: &[&str] = &["clippy::disallowed_methods", "clippy::disallowed_types"];

pub(super) fn check(tree: &Tree, report: &mut Report) {
    for file in tree.rust().filter(|file| !ALLOWED.contains(&file.house_crate())) {
        for (line, text) in file.product_lines() {
            if BANS.iter().any(|ban| text.contains(ban)) {
                report.finding(
                    &file.path,
                    line,
                    format!(
                        "`{}` lifts a ban of clippy.toml, and the simulator could not run it; \
                         go through `flott_env::Env`",
                        file.house_crate()
                    ),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_seam_lifts_bans() {
        let lifts = "//! A.\n#![expect(clippy::disallowed_methods, reason = \"x\")]\n";
        let in_tests = "//! A.\n#[cfg(test)]\n#[expect(clippy::disallowed_methods, reason = \"x\")]\nmod tests {}\n";
        let mut report = Report::default();
        check(&Tree::of("crates/env/src/lib.rs", lifts), &mut report);
        check(&Tree::of("crates/runtime/src/task.rs", in_tests), &mut report);
        assert_eq!(report.findings(), [""; 0]);
        check(&Tree::of("crates/runtime/src/task.rs", lifts), &mut report);
        assert_eq!(report.findings().len(), 1);
    }
}
