//! Docs that are written from the code: the crate table of ARCHITECTURE.md and the options of the book.
//!
//! A generated part stands between two marks in a file that is otherwise written by hand. `fix` writes the parts,
//! `tidy` compares them.

mod crates;
mod options;

use crate::Failure;
use crate::tidy::{Package, packages};
use crate::tree::Tree;
use std::path::Path;

const BEGIN: &str = "<!-- generated: ";
const END: &str = "<!-- end of generated -->";

/// A file with its generated part as it should be.
pub(crate) struct Page {
    pub(crate) path: String,
    pub(crate) text: String,
    /// Where the generated part comes from.
    pub(crate) made_from: &'static str,
}

/// Every page, or why it cannot be made.
pub(crate) fn pages(tree: &Tree, packages: &[Package]) -> Vec<Result<Page, Failure>> {
    vec![
        page(
            tree,
            "ARCHITECTURE.md",
            "the layers of xtask/src/tidy/layers.rs and the crates' descriptions",
            Ok(crates::table(packages)),
        ),
        page(tree, "docs/configuration.md", "crates/core/src/config/options.rs", options::table(tree)),
    ]
}

/// Writes the pages that differ and returns their paths.
pub(crate) fn write(root: &Path) -> Result<Vec<String>, Failure> {
    let tree = Tree::read(root)?;
    let mut written = Vec::new();
    for page in pages(&tree, &packages(root)?) {
        let page = page?;
        if tree.file(&page.path).is_none_or(|file| file.text != page.text) {
            std::fs::write(root.join(&page.path), &page.text).map_err(|e| format!("{}: {e}", page.path))?;
            written.push(page.path);
        }
    }
    Ok(written)
}

fn page(tree: &Tree, path: &str, made_from: &'static str, part: Result<String, Failure>) -> Result<Page, Failure> {
    let part = part.map_err(|e| format!("the generated part of {path} cannot be made: {e}"))?;
    let file = tree.file(path).ok_or_else(|| format!("{path} is missing; it holds a generated part"))?;
    let text = put_between(&file.text, &part).ok_or_else(|| {
        format!("{path} has no place for its generated part; put it between `{BEGIN}... -->` and `{END}`")
    })?;
    Ok(Page { path: path.to_owned(), text, made_from })
}

/// `text` with `part` between the marks.
fn put_between(text: &str, part: &str) -> Option<String> {
    let begin = text.find(BEGIN)?;
    let begin = begin + text[begin..].find('\n')? + 1;
    let end = begin + text[begin..].find(END)?;
    Some(format!("{}{}\n{}", &text[..begin], part.trim_end(), &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_part_between_the_marks_changes() {
        let text = format!("a\n{BEGIN}x -->\nold\n{END}\nb\n");
        let new = format!("a\n{BEGIN}x -->\nnew\n{END}\nb\n");
        assert_eq!(put_between(&text, "new\n").unwrap(), new);
        assert_eq!(put_between(&new, "new\n").unwrap(), new);
        assert_eq!(put_between("no marks", "new"), None);
    }
}
