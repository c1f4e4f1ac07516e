//! The rule of words: nothing is left for later, no test is switched off, no test sleeps.

use super::Report;
use crate::tree::Tree;

/// Marks of work left for later. Written in two parts, so that this file does not find itself.
const LATER: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
const SWITCHED_OFF: &str = concat!("#[ign", "ore");
const SLEEP: &str = concat!("thread::", "sleep");

pub(super) fn check(tree: &Tree, report: &mut Report) {
    for file in tree.files.iter().filter(|file| file.name() != "Cargo.lock") {
        let mut in_test = file.is_test();
        for (line, text) in file.lines() {
            in_test |= file.is_rust() && text.trim_start().starts_with("#[cfg(test)]");
            for mark in LATER.iter().filter(|mark| has_word(text, mark)) {
                report.finding(
                    &file.path,
                    line,
                    format!("`{mark}` is work left for later, which nobody comes back to; do it now or open an issue"),
                );
            }
            if !file.is_rust() {
                continue;
            }
            if text.trim_start().starts_with(SWITCHED_OFF) {
                report.finding(
                    &file.path,
                    line,
                    "a test that is switched off proves nothing; make it hold or delete it",
                );
            }
            if in_test && text.contains(SLEEP) {
                let what = "a test that sleeps is slow and still fails at times; \
                            wait for the event, or use the simulated clock";
                report.finding(&file.path, line, what);
            }
        }
    }
}

/// Whether `word` stands in `text` with no letter, digit or underscore next to it.
fn has_word(text: &str, word: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].chars().next_back().is_some_and(joins) && !text[at + word.len()..].chars().next().is_some_and(joins)
    })
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
    fn marks_are_found_as_words() {
        assert_eq!(findings("crates/x/src/a.rs", &format!("//! A.\n// {}: later\n", LATER[0])), 1);
        assert_eq!(findings("docs/a.md", &format!("mktemp {}{}\n", LATER[2], LATER[2])), 0);
    }

    #[test]
    fn tests_run_and_do_not_sleep() {
        assert_eq!(findings("crates/x/src/a.rs", &format!("    {SWITCHED_OFF}]\n")), 1);
        let sleep = format!("std::{SLEEP}(d);\n");
        assert_eq!(findings("crates/env/src/a.rs", &sleep), 0);
        assert_eq!(findings("crates/env/src/a.rs", &format!("#[cfg(test)]\nmod tests {{ {sleep} }}\n")), 1);
        assert_eq!(findings("tests/jobs/a.rs", &sleep), 1);
    }
}
