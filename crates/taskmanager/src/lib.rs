//! Runs the subtasks of jobs in slots: a slot is a thread, and the subtasks in it take turns.
//!
//! `deploy` wires the subtasks of one attempt together and starts its slots; from then on commands go to tasks and
//! events come from them. What is wired here is one process; channels between processes will be a transport's.

mod deploy;
mod memory;
mod slot;

pub use deploy::{Deployment, TaskManager, Tasks};
pub use memory::ProcessMemory;
