//! The rule of links: a link between documents leads to a file, and its `#part` to a heading in it.
//!
//! Links to the web are not followed: a run must not depend on the network.

use super::Report;
use crate::tree::{TextFile, Tree};

pub(crate) fn check(tree: &Tree, report: &mut Report) {
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        for (line, target) in links(file) {
            if let Some(problem) = judge(tree, file, target) {
                report.finding(&file.path, line, problem);
            }
        }
    }
}

fn judge(tree: &Tree, from: &TextFile, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, part) = target.split_once('#').map_or((target, None), |(path, part)| (path, Some(part)));
    let path = if path.is_empty() { from.path.clone() } else { resolve(&from.path, path) };
    if !tree.has(&path) {
        return Some(format!(
            "the link `{target}` leads to {path}, which does not exist; name the file that holds it now"
        ));
    }
    let part = part?;
    let has_part = tree.file(&path).is_some_and(|file| headings(file).any(|heading| heading == part));
    (!has_part)
        .then(|| format!("the link `{target}` leads to a heading that {path} does not have; name one that it has"))
}

/// `target` as a path from the root, seen from the file `from`.
fn resolve(from: &str, target: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// Lines outside of code blocks.
fn prose(file: &TextFile) -> impl Iterator<Item = (usize, &str)> {
    let mut in_block = false;
    file.lines().filter(move |(_, text)| {
        let fence = text.trim_start().starts_with("```");
        in_block ^= fence;
        !in_block && !fence
    })
}

/// The targets of `[text](target)`.
fn links(file: &TextFile) -> impl Iterator<Item = (usize, &str)> {
    prose(file).flat_map(|(line, text)| {
        text.match_indices("](").filter_map(move |(at, _)| {
            let target = text[at + 2..].split(')').next()?.split_whitespace().next()?;
            Some((line, target))
        })
    })
}

/// The headings as the parts of links name them: lower case, dashes for spaces, no punctuation.
fn headings(file: &TextFile) -> impl Iterator<Item = String> {
    prose(file).filter(|(_, text)| text.starts_with('#')).map(|(_, text)| {
        let title = text.trim_start_matches('#').trim();
        title
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_files_and_headings() {
        let text =
            "# One walk, one file\n[a](#one-walk-one-file) [b](https://example.org/x#y) [c](gone.md) [d](#gone)\n";
        let mut report = Report::default();
        check(&Tree::of("docs/a.md", text), &mut report);
        assert_eq!(report.findings().len(), 2, "{report:?}");
        assert!(report.findings()[0].contains("docs/gone.md"));
    }

    #[test]
    fn targets_are_seen_from_their_file() {
        assert_eq!(resolve("docs/adr/0001-x.md", "../state.md"), "docs/state.md");
        assert_eq!(resolve("README.md", "./docs/"), "docs");
    }
}
