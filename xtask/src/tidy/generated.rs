//! The rule of generated docs: what is written from the code says what the code says.

use super::{Package, Report};
use crate::generate;
use crate::tree::Tree;

pub(super) fn check(tree: &Tree, packages: &[Package], report: &mut Report) {
    for result in generate::pages(tree, packages) {
        match result {
            Ok(page) if tree.file(&page.path).is_some_and(|file| file.text == page.text) => {}
            Ok(page) => report.finding(
                &page.path,
                1,
                format!("the generated part differs from {}; run `cargo xtask fix`", page.made_from),
            ),
            Err(failure) => report.finding("xtask/src/generate/mod.rs", 1, failure),
        }
    }
}
