//! The command line: the flags that every job understands, and the verbs of the `flott` binary.

mod config_file;
mod flags;
mod parameters;
mod savepoint;
pub mod verbs;

pub use flags::{Flags, USAGE};
pub use parameters::ParameterTool;
