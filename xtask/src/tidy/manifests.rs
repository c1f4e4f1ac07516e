//! The rule of versions: they stand in the root manifest and nowhere else, and come from the registry.

use super::Report;
use crate::tree::{TextFile, Tree};

/// Keys of `[package]` that are taken from the workspace.
const INHERITED: &[&str] = &["version", "edition", "rust-version", "license"];

pub(super) fn check(tree: &Tree, report: &mut Report) {
    for file in tree.files.iter().filter(|file| file.name() == "Cargo.toml") {
        if file.path == "Cargo.toml" { check_root(file, report) } else { check_member(file, report) }
    }
    if let Some(lock) = tree.file("Cargo.lock") {
        check_lock(lock, report);
    }
}

fn check_root(file: &TextFile, report: &mut Report) {
    for entry in entries(file) {
        if entry.section.starts_with("patch") || entry.section.starts_with("replace") {
            report.finding(
                &file.path,
                entry.line,
                "a patched dependency makes the build depend on a fork; use a released version",
            );
        }
        if entry.section == "workspace.dependencies" {
            check_source(file, &entry, report);
        }
    }
}

fn check_member(file: &TextFile, report: &mut Report) {
    let entries = entries(file);
    for key in INHERITED {
        let inherits = |e: &Entry| {
            e.section == "package"
                && (e.key == format!("{key}.workspace") || (e.key == *key && e.value.contains("workspace = true")))
        };
        if !entries.iter().any(inherits) {
            let what = format!(
                "`{key}` does not come from the workspace, and crates would drift apart; \
                 write `{key}.workspace = true`"
            );
            report.finding(&file.path, 1, what);
        }
    }
    if !entries.iter().any(|e| e.section == "package" && e.key == "description") {
        report.finding(&file.path, 1, "no `description`, which is the crate's line in ARCHITECTURE.md; write one");
    }
    if !entries.iter().any(|e| e.section == "lints" && e.key == "workspace") {
        report.finding(&file.path, 1, "the workspace's lints are off; write `[lints]` and `workspace = true`");
    }
    for entry in entries.iter().filter(|e| e.section.ends_with("dependencies")) {
        check_source(file, entry, report);
        let inherits = entry.key.ends_with(".workspace") || entry.value.replace(' ', "").contains("workspace=true");
        if !inherits {
            report.finding(
                &file.path,
                entry.line,
                format!(
                    "`{}` does not come from the root's table, where every version is decided; \
                     write `{0}.workspace = true` and put the version there",
                    entry.key
                ),
            );
        }
    }
    // `[dependencies.name]` on its own lines.
    for entry in entries.iter().filter(|e| e.section.contains("dependencies.")) {
        if matches!(entry.key.as_str(), "version" | "git" | "path") {
            report.finding(
                &file.path,
                entry.line,
                format!(
                    "`{}` in a member, but sources are decided in the root's table; write `workspace = true`",
                    entry.key
                ),
            );
        }
    }
}

/// What holds for a dependency wherever it stands.
fn check_source(file: &TextFile, entry: &Entry, report: &mut Report) {
    let value = entry.value.replace(' ', "");
    if value.contains("git=") {
        report.finding(
            &file.path,
            entry.line,
            format!("`{}` comes from a git repository, which can vanish; use a released version", entry.key),
        );
    }
    if value.contains("registry=") || value.contains("registry-index=") {
        report.finding(
            &file.path,
            entry.line,
            format!("`{}` names a registry, and a clone elsewhere may not reach it; use crates.io", entry.key),
        );
    }
    if value == "\"*\"" || value.contains("version=\"*\"") {
        report.finding(
            &file.path,
            entry.line,
            format!("`{}` takes any version; write the one that is used", entry.key),
        );
    }
}

fn check_lock(file: &TextFile, report: &mut Report) {
    for (line, text) in file.lines().filter(|(_, text)| text.starts_with("source = ")) {
        if !text.contains("github.com/rust-lang/crates.io-index") {
            report.finding(
                &file.path,
                line,
                "a package that is not from crates.io, so not everybody can build; use a released version",
            );
        }
    }
}

/// `key = value` with its section and line.
struct Entry {
    line: usize,
    section: String,
    key: String,
    value: String,
}

/// The entries of a manifest. Knows as much TOML as manifests use: one entry a line, arrays over several lines.
fn entries(file: &TextFile) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut section = String::new();
    let mut open_brackets = 0_usize;
    for (line, text) in file.lines() {
        let text = text.split(" #").next().unwrap_or_default().trim();
        if text.starts_with('#') || text.is_empty() {
            continue;
        }
        let change =
            |text: &str, open: usize| (open + text.matches('[').count()).saturating_sub(text.matches(']').count());
        if open_brackets > 0 {
            open_brackets = change(text, open_brackets);
            if let Some(last) = entries.last_mut() {
                last.value.push_str(text);
            }
        } else if text.starts_with('[') {
            section = text.trim_matches(['[', ']']).to_owned();
        } else if let Some((key, value)) = text.split_once('=') {
            open_brackets = change(value, 0);
            let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
            entries.push(Entry { line, section: section.clone(), key, value });
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[package]\nname = \"flott-x\"\n\
        description = \"x\"\nversion.workspace = true\nedition.workspace = true\n\
        rust-version.workspace = true\nlicense.workspace = true\n[lints]\nworkspace = true\n[dependencies]\n\
        serde.workspace = true\ntokio = { workspace = true, features = [\n  \"net\",\n] }\n";

    fn findings(path: &str, text: &str) -> Vec<String> {
        let mut report = Report::default();
        check(&Tree::of(path, text), &mut report);
        report.findings().to_vec()
    }

    #[test]
    fn a_member_takes_everything_from_the_root() {
        assert_eq!(findings("crates/x/Cargo.toml", GOOD), [""; 0]);
        let own_version = format!("{GOOD}csv = \"1.4\"\n");
        assert!(
            findings("crates/x/Cargo.toml", &own_version)[0].starts_with("crates/x/Cargo.toml:15: `csv` does not come")
        );
        let table = format!("{GOOD}[target.'cfg(unix)'.dev-dependencies.csv]\nversion = \"1\"\n");
        assert_eq!(findings("crates/x/Cargo.toml", &table).len(), 1);
        assert!(findings("crates/x/Cargo.toml", "[package]\n").len() >= 6);
    }

    #[test]
    fn the_root_takes_everything_from_the_registry() {
        let root = "[workspace.dependencies]\nflott-core = { path = \"crates/core\" }\ncsv = \"1.4\"\n";
        assert_eq!(findings("Cargo.toml", root), [""; 0]);
        let git =
            format!("{root}x = {{ git = \"https://example.org/x\" }}\n[patch.crates-io]\ny = {{ path = \"y\" }}\n");
        assert_eq!(findings("Cargo.toml", &git).len(), 2);
        assert_eq!(findings("Cargo.lock", "source = \"git+https://example.org/x#1\"\n").len(), 1);
    }
}
