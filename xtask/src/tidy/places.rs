//! The rule of places: nothing in the repository knows the machine it was written on.

use super::Report;
use crate::tree::{TextFile, Tree};

/// Folders that exist on somebody's machine only. In two parts, so that this file does not find itself.
const MACHINE: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];
/// Settings that send a build to another registry.
const REGISTRY: &[&str] = &["[source.", "replace-with", "registry =", "[registries", "index =", "index-url", "GOPROXY"];

pub(super) fn check(tree: &Tree, report: &mut Report) {
    for file in &tree.files {
        for (line, text) in file.lines() {
            for place in MACHINE.iter().filter(|place| has_path(text, place)) {
                report.finding(
                    &file.path,
                    line,
                    format!("`{place}` is a folder of one machine; use a relative path or a temporary folder"),
                );
            }
            if is_build_setting(file) && REGISTRY.iter().any(|setting| text.trim_start().starts_with(setting)) {
                report.finding(
                    &file.path,
                    line,
                    "a registry of one network is set here; leave that to the user's own settings",
                );
            }
        }
    }
}

/// Whether `place` stands in `text` as the start of a path.
fn has_path(text: &str, place: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '}' | '/' | '*');
    text.match_indices(place).any(|(at, _)| !text[..at].chars().next_back().is_some_and(joins))
}

fn is_build_setting(file: &TextFile) -> bool {
    file.path.starts_with(".cargo/")
        || file.path.starts_with(".ci/")
        || file.path.ends_with("pip.conf")
        || file.name() == ".npmrc"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> usize {
        let mut report = Report::default();
        check(&Tree::of(path, text), &mut report);
        report.findings().len()
    }

    #[test]
    fn machine_paths_are_found() {
        assert_eq!(findings("docs/a.md", &format!("see {}main\n", MACHINE[0])), 1);
        assert_eq!(findings("docs/a.md", &format!("see crates{}main and https://x.org{0}main\n", MACHINE[0])), 0);
    }

    #[test]
    fn registries_are_left_to_the_user() {
        assert_eq!(findings(".cargo/config.toml", "[source.crates-io]\nreplace-with = \"near\"\n"), 2);
        assert_eq!(findings(".cargo/config.toml", "[alias]\nxtask = \"run\"\n"), 0);
    }
}
