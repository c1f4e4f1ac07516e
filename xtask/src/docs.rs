//! `cargo xtask docs`: the API docs without a warning, and a book whose links lead somewhere.

use crate::program::{self, cargo};
use crate::tidy::{Report, links};
use crate::tree::Tree;
use crate::{Failure, needs, root};

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    crate::no_arguments(args)?;
    let mut report = Report::default();
    links::check(&Tree::read(&root())?, &mut report);
    report.print_and_judge("links")?;
    needs::install(needs::WORKSPACE)?;
    program::run(cargo(&["doc", "--no-deps", "--workspace"]).env("RUSTDOCFLAGS", "-D warnings"))
}
