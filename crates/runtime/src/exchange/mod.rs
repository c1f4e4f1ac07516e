//! How elements get from a task to the next.

pub mod channel;
pub(crate) mod columns;
mod port;

pub use port::Port;
