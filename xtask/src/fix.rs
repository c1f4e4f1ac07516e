//! `cargo xtask fix`: the writing twin of `ci`. Applies what tools can apply and writes the generated docs anew.
//!
//! `--docs` does the last part alone, which needs no build of the product.

use crate::program::{self, cargo};
use crate::{Failure, generate, root};

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    match args {
        [] => apply_lints_and_format()?,
        [only] if only == "--docs" => {}
        _ => return Err("write `cargo xtask fix` or `cargo xtask fix --docs`".into()),
    }
    for path in generate::write(&root())? {
        println!("wrote {path}");
    }
    Ok(())
}

fn apply_lints_and_format() -> Result<(), Failure> {
    let clippy = ["clippy", "--workspace", "--all-targets", "--fix", "--allow-dirty", "--allow-staged"];
    program::run(cargo(&clippy).args(["--", "-D", "warnings"]))?;
    program::run(&mut cargo(&["fmt", "--all"]))
}
