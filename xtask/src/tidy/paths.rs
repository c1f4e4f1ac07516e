//! The rule of the map: a file that a document names in backticks exists.
//!
//! Decisions and the changelog tell of the past and may name what is gone.

use super::Report;
use crate::tree::{TextFile, Tree};

/// Folders of the root; a backticked word that starts with one and has a slash is a path.
const ROOTS: &[&str] = &["crates/", "tests/", "sim/", "benches/", "examples/", "docs/", "xtask/", ".ci/", ".cargo/"];

pub(super) fn check(tree: &Tree, report: &mut Report) {
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md") && !is_history(file)) {
        for (line, path) in paths(file) {
            if !tree.has(path) {
                report.finding(
                    &file.path,
                    line,
                    format!(
                        "`{path}` does not exist, and a wrong map is worse than none; name the file that does it now"
                    ),
                );
            }
        }
    }
}

fn is_history(file: &TextFile) -> bool {
    file.path.starts_with("docs/adr/") || file.path == "CHANGELOG.md"
}

/// The backticked words of a document, outside of code blocks.
pub(super) fn spans(file: &TextFile) -> impl Iterator<Item = (usize, &str)> {
    let mut in_block = false;
    let prose = file.lines().filter(move |(_, text)| {
        let fence = text.trim_start().starts_with("```");
        in_block ^= fence;
        !in_block && !fence
    });
    prose.flat_map(|(line, text)| text.split('`').skip(1).step_by(2).map(move |span| (line, span)))
}

/// Those of them that are paths.
fn paths(file: &TextFile) -> impl Iterator<Item = (usize, &str)> {
    spans(file).filter(|(_, span)| {
        ROOTS.iter().any(|root| span.starts_with(root))
            && !span.contains([' ', '*', '<', '{', ':'])
            && !span.contains("...")
            && !has_placeholder(span)
    })
}

/// `docs/adr/NNNN-title.md`, `crates/NAME/`: a word in capitals stands for any name.
fn has_placeholder(path: &str) -> bool {
    path.split(['/', '-', '.']).any(|part| {
        part.len() > 1 && part.chars().all(|c| c.is_ascii_uppercase()) && !matches!(part, "README" | "ARCHITECTURE")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_files_exist() {
        let text = "`crates/core/src/gone.rs`, `crates/.../x.rs`, `docs/adr/NNNN-title.md`, `cargo`\n\
            ```\n`docs/gone.md`\n```\n";
        let mut report = Report::default();
        check(&Tree::of("ARCHITECTURE.md", text), &mut report);
        assert_eq!(report.findings().len(), 1);
        assert!(report.findings()[0].starts_with("ARCHITECTURE.md:1: `crates/core/src/gone.rs`"));
        check(&Tree::of("docs/adr/0001-x.md", text), &mut report);
        assert_eq!(report.findings().len(), 1);
    }
}
