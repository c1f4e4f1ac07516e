//! The job as data: what the user wrote, what runs as one task, and what runs where. Pure functions throughout.
//!
//! ```text
//! StreamGraph   one node per call of the API               (stream.rs)
//!   -> JobGraph     nodes chained into vertices                (job.rs, chain.rs)
//!     -> wiring       which subtasks an edge connects, slots     (wiring.rs)
//! ```

mod chain;
mod identity;
mod job;
mod stream;
mod wiring;

pub use job::{ChainNode, JobEdge, JobGraph, JobVertex, Link, Target};
pub use stream::{ChainingStrategy, JobSettings, NodeId, NodeKind, StreamEdge, StreamGraph, StreamNode};
pub use wiring::{consumers, producers, slots};
