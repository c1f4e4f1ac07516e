//! The outside world behind one seam: clock, chance, tasks, threads, temporary files, and how much memory there is.
//!
//! Product code asks an [`Env`] for the time, for random numbers and for somewhere to run. [`Env::real`] answers
//! with the machine; [`Env::run_simulation`] gives one that answers with a virtual clock, a seed and one thread, so that the same code
//! runs deterministically. This is the only kernel crate that may touch the real ones.

#![expect(clippy::disallowed_methods, reason = "this crate is the seam through which the machine is reached")]

mod env;
mod memory;
mod panic;
mod slot;
mod temp_file;

pub use env::{Blocking, Env, Task};
pub use panic::{CatchPanic, catch};
pub use slot::Slot;
pub use temp_file::{TempFile, TempFolder};
