//! How elements get from a task to the next.

mod batch_rows;
pub mod channel;
pub(crate) mod columns;
mod port;

pub use batch_rows::BatchRows;
pub use port::Port;
