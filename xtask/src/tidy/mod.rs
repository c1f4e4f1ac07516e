//! `cargo xtask tidy`: the rules of the house that no compiler and no lint knows. One file per rule.
//!
//! Every rule reads the same [`Tree`] and adds to one [`Report`]; all findings are printed before the command fails.
//! A finding is one line, `path:line: what, why; what to do`. A note is the same and fails nothing. The rules are
//! also a test of this crate, so `cargo test` holds them too.

mod generated;
mod layers;
mod length;
pub(crate) mod links;
mod manifests;
mod named_tests;
mod names;
mod openings;
mod paths;
mod places;
mod seam;
mod words;

pub(crate) use layers::{LAYERS, Package, packages};

use crate::tree::Tree;
use crate::{Failure, root};
use std::path::Path;

/// What the rules have found so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    findings: Vec<String>,
    notes: Vec<String>,
}

impl Report {
    /// Something that must be put right.
    pub(crate) fn finding(&mut self, path: &str, line: usize, what: impl AsRef<str>) {
        self.findings.push(format!("{path}:{line}: {}", what.as_ref()));
    }

    /// Something worth a look.
    pub(crate) fn note(&mut self, path: &str, line: usize, what: impl AsRef<str>) {
        self.notes.push(format!("{path}:{line}: {}", what.as_ref()));
    }

    /// Prints everything; fails if there is a finding.
    pub(crate) fn print_and_judge(&self, rules: &str) -> Result<(), Failure> {
        for note in &self.notes {
            println!("note: {note}");
        }
        for finding in &self.findings {
            println!("{finding}");
        }
        println!("{rules}: {} findings, {} notes", self.findings.len(), self.notes.len());
        if self.findings.is_empty() { Ok(()) } else { Err(format!("{} findings", self.findings.len())) }
    }

    /// The findings, for tests of rules.
    #[cfg(test)]
    pub(crate) fn findings(&self) -> &[String] {
        &self.findings
    }
}

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    crate::no_arguments(args)?;
    check(&root())?.print_and_judge("tidy")
}

/// Applies every rule to the repository at `root`.
fn check(root: &Path) -> Result<Report, Failure> {
    let tree = Tree::read(root)?;
    let packages = packages(root)?;
    let mut report = Report::default();
    layers::check(&tree, &packages, &mut report);
    manifests::check(&tree, &mut report);
    openings::check(&tree, &mut report);
    length::check(&tree, &mut report);
    names::check(&tree, &mut report);
    words::check(&tree, &mut report);
    places::check(&tree, &mut report);
    seam::check(&tree, &mut report);
    paths::check(&tree, &mut report);
    named_tests::check(&tree, &mut report);
    links::check(&tree, &mut report);
    generated::check(&tree, &packages, &mut report);
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let report = check(&root()).unwrap();
        assert!(report.findings.is_empty(), "\n{}\n", report.findings.join("\n"));
    }
}
