//! The rule of openings: every Rust file says first what it is; `lib.rs` and `mod.rs` are tables of contents.

use super::Report;
use crate::tree::{TextFile, Tree};

/// Lines of code beyond declarations that a table of contents may hold before it is noted.
const CODE_LINES_SOFT: usize = 60;

pub(super) fn check(tree: &Tree, report: &mut Report) {
    for file in tree.rust() {
        let first = file.lines().find(|(_, line)| !line.trim().is_empty());
        let opens = first.is_some_and(|(_, line)| line.starts_with("//!"));
        // A test module inside a crate stands next to the file that it is about.
        let is_inner_test = file.is_test() && file.path.contains("/src/");
        if !opens && !is_inner_test {
            report.finding(
                &file.path,
                first.map_or(1, |(line, _)| line),
                "the file does not open with `//!`, so a reader has to guess; \
                 say what it is, where it stands, and what it does not do",
            );
        }
        if matches!(file.name(), "lib.rs" | "mod.rs") && file.path.starts_with("crates/") {
            let code = code_lines(file);
            if code > CODE_LINES_SOFT {
                report.note(
                    &file.path,
                    1,
                    format!(
                        "{code} lines of code in a table of contents; move the main type to a file of its own name"
                    ),
                );
            }
        }
    }
}

/// Lines that are neither comment, attribute, `mod`, `use` nor blank, before the unit tests.
fn code_lines(file: &TextFile) -> usize {
    let mut in_use = false;
    let mut count = 0;
    for (_, line) in file.product_lines() {
        let line = line.trim();
        let starts_use = ["use ", "pub use ", "pub(crate) use ", "pub(super) use "].iter().any(|s| line.starts_with(s));
        if starts_use || in_use {
            in_use = !line.ends_with(';');
            continue;
        }
        let is_mod = line.ends_with(';') && line.split_whitespace().any(|word| word == "mod");
        if !(line.is_empty() || line.starts_with("//") || line.starts_with("#[") || line.starts_with("#![") || is_mod) {
            count += 1;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_opens_with_its_doc() {
        let mut report = Report::default();
        check(&Tree::of("crates/x/src/a.rs", "\n//! A.\nfn f() {}\n"), &mut report);
        check(&Tree::of("crates/x/src/a/tests.rs", "use super::*;\n"), &mut report);
        assert_eq!(report.findings(), [""; 0]);
        check(&Tree::of("crates/x/src/b.rs", "use std::fmt;\n//! B.\n"), &mut report);
        assert!(report.findings()[0].starts_with("crates/x/src/b.rs:1: "));
    }

    #[test]
    fn declarations_are_no_code() {
        let text = "//! X.\n\nmod a;\npub(crate) mod b;\npub use a::{\n    A,\n    B,\n};\nstruct C;\n";
        assert_eq!(code_lines(&Tree::of("crates/x/src/lib.rs", text).files[0]), 1);
    }
}
