//! The rule of names: no drawer for anything, and no second version beside the first.

use super::Report;
use crate::tree::Tree;

/// Names of files, folders and modules that say nothing.
const DRAWERS: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc"];
/// Ends of names of files, folders and modules that mark a twin.
const TWINS: &[&str] = &["_v2", "_v3", "_new", "_old", "_impl", "_legacy"];
/// Ends of names of items that mark a twin. `new` is missing: `try_new` is a constructor.
const ITEM_TWINS: &[&str] = &["_v2", "_v3", "_old", "_impl", "_legacy", "V2", "V3", "Old", "Impl", "Legacy"];
/// Words that introduce an item.
const ITEMS: &[&str] = &["mod", "fn", "struct", "enum", "trait", "type"];

pub(super) fn check(tree: &Tree, report: &mut Report) {
    for path in tree.paths.iter().filter(|path| is_ours(path)) {
        let name = path.rsplit('/').next().unwrap_or(path);
        let stem = name.split('.').next().unwrap_or(name);
        judge_module(path, 1, stem, report);
    }
    for file in tree.rust() {
        for (line, text) in file.lines() {
            match declaration(text) {
                // A module with a file of its own has been judged by its path.
                Some(("mod", name)) if text.contains('{') => judge_module(&file.path, line, name, report),
                Some(("mod", _)) | None => {}
                Some((_, name)) => {
                    if let Some(end) = ITEM_TWINS.iter().find(|end| name.ends_with(*end)) {
                        report.finding(&file.path, line, twin(name, end));
                    }
                }
            }
        }
    }
}

/// The word that introduces the item which this line declares, and the item's name.
fn declaration(line: &str) -> Option<(&str, &str)> {
    if line.trim_start().starts_with("//") {
        return None;
    }
    let mut words = line.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
    let kind = words.find(|word| !matches!(*word, "pub" | "crate" | "super" | "async" | "const" | "unsafe"))?;
    ITEMS.contains(&kind).then(|| words.next().map(|name| (kind, name))).flatten()
}

/// Whether the path is one that we name ourselves.
fn is_ours(path: &str) -> bool {
    ["crates/", "tests/", "sim/", "benches/", "examples/", "xtask/"].iter().any(|start| path.starts_with(start))
}

fn judge_module(path: &str, line: usize, name: &str, report: &mut Report) {
    if DRAWERS.contains(&name) {
        report.finding(
            path,
            line,
            format!("`{name}` is a drawer, and everything ends up in it; name the thing that is inside"),
        );
    }
    if let Some(end) = TWINS.iter().find(|end| name.ends_with(*end)) {
        report.finding(path, line, twin(name, end));
    }
}

fn twin(name: &str, end: &str) -> String {
    format!("`{name}` ends in `{end}`, a second thing beside the first; replace the first and give it the plain name")
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
    fn drawers_and_twins_are_found() {
        assert_eq!(findings("crates/x/src/utils.rs", ""), 1);
        assert_eq!(findings("crates/x/src/reader_v2.rs", ""), 1);
        assert_eq!(
            findings("crates/x/src/a.rs", "pub(crate) struct ReaderImpl;\nfn run_old() {}\nmod helpers {}\n"),
            3
        );
    }

    #[test]
    fn plain_names_are_left_alone() {
        let text = "pub fn try_new() {}\npub struct Common;\n// struct ReaderImpl\nlet x = a_impl;\nimpl Reader {}\n";
        assert_eq!(findings("crates/x/src/a.rs", text), 0);
        assert_eq!(findings("docs/common.md", ""), 0);
    }
}
