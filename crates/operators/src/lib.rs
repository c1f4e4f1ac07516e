//! What happens to records: map, filter, process, windows, joins, asynchronous calls.
//!
//! One file or folder per operator. Each has a factory, named for what it does, that holds the user's function; the
//! operator itself is made from a clone of it in every subtask. Operators get whole batches, are synchronous, and
//! remember only in the context's state. Generic inside, `Box<dyn Operator>` outside: one virtual call per batch.

mod due;
mod fire;
mod keys;

pub mod async_wait;
pub mod broadcast;
pub mod co_process;
pub mod columns;
pub mod filter;
pub mod flat_map;
pub mod interval_join;
pub mod keyed_broadcast;
pub mod keyed_co_process;
pub mod keyed_process;
pub mod map;
pub mod map_with_state;
pub mod process;
pub mod reduce;
pub mod timestamps;
pub mod window;

pub use async_wait::AsyncWait;
pub use broadcast::Broadcast;
pub use co_process::{CoFlatMap, CoMap, CoProcess};
pub use filter::Filter;
pub use flat_map::FlatMap;
pub use flott_api::function::position;
pub use interval_join::IntervalJoin;
pub use keyed_broadcast::KeyedBroadcast;
pub use keyed_co_process::KeyedCoProcess;
pub use keyed_process::KeyedProcess;
pub use keys::{Selector, constant_key};
pub use map::{Map, TryMap};
pub use map_with_state::MapWithState;
pub use process::Process;
pub use reduce::Reduce;
pub use timestamps::AssignTimestamps;

#[cfg(test)]
mod harness;
