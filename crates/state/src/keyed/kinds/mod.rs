//! The kinds of keyed state that user functions have: one file each.

mod aggregating;
mod entry;
mod handle;
mod list;
mod map;
mod reducing;
mod timed;
mod value;

pub use aggregating::{AggregateFunction, AggregatingState};
pub use entry::StateEntry;
pub use list::ListState;
pub use map::MapState;
pub use reducing::ReducingState;
pub use value::ValueState;
