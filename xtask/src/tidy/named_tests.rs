//! The rule of the tables: a test that a document names in backticks, as `path.rs::name`, is in that file.

use super::Report;
use super::paths::spans;
use crate::tree::{TextFile, Tree};

/// Attributes and the like between `#[test]` and the function.
const LINES_BETWEEN_MAX: usize = 4;

pub(super) fn check(tree: &Tree, report: &mut Report) {
    for document in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        for (line, span) in spans(document) {
            let Some((path, name)) = span.split_once(".rs::") else { continue };
            let path = format!("{path}.rs");
            if !tree.file(&path).is_some_and(|file| has_test(file, name)) {
                report.finding(
                    &document.path,
                    line,
                    format!("`{span}` is no test; name the one that shows it now, or write one"),
                );
            }
        }
    }
}

fn has_test(file: &TextFile, name: &str) -> bool {
    let head = format!("fn {name}(");
    let lines: Vec<&str> = file.text.lines().map(str::trim_start).collect();
    lines.iter().enumerate().any(|(n, line)| {
        line.trim_start_matches("async ").starts_with(&head)
            && lines[n.saturating_sub(LINES_BETWEEN_MAX)..n].iter().rev().any(|before| before.starts_with("#[test]"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_tests_exist() {
        let text = "`crates/a.rs::there` `crates/a.rs::gone` `crates/a.rs::helper` `crates/b.rs::there`\n";
        let code = "fn helper() {}\n#[test]\n#[expect(x)]\nfn there() {}\n";
        let mut tree = Tree::of("tests/FEATURES.md", text);
        tree.files.push(TextFile { path: "crates/a.rs".to_owned(), text: code.to_owned() });
        let mut report = Report::default();
        check(&tree, &mut report);
        let found: Vec<_> = report.findings().iter().filter_map(|finding| finding.split('`').nth(1)).collect();
        assert_eq!(found, ["crates/a.rs::gone", "crates/a.rs::helper", "crates/b.rs::there"]);
    }
}
