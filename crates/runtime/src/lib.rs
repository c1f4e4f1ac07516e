//! The data plane: elements in, elements out. Knows no cluster and no SQL.
//!
//! Follow one record:
//!
//! ```text
//! source_task   drives a reader, makes watermarks
//!   -> chain      operators in a row
//!     -> exchange/port       routes to channels, batch by batch
//!       -> exchange/channel    bounded, ordered, credited
//!         -> input               next element; asks the machines `barrier` and `watermark`
//!           -> task                the loop
//!             -> chain ... -> sink   the writer
//! ```
//!
//! Side rooms: `sort` (what comes before a keyed operator in batch mode), `snapshot` (what a barrier does), `in_flight` (what
//! a barrier has overtaken, and how it comes back), `metrics`.

mod chain;
mod deploy;
mod describe;
pub mod exchange;
mod in_flight;
pub mod input;
mod metrics;
pub mod savepoint;
mod sink;
mod snapshot;
mod sort;
mod source_task;
mod task;

pub use deploy::TaskSpec;
pub use describe::describe_states;
pub use in_flight::ChannelName;
pub use task::run;
