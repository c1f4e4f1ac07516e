//! `cargo xtask bench NAME [ARGS]`: one benchmark of `benches/`, built in release.

use crate::program::{self, cargo};
use crate::{Failure, needs};

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    if args.is_empty() {
        return Err("name a benchmark, such as `cargo xtask bench engine`".into());
    }
    needs::install(needs::WORKSPACE)?;
    program::run(cargo(&["run", "--release", "--quiet", "-p", "flott-benches", "--"]).args(args))
}
