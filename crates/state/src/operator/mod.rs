//! The state of an operator in a subtask that belongs to no key: lists that are dealt out anew when the parallelism
//! changes, maps of which every subtask has a copy, and lists that the runtime keeps as bytes.

mod broadcast;
mod list;
mod state;

pub use broadcast::BroadcastState;
pub use list::OperatorListState;
pub use state::{EncodedList, OperatorState};

#[cfg(test)]
mod tests;
